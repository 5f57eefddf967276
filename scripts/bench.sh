#!/usr/bin/env bash
# Measures, prints tables and puts them into docs/performance.md: `make bench`, which brings what is needed.
#
#   scripts/bench.sh            everything
#   scripts/bench.sh parts      the parts of the library (criterion)
#   scripts/bench.sh parquet    the command into Parquet beside other tools; further arguments are benches/compare.py's
#   scripts/bench.sh reads      how DuckDB reads what the command writes
#   scripts/bench.sh kafka      the same into Kafka
#   scripts/bench.sh memory     peak memory and throughput from 10 MB to 10 GB
#   scripts/bench.sh batching   the settings of Kafka's batches beside other values of theirs
set -euo pipefail

cd "$(dirname "${BASH_SOURCE[0]}")/.."
python=${LICENSE_STREAM_PYTHON:?run this through scripts/with-services.sh}

parts() {
  scripts/step.sh 'parts' cargo bench --features cli --bench throughput
  "$python" benches/criterion_table.py | benches/section.py docs/performance.md parts
}

# Built after the parts: cargo builds the command for them too, with the features that benchmarks add to shared crates.
compare() {
  scripts/step.sh 'build' cargo build --release --features cli
  scripts/step.sh "compare $1" "$python" benches/compare.py "$@" | benches/section.py docs/performance.md "$1"
  benches/chart.py
}

table() {
  scripts/step.sh "$1" "$python" "benches/$1.py" "${@:2}" | benches/section.py docs/performance.md "$1"
  benches/chart.py
}

case ${1:-} in
  '') parts; compare parquet; table reads; compare kafka; compare batching; table memory ;;
  parts) (($# == 1)); parts ;;
  parquet | kafka | batching) compare "$@" ;;
  reads | memory) table "$@" ;;
  *) sed -n '4,10s/^# *//p' "${BASH_SOURCE[0]}" >&2; exit 2 ;;
esac
