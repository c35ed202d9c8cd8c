//! Tables of tokens that must be refused, each with the reason that must be given for it.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jsonwebtoken::{Algorithm, EncodingKey, crypto};
use serde_json::{Value, json};

use super::{AUDIENCE, ISSUER, NOW, Refusal, Service, Signer, good_claims, unsigned, with};

#[tokio::test]
async fn forged_claims_are_refused() {
    let signer = Signer::ec384("k");
    let service = Service::new(&[&signer.public], "").await;
    let cases: Vec<(&str, Value, Refusal)> = vec![
        ("iss", Value::Null, Refusal::Claim("iss")),
        ("iss", json!([ISSUER]), Refusal::Claim("iss")),
        ("iss", json!("https://EHR.example"), Refusal::UnknownIssuer),
        ("iss", json!("https://ehr.example/"), Refusal::UnknownIssuer),
        ("aud", Value::Null, Refusal::Claim("aud")),
        ("aud", json!(1), Refusal::Claim("aud")),
        ("aud", json!([AUDIENCE, 1]), Refusal::Claim("aud")),
        ("aud", json!([]), Refusal::Audience),
        ("aud", json!(""), Refusal::Audience),
        ("aud", json!("https://cds.example"), Refusal::Audience),
        ("aud", json!(format!("{AUDIENCE}//")), Refusal::Audience),
        ("aud", json!(format!("{AUDIENCE}x")), Refusal::Audience),
        ("exp", Value::Null, Refusal::Claim("exp")),
        ("exp", json!((NOW + 300).to_string()), Refusal::Claim("exp")),
        ("exp", json!(true), Refusal::Claim("exp")),
        (
            "exp",
            json!({"$serde_json::private::Number": (NOW + 300).to_string()}),
            Refusal::Claim("exp"),
        ),
        ("exp", json!(1e300), Refusal::Claim("exp")),
        ("exp", json!(NOW - 60), Refusal::Life),
        ("exp", json!(NOW + 901), Refusal::Life),
        ("exp", json!(NOW + 315_360_000), Refusal::Life),
        ("iat", Value::Null, Refusal::Claim("iat")),
        ("iat", json!(NOW.to_string()), Refusal::Claim("iat")),
        ("iat", json!(NOW + 61), Refusal::IssuedInFuture),
        ("iat", json!(NOW - 601), Refusal::Life),
        ("nbf", json!("soon"), Refusal::Claim("nbf")),
        ("nbf", json!(NOW + 61), Refusal::NotYetValid),
        ("jti", Value::Null, Refusal::Claim("jti")),
        ("jti", json!(7), Refusal::Claim("jti")),
        ("jti", json!(""), Refusal::Claim("jti")),
        ("jti", json!("x".repeat(513)), Refusal::Claim("jti")),
    ];
    for (name, member, expected) in cases {
        let token = signer.token(&with(good_claims(), name, member.clone()));
        assert_eq!(service.refusal(&token).await, Some(expected), "{name}: {member}");
    }
    let expired = with(
        with(good_claims(), "iat", json!(NOW - 360)),
        "exp",
        json!(NOW - 60),
    );
    assert_eq!(
        service.refusal(&signer.token(&expired)).await,
        Some(Refusal::Expired)
    );
    let null = good_claims()
        .to_string()
        .replace(&format!("{}", NOW + 300), "null");
    let token = signer.sign(&signer.header().to_string(), &null);
    assert_eq!(service.refusal(&token).await, Some(Refusal::Claim("exp")));
}

#[tokio::test]
async fn forged_headers_are_refused() {
    let signer = Signer::ec384("k");
    let service = Service::new(&[&signer.public], "").await;
    let cases: Vec<(&str, Value, Refusal)> = vec![
        ("alg", Value::Null, Refusal::Header("alg")),
        ("alg", json!("none"), Refusal::Algorithm),
        ("alg", json!("None"), Refusal::Algorithm),
        ("alg", json!("HS384"), Refusal::Algorithm),
        ("alg", json!("es384"), Refusal::Algorithm),
        ("alg", json!("ES256"), Refusal::Algorithm),
        ("alg", json!("PS384"), Refusal::Algorithm),
        ("alg", json!("RS384"), Refusal::UnknownKey),
        ("alg", json!(["ES384"]), Refusal::Header("alg")),
        ("kid", Value::Null, Refusal::Header("kid")),
        ("kid", json!(""), Refusal::Header("kid")),
        ("kid", json!(1), Refusal::Header("kid")),
        ("kid", json!("x".repeat(201)), Refusal::Header("kid")),
        ("kid", json!("../../etc/passwd"), Refusal::UnknownKey),
        ("kid", json!("k' OR '1'='1"), Refusal::UnknownKey),
        ("kid", json!("K"), Refusal::UnknownKey),
        ("typ", json!("at+jwt"), Refusal::Header("typ")),
        ("typ", json!(1), Refusal::Header("typ")),
        (
            "jku",
            json!("https://evil.example/jwks.json"),
            Refusal::ForeignKeySet,
        ),
        ("jku", json!(1), Refusal::Header("jku")),
        ("jwk", signer.public.clone(), Refusal::Header("jwk")),
        ("x5u", json!("https://evil.example/c"), Refusal::Header("x5u")),
        ("x5c", json!([]), Refusal::Header("x5c")),
        ("crit", json!(["exp"]), Refusal::Header("crit")),
        ("b64", json!(false), Refusal::Header("b64")),
    ];
    for (name, member, expected) in cases {
        let token = signer.sign(
            &with(signer.header(), name, member.clone()).to_string(),
            &good_claims().to_string(),
        );
        assert_eq!(service.refusal(&token).await, Some(expected), "{name}: {member}");
    }
}

