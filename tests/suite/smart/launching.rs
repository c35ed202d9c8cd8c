//! The way to the authorization server (SMART App Launch 2.2, "Obtain authorization code").

use super::authority::{Authority, Browser, CLIENT_ID, form, location, query};
use crate::helpers::app::PUBLIC;
use crate::helpers::{Answer, Ehr, Stop};
use aws_lc_rs::signature::{ECDSA_P384_SHA384_FIXED_SIGNING, EcdsaKeyPair};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use jsonwebtoken::{Algorithm, DecodingKey, Validation};
use reqwest::Method;
use serde_json::{Value, json};
use std::io::Write;

fn lupus() -> Stop {
    Stop::tacrolimus().in_lupus_nephritis().with_upcr("2.1", "g/g", 7)
}

#[tokio::test]
async fn an_ehr_launch_asks_for_a_code_with_everything_that_it_must_carry() {
    let ehr = Authority::with(&lupus()).await;
    let app = ehr.app().await;
    let to = Browser::new(&app).begin(&ehr).await;
    assert!(
        to.as_str()
            .starts_with(&format!("{}/authorize?flavour=own&", ehr.origin()))
    );
    let asked = query(&to);
    let is = |name: &str, value: &str| assert_eq!(asked[name], value, "{name}");
    is("response_type", "code");
    is("client_id", CLIENT_ID);
    is("redirect_uri", &format!("{PUBLIC}/smart/callback"));
    is("launch", "chart-42");
    is("aud", &ehr.base());
    is("code_challenge_method", "S256");
    for (name, least) in [("state", 43), ("nonce", 43), ("code_challenge", 43)] {
        assert!(asked[name].len() >= least, "{name}");
    }
    let scopes: Vec<&str> = asked["scope"].split(' ').collect();
    for scope in [
        "launch",
        "openid",
        "fhirUser",
        "patient/Patient.r",
        "patient/Observation.rs",
        "patient/MedicationRequest.rs",
    ] {
        assert!(scopes.contains(&scope), "{scope}");
    }
    assert!(!asked["scope"].contains('*') && !scopes.contains(&"offline_access"));
    assert!(!asked.contains_key("max_age"));
    let again = query(&Browser::new(&app).begin(&ehr).await);
    for name in ["state", "nonce", "code_challenge"] {
        assert_ne!(asked[name], again[name], "{name}");
    }
    let discovery = ehr.asked("/fhir/.well-known/smart-configuration").await;
    assert_eq!(discovery.len(), 1, "it is kept");
    assert_eq!(discovery[0].headers["accept"], "application/json");
}

#[tokio::test]
async fn the_audience_is_the_issuer_byte_for_byte() {
    let ehr = Authority::with(&lupus()).await;
    let app = ehr.app().await;
    let slash = format!("{}/", ehr.base());
    let answer = Browser::new(&app)
        .get(&format!("/smart/launch?launch=x&iss={slash}"))
        .await;
    assert_eq!(query(&location(&answer))["aud"], slash);
}

#[tokio::test]
async fn a_launch_from_our_own_page_asks_for_a_patient() {
    let ehr = Authority::with(&lupus()).await;
    let app = ehr.app().await;
    let browser = Browser::new(&app);
    let page = browser.get("/smart").await;
    let (_, link) = page
        .text()
        .split_once("href=\"/stepdown/smart/launch")
        .map(|(a, b)| (a.to_owned(), b.to_owned()))
        .unwrap();
    let link = format!("/smart/launch{}", link.split('"').next().unwrap());
    let asked = query(&location(&browser.get(&link).await));
    assert!(!asked.contains_key("launch") && asked["scope"].starts_with("launch/patient "));
    assert_eq!(asked["aud"], ehr.base());
    assert!(
        !page.text().contains("clinic"),
        "a client without the app is not offered"
    );
}

