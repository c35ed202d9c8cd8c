//! What became of the cards.

use crate::helpers::app::{PUBLIC, hospital_key};
use crate::helpers::keys::with;
use crate::helpers::{Answer, Stop, TestApp, now};
use reqwest::Method;
use serde_json::{Value, json};

const HOOK: &str = "medication-discontinue";

/// An application and the answer to a stop that it has given the hospital.
async fn answered() -> (TestApp, Answer) {
    let app = TestApp::spawn().await;
    let answer = app
        .trusted_ehr()
        .hook(
            &Stop::tacrolimus()
                .in_lupus_nephritis()
                .with_upcr("2.1", "g/g", 7)
                .request(),
        )
        .await;
    assert!(!answer.cards().is_empty());
    (app, answer)
}

fn accepted(card: &Value) -> Value {
    let suggestion = json!({"id": card["suggestions"][0]["uuid"]});
    json!({"card": card["uuid"], "outcome": "accepted", "acceptedSuggestions": [suggestion], "outcomeTimestamp": now().to_string()})
}

fn overridden(card: &Value, reason: Value) -> Value {
    json!({"card": card["uuid"], "outcome": "overridden", "overrideReason": reason, "outcomeTimestamp": now().to_string()})
}

fn batch(entries: &[Value]) -> Value {
    json!({"feedback": entries})
}

/// cds-50a, cds-50b, cds-51a
#[tokio::test]
async fn takes_many_entries_and_counts_a_repeat_once() {
    let (app, first) = answered().await;
    let second = app
        .trusted_ehr()
        .hook(&Stop::tacrolimus().with_kidney_transplant().request())
        .await;
    let entries: Vec<Value> = first
        .cards()
        .iter()
        .chain(second.cards())
        .map(|card| overridden(card, json!({"userComment": "seen"})))
        .collect();
    for _ in 0..3 {
        let answer = app.trusted_ehr().feedback(HOOK, &batch(&entries)).await;
        assert_eq!((answer.status, answer.bytes.len()), (200, 0));
    }
    let counts = app.journal().counts().await.unwrap();
    assert_eq!((counts.overridden, counts.accepted), (entries.len() as u64, 0));
    let changed = app
        .trusted_ehr()
        .feedback(HOOK, &batch(&[accepted(&first.cards()[0])]))
        .await;
    assert_eq!(changed.status, 200, "another outcome for the same card");
    assert_eq!(app.journal().counts().await.unwrap().accepted, 1);
}

/// cds-49a, cds-49b, cds-49d, cds-52b
#[tokio::test]
async fn keeps_outcomes_and_reasons_and_logs_no_comment() {
    let (app, answer) = answered().await;
    let card = answer
        .cards()
        .iter()
        .find(|card| card["suggestions"].is_array())
        .expect("a card with suggestions");
    let ours = answer.cards()[0]["overrideReasons"][0].clone();
    let own = json!({"code": "local-7", "system": "https://ehr.hospital.example/reasons"});
    let entries = [
        accepted(card),
        overridden(
            &answer.cards()[0],
            json!({"reason": ours, "userComment": "Synthia Quux asked for it"}),
        ),
        overridden(&answer.cards()[1], json!({"reason": own})),
    ];
    assert_eq!(
        app.trusted_ehr().feedback(HOOK, &batch(&entries)).await.status,
        200
    );
    let kept = app.journal().feedback_list(10).await.unwrap();
    assert_eq!(kept.len(), 3);
    assert!(
        kept.iter()
            .any(|line| line.accepted && line.suggestions.len() == 1)
    );
    let coded = |code: &str| {
        kept.iter()
            .find(|line| line.reason.as_ref().is_some_and(|reason| reason.code == code))
    };
    assert!(
        coded(ours["code"].as_str().unwrap()).is_some_and(|line| line.had_comment && line.comment.is_none())
    );
    assert!(coded("local-7").is_some_and(|line| line.reason.as_ref().unwrap().display.is_none()));
    for file in std::fs::read_dir(app.folder()).unwrap() {
        let bytes = std::fs::read(file.unwrap().path()).unwrap();
        assert!(
            !String::from_utf8_lossy(&bytes).contains("asked for it"),
            "a comment is on disk"
        );
    }
    let neither = overridden(&answer.cards()[2], json!({}));
    app.trusted_ehr()
        .feedback(HOOK, &batch(&[neither]))
        .await
        .refuses(400, "feedback[0].overrideReason");
}

