//! Tokens that are accepted, each of them once, and settings that cannot be trusted. Forged tokens
//! and fetched key sets have files of their own, and so has what a refusal costs. Keys are made when the tests run; none is committed.

mod even;
mod fetched;
mod forged;

use std::cell::RefCell;
use std::sync::LazyLock;

use aws_lc_rs::encoding::{AsDer, Pkcs8V1Der};
use aws_lc_rs::rsa::{KeyPair as RsaKeyPair, KeySize};
use aws_lc_rs::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, ECDSA_P384_SHA384_FIXED_SIGNING, EcdsaKeyPair};
use base64::Engine;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use jsonwebtoken::jwk::Jwk;
use jsonwebtoken::{Algorithm, EncodingKey, crypto};
use serde_json::{Value, json};

use super::*;
pub(super) use even::{Check, note_check};

const ISSUER: &str = "https://ehr.example";
const AUDIENCE: &str = "https://cds.example/cds-services/service";
const JKU: &str = "https://ehr.example/jwks.json";
/// Far ahead, so that the journal, which goes by the machine's clock, never takes a spent token for an old one.
const NOW: i64 = 4_102_444_800;

/// A signing key and its public half.
struct Signer {
    key: EncodingKey,
    algorithm: Algorithm,
    kid: &'static str,
    public: Value,
}

impl Signer {
    fn new(key: EncodingKey, algorithm: Algorithm, kid: &'static str) -> Self {
        let mut public = serde_json::to_value(Jwk::from_encoding_key(&key, algorithm).unwrap()).unwrap();
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
        Self::new(EncodingKey::from_rsa_pem(pem.as_bytes()).unwrap(), algorithm, kid)
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

static RSA: LazyLock<RsaKeyPair> = LazyLock::new(|| RsaKeyPair::generate(KeySize::Rsa2048).unwrap());

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
    checks: RefCell<Vec<Check>>,
}

impl Service {
    async fn new(keys: &[&Value], more: &str) -> Self {
        Self::of(trust(keys, more).unwrap()).await
    }

    async fn of(trust: Trust) -> Self {
        Self {
            trust,
            journal: Journal::in_memory().await.unwrap(),
            checks: RefCell::default(),
        }
    }

    async fn try_at(&self, now: i64, authorization: Option<&str>) -> Result<TrustedEhr, Refusal> {
        let audiences = [AUDIENCE.to_owned(), format!("{AUDIENCE}/feedback")];
        let now = Timestamp::from_second(now).unwrap();
        even::checks();
        let answer = self
            .trust
            .authenticate(
                authorization,
                &audiences,
                now,
                &self.journal,
                &mut Claimed::default(),
            )
            .await;
        self.checks.replace(even::checks());
        if let Err(refusal) = &answer {
            assert_eq!(
                self.last_checks().len(),
                1,
                "{refusal}: one signature check, whatever is wrong"
            );
        }
        answer
    }

    /// The signature checks of the last call.
    fn last_checks(&self) -> Vec<Check> {
        self.checks.borrow().clone()
    }