#[tokio::test]
async fn an_unknown_issuer_is_refused_without_a_question() {
    let (ehr, stranger) = (
        Authority::with(&lupus()).await,
        Ehr::holding(&lupus()).await.open().await,
    );
    let app = ehr.app().await;
    let browser = Browser::new(&app);
    let stranger_base = stranger.base();
    let other_path = format!("{}/../other", ehr.base());
    let user = ehr.base().replace("http://", "http://user@");
    for issuer in [
        stranger_base.as_str(),
        &other_path,
        &user,
        "http://169.254.169.254/fhir",
        "file:///etc/passwd",
        "nonsense",
        "",
    ] {
        let encoded: String = url::form_urlencoded::byte_serialize(issuer.as_bytes()).collect();
        let answer = browser
            .get(&format!("/smart/launch?launch=x&iss={encoded}"))
            .await;
        assert_eq!(answer.status, 403, "{issuer}");
        assert!(!answer.text().contains("169.254") && browser.cookies().is_empty());
    }
    assert_eq!(browser.get("/smart/launch?launch=x").await.status, 400);
    assert!(stranger.requests().await.is_empty() && ehr.asked("/").await.is_empty());
}

#[tokio::test]
async fn nothing_in_a_launch_chooses_where_the_browser_goes() {
    let ehr = Authority::with(&lupus()).await;
    let app = ehr.app().await;
    let browser = Browser::new(&app);
    let more = "redirect_uri=https%3A%2F%2Fevil.example&next=https%3A%2F%2Fevil.example&aud=https%3A%2F%2Fevil.example";
    let to = location(
        &browser
            .get(&format!("/smart/launch?launch=x&iss={}&{more}", ehr.base()))
            .await,
    );
    assert!(!to.as_str().contains("evil"));
    let back = format!("{}&{more}", ehr.consent(&to));
    assert!(super::authority::path(&browser.get(&back).await).starts_with("/stepdown/smart/s/"));
}

#[tokio::test]
async fn a_discovery_document_that_cannot_be_used_ends_the_launch() {
    let ehr = Authority::with(&lupus()).await;
    for wrong in [
        json!({"token_endpoint": null}),
        json!({"authorization_endpoint": "http://login.example/authorize"}),
        json!({"token_endpoint": "http://10.0.0.1/token"}),
        json!({"token_endpoint": "https://user:word@login.example/token"}),
        json!({"capabilities": 7}),
    ] {
        ehr.script(|script| script.discovery = wrong.clone());
        let app = ehr.app().await;
        let answer = Browser::new(&app)
            .get(&format!("/smart/launch?launch=x&iss={}", ehr.base()))
            .await;
        assert_eq!(answer.status, 502, "{wrong}");
    }
}

#[tokio::test]
async fn scopes_are_those_that_the_server_speaks_or_the_settings_name() {
    let ehr = Authority::with(&lupus()).await;
    let old = json!({"capabilities": ["launch-ehr", "permission-v1"]});
    ehr.script(|script| script.discovery = old);
    let app = ehr.app().await;
    let asked = query(&Browser::new(&app).begin(&ehr).await);
    assert!(asked["scope"].contains("patient/Observation.read") && !asked["scope"].contains("openid"));
    assert!(
        !asked.contains_key("nonce"),
        "no identity is asked for that could not be checked"
    );
    let app = ehr.app_with("scopes = ['patient/*.rs', 'launch']").await;
    assert_eq!(
        query(&Browser::new(&app).begin(&ehr).await)["scope"],
        "launch patient/*.rs"
    );
}

#[tokio::test]
async fn a_code_is_exchanged_with_the_verifier_and_the_same_redirect_address() {
    let ehr = Authority::with(&lupus()).await;
    let app = ehr.app().await;
    let page = Browser::new(&app).open(&ehr).await;
    assert!(page.len() > 50);
    let sent = form(&ehr.asked("/token").await[0]);
    assert_eq!(sent["grant_type"], "authorization_code");
    assert_eq!(sent["redirect_uri"], format!("{PUBLIC}/smart/callback"));
    assert_eq!(sent["client_id"], CLIENT_ID, "a public client names itself");
    assert!(sent["code_verifier"].len() >= 43);
}

