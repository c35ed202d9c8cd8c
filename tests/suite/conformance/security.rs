//! Who may call.

use crate::helpers::app::{CLINIC, HOSPITAL, JKU, NOBODY, PUBLIC, hospital_key, rsa_key, stranger_key};
use crate::helpers::keys::{claims, unsigned, with};
use crate::helpers::program::Program;
use crate::helpers::resources::PATIENT;
use crate::helpers::{Answer, Stop, TestApp, now};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jsonwebtoken::{Algorithm, EncodingKey, crypto};
use reqwest::Method;
use serde_json::{Value, json};

const HOOK: &str = "medication-discontinue";

/// One application, called with any `Authorization`.
struct Door {
    app: TestApp,
    path: String,
    body: String,
}

impl Door {
    async fn new() -> Self {
        let app = TestApp::spawn().await;
        let path = app.path(HOOK);
        Self {
            path,
            body: Stop::tacrolimus().request().to_string(),
            app,
        }
    }

    fn claims(&self) -> Value {
        claims(HOSPITAL, &format!("{PUBLIC}{}", self.path))
    }

    async fn knock(&self, authorization: Option<String>) -> Answer {
        let mut call = self
            .app
            .call(Method::POST, &self.path)
            .header("content-type", "application/json");
        if let Some(value) = authorization {
            call = call.header("authorization", value);
        }
        Answer::of(call.body(self.body.clone()).send().await.unwrap()).await
    }

    async fn opens(&self, token: String, why: &str) {
        let answer = self.knock(Some(format!("Bearer {token}"))).await;
        assert_eq!(answer.status, 200, "{why}");
    }

    async fn stays_shut(&self, token: String, why: &str) {
        let answer = self.knock(Some(format!("Bearer {token}"))).await;
        assert_eq!((answer.status, answer.bytes.len()), (401, 0), "{why}");
    }
}

/// cds-11b, cds-34a, cds-54b
#[tokio::test]
async fn every_missing_or_bad_token_gets_the_same_empty_401() {
    let door = Door::new().await;
    let good = door.app.trusted_ehr().token(&door.path);
    let tampered = good.replace('.', "A.");
    let cut = good[..good.len() - 8].to_owned();
    let bearers = [
        String::new(),
        "x".to_owned(),
        "..".to_owned(),
        tampered,
        cut,
        "A".repeat(20_000),
        door.app.stranger().token(&door.path),
        door.app.expired_token().token(&door.path),
    ];
    let mut values: Vec<Option<String>> = bearers
        .into_iter()
        .map(|token| Some(format!("Bearer {token}")))
        .collect();
    values.extend([
        None,
        Some(good.clone()),
        Some(format!("Basic {good}")),
        Some("Bearer".to_owned()),
    ]);
    let mut heads = Vec::new();
    for value in values {
        let answer = door.knock(value.clone()).await;
        assert_eq!((answer.status, answer.bytes.len()), (401, 0), "{value:?}");
        let mut names: Vec<String> = answer
            .headers
            .iter()
            .filter(|(name, _)| *name != "date")
            .map(|(name, value)| format!("{name}: {value:?}"))
            .collect();
        names.sort();
        heads.push(names);
    }
    assert!(heads.windows(2).all(|pair| pair[0] == pair[1]), "{heads:?}");
}

/// cds-34b
#[tokio::test]
async fn a_known_client_without_the_right_gets_403() {
    let app = TestApp::spawn().await;
    let mut request = Stop::tacrolimus().request();
    request["fhirServer"] = json!("https://fhir.somebody-else.example/r4");
    app.trusted_ehr().hook(&request).await.refuses(403, "fhirServer");
    let mut request = Stop::tacrolimus().granting("http://127.0.0.1:9/fhir", "t");
    request["fhirAuthorization"]["patient"] = json!("somebody-else");
    app.trusted_ehr()
        .hook(&request)
        .await
        .refuses(403, "fhirAuthorization.patient");
}

