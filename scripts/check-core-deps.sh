#!/usr/bin/env bash
# The promise of the core, kept: without any feature the library has no runtime and no I/O, and so none of
# their crates. Whatever is not on the list below needs a decision, not just a line in Cargo.toml.
set -euo pipefail

cd "$(dirname "${BASH_SOURCE[0]}")/.."

allowed='
bytes itoa memchr ryu serde serde_core serde_json zmij
proc-macro2 quote serde_derive syn unicode-ident
'
tree() {
  cargo tree --locked --edges normal --no-default-features --target all "$@"
}

# A separate assignment, so that a failing cargo is not taken for an empty list.
found=$(tree --prefix none --format '{lib} {p}')
extra=$(cut -d ' ' -f 2 <<<"$found" | sort -u | grep -vxF -e license-stream -e "$(tr ' ' '\n' <<<"$allowed" | grep .)" || true)
if [[ -n $extra ]]; then
  echo 'check-core-deps: the core, built without features, must not depend on:' >&2
  for crate in $extra; do
    tree --invert "$crate" >&2
  done
  exit 1
fi
