//! How much the service takes, and what it does beyond that: it refuses early, says when to come again, and
//! never keeps a good caller waiting for a bad one.

use crate::helpers::app::NOBODY;
use crate::helpers::{Ehr, Fault, Stop, TestApp};
use reqwest::Method;
use std::time::{Duration, Instant};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

const HOOK: &str = "medication-discontinue";

/// A connection to the service, to be used badly.
async fn connect(app: &TestApp) -> TcpStream {
    TcpStream::connect(app.base().trim_start_matches("http://"))
        .await
        .unwrap()
}

/// The head of a call with a good token and a body that is still to come.
fn head(app: &TestApp, length: usize) -> String {
    let path = app.path(HOOK);
    let token = app.trusted_ehr().token(&path);
    format!(
        "POST {path} HTTP/1.1\r\nhost: x\r\nauthorization: Bearer {token}\r\ncontent-type: application/json\r\n\
         content-length: {length}\r\n\r\n"
    )
}

/// What the service says before it closes the connection.
async fn last_words(stream: &mut TcpStream) -> String {
    let mut said = Vec::new();
    let read = stream.read_to_end(&mut said);
    tokio::time::timeout(Duration::from_secs(8), read)
        .await
        .expect("the connection is closed")
        .unwrap();
    String::from_utf8_lossy(&said).into_owned()
}

#[tokio::test]
async fn a_client_that_calls_too_often_is_told_when_to_come_again() {
    let app = TestApp::with(NOBODY, "", "[client.rate]\nper-second = 1\nburst = 3").await;
    let request = Stop::tacrolimus().request();
    let (mut statuses, mut refused) = (Vec::new(), None);
    for _ in 0..5 {
        let answer = app.trusted_ehr().hook(&request).await;
        statuses.push(answer.status);
        if answer.status == 429 {
            refused = Some(answer);
        }
    }
    assert_eq!(statuses[..3], [200; 3]);
    let refused = refused.expect("a refusal");
    assert_eq!(refused.json["issue"][0]["code"], "throttled");
    let wait: u64 = refused.header("retry-after").parse().unwrap();
    assert!((1..=2).contains(&wait), "{wait}");
    // What is wrong with a call is said first, and another client has its own share.
    let mut malformed = request.clone();
    malformed["hookInstance"] = "no".into();
    app.trusted_ehr()
        .hook(&malformed)
        .await
        .refuses(400, "hookInstance");
    assert_eq!(app.other_client().hook(&request).await.status, 200);
    let feedback = serde_json::json!({"feedback": []});
    assert_eq!(app.trusted_ehr().feedback(HOOK, &feedback).await.status, 429);
}

#[tokio::test]
async fn beyond_its_bound_a_process_refuses_before_the_body_is_read() {
    let app = TestApp::with(NOBODY, "max-calls = 1\nbody-timeout-ms = 60000", "").await;
    let mut busy = connect(&app).await;
    busy.write_all(head(&app, 100_000).as_bytes()).await.unwrap();
    let path = app.path(HOOK);
    let started = Instant::now();
    let refused = loop {
        // Too large, without a token: neither is looked at.
        let call = app.call(Method::POST, &path).body(vec![b'x'; 64]);
        let answer = crate::helpers::Answer::of(call.send().await.unwrap()).await;
        if answer.status == 503 || started.elapsed() > Duration::from_secs(5) {
            break answer;
        }
    };
    assert_eq!(refused.status, 503, "{}", refused.text());
    assert_eq!(refused.json["resourceType"], "OperationOutcome");
    assert!(!refused.header("retry-after").is_empty());
    assert_eq!(
        app.call(Method::GET, "/cds-services")
            .send()
            .await
            .unwrap()
            .status(),
        200
    );
    drop(busy);
    let request = Stop::tacrolimus().request();
    let started = Instant::now();
    while app.trusted_ehr().hook(&request).await.status != 200 {
        assert!(
            started.elapsed() < Duration::from_secs(5),
            "the room is never free again"
        );
    }
}

/// More than one worker can answer at once: each call is answered or refused, and the next one is served.
#[tokio::test]
async fn a_crowd_is_answered_or_refused() {
    let app = TestApp::with(NOBODY, "", "").await;
    let body = Stop::tacrolimus().with_kidney_transplant().request().to_string();
    let (path, ehr) = (app.path(HOOK), app.trusted_ehr());
    let tokens: Vec<String> = (0..150).map(|_| ehr.token(&path)).collect();
    let calls = tokens.iter().map(|token| {
        let call = app.call(Method::POST, &path).bearer_auth(token);
        let call = call.header("content-type", "application/json").body(body.clone());
        async { call.send().await.unwrap().status().as_u16() }
    });
    let statuses = futures_util::future::join_all(calls).await;
    assert!(statuses.contains(&200), "nobody is served");
    assert!(
        statuses.iter().all(|status| [200, 503].contains(status)),
        "{statuses:?}"
    );
    assert_eq!(ehr.hook(&Stop::tacrolimus().request()).await.status, 200);
}

