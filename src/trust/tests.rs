//! Tokens that are accepted, a table of forged ones that are not, and key sets that are fetched.
//! Keys are made when the tests run; none is committed.

use std::sync::LazyLock;
use std::time::Duration;

use aws_lc_rs::encoding::{AsDer, Pkcs8V1Der};
use aws_lc_rs::rsa::{KeyPair as RsaKeyPair, KeySize};
use aws_lc_rs::signature::{
    ECDSA_P256_SHA256_FIXED_SIGNING, ECDSA_P384_SHA384_FIXED_SIGNING, EcdsaKeyPair,
};
use base64::Engine;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use jsonwebtoken::jwk::Jwk;
use jsonwebtoken::{Algorithm, EncodingKey, crypto};
use serde_json::{Value, json};
use wiremock::matchers::method;
use wiremock::{Mock, MockServer, ResponseTemplate};

use super::remote::{Remote, Timing};
use super::*;
use crate::config::SignatureAlgorithm;

const ISSUER: &str = "https://ehr.example";
const AUDIENCE: &str = "https://cds.example/cds-services/service";
const JKU: &str = "https://ehr.example/jwks.json";
const NOW: i64 = 1_795_334_400;

/// A signing key and its public half.
struct Signer {
    key: EncodingKey,
    algorithm: Algorithm,
    kid: &'static str,
    public: Value,
}

impl Signer {
    fn new(key: EncodingKey, algorithm: Algorithm, kid: &'static str) -> Self {
        let mut public =
            serde_json::to_value(Jwk::from_encoding_key(&key, algorithm).unwrap()).unwrap();
        public["kid"] = json!(kid);
        Self {
            key,
            algorithm,
            kid,
            public,
        }
    }

    fn ec384(kid: &'static str) -> Self {
        let pair = EcdsaKeyPair::generate(&ECDSA_P384_SHA384_FIXED_SIGNING).unwrap();
        Self::new(
            EncodingKey::from_ec_der(pair.to_pkcs8v1().unwrap().as_ref()),
            Algorithm::ES384,
            kid,
        )
    }

    fn ec256(kid: &'static str) -> Self {
        let pair = EcdsaKeyPair::generate(&ECDSA_P256_SHA256_FIXED_SIGNING).unwrap();
        Self::new(
            EncodingKey::from_ec_der(pair.to_pkcs8v1().unwrap().as_ref()),
            Algorithm::ES256,
            kid,
        )
    }

    fn rsa(kid: &'static str, algorithm: Algorithm) -> Self {
        let der: Pkcs8V1Der<'_> = RSA.as_der().unwrap();
        let pem = format!(
            "-----BEGIN PRIVATE KEY-----\n{}\n-----END PRIVATE KEY-----\n",
            STANDARD.encode(der.as_ref())
        );
        Self::new(
            EncodingKey::from_rsa_pem(pem.as_bytes()).unwrap(),
            algorithm,
            kid,
        )
    }

    fn header(&self) -> Value {
        json!({"alg": format!("{:?}", self.algorithm), "typ": "JWT", "kid": self.kid})
    }

    fn sign(&self, header: &str, claims: &str) -> String {
        let signed = unsigned(header, claims);
        let signature = crypto::sign(signed.as_bytes(), &self.key, self.algorithm).unwrap();
        format!("{signed}.{signature}")
    }

    fn token(&self, claims: &Value) -> String {
        self.sign(&self.header().to_string(), &claims.to_string())
    }
}

static RSA: LazyLock<RsaKeyPair> =
    LazyLock::new(|| RsaKeyPair::generate(KeySize::Rsa2048).unwrap());

fn unsigned(header: &str, claims: &str) -> String {
    format!(
        "{}.{}",
        URL_SAFE_NO_PAD.encode(header),
        URL_SAFE_NO_PAD.encode(claims)
    )
}

fn good_claims() -> Value {
    let jti = uuid::Uuid::new_v4().to_string();
    json!({"iss": ISSUER, "aud": AUDIENCE, "exp": NOW + 300, "iat": NOW, "jti": jti})
}

/// `value` with one member replaced, or removed where the new one is null.
fn with(mut value: Value, name: &str, member: Value) -> Value {
    let members = value.as_object_mut().unwrap();
    match member {
        Value::Null => drop(members.remove(name)),
        member => drop(members.insert(name.to_owned(), member)),
    }
    value
}

/// A service with one client, whose key file holds `keys`.
struct Service {
    trust: Trust,
    journal: Journal,
}

impl Service {
    async fn new(keys: &[&Value], more: &str) -> Self {
        let (trust, journal) = (
            trust(keys, more).unwrap(),
            Journal::in_memory().await.unwrap(),
        );
        Self { trust, journal }
    }