/// cds-55d, cds-56b, cds-58e
#[tokio::test]
async fn accepts_es384_and_rs384_and_further_claims() {
    let door = Door::new().await;
    door.opens(hospital_key().token(&door.claims()), "ES384").await;
    door.opens(rsa_key().token(&door.claims()), "RS384").await;
    let more = ["sub", "tenant", "azp"]
        .into_iter()
        .fold(door.claims(), |claims, name| with(claims, name, json!("x")));
    let started = more["iat"].clone();
    door.opens(
        hospital_key().token(&with(more, "nbf", started)),
        "further claims",
    )
    .await;
    let list = json!(["https://other.example", format!("{PUBLIC}{}", door.path)]);
    door.opens(
        hospital_key().token(&with(door.claims(), "aud", list)),
        "aud in a list",
    )
    .await;
}

/// cds-56a, cds-56c
#[tokio::test]
async fn refuses_unsigned_symmetric_and_mismatched_algorithms() {
    let door = Door::new().await;
    let header = |algorithm: &str| with(hospital_key().header(), "alg", json!(algorithm));
    for none in ["none", "None", "NONE", "nOnE"] {
        let signed = unsigned(&header(none), &door.claims());
        door.stays_shut(format!("{signed}."), none).await;
        let borrowed = hospital_key().token(&door.claims());
        door.stays_shut(format!("{signed}.{}", borrowed.rsplit('.').next().unwrap()), none)
            .await;
    }
    for (name, algorithm) in [
        ("HS256", Algorithm::HS256),
        ("HS384", Algorithm::HS384),
        ("HS512", Algorithm::HS512),
    ] {
        let public = EncodingKey::from_secret(hospital_key().public().to_string().as_bytes());
        let signed = unsigned(&header(name), &door.claims());
        let signature = crypto::sign(signed.as_bytes(), &public, algorithm).unwrap();
        door.stays_shut(format!("{signed}.{signature}"), name).await;
    }
    for other in ["RS384", "ES256", "RS256", "PS384", "ES512", "EdDSA", ""] {
        door.stays_shut(hospital_key().token_with(&header(other), &door.claims()), other)
            .await;
    }
    let crossed = with(hospital_key().header(), "kid", rsa_key().header()["kid"].clone());
    door.stays_shut(
        hospital_key().token_with(&crossed, &door.claims()),
        "the id of the other key",
    )
    .await;
}

/// cds-55b, cds-55c
#[tokio::test]
async fn refuses_a_token_without_a_required_part() {
    let door = Door::new().await;
    for part in ["alg", "kid"] {
        let header = with(hospital_key().header(), part, Value::Null);
        door.stays_shut(hospital_key().token_with(&header, &door.claims()), part)
            .await;
    }
    let typed = with(hospital_key().header(), "typ", json!("at+jwt"));
    door.stays_shut(hospital_key().token_with(&typed, &door.claims()), "another typ")
        .await;
    for claim in ["iss", "aud", "exp", "iat", "jti"] {
        door.stays_shut(
            hospital_key().token(&with(door.claims(), claim, Value::Null)),
            claim,
        )
        .await;
        door.stays_shut(
            hospital_key().token(&with(door.claims(), claim, json!({"x": 1}))),
            claim,
        )
        .await;
    }
    door.stays_shut(
        hospital_key().token(&with(door.claims(), "jti", json!(""))),
        "an empty jti",
    )
    .await;
    door.stays_shut(
        hospital_key().token(&with(door.claims(), "exp", json!("9999999999"))),
        "exp as text",
    )
    .await;
}

/// cds-57a, cds-57b
#[tokio::test]
async fn refuses_a_token_for_another_address() {
    let door = Door::new().await;
    let local = format!("{}{}", door.app.base(), door.path);
    let others = [
        local,
        PUBLIC.to_owned(),
        format!("{PUBLIC}/cds-services"),
        format!("{PUBLIC}/cds-services/other"),
        door.path.clone(),
        format!("{PUBLIC}{}x", door.path),
        format!("{PUBLIC}{}", door.path).replace("https", "http"),
    ];
    for audience in others {
        let token = hospital_key().token(&with(door.claims(), "aud", json!(audience)));
        door.stays_shut(token, &audience).await;
    }
    let spoofed = door
        .app
        .call(Method::POST, &door.path)
        .header("host", "evil.example")
        .header("x-forwarded-host", "evil.example");
    let token = hospital_key().token(&with(
        door.claims(),
        "aud",
        json!(format!("https://evil.example{}", door.path)),
    ));
    let answer = spoofed
        .bearer_auth(token)
        .header("content-type", "application/json")
        .body(door.body.clone())
        .send()
        .await
        .unwrap();
    assert_eq!(
        answer.status().as_u16(),
        401,
        "the address is configured, not taken from the call"
    );
}

