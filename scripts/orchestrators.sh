#!/usr/bin/env bash
# Runs packaging/airflow by Airflow and packaging/dagster by Dagster, against the simulator: `make orchestrators`, which
# builds the command before. Either is told of success, of rejects, of failures that are worth another try and of such that are
# not, and is stopped by a signal; what it came to is compared (tests/orchestrators/cases.py).
#
#   scripts/orchestrators.sh [airflow] [dagster]     both, if none is named
#
# Each is in an environment of its own in .cache, made of tests/orchestrators/NAME.txt: 450 MB together.
set -euo pipefail

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
for name in "$@"; do
  [[ $name == airflow || $name == dagster ]] || { sed -n '6s/^# *//p' "${BASH_SOURCE[0]}" >&2; exit 2; }
done
(($#)) || set -- airflow dagster
command=$root/target/release/license-stream
[[ -x $command ]] || { echo 'orchestrators.sh: there is no target/release/license-stream: make build' >&2; exit 1; }

# Prints the Python of an orchestrator's environment, which is made anew when the requirements or the interpreter have changed.
environment() {
  local name=$1 base wanted venv=$root/.cache/$1 requirements=$root/tests/orchestrators/$1.txt
  base=$("$root/scripts/python.sh" interpreter)
  wanted=$("$base" --version; sha256sum <"$requirements")
  if [[ $(cat "$venv/made-from" 2>/dev/null) != "$wanted" ]]; then
    echo "orchestrators.sh: installing into .cache/$name" >&2
    rm -rf "$venv"
    "$base" -m venv "$venv"
    "$venv/bin/python" -m pip install --quiet --disable-pip-version-check --requirement "$requirements" >&2
    printf '%s\n' "$wanted" >"$venv/made-from"
  fi
  printf '%s\n' "$venv/bin/python"
}

work='' simulator=''
# shellcheck disable=SC2317 # called by the trap
cleanup() {
  [[ -z $simulator ]] || kill "$simulator" 2>/dev/null || true
  [[ -z $work ]] || rm -rf "$work"
}
trap cleanup EXIT
work=$(mktemp -d "${TMPDIR:-/tmp}/license-stream-orchestrators.XXXXXX")

"$command" simulate --scenario "$root/tests/orchestrators/scenario.json" --listen 127.0.0.1:0 >"$work/simulator" 2>"$work/simulator.log" &
simulator=$!
for ((i = 0; i < 100; i++)); do
  [[ ! -s $work/simulator ]] || break
  sleep 0.1
done
TRUTO_BASE_URL=$(sed -n 's/^TRUTO_BASE_URL=//p' "$work/simulator")
export TRUTO_BASE_URL=${TRUTO_BASE_URL:?the simulator does not run}

export PATH=$root/target/release:$PATH PYTHONDONTWRITEBYTECODE=1
# Nothing of either is of this machine, and neither tells its makers of it.
export AIRFLOW_HOME=$work/airflow-home AIRFLOW__CORE__LOAD_EXAMPLES=False AIRFLOW__CORE__DAGS_FOLDER=$root/packaging/airflow
export DAGSTER_HOME=$work/dagster-home DAGSTER_DISABLE_TELEMETRY=1
mkdir -p "$AIRFLOW_HOME" "$DAGSTER_HOME"

for name in "$@"; do
  python=$(environment "$name")
  mkdir -p "$work/$name"
  if [[ $name == airflow ]]; then
    "$python" -m airflow db migrate >"$work/migrated" 2>&1 || { cat "$work/migrated" >&2; exit 1; }
  fi
  printf '\n%s %s\n' "$name" "$("$python" -c "import $name; print($name.__version__)" 2>/dev/null)"
  WORK=$work/$name PYTHONPATH=$root/packaging/$name "$python" "$root/tests/orchestrators/${name}_runs.py" 2>"$work/$name/errors" || {
    status=$?
    cat "$work/$name/errors" >&2
    exit "$status"
  }
done