    async fn try_at(&self, now: i64, authorization: Option<&str>) -> Result<TrustedEhr, Refusal> {
        let audiences = [AUDIENCE.to_owned(), format!("{AUDIENCE}/feedback")];
        let now = Timestamp::from_second(now).unwrap();
        self.trust
            .authenticate(authorization, &audiences, now, &self.journal)
            .await
    }

    async fn refusal(&self, token: &str) -> Option<Refusal> {
        self.try_at(NOW, Some(&format!("Bearer {token}")))
            .await
            .err()
    }
}

fn trust(keys: &[&Value], more: &str) -> Result<Trust, TrustError> {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(
        folder.path().join("keys.json"),
        json!({"keys": keys}).to_string(),
    )
    .unwrap();
    let text = format!(
        "[journal]\nurl='sqlite:j.db'\n[[client]]\nname='a'\nissuer='{ISSUER}'\njwks-file='keys.json'\n\
         fhir-base='https://fhir.example/r4'\n{more}"
    );
    Trust::new(&Config::from_toml(&text, folder.path()).unwrap())
}

#[tokio::test]
async fn good_tokens_are_accepted() {
    let (ec, rsa) = (Signer::ec384("ec"), Signer::rsa("rsa", Algorithm::RS384));
    let service = Service::new(&[&ec.public, &rsa.public], &format!("jku='{JKU}'")).await;
    let cases = [
        ("ES384", ec.token(&good_claims())),
        ("RS384", rsa.token(&good_claims())),
        (
            "aud in a list",
            ec.token(&with(
                good_claims(),
                "aud",
                json!(["https://other", AUDIENCE]),
            )),
        ),
        (
            "aud of feedback",
            ec.token(&with(
                good_claims(),
                "aud",
                json!(format!("{AUDIENCE}/feedback")),
            )),
        ),
        (
            "aud with a slash",
            ec.token(&with(good_claims(), "aud", json!(format!("{AUDIENCE}/")))),
        ),
        (
            "fractions",
            ec.token(&with(
                with(good_claims(), "exp", json!(NOW as f64 + 299.5)),
                "iat",
                json!(NOW as f64 + 0.25),
            )),
        ),
        (
            "just expired",
            ec.token(&with(
                with(good_claims(), "exp", json!(NOW - 59)),
                "iat",
                json!(NOW - 359),
            )),
        ),
        (
            "clock ahead",
            ec.token(&with(good_claims(), "iat", json!(NOW + 60))),
        ),
        (
            "longest life",
            ec.token(&with(good_claims(), "exp", json!(NOW + 900))),
        ),
        (
            "nbf has come",
            ec.token(&with(good_claims(), "nbf", json!(NOW))),
        ),
        (
            "other claims",
            ec.token(&with(
                with(good_claims(), "sub", json!("x")),
                "tenant",
                json!("y"),
            )),
        ),
        (
            "configured jku",
            ec.sign(
                &with(ec.header(), "jku", json!(JKU)).to_string(),
                &good_claims().to_string(),
            ),
        ),
        (
            "no typ",
            ec.sign(
                &with(ec.header(), "typ", Value::Null).to_string(),
                &good_claims().to_string(),
            ),
        ),
    ];
    for (what, token) in cases {
        assert_eq!(service.refusal(&token).await, None, "{what}");
    }
    let token = ec.token(&good_claims());
    let ehr = service
        .try_at(NOW, Some(&format!("bearer  {token} ")))
        .await
        .unwrap();
    assert_eq!(ehr.client().name(), "a");
}

#[tokio::test]
async fn a_token_is_accepted_once() {
    let signer = Signer::ec384("k");
    let service = Service::new(&[&signer.public], "").await;
    let claims = good_claims();
    let token = signer.token(&claims);
    assert_eq!(service.refusal(&token).await, None);
    assert_eq!(service.refusal(&token).await, Some(Refusal::Replayed));
    assert_eq!(
        service.refusal(&signer.token(&claims)).await,
        Some(Refusal::Replayed)
    );
    assert_eq!(service.refusal(&signer.token(&good_claims())).await, None);
}

