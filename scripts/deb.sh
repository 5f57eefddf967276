#!/usr/bin/env bash
# A Debian package of the command: target/license-stream_VERSION_ARCH.deb.
#
#   scripts/deb.sh [BINARY [DIRECTORY]]    of BINARY, target/release/license-stream unless it is given, into DIRECTORY
#
# With its man pages, documents, completions and systemd units. It depends on what the binary links on this machine, so build it
# on the oldest release it is for. Needs dpkg-dev.
set -euo pipefail

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
binary=${1:-$root/target/release/license-stream} out=${2:-$root/target}
for tool in dpkg-deb dpkg-shlibdeps; do
  command -v "$tool" >/dev/null || { echo "deb.sh: $tool is missing: apt-get install dpkg-dev" >&2; exit 1; }
done
[[ -x $binary ]] || { echo "deb.sh: $binary is missing: run make build" >&2; exit 1; }

work=$(mktemp -d "${TMPDIR:-/tmp}/license-stream-deb.XXXXXX")
trap 'rm -rf "$work"' EXIT
stage=$work/stage
version=$("$binary" --version | awk '{print $2}')
arch=$(dpkg --print-architecture)

install -D "$binary" "$stage/usr/bin/license-stream"
strip --strip-unneeded "$stage/usr/bin/license-stream"
for unit in "$root"/packaging/systemd/*; do
  install -D -m 644 "$unit" "$stage/usr/lib/systemd/system/${unit##*/}"
done
doc=$stage/usr/share/doc/license-stream
install -D -m 644 "$root/README.md" "$doc/README.md"
# The documents with what they lead to, each where README.md looks for it; but for sources and tests.
(cd "$root" && find CONTRIBUTING.md docs schemas examples packaging -type f -not -path '*/__pycache__/*') | while read -r file; do
  install -D -m 644 "$root/$file" "$doc/$file"
done
install -D -m 644 "$root/LICENSE" "$doc/copyright"
gzip -9n <"$root/CHANGELOG.md" >"$doc/changelog.gz"
mkdir -p "$stage/usr/share/man/man1"
"$binary" man --out "$stage/usr/share/man/man1"
gzip -9n "$stage"/usr/share/man/man1/*
completion() { # completion SHELL FILE
  mkdir -p "$(dirname "$stage/usr/share/$2")"
  "$binary" completions "$1" >"$stage/usr/share/$2"
}
completion bash bash-completion/completions/license-stream
completion zsh zsh/vendor-completions/_license-stream
completion fish fish/vendor_completions.d/license-stream.fish

# What it links, with the least version that has it.
mkdir "$work/debian"
echo 'Source: license-stream' >"$work/debian/control"
links=$(cd "$work" && dpkg-shlibdeps -O "$stage/usr/bin/license-stream" 2>/dev/null | sed -n 's/^shlibs:Depends=//p')
mkdir "$stage/DEBIAN"
cat >"$stage/DEBIAN/control" <<CONTROL
Package: license-stream
Version: $version
Architecture: $arch
Maintainer: license-stream maintainers <maintainers@license-stream.invalid>
Installed-Size: $(du -sk "$stage/usr" | cut -f 1)
Depends: $links, ca-certificates
Section: utils
Priority: optional
Description: streams software licenses out of the Truto unified API into Kafka topics and Parquet files
 It reads the body while it arrives, checks every byte, delivers each license exactly where it belongs, in
 bounded memory, and can be killed at any instant without losing one.
CONTROL

mkdir -p "$out"
dpkg-deb --root-owner-group --build "$stage" "$out/license-stream_${version}_$arch.deb" >&2
printf '%s\n' "$out/license-stream_${version}_$arch.deb"
