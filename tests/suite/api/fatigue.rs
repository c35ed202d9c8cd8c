//! A card that was overridden a moment ago, and many stops at once: what tires people out without helping anybody.

use crate::helpers::answer::{assert_same_advice, basis, topic_of};
use crate::helpers::app::NOBODY;
use crate::helpers::doors::through;
use crate::helpers::postgres::Postgres;
use crate::helpers::pure;
use crate::helpers::resources::*;
use crate::helpers::{Answer, SOON, Stop, TestApp, days_ago, hours_ago, installed, now, until};
use reqwest::Method;
use serde_json::{Value, json};
use std::time::{Duration, Instant};
use stepdown::journal::Archive;

const HOOK: &str = "medication-discontinue";
const TOPIC: &str = "abrupt-withdrawal";

/// A stop that is a warning and no more.
fn warned() -> Stop {
    Stop::tacrolimus().in_lupus_nephritis().with_upcr("0.3", "g/g", 7)
}

async fn asked(app: &TestApp, request: &Value) -> Answer {
    let answer = app.trusted_ehr().hook(request).await;
    assert_eq!(answer.status, 200);
    answer
}

async fn overrides(app: &TestApp, card: &Value, at: &str, reason: &Value) {
    let mut entry = json!({"card": card["uuid"], "outcome": "overridden", "outcomeTimestamp": at});
    if !reason.is_null() {
        entry["overrideReason"] = json!({"reason": reason});
    }
    let said = json!({"feedback": [entry]});
    assert_eq!(app.trusted_ehr().feedback(HOOK, &said).await.status, 200);
}

/// The answer once the override has been read; it takes a moment.
async fn softened(app: &TestApp, request: &Value) -> Answer {
    let look = async || {
        let answer = asked(app, request).await;
        let soft = !basis(answer.card(TOPIC))["softened"].is_null();
        soft.then_some(answer)
    };
    until(SOON, "a card with less force", look).await
}

fn indicator(answer: &Answer) -> &str {
    answer.card(TOPIC)["indicator"].as_str().unwrap()
}

#[tokio::test]
async fn a_card_that_was_overridden_comes_back_as_information_and_says_so() {
    let app = TestApp::with(NOBODY, "[admin]\nlisten = '127.0.0.1:0'", "").await;
    let request = warned().request();
    let first = asked(&app, &request).await;
    let card = first.card(TOPIC);
    assert_eq!(card["indicator"], "warning");
    let reason = card["overrideReasons"][0].clone();
    overrides(&app, card, &hours_ago(23), &reason).await;

    let again = softened(&app, &request).await;
    let soft = again.card(TOPIC);
    assert_eq!(soft["indicator"], "info");
    assert_eq!(
        soft["overrideReasons"],
        Value::Null,
        "an info card asks for no reason"
    );
    let (then, text) = (hours_ago(23), soft["detail"].as_str().unwrap());
    let (phrase, rest) = text.split_once("\n\n").unwrap();
    assert!(
        phrase.contains(&then[..10]) && phrase.contains(&then[11..16]),
        "{phrase}"
    );
    assert!(phrase.contains(reason["display"].as_str().unwrap()), "{phrase}");
    assert_eq!(
        rest,
        card["detail"].as_str().unwrap(),
        "everything else is said as before"
    );
    assert_eq!(soft["summary"], card["summary"]);
    assert_eq!(
        soft["suggestions"].as_array().map(Vec::len),
        card["suggestions"].as_array().map(Vec::len)
    );
    let whole = |card: &Value| {
        let mut basis = basis(card).clone();
        for told in ["softened", "evaluatedAt"] {
            basis.as_object_mut().unwrap().remove(told);
        }
        basis
    };
    assert_eq!(whole(soft), whole(card), "the basis stays whole");
    let said = &basis(soft)["softened"];
    assert_eq!(said["from"], "warning");
    assert_eq!(said["overriddenAt"], json!(then));
    assert_eq!(said["reason"]["code"], reason["code"]);
    let topics = |answer: &Answer| {
        let mut topics: Vec<String> = answer.topics().into_iter().map(str::to_owned).collect();
        topics.sort();
        topics
    };
    assert_eq!(topics(&again), topics(&first), "no card is silenced");
    let metrics = app.metrics().await;
    assert!(!metrics.contains("cds_cards_softened_total 0"), "{metrics}");

    // An override of the softened card prolongs nothing, and the audit says how the card was sent.
    overrides(&app, soft, &now().to_string(), &Value::Null).await;
    let third = asked(&app, &request).await;
    assert_eq!(basis(third.card(TOPIC))["softened"]["overriddenAt"], json!(then));
    app.journal().counts().await.unwrap();
    let url = format!("sqlite:{}", app.folder().join("journal.db").display());
    let archive = Archive::open(&stepdown::journal::JournalAddress::new(&url, None))
        .await
        .unwrap();
    let (entries, _) = archive
        .audit(jiff::Timestamp::MIN, Default::default())
        .await
        .unwrap();
    let sent: Vec<bool> = entries
        .iter()
        .flat_map(|entry| entry.cards.iter().filter(|card| card.topic == TOPIC))
        .map(|card| card.softened)
        .collect();
    assert!(!sent[0] && sent.iter().any(|softened| *softened), "{sent:?}");
}

