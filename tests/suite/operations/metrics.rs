//! What operators read.

use crate::helpers::doors::through;
use crate::helpers::resources::lab;
use crate::helpers::{Ehr, Fault, Stop, TestApp, days_ago, now};
use reqwest::Method;
use serde_json::json;
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

const HOOK: &str = "medication-discontinue";
const ADMIN: &str = "[admin]\nlisten = '127.0.0.1:0'";

/// The value of a sample; `None` if it is not there.
fn sample(text: &str, series: &str) -> Option<f64> {
    let mut lines = text.lines();
    lines.find_map(|line| line.strip_prefix(series)?.trim().parse().ok())
}

#[tokio::test]
async fn a_scrape_counts_calls_cards_rules_tokens_and_feedback() {
    let app = TestApp::with("http://127.0.0.1:9/fhir", ADMIN, "").await;
    let stop = Stop::tacrolimus().with_kidney_transplant().request();
    let answer = app.trusted_ehr().hook(&stop).await;
    assert_eq!(app.stranger().hook(&stop).await.status, 401);
    let mut foreign = stop.clone();
    foreign["context"]["patientId"] = json!("somebody-else");
    assert_eq!(app.trusted_ehr().hook(&foreign).await.status, 422);
    let feedback = json!({"feedback": [
        {"card": answer.cards()[0]["uuid"], "outcome": "overridden", "outcomeTimestamp": now().to_string(),
         "overrideReason": {"reason": {"code": "patient-refuses"}}},
        {"card": answer.cards()[0]["uuid"], "outcome": "overridden", "outcomeTimestamp": now().to_string(),
         "overrideReason": {"reason": {"code": "a reason of their own"}}}]});
    assert_eq!(app.trusted_ehr().feedback(HOOK, &feedback).await.status, 200);

    let text = app.metrics().await;
    for (series, least) in [
        (
            r#"cds_hook_requests_total{client="hospital",hook="medication-discontinue",outcome="cards"}"#,
            1.0,
        ),
        (
            r#"cds_hook_requests_total{client="hospital",hook="medication-discontinue",outcome="foreign-order"}"#,
            1.0,
        ),
        (
            r#"cds_hook_requests_total{client="unknown",hook="unknown",outcome="unauthorized"}"#,
            1.0,
        ),
        (
            r#"cds_hook_duration_seconds_count{client="hospital",hook="medication-discontinue"}"#,
            2.0,
        ),
        (
            r#"cds_deadline_seconds{client="hospital",hook="medication-discontinue"}"#,
            2.0,
        ),
        (r#"cds_jwt_rejected_total{reason="unknown-issuer"}"#, 1.0),
        (
            r#"cds_feedback_total{outcome="overridden",reason="patient-refuses"}"#,
            1.0,
        ),
        (r#"cds_feedback_total{outcome="overridden",reason="other"}"#, 1.0),
        ("cds_patient_mismatch_total", 1.0),
        (r#"cds_prefetch_key_total{key="patient",state="data"}"#, 1.0),
        ("cds_journal_writable", 1.0),
        (r#"cds_fhir_breaker_state{client="hospital"}"#, 0.0),
        (r#"cds_clock_skew_seconds{client="hospital"}"#, -30.0),
        ("cds_ready", 1.0),
        ("cds_heartbeat_ok", 1.0),
    ] {
        assert!(sample(&text, series) >= Some(least), "{series}\n{text}");
    }
    let rule = answer.cards()[0]["extension"]["org.stepdown.basis"]["rule"]
        .as_str()
        .unwrap();
    let yes = format!(r#"cds_rule_evaluations_total{{rule="{rule}",result="yes"}}"#);
    assert_eq!(sample(&text, &yes), Some(1.0), "{text}");
    let fired = format!(r#"cds_rule_last_fired_timestamp_seconds{{rule="{rule}",mode="live"}}"#);
    assert!(sample(&text, &fired) > Some(1.7e9), "{text}");
    assert!(
        text.contains(r#"mode="synthetic""#),
        "the synthetic patient is kept apart\n{text}"
    );
    assert!(sample(&text, "cds_calls_in_flight") == Some(0.0));
    for private in [
        stop["context"]["patientId"].as_str().unwrap(),
        stop["context"]["userId"].as_str().unwrap(),
        stop["hookInstance"].as_str().unwrap(),
        "somebody-else",
        "a reason of their own",
    ] {
        assert!(!text.contains(private), "{private}");
    }
}

#[tokio::test]
async fn a_drug_told_by_its_text_alone_although_coded_is_counted() {
    let app = TestApp::with("http://127.0.0.1:9/fhir", ADMIN, "").await;
    let stop = Stop::tacrolimus().with_kidney_transplant();
    for system in ["urn:local:drugs", "http://www.nlm.nih.gov/research/umls/rxnorm"] {
        let unmapped = stop.request();
        let mut unmapped = unmapped;
        let order = &mut unmapped["context"]["toBeDiscontinued"]["entry"][0]["resource"];
        order["medicationCodeableConcept"] =
            json!({"coding": [{"system": system, "code": "99999999"}], "text": "Tacrolimus 1 mg capsule"});
        assert_eq!(app.trusted_ehr().hook(&unmapped).await.status, 200);
    }
    let text = app.metrics().await;
    for label in ["local", "standard"] {
        let series = format!(r#"cds_unmapped_code_total{{system="{label}"}}"#);
        assert!(sample(&text, &series) >= Some(1.0), "{series}\n{text}");
    }
}

#[tokio::test]
async fn what_misses_its_deadline_is_counted_by_stage() {
    let stop = Stop::tacrolimus().with_kidney_transplant();
    let ehr = Ehr::holding(&stop)
        .await
        .failing("Observation", Fault::Slow)
        .open()
        .await;
    let app = TestApp::with(&ehr.base(), ADMIN, "deadline-ms = 600").await;
    let text = app.metrics().await;
    for stage in ["fetch", "answer", "app"] {
        let series = format!(r#"cds_deadline_exceeded_total{{stage="{stage}"}}"#);
        assert_eq!(
            sample(&text, &series),
            Some(0.0),
            "there before it is needed\n{text}"
        );
    }
    let answer = app.trusted_ehr().hook(&stop.granting(&ehr.base(), "t")).await;
    answer.states_gap("observations", "fetch-failed");
    let text = app.metrics().await;
    let cut = r#"cds_deadline_exceeded_total{stage="fetch"}"#;
    assert!(sample(&text, cut) >= Some(1.0), "{text}");
    let app_cut = r#"cds_deadline_exceeded_total{stage="app"}"#;
    assert_eq!(sample(&text, app_cut), Some(0.0), "{text}");
    let package = format!(
        "cds_knowledge_info{{package=\"built-in\",version=\"{}\"}} 1",
        content(&answer)
    );
    assert!(text.contains(&package), "{package}\n{text}");
}

#[tokio::test]
async fn an_answer_that_comes_after_its_budget_is_counted() {
    let app = TestApp::with("http://127.0.0.1:9/fhir", ADMIN, "deadline-ms = 300").await;
    let (path, token) = (app.path(HOOK), app.trusted_ehr().token(&app.path(HOOK)));
    let body = Stop::tacrolimus().with_kidney_transplant().request().to_string();
    let head = format!(
        "POST {path} HTTP/1.1\r\nhost: x\r\nauthorization: Bearer {token}\r\nconnection: close\r\n\
         content-type: application/json\r\ncontent-length: {}\r\n\r\n",
        body.len()
    );
    let mut slow = TcpStream::connect(app.base().trim_start_matches("http://"))
        .await
        .unwrap();
    slow.write_all(head.as_bytes()).await.unwrap();
    tokio::time::sleep(Duration::from_millis(400)).await;
    slow.write_all(body.as_bytes()).await.unwrap();
    let mut said = String::new();
    slow.read_to_string(&mut said).await.unwrap();
    assert!(said.starts_with("HTTP/1.1 200 "), "{said}");
    let late = r#"cds_deadline_exceeded_total{stage="answer"}"#;
    assert_eq!(sample(&app.metrics().await, late), Some(1.0));
}

/// Version of the tables that a card names.
fn content(answer: &crate::helpers::Answer) -> String {
    let basis = &answer.cards()[0]["extension"]["org.stepdown.basis"];
    basis["content"].as_str().unwrap().to_owned()
}

#[tokio::test]
async fn the_operators_routes_are_on_their_own_address_only() {
    let app = TestApp::with("http://127.0.0.1:9/fhir", ADMIN, "").await;
    for (path, status) in [
        ("/livez", 200),
        ("/readyz", 200),
        ("/metrics", 200),
        ("/cds-services", 404),
    ] {
        assert_eq!(app.admin(Method::GET, path).await.status, status, "{path}");
    }
    assert_eq!(app.admin(Method::GET, "/reload").await.status, 405);
    for path in ["/metrics", "/reload"] {
        let answer = app.call(Method::GET, path).send().await.unwrap();
        assert_eq!(answer.status(), 404, "{path}");
    }
}

#[tokio::test]
async fn what_silent_mode_withholds_is_counted_apart() {
    let app = TestApp::with("http://127.0.0.1:9/fhir", ADMIN, "silent = ['tacrolimus/*']").await;
    let stop = Stop::tacrolimus().with_kidney_transplant().request();
    let answer = app.trusted_ehr().hook(&stop).await;
    assert_eq!((answer.status, answer.cards().len()), (200, 0));
    let shown = app.other_client().hook(&stop).await;
    assert!(!shown.cards().is_empty());
    let text = app.metrics().await;
    let withheld =
        r#"cds_hook_requests_total{client="hospital",hook="medication-discontinue",outcome="withheld"}"#;
    assert_eq!(sample(&text, withheld), Some(1.0), "{text}");
    assert!(text.contains(r#"cds_cards_total{mode="withheld""#));
}

#[tokio::test]
async fn a_look_back_that_finds_nothing_is_noted_under_its_own_name() {
    let app = TestApp::with("http://127.0.0.1:9/fhir", ADMIN, "").await;
    let upcr = |id: &str, days| lab(id, "2890-2", "0.3", "g/g", &days_ago(days));
    let stop = Stop::tacrolimus()
        .dated(&days_ago(42))
        .with_condition(
            "ln-1",
            "M32.14",
            "Glomerular disease in systemic lupus erythematosus",
            900,
        )
        .with_result(upcr("upcr-0", 50))
        .with_result(upcr("upcr-9", 2));
    let mut opening = through(&stop, "patient-view");
    opening.as_object_mut().unwrap().remove("extension");
    assert!(app.trusted_ehr().hook(&opening).await.cards().is_empty());
    let text = app.metrics().await;
    let quiet = r#"cds_rule_last_fired_timestamp_seconds{rule="tacrolimus/watch/quiet",mode="live"}"#;
    assert!(sample(&text, quiet).is_some(), "{text}");
}