#[tokio::test]
async fn a_body_that_dribbles_in_is_cut_off() {
    let app = TestApp::with(NOBODY, "body-timeout-ms = 200", "").await;
    let mut slow = connect(&app).await;
    slow.write_all(head(&app, 100_000).as_bytes()).await.unwrap();
    slow.write_all(b"{").await.unwrap();
    let said = last_words(&mut slow).await;
    assert!(
        said.starts_with("HTTP/1.1 408 ") && said.contains("OperationOutcome"),
        "{said}"
    );
}

#[tokio::test]
async fn a_head_that_never_ends_and_an_idle_connection_are_cut_off() {
    let app = TestApp::with(NOBODY, "head-timeout-ms = 1000\nkeep-alive-s = 1", "").await;
    let mut silent = connect(&app).await;
    silent
        .write_all(b"POST /cds-services HTTP/1.1\r\nhost:")
        .await
        .unwrap();
    let said = last_words(&mut silent).await;
    assert!(said.is_empty() || said.starts_with("HTTP/1.1 408 "), "{said}");
    let mut idle = connect(&app).await;
    idle.write_all(b"GET /livez HTTP/1.1\r\nhost: x\r\n\r\n")
        .await
        .unwrap();
    let said = last_words(&mut idle).await;
    assert!(said.starts_with("HTTP/1.1 200 "), "{said}");
}

#[tokio::test]
async fn a_server_that_fails_is_left_alone_and_then_tried_once() {
    let stop = Stop::tacrolimus().with_kidney_transplant();
    let ehr = Ehr::holding(&stop)
        .await
        .failing("*", Fault::Status(503))
        .open()
        .await;
    let settings = "[client.breaker]\nfailures = 5\npause-ms = 700";
    let app = TestApp::with(&ehr.base(), "", settings).await;
    let request = || stop.granting(&ehr.base(), "t");
    app.trusted_ehr()
        .hook(&request())
        .await
        .states_gap("observations", "fetch-failed");
    let opened = Instant::now();
    let asked = ehr.requests().await.len();
    assert!(asked >= 5, "{asked}");
    let answer = app.trusted_ehr().hook(&request()).await;
    answer.states_gap("observations", "fetch-failed");
    assert_eq!(answer.card("abrupt-withdrawal")["indicator"], "critical");
    if opened.elapsed() < Duration::from_millis(600) {
        assert_eq!(
            ehr.requests().await.len(),
            asked,
            "it was asked while it was to be left alone"
        );
    }
    ehr.turn(&stop, &[]);
    let started = Instant::now();
    loop {
        let answer = app.trusted_ehr().hook(&request()).await;
        if !answer.has_gap("observations", "fetch-failed") && !answer.has_gap("conditions", "fetch-failed") {
            break;
        }
        assert!(
            started.elapsed() < Duration::from_secs(8),
            "it is never read again"
        );
    }
}

#[tokio::test]
async fn a_server_that_refuses_is_there_and_is_asked_again() {
    let stop = Stop::tacrolimus().with_kidney_transplant();
    let ehr = Ehr::holding(&stop)
        .await
        .failing("*", Fault::Status(403))
        .open()
        .await;
    let app = TestApp::with(
        &ehr.base(),
        "",
        "[client.breaker]\nfailures = 1\npause-ms = 60000",
    )
    .await;
    for _ in 0..2 {
        let before = ehr.requests().await.len();
        let answer = app.trusted_ehr().hook(&stop.granting(&ehr.base(), "t")).await;
        answer.states_gap("observations", "not-permitted");
        assert!(ehr.requests().await.len() > before);
    }
}

#[tokio::test]
async fn a_server_that_gives_more_than_is_read_is_there_and_is_asked_again() {
    let stop = Stop::tacrolimus().with_kidney_transplant();
    let ehr = Ehr::holding(&stop)
        .await
        .failing("*", Fault::GzipBomb)
        .open()
        .await;
    let settings = "deadline-ms = 20000\n[client.breaker]\nfailures = 1\npause-ms = 60000";
    let app = TestApp::with(&ehr.base(), "", settings).await;
    for _ in 0..2 {
        let before = ehr.requests().await.len();
        let answer = app.trusted_ehr().hook(&stop.granting(&ehr.base(), "t")).await;
        answer.states_gap("observations", "fetch-failed");
        assert!(
            ehr.requests().await.len() > before,
            "one large record is no reason to leave the server alone"
        );
    }
}
