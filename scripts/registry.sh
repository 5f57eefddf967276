#!/usr/bin/env bash
# A schema registry (Apicurio, loopback only, everything in memory) for the tests.
#
#   scripts/registry.sh fetch        makes sure that it is in .cache/registry, and prints its directory
#   scripts/registry.sh start DIR    starts it, waits until it answers, and prints the address of its
#                                    API that is compatible with Confluent's
#   scripts/registry.sh stop DIR     stops it
#
# In DIR: endpoint, pid, registry.log. Schemas have to be compatible backwards, as in Confluent's registry.
set -euo pipefail

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
java=${JAVA_HOME:+$JAVA_HOME/bin/}java
start_seconds=120

die() {
  printf 'registry.sh: %s\n' "$*" >&2
  exit 1
}

# The pom decides what is in the directory, so its hash names it: another version is another directory.
fetch() {
  local pom=$root/tests/registry/pom.xml key app partial output
  key=$(sha256sum "$pom")
  app=$root/.cache/registry/${key:0:16}
  if [[ ! -d $app ]]; then
    echo 'registry.sh: fetching the schema registry with Maven' >&2
    mkdir -p "$root/.cache/registry"
    partial=$(mktemp -d "$root/.cache/registry/partial.XXXXXX")
    # Its marker would stand beside the pom, and say that nothing is to be done where the directory is gone.
    if ! output=$(mvn -q -B -f "$pom" dependency:unpack -DoutputDirectory="$partial" \
      -DmarkersDirectory="$partial/markers" 2>&1); then
      rm -rf "$partial"
      printf '%s\n' "$output" >&2
      die 'Maven could not fetch the registry'
    fi
    rm -rf "$partial/meta" "$partial/markers"
    # Whole or not at all; whoever fetched at the same time has the same files.
    mv -T "$partial" "$app" 2>/dev/null || rm -rf "$partial"
  fi
  printf '%s\n' "$app"
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

# Asks for compatibility as soon as it answers at all; false while it does not.
configured() {
  "$1" - "$2/config" 2>/dev/null <<'PYTHON'
import sys, urllib.request
request = urllib.request.Request(
    sys.argv[1], b'{"compatibility":"BACKWARD"}', {"Content-Type": "application/json"}, method="PUT"
)
urllib.request.build_opener(urllib.request.ProxyHandler({})).open(request, timeout=10).read()
PYTHON
}

start() {
  local dir=$1 app python port endpoint deadline
  app=$(fetch)
  python=$("$root/scripts/python.sh" interpreter)
  mkdir -p "$dir"
  port=$(free_port)
  endpoint=http://127.0.0.1:$port/apis/ccompat/v7
  # The compiler that starts fast. A session of its own: a Ctrl-C in the terminal is for the tests, which then
  # stop it themselves.
  setsid "$java" -XX:TieredStopAtLevel=1 -XX:+UseSerialGC -Xmx256m \
    -Dquarkus.http.host=127.0.0.1 -Dquarkus.http.port="$port" \
    -jar "$app"/apicurio-registry-app-*-runner.jar >"$dir/registry.log" 2>&1 </dev/null &
  printf '%s\n' $! >"$dir/pid"
  deadline=$((SECONDS + start_seconds))
  until port_in_use "$port" && configured "$python" "$endpoint"; do
    if ((SECONDS >= deadline)) || ! kill -0 "$(cat "$dir/pid")" 2>/dev/null; then
      echo "registry.sh: the registry did not answer; the last lines of $dir/registry.log:" >&2
      tail -n 20 "$dir/registry.log" >&2
      stop "$dir"
      exit 1
    fi
    sleep 0.2
  done
  printf '%s\n' "$endpoint" | tee "$dir/endpoint"
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
sed -n '4,7s/^# *//p' "${BASH_SOURCE[0]}" >&2
exit 2
