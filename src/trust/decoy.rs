//! The signature check of a refusal that would have none, so that the time until a 401 does not tell its reason.
//!
//! Turns what a token names into one check by a key that nobody has: of the same algorithm and length, over the same
//! bytes. Its result goes nowhere, so that it can accept nothing. The keys are fixed, because making some would double
//! the time of a start, and their private halves were never kept; of a caller only the signature and what it is over
//! are read, never a key. It asks no network, keeps nothing, and costs what the refusal of a bad signature costs, which
//! anybody can cause.
//!
//! What remains to be told from the time: whether a key set had to be fetched; whether two keys of a client share a
//! `kid`, because both are tried; an RSA key of more than 4096 bits. Tokens with a good signature are not evened out:
//! only the client has those.

use std::hint::black_box;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

use super::keys::{Key, SHORTEST_MODULUS};
use super::token::Token;
use crate::config::SignatureAlgorithm;

/// Points of P-256 and P-384, uncompressed, in base64url.
const P256: &str = "BLFjFpqI5ZMX32fPbJJTDY8n1XoUo1plOPH-_CKMWIQFoOwbPsYCzRYTUTkebk9IS1oh3DHsJ3B-s9yJliEo04Y";
const P384: &str = "BAFwXhC60Aabk8Hm1NED7nSGCHhJnxt2AyQRJlRTo-QaCPrQxZEPzmYh5CrDjHr6YPsL7gIkR6HAzvPq7h8W643sl2pTGIbsGIli9bjZNcVrxokuhJAE6jBqyc4_8vV_lw";
/// Longest RSA modulus, in bytes: a check with a longer one would cost more than one on P-384, for any caller.
const LONGEST_MODULUS: usize = 512;
/// What is checked for a caller who has sent no token, and its signature, which only has the right length.
const NOTHING: (&str, [u8; 96]) = ("no token", [0x11; 96]);

/// Keys that nobody has.
pub(super) struct Decoy {
    p256: Key,
    p384: Key,
    signature: String,
}

impl std::fmt::Debug for Decoy {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Decoy")
    }
}

impl Decoy {
    pub(super) fn new() -> Self {
        let point = |written| URL_SAFE_NO_PAD.decode(written).unwrap_or_default();
        Self {
            p256: Key::of_point(SignatureAlgorithm::ES256, &point(P256)),
            p384: Key::of_point(SignatureAlgorithm::ES384, &point(P384)),
            signature: URL_SAFE_NO_PAD.encode(NOTHING.1),
        }
    }

    /// One check for a caller who has sent no token, or nothing that can be read as one: of the costliest kind that
    /// is allowed by default.
    pub(super) fn check_nothing(&self) {
        black_box(
            self.p384
                .verifies(SignatureAlgorithm::ES384, NOTHING.0, &self.signature),
        );
    }

    /// One check of the kind that the token asks for.
    pub(super) fn check(&self, token: &Token<'_>) {
        let algorithm = token.header.algorithm;
        let rsa;
        let key = match algorithm {
            SignatureAlgorithm::ES256 => &self.p256,
            SignatureAlgorithm::ES384 => &self.p384,
            SignatureAlgorithm::RS256 | SignatureAlgorithm::RS384 => {
                rsa = self.rsa(token.signature);
                &rsa
            }
        };
        black_box(key.verifies(algorithm, token.signed, token.signature));
    }

    /// A key for a signature of this length.
    fn rsa(&self, signature: &str) -> Key {
        let length = URL_SAFE_NO_PAD
            .decode(signature)
            .map_or(0, |signature| signature.len());
        // Odd, as a modulus is, and above every number that a signature for a real key of this length may be.
        let mut modulus = vec![0xd5; length.clamp(SHORTEST_MODULUS, LONGEST_MODULUS)];
        modulus[..8].fill(u8::MAX);
        Key::of_modulus(&modulus)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use aws_lc_rs::signature::{ECDSA_P256_SHA256_FIXED, ECDSA_P384_SHA384_FIXED, ParsedPublicKey};

    /// A point that is none would be thrown out at once.
    #[test]
    fn the_points_are_on_their_curves() {
        for (written, curve) in [(P256, &ECDSA_P256_SHA256_FIXED), (P384, &ECDSA_P384_SHA384_FIXED)] {
            let point = URL_SAFE_NO_PAD.decode(written).unwrap();
            assert!(ParsedPublicKey::new(curve, point).is_ok(), "{written}");
        }
    }
}
