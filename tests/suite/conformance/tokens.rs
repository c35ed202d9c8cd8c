//! What a token must be: its algorithm and parts, whom it is meant for, how long, and how often. The table of everything
//! that is forged stands in `forged_tokens`.

use crate::helpers::app::{PUBLIC, hospital_key, rsa_key};
use crate::helpers::entrance::Entrance;
use crate::helpers::keys::{unsigned, with};
use jsonwebtoken::{Algorithm, EncodingKey, crypto};
use reqwest::Method;
use serde_json::{Value, json};

/// A token whose claim is another one, or missing where that is null.
fn claiming(door: &Entrance, claim: &str, member: Value) -> String {
    hospital_key().token(&with(door.claims(), claim, member))
}

/// A token whose header says something else, or nothing where that is null.
fn headed(door: &Entrance, name: &str, member: Value) -> String {
    let header = with(hospital_key().header(), name, member);
    hospital_key().token_with(&header, &door.claims())
}

/// cds-55d, cds-56b, cds-58e
#[tokio::test]
async fn accepts_es384_and_rs384_and_further_claims() {
    let door = Entrance::new().await;
    door.opens(hospital_key().token(&door.claims()), "ES384").await;
    door.opens(rsa_key().token(&door.claims()), "RS384").await;
    let more = ["sub", "tenant", "azp"]
        .into_iter()
        .fold(door.claims(), |claims, name| with(claims, name, json!("x")));
    let started = more["iat"].clone();
    let further = hospital_key().token(&with(more, "nbf", started));
    door.opens(further, "further claims").await;
    let list = json!(["https://other.example", format!("{PUBLIC}{}", door.path)]);
    door.opens(claiming(&door, "aud", list), "aud in a list").await;
}

/// cds-56a, cds-56c
#[tokio::test]
async fn refuses_unsigned_symmetric_and_mismatched_algorithms() {
    let door = Entrance::new().await;
    let signed = |algorithm: &str| {
        let header = with(hospital_key().header(), "alg", json!(algorithm));
        unsigned(&header, &door.claims())
    };
    for none in ["none", "None", "NONE", "nOnE"] {
        let borrowed = hospital_key().token(&door.claims());
        let borrowed = borrowed.rsplit('.').next().unwrap();
        door.stays_shut(format!("{}.", signed(none)), none).await;
        door.stays_shut(format!("{}.{borrowed}", signed(none)), none)
            .await;
    }
    let public = EncodingKey::from_secret(hospital_key().public().to_string().as_bytes());
    for (name, algorithm) in [
        ("HS256", Algorithm::HS256),
        ("HS384", Algorithm::HS384),
        ("HS512", Algorithm::HS512),
    ] {
        let signed = signed(name);
        let signature = crypto::sign(signed.as_bytes(), &public, algorithm).unwrap();
        door.stays_shut(format!("{signed}.{signature}"), name).await;
    }
    for other in ["RS384", "ES256", "RS256", "PS384", "ES512", "EdDSA", ""] {
        door.stays_shut(headed(&door, "alg", json!(other)), other).await;
    }
    let other = rsa_key().header()["kid"].clone();
    door.stays_shut(headed(&door, "kid", other), "the id of the other key")
        .await;
}

/// cds-55b, cds-55c
#[tokio::test]
async fn refuses_a_token_without_a_required_part() {
    let door = Entrance::new().await;
    for (part, member) in [
        ("alg", Value::Null),
        ("kid", Value::Null),
        ("typ", json!("at+jwt")),
    ] {
        door.stays_shut(headed(&door, part, member), part).await;
    }
    for claim in ["iss", "aud", "exp", "iat", "jti"] {
        for member in [Value::Null, json!({"x": 1})] {
            door.stays_shut(claiming(&door, claim, member), claim).await;
        }
    }
    door.stays_shut(claiming(&door, "jti", json!("")), "an empty jti")
        .await;
    door.stays_shut(claiming(&door, "exp", json!("9999999999")), "exp as text")
        .await;
}

/// cds-57a, cds-57b
#[tokio::test]
async fn refuses_a_token_for_another_address() {
    let door = Entrance::new().await;
    let others = [
        format!("{}{}", door.app.base(), door.path),
        PUBLIC.to_owned(),
        format!("{PUBLIC}/cds-services"),
        format!("{PUBLIC}/cds-services/other"),
        door.path.clone(),
        format!("{PUBLIC}{}x", door.path),
        format!("{PUBLIC}{}", door.path).replace("https", "http"),
    ];
    for audience in others {
        door.stays_shut(claiming(&door, "aud", json!(audience)), &audience)
            .await;
    }
    let evil = json!(format!("https://evil.example{}", door.path));
    let spoofed = door
        .app
        .call(Method::POST, &door.path)
        .header("host", "evil.example")
        .header("x-forwarded-host", "evil.example")
        .header("content-type", "application/json")
        .bearer_auth(claiming(&door, "aud", evil))
        .body(door.body.clone());
    assert_eq!(
        spoofed.send().await.unwrap().status().as_u16(),
        401,
        "the address is configured, not taken from the call"
    );
}

/// cds-59a
#[tokio::test]
async fn refuses_a_token_that_was_used_before() {
    let door = Entrance::new().await;
    let claims = door.claims();
    let token = hospital_key().token(&claims);
    door.opens(token.clone(), "the first time").await;
    door.stays_shut(token, "the same token").await;
    door.stays_shut(rsa_key().token(&claims), "the same id under another signature")
        .await;
    door.opens(hospital_key().token(&door.claims()), "another token")
        .await;
}

/// cds-59b
#[tokio::test]
async fn holds_tokens_to_their_lifetime_with_a_small_skew() {
    let door = Entrance::new().await;
    let at = door.claims()["iat"].as_i64().unwrap();
    let token = |iat: i64, exp: i64| {
        let claims = with(door.claims(), "iat", json!(at + iat));
        hospital_key().token(&with(claims, "exp", json!(at + exp)))
    };
    for (iat, exp, why) in [
        (-300, -20, "a clock behind"),
        (20, 300, "a clock ahead"),
        (-10, 800, "almost a quarter of an hour"),
    ] {
        door.opens(token(iat, exp), why).await;
    }
    for (iat, exp, why) in [
        (-600, -300, "expired"),
        (600, 900, "issued in the future"),
        (0, 86_400, "a day long"),
        (0, 0, "no life"),
        (10, -10, "ends before it begins"),
    ] {
        door.stays_shut(token(iat, exp), why).await;
    }
    door.stays_shut(claiming(&door, "nbf", json!(at + 600)), "not yet valid")
        .await;
}
