//! The answer as a whole.

use crate::helpers::resources::PATIENT;
use crate::helpers::stories::stories;
use crate::helpers::{Answer, Demo, Ehr, Fault, Stop, TestApp};
use reqwest::Method;
use serde_json::{Value, json};
use std::time::{Duration, Instant};

/// Where a value is null or empty, apart from the two lists that may be.
fn empty_values(value: &Value, path: &str, found: &mut Vec<String>) {
    let empty = match value {
        Value::Null => true,
        Value::String(text) => text.is_empty(),
        Value::Array(items) => items.is_empty(),
        Value::Object(members) => members.is_empty(),
        Value::Bool(_) | Value::Number(_) => false,
    };
    if empty && !["/cards", "/services"].contains(&path) {
        found.push(path.to_owned());
    }
    match value {
        Value::Array(items) => {
            items
                .iter()
                .enumerate()
                .for_each(|(at, item)| empty_values(item, &format!("{path}/{at}"), found));
        }
        Value::Object(members) => {
            members
                .iter()
                .for_each(|(name, member)| empty_values(member, &format!("{path}/{name}"), found));
        }
        _ => {}
    }
}

/// cds-01a, cds-02a, cds-03
#[tokio::test]
async fn every_answer_is_json_without_nulls_or_empty_values() {
    let (demo, app) = (Demo::spawn().await, TestApp::spawn().await);
    let mut answers = vec![Answer::of(app.call(Method::GET, "/cds-services").send().await.unwrap()).await];
    for (_, stop) in stories() {
        answers.push(demo.hook(&stop.request()).await);
        answers.push(demo.hook(&stop.without_prefetch()).await);
    }
    for answer in &answers {
        assert_eq!(
            (answer.status, answer.header("content-type")),
            (200, "application/json")
        );
        let strict: Value = serde_json::from_slice(&answer.bytes).expect("JSON and nothing after it");
        let mut found = Vec::new();
        empty_values(&strict, "", &mut found);
        assert!(found.is_empty(), "{found:?} in {}", answer.text());
    }
}

