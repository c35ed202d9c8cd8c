//! Every token that must open nothing, as one table, through HTTP and at both doors that take a body.
//!
//! All of them get the same answer, byte for byte: 401 without a body, whatever is wrong. None makes the
//! service call anybody, and none uses up the good token whose `jti` it borrows.

use crate::helpers::app::{hospital_key, stranger_key};
use crate::helpers::forger::Forger;
use crate::helpers::program::Program;
use crate::helpers::{Answer, Stop, TestApp};
use futures_util::future::join_all;
use reqwest::Method;
use serde_json::json;

const HOOK: &str = "medication-discontinue";

/// What tells one answer from another, but for the instant.
fn face(answer: &Answer) -> (u16, Vec<u8>, Vec<String>) {
    let headers = answer.headers.iter().filter(|(name, _)| *name != "date");
    let mut headers: Vec<String> = headers
        .map(|(name, value)| format!("{name}: {value:?}"))
        .collect();
    headers.sort();
    (answer.status, answer.bytes.clone(), headers)
}

/// cds-56a, cds-56c, cds-58b, cds-58c
#[tokio::test]
async fn no_forged_token_opens_any_door_or_makes_a_call() {
    let evil = wiremock::MockServer::builder().start().await;
    let keys = wiremock::ResponseTemplate::new(200).set_body_json(json!({"keys": [stranger_key().public()]}));
    wiremock::Mock::given(wiremock::matchers::any())
        .respond_with(keys)
        .mount(&evil)
        .await;
    let app = TestApp::spawn().await;
    let hook = app.path(HOOK);
    let body = Stop::tacrolimus().request().to_string();
    let post = async |path: &str, token: &str| {
        let call = app
            .call(Method::POST, path)
            .header("content-type", "application/json");
        let call = call.header("authorization", format!("Bearer {token}"));
        Answer::of(call.body(body.clone()).send().await.unwrap()).await
    };
    let mut faces = Vec::new();
    for path in [hook.clone(), format!("{hook}/feedback")] {
        let forger = Forger::new(&path, &evil.uri());
        let forged = forger.all();
        assert!(forged.len() > 180, "{}", forged.len());
        for (what, token) in forged {
            let answer = post(&path, &token).await;
            assert_eq!((answer.status, answer.bytes.len()), (401, 0), "{path}, {what}");
            faces.push(face(&answer));
        }
        let good = post(&path, &hospital_key().token(&forger.claims)).await.status;
        assert_ne!(good, 401, "{path}: the token that all of them were made of");
        assert_eq!(
            post(&path, &hospital_key().token(&forger.claims)).await.status,
            401,
            "{path}: once"
        );
    }
    faces.dedup();
    assert_eq!(faces.len(), 1, "refusals can be told apart: {faces:?}");
    assert_eq!(
        evil.received_requests().await.unwrap().len(),
        0,
        "somebody was called on a token's word"
    );
}

/// cds-59a: two processes on one journal are one service.
#[tokio::test]
async fn a_token_opens_one_door_of_two_processes_once() {
    let folder = tempfile::tempdir().unwrap();
    let (one, other) = (
        Program::serve(folder.path(), "warn"),
        Program::serve(folder.path(), "warn"),
    );
    let path = "/cds-services/stepdown-medication-discontinue";
    let body = Stop::tacrolimus().request();
    for (first, second) in [(&one, &other), (&other, &one)] {
        let token = hospital_key().token(&Program::claims(path));
        assert_eq!(first.post_with(path, &token, &body).await.status, 200);
        assert_eq!(
            second.post_with(path, &token, &body).await.status,
            401,
            "spent in another process"
        );
        assert_eq!(
            first.post_with(path, &token, &body).await.status,
            401,
            "spent in this process"
        );
    }
    let token = hospital_key().token(&Program::claims(path));
    let race = (0..12).map(|at| if at % 2 == 0 { &one } else { &other });
    let answers = join_all(race.map(|program| program.post_with(path, &token, &body))).await;
    let opened = answers.iter().filter(|answer| answer.status == 200).count();
    let refused = answers.iter().filter(|answer| answer.status == 401).count();
    assert_eq!((opened, refused), (1, 11), "a race for one token");
}
