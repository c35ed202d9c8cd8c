#!/bin/sh
# The bill of materials of the program in CycloneDX form (JSON): every crate that goes into it on this machine's
# platform or builds it, with version, licence and checksum; not those of the tests. cargo-cyclonedx is installed into the
# build folder if it is missing (100 s of one core); then it takes 3 s.
#
#   deploy/sbom.sh target/stepdown.cdx.json
set -eu

out=${1:-target/stepdown.cdx.json}
version=0.5.9
cd "$(dirname "$0")/.."
tools="${CARGO_TARGET_DIR:-target}/ci-tools"
PATH="$PATH:$tools/bin"
if ! command -v cargo-cyclonedx >/dev/null; then
    cargo install --locked --debug --quiet --root "$tools" "cargo-cyclonedx@$version"
fi
# It writes one file beside the manifest of each crate of the workspace; the program's is the one that counts.
cargo cyclonedx --quiet --format json --target "$(rustc -vV | sed -n 's/^host: //p')" --override-filename stepdown.cdx
mkdir -p "$(dirname "$out")"
mv stepdown.cdx.json "$out"
rm -f src/fhir/out/stepdown.cdx.json
printf '%s: %s components\n' "$out" "$(grep -c '"purl"' "$out")"
