#!/usr/bin/env bash
# Checks for what the project needs from the system, and gets it where that is possible.
#
#   scripts/prerequisites.sh build   to compile: Rust, C and C++ compilers, make, pkg-config, OpenSSL's headers
#   scripts/prerequisites.sh test    the same, and for the tests: Java 17, Maven, kcat, Python 3.11 with venv,
#                                    Node 18 with npm, dpkg-dev, systemd (its systemd-analyze), a headless Chromium
#   scripts/prerequisites.sh bench   the same, and to compare with others: curl, GNU time, taskset
#
# Says nothing when nothing is missing. On Debian 12, Ubuntu 24.04 and later, what is missing is installed
# if this runs as root or sudo asks no password; otherwise it prints the line to run, and fails.
set -euo pipefail

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
purpose=${1:-}
[[ $purpose =~ ^(build|test|bench)$ ]] || { sed -n '4,7s/^# *//p' "${BASH_SOURCE[0]}" >&2; exit 2; }

die() {
  printf 'prerequisites: %s\n' "$*" >&2
  exit 1
}

at_least() { # at_least WANTED FOUND
  printf '%s\n%s\n' "$1" "$2" | sort --version-sort --check=quiet
}

has_openssl() {
  # The crate that links it asks pkg-config too, unless OPENSSL_DIR says where it is.
  [[ -n ${OPENSSL_DIR:-} ]] || pkg-config --exists openssl
}

has_java() {
  local version
  version=$("${JAVA_HOME:+$JAVA_HOME/bin/}java" -version 2>&1 | sed -n 's/^[a-z]* version "\([0-9]*\).*/\1/p')
  [[ -n $version ]] && ((version >= 17))
}

has_node() {
  local version
  version=$(node --version) && command -v npm >/dev/null && at_least v18 "$version"
}

has_browser() {
  # As in tests/readers/browser.py.
  local name
  [[ -z ${LICENSE_STREAM_BROWSER:-} ]] || return 0
  for name in chromium-headless-shell chromium chromium-browser google-chrome; do
    ! command -v "$name" >/dev/null || return 0
  done
  return 1
}

check_rust() {
  local wanted found
  wanted=$(sed -n 's/^rust-version = "\(.*\)"$/\1/p' "$root/Cargo.toml")
  command -v cargo >/dev/null || die "cargo is missing: get Rust $wanted or later with rustup, https://rustup.rs"
  found=$(cargo --version | cut -d ' ' -f 2)
  at_least "$wanted" "$found" ||
    die "Rust is $found, but $wanted or later is needed: run 'rustup update stable' (without rustup: https://rustup.rs)"
}

# Fills `packages` with Debian's names for what is missing. zlib is not among them: the crate that needs it
# brings its own where the system has none. Perl is needed only for the `vendored` feature.
check_system() {
  packages=()
  command -v cc >/dev/null || packages+=(gcc libc6-dev)
  command -v c++ >/dev/null || packages+=(g++)
  command -v make >/dev/null || packages+=(make)
  command -v pkg-config >/dev/null || packages+=(pkg-config)
  has_openssl 2>/dev/null || packages+=(libssl-dev)
  [[ $purpose != build ]] || return 0
  has_java 2>/dev/null || packages+=(default-jre-headless)
  command -v mvn >/dev/null || packages+=(maven)
  command -v kcat >/dev/null || packages+=(kcat)
  # What speaks the protocol of Azure's blobs.
  has_node 2>/dev/null || packages+=(nodejs npm)
  # What looks at the package and the units.
  command -v dpkg-shlibdeps >/dev/null || packages+=(dpkg-dev)
  command -v systemd-analyze >/dev/null || packages+=(systemd)
  if ! has_browser; then
    if grep -q '^ID=ubuntu' /etc/os-release 2>/dev/null; then
      # It has Chromium only as a snap, which apt-get does not install everywhere.
      echo 'prerequisites: no Chromium: `snap install chromium`, or set LICENSE_STREAM_BROWSER to one' >&2
    else
      # 64 MB, and 100 with what it needs; the whole chromium is a quarter more.
      packages+=(chromium-headless-shell)
    fi
  fi
  "$root/scripts/python.sh" interpreter >/dev/null 2>&1 || packages+=(python3 python3-venv)
  [[ $purpose == bench ]] || return 0
  command -v curl >/dev/null || packages+=(curl)
  # Not the shell's own word.
  [[ -x /usr/bin/time ]] || packages+=(time)
  command -v taskset >/dev/null || packages+=(util-linux)
}

check_system
if ((${#packages[@]})); then
  command -v apt-get >/dev/null ||
    die "missing, by Debian's names: ${packages[*]}; install them in this system's own way"
  as_root=()
  if ((EUID != 0)); then
    sudo -n true 2>/dev/null ||
      die "something is missing; run: sudo apt-get update && sudo apt-get install -y ${packages[*]}"
    as_root=(sudo -n)
  fi
  echo "prerequisites: installing with apt-get: ${packages[*]}" >&2
  "${as_root[@]}" apt-get update -qq >&2
  "${as_root[@]}" env DEBIAN_FRONTEND=noninteractive \
    apt-get install -y -qq --no-install-recommends "${packages[@]}" >&2
  check_system
  ((${#packages[@]} == 0)) ||
    die "still missing or too old after the installation: ${packages[*]} (Java has to be 17 or later, Node 18, Python 3.11)"
fi
check_rust