#[tokio::test]
async fn a_forged_token_does_not_use_up_the_real_one() {
    let (signer, stranger) = (Signer::ec384("k"), Signer::ec384("k"));
    let service = Service::new(&[&signer.public], "").await;
    let claims = good_claims();
    assert_eq!(
        service.refusal(&stranger.token(&claims)).await,
        Some(Refusal::Signature)
    );
    assert_eq!(service.refusal(&signer.token(&claims)).await, None);
}

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
        assert_eq!(
            service.refusal(&token).await,
            Some(expected),
            "{name}: {member}"
        );
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
        (
            "x5u",
            json!("https://evil.example/c"),
            Refusal::Header("x5u"),
        ),
        ("x5c", json!([]), Refusal::Header("x5c")),
        ("crit", json!(["exp"]), Refusal::Header("crit")),
        ("b64", json!(false), Refusal::Header("b64")),
    ];
    for (name, member, expected) in cases {
        let token = signer.sign(
            &with(signer.header(), name, member.clone()).to_string(),
            &good_claims().to_string(),
        );
        assert_eq!(
            service.refusal(&token).await,
            Some(expected),
            "{name}: {member}"
        );
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
    let hmac = unsigned(
        &with(ec.header(), "alg", json!("HS384")).to_string(),
        &claims,
    );
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
            ec.sign(
                &with(ec.header(), "alg", json!("ES256")).to_string(),
                &claims,
            ),
            Refusal::UnknownKey,
        ),
        (
            "swapped keys",
            ec.sign(&rsa.header().to_string(), &claims),
            Refusal::Signature,
        ),
        (
            "not base64",
            format!("{signed}.{signature}="),
            Refusal::Signature,
        ),
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

#[tokio::test]
async fn algorithms_beyond_the_default_have_to_be_allowed() {
    let (ec, rsa) = (Signer::ec256("ec"), Signer::rsa("rsa", Algorithm::RS256));
    for signer in [&ec, &rsa] {
        let service = Service::new(&[&ec.public, &rsa.public], "").await;
        assert_eq!(
            service.refusal(&signer.token(&good_claims())).await,
            Some(Refusal::Algorithm)
        );
        let service =
            Service::new(&[&ec.public, &rsa.public], "algorithms=['ES256','RS256']").await;
        assert_eq!(service.refusal(&signer.token(&good_claims())).await, None);
    }
}

#[tokio::test]
async fn without_a_journal_no_token_is_accepted() {
    let signer = Signer::ec384("k");
    let service = Service::new(&[&signer.public], "").await;
    service.journal.close().await.unwrap();
    let refusal = service
        .refusal(&signer.token(&good_claims()))
        .await
        .unwrap();
    assert_eq!(refusal, Refusal::JournalUnavailable);
    assert!(refusal.is_unavailable());
}

#[test]
fn unusable_key_files_stop_the_start() {
    let good = Signer::ec384("k").public;
    let symmetric = json!({"kty": "oct", "kid": "k", "k": "c2VjcmV0c2VjcmV0c2VjcmV0"});
    let (no_kid, encryption) = (
        with(good.clone(), "kid", Value::Null),
        with(good.clone(), "use", json!("enc")),
    );
    let (other_alg, private) = (
        with(good.clone(), "alg", json!("RS384")),
        with(good.clone(), "d", json!("AA")),
    );
    for (keys, expected) in [
        (vec![], "no usable key"),
        (vec![&no_kid], "no usable key"),
        (vec![&symmetric], "no usable key"),
        (vec![&encryption], "no usable key"),
        (vec![&other_alg], "no usable key"),
        (vec![&good, &private], "private key"),
    ] {
        let said = trust(&keys, "").unwrap_err().to_string();
        assert!(
            said.contains("client `a`") && said.contains(expected),
            "{said}"
        );
    }
    trust(
        &[
            &symmetric,
            &no_kid,
            &json!({"kty": "new"}),
            &json!(1),
            &good,
        ],
        "",
    )
    .unwrap();
}

#[test]
fn only_the_demo_client_is_trusted_without_a_token() {
    let demo = Client::for_loopback_demo("http://127.0.0.1:8081/fhir".parse().unwrap()).unwrap();
    assert_eq!(demo.fhir_base().as_str(), "http://127.0.0.1:8081/fhir/");
    assert_eq!(
        TrustedEhr::for_loopback_demo(demo).unwrap().client().name(),
        "demo"
    );
    assert!(Client::for_loopback_demo("https://fhir.example/r4".parse().unwrap()).is_err());
    let trust = trust(&[&Signer::ec384("k").public], "").unwrap();
    let client = Arc::clone(trust.clients().by_issuer(ISSUER).unwrap());
    assert!(matches!(
        TrustedEhr::for_loopback_demo(client),
        Err(TrustError::NotADemo)
    ));
}

/// A key set behind an address, with every request counted by the server.
async fn remote(server: &MockServer, timing: Timing) -> Arc<Remote> {
    let url = format!("{}/jwks.json", server.uri()).parse().unwrap();
    Arc::new(Remote::new(
        "a".to_owned(),
        url,
        super::remote::http().unwrap(),
        timing,
    ))
}