#[tokio::test]
async fn whatever_is_new_has_full_force() {
    let app = TestApp::spawn().await;
    let request = warned().request();
    let card = asked(&app, &request).await.card(TOPIC).clone();
    overrides(&app, &card, &now().to_string(), &Value::Null).await;
    let soft = softened(&app, &request).await;
    assert!(
        soft.card(TOPIC)["detail"]
            .as_str()
            .unwrap()
            .starts_with("The same warning")
    );

    let lupus = || Stop::tacrolimus().in_lupus_nephritis();
    let mut other_order = request.clone();
    let text = other_order.to_string().replace("tac-1", "tac-2");
    other_order = serde_json::from_str(&text).unwrap();
    let other_patient: Value =
        serde_json::from_str(&request.to_string().replace("synthetic-1", "synthetic-2")).unwrap();
    for (name, changed) in [
        ("a new result", lupus().with_upcr("0.31", "g/g", 7).request()),
        ("a newer result", lupus().with_upcr("0.3", "g/g", 6).request()),
        ("a worse rule", lupus().with_upcr("2.1", "g/g", 7).request()),
        ("a new diagnosis", warned().with_kidney_transplant().request()),
        (
            "another drug beside it",
            warned().stopping_also("mmf-1").request(),
        ),
        ("another order", other_order),
        ("another patient", other_patient),
    ] {
        let answer = asked(&app, &changed).await;
        assert_ne!(indicator(&answer), "info", "{name}");
        assert_eq!(basis(answer.card(TOPIC))["softened"], Value::Null, "{name}");
    }
    let elsewhere = app.other_client().hook(&request).await;
    assert_eq!(
        indicator(&elsewhere),
        "warning",
        "another client was told nothing"
    );

    // What was overridden at one door is the same at the others.
    let stop = warned().dated(&hours_ago(2));
    let signing = softened(&app, &through(&stop, "order-sign")).await;
    let named = softened(&app, &through(&stop, "order-discontinue")).await;
    assert_same_advice(&signing.json, &named.json, "after an override");
}

#[tokio::test]
async fn a_critical_card_and_an_old_override_soften_nothing() {
    let app = TestApp::spawn().await;
    let critical = Stop::tacrolimus()
        .in_lupus_nephritis()
        .with_upcr("2.1", "g/g", 7)
        .request();
    let first = asked(&app, &critical).await.card(TOPIC).clone();
    assert_eq!(first["indicator"], "critical");
    overrides(&app, &first, &now().to_string(), &Value::Null).await;

    let hepatitis = Stop::tacrolimus().in_autoimmune_hepatitis().request();
    let old = asked(&app, &hepatitis).await.card(TOPIC).clone();
    assert_ne!(old["indicator"], "info");
    overrides(&app, &old, &hours_ago(25), &Value::Null).await;

    let taken_back = Stop::tacrolimus()
        .with_condition("mcd-1", "N04.0", "Minimal change disease", 400)
        .request();
    let card = asked(&app, &taken_back).await.card(TOPIC).clone();
    overrides(&app, &card, &hours_ago(2), &Value::Null).await;
    let suggestion = json!([{"id": card["suggestions"][0]["uuid"]}]);
    let accepted = json!({"feedback": [{"card": card["uuid"], "outcome": "accepted", "outcomeTimestamp": hours_ago(1),
        "acceptedSuggestions": suggestion}]});
    assert_eq!(app.trusted_ehr().feedback(HOOK, &accepted).await.status, 200);

    // When this one has come through, so have the others.
    let request = warned().request();
    let card = asked(&app, &request).await.card(TOPIC).clone();
    overrides(&app, &card, &now().to_string(), &Value::Null).await;
    softened(&app, &request).await;
    for (name, request) in [
        ("critical", critical),
        ("older than a day", hepatitis),
        ("accepted later", taken_back),
    ] {
        let answer = asked(&app, &request).await;
        assert_ne!(indicator(&answer), "info", "{name}");
        assert_eq!(basis(answer.card(TOPIC))["softened"], Value::Null, "{name}");
    }
}

/// A replica reads every two seconds what another one was told; as long again for a machine that is busy.
const ELSEWHERE_WITHIN: Duration = Duration::from_secs(4);

