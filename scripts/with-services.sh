#!/usr/bin/env bash
# Runs a command with what the integration tests need around it:
#
#   scripts/with-services.sh COMMAND [ARGUMENT…]
#
# KAFKA_BOOTSTRAP_SERVERS         a broker for this run only, unless the variable is set already
# LICENSE_STREAM_S3_ENDPOINT      the same of a server of the S3 protocol
# LICENSE_STREAM_AZURE_ENDPOINT   the same of a server of Azure's Blob protocol; `none` for none
# LICENSE_STREAM_REGISTRY         the same of a schema registry; `none` for none
# LICENSE_STREAM_PARQUET_JAVA     the class path of Parquet's reader in Java; `none` for none
# LICENSE_STREAM_PYTHON           a Python with the readers of tests/requirements.txt
#
# The exit status is the command's. The command has no standard input. However it ends, the servers are
# stopped; the broker's log is kept as .cache/broker.log.
set -euo pipefail

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
(($#)) || { sed -n '4s/^# *//p' "${BASH_SOURCE[0]}" >&2; exit 2; }

broker='' store='' azure='' registry='' starting='' child=''
# shellcheck disable=SC2317 # called by the traps
cleanup() {
  # What a failing test left running, a simulator perhaps, goes too.
  [[ -z $child ]] || kill -- "-$child" 2>/dev/null || true
  if [[ -n $store ]]; then
    "$root/scripts/s3.sh" stop "$store" || true
    rm -rf "$store"
  fi
  if [[ -n $azure ]]; then
    "$root/scripts/azure.sh" stop "$azure" || true
    rm -rf "$azure"
  fi
  if [[ -n $registry ]]; then
    [[ -z $starting ]] || kill "$starting" 2>/dev/null || true
    "$root/scripts/registry.sh" stop "$registry" || true
    rm -rf "$registry"
  fi
  [[ -n $broker ]] || return 0
  "$root/scripts/kafka.sh" stop "$broker" || true
  mv "$broker/broker.log" "$root/.cache/broker.log" 2>/dev/null || true
  rm -rf "$broker"
}
# Bash would put off a trap until a foreground command has ended, so the command runs in the background, in
# a process group of its own, which also lets one signal reach whatever it has started.
# shellcheck disable=SC2317 # called by the traps
interrupted() {
  local signal=$1 status=$2
  trap '' INT TERM
  if [[ -n $child ]]; then
    kill -s "$signal" -- "-$child" 2>/dev/null || true
    wait "$child" || true
  fi
  exit "$status"
}
trap cleanup EXIT
trap 'interrupted INT 130' INT
trap 'interrupted TERM 143' TERM

LICENSE_STREAM_PYTHON=$("$root/scripts/python.sh" venv)
export LICENSE_STREAM_PYTHON
LICENSE_STREAM_PARQUET_JAVA=${LICENSE_STREAM_PARQUET_JAVA:-$("$root/scripts/parquet-java.sh")}
export LICENSE_STREAM_PARQUET_JAVA
# It takes the longest to start, so the others start meanwhile.
if [[ -z ${LICENSE_STREAM_REGISTRY:-} ]]; then
  registry=$(mktemp -d "${TMPDIR:-/tmp}/license-stream-registry.XXXXXX")
  "$root/scripts/registry.sh" start "$registry" >/dev/null &
  starting=$!
fi
if [[ -z ${LICENSE_STREAM_S3_ENDPOINT:-} ]]; then
  store=$(mktemp -d "${TMPDIR:-/tmp}/license-stream-s3.XXXXXX")
  LICENSE_STREAM_S3_ENDPOINT=$("$root/scripts/s3.sh" start "$store")
fi
export LICENSE_STREAM_S3_ENDPOINT
if [[ -z ${LICENSE_STREAM_AZURE_ENDPOINT:-} ]]; then
  azure=$(mktemp -d "${TMPDIR:-/tmp}/license-stream-azure.XXXXXX")
  LICENSE_STREAM_AZURE_ENDPOINT=$("$root/scripts/azure.sh" start "$azure")
fi
export LICENSE_STREAM_AZURE_ENDPOINT
if [[ -z ${KAFKA_BOOTSTRAP_SERVERS:-} ]]; then
  broker=$(mktemp -d "${TMPDIR:-/tmp}/license-stream-kafka.XXXXXX")
  KAFKA_BOOTSTRAP_SERVERS=$("$root/scripts/kafka.sh" start "$broker")
fi
export KAFKA_BOOTSTRAP_SERVERS
if [[ -n $starting ]]; then
  wait "$starting"
  starting=''
  LICENSE_STREAM_REGISTRY=$(cat "$registry/endpoint")
fi
export LICENSE_STREAM_REGISTRY

set -m
"$@" </dev/null &
child=$!
set +m
status=0
wait "$child" || status=$?
exit "$status"
