#!/usr/bin/env bash
# The Python that runs the readers in tests/readers.
#
#   scripts/python.sh interpreter   prints a Python >= 3.11 that can make virtual environments
#   scripts/python.sh venv          makes .cache/venv from tests/requirements.txt, and prints its Python
#
# The environment is made anew when the requirements or the interpreter have changed.
set -euo pipefail

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)

# The first python3 of the PATH may be a version manager's, or Debian's without ensurepip.
interpreter() {
  local candidate
  for candidate in python3 /usr/bin/python3 python3.14 python3.13 python3.12 python3.11; do
    if "$candidate" -c 'import sys, venv, ensurepip
if sys.version_info < (3, 11): sys.exit(1)
print(sys.executable)' 2>/dev/null; then
      return
    fi
  done
  echo 'python.sh: found no Python >= 3.11 with the venv module' >&2
  return 1
}

make_venv() {
  local base venv=$root/.cache/venv requirements=$root/tests/requirements.txt wanted
  base=$(interpreter)
  wanted=$("$base" --version; sha256sum <"$requirements")
  if [[ $(cat "$venv/made-from" 2>/dev/null) != "$wanted" ]]; then
    echo 'python.sh: installing the readers into .cache/venv' >&2
    rm -rf "$venv"
    "$base" -m venv "$venv"
    # Wheels only: building one of these from source would take longer than the tests.
    "$venv/bin/python" -m pip install --quiet --disable-pip-version-check --only-binary :all: \
      --requirement "$requirements" >&2
    # Last, so that an installation that was cut short is not taken for a whole one.
    printf '%s\n' "$wanted" >"$venv/made-from"
  fi
  printf '%s\n' "$venv/bin/python"
}

case ${1:-} in
  interpreter) interpreter ;;
  venv) make_venv ;;
  *)
    sed -n '4,5s/^# *//p' "${BASH_SOURCE[0]}" >&2
    exit 2
    ;;
esac
