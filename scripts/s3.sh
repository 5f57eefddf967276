#!/usr/bin/env bash
# A server of the S3 protocol (moto, loopback only, everything in memory) for the tests.
#
#   scripts/s3.sh start DIR    starts it, waits until it answers, and prints its address
#   scripts/s3.sh stop DIR     stops it
#
# In DIR: endpoint, pid, s3.log. The Python is LICENSE_STREAM_PYTHON, or that of scripts/python.sh.
set -euo pipefail

# shellcheck source=scripts/server.sh
. "$(dirname "${BASH_SOURCE[0]}")/server.sh"

start() {
  local dir=$1 python=${LICENSE_STREAM_PYTHON:-} port
  [[ -n $python ]] || python=$("$root/scripts/python.sh" venv)
  port=$(free_port)
  answers() { port_in_use "$port"; }
  serve "$dir" s3.log 90 answers "$python" -m moto.server -H 127.0.0.1 -p "$port"
  printf 'http://127.0.0.1:%s\n' "$port" | tee "$dir/endpoint"
}

case ${1:-} in
  start | stop) (($# == 2)) && "$@" && exit ;;
esac
sed -n '4,5s/^# *//p' "${BASH_SOURCE[0]}" >&2
exit 2
