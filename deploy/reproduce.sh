#!/bin/sh
# Builds the committed sources twice and compares the bytes: in two folders of different names and depth, from empty
# build folders, with cargo's own folder under two names, one after the other. Ends with 0 if they are the same.
#
#   deploy/reproduce.sh        about 20 minutes of two cores, 4 GB below TMPDIR while it runs
#
# Needs git, cargo and a C compiler, and the dependencies in cargo's own folder or the network. What it compares is one
# compiler with itself on one machine: that another machine gives the same bytes is shown by the same SHA-256 there.
set -eu

cd "$(dirname "$0")/.."
# Work may go on in this folder meanwhile.
commit=$(git rev-parse HEAD)
home=${CARGO_HOME:-$HOME/.cargo}
work=$(mktemp -d "${TMPDIR:-/tmp}/reproduce.XXXXXX")
trap 'rm -rf "$work"' EXIT
trap 'exit 1' HUP INT TERM
unset CARGO_TARGET_DIR

# build FOLDER CARGO_HOME: leaves FOLDER.bin
build() {
    mkdir -p "$1"
    git archive "$commit" | tar -x -C "$1"
    CARGO_HOME="$2" sh "$1/deploy/release.sh"
    mv "$1/target/release/stepdown" "$1.bin"
    rm -rf "$1"
}

# The same downloads under another name.
mkdir -p "$work/another-home" "$home/registry"
ln -s "$(cd "$home" && pwd -P)/registry" "$work/another-home/registry"
for file in config.toml env; do
    if [ -e "$home/$file" ]; then ln -s "$home/$file" "$work/another-home/$file"; fi
done

build "$work/a" "$home"
build "$work/b/deeper/and-with-a-longer-name" "$work/another-home"
mv "$work/b/deeper/and-with-a-longer-name.bin" "$work/b.bin"

printf 'commit %s\n' "$commit"
(cd "$work" && sha256sum a.bin b.bin)
for path in "$work" "$home" "$(pwd -P)"; do
    if grep -qaF "$path" "$work/a.bin" "$work/b.bin"; then
        printf 'the program holds the path %s\n' "$path" >&2
        exit 1
    fi
done
if ! cmp "$work/a.bin" "$work/b.bin"; then
    printf 'the two builds differ\n' >&2
    exit 1
fi
printf 'the two builds are the same, byte for byte\n'