/// cds-48a, cds-48b, cds-51b
#[tokio::test]
async fn names_the_malformed_entry_and_keeps_the_others() {
    let (app, answer) = answered().await;
    let ehr = app.trusted_ehr();
    for body in [
        json!({}),
        json!([]),
        json!({"feedback": {}}),
        json!({"feedback": null}),
        json!({"feedback": "x"}),
        json!(3),
    ] {
        assert_eq!(ehr.feedback(HOOK, &body).await.status, 400, "{body}");
    }
    let good = overridden(&answer.cards()[0], json!({"userComment": "seen"}));
    let wrong = [
        ("card", Value::Null),
        ("card", json!("no uuid")),
        ("outcome", json!("ignored")),
        ("outcome", Value::Null),
        ("outcomeTimestamp", json!("yesterday")),
        ("outcomeTimestamp", Value::Null),
        ("outcomeTimestamp", json!(1)),
    ];
    for (field, value) in wrong {
        let bad = with(good.clone(), field, value.clone());
        let answer = ehr.feedback(HOOK, &batch(&[bad, good.clone()])).await;
        answer.refuses(400, &format!("feedback[0].{field}"));
    }
    let no_list = with(accepted(&answer.cards()[0]), "acceptedSuggestions", Value::Null);
    ehr.feedback(HOOK, &batch(&[good.clone(), no_list]))
        .await
        .refuses(400, "feedback[1].acceptedSuggestions");
    let said = ehr
        .feedback(HOOK, &batch(&[json!(5), good.clone(), json!({"outcome": "x"})]))
        .await;
    said.refuses(400, "feedback[0]");
    said.refuses(400, "feedback[2].");
    assert_eq!(
        app.journal().counts().await.unwrap().overridden,
        1,
        "the good one is kept, once"
    );
}

/// cds-51b
#[tokio::test]
async fn names_each_malformed_field_in_an_issue_of_its_own_and_not_thousands_of_them() {
    let (app, answer) = answered().await;
    let good = overridden(&answer.cards()[0], json!({"userComment": "seen"}));
    let mut entries = vec![json!(5); 500];
    entries.push(good);
    let said = app.trusted_ehr().feedback(HOOK, &batch(&entries)).await;
    said.refuses(400, "feedback[0]");
    fhir_out::read_strictly(&said.text()).unwrap();
    let issues = said.json["issue"].as_array().unwrap();
    assert_eq!(issues.len(), 21, "{}", said.text());
    for (at, issue) in issues[..20].iter().enumerate() {
        assert_eq!(issue["expression"], json!([format!("feedback[{at}]")]));
        assert_eq!(
            issue["diagnostics"],
            format!("feedback[{at}]: is missing or malformed")
        );
    }
    assert!(issues[20].get("expression").is_none(), "{}", issues[20]);
    assert!(issues[20]["diagnostics"].as_str().unwrap().contains("480"));
    assert_eq!(app.journal().counts().await.unwrap().overridden, 1);
}

/// cds-51c
#[tokio::test]
async fn answers_200_for_a_card_it_did_not_issue() {
    let (app, answer) = answered().await;
    let unknown = with(
        overridden(&answer.cards()[0], json!({"userComment": "x"})),
        "card",
        json!(uuid::Uuid::new_v4().to_string()),
    );
    assert_eq!(
        app.trusted_ehr().feedback(HOOK, &batch(&[unknown])).await.status,
        200
    );
    let theirs = batch(&[overridden(&answer.cards()[0], json!({"userComment": "x"}))]);
    assert_eq!(app.other_client().feedback(HOOK, &theirs).await.status, 200);
    assert_eq!(
        app.journal().counts().await.unwrap().overridden,
        0,
        "and keeps nothing of it"
    );
}

