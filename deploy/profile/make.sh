#!/usr/bin/env bash
# Makes the profile for this version of Rust: a program that counts what it does is put under the load of `make bench`,
# and what it counted is written to deploy/profile. To be done for a new version, and after changes of the forwarding path.

set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."

readonly TARGET="${CARGO_TARGET_DIR:-target}"
# A folder of its own: cargo does not see which of its flags the wrapper gave.
readonly COUNTING="$TARGET/profile"
mkdir -p "$COUNTING"
counts="$(cd "$COUNTING" && pwd)/counts"
profile="deploy/profile/rust-$(rustc --version | cut -d ' ' -f 2).profdata"

# The compiler's own: another version may write what it can't read.
profdata="$(rustc --print target-libdir)/../bin/llvm-profdata"
if [[ ! -x "$profdata" ]]; then
  printf '==> Installing llvm-profdata (half a minute)\n'
  rustup component add llvm-tools
fi

printf '==> Building a program that counts (the first time ten minutes or so on two cores)\n'
HEARKEN_COUNTS="$counts" deploy/profile/cargo.sh build --release --locked --bin hearken --target-dir "$COUNTING" </dev/null
deploy/profile/cargo.sh build --release --locked -p hearken-benches --bin load </dev/null

printf '==> Loading it (two minutes)\n'
rm -rf "$counts"
"$TARGET/release/load" --binary "$COUNTING/release/hearken" --no-janus --rounds 1 --shape 1x10 --shape 5x5 --own-shape 1x25x3

"$profdata" merge --sparse --output "$profile" "$counts"
printf '==> %s is made. What it gives: make bench\n' "$profile"
