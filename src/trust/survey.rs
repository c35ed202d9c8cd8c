//! A key set as its publisher should see it: which keys can be used, and why the others are passed over.
//!
//! Turns the bytes of a set into a [`KeySurvey`], by the same reader that reads keys for tokens. Holds key ids
//! and no part of a key. Follows RFC 7517.

use jsonwebtoken::jwk::{AlgorithmParameters, Jwk, PublicKeyUse};
use serde::Deserialize;
use serde_json::Value;

use super::KeySetError;
use super::keys::{Key, MAX_KID, Written};
use crate::config::SignatureAlgorithm;

/// What a key set is good for.
#[derive(Debug, PartialEq, Eq)]
pub struct KeySurvey {
    /// Id and algorithms of each key that can be used.
    pub usable: Vec<(String, Vec<SignatureAlgorithm>)>,
    /// Place in the list, counted from 1, and why a key is passed over.
    pub passed_over: Vec<(usize, Unusable)>,
}

/// Why a key is passed over.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Unusable {
    /// No `kid`, or one that is empty or too long.
    #[error("has no `kid` of 1 to {MAX_KID} characters")]
    NoKid,
    /// A shared secret.
    #[error("is symmetric: whoever reads the set can sign with it")]
    Symmetric,
    /// Meant for something else.
    #[error("is not for signatures (`use` or `key_ops`)")]
    OtherUse,
    /// A type, curve or `alg` that no token may use.
    #[error("is neither RSA nor EC on P-256 or P-384, or its `alg` does not fit its type")]
    OtherType,
    /// Members are missing or damaged.
    #[error("cannot be read as a public key")]
    Damaged,
}

impl KeySurvey {
    /// The key ids that stand more than once for the same algorithm.
    #[must_use]
    pub fn doubled(&self) -> Vec<&str> {
        let mut found: Vec<&str> = Vec::new();
        for (at, (kid, algorithms)) in self.usable.iter().enumerate() {
            let same = |(other, theirs): &(String, Vec<SignatureAlgorithm>)| {
                other == kid && theirs.iter().any(|algorithm| algorithms.contains(algorithm))
            };
            if self.usable.iter().skip(at + 1).any(same) && !found.contains(&kid.as_str()) {
                found.push(kid);
            }
        }
        found
    }
}

/// Looks at a key set.
///
/// # Errors
/// [`KeySetError`] if it is none, or holds a private key.
pub fn survey(bytes: &[u8]) -> Result<KeySurvey, KeySetError> {
    let mut found = KeySurvey {
        usable: Vec::new(),
        passed_over: Vec::new(),
    };
    for (at, written) in Written::read(bytes)?.keys.into_iter().enumerate() {
        match Key::read(written.clone()) {
            Some(key) => found.usable.push((key.kid, key.algorithms)),
            None => found.passed_over.push((at + 1, why(&written))),
        }
    }
    Ok(found)
}

fn why(written: &Value) -> Unusable {
    if written["kty"] == "oct" {
        return Unusable::Symmetric;
    }
    let kid = written["kid"].as_str().unwrap_or_default();
    if kid.is_empty() || kid.chars().count() > MAX_KID {
        return Unusable::NoKid;
    }
    let Ok(key) = Jwk::deserialize(written) else {
        return Unusable::Damaged;
    };
    let for_others = |purpose: &PublicKeyUse| *purpose != PublicKeyUse::Signature;
    if key.common.public_key_use.as_ref().is_some_and(for_others) || key.common.key_operations.is_some() {
        return Unusable::OtherUse;
    }
    match key.algorithm {
        AlgorithmParameters::RSA(_) if key.common.key_algorithm.is_none() => Unusable::Damaged,
        _ => Unusable::OtherType,
    }
}
