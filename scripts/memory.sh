#!/usr/bin/env bash
# Peak memory of the release build for a short and a long body, as a Markdown table: `make memory`.
#
#   scripts/memory.sh [SHORT LONG]     records of the bodies; by default about 100 MB and 10 GB
#
# The bodies come over HTTP from a simulator in a process of its own. Needs target/release/license-stream,
# /usr/bin/time and KAFKA_BOOTSTRAP_SERVERS.
set -euo pipefail

cd "$(dirname "${BASH_SOURCE[0]}")/.."

short=${1:-160000} long=${2:-16000000}
command=target/release/license-stream
work=$(mktemp -d "${TMPDIR:-/tmp}/license-stream-memory.XXXXXX")
simulator=''
# shellcheck disable=SC2317 # called by the trap
cleanup() {
  [[ -z $simulator ]] || kill "$simulator" 2>/dev/null || true
  rm -rf "$work"
}
trap cleanup EXIT
export TRUTO_API_TOKEN=simulator-token

start_simulator() { # start_simulator RECORDS
  # What the one before has said would be taken for this one's answer until the shell has emptied the file.
  : >"$work/simulator"
  "$command" simulate --records "$1" --listen 127.0.0.1:0 >"$work/simulator" 2>"$work/simulator.log" &
  simulator=$!
  until grep -q '^account=' "$work/simulator"; do
    kill -0 "$simulator" 2>/dev/null || { cat "$work/simulator.log" >&2; exit 1; }
    sleep 0.1
  done
}

# The peak of one run in MiB.
peak() { # peak RECORDS VERB [ARGUMENT…]
  local records=$1 verb=$2 base_url account summary=$work/summary
  shift 2
  base_url=$(sed -n 's/^TRUTO_BASE_URL=//p' "$work/simulator")
  account=$(sed -n 's/^account=//p' "$work/simulator")
  run() {
    /usr/bin/time --quiet -f %M -o "$work/peak" \
      "$command" "$verb" --base-url "$base_url" --account "$account" --json "$@"
  }
  # Where standard output has the data, the summary is on standard error.
  if [[ $verb == ndjson ]]; then run "$@" 2>"$summary" >/dev/null; else run "$@" >"$summary"; fi
  if ! grep -q "\"outcome\":\"done\",\"records\":$records," "$summary"; then
    cat "$summary" >&2
    exit 1
  fi
  printf '%d' $((($(cat "$work/peak") + 1023) / 1024))
}

declare -A found megabytes
for records in "$short" "$long"; do
  start_simulator "$records"
  found[ndjson,$records]=$(peak "$records" ndjson)
  megabytes[$records]=$(sed -n 's/.*"bytes_read":\([0-9]*\)[0-9]\{6\},"bytes_written".*/\1/p' "$work/summary")
  found[parquet,$records]=$(peak "$records" parquet --out "$work/parquet")
  rm -rf "$work/parquet"
  found[kafka,$records]=$(peak "$records" kafka --brokers "$KAFKA_BOOTSTRAP_SERVERS" --topic "memory-$$-$records")
  kill "$simulator"
  wait "$simulator" || true
  simulator=''
  echo "memory.sh: $records licenses done" >&2
done

printf '| to | %s MB, MiB | %s MB, MiB | goal, MiB |\n|---|--:|--:|--:|\n' "${megabytes[$short]}" "${megabytes[$long]}"
printf '| NDJSON to /dev/null | %s | %s | |\n' "${found[ndjson,$short]}" "${found[ndjson,$long]}"
printf '| Kafka | %s | %s | 64 |\n' "${found[kafka,$short]}" "${found[kafka,$long]}"
printf '| Parquet | %s | %s | 160 |\n' "${found[parquet,$short]}" "${found[parquet,$long]}"
printf '\n%s\n' "$(PYTHONPATH=benches "${LICENSE_STREAM_PYTHON:-python3}" -c 'import machine; print(machine.describe())')"
