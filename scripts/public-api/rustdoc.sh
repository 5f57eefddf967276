#!/bin/sh
# rustdoc that may write JSON, which the stable one keeps locked. Unlocked here and not for cargo: build scripts look at
# the variable too, and everything above them would be compiled anew, now and by whatever is built next.
RUSTC_BOOTSTRAP=1 exec rustdoc -Zunstable-options --output-format json "$@"
