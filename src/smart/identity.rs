//! Who signed in, as the EHR's identity token proves it.
//!
//! Turns an `id_token` into the reference of the user, after signature, issuer, audience, expiry and nonce.
//! The key comes from the address that discovery names and from nowhere else; only public-key algorithms are
//! accepted. The user's own resource is never fetched. Follows OpenID Connect Core 3.1.3.7 and SMART App
//! Launch 2.2, "Scopes for requesting identity data".

use super::discovery::{Endpoints, json};
use super::random;
use super::refusal::Refusal;
use crate::fhir::subject::is_id;
use jsonwebtoken::jwk::{Jwk, JwkSet, PublicKeyUse};
use jsonwebtoken::{Algorithm, DecodingKey, Validation, decode, decode_header};
use secrecy::{ExposeSecret, SecretString};
use serde::Deserialize;
use serde_json::Value;

/// SMART servers sign identity tokens with RS256 at least.
const ALGORITHMS: [Algorithm; 4] = [
    Algorithm::RS256,
    Algorithm::RS384,
    Algorithm::ES256,
    Algorithm::ES384,
];

#[derive(Deserialize)]
struct Claims {
    nonce: Option<String>,
    azp: Option<String>,
    #[serde(rename = "fhirUser")]
    fhir_user: Option<String>,
    profile: Option<String>,
}

/// What an identity token must be for.
pub(super) struct Expected<'e> {
    /// Our client id.
    pub(super) client_id: &'e str,
    /// The nonce of the launch.
    pub(super) nonce: &'e str,
    /// The EHR's FHIR base.
    pub(super) base: &'e str,
}

/// The user, as `Type/id`, where the token names one on the EHR's own server.
pub(super) async fn user(
    http: &reqwest::Client,
    endpoints: &Endpoints,
    token: &SecretString,
    expected: &Expected<'_>,
) -> Result<Option<String>, Refusal> {
    let (Some(issuer), Some(address)) = (&endpoints.issuer, &endpoints.keys) else {
        return Err(Refusal::IdentityNotProven);
    };
    let written: Value = json(http, address.clone())
        .await
        .ok_or(Refusal::IdentityNotProven)?;
    proven(token, &keys(written), issuer, expected).ok_or(Refusal::IdentityNotProven)
}

/// The keys of a set that we can read; one of a kind that we do not know spoils no other.
fn keys(written: Value) -> JwkSet {
    let list = match written.get("keys") {
        Some(Value::Array(list)) => list.clone(),
        _ => Vec::new(),
    };
    JwkSet {
        keys: list
            .into_iter()
            .filter_map(|key| serde_json::from_value(key).ok())
            .collect(),
    }
}

fn proven(
    token: &SecretString,
    keys: &JwkSet,
    issuer: &str,
    expected: &Expected<'_>,
) -> Option<Option<String>> {
    let token = token.expose_secret();
    let header = decode_header(token).ok()?;
    if !ALGORITHMS.contains(&header.alg) {
        return None;
    }
    let mut validation = Validation::new(header.alg);
    validation.set_audience(&[expected.client_id]);
    validation.set_issuer(&[issuer]);
    validation.set_required_spec_claims(&["exp", "iss", "aud", "sub"]);
    let fits = |key: &&Jwk| {
        let named = header.kid.is_none() || key.common.key_id == header.kid;
        named && !matches!(key.common.public_key_use, Some(PublicKeyUse::Encryption))
    };
    let verified = |key: &Jwk| {
        let key = DecodingKey::from_jwk(key).ok()?;
        Some(decode::<Claims>(token, &key, &validation).ok()?.claims)
    };
    let claims = keys.keys.iter().filter(fits).find_map(verified)?;
    let ours = claims
        .nonce
        .as_deref()
        .is_some_and(|nonce| random::same(nonce, expected.nonce))
        && claims
            .azp
            .as_deref()
            .is_none_or(|party| party == expected.client_id);
    ours.then(|| {
        claims
            .fhir_user
            .or(claims.profile)
            .and_then(|user| local(&user, expected.base))
    })
}

/// `Type/id` of a user that is written so, or as an address on the EHR's own base.
fn local(user: &str, base: &str) -> Option<String> {
    let relative = user
        .strip_prefix(base.trim_end_matches('/'))
        .unwrap_or(user)
        .trim_start_matches('/');
    let (kind, id) = relative.split_once('/')?;
    let known = [
        "Practitioner",
        "PractitionerRole",
        "Patient",
        "RelatedPerson",
        "Person",
    ];
    (known.contains(&kind) && is_id(id)).then(|| relative.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_user_on_another_server_is_nobody() {
        let base = "https://fhir.example/r4/";
        let of = |user: &str| local(user, base);
        assert_eq!(of("Practitioner/7").as_deref(), Some("Practitioner/7"));
        assert_eq!(
            of("https://fhir.example/r4/Practitioner/7").as_deref(),
            Some("Practitioner/7")
        );
        for other in [
            "https://other.example/Practitioner/7",
            "Practitioner/../7",
            "Device/1",
            "",
        ] {
            assert_eq!(of(other), None, "{other}");
        }
    }
}
