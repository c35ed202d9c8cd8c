//! The signature check of a refusal that would have none, so that the time until a 401 does not tell its reason.
//!
//! Turns what a token names into one check by a key that nobody has: of the same algorithm and length, over the same
//! bytes. Its result goes nowhere, so that it can accept nothing. Keys are made at start and their private halves
//! forgotten; of a caller only the signature and what it is over are read, never a key. It asks no network, keeps
//! nothing, and costs what the refusal of a bad signature costs, which anybody can cause.
//!
//! What remains to be told from the time: whether a key set had to be fetched; whether two keys of a client share a
//! `kid`, because both are tried; an RSA key of more than 4096 bits. Tokens with a good signature are not evened out:
//! only the client has those.

use std::hint::black_box;

use aws_lc_rs::agreement::{Algorithm, ECDH_P256, ECDH_P384, PrivateKey};
use aws_lc_rs::error::Unspecified;
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

use super::keys::{Key, SHORTEST_MODULUS};
use super::token::Token;
use crate::config::SignatureAlgorithm;

/// Longest RSA modulus, in bytes: a check with a longer one would cost more than one on P-384, for any caller.
const LONGEST_MODULUS: usize = 512;
/// What is checked for a caller who has sent no token.
const NOTHING: &str = "no token";

/// Keys that nobody has.
pub(super) struct Decoy {
    p256: Key,
    p384: Key,
    modulus: [u8; LONGEST_MODULUS],
    /// For [`NOTHING`], by nobody; of the length for `p384`.
    signature: String,
}

impl std::fmt::Debug for Decoy {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Decoy")
    }
}

impl Decoy {
    /// # Errors
    /// If the machine gives no random numbers.
    pub(super) fn new() -> Result<Self, Unspecified> {
        let mut modulus = random::<LONGEST_MODULUS>()?;
        // Above every number that a signature for a real key of this length may be.
        modulus[..8].fill(u8::MAX);
        Ok(Self {
            p256: Key::of_point(SignatureAlgorithm::ES256, &point(&ECDH_P256, &random::<32>()?)?),
            p384: Key::of_point(SignatureAlgorithm::ES384, &point(&ECDH_P384, &random::<48>()?)?),
            modulus,
            signature: URL_SAFE_NO_PAD.encode(random::<96>()?),
        })
    }

    /// One check for a caller who has sent no token, or nothing that can be read as one: of the costliest kind that
    /// is allowed by default.
    pub(super) fn check_nothing(&self) {
        black_box(
            self.p384
                .verifies(SignatureAlgorithm::ES384, NOTHING, &self.signature),
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

    /// A key for a signature of this length. Nobody knows the factors of its modulus, not even this service.
    fn rsa(&self, signature: &str) -> Key {
        let length = URL_SAFE_NO_PAD
            .decode(signature)
            .map_or(0, |signature| signature.len());
        let mut modulus = self.modulus[..length.clamp(SHORTEST_MODULUS, LONGEST_MODULUS)].to_vec();
        // An even number is no modulus.
        if let Some(last) = modulus.last_mut() {
            *last |= 1;
        }
        Key::of_modulus(&modulus)
    }
}

/// Bytes of the operating system: the crypto library's own generator takes 50 ms to begin.
fn random<const LENGTH: usize>() -> Result<[u8; LENGTH], Unspecified> {
    let mut bytes = [0; LENGTH];
    getrandom::fill(&mut bytes).map_err(|_| Unspecified)?;
    Ok(bytes)
}

/// The public point of a private key, which is forgotten. Its highest bit is not used, so that it is below the order
/// of the curve.
pub(super) fn point(curve: &'static Algorithm, private: &[u8]) -> Result<Vec<u8>, Unspecified> {
    let mut private = private.to_vec();
    private[0] &= 0x7f;
    let private = PrivateKey::from_private_key(curve, &private).map_err(|_| Unspecified)?;
    Ok(private.compute_public_key()?.as_ref().to_vec())
}
