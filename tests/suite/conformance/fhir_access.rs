//! Reading the client's FHIR server with the token of the call.

use crate::helpers::app::{NOBODY, settings};
use crate::helpers::chart::grant;
use crate::helpers::resources::PATIENT;
use crate::helpers::{Ehr, Fault, Stop, TestApp};
use serde_json::json;
use std::time::{Duration, Instant};

const SECRET: &str = "secret-access-token-9b1f";

fn active() -> Stop {
    Stop::tacrolimus().in_lupus_nephritis().with_upcr("2.1", "g/g", 7)
}

/// cds-29a
#[tokio::test]
async fn never_keeps_or_logs_the_token() {
    let ehr = Ehr::holding(&active())
        .await
        .failing("Procedure", Fault::Status(403))
        .open()
        .await;
    let app = TestApp::reading(&ehr.base()).await;
    let answer = app
        .trusted_ehr()
        .hook(&active().granting(&ehr.base(), SECRET))
        .await;
    assert!(!answer.cards().is_empty() && !answer.text().contains(SECRET));
    let feedback = json!({"feedback": [{"card": answer.cards()[0]["uuid"], "outcome": "overridden",
        "outcomeTimestamp": "2026-11-22T08:00:00Z"}]});
    assert_eq!(
        app.trusted_ehr()
            .feedback("medication-discontinue", &feedback)
            .await
            .status,
        200,
        "all is on disk"
    );
    for file in std::fs::read_dir(app.folder()).unwrap() {
        let bytes = std::fs::read(file.unwrap().path()).unwrap();
        assert!(
            !bytes.windows(SECRET.len()).any(|part| part == SECRET.as_bytes()),
            "the token is on disk"
        );
    }
    for request in ehr.requests().await {
        assert_eq!(request.headers["authorization"], format!("Bearer {SECRET}"));
        assert!(
            !request.url.as_str().contains(SECRET),
            "the token is in an address"
        );
    }
}

/// cds-29c, cds-31b
#[tokio::test]
async fn a_refused_read_is_a_gap_and_the_rest_is_used() {
    let ehr = Ehr::holding(&active()).await.open().await;
    let app = TestApp::reading(&ehr.base()).await;
    for (kind, need) in [
        ("Observation", "observations"),
        ("AllergyIntolerance", "allergies"),
        ("Procedure", "procedures"),
        ("Condition", "conditions"),
        ("Patient", "patient"),
    ] {
        for status in [401, 403] {
            ehr.turn(&active(), &[(kind, Fault::Status(status))]);
            let answer = app.trusted_ehr().hook(&active().granting(&ehr.base(), "t")).await;
            assert!(!answer.cards().is_empty());
            answer.states_gap(need, "not-permitted");
        }
    }
}

/// cds-12b, cds-12c, cds-30a
#[tokio::test]
async fn sends_the_token_only_to_the_clients_own_server() {
    let (ehr, other) = (
        Ehr::holding(&active()).await,
        Ehr::holding(&active()).await.open().await,
    );
    let ehr = ehr
        .with_elsewhere(&other.origin())
        .failing("Condition", Fault::Redirect)
        .open()
        .await;
    let app = TestApp::reading(&ehr.base()).await;
    for foreign in [
        other.base(),
        format!("{}/other", ehr.origin()),
        ehr.base().replace("127.0.0.1", "localhost"),
        "https://fhir.clinic.example/r4".to_owned(),
    ] {
        let answer = app
            .trusted_ehr()
            .hook(&grant(active().request(), &foreign, SECRET))
            .await;
        answer.refuses(403, "fhirServer");
    }
    assert_eq!(
        ehr.requests().await.len(),
        0,
        "nothing is read for a foreign server"
    );
    let answer = app
        .trusted_ehr()
        .hook(&active().granting(&format!("{}/", ehr.base()), SECRET))
        .await;
    assert!(
        ehr.requests().await.len() > 3,
        "a slash at the end is the same server"
    );
    assert!(
        answer.gaps().iter().any(|(need, _)| need == "conditions"),
        "a redirect is a failed read"
    );
    assert_eq!(other.requests().await.len(), 0, "redirects are not followed");
    let clinic = app
        .other_client()
        .hook(&active().granting(&ehr.base(), SECRET))
        .await;
    clinic.refuses(403, "fhirServer");
}

/// cds-12b: a production client's FHIR base has to be https, unless it is on this machine.
#[test]
fn a_plain_fhir_base_stops_the_start() {
    let folder = tempfile::tempdir().unwrap();
    let load = |base: &str| {
        stepdown::config::Config::from_toml(&settings(folder.path(), base, "", ""), folder.path())
    };
    assert!(load(NOBODY).is_ok() && load("https://fhir.hospital.example/r4").is_ok());
    assert!(
        load("http://fhir.hospital.example/r4")
            .unwrap_err()
            .to_string()
            .contains("fhir-base")
    );
}

/// cds-30b, cds-35b
#[tokio::test]
async fn stops_reading_at_the_deadline_or_when_the_token_expires() {
    let slow = || async {
        Ehr::holding(&active())
            .await
            .failing("Observation", Fault::Slow)
            .open()
            .await
    };
    let (ehr, short) = (slow().await, slow().await);
    let app = TestApp::with(&ehr.base(), "", "deadline-ms = 500").await;
    let started = Instant::now();
    let answer = app.trusted_ehr().hook(&active().granting(&ehr.base(), "t")).await;
    assert!(
        started.elapsed() < Duration::from_millis(1500),
        "{:?}",
        started.elapsed()
    );
    answer.states_gap("observations", "fetch-failed");
    assert_eq!(
        answer.topics()[0],
        "abrupt-withdrawal",
        "what came in time is used"
    );

    let app = TestApp::with(&short.base(), "", "deadline-ms = 20000").await;
    let mut request = active().granting(&short.base(), "t");
    request["fhirAuthorization"]["expires_in"] = json!(1);
    let started = Instant::now();
    let answer = app.trusted_ehr().hook(&request).await;
    assert!(
        started.elapsed() < Duration::from_millis(2500),
        "{:?}",
        started.elapsed()
    );
    answer.states_gap("observations", "fetch-failed");
}

/// cds-31a
#[tokio::test]
async fn a_failed_read_of_what_is_needed_is_a_412() {
    let by_reference = active().with_stopped(|order| {
        order.as_object_mut().unwrap().remove("medicationCodeableConcept");
        order["medicationReference"] = json!({"reference": "Medication/tacrolimus-product"});
    });
    let product = json!({"resourceType": "Medication", "id": "tacrolimus-product",
        "code": {"coding": [{"system": "http://www.nlm.nih.gov/research/umls/rxnorm", "code": "198377"}]}});
    let ehr = Ehr::holding(&by_reference).await.open().await;
    let app = TestApp::reading(&ehr.base()).await;
    for fault in [
        Fault::Status(404),
        Fault::Status(403),
        Fault::Status(500),
        Fault::Html,
    ] {
        ehr.turn(&by_reference, &[("Medication", fault)]);
        let answer = app
            .trusted_ehr()
            .hook(&by_reference.granting(&ehr.base(), "t"))
            .await;
        answer.refuses(412, "drug");
        assert!(!answer.text().contains(PATIENT), "the refusal names nobody");
    }
    ehr.turn(&by_reference.clone().with_resource(product), &[]);
    let answer = app
        .trusted_ehr()
        .hook(&by_reference.granting(&ehr.base(), "t"))
        .await;
    assert_eq!(
        answer.card("abrupt-withdrawal")["indicator"],
        "critical",
        "what was read decides"
    );
}
