#!/usr/bin/env bash
# Runs the unit tests of framing and decoding, where the unsafe code is, under AddressSanitizer. The sanitizer
# comes with the stable compiler; only the flag that turns it on has to be unlocked.
set -euo pipefail

cd "$(dirname "${BASH_SOURCE[0]}")/.."

# As in a release build, where text that was checked is not checked again.
export CARGO_PROFILE_DEV_DEBUG_ASSERTIONS=false CARGO_PROFILE_DEV_OPT_LEVEL=1
export CARGO_INCREMENTAL=0 CARGO_PROFILE_DEV_DEBUG=line-tables-only
RUSTC_BOOTSTRAP=1 RUSTFLAGS=-Zsanitizer=address cargo test --quiet --lib --features arrow,stream \
  --target "$(rustc --print host-tuple)" -- decode:: frame:: mutated:: simd::
