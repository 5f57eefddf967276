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

# shellcheck source=scripts/server.sh
. "$(dirname "${BASH_SOURCE[0]}")/server.sh"
java=${JAVA_HOME:+$JAVA_HOME/bin/}java

unpack() {
  # Maven's marker would stand beside the pom, and say that nothing is to be done where the directory is gone.
  mvn -q -B -f "$root/tests/registry/pom.xml" dependency:unpack -DoutputDirectory="$1" -DmarkersDirectory="$1/markers" &&
    rm -rf "$1/meta" "$1/markers"
}

fetch() {
  cached registry 'the schema registry with Maven' "$root/tests/registry/pom.xml" -- unpack
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
  local dir=$1 app python port endpoint
  app=$(fetch) || exit
  python=$("$root/scripts/python.sh" interpreter)
  port=$(free_port)
  endpoint=http://127.0.0.1:$port/apis/ccompat/v7
  answers() { port_in_use "$port" && configured "$python" "$endpoint"; }
  # The compiler that starts fast.
  serve "$dir" registry.log 120 answers "$java" -XX:TieredStopAtLevel=1 -XX:+UseSerialGC -Xmx256m \
    -Dquarkus.http.host=127.0.0.1 -Dquarkus.http.port="$port" -jar "$app"/apicurio-registry-app-*-runner.jar
  printf '%s\n' "$endpoint" | tee "$dir/endpoint"
}

case ${1:-} in
  fetch) (($# == 1)) && fetch && exit ;;
  start | stop) (($# == 2)) && "$@" && exit ;;
esac
sed -n '4,7s/^# *//p' "${BASH_SOURCE[0]}" >&2
exit 2
