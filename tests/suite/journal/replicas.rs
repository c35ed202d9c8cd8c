//! Two replicas on one journal: what one has used up or issued, the other knows.

use crate::helpers::postgres::Postgres;
use crate::helpers::{Stop, TestApp, installed, now};
use serde_json::{Value, json};
use stepdown::journal::Journal;

const HOOK: &str = "medication-discontinue";

fn accepted(card: &Value) -> Value {
    let suggestion = json!({"id": card["suggestions"][0]["uuid"]});
    json!({"feedback": [{"card": card["uuid"], "outcome": "accepted", "outcomeTimestamp": now().to_string(),
        "acceptedSuggestions": [suggestion]}]})
}

async fn share(journal: &str) {
    let (one, other) = (TestApp::keeping(journal).await, TestApp::keeping(journal).await);
    let request = Stop::tacrolimus().with_kidney_transplant().request();
    let path = one.path(HOOK);

    let token = one.trusted_ehr().token(&path);
    let mut statuses = Vec::new();
    for app in [&one, &other, &one] {
        let call = app.call(reqwest::Method::POST, &path).bearer_auth(&token);
        let call = call
            .header("content-type", "application/json")
            .body(request.to_string());
        statuses.push(call.send().await.unwrap().status().as_u16());
    }
    assert_eq!(
        statuses,
        [200, 401, 401],
        "a token is good for one call at one replica"
    );

    let card = one.trusted_ehr().hook(&request).await.cards()[0].clone();
    for app in [&other, &one, &other] {
        assert_eq!(
            app.trusted_ehr().feedback(HOOK, &accepted(&card)).await.status,
            200
        );
    }
    let lines = one.journal().feedback_list(10).await.unwrap();
    assert_eq!(lines.len(), 1, "kept once, by whichever replica it reached");
    assert_eq!(lines[0].topic, "abrupt-withdrawal");
    assert!(lines[0].rule.starts_with("tacrolimus/kidney-transplant/"));
}

/// Feedback about a card that another replica may be about to write is not acknowledged, and sent again; a card that
/// is nobody's, or somebody else's, is not waited for.
async fn wait_for_the_other(journal: &str) {
    let app = TestApp::keeping(journal).await;
    let request = Stop::tacrolimus().with_kidney_transplant().request();
    let of_another = app.other_client().hook(&request).await.cards()[0]["uuid"].clone();
    let an_hour_ago =
        uuid::Timestamp::from_unix(uuid::NoContext, now().as_second().unsigned_abs() - 3_600, 0);
    let made = [
        (json!(uuid::Uuid::now_v7()), 503),
        (json!(uuid::Uuid::new_v7(an_hour_ago)), 200),
        (json!(uuid::Uuid::new_v4()), 200),
        (of_another, 200),
    ];
    for (card, status) in made {
        let body = json!({"feedback": [{"card": card, "outcome": "overridden", "outcomeTimestamp": now().to_string()}]});
        let answer = app.trusted_ehr().feedback(HOOK, &body).await;
        assert_eq!(answer.status, status, "{card}");
    }
}

#[tokio::test]
async fn replicas_share_one_file() {
    let folder = tempfile::tempdir().unwrap();
    share(&format!(
        "url = 'sqlite:{}'",
        folder.path().join("shared.db").display()
    ))
    .await;
}

#[tokio::test]
async fn replicas_share_one_server() {
    if installed::skipped() {
        return;
    }
    let server = Postgres::start();
    share(&format!("url = '{}'", server.database("shared"))).await;
    wait_for_the_other(&format!("url = '{}'", server.database("early"))).await;
    for attempt in [
        "UPDATE audit SET patient = 'Patient/other'",
        "DELETE FROM audit",
        "TRUNCATE audit",
    ] {
        let said = server.execute("shared", attempt).unwrap_err();
        assert!(said.contains("audit entries are"), "{said}");
    }
    let newer = "INSERT INTO _sqlx_migrations (version, description, success, checksum, execution_time) \
                 VALUES (9999, 'of the next version', true, 'x', 0)";
    server.execute("shared", newer).unwrap();
    let url = server.database_url("shared");
    let beside = Journal::open(&url).await.unwrap();
    beside.close().await.unwrap();
    server
        .execute("shared", "UPDATE program_floor SET knows = 9999")
        .unwrap();
    let refused = Journal::open(&url).await.err().unwrap().to_string();
    assert!(refused.contains("a newer version"), "{refused}");
    let elsewhere =
        "SELECT * FROM card; SELECT * FROM feedback; SELECT * FROM evaluation; SELECT * FROM spent_token";
    let patient = Stop::tacrolimus().request()["context"]["patientId"]
        .as_str()
        .unwrap()
        .to_owned();
    let audit = server.execute("shared", "SELECT patient FROM audit").unwrap();
    assert!(audit.contains(&patient), "{audit}");
    let others = server.execute("shared", elsewhere).unwrap();
    assert!(!others.contains(&format!("Patient/{patient}")), "{others}");
}
