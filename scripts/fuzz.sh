#!/usr/bin/env bash
# Runs each fuzzer under AddressSanitizer, from the seeds in the repository:
#
#   scripts/fuzz.sh seconds N   for N seconds each, from a new random seed
#   scripts/fuzz.sh runs N      N runs each, from a fixed random seed: the same inputs every time
#
# It needs neither cargo-fuzz nor a nightly compiler: libFuzzer is a crate, what counts the coverage is an LLVM
# pass of the stable compiler, and the sanitizer comes with it, where only its flag has to be unlocked.
set -euo pipefail

cd "$(dirname "${BASH_SOURCE[0]}")/.."

case "${1:-} ${2:-}" in
  'seconds '[0-9]*) bound=(-max_total_time="$2") ;;
  'runs '[0-9]*) bound=(-runs="$2" -seed=1) ;;
  *) sed -n '4,5s/^# *//p' "${BASH_SOURCE[0]}" >&2; exit 2 ;;
esac

host=$(rustc --print host-tuple)
flags=(
  --cfg=fuzzing -Zsanitizer=address -Cpasses=sancov-module -Ccodegen-units=1 -Cdebug-assertions
  -Cllvm-args={-sanitizer-coverage-level=4,-sanitizer-coverage-inline-8bit-counters}
  -Cllvm-args={-sanitizer-coverage-pc-table,-sanitizer-coverage-trace-compares}
)
# With --target the flags do not reach build scripts.
RUSTC_BOOTSTRAP=1 RUSTFLAGS=${flags[*]} CARGO_PROFILE_RELEASE_DEBUG=line-tables-only \
  cargo build --quiet --locked --release --manifest-path fuzz/Cargo.toml --target "$host" --target-dir target/fuzz

for target in framing decoding; do
  mkdir -p "fuzz/corpus/$target" fuzz/artifacts
  # A fixed seed makes the same inputs only from the same corpus.
  corpus=(fuzz/corpus/"$target" fuzz/seeds/"$target")
  [[ $1 == seconds ]] || corpus=("$(mktemp -d)" fuzz/seeds/"$target")
  # A finding is written to fuzz/artifacts, and ends the run. Mend it, and keep it as a test beside the code.
  "target/fuzz/$host/release/$target" "${corpus[@]}" "${bound[@]}" \
    -artifact_prefix=fuzz/artifacts/"$target"- -max_len=512 -rss_limit_mb=4096 -print_final_stats=1
done