async fn serve(server: &MockServer, answer: ResponseTemplate) {
    server.reset().await;
    Mock::given(method("GET"))
        .respond_with(answer)
        .mount(server)
        .await;
}

async fn fetches(server: &MockServer) -> usize {
    server.received_requests().await.unwrap().len()
}

async fn find(remote: &Arc<Remote>, kid: &str) -> Option<Refusal> {
    remote
        .candidates(kid, SignatureAlgorithm::ES384)
        .await
        .err()
}

const AT_ONCE: Timing = Timing {
    refresh_after: Duration::ZERO,
    interval: Duration::ZERO,
    discard_after: Duration::from_secs(60),
};

#[tokio::test]
async fn a_storm_of_unknown_keys_is_one_fetch() {
    let server = MockServer::start().await;
    let answer =
        ResponseTemplate::new(200).set_body_json(json!({"keys": [Signer::ec384("k").public]}));
    serve(&server, answer.set_delay(Duration::from_millis(50))).await;
    let remote = remote(&server, Timing::default()).await;
    let storm = (0..200).map(|number| {
        let remote = Arc::clone(&remote);
        tokio::spawn(async move { find(&remote, &format!("random-{number}")).await })
    });
    for refusal in futures_util::future::join_all(storm).await {
        assert_eq!(refusal.unwrap(), Some(Refusal::UnknownKey));
    }
    assert_eq!(find(&remote, "k").await, None);
    assert_eq!(fetches(&server).await, 1);
}

#[tokio::test]
async fn a_new_key_is_found_and_an_old_one_is_forgotten() {
    let server = MockServer::start().await;
    let set = |kid| {
        ResponseTemplate::new(200).set_body_json(json!({"keys": [Signer::ec384(kid).public]}))
    };
    serve(&server, set("old")).await;
    let remote = remote(&server, AT_ONCE).await;
    assert_eq!(find(&remote, "old").await, None);
    serve(&server, set("new")).await;
    assert_eq!(find(&remote, "new").await, None);
    assert_eq!(find(&remote, "old").await, Some(Refusal::UnknownKey));
}

#[tokio::test]
async fn an_outage_is_bridged_for_a_while() {
    let server = MockServer::start().await;
    let answer =
        ResponseTemplate::new(200).set_body_json(json!({"keys": [Signer::ec384("k").public]}));
    serve(&server, answer).await;
    let patient = remote(&server, AT_ONCE).await;
    let strict = remote(
        &server,
        Timing {
            discard_after: Duration::from_millis(1),
            ..AT_ONCE
        },
    )
    .await;
    assert_eq!(find(&patient, "k").await, None);
    find(&strict, "k").await;
    serve(&server, ResponseTemplate::new(500)).await;
    tokio::time::sleep(Duration::from_millis(10)).await;
    assert_eq!(find(&patient, "k").await, None);
    assert_eq!(find(&strict, "k").await, Some(Refusal::KeysUnavailable));
}

#[tokio::test]
async fn bad_answers_are_no_key_set_and_are_not_asked_for_again_at_once() {
    let large = format!("{{\"keys\":[{}]}}", vec!["{}"; 100_000].join(","));
    for answer in [
        ResponseTemplate::new(404),
        ResponseTemplate::new(302).insert_header("Location", "http://127.0.0.1:1/"),
        ResponseTemplate::new(200).set_body_string("<html>"),
        ResponseTemplate::new(200).set_body_string(large),
    ] {
        let server = MockServer::start().await;
        serve(&server, answer).await;
        let remote = remote(&server, Timing::default()).await;
        assert_eq!(find(&remote, "k").await, Some(Refusal::KeysUnavailable));
        assert_eq!(find(&remote, "k").await, Some(Refusal::KeysUnavailable));
        assert_eq!(fetches(&server).await, 1);
    }
}

#[tokio::test]
async fn a_caller_who_hangs_up_does_not_abort_the_fetch() {
    let server = MockServer::start().await;
    let answer =
        ResponseTemplate::new(200).set_body_json(json!({"keys": [Signer::ec384("k").public]}));
    serve(&server, answer.set_delay(Duration::from_millis(100))).await;
    let remote = remote(&server, Timing::default()).await;
    let hasty = tokio::time::timeout(
        Duration::from_millis(20),
        remote.candidates("k", SignatureAlgorithm::ES384),
    );
    assert!(hasty.await.is_err());
    assert_eq!(find(&remote, "k").await, None);
    assert_eq!(fetches(&server).await, 1);
}
