//! What the doctor says about the servers of a client.

use super::site::{KEY, Site, discovery, refusal, statement, worse};
use crate::helpers::certificates::{Authority, Guarded};
use crate::helpers::keys::{Signer, with};
use serde_json::{Value, json};
use stepdown::clock::Clock;
use wiremock::ResponseTemplate;

/// A loopback address is no address for an EHR; all else of a site is in order.
const PLAIN: &str = "Warning service.secure";

#[tokio::test]
async fn where_all_is_well_nothing_is_said_against_it() {
    let site = Site::new().await;
    let found = site.found().await;
    assert_eq!(worse(&found), [PLAIN], "{found:#?}");
    for check in [
        "settings.read",
        "knowledge.read",
        "journal.open",
        "service.reachable",
        "clock",
        "fhir.reachable",
        "fhir.version",
        "fhir.capabilities",
        "keys.reachable",
        "keys.key",
        "smart.discovery",
        "smart.endpoints",
        "smart.pkce",
        "smart.capabilities",
        "smart.scopes",
        "smart.login",
        "smart.issuer",
        "smart.keys",
        "smart.token",
    ] {
        assert!(found.iter().any(|of| of.check == check), "{check}");
    }
}

/// One answer of the site is another one: what the doctor then says beyond the usual.
async fn tried(cases: Vec<(&str, ResponseTemplate, Vec<&str>)>) {
    let site = Site::new().await;
    for (at, (path, answer, expected)) in cases.into_iter().enumerate() {
        let usual = site.replace(path, answer);
        let found = site.found().await;
        let mut said = worse(&found);
        said.retain(|of| of != PLAIN);
        assert_eq!(said, expected, "case {at}, {path}: {found:#?}");
        let text: String = found.iter().map(|of| format!("{of}\n")).collect();
        assert!(!text.contains("canary"), "{text}");
        assert!(
            found
                .iter()
                .all(|of| of.grade == stepdown::doctor::Grade::Ok || of.remedy.is_some())
        );
        site.answers(path, usual);
    }
}

fn json_of(value: &Value) -> ResponseTemplate {
    ResponseTemplate::new(200).set_body_json(value)
}

/// A statement without a type.
fn without(kind: &str) -> Value {
    let mut all = statement();
    let list = all["rest"][0]["resource"].as_array_mut().unwrap();
    list.retain(|of| of["type"] != kind);
    all
}

/// A good answer by a clock that is so many seconds ahead.
fn at(ahead: i64) -> ResponseTemplate {
    let then = jiff::Timestamp::from_second(Clock::Real.now().as_second() + ahead).unwrap();
    let date = then.strftime("%a, %d %b %Y %H:%M:%S GMT").to_string();
    json_of(&statement()).insert_header("date", &*date)
}

#[tokio::test]
async fn a_fhir_server_that_cannot_be_used_is_told_with_the_reason() {
    let path = "/fhir/metadata";
    let mut no_search = statement();
    no_search["rest"][0]["resource"][3]["interaction"] = json!([{"code": "read"}]);
    no_search["rest"][0]["resource"][2]["searchInclude"] = json!(["MedicationRequest:encounter"]);
    let (reachable, listed) = ("Problem fhir.reachable", "Warning fhir.capabilities");
    tried(vec![
        (path, ResponseTemplate::new(404), vec![reachable]),
        (
            path,
            ResponseTemplate::new(302).insert_header("location", "/canary"),
            vec![reachable],
        ),
        (
            path,
            ResponseTemplate::new(200).set_body_string("<html>canary"),
            vec![reachable],
        ),
        (
            path,
            json_of(&json!({"resourceType": "Patient", "fhirVersion": "4.0.1"})),
            vec![reachable],
        ),
        (path, ResponseTemplate::new(401), vec!["Warning fhir.reachable"]),
        (
            path,
            json_of(&with(statement(), "fhirVersion", json!("5.0.0"))),
            vec!["Problem fhir.version"],
        ),
        (
            path,
            json_of(&without("MedicationRequest")),
            vec!["Problem fhir.capabilities"],
        ),
        (path, json_of(&without("Procedure")), vec![listed]),
        (path, json_of(&no_search), vec![listed, listed]),
    ])
    .await;
}