    async fn refusal(&self, token: &str) -> Option<Refusal> {
        self.try_at(NOW, Some(&format!("Bearer {token}"))).await.err()
    }
}

/// A client with a rate and a breaker of its own.
fn bounded(rate: u32, base: &str, name: &str, previous: Option<&Trust>) -> Trust {
    let folder = tempfile::tempdir().unwrap();
    let keys = json!({"keys": [Signer::ec384("k").public]});
    std::fs::write(folder.path().join("keys.json"), keys.to_string()).unwrap();
    let text = format!(
        "[journal]\nurl='sqlite:j.db'\n[[client]]\nname='{name}'\nissuer='{ISSUER}'\njwks-file='keys.json'\n\
         fhir-base='https://{base}/r4'\nrate={{per-second={rate},burst=1}}\n[client.breaker]\nfailures=1\npause-ms=60000"
    );
    let config = Config::from_toml(&text, folder.path()).unwrap();
    Trust::renewed(&config, previous, &Arc::default()).unwrap()
}

#[test]
fn a_reload_gives_no_client_more_than_its_settings_do() {
    let client = |trust: &Trust| Arc::clone(trust.clients().by_issuer(ISSUER).unwrap());
    let first = bounded(1, "a.example", "a", None);
    let used = client(&first);
    assert!(used.admit().is_ok() && used.admit().is_err());
    drop(used.breaker().leave());
    used.note_skew(7);
    let of = |client: &Client| {
        (
            client.admit().is_err(),
            client.breaker().is_open(),
            client.clock_skew(),
        )
    };
    for (rate, base, name, expected) in [
        (1, "a.example", "a", (true, true, Some(7))),
        (1, "b.example", "a", (true, false, Some(7))),
        (2, "a.example", "a", (false, true, Some(7))),
        (1, "a.example", "b", (false, false, None)),
    ] {
        let next = bounded(rate, base, name, Some(&first));
        assert_eq!(of(&client(&next)), expected, "{rate} {base} {name}");
    }
}

fn trust(keys: &[&Value], more: &str) -> Result<Trust, TrustError> {
    journalled(keys, more, "")
}

fn journalled(keys: &[&Value], more: &str, journal: &str) -> Result<Trust, TrustError> {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("keys.json"), json!({"keys": keys}).to_string()).unwrap();
    let text = format!(
        "[journal]\nurl='sqlite:j.db'\n{journal}[[client]]\nname='a'\nissuer='{ISSUER}'\njwks-file='keys.json'\n\
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
            ec.token(&with(good_claims(), "aud", json!(["https://other", AUDIENCE]))),
        ),
        (
            "aud of feedback",
            ec.token(&with(good_claims(), "aud", json!(format!("{AUDIENCE}/feedback")))),
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
        ("nbf has come", ec.token(&with(good_claims(), "nbf", json!(NOW)))),
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
async fn what_a_token_waits_for_before_it_is_proven_is_not_put_down_to_the_journal() {
    let (signer, stranger) = (Signer::ec384("k"), Signer::ec384("k"));
    let service = Service::new(&[&signer.public], "").await;
    let spending = async |token: String| {
        let (now, mut claimed) = (Timestamp::from_second(NOW).unwrap(), Claimed::default());
        let header = format!("Bearer {token}");
        let audiences = [AUDIENCE.to_owned()];
        let asked =
            service
                .trust
                .authenticate(Some(&header), &audiences, now, &service.journal, &mut claimed);
        (asked.await.is_ok(), claimed.spending.is_some())
    };
    let good = signer.token(&good_claims());
    assert_eq!(spending(stranger.token(&good_claims())).await, (false, false));
    assert_eq!(spending(good.clone()).await, (true, true));
    assert_eq!(spending(good).await, (false, true), "it was used before");
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
async fn algorithms_beyond_the_default_have_to_be_allowed() {
    let (ec, rsa) = (Signer::ec256("ec"), Signer::rsa("rsa", Algorithm::RS256));
    for signer in [&ec, &rsa] {
        let service = Service::new(&[&ec.public, &rsa.public], "").await;
        assert_eq!(
            service.refusal(&signer.token(&good_claims())).await,
            Some(Refusal::Algorithm)
        );
        let service = Service::new(&[&ec.public, &rsa.public], "algorithms=['ES256','RS256']").await;
        assert_eq!(service.refusal(&signer.token(&good_claims())).await, None);
    }
}

#[tokio::test]
async fn without_a_journal_no_token_is_accepted() {
    let signer = Signer::ec384("k");
    let service = Service::new(&[&signer.public], "").await;
    service.journal.close().await.unwrap();
    let refusal = service.refusal(&signer.token(&good_claims())).await.unwrap();
    assert_eq!(refusal, Refusal::JournalUnavailable);
    assert!(refusal.is_unavailable());
}

#[tokio::test]
async fn where_the_settings_say_so_a_token_is_accepted_once_without_a_journal() {
    let signer = Signer::ec384("k");
    let keys = [&signer.public];
    let service = Service::of(journalled(&keys, "", "when-unavailable='accept'\n").unwrap()).await;
    let (before, during) = (signer.token(&good_claims()), signer.token(&good_claims()));
    assert_eq!(service.refusal(&before).await, None);
    service.journal.close().await.unwrap();
    assert_eq!(service.refusal(&during).await, None);
    for used in [before, during] {
        assert_eq!(service.refusal(&used).await, Some(Refusal::Replayed));
    }
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
        assert!(said.contains("client `a`") && said.contains(expected), "{said}");
    }
    trust(
        &[&symmetric, &no_kid, &json!({"kty": "new"}), &json!(1), &good],
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
