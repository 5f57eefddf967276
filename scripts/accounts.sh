#!/usr/bin/env bash
# Time, requests and peak memory of the release build for many accounts, as a Markdown table: `make accounts`.
#
#   scripts/accounts.sh [LIMITED UNLIMITED]     how many accounts; 1,000 and 10,000 unless they are given
#
# Each has 100 licenses, over HTTP from a simulator in a process of its own: first at the rate limits that the
# simulator enforces and the command keeps to, then without any. Needs target/release/license-stream,
# /usr/bin/time and KAFKA_BOOTSTRAP_SERVERS.
set -euo pipefail

cd "$(dirname "${BASH_SOURCE[0]}")/.."

limited=${1:-1000} unlimited=${2:-10000}
records=100
command=target/release/license-stream
work=$(mktemp -d "${TMPDIR:-/tmp}/license-stream-accounts.XXXXXX")
simulator=''
# shellcheck disable=SC2317 # called by the trap
cleanup() {
  [[ -z $simulator ]] || kill "$simulator" 2>/dev/null || true
  rm -rf "$work"
}
trap cleanup EXIT
export TRUTO_API_TOKEN=simulator-token

start_simulator() { # start_simulator ACCOUNTS [FLAG…]
  local accounts=$1
  shift
  # What the one before has said would be taken for this one's answer until the shell has emptied the file.
  : >"$work/simulator"
  "$command" simulate --accounts "$accounts" --records "$records" --listen 127.0.0.1:0 "$@" \
    >"$work/simulator" 2>"$work/simulator.log" &
  simulator=$!
  until grep -q '^account=' "$work/simulator"; do
    kill -0 "$simulator" 2>/dev/null || { cat "$work/simulator.log" >&2; exit 1; }
    sleep 0.1
  done
  TRUTO_BASE_URL=$(sed -n 's/^TRUTO_BASE_URL=//p' "$work/simulator")
  export TRUTO_BASE_URL
}

stop_simulator() {
  kill "$simulator"
  wait "$simulator" || true
  simulator=''
}

number() { # number NAME: of the run, which stands before those of its accounts
  head -c 1000 "$work/summary" | grep -oE "\"$1\":[0-9.]+" | sed -n '1s/.*://p'
}

# One run, as a row of the table. It fails where the peak is above the goal for memory, or where the rate limits that
# the command keeps to have earned it a 429.
row() { # row WHAT ACCOUNTS GOAL_MIB VERB [ARGUMENT…]
  local what=$1 accounts=$2 goal=$3 verb=$4 peak
  shift 4
  # Where standard output has the data, the summary is on standard error.
  /usr/bin/time --quiet -f %M -o "$work/peak" \
    "$command" "$verb" --all-accounts --json "$@" >"$work/summary" || { tail -c 2000 "$work/summary" >&2; exit 1; }
  if ! grep -q "^{\"outcome\":\"done\",\"records\":$((accounts * records))," "$work/summary"; then
    head -c 2000 "$work/summary" >&2
    exit 1
  fi
  peak=$((($(cat "$work/peak") + 1023) / 1024))
  printf '| %s | %d | %.0f | %d | %d | %d | %d |\n' "$what" "$accounts" "$(number elapsed_seconds)" "$(number requests)" \
    "$(number retries)" "$peak" "$goal"
  if ((peak > goal)) || (($(number retries) > 0)); then
    echo "accounts.sh: $what: peak $peak MiB with a goal of $goal, retries: $(number retries), and none is expected" >&2
    exit 1
  fi
  echo "accounts.sh: $what done" >&2
}

printf '| | accounts | seconds | requests | retries | peak, MiB | goal, MiB |\n|---|--:|--:|--:|--:|--:|--:|\n'
start_simulator "$limited" --rate-limits
row 'Parquet, at 500 requests in 10 s' "$limited" 160 parquet --out "$work/limited" \
  --rate-limit 500/10 --account-rate-limit 50/10
rm -rf "$work/limited"
stop_simulator
start_simulator "$unlimited"
row 'NDJSON, a file each' "$unlimited" 64 ndjson --out "$work/lines"
rm -rf "$work/lines"
row 'Kafka' "$unlimited" 64 kafka --brokers "$KAFKA_BOOTSTRAP_SERVERS" --topic "accounts-$$"
row 'Parquet' "$unlimited" 160 parquet --out "$work/parquet"
rm -rf "$work/parquet"
row 'Parquet, 64 at once' "$unlimited" 160 parquet --concurrency 64 --out "$work/parquet"
stop_simulator
printf '\n%s\n' "$(PYTHONPATH=benches "${LICENSE_STREAM_PYTHON:-python3}" -c 'import machine; print(machine.describe())')"
