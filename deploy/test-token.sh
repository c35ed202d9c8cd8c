#!/bin/sh
# A key and tokens to try the service with, before the EHR sends its own. Needs openssl. Never for production: add
# the key to a [[client]] of a test installation only, and take it out again.
#
#   deploy/test-token.sh key test                      writes test.key (private) and test.jwks.json (for jwks-file)
#   deploy/test-token.sh sign test.key ISSUER ADDRESS  prints a token for one call to that address (RS384, 5 minutes)
set -eu

base64url() { openssl base64 -A | tr '+/' '-_' | tr -d '='; }

case "${1:-}" in
key)
    name=${2:?a name for the files}
    (umask 077 && openssl genpkey -quiet -algorithm RSA -pkeyopt rsa_keygen_bits:2048 -out "$name.key" 2>/dev/null ||
        openssl genrsa -out "$name.key" 2048 2>/dev/null)
    chmod 600 "$name.key"
    # The modulus stands in the middle of the DER form: 256 bytes from the 34th.
    modulus=$(openssl pkey -in "$name.key" -pubout -outform DER | tail -c +34 | head -c 256 | base64url)
    printf '{"keys":[{"kty":"RSA","use":"sig","alg":"RS384","kid":"%s","e":"AQAB","n":"%s"}]}\n' \
        "$(basename "$name")" "$modulus" >"$name.jwks.json"
    ;;
sign)
    key=${2:?the private key} issuer=${3:?the issuer in the settings} audience=${4:?the address that is called}
    now=$(date +%s)
    header=$(printf '{"alg":"RS384","typ":"JWT","kid":"%s"}' "$(basename "$key" .key)" | base64url)
    claims=$(printf '{"iss":"%s","aud":"%s","iat":%d,"exp":%d,"jti":"%s"}' \
        "$issuer" "$audience" "$now" "$((now + 300))" "$(openssl rand -hex 16)" | base64url)
    signature=$(printf '%s.%s' "$header" "$claims" | openssl dgst -sha384 -sign "$key" -binary | base64url)
    printf '%s.%s.%s\n' "$header" "$claims" "$signature"
    ;;
*)
    sed -n 's/^# \{0,1\}//p' "$0" | sed -n '2,6p' >&2
    exit 2
    ;;
esac
