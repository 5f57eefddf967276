#!/usr/bin/env bash
# Everything that is checked without running the code: format, dependencies of the core, clippy, docs, the
# public API, the package.
set -euo pipefail

cd "$(dirname "${BASH_SOURCE[0]}")/.."

step() { scripts/step.sh "$@"; }

step 'format' cargo fmt --check
step 'dependencies of the core' scripts/check-core-deps.sh

# Each feature has to stand on its own. Small sets go first: they are quick, and where they fail, the larger fail too.
# `--all-targets` (tests, benches, examples) only once: it is what the whole command is tested with.
clippy() {
  step "clippy: ${1:-no features}" cargo clippy --quiet --no-default-features --features "$@" -- -D warnings
}
clippy ''
for feature in stream arrow simulator http registry parquet cloud kafka; do
  clippy "$feature"
done
clippy cli,failpoints --all-targets

RUSTDOCFLAGS='-D warnings' step 'docs' cargo doc --quiet --no-deps --features cli
# As docs.rs builds them: those features alone, so that no link in them needs another.
features=$(sed -n '/^\[package.metadata.docs.rs\]/,/^features/s/^features = \[\(.*\)\]/\1/p' Cargo.toml | tr -d '" ')
RUSTDOCFLAGS='-D warnings' step 'docs, as docs.rs has them' cargo doc --quiet --no-deps --features "${features:?}"
step 'the public API' scripts/public-api.sh
# Last, as it takes what was compiled for the steps before.
step 'the crate from its package' scripts/package.sh