/// cds-58a, cds-58b, cds-58c
#[tokio::test]
async fn trusts_only_listed_issuers_and_key_sets() {
    let door = Door::new().await;
    let stranger = claims("https://ehr.stranger.example", &format!("{PUBLIC}{}", door.path));
    door.stays_shut(hospital_key().token(&stranger), "an issuer that is not listed")
        .await;
    door.stays_shut(stranger_key().token(&door.claims()), "a key that is not listed")
        .await;
    door.stays_shut(
        hospital_key().token(&with(door.claims(), "iss", json!(CLINIC))),
        "the key of another issuer",
    )
    .await;
    let evil = wiremock::MockServer::builder().start().await;
    let keys = wiremock::ResponseTemplate::new(200).set_body_json(json!({"keys": [stranger_key().public()]}));
    wiremock::Mock::given(wiremock::matchers::any())
        .respond_with(keys)
        .mount(&evil)
        .await;
    let jku = with(
        stranger_key().header(),
        "jku",
        json!(format!("{}/jwks.json", evil.uri())),
    );
    door.stays_shut(
        stranger_key().token_with(&jku, &door.claims()),
        "a key set of the caller's",
    )
    .await;
    let own_key = with(stranger_key().header(), "jwk", stranger_key().public().clone());
    door.stays_shut(
        stranger_key().token_with(&own_key, &door.claims()),
        "a key inside the token",
    )
    .await;
    let foreign = with(
        hospital_key().header(),
        "jku",
        json!(format!("{}/jwks.json", evil.uri())),
    );
    door.stays_shut(
        hospital_key().token_with(&foreign, &door.claims()),
        "a jku that is not the client's",
    )
    .await;
    assert_eq!(
        evil.received_requests().await.unwrap().len(),
        0,
        "nothing is fetched on a token's word"
    );
    let own = with(hospital_key().header(), "jku", json!(JKU));
    door.opens(
        hospital_key().token_with(&own, &door.claims()),
        "the configured jku",
    )
    .await;
}

/// cds-58d
#[tokio::test]
async fn a_storm_of_unknown_keys_fetches_the_key_set_once() {
    let server = wiremock::MockServer::builder().start().await;
    let keys = wiremock::ResponseTemplate::new(200).set_body_json(json!({"keys": [hospital_key().public()]}));
    wiremock::Mock::given(wiremock::matchers::any())
        .respond_with(keys)
        .mount(&server)
        .await;
    let issuer = "https://ehr.remote.example";
    let remote = format!(
        "[[client]]\nname = 'remote'\nissuer = '{issuer}'\njwks-url = '{}/jwks.json'\nfhir-base = '{NOBODY}'",
        server.uri()
    );
    let door = Door {
        app: TestApp::with(NOBODY, "", &remote).await,
        ..Door::new().await
    };
    let claims = || claims(issuer, &format!("{PUBLIC}{}", door.path));
    door.opens(hospital_key().token(&claims()), "a key of the set")
        .await;
    for n in 0..25 {
        let header = with(stranger_key().header(), "kid", json!(format!("key-{n}")));
        door.stays_shut(stranger_key().token_with(&header, &claims()), "an unknown key")
            .await;
    }
    door.opens(hospital_key().token(&claims()), "still a key of the set")
        .await;
    assert_eq!(server.received_requests().await.unwrap().len(), 1);
}

/// cds-59a
#[tokio::test]
async fn refuses_a_token_that_was_used_before() {
    let door = Door::new().await;
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
    let door = Door::new().await;
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
    let early = with(door.claims(), "nbf", json!(at + 600));
    door.stays_shut(hospital_key().token(&early), "not yet valid")
        .await;
}

