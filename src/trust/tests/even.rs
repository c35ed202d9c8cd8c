//! What a refusal costs: counted and not timed, so that it fails on every machine or on none.

use std::cell::RefCell;

use aws_lc_rs::agreement::{ECDH_P256, ECDH_P384};
use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, ECDSA_P384_SHA384_FIXED_SIGNING, EcdsaKeyPair};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jsonwebtoken::Algorithm;
use serde_json::{Value, json};

use super::{AUDIENCE, ISSUER, JKU, NOW, Refusal, Service, Signer, good_claims, unsigned, with};
use crate::config::SignatureAlgorithm;
use crate::trust::decoy::{Decoy, point};
use crate::trust::keys::Key;

/// What one signature check costs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::trust) struct Check {
    pub(in crate::trust) algorithm: SignatureAlgorithm,
    /// Length of an RSA key in bytes, else 0.
    pub(in crate::trust) modulus: usize,
    /// Whether the signature could be thrown out without it.
    pub(in crate::trust) whole: bool,
}

thread_local! {
    static CHECKS: RefCell<Vec<Check>> = const { RefCell::new(Vec::new()) };
}

/// Notes a check of this thread.
pub(in crate::trust) fn note_check(check: Check) {
    CHECKS.with_borrow_mut(|checks| checks.push(check));
}

/// The checks of this thread since the last call of this.
pub(super) fn checks() -> Vec<Check> {
    CHECKS.take()
}

/// A public key of that many bytes, whose private half nobody has.
fn rsa_of(bytes: usize, kid: &str) -> Value {
    let mut modulus = vec![0x9d; bytes];
    modulus[0] = 0xc1;
    json!({"kty": "RSA", "kid": kid, "n": URL_SAFE_NO_PAD.encode(modulus), "e": "AQAB"})
}

/// Signatures of every length that could meet a key, and of numbers that are no signature.
fn signatures() -> Vec<String> {
    let lengths = [0, 1, 64, 95, 96, 97, 255, 256, 257, 384, 511, 512];
    let written = lengths.into_iter().flat_map(|length| {
        [0, 1, 0x9c, 0x9d, 0xc2, 0xff].map(|byte| URL_SAFE_NO_PAD.encode(vec![byte; length]))
    });
    written.chain(["not base64".to_owned()]).collect()
}

/// cds-34d
#[tokio::test]
async fn what_a_refusal_costs_depends_on_the_token_and_not_on_what_is_known() {
    let (p384, p256) = (Signer::ec384("p384"), Signer::ec256("p256"));
    let rsa =
        [(256, "rsa-2048"), (384, "rsa-3072"), (512, "rsa-4096")].map(|(bytes, kid)| rsa_of(bytes, kid));
    let keys = [&p384.public, &p256.public, &rsa[0], &rsa[1], &rsa[2]];
    let all = Service::new(&keys, "algorithms=['ES384','RS384','ES256','RS256']").await;
    let default = Service::new(&keys, "").await;
    let known = [
        ("ES384", "p384"),
        ("ES256", "p256"),
        ("RS384", "rsa-2048"),
        ("RS256", "rsa-2048"),
        ("RS384", "rsa-3072"),
        ("RS384", "rsa-4096"),
    ];
    for (algorithm, kid) in known {
        let header = json!({"alg": algorithm, "typ": "JWT", "kid": kid});
        let changed = |name: &str, member: Value| with(good_claims(), name, member);
        let tokens = [
            ("as it should be", &all, header.clone(), good_claims()),
            (
                "unknown issuer",
                &all,
                header.clone(),
                changed("iss", json!("https://other")),
            ),
            (
                "unknown key",
                &all,
                with(header.clone(), "kid", json!("x")),
                good_claims(),
            ),
            (
                "foreign jku",
                &all,
                with(header.clone(), "jku", json!("https://x")),
                good_claims(),
            ),
            (
                "known jku",
                &all,
                with(header.clone(), "jku", json!(JKU)),
                good_claims(),
            ),
            (
                "other audience",
                &all,
                header.clone(),
                changed("aud", json!("https://x")),
            ),
            ("expired", &all, header.clone(), changed("exp", json!(NOW - 100))),
            ("not allowed for all", &default, header.clone(), good_claims()),
        ];
        for signature in signatures() {
            let mut costs = Vec::new();
            for (what, service, header, claims) in &tokens {
                let token = unsigned(&header.to_string(), &claims.to_string());
                assert!(service.refusal(&format!("{token}.{signature}")).await.is_some());
                costs.push((what, service.last_checks()));
            }
            let (_, first) = costs[0].clone();
            assert_eq!(first.len(), 1);
            for (what, cost) in costs {
                assert_eq!(
                    cost,
                    first,
                    "{algorithm}, {kid}, {what}, signature of {}",
                    signature.len()
                );
            }
        }
    }
}

#[tokio::test]
async fn a_good_signature_is_checked_once_and_opens_nothing_to_a_decoy() {
    let signer = Signer::rsa("rsa", Algorithm::RS384);
    let service = Service::new(&[&signer.public], "").await;
    assert_eq!(service.refusal(&signer.token(&good_claims())).await, None);
    assert_eq!(service.last_checks().len(), 1);
    let elsewhere = with(good_claims(), "aud", json!(format!("{AUDIENCE}x")));
    let stranger = with(good_claims(), "iss", json!(format!("{ISSUER}x")));
    for (claims, expected) in [(elsewhere, Refusal::Audience), (stranger, Refusal::UnknownIssuer)] {
        assert_eq!(service.refusal(&signer.token(&claims)).await, Some(expected));
    }
}

/// Whoever shares a `kid` between two keys has both tried: the one thing about its keys that a caller can tell.
#[tokio::test]
async fn two_keys_of_one_name_are_both_tried() {
    let (one, other) = (Signer::ec384("k"), Signer::ec384("k"));
    let service = Service::new(&[&one.public, &other.public], "").await;
    assert_eq!(service.refusal(&other.token(&good_claims())).await, None);
    assert_eq!(service.last_checks().len(), 2);
}

/// A point that is none would be thrown out before any work: the keys of decoys are whole.
#[test]
fn the_keys_of_decoys_verify_what_their_private_halves_sign() {
    let private = [0x11; 48];
    let p384 = point(&ECDH_P384, &private).unwrap();
    let p256 = point(&ECDH_P256, &private[..32]).unwrap();
    for (algorithm, signing, private, point) in [
        (
            SignatureAlgorithm::ES384,
            &ECDSA_P384_SHA384_FIXED_SIGNING,
            &private[..],
            p384,
        ),
        (
            SignatureAlgorithm::ES256,
            &ECDSA_P256_SHA256_FIXED_SIGNING,
            &private[..32],
            p256,
        ),
    ] {
        let pair = EcdsaKeyPair::from_private_key_and_public_key(signing, private, &point).unwrap();
        let signature = pair.sign(&SystemRandom::new(), b"signed").unwrap();
        let key = Key::of_point(algorithm, &point);
        assert!(key.verifies(algorithm, "signed", &URL_SAFE_NO_PAD.encode(signature)));
    }
    Decoy::new().unwrap().check_nothing();
}