#[tokio::test]
async fn members_that_stand_twice_are_refused() {
    let signer = Signer::ec384("k");
    let service = Service::new(&[&signer.public], "").await;
    let (header, claims) = (signer.header().to_string(), good_claims().to_string());
    let twice = |json: &str, member: &str| json.replacen('{', &format!("{{{member},"), 1);
    for (header, claims) in [
        (twice(&header, r#""alg":"none""#), claims.clone()),
        (twice(&header, r#""\u0061lg":"none""#), claims.clone()),
        (header.clone(), twice(&claims, r#""exp":1"#)),
        (header.clone(), twice(&claims, r#""iss":"x""#)),
    ] {
        assert_eq!(
            service.refusal(&signer.sign(&header, &claims)).await,
            Some(Refusal::Duplicate)
        );
    }
}

#[tokio::test]
async fn forged_signatures_are_refused() {
    let (ec, rsa) = (Signer::ec384("ec"), Signer::rsa("rsa", Algorithm::RS384));
    let service = Service::new(
        &[&ec.public, &rsa.public],
        "algorithms=['ES384','RS384','ES256','RS256']",
    )
    .await;
    let claims = good_claims().to_string();
    let public = EncodingKey::from_secret(ec.public.to_string().as_bytes());
    let hmac = unsigned(&with(ec.header(), "alg", json!("HS384")).to_string(), &claims);
    let hmac_signature = crypto::sign(hmac.as_bytes(), &public, Algorithm::HS384).unwrap();
    let under_es = unsigned(&ec.header().to_string(), &claims);
    let under_es_signature = crypto::sign(under_es.as_bytes(), &public, Algorithm::HS384).unwrap();
    let real = ec.token(&good_claims());
    let (signed, signature) = real.rsplit_once('.').unwrap();
    let other_claims = unsigned(&ec.header().to_string(), &good_claims().to_string());
    let cases = [
        (
            "HMAC with the public key",
            format!("{hmac}.{hmac_signature}"),
            Refusal::Algorithm,
        ),
        (
            "HMAC under an EC name",
            format!("{under_es}.{under_es_signature}"),
            Refusal::Signature,
        ),
        ("no signature", format!("{signed}."), Refusal::Signature),
        (
            "zero signature",
            format!("{signed}.{}", URL_SAFE_NO_PAD.encode([0; 96])),
            Refusal::Signature,
        ),
        (
            "signature of another token",
            format!("{other_claims}.{signature}"),
            Refusal::Signature,
        ),
        (
            "key of a stranger",
            Signer::ec384("ec").token(&good_claims()),
            Refusal::Signature,
        ),
        (
            "kid of the other key",
            ec.sign(&with(ec.header(), "kid", json!("rsa")).to_string(), &claims),
            Refusal::UnknownKey,
        ),
        (
            "other hash than named",
            ec.sign(&with(ec.header(), "alg", json!("ES256")).to_string(), &claims),
            Refusal::UnknownKey,
        ),
        (
            "swapped keys",
            ec.sign(&rsa.header().to_string(), &claims),
            Refusal::Signature,
        ),
        ("not base64", format!("{signed}.{signature}="), Refusal::Signature),
    ];
    for (what, token, expected) in cases {
        assert_eq!(service.refusal(&token).await, Some(expected), "{what}");
    }
}

#[tokio::test]
async fn what_is_no_token_is_refused() {
    let signer = Signer::ec384("k");
    let service = Service::new(&[&signer.public], "").await;
    let token = signer.token(&good_claims());
    for (header, expected) in [
        (None, Refusal::NoToken),
        (Some(String::new()), Refusal::NoToken),
        (Some("Bearer".to_owned()), Refusal::NoToken),
        (Some(format!("Basic {token}")), Refusal::NoToken),
        (Some("Bearer ".to_owned()), Refusal::Malformed),
        (Some("Bearer a.b".to_owned()), Refusal::Malformed),
        (Some("Bearer ..".to_owned()), Refusal::Malformed),
        (Some(format!("Bearer {token}.x")), Refusal::Malformed),
        (Some(format!("Bearer {token} {token}")), Refusal::Malformed),
        (
            Some(format!("Bearer {}", unsigned("[]", "{}") + ".x")),
            Refusal::Malformed,
        ),
        (
            Some(format!("Bearer {}", unsigned("{} ", "{}{}") + ".x")),
            Refusal::Header("alg"),
        ),
        (
            Some(format!(
                "Bearer {}",
                unsigned(&signer.header().to_string(), "{}{}") + ".x"
            )),
            Refusal::Malformed,
        ),
        (
            Some(format!("Bearer {}", "x".repeat(16 * 1024 + 1))),
            Refusal::TooLong,
        ),
    ] {
        assert_eq!(
            service.try_at(NOW, header.as_deref()).await.unwrap_err(),
            expected,
            "{header:?}"
        );
    }
}
