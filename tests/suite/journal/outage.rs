//! A database that goes away while the service runs, and comes back; and one that was never there.

use crate::helpers::postgres::{PASSWORD, Postgres};
use crate::helpers::{Stop, TestApp, installed, now};
use serde_json::{Value, json};
use sqlx::ConnectOptions;
use sqlx::sqlite::SqliteConnectOptions;
use std::time::Duration;
use stepdown::journal::Journal;

const HOOK: &str = "medication-discontinue";

fn overridden(card: &Value) -> Value {
    json!({"feedback": [{"card": card["uuid"], "outcome": "overridden", "outcomeTimestamp": now().to_string()}]})
}

async fn status(app: &TestApp, path: &str) -> u16 {
    let answer = app.call(reqwest::Method::GET, path).send().await.unwrap();
    answer.status().as_u16()
}

async fn until_writable(app: &TestApp) {
    for _ in 0..600 {
        if app.journal().is_writable() {
            return;
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    panic!("the journal did not come back by itself");
}

#[tokio::test]
async fn an_outage_is_survived() {
    if installed::skipped() {
        return;
    }
    let server = Postgres::start();
    let url = format!("url = '{}'", server.database("journal"));
    let careful = TestApp::keeping(&url).await;
    let carefree = TestApp::keeping(&format!("{url}\nwhen-unavailable = 'accept'")).await;
    let request = Stop::tacrolimus().with_kidney_transplant().request();
    let before = carefree.trusted_ehr().hook(&request).await.cards()[0].clone();

    server.down();
    let refused = careful.trusted_ehr().hook(&request).await;
    assert_eq!(refused.status, 503, "{}", refused.text());
    assert_eq!(status(&careful, "/readyz").await, 503);
    assert_eq!(status(&careful, "/livez").await, 200);
    let during = carefree.trusted_ehr().hook(&request).await;
    assert_eq!(during.status, 200, "{}", during.text());
    let during = during.cards()[0].clone();
    assert_eq!(status(&carefree, "/readyz").await, 200);
    for app in [&careful, &carefree] {
        assert_eq!(
            app.trusted_ehr()
                .feedback(HOOK, &overridden(&before))
                .await
                .status,
            503
        );
    }
    let path = carefree.path(HOOK);
    let token = carefree.trusted_ehr().token(&path);
    let spend = || async {
        let call = carefree.call(reqwest::Method::POST, &path).bearer_auth(&token);
        let call = call
            .header("content-type", "application/json")
            .body(request.to_string());
        call.send().await.unwrap().status().as_u16()
    };
    assert_eq!((spend().await, spend().await), (200, 401));

    server.up();
    until_writable(&careful).await;
    until_writable(&carefree).await;
    assert_eq!(
        spend().await,
        401,
        "a token that was used during the outage stays used"
    );
    assert_eq!(careful.trusted_ehr().hook(&request).await.status, 200);
    for card in [&before, &during] {
        assert_eq!(
            carefree
                .trusted_ehr()
                .feedback(HOOK, &overridden(card))
                .await
                .status,
            200
        );
    }
    let lines = careful.journal().feedback_list(10).await.unwrap();
    assert_eq!(
        lines.len(),
        2,
        "what was answered during the outage is written after it"
    );
    assert_eq!(carefree.journal().dropped() + careful.journal().dropped(), 0);
}

#[tokio::test]
async fn a_database_that_is_not_there_is_named_without_its_password() {
    let nobody = format!("postgres://someone:{PASSWORD}@127.0.0.1:9/journal");
    let said = Journal::open(&nobody).await.err().unwrap().to_string();
    assert!(
        said.contains("[journal] url") && said.contains("127.0.0.1:9/journal"),
        "{said}"
    );
    assert!(!said.contains(PASSWORD), "{said}");

    if installed::skipped() {
        return;
    }
    let server = Postgres::start();
    let right = server.database_over_tcp("journal");
    Journal::open(&right).await.unwrap().close().await.unwrap();
    let wrong = right.replace(PASSWORD, "canary-wrong");
    let said = Journal::open(&wrong).await.err().unwrap().to_string();
    assert!(said.contains("password authentication failed"), "{said}");
    assert!(!said.contains("canary"), "{said}");
    // Another machine is not spoken to without a certificate; this one has none.
    let remote = server
        .database_over_tcp("remote")
        .replace("/remote", "/remote?sslmode=verify-full");
    assert!(Journal::open(&remote).await.is_err());
}

#[tokio::test]
async fn a_file_that_cannot_be_written_stops_feedback_and_no_prescriber() {
    let app = TestApp::with("http://127.0.0.1:9/fhir", "[admin]\nlisten = '127.0.0.1:0'", "");
    let careful = app.await;
    let carefree = TestApp::keeping(
        "url = 'sqlite:journal.db'\nwhen-unavailable = 'accept'\n[admin]\nlisten = '127.0.0.1:0'",
    )
    .await;
    let request = Stop::tacrolimus().with_kidney_transplant().request();
    for (app, hook, ready) in [(&careful, 503, 503), (&carefree, 200, 200)] {
        let before = app.trusted_ehr().hook(&request).await.cards()[0].clone();
        let file = app.folder().join("journal.db");
        let mut hand = SqliteConnectOptions::new()
            .filename(&file)
            .connect()
            .await
            .unwrap();
        for broken in ["spent_token", "audit"] {
            let rename = format!("ALTER TABLE {broken} RENAME TO {broken}_gone");
            sqlx::raw_sql(sqlx::AssertSqlSafe(rename))
                .execute(&mut hand)
                .await
                .unwrap();
        }
        assert_eq!(app.trusted_ehr().hook(&request).await.status, hook);
        let feedback = app.trusted_ehr().feedback(HOOK, &overridden(&before)).await;
        assert_eq!(feedback.status, 503);
        assert_eq!(status(app, "/readyz").await, ready);
        assert!(app.metrics().await.contains("\ncds_journal_writable 0\n"));
    }
}