#[tokio::test]
async fn a_clock_that_is_wrong_is_told() {
    let path = "/fhir/metadata";
    for (ahead, expected) in [(-600, "Problem clock"), (30, "Warning clock")] {
        tried(vec![(path, at(ahead), vec![expected])]).await;
    }
}

#[tokio::test]
async fn a_server_that_nobody_answers_for_is_a_problem() {
    let site = Site::new().await;
    let base = format!("{}/fhir", site.origin());
    let settings = site
        .settings("", "", "")
        .replace(&base, "http://127.0.0.1:9/fhir");
    let found = site.found_with(&settings).await;
    let said = worse(&found);
    assert!(said.contains(&"Problem fhir.reachable".to_owned()), "{said:?}");
    assert!(said.contains(&"Problem smart.discovery".to_owned()), "{said:?}");
}

#[tokio::test]
async fn keys_are_judged_as_the_service_reads_them() {
    let path = "/jwks.json";
    let good = KEY.public();
    let set = |keys: Vec<Value>| json_of(&json!({"keys": keys}));
    let (private, no_kid) = (
        with(good.clone(), "d", json!("canary")),
        with(good.clone(), "kid", Value::Null),
    );
    let (key, none) = ("Warning keys.key", "Problem keys.set");
    let oct = json!({"kty": "oct", "kid": "s", "k": "Y2FuYXJ5"});
    let wrong_use = with(with(good.clone(), "use", json!("enc")), "kid", json!("e"));
    let small = Signer::ec_256("small").public().clone();
    let named = with(small.clone(), "kid", json!("line\u{1b}[31m\nbreak"));
    tried(vec![
        (path, ResponseTemplate::new(404), vec!["Problem keys.reachable"]),
        (
            path,
            ResponseTemplate::new(200).set_body_string("canary"),
            vec![none],
        ),
        (path, set(vec![]), vec![none]),
        (
            path,
            set(vec![good.clone(), private]),
            vec!["Problem keys.private"],
        ),
        (path, set(vec![no_kid]), vec![key, none]),
        (
            path,
            set(vec![good.clone(), oct, wrong_use, named]),
            vec![key, key, key],
        ),
        (path, set(vec![small]), vec![key, none]),
        (
            path,
            set(vec![good.clone(), good.clone()]),
            vec!["Warning keys.doubled"],
        ),
    ])
    .await;
}

#[tokio::test]
async fn what_an_authorization_server_offers_is_held_against_what_a_launch_needs() {
    let path = "/fhir/.well-known/smart-configuration";
    let changed = |member: &str, value: Value| json_of(&with(discovery("https://a.example"), member, value));
    let discovery = "Problem smart.discovery";
    tried(vec![
        (path, ResponseTemplate::new(404), vec![discovery]),
        (
            path,
            ResponseTemplate::new(200).set_body_string("canary"),
            vec![discovery],
        ),
        (
            path,
            changed("token_endpoint", json!("http://login.example/token")),
            vec!["Problem smart.endpoints"],
        ),
    ])
    .await;
}

#[tokio::test]
async fn each_line_of_the_document_has_its_finding() {
    let site = Site::new().await;
    let path = "/fhir/.well-known/smart-configuration";
    for (member, value, expected) in [
        (
            "code_challenge_methods_supported",
            json!(["S256", "plain"]),
            vec!["Warning smart.pkce"],
        ),
        (
            "code_challenge_methods_supported",
            json!(["plain"]),
            vec!["Warning smart.pkce"],
        ),
        (
            "capabilities",
            json!(["client-confidential-symmetric", "sso-openid-connect"]),
            vec!["Warning smart.capabilities"],
        ),
        (
            "capabilities",
            json!(["launch-ehr", "context-ehr-patient", "sso-openid-connect"]),
            vec!["Warning smart.login"],
        ),
        (
            "scopes_supported",
            json!(["launch", "patient/Patient.r"]),
            vec!["Warning smart.scopes"],
        ),
        ("scopes_supported", json!([]), vec![]),
        ("issuer", Value::Null, vec!["Warning smart.issuer"]),
        (
            "issuer",
            json!("http://elsewhere.example"),
            vec!["Problem smart.issuer"],
        ),
        (
            "jwks_uri",
            json!(format!("{}/nothing", site.origin())),
            vec!["Problem smart.keys"],
        ),
    ] {
        site.says(path, &with(discovery(&site.origin()), member, value.clone()));
        let found = site.found().await;
        let mut said = worse(&found);
        said.retain(|of| of != PLAIN);
        assert_eq!(said, expected, "{member} {value}: {found:#?}");
    }
    site.says(path, &discovery(&site.origin()));
    site.says(
        "/.well-known/openid-configuration",
        &json!({"issuer": "https://other.example"}),
    );
    assert_eq!(worse(&site.found().await), [PLAIN, "Problem smart.issuer"]);
}