/// cds-53a, cds-53b
#[tokio::test]
async fn needs_a_token_addressed_to_the_service_or_its_feedback() {
    let (app, answer) = answered().await;
    let service = app.path(HOOK);
    let path = format!("{service}/feedback");
    let body = batch(&[overridden(&answer.cards()[0], json!({"userComment": "seen"}))]).to_string();
    let send = async |token: Option<String>| {
        let mut call = app
            .call(Method::POST, &path)
            .header("content-type", "application/json")
            .body(body.clone());
        if let Some(token) = token {
            call = call.bearer_auth(token);
        }
        Answer::of(call.send().await.unwrap()).await
    };
    for audience in [&service, &path] {
        assert_eq!(
            send(Some(app.trusted_ehr().token(audience))).await.status,
            200,
            "{audience}"
        );
    }
    let elsewhere = with(
        app.trusted_ehr().claims(&path),
        "aud",
        json!(format!("{PUBLIC}/cds-services/other/feedback")),
    );
    for token in [
        None,
        Some(hospital_key().token(&elsewhere)),
        Some(app.stranger().token(&path)),
        Some(app.expired_token().token(&path)),
        Some("x".to_owned()),
    ] {
        let refused = send(token).await;
        assert_eq!((refused.status, refused.bytes.len()), (401, 0));
    }
    assert_eq!(
        app.journal().counts().await.unwrap().overridden,
        1,
        "nothing else was kept"
    );
    let hook_call = app
        .call(Method::POST, &service)
        .bearer_auth(app.trusted_ehr().token(&path));
    let hook_call = hook_call
        .header("content-type", "application/json")
        .body(Stop::tacrolimus().request().to_string());
    let refused = hook_call.send().await.unwrap();
    assert_eq!(
        refused.status().as_u16(),
        401,
        "a token for feedback opens no hook"
    );
}

/// cds-52a
#[tokio::test]
async fn understands_odd_spellings_and_batches_that_come_days_later() {
    let (app, answer) = answered().await;
    let card = &answer.cards()[0];
    let ours = &card["overrideReasons"][0];
    let (system, code) = (&ours["system"], &ours["code"]);
    let vendor = |part: &str| format!("com.epic.cdshooks.feedback.overrideReason{part}");
    let parts =
        json!({vendor(".code"): code, vendor(".system"): system, vendor(".display"): ours["display"]});
    let said = [
        json!({"overrideReasons": {"reason": ours}}),
        json!({"overrideReasons": [{"reason": ours}]}),
        json!({"overrideReasons": [{}, {"reason": ours, "userComment": "seen"}]}),
        json!({"overrideReason": {"extension": parts}}),
        json!({"overrideReasons": [{"extension": {vendor(""): ours}}]}),
        json!({"overrideReason": {"extension": {vendor(".reason"): ours}}}),
        json!({"extension": parts}),
        json!({"overrideReason": null, "extension": {"org.other": [1, {}], vendor(".code"): code}}),
    ];
    for (days, said) in said.iter().enumerate() {
        let at = crate::helpers::days_ago(days as i64);
        let mut entry = json!({"card": card["uuid"], "outcome": "overridden", "outcomeTimestamp": at});
        entry
            .as_object_mut()
            .unwrap()
            .extend(said.as_object().unwrap().clone());
        let kept = app.trusted_ehr().feedback(HOOK, &batch(&[entry])).await;
        assert_eq!(kept.status, 200, "{said}");
        let lines = app.journal().feedback_list(20).await.unwrap();
        assert_eq!(lines.len(), days + 1, "{said}");
        let reason = lines[0]
            .reason
            .as_ref()
            .unwrap_or_else(|| panic!("no reason in {said}"));
        assert_eq!(json!(reason.code), *code, "{said}");
    }
    for nothing in [
        json!({"overrideReason": {"extension": {vendor(".code"): {"deep": 1}}}}),
        json!({"overrideReason": {"extension": [1]}}),
        json!({"extension": "x"}),
    ] {
        let mut entry =
            json!({"card": card["uuid"], "outcome": "overridden", "outcomeTimestamp": now().to_string()});
        entry
            .as_object_mut()
            .unwrap()
            .extend(nothing.as_object().unwrap().clone());
        let kept = app.trusted_ehr().feedback(HOOK, &batch(&[entry])).await;
        assert_eq!(
            kept.status, 200,
            "what an extension of theirs means is not ours to refuse: {nothing}"
        );
    }
}