async fn remembered_elsewhere(journal: &str) {
    let request = warned().request();
    let (one, other) = (TestApp::keeping(journal).await, TestApp::keeping(journal).await);
    let card = asked(&one, &request).await.card(TOPIC).clone();
    assert_eq!(indicator(&asked(&other, &request).await), "warning");
    overrides(&one, &card, &now().to_string(), &Value::Null).await;
    let told = Instant::now();
    let soft = softened(&other, &request).await;
    assert!(told.elapsed() < ELSEWHERE_WITHIN, "{:?}", told.elapsed());
    assert_eq!(indicator(&soft), "info");

    // What the other one sent with less force is taken back there, and has its force again here.
    let taken = json!({"feedback": [{"card": card["uuid"], "outcome": "accepted",
        "outcomeTimestamp": now().to_string(), "acceptedSuggestions": [{"id": card["suggestions"][0]["uuid"]}]}]});
    assert_eq!(other.trusted_ehr().feedback(HOOK, &taken).await.status, 200);
    let look = async || (indicator(&asked(&one, &request).await) != "info").then_some(());
    until(ELSEWHERE_WITHIN, "a card with its force again", look).await;

    let card = asked(&other, &request).await.card(TOPIC).clone();
    overrides(&other, &card, &now().to_string(), &Value::Null).await;
    drop((one, other));
    let next = TestApp::keeping(journal).await;
    let answer = asked(&next, &request).await;
    assert_eq!(
        indicator(&answer),
        "info",
        "the first answer after a start knows it"
    );
}

#[tokio::test]
async fn replicas_on_one_file_and_the_next_start_remember() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("shared.db");
    remembered_elsewhere(&format!("url = 'sqlite:{}'", file.display())).await;
}

#[tokio::test]
async fn replicas_on_one_server_and_the_next_start_remember() {
    if installed::skipped() {
        return;
    }
    let server = Postgres::start();
    remembered_elsewhere(&format!("url = '{}'", server.database("repeats"))).await;
}

#[tokio::test]
async fn a_site_can_switch_it_off() {
    let prepare = |folder: &std::path::Path| {
        let hooks = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("hooks");
        copy(&hooks, &folder.join("hooks"));
        let file = folder.join("hooks/repeats.toml");
        let text = std::fs::read_to_string(&file).unwrap();
        std::fs::write(&file, text.replace("hours = 24", "hours = 0")).unwrap();
    };
    let app = TestApp::prepared(prepare, NOBODY, "knowledge = 'hooks'", "").await;
    let request = warned().request();
    let card = asked(&app, &request).await.card(TOPIC).clone();
    overrides(&app, &card, &now().to_string(), &Value::Null).await;
    tokio::time::sleep(std::time::Duration::from_millis(300)).await;
    assert_eq!(indicator(&asked(&app, &request).await), "warning");
    assert_eq!(
        app.call(Method::GET, "/livez")
            .send()
            .await
            .unwrap()
            .status()
            .as_u16(),
        200
    );
}

fn copy(from: &std::path::Path, to: &std::path::Path) {
    std::fs::create_dir_all(to).unwrap();
    for entry in std::fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        let target = to.join(entry.file_name());
        if entry.file_type().unwrap().is_dir() {
            copy(&entry.path(), &target);
        } else {
            std::fs::copy(entry.path(), target).unwrap();
        }
    }
}

/// When somebody goes home, everything of the stay ends at once.
#[test]
fn many_stops_at_discharge_are_one_answer() {
    let of = |mut order: Value, category: &str| {
        order["category"] = json!([{"coding": [{
            "system": "http://terminology.hl7.org/CodeSystem/medicationrequest-category", "code": category
        }]}]);
        order
    };
    let ended = |id: &str, drug, dose| {
        let mut order = of(order(id, "stopped", drug, dose, &days_ago(20)), "inpatient");
        order["extension"] = json!([{
            "url": "http://hl7.org/fhir/5.0/StructureDefinition/extension-MedicationRequest.statusChanged",
            "valueDateTime": hours_ago(3)
        }]);
        order
    };
    let bulk = [
        ended("stay-1", MYCOPHENOLATE_500_MG, (1000.0, 2)),
        ended("stay-2", HYDROXYCHLOROQUINE_200_MG, (200.0, 1)),
        ended("stay-3", TACROLIMUS_1_MG, (1.5, 2)),
        ended("stay-4", TACROLIMUS_1_MG, (0.5, 1)),
    ];
    let at_discharge = |orders: &[Value]| {
        let mut request = through(&warned(), "encounter-discharge");
        request["prefetch"]["medications"] = searchset(orders);
        pure::answer(&request)
    };
    let answer = at_discharge(&bulk);
    let cards = answer["cards"].as_array().unwrap();
    let mains: Vec<&Value> = cards.iter().filter(|card| topic_of(card) == TOPIC).collect();
    assert_eq!(mains.len(), 1, "one warning for all of them");
    assert!(cards.len() <= 4);
    assert_eq!(
        basis(mains[0])["drugs"],
        json!(["tacrolimus", "mycophenolate mofetil", "hydroxychloroquine"])
    );
    let home: Vec<Value> = [
        order(
            "home-1",
            "active",
            MYCOPHENOLATE_500_MG,
            (1000.0, 2),
            &days_ago(300),
        ),
        order(
            "home-2",
            "active",
            HYDROXYCHLOROQUINE_200_MG,
            (200.0, 1),
            &days_ago(300),
        ),
        order("home-3", "active", TACROLIMUS_1_MG, (1.5, 2), &days_ago(300)),
    ]
    .map(|order| of(order, "outpatient"))
    .to_vec();
    let goes_on = at_discharge(&[&bulk[..], &home[..]].concat());
    assert_eq!(goes_on["cards"], json!([]), "what goes on at home is no stop");
}
