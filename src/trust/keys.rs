//! JSON Web Key Sets (RFC 7517): which keys may verify which tokens.
//!
//! A key is bound to its algorithms by its type and curve when it is read, so that no token can have
//! it used for another. Symmetric keys, keys without a `kid`, keys for encryption and curves that we
//! do not know are passed over; a set that holds a private key is refused as a whole.

use std::sync::Arc;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jsonwebtoken::jwk::{AlgorithmParameters, EllipticCurve, Jwk, KeyAlgorithm, KeyOperations, PublicKeyUse};
use jsonwebtoken::{Algorithm, DecodingKey, crypto};
use serde::Deserialize;
use serde_json::Value;

use super::Refusal;
use super::remote::Remote;
use crate::config::SignatureAlgorithm;

/// Longest `kid`, in characters.
pub(super) const MAX_KID: usize = 200;
/// Shortest RSA modulus that verifies anything, in bytes.
pub(super) const SHORTEST_MODULUS: usize = 256;

/// Why a key set cannot be used. Holds no part of a key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum KeySetError {
    /// Not a JSON object with a list `keys`.
    #[error("is not a JSON Web Key Set")]
    Malformed,
    /// A key of the set has private members: whoever could read the set can sign as the EHR.
    #[error("holds a private key; replace that key pair and publish public keys only")]
    Private,
    /// There is no public signature key with a `kid` in the set.
    #[error("holds no usable key: each needs a `kid` and must be RSA or EC on P-256 or P-384")]
    Empty,
}

/// Where a client's keys come from.
pub(super) enum Keys {
    /// The demonstration: no token can be verified.
    None,
    /// Read at start.
    Fixed(KeySet),
    /// Fetched and cached.
    Remote(Arc<Remote>),
}

impl Keys {
    /// The keys that a token with this `kid` and `alg` may be verified with; never an empty list.
    pub(super) async fn candidates(
        &self,
        kid: &str,
        algorithm: SignatureAlgorithm,
    ) -> Result<Vec<Key>, Refusal> {
        match self {
            Self::None => Err(Refusal::UnknownKey),
            Self::Fixed(keys) => keys.candidates(kid, algorithm).ok_or(Refusal::UnknownKey),
            Self::Remote(remote) => remote.candidates(kid, algorithm).await,
        }
    }
}

/// The usable keys of one set.
pub(super) struct KeySet {
    keys: Vec<Key>,
}

/// One public key and what it may verify.
#[derive(Clone)]
pub(super) struct Key {
    pub(super) kid: String,
    pub(super) algorithms: Vec<SignatureAlgorithm>,
    key: DecodingKey,
    /// Of an RSA key, without leading zeros; a signature is a number below it, of the same length.
    modulus: Option<Vec<u8>>,
}

#[derive(Deserialize)]
pub(super) struct Written {
    pub(super) keys: Vec<Value>,
}

impl Written {
    /// The keys as they stand in a set that holds no private one.
    pub(super) fn read(bytes: &[u8]) -> Result<Self, KeySetError> {
        let written: Written = serde_json::from_slice(bytes).map_err(|_| KeySetError::Malformed)?;
        if written.keys.iter().any(|key| key.get("d").is_some()) {
            return Err(KeySetError::Private);
        }
        Ok(written)
    }
}

impl KeySet {
    pub(super) fn parse(bytes: &[u8]) -> Result<Self, KeySetError> {
        let written = Written::read(bytes)?;
        Ok(Self {
            keys: written.keys.into_iter().filter_map(Key::read).collect(),
        })
    }

    pub(super) fn not_empty(self) -> Result<Self, KeySetError> {
        if self.keys.is_empty() {
            Err(KeySetError::Empty)
        } else {
            Ok(self)
        }
    }

    /// Every key that fits: RFC 7517 lets two keys share a `kid`.
    pub(super) fn candidates(&self, kid: &str, algorithm: SignatureAlgorithm) -> Option<Vec<Key>> {
        let fits = |key: &&Key| key.kid == kid && key.algorithms.contains(&algorithm);
        let keys: Vec<Key> = self.keys.iter().filter(fits).cloned().collect();
        (!keys.is_empty()).then_some(keys)
    }
}

impl Key {
    pub(super) fn read(written: Value) -> Option<Self> {
        let jwk: Jwk = serde_json::from_value(written).ok()?;
        let algorithms = algorithms(&jwk);
        let kid = jwk
            .common
            .key_id
            .clone()
            .filter(|kid| !kid.is_empty() && kid.chars().count() <= MAX_KID)?;
        if algorithms.is_empty() || !is_for_signatures(&jwk) {
            return None;
        }
        Some(Self {
            kid,
            algorithms,
            key: DecodingKey::from_jwk(&jwk).ok()?,
            modulus: modulus(&jwk),
        })
    }

