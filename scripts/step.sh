#!/usr/bin/env bash
# Runs one step of a longer run and says what it is and how long it took:  scripts/step.sh NAME COMMAND [ARGUMENT…]
set -euo pipefail

name=$1
shift
printf '\n==> %s\n' "$name" >&2
SECONDS=0
status=0
"$@" || status=$?
if ((status == 0)); then
  printf '<== %s: %d s\n' "$name" "$SECONDS" >&2
else
  printf '<== %s: failed with status %d after %d s\n' "$name" "$status" "$SECONDS" >&2
fi
exit "$status"
