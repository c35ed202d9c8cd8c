//! What must outlive the process.

use crate::helpers::program::Program;
use crate::helpers::{Stop, TestApp, now};
use serde_json::{Value, json};
use stepdown::journal::Journal;

const HOOK: &str = "medication-discontinue";

fn overridden(card: &Value) -> Value {
    json!({"feedback": [{"card": card["uuid"], "outcome": "overridden", "outcomeTimestamp": now().to_string(),
        "overrideReason": {"reason": {"code": "patient-refuses"}, "userComment": "seen"}}]})
}

#[tokio::test]
async fn feedback_is_on_disk_when_it_is_acknowledged_and_counts_once() {
    let app = TestApp::spawn().await;
    let answer = app
        .trusted_ehr()
        .hook(&Stop::tacrolimus().with_kidney_transplant().request())
        .await;
    let body = overridden(&answer.cards()[0]);
    for _ in 0..4 {
        assert_eq!(app.trusted_ehr().feedback(HOOK, &body).await.status, 200);
    }
    // A second reader of the same file, while the service runs.
    let seen = Journal::open(&format!("sqlite:{}", app.folder().join("journal.db").display()))
        .await
        .unwrap();
    let lines = seen.feedback_list(10).await.unwrap();
    assert_eq!(lines.len(), 1);
    assert_eq!(
        (lines[0].client.as_str(), lines[0].topic.as_str()),
        ("hospital", "abrupt-withdrawal")
    );
    assert!(
        lines[0].rule.starts_with("tacrolimus/kidney-transplant/"),
        "{}",
        lines[0].rule
    );
    let counts = seen.counts().await.unwrap();
    assert_eq!(
        (counts.evaluations, counts.cards),
        (1, answer.cards().len() as u64)
    );
}

#[tokio::test]
async fn a_foreign_card_is_counted_and_not_kept() {
    let app = TestApp::spawn().await;
    let answer = app
        .trusted_ehr()
        .hook(&Stop::tacrolimus().with_kidney_transplant().request())
        .await;
    let never_issued = json!({"uuid": uuid::Uuid::new_v4().to_string()});
    for (caller, card) in [
        (app.other_client(), &answer.cards()[0]),
        (app.trusted_ehr(), &never_issued),
    ] {
        assert_eq!(caller.feedback(HOOK, &overridden(card)).await.status, 200);
    }
    assert!(app.journal().feedback_list(10).await.unwrap().is_empty());
}

#[tokio::test]
async fn feedback_that_cannot_be_kept_is_not_acknowledged() {
    let app = TestApp::spawn().await;
    let answer = app
        .trusted_ehr()
        .hook(&Stop::tacrolimus().with_kidney_transplant().request())
        .await;
    app.journal().close().await.unwrap();
    let refused = app
        .trusted_ehr()
        .feedback(HOOK, &overridden(&answer.cards()[0]))
        .await;
    assert_eq!(refused.status, 503, "{}", refused.text());
}

#[tokio::test]
async fn acknowledged_feedback_survives_kill_nine() {
    let folder = tempfile::tempdir().unwrap();
    let file = format!("sqlite:{}", folder.path().join("journal.db").display());
    let path = "/cds-services/stepdown-medication-discontinue";

    let program = Program::serve(folder.path(), "info");
    let answer = program
        .post(path, &Stop::tacrolimus().with_kidney_transplant().request())
        .await;
    let card = answer.cards()[0].clone();
    let kept = program
        .post(&format!("{path}/feedback"), &overridden(&card))
        .await;
    program.kill();
    assert_eq!(kept.status, 200);

    let journal = Journal::open(&file).await.unwrap();
    let lines = journal.feedback_list(10).await.unwrap();
    assert_eq!(lines.len(), 1);
    let reason = lines[0].reason.as_ref();
    assert!(reason.is_some_and(|reason| reason.code == "patient-refuses"));
    journal.close().await.unwrap();

    let again = Program::serve(folder.path(), "info");
    let repeated = again.post(&format!("{path}/feedback"), &overridden(&card)).await;
    assert_eq!(repeated.status, 200, "a restart opens the same journal");
    again.kill();
    let journal = Journal::open(&file).await.unwrap();
    let counts = journal.counts().await.unwrap();
    assert_eq!(counts.overridden, 1, "and knows what it has");
}