/// cds-60
#[tokio::test]
async fn never_takes_the_access_token_for_the_callers() {
    let door = Door::new().await;
    let good = door.app.trusted_ehr().token(&door.path);
    let mut request = Stop::tacrolimus().granting("http://127.0.0.1:9/fhir", &good);
    let call = |request: &Value| {
        let call = door
            .app
            .call(Method::POST, &door.path)
            .header("content-type", "application/json");
        call.body(request.to_string())
    };
    let without = call(&request).send().await.unwrap();
    assert_eq!(
        without.status().as_u16(),
        401,
        "a good token in the body opens nothing"
    );
    request["fhirAuthorization"]["access_token"] = json!("opaque");
    let opaque = call(&request).bearer_auth("opaque").send().await.unwrap();
    assert_eq!(opaque.status().as_u16(), 401);

    let ehr = crate::helpers::Ehr::holding(&Stop::tacrolimus())
        .await
        .open()
        .await;
    let app = TestApp::reading(&ehr.base()).await;
    app.trusted_ehr()
        .hook(&Stop::tacrolimus().granting(&ehr.base(), "opaque"))
        .await
        .cards();
    for read in ehr.requests().await {
        assert_eq!(
            read.headers["authorization"], "Bearer opaque",
            "the caller's token goes nowhere"
        );
    }
}

/// cds-59d: the real program at its most talkative.
#[tokio::test]
async fn never_logs_a_token() {
    let folder = tempfile::tempdir().unwrap();
    let program = Program::serve(folder.path(), "trace");
    let path = "/cds-services/stepdown-medication-discontinue";
    let claims = Program::claims(path);
    let (good, bad) = (hospital_key().token(&claims), stranger_key().token(&claims));
    let request = Stop::tacrolimus()
        .with_kidney_transplant()
        .granting(NOBODY, "secret-access-token-5ea1");
    assert_eq!(program.post_with(path, &bad, &request).await.status, 401);
    let answer = program.post_with(path, &good, &request).await;
    assert_eq!(program.post_with(path, &good, &request).await.status, 401);
    let feedback = json!({"feedback": [{"card": answer.cards()[0]["uuid"], "outcome": "overridden",
        "outcomeTimestamp": now().to_string(), "overrideReason": {"userComment": "she asked for it"}}]});
    let kept = program.post(&format!("{path}/feedback"), &feedback).await;
    assert_eq!(kept.status, 200);

    let log = program.kill();
    let signature = |token: &str| token.rsplit('.').next().unwrap().to_owned();
    let secrets = [
        signature(&good),
        signature(&bad),
        URL_SAFE_NO_PAD.encode(claims.to_string()),
        "secret-access-token-5ea1".to_owned(),
        "asked for it".to_owned(),
        PATIENT.to_owned(),
    ];
    for secret in secrets {
        assert!(!log.contains(&secret), "the log holds {secret}:\n{log}");
    }
    assert!(log.contains("token.refused"), "a refusal is logged:\n{log}");
}

/// cds-59c: the client as configured stands for issuer and tenant, a mark for the `jti`.
#[tokio::test]
async fn the_log_names_the_client_and_a_mark_of_each_token() {
    let folder = tempfile::tempdir().unwrap();
    let program = Program::serve(folder.path(), "debug");
    let path = "/cds-services/stepdown-medication-discontinue";
    let claims = with(Program::claims(path), "tenant", json!("tenant-of-theirs"));
    let token = hospital_key().token(&claims);
    let request = Stop::tacrolimus().with_kidney_transplant().request();
    assert_eq!(program.post_with(path, &token, &request).await.status, 200);
    assert_eq!(program.post_with(path, &token, &request).await.status, 401);
    let (issuer, jti) = (claims["iss"].as_str().unwrap(), claims["jti"].as_str().unwrap());
    let asked = std::process::Command::new(env!("CARGO_BIN_EXE_stepdown"))
        .args(["mark", "--issuer", issuer, "--config"])
        .arg(folder.path().join("settings.toml"))
        .arg(jti)
        .output()
        .unwrap();
    assert!(
        asked.status.success(),
        "{}",
        String::from_utf8_lossy(&asked.stderr)
    );
    let mark = String::from_utf8(asked.stdout).unwrap().trim().to_owned();
    assert_eq!(mark.len(), 16, "{mark}");

    let log = program.kill();
    for event in ["token.accepted", "token.refused"] {
        let line = log
            .lines()
            .find(|line| line.contains(event))
            .unwrap_or_else(|| panic!("no {event}:\n{log}"));
        assert!(line.contains("hospital") && line.contains(&mark), "{line}");
    }
    for claim in [issuer, jti, "tenant-of-theirs"] {
        assert!(!log.contains(claim), "the log holds {claim}:\n{log}");
    }
}
