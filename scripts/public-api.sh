#!/usr/bin/env bash
# Compares the library's public API with tests/golden/public-api.txt, so that none of it changes unseen.
#
#   scripts/public-api.sh                   fails with the difference
#   UPDATE_EXPECT=1 scripts/public-api.sh   writes the file anew
#
# It has the features that docs.rs builds. rustdoc's JSON is read by the crate `public-api` (scripts/public-api/).
set -euo pipefail

cd "$(dirname "${BASH_SOURCE[0]}")/.."

target=${CARGO_TARGET_DIR:-target}
golden=tests/golden/public-api.txt
features=$(sed -n '/^\[package.metadata.docs.rs\]/,/^features/s/^features = \[\(.*\)\]/\1/p' Cargo.toml | tr -d '" ')

cargo build --quiet --locked --manifest-path scripts/public-api/Cargo.toml --target-dir "$target"
RUSTDOC=$PWD/scripts/public-api/rustdoc.sh \
  cargo rustdoc --quiet --locked --lib --features "${features:?}" --target-dir "$target"
found=$target/public-api.txt
"$target/debug/public-api" "$target/doc/license_stream.json" >"$found"

if [[ ${UPDATE_EXPECT:-} == 1 ]]; then
  cp "$found" "$golden"
elif ! diff --unified=0 "$golden" "$found" >&2; then
  cat >&2 <<EOF
public-api.sh: the public API is not that of $golden: what begins with \`-\` is gone, what begins
with \`+\` is new. Where that is meant, run \`UPDATE_EXPECT=1 scripts/public-api.sh\`, and say it in CHANGELOG.md: what
is gone or changed breaks those who use it, and takes a new minor version (from 1.0 on, a new major one).
EOF
  exit 1
fi
