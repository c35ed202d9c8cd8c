#!/bin/sh
# The program as it is released: target/release/stepdown (or below CARGO_TARGET_DIR), and its SHA-256.
#
# Two builds of the same commit with the same compiler, C compiler and linker are to give the same bytes: dependencies
# as Cargo.lock has them, no path of this machine in messages of failures, and neither a time nor a name of the machine,
# which nothing that is built asks for. deploy/reproduce.sh builds twice and compares.
# Other flags than those of a plain `cargo build --release` build everything anew: about 20 minutes of one core.
set -eu

cd "$(dirname "$0")/.."
here=$(pwd -P)
home=${CARGO_HOME:-$HOME/.cargo}
target=${CARGO_TARGET_DIR:-$here/target}
# Flags are separated by a byte that no path holds. The last prefix that fits counts.
separator=$(printf '\037')
CARGO_ENCODED_RUSTFLAGS="--remap-path-prefix=$home=cargo${separator}--remap-path-prefix=$here=stepdown"
CARGO_ENCODED_RUSTFLAGS="$CARGO_ENCODED_RUSTFLAGS${separator}--remap-path-prefix=$target=target"
export CARGO_ENCODED_RUSTFLAGS CARGO_INCREMENTAL=0 SOURCE_DATE_EPOCH=0 LC_ALL=C TZ=UTC
unset RUSTFLAGS

cargo build --release --locked --bin stepdown
rustc --version
sha256sum "$target/release/stepdown"