#[tokio::test]
async fn scopes_of_the_settings_that_leave_a_type_out_are_told() {
    let site = Site::new().await;
    let found = site
        .found_with(&site.settings("", "", "scopes = ['openid', 'patient/Patient.r']"))
        .await;
    let said = found.iter().find(|of| of.check == "smart.scopes").unwrap();
    assert!(
        said.says.contains("MedicationRequest") && !said.says.contains("Patient,"),
        "{said}"
    );
}

#[tokio::test]
async fn the_token_endpoint_is_shown_our_proof_and_a_code_that_does_not_exist() {
    let path = "/token";
    let (problem, warning) = (vec!["Problem smart.token"], vec!["Warning smart.token"]);
    tried(vec![
        (path, refusal(401, "invalid_client"), problem.clone()),
        (path, refusal(400, "unauthorized_client"), problem),
        (path, refusal(400, "invalid_request"), warning.clone()),
        (
            path,
            ResponseTemplate::new(500).set_body_string("canary"),
            warning.clone(),
        ),
        (
            path,
            json_of(&json!({"access_token": "canary", "error": "canary"})),
            warning,
        ),
    ])
    .await;
    let site = Site::new().await;
    site.found().await;
    let asked = site.asked(path).await;
    assert_eq!(asked.len(), 1, "one request and no more");
    assert!(
        asked[0].headers["authorization"]
            .to_str()
            .unwrap()
            .starts_with("Basic ")
    );
}

#[tokio::test]
async fn an_address_is_shown_without_its_query() {
    let site = Site::new().await;
    let settings = site
        .settings("", "", "")
        .replace("/jwks.json'", "/jwks.json?key=canary'");
    let found = site.found_with(&settings).await;
    assert!(
        found.iter().any(|of| of.says.contains("/jwks.json answers"))
            && !format!("{found:?}").contains("canary")
    );
}

#[tokio::test]
async fn certificates_that_end_soon_are_told() {
    let (site, authority) = (Site::new().await, Authority::new());
    for (days, expected) in [(5, "Warning"), (90, "Ok")] {
        let ehr = Guarded::with(&authority, authority.signs_for("127.0.0.1", days), json!({}));
        let (certificate, key) = authority.signs_for("127.0.0.1", days);
        for (name, content) in [
            ("own.pem", &certificate),
            ("own.key", &key),
            ("ca.pem", &authority.pem()),
        ] {
            std::fs::write(site.folder().join(name), content).unwrap();
        }
        let own = "certificate = 'own.pem'\nprivate-key = 'own.key'";
        let tls = format!("[client.tls]\nserver-ca = 'ca.pem'\n{own}");
        let base = format!("{}/fhir", site.origin());
        let settings = site.settings(&format!("[tls]\n{own}"), &tls, "");
        let found = site
            .found_with(&settings.replace(&base, &format!("{}/fhir", ehr.base)))
            .await;
        for check in ["fhir.certificate", "service.own-certificate"] {
            let one = found.iter().find(|of| of.check == check).unwrap();
            assert_eq!(format!("{:?}", one.grade), expected, "{one}");
            assert!(one.says.contains(&format!("{days} more days")), "{one}");
        }
    }
}
