#!/usr/bin/env bash
# Prints the path of a promtool, which comes with Prometheus: the one of the PATH, or else the one of Debian's
# package, unpacked into .cache and not installed, as the package would start a server.
set -euo pipefail

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
directory=$root/.cache/promtool

if command -v promtool; then
  exit
fi
if [[ ! -x $directory/promtool ]]; then
  command -v apt-get >/dev/null && command -v dpkg-deb >/dev/null || {
    echo 'promtool.sh: found no promtool: install Prometheus in this system'\''s own way' >&2
    exit 1
  }
  echo 'promtool.sh: unpacking promtool into .cache/promtool' >&2
  unpacked=$(mktemp -d)
  trap 'rm -rf "$unpacked"' EXIT
  cd "$unpacked"
  # Where lists of packages are too old to download from, or there are none, they are brought up to date.
  apt-get download -qq prometheus >/dev/null 2>&1 ||
    { apt-get update -qq >&2 && apt-get download -qq prometheus >&2; }
  dpkg-deb --extract prometheus_*.deb .
  mkdir -p "$directory"
  # Last, and in one step, so that two at once do not meet a part of it.
  mv usr/bin/promtool "$directory/.promtool.$$"
  mv "$directory/.promtool.$$" "$directory/promtool"
fi
printf '%s\n' "$directory/promtool"
