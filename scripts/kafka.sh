#!/usr/bin/env bash
# A real Kafka broker (KRaft, one node, loopback only) for the tests.
#
#   scripts/kafka.sh fetch
#       Makes sure that the broker's jars are in .cache/kafka, and prints their directory.
#   scripts/kafka.sh start DIR [--port PORT] [--controller-port PORT] [--relay-port PORT] [--properties FILE]
#       Starts a broker that keeps everything in DIR, waits until it answers, and prints its address.
#       Ports that are not given are picked among the free ones. A DIR that has been used before is the
#       same broker again: same data, same ports. A broker that is running already is left alone.
#       What FILE says wins over tests/kafka/server.properties; @DIR@ in it is DIR, and each @…_PORT@ a
#       free port.
#       With a relay's port, the broker listens on one more port, DIR/relayed, and tells clients that
#       come in there to come back through the relay.
#   scripts/kafka.sh stop DIR
#       Stops it, and keeps DIR. Without a running broker there is nothing to do.
#
# In DIR: bootstrap (HOST:PORT), pid, broker.log, server.properties, data/. To test a crash, `kill -9` the
# pid and start it again. Linux only (/proc).
set -euo pipefail

# shellcheck source=scripts/server.sh
. "$(dirname "${BASH_SOURCE[0]}")/server.sh"
java=${JAVA_HOME:+$JAVA_HOME/bin/}java
start_seconds=90
stop_seconds=20

usage() {
  sed -n '4,15s/^# *//p' "${BASH_SOURCE[0]}" >&2
  exit 2
}

copy_jars() {
  mvn -q -B -f "$root/tests/kafka/pom.xml" dependency:copy-dependencies -DoutputDirectory="$1"
}

fetch() {
  cached kafka 'the Kafka broker with Maven' "$root/tests/kafka/pom.xml" -- copy_jars
}

# A pid file may be older than the machine's last start; only a process with our configuration counts.
running() {
  local dir=$1 pid
  pid=$(cat "$dir/pid" 2>/dev/null) || return 1
  grep -qszxF "$dir/server.properties" "/proc/$pid/cmdline"
}

# True once the broker answers; false when it has stopped, or the time is over.
wait_until_ready() {
  local dir=$1 address deadline=$((SECONDS + start_seconds))
  address=$(cat "$dir/bootstrap")
  while ((SECONDS < deadline)) && running "$dir"; do
    if timeout 5 kcat -L -b "$address" -m 2 2>/dev/null | grep -q "broker 1 at $address"; then
      return 0
    fi
    sleep 0.2
  done
  return 1
}

# Whoever else listened there would be taken for our broker. A killed one needs a moment to let go.
wait_until_port_is_free() {
  local address port deadline=$((SECONDS + 5))
  address=$(cat "$1/bootstrap")
  port=${address##*:}
  while port_in_use "$port"; do
    ((SECONDS < deadline)) || die "port $port is in use"
    sleep 0.1
  done
}

fail() {
  local dir=$1 message=$2
  printf 'kafka.sh: %s; the last lines of %s:\n' "$message" "$dir/broker.log" >&2
  tail -n 30 "$dir/broker.log" >&2 || true
  exit 1
}

start() {
  local dir=${1:?} port='' controller_port='' relay_port='' properties='' relayed jars name
  shift
  # Else its absence would look like a broker that does not answer.
  command -v kcat >/dev/null || die "kcat is missing, which asks the broker: run 'scripts/prerequisites.sh test'"
  while (($#)); do
    case $1 in
      --port) port=${2:?--port needs a number} ;;
      --relay-port) relay_port=${2:?--relay-port needs a number} ;;
      --controller-port) controller_port=${2:?--controller-port needs a number} ;;
      --properties) properties=${2:?--properties needs a file} ;;
      *) usage ;;
    esac
    shift 2
  done
  mkdir -p "$dir"
  dir=$(cd "$dir" && pwd)
  # Where it was killed a moment ago it may still look alive; then it does not come to answer, and is gone.
  if running "$dir" && wait_until_ready "$dir"; then
    cat "$dir/bootstrap"
    return
  fi
  jars=$(fetch)

  if [[ ! -e $dir/data/meta.properties ]]; then
    port=${port:-$(free_port)}
    controller_port=${controller_port:-$(free_port)}
    while [[ $controller_port == "$port" ]]; do controller_port=$(free_port); done
    # Of a name that is there twice, Java takes the last.
    cat "$root/tests/kafka/server.properties" ${properties:+"$properties"} |
      sed "s|@PORT@|$port|g; s|@CONTROLLER_PORT@|$controller_port|g; s|@DIR@|$dir|g" >"$dir/server.properties"
    for name in $(grep -o '@[A-Z]*_PORT@' "$dir/server.properties" | sort -u); do
      sed -i "s|$name|$(free_port)|g" "$dir/server.properties"
    done
    if [[ -n $relay_port ]]; then
      relayed=$port
      while [[ $relayed == "$port" || $relayed == "$controller_port" ]]; do relayed=$(free_port); done
      printf '%s\n' "$relayed" >"$dir/relayed"
      sed -i "s|^listeners=.*|&,RELAYED://127.0.0.1:$relayed|; \
        s|^advertised.listeners=.*|&,RELAYED://127.0.0.1:$relay_port|" "$dir/server.properties"
      echo 'listener.security.protocol.map=PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT,RELAYED:PLAINTEXT' \
        >>"$dir/server.properties"
    fi
    printf '127.0.0.1:%s\n' "$port" >"$dir/bootstrap"
    # The cluster's id is 16 bytes in base64: license-stream-1.
    "$java" -cp "$jars/*" kafka.tools.StorageTool format -t bGljZW5zZS1zdHJlYW0tMQ \
      -c "$dir/server.properties" >"$dir/broker.log" 2>&1 || fail "$dir" 'the storage could not be formatted'
  elif [[ -n $port$controller_port$relay_port ]]; then
    die "$dir has its ports already ($(cat "$dir/bootstrap")); they stay"
  fi

  wait_until_port_is_free "$dir"

  # A session of its own: a Ctrl-C in the terminal is for the tests, which then stop the broker themselves.
  setsid "$java" -Xms256m -Xmx1g -Dlog4j2.configurationFile="$root/tests/kafka/log4j2.xml" \
    -cp "$jars/*" kafka.Kafka "$dir/server.properties" >>"$dir/broker.log" 2>&1 </dev/null &
  printf '%s\n' $! >"$dir/pid"
  # Between fork and exec it does not look like a broker yet.
  until running "$dir" || ! kill -0 $! 2>/dev/null; do sleep 0.05; done
  if ! wait_until_ready "$dir"; then
    stop "$dir"
    fail "$dir" "the broker stopped while starting, or did not answer within $start_seconds seconds"
  fi
  cat "$dir/bootstrap"
}

stop() {
  local dir=${1:?} pid deadline
  dir=$(cd "$dir" && pwd)
  if running "$dir"; then
    pid=$(cat "$dir/pid")
    kill "$pid" 2>/dev/null || true
    deadline=$((SECONDS + stop_seconds))
    while running "$dir"; do
      if ((SECONDS >= deadline)); then
        kill -9 "$pid" 2>/dev/null || true
      fi
      sleep 0.1
    done
  fi
  rm -f "$dir/pid"
}

case ${1:-} in
  fetch) (($# == 1)) || usage ;;
  start) (($# >= 2)) || usage ;;
  stop) (($# == 2)) || usage ;;
  *) usage ;;
esac
"$@"