#[tokio::test]
async fn a_shared_secret_goes_into_the_header_and_the_client_id_not_into_the_form() {
    let ehr = Authority::with(&lupus()).await;
    let mut secret = tempfile::NamedTempFile::new().unwrap();
    writeln!(secret, "s3cret:+/").unwrap();
    let app = ehr
        .app_with(&format!("secret-file = '{}'", secret.path().display()))
        .await;
    Browser::new(&app).open(&ehr).await;
    let request = &ehr.asked("/token").await[0];
    let pair = STANDARD.encode(format!("{CLIENT_ID}:s3cret%3A%2B%2F"));
    assert_eq!(request.headers["authorization"], format!("Basic {pair}"));
    assert!(!form(request).contains_key("client_id"));
}

#[tokio::test]
async fn an_assertion_is_signed_by_the_published_key_for_the_token_endpoint() {
    let ehr = Authority::with(&lupus()).await;
    let pair = EcdsaKeyPair::generate(&ECDSA_P384_SHA384_FIXED_SIGNING).unwrap();
    let der = pair.to_pkcs8v1().unwrap();
    let mut pem = tempfile::NamedTempFile::new().unwrap();
    let body = STANDARD.encode(der.as_ref());
    writeln!(
        pem,
        "-----BEGIN PRIVATE KEY-----\n{body}\n-----END PRIVATE KEY-----"
    )
    .unwrap();
    let app = ehr
        .app_with(&format!("key-file = '{}'", pem.path().display()))
        .await;
    let browser = Browser::new(&app);
    browser.open(&ehr).await;
    browser.open(&ehr).await;
    let published = Answer::of(app.call(Method::GET, "/smart/jwks.json").send().await.unwrap()).await;
    assert!(published.headers.contains_key("cache-control"));
    let key = &published.json["keys"][0];
    assert!(
        key.get("d").is_none()
            && key["use"] == "sig"
            && key["alg"] == "ES384"
            && key["key_ops"] == json!(["verify"])
    );
    let mut jtis = Vec::new();
    for request in ehr.asked("/token").await {
        let sent = form(&request);
        assert_eq!(
            sent["client_assertion_type"],
            "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
        );
        assert!(!sent.contains_key("client_id") && !request.headers.contains_key("authorization"));
        let header = jsonwebtoken::decode_header(&sent["client_assertion"]).unwrap();
        assert_eq!(
            (header.typ.as_deref(), header.kid.as_deref()),
            (Some("JWT"), key["kid"].as_str())
        );
        let mut rules = Validation::new(Algorithm::ES384);
        rules.set_audience(&[format!("{}/token", ehr.origin())]);
        let public = DecodingKey::from_jwk(&serde_json::from_value(key.clone()).unwrap()).unwrap();
        let claims = jsonwebtoken::decode::<Value>(&sent["client_assertion"], &public, &rules)
            .unwrap()
            .claims;
        assert!(claims["aud"].is_string() && claims["iss"] == CLIENT_ID && claims["sub"] == CLIENT_ID);
        assert!(claims["exp"].as_i64().unwrap() - claims["iat"].as_i64().unwrap() <= 300);
        jtis.push(claims["jti"].clone());
    }
    assert_ne!(jtis[0], jtis[1]);
}

#[tokio::test]
async fn a_relative_endpoint_is_resolved_against_the_fhir_base() {
    let ehr = Authority::with(&lupus()).await;
    ehr.script(|script| {
        script.discovery = json!({"authorization_endpoint": "auth/authorize", "token_endpoint": "/token"})
    });
    let app = ehr.app().await;
    let browser = Browser::new(&app);
    let to = browser.begin(&ehr).await;
    assert!(
        to.as_str()
            .starts_with(&format!("{}/auth/authorize?", ehr.base())),
        "{to}"
    );
    assert_eq!(browser.get(&ehr.consent(&to)).await.status, 303);
    ehr.script(|script| script.discovery = json!({"token_endpoint": "//other.example/token"}));
    let app = ehr.app().await;
    let answer = Browser::new(&app)
        .get(&format!("/smart/launch?launch=x&iss={}", ehr.base()))
        .await;
    assert_eq!(
        answer.status, 502,
        "held to the same rule: no plain http beyond this machine"
    );
}
