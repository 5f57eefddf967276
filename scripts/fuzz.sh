#!/usr/bin/env bash
# Runs each fuzzer for some seconds, from the seeds in the repository: `scripts/fuzz.sh [SECONDS]`.
set -euo pipefail

cd "$(dirname "${BASH_SOURCE[0]}")/.."

seconds=${1:-60}

rustc +nightly --version >/dev/null 2>&1 || {
  echo 'The fuzzers need a nightly compiler: rustup toolchain install nightly --profile minimal' >&2
  exit 1
}
if ! cargo fuzz --version >/dev/null 2>&1; then
  echo 'Installing cargo-fuzz, which the fuzzers need.'
  cargo install --quiet --locked cargo-fuzz
fi

for target in framing decoding; do
  mkdir -p "fuzz/corpus/$target"
  # A finding is written to fuzz/artifacts, and ends the run. Mend it, and keep it as a test beside the code.
  cargo +nightly fuzz run "$target" "fuzz/corpus/$target" "fuzz/seeds/$target" -- \
    -max_total_time="$seconds" -max_len=512 -rss_limit_mb=4096 -print_final_stats=1
done
