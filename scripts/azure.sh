#!/usr/bin/env bash
# A server of Azure's Blob protocol (Azurite, loopback only, everything in memory) for the tests.
#
#   scripts/azure.sh fetch        makes sure that it is in .cache/azurite, and prints its directory
#   scripts/azure.sh start DIR    starts it, waits until it answers, and prints the address of its account
#   scripts/azure.sh stop DIR     stops it
#
# In DIR: endpoint, pid, azure.log. The account and its key are the ones that all emulators have. It needs Node 18 or
# later, and npm to be fetched with.
set -euo pipefail

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
start_seconds=90

die() {
  printf 'azure.sh: %s\n' "$*" >&2
  exit 1
}

# The lock file decides what is in the directory, so its hash names it: another version is another directory.
fetch() {
  local key server partial output
  key=$(cat "$root/tests/azurite/package.json" "$root/tests/azurite/package-lock.json" | sha256sum)
  server=$root/.cache/azurite/${key:0:16}
  if [[ ! -d $server ]]; then
    command -v npm >/dev/null ||
      die 'npm is missing, by which the server is fetched: scripts/prerequisites.sh test installs it'
    echo 'azure.sh: fetching the server with npm' >&2
    mkdir -p "$root/.cache/azurite"
    partial=$(mktemp -d "$root/.cache/azurite/partial.XXXXXX")
    cp "$root/tests/azurite/package.json" "$root/tests/azurite/package-lock.json" "$partial"
    if ! output=$(cd "$partial" && npm ci --ignore-scripts --no-audit --no-fund 2>&1); then
      rm -rf "$partial"
      printf '%s\n' "$output" >&2
      die 'npm could not fetch the server'
    fi
    # Whole or not at all; whoever fetched at the same time has the same files.
    mv -T "$partial" "$server" 2>/dev/null || rm -rf "$partial"
  fi
  printf '%s\n' "$server"
}

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
  local dir=$1 server port deadline
  server=$(fetch) || exit
  mkdir -p "$dir"
  port=$(free_port)
  # It knows versions of the protocol up to its own time. A session of its own: a Ctrl-C in the terminal is for the
  # tests, which then stop it themselves.
  setsid "$server/node_modules/.bin/azurite-blob" --blobHost 127.0.0.1 --blobPort "$port" --inMemoryPersistence \
    --skipApiVersionCheck --silent --disableTelemetry >"$dir/azure.log" 2>&1 </dev/null &
  printf '%s\n' $! >"$dir/pid"
  deadline=$((SECONDS + start_seconds))
  until port_in_use "$port"; do
    if ((SECONDS >= deadline)) || ! kill -0 "$(cat "$dir/pid")" 2>/dev/null; then
      echo "azure.sh: the server did not answer; the last lines of $dir/azure.log:" >&2
      tail -n 20 "$dir/azure.log" >&2
      stop "$dir"
      exit 1
    fi
    sleep 0.1
  done
  printf 'http://127.0.0.1:%s/devstoreaccount1\n' "$port" | tee "$dir/endpoint"
}

stop() {
  local dir=$1
  [[ -e $dir/pid ]] || return 0
  kill "$(cat "$dir/pid")" 2>/dev/null || true
  rm -f "$dir/pid"
}

case ${1:-} in
  fetch) (($# == 1)) && fetch && exit ;;
  start | stop) (($# == 2)) && "$@" && exit ;;
esac
sed -n '4,6s/^# *//p' "${BASH_SOURCE[0]}" >&2
exit 2
