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

# shellcheck source=scripts/server.sh
. "$(dirname "${BASH_SOURCE[0]}")/server.sh"

install() {
  command -v npm >/dev/null || die 'npm is missing, by which the server is fetched: scripts/prerequisites.sh test installs it'
  cp "$root/tests/azurite/package.json" "$root/tests/azurite/package-lock.json" "$1"
  cd "$1"
  npm ci --ignore-scripts --no-audit --no-fund
}

fetch() {
  cached azurite 'the server with npm' "$root/tests/azurite/package.json" "$root/tests/azurite/package-lock.json" -- install
}

start() {
  local dir=$1 server port
  server=$(fetch) || exit
  port=$(free_port)
  answers() { port_in_use "$port"; }
  # It knows versions of the protocol up to its own time.
  serve "$dir" azure.log 90 answers "$server/node_modules/.bin/azurite-blob" --blobHost 127.0.0.1 --blobPort "$port" \
    --inMemoryPersistence --skipApiVersionCheck --silent --disableTelemetry
  printf 'http://127.0.0.1:%s/devstoreaccount1\n' "$port" | tee "$dir/endpoint"
}

case ${1:-} in
  fetch) (($# == 1)) && fetch && exit ;;
  start | stop) (($# == 2)) && "$@" && exit ;;
esac
sed -n '4,6s/^# *//p' "${BASH_SOURCE[0]}" >&2
exit 2
