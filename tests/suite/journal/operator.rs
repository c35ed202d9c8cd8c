//! The operator's read of feedback: who may, and what the sums say, from both engines.

use crate::helpers::postgres::Postgres;
use crate::helpers::{Answer, Stop, TestApp, installed, now};
use reqwest::Method;
use serde_json::json;

const HOOK: &str = "medication-discontinue";
const PATH: &str = "/operator/feedback";
const TOKEN: &str = "an-operator-token-of-forty-characters-00";

async fn read(app: &TestApp, path: &str, token: &str) -> Answer {
    Answer::of(
        app.call(Method::GET, path)
            .bearer_auth(token)
            .send()
            .await
            .unwrap(),
    )
    .await
}

/// A service whose journal lies there and whose operator has a token.
async fn operated(journal: &str) -> (TestApp, tempfile::TempDir) {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("token");
    std::fs::write(&file, format!("{TOKEN}\n")).unwrap();
    let operator = format!("{journal}\n[operator]\ntoken-file = '{}'", file.display());
    (TestApp::keeping(&operator).await, folder)
}

async fn sums(journal: &str) {
    let (app, _folder) = operated(journal).await;
    let request = Stop::tacrolimus().with_kidney_transplant().request();
    let mut cards = Vec::new();
    for _ in 0..4 {
        cards.push(app.trusted_ehr().hook(&request).await.cards()[0].clone());
    }
    let overridden = |code: &str| {
        json!({"outcome": "overridden", "overrideReason":
        {"reason": {"code": code, "system": "urn:reasons"}, "userComment": "canary-comment"}})
    };
    let accepted =
        json!({"outcome": "accepted", "acceptedSuggestions": [{"id": cards[2]["suggestions"][0]["uuid"]}]});
    for (card, mut entry) in [
        (&cards[0], overridden("=1+1")),
        (&cards[1], overridden("=1+1")),
        (&cards[2], accepted),
    ] {
        entry["card"] = card["uuid"].clone();
        entry["outcomeTimestamp"] = json!(now().to_string());
        let body = json!({"feedback": [entry]});
        assert_eq!(app.trusted_ehr().feedback(HOOK, &body).await.status, 200);
    }
    let answer = read(&app, PATH, TOKEN).await;
    assert_eq!(answer.status, 200);
    let rules = answer.json["rules"].as_array().unwrap();
    let row = rules
        .iter()
        .find(|row| row["topic"] == "abrupt-withdrawal")
        .unwrap();
    let counts =
        ["shown", "answered", "accepted", "overridden", "commented"].map(|name| row[name].as_u64().unwrap());
    assert_eq!(counts, [4, 3, 1, 2, 2]);
    assert_eq!(
        (&row["responseRate"], &row["overrideRate"]),
        (&json!(0.75), &json!(0.6667))
    );
    assert_eq!(
        row["reasons"],
        json!([{"system": "urn:reasons", "code": "=1+1", "count": 2}])
    );
    assert_eq!(
        (&row["client"], row["content"].is_string()),
        (&json!("hospital"), true)
    );

    let csv = read(&app, &format!("{PATH}?format=csv"), TOKEN)
        .await
        .text()
        .to_owned();
    assert!(csv.starts_with("client,content,rule,topic,shown,"), "{csv}");
    assert!(csv.contains(",abrupt-withdrawal,4,3,1,2,2,0.75,0.6667"), "{csv}");
    let csv = read(&app, &format!("{PATH}?format=csv&of=reasons"), TOKEN)
        .await
        .text()
        .to_owned();
    assert!(csv.contains("urn:reasons,'=1+1,2"), "{csv}");
    let later = read(&app, &format!("{PATH}?since=2126-01-01T00:00:00Z"), TOKEN).await;
    assert_eq!(later.json["rules"], json!([]));
    assert_eq!(read(&app, &format!("{PATH}?format=xml"), TOKEN).await.status, 400);
    assert!(!answer.text().contains("canary"));
}

#[tokio::test]
async fn the_sums_of_a_file() {
    sums("url = 'sqlite:journal.db'").await;
}

#[tokio::test]
async fn the_sums_of_a_server() {
    if installed::skipped() {
        return;
    }
    let server = Postgres::start();
    sums(&format!("url = '{}'", server.database("journal"))).await;
}

#[tokio::test]
async fn nobody_reads_without_the_operators_token() {
    let (app, _folder) = operated("url = 'sqlite:journal.db'").await;
    for wrong in [
        "",
        "x",
        &TOKEN[1..],
        &format!("{TOKEN}0"),
        &app.trusted_ehr().token(PATH),
    ] {
        let answer = read(&app, PATH, wrong).await;
        assert_eq!((answer.status, answer.text().as_ref()), (401, ""), "{wrong}");
        assert_eq!(answer.header("www-authenticate"), "Bearer");
    }
    let open = app.call(Method::GET, PATH).send().await.unwrap();
    assert_eq!(open.status(), 401);
    let closed = TestApp::spawn().await;
    assert_eq!(read(&closed, PATH, TOKEN).await.status, 404, "off unless set");
}