    /// The key of a point on the curve of `algorithm`, uncompressed. It has no name: no token finds it.
    pub(super) fn of_point(algorithm: SignatureAlgorithm, point: &[u8]) -> Self {
        Self {
            kid: String::new(),
            algorithms: vec![algorithm],
            key: DecodingKey::from_ec_der(point),
            modulus: None,
        }
    }

    /// The RSA key of a modulus, with the usual exponent. It has no name: no token finds it.
    pub(super) fn of_modulus(modulus: &[u8]) -> Self {
        Self {
            kid: String::new(),
            algorithms: vec![SignatureAlgorithm::RS256, SignatureAlgorithm::RS384],
            key: DecodingKey::from_rsa_raw_components(modulus, &[1, 0, 1]),
            modulus: Some(modulus.to_vec()),
        }
    }

    /// Whether a check of `signature` (base64url) goes through all its steps. One that is no number below an RSA
    /// modulus, of its length, is thrown out at once, which would tell who sent it which keys we have.
    pub(super) fn may_have_made(&self, signature: &str) -> bool {
        let Some(modulus) = &self.modulus else {
            return true;
        };
        let signature = URL_SAFE_NO_PAD.decode(signature).unwrap_or_default();
        modulus.len() >= SHORTEST_MODULUS && signature.len() == modulus.len() && signature < *modulus
    }

    /// Whether `signature` (base64url) is this key's over `signed`, the token's first two parts.
    pub(super) fn verifies(&self, algorithm: SignatureAlgorithm, signed: &str, signature: &str) -> bool {
        #[cfg(test)]
        super::tests::note_check(super::tests::Check {
            algorithm,
            modulus: self.modulus.as_ref().map_or(0, Vec::len),
            whole: self.may_have_made(signature),
        });
        self.algorithms.contains(&algorithm)
            && crypto::verify(signature, signed.as_bytes(), &self.key, library_name(algorithm))
                .unwrap_or(false)
    }
}

/// The modulus of an RSA key, without leading zeros.
fn modulus(jwk: &Jwk) -> Option<Vec<u8>> {
    let AlgorithmParameters::RSA(parameters) = &jwk.algorithm else {
        return None;
    };
    let written = URL_SAFE_NO_PAD.decode(&parameters.n).ok()?;
    Some(written.into_iter().skip_while(|byte| *byte == 0).collect())
}

/// What a key's type and curve allow, narrowed by its own `alg`.
fn algorithms(jwk: &Jwk) -> Vec<SignatureAlgorithm> {
    use SignatureAlgorithm::{ES256, ES384, RS256, RS384};
    let by_type: &[SignatureAlgorithm] = match &jwk.algorithm {
        AlgorithmParameters::RSA(_) => &[RS384, RS256],
        AlgorithmParameters::EllipticCurve(parameters) => match parameters.curve {
            EllipticCurve::P384 => &[ES384],
            EllipticCurve::P256 => &[ES256],
            _ => &[],
        },
        _ => &[],
    };
    let own = |algorithm: &&SignatureAlgorithm| match &jwk.common.key_algorithm {
        None => true,
        Some(KeyAlgorithm::ES256) => **algorithm == ES256,
        Some(KeyAlgorithm::ES384) => **algorithm == ES384,
        Some(KeyAlgorithm::RS256) => **algorithm == RS256,
        Some(KeyAlgorithm::RS384) => **algorithm == RS384,
        Some(_) => false,
    };
    by_type.iter().filter(own).copied().collect()
}

fn is_for_signatures(jwk: &Jwk) -> bool {
    let by_use = jwk
        .common
        .public_key_use
        .as_ref()
        .is_none_or(|purpose| *purpose == PublicKeyUse::Signature);
    let operations = jwk.common.key_operations.as_ref();
    by_use && operations.is_none_or(|operations| operations.contains(&KeyOperations::Verify))
}

fn library_name(algorithm: SignatureAlgorithm) -> Algorithm {
    match algorithm {
        SignatureAlgorithm::ES256 => Algorithm::ES256,
        SignatureAlgorithm::ES384 => Algorithm::ES384,
        SignatureAlgorithm::RS256 => Algorithm::RS256,
        SignatureAlgorithm::RS384 => Algorithm::RS384,
    }
}
