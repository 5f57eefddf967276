#!/usr/bin/env bash
# A server of the S3 protocol (moto, loopback only, everything in memory) for the tests.
#
#   scripts/s3.sh start DIR    starts it, waits until it answers, and prints its address
#   scripts/s3.sh stop DIR     stops it
#
# In DIR: endpoint, pid, s3.log. The Python is LICENSE_STREAM_PYTHON, or that of scripts/python.sh.
set -euo pipefail

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
start_seconds=90

port_in_use() {
  (exec 3<>"/dev/tcp/127.0.0.1/$1") 2>/dev/null
}

# Below the range that the kernel hands out to outgoing connections, which could take the port meanwhile.
free_port() {
  local port
  while port=$((20000 + RANDOM % 12000)) && port_in_use "$port"; do :; done
  printf '%s\n' "$port"
}

start() {
  local dir=$1 python=${LICENSE_STREAM_PYTHON:-} port deadline=$((SECONDS + start_seconds))
  [[ -n $python ]] || python=$("$root/scripts/python.sh" venv)
  mkdir -p "$dir"
  port=$(free_port)
  # A session of its own: a Ctrl-C in the terminal is for the tests, which then stop it themselves.
  setsid "$python" -m moto.server -H 127.0.0.1 -p "$port" >"$dir/s3.log" 2>&1 </dev/null &
  printf '%s\n' $! >"$dir/pid"
  until port_in_use "$port"; do
    if ((SECONDS >= deadline)) || ! kill -0 "$(cat "$dir/pid")" 2>/dev/null; then
      echo "s3.sh: the server did not answer; the last lines of $dir/s3.log:" >&2
      tail -n 20 "$dir/s3.log" >&2
      stop "$dir"
      exit 1
    fi
    sleep 0.1
  done
  printf 'http://127.0.0.1:%s\n' "$port" | tee "$dir/endpoint"
}

stop() {
  local dir=$1
  [[ -e $dir/pid ]] || return 0
  kill "$(cat "$dir/pid")" 2>/dev/null || true
  rm -f "$dir/pid"
}

case ${1:-} in
  start | stop) (($# == 2)) && "$@" && exit ;;
esac
sed -n '4,5s/^# *//p' "${BASH_SOURCE[0]}" >&2
exit 2
