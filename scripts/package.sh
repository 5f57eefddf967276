#!/usr/bin/env bash
# Checks that the crate can be built from its package, where a file that `include` in Cargo.toml leaves out is missing.
#
# `cargo package` would do that in a target directory of its own, with all dependencies compiled once more. Here they
# are those that scripts/lint.sh has checked already: the features are the same as there.
set -euo pipefail

cd "$(dirname "${BASH_SOURCE[0]}")/.."

target=${CARGO_TARGET_DIR:-target}
name=$(sed -n '/^\[package\]/,/^\[/s/^name = "\(.*\)"/\1/p' Cargo.toml)
version=$(sed -n '/^\[package\]/,/^\[/s/^version = "\(.*\)"/\1/p' Cargo.toml)

# As published, but from the tree as it is. It has no public address yet that its metadata could name.
said=$(cargo package --locked --allow-dirty --no-verify --no-metadata --target-dir "$target" 2>&1) || {
  printf '%s\n' "$said" >&2
  exit 1
}
if grep -q '^warning' <<<"$said"; then
  printf '%s\n' "$said" >&2
  echo 'package.sh: `cargo package` warns of the above' >&2
  exit 1
fi

package=$target/package/$name-$version
rm -rf "$package"
# All files of a package are of one day: with that, what has changed since the last time would not be compiled.
tar --extract --gzip --touch --file "$package.crate" --directory "$target/package"
# What is generated, such as by looking at pages with Python, is nobody's business.
if strays=$(find "$package" -name '*.pyc' -o -name '*.orig' ! -name Cargo.toml.orig | grep .); then
  printf '%s\n' "$strays" >&2
  echo 'package.sh: the above is no source: see `include` in Cargo.toml' >&2
  exit 1
fi
cargo check --quiet --locked --manifest-path "$package/Cargo.toml" --target-dir "$target" \
  --features cli,failpoints --all-targets
rm -rf "$package"
