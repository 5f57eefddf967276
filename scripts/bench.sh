#!/usr/bin/env bash
# Measures, prints tables and puts them into the documents: `make bench`, which brings what is needed.
#
#   scripts/bench.sh            everything; what fails in one part is told at the end, and costs no other its table
#   scripts/bench.sh parts      the parts of the library (criterion), and how decoding stands to its goals
#   scripts/bench.sh parquet    the command into Parquet beside other tools; further arguments are benches/compare.py's
#   scripts/bench.sh reads      how DuckDB reads what the command writes
#   scripts/bench.sh kafka      the same as parquet, into Kafka
#   scripts/bench.sh batching   the settings of Kafka's batches beside other values of theirs
#   scripts/bench.sh memory     peak memory and throughput from 10 MB to 10 GB
#   scripts/bench.sh records    peak memory of records that nobody would send
#   scripts/bench.sh report     time and peak memory of `report`
#   scripts/bench.sh accounts   time, requests and peak memory of many accounts
#   scripts/bench.sh shares     where the processor's time goes (perf)
set -euo pipefail

cd "$(dirname "${BASH_SOURCE[0]}")/.."
python=${LICENSE_STREAM_PYTHON:?run this through scripts/with-services.sh}

# Puts into a document what a command prints, once that is whole: where it fails, the table of before stays.
table() { # table DOCUMENT NAME COMMAND [ARGUMENT…]
  local document=$1 name=$2 printed
  shift 2
  printed=$(scripts/step.sh "$name" "$@")
  benches/section.py "docs/$document.md" "$name" <<<"$printed"
}

# After what is a benchmark of cargo's: that builds the command too, with the features that benchmarks add to shared crates.
build() {
  scripts/step.sh 'build' cargo build --release --features cli
}

compare() { # compare NAME [ARGUMENT…]
  build
  if [[ " $* " == *' --only '* ]]; then
    # A part of the table is none.
    scripts/step.sh "$1" "$python" benches/compare.py "$@"
    return
  fi
  table performance "$1" "$python" benches/compare.py "$@"
  benches/chart.py
  benches/headline.py
}

part() { # part NAME [ARGUMENT…]
  case $1 in
    parts)
      # What was measured of another commit would be in the table too.
      rm -rf target/criterion
      scripts/step.sh 'cargo bench' cargo bench --features cli --bench throughput
      table performance parts "$python" benches/criterion_table.py
      table decoding goals "$python" benches/goals.py
      ;;
    kafka)
      local built
      built=$(cargo bench --features cli --bench produce --no-run 2>&1) || { printf '%s\n' "$built" >&2; exit 1; }
      LICENSE_STREAM_PRODUCE=$PWD/$(sed -nE 's/^ *Executable .*\((.*)\)$/\1/p' <<<"$built")
      export LICENSE_STREAM_PRODUCE
      compare "$@"
      ;;
    parquet | batching) compare "$@" ;;
    memory) build; table performance memory "$python" benches/memory.py "${@:2}"; benches/chart.py ;;
    reads | report | shares) build; table performance "$1" "$python" "benches/$1.py" "${@:2}" ;;
    records) build; table decoding records "$python" benches/records.py ;;
    accounts) build; table accounts accounts scripts/accounts.sh "${@:2}" ;;
  esac
}

everything() {
  local name failed=()
  for name in "${names[@]}"; do
    # In a process of its own: what ends that ends no other.
    scripts/bench.sh "$name" || failed+=("$name")
  done
  ((${#failed[@]} == 0)) || { printf 'bench.sh: failed, and as they were before: %s\n' "${failed[*]}" >&2; exit 1; }
}

names=(parts parquet reads kafka batching memory records report accounts shares)
case " ${names[*]} " in
  *" ${1:-} "*) part "$@" ;;
  *) (($# == 0)) || { sed -n '4,14s/^# *//p' "${BASH_SOURCE[0]}" >&2; exit 2; }; everything ;;
esac