/// cds-02b, cds-32a, cds-32b
#[tokio::test]
async fn success_is_200_with_a_list_of_cards_even_an_empty_one() {
    let demo = Demo::spawn().await;
    assert!(
        !demo
            .hook(&Stop::tacrolimus().with_kidney_transplant().request())
            .await
            .cards()
            .is_empty()
    );
    let mut nothing = Stop::tacrolimus().request();
    nothing["context"]["toBeDiscontinued"] = json!({"resourceType": "Bundle", "type": "collection"});
    let silent = demo.hook(&nothing).await;
    assert_eq!((silent.status, silent.text().as_str()), (200, r#"{"cards":[]}"#));
    let other = Stop::tacrolimus().with_stopped(|order| {
        order["medicationCodeableConcept"] = json!({"coding": [{"system": "http://www.nlm.nih.gov/research/umls/rxnorm",
            "code": "314076", "display": "lisinopril 10 MG Oral Tablet"}]});
    });
    assert_eq!(
        demo.hook(&other.request()).await.text(),
        r#"{"cards":[]}"#,
        "no drug of ours"
    );
}

/// cds-33a, cds-33b, cds-34c
#[tokio::test]
async fn refusals_carry_an_operation_outcome_and_nothing_of_the_inside() {
    let app = TestApp::spawn().await;
    let (ehr, path) = (app.trusted_ehr(), app.path("medication-discontinue"));
    let good = Stop::tacrolimus().request();
    let mut foreign = good.clone();
    foreign["fhirServer"] = json!("https://elsewhere.example/r4");
    let mut theirs = good.clone();
    theirs["context"]["toBeDiscontinued"]["entry"][0]["resource"]["subject"]["reference"] =
        json!("Patient/somebody-else");
    let answers = [
        (400, ehr.post(&path, "{").await),
        (400, ehr.post(&path, "[]").await),
        (404, ehr.post("/cds-services/nobody", good.to_string()).await),
        (403, ehr.hook(&foreign).await),
        (422, ehr.hook(&theirs).await),
        (404, ehr.post("/nowhere", good.to_string()).await),
        (404, ehr.post("/cds-services/", good.to_string()).await),
        (405, ehr.post("/cds-services", good.to_string()).await),
        (400, ehr.post(&format!("{path}/feedback"), "{}").await),
    ];
    for (status, answer) in answers {
        answer.refuses(status, "");
        assert!(
            answer.header("content-type").starts_with("application/fhir+json"),
            "{status}"
        );
        fhir_out::read_strictly(&answer.text()).unwrap_or_else(|why| panic!("{status}: {why}"));
        let code = answer.json["issue"][0]["code"].as_str();
        assert!(code.is_some_and(|code| !code.is_empty()), "{status}");
        for inside in [
            PATIENT,
            "Quux",
            ".rs",
            "panicked",
            "serde",
            "line ",
            "column",
            "sqlx",
            "/tmp",
            "somebody-else",
        ] {
            assert!(
                !answer.text().contains(inside),
                "{status} tells {inside}: {}",
                answer.text()
            );
        }
    }
}

/// cds-34c: a journal that is gone is a 503, and tells nothing of itself.
#[tokio::test]
async fn without_a_journal_nobody_is_let_in() {
    let app = TestApp::spawn().await;
    app.journal().close().await.unwrap();
    let answer = app.trusted_ehr().hook(&Stop::tacrolimus().request()).await;
    answer.refuses(503, "later");
    assert!(!answer.header("retry-after").is_empty());
    let ready = app.call(Method::GET, "/readyz").send().await.unwrap();
    assert_eq!(ready.status().as_u16(), 503);
}

/// cds-35a
#[tokio::test]
async fn answers_within_half_a_second_from_prefetch() {
    let demo = Demo::spawn().await;
    let request = Stop::tacrolimus()
        .in_lupus_nephritis()
        .with_upcr("2.1", "g/g", 7)
        .request();
    let mut times = Vec::new();
    for _ in 0..5 {
        let started = Instant::now();
        demo.hook(&request).await.cards();
        times.push(started.elapsed());
    }
    times.sort();
    assert!(times[2] < Duration::from_millis(500), "{times:?}");
}

/// cds-47, cds-62a, cds-62b
#[tokio::test]
async fn adds_only_reverse_domain_extensions_and_no_system_actions() {
    let demo = Demo::spawn().await;
    for (name, stop) in stories() {
        let answer = demo.hook(&stop.request()).await;
        let members: Vec<&String> = answer.json.as_object().unwrap().keys().collect();
        assert_eq!(members, ["cards"], "{name}");
        for card in answer.cards() {
            let known = [
                "uuid",
                "summary",
                "detail",
                "indicator",
                "source",
                "suggestions",
                "selectionBehavior",
                "overrideReasons",
                "links",
                "extension",
            ];
            let members = card.as_object().unwrap();
            assert!(
                members.keys().all(|member| known.contains(&member.as_str())),
                "{name}: {:?}",
                members.keys()
            );
            for key in card["extension"].as_object().expect("an object").keys() {
                assert!(
                    key.split('.').count() >= 3 && key.starts_with("org."),
                    "{name}: {key}"
                );
            }
        }
    }
}

/// An error is never an empty list of cards: a server that fails at everything still gives a card.
#[tokio::test]
async fn a_dead_server_is_not_silence() {
    let stop = Stop::tacrolimus().with_kidney_transplant();
    let ehr = Ehr::holding(&stop)
        .await
        .failing("*", Fault::Status(500))
        .open()
        .await;
    let app = TestApp::reading(&ehr.base()).await;
    assert!(
        !app.trusted_ehr()
            .hook(&stop.granting(&ehr.base(), "t"))
            .await
            .cards()
            .is_empty()
    );
}
