//! Key sets behind an address: how often they are fetched, and what happens when they cannot be.

use std::sync::Arc;
use std::time::Duration;

use serde_json::json;
use wiremock::matchers::method;
use wiremock::{Mock, MockServer, ResponseTemplate};

use super::Signer;
use crate::config::SignatureAlgorithm;
use crate::trust::Refusal;
use crate::trust::remote::{Remote, Timing, http};

/// A key set behind an address, with every request counted by the server.
async fn remote(server: &MockServer, timing: Timing) -> Arc<Remote> {
    let url = format!("{}/jwks.json", server.uri()).parse().unwrap();
    let http = http(crate::outbound::Outbound::default(), None).unwrap();
    Arc::new(Remote::new("a".to_owned(), url, http, timing))
}

async fn serve(server: &MockServer, answer: ResponseTemplate) {
    server.reset().await;
    Mock::given(method("GET"))
        .respond_with(answer)
        .mount(server)
        .await;
}

async fn fetches(server: &MockServer) -> usize {
    server.received_requests().await.unwrap().len()
}

async fn find(remote: &Arc<Remote>, kid: &str) -> Option<Refusal> {
    remote.candidates(kid, SignatureAlgorithm::ES384).await.err()
}

const AT_ONCE: Timing = Timing {
    refresh_after: Duration::ZERO,
    interval: Duration::ZERO,
    discard_after: Duration::from_secs(60),
};

#[tokio::test]
async fn a_storm_of_unknown_keys_is_one_fetch() {
    let server = MockServer::start().await;
    let answer = ResponseTemplate::new(200).set_body_json(json!({"keys": [Signer::ec384("k").public]}));
    serve(&server, answer.set_delay(Duration::from_millis(50))).await;
    let remote = remote(&server, Timing::default()).await;
    let storm = (0..200).map(|number| {
        let remote = Arc::clone(&remote);
        tokio::spawn(async move { find(&remote, &format!("random-{number}")).await })
    });
    for refusal in futures_util::future::join_all(storm).await {
        assert_eq!(refusal.unwrap(), Some(Refusal::UnknownKey));
    }
    assert_eq!(find(&remote, "k").await, None);
    assert_eq!(fetches(&server).await, 1);
}

#[tokio::test]
async fn a_new_key_is_found_and_an_old_one_is_forgotten() {
    let server = MockServer::start().await;
    let set = |kid| ResponseTemplate::new(200).set_body_json(json!({"keys": [Signer::ec384(kid).public]}));
    serve(&server, set("old")).await;
    let remote = remote(&server, AT_ONCE).await;
    assert_eq!(find(&remote, "old").await, None);
    serve(&server, set("new")).await;
    assert_eq!(find(&remote, "new").await, None);
    assert_eq!(find(&remote, "old").await, Some(Refusal::UnknownKey));
}

#[tokio::test]
async fn an_outage_is_bridged_for_a_while() {
    let server = MockServer::start().await;
    let answer = ResponseTemplate::new(200).set_body_json(json!({"keys": [Signer::ec384("k").public]}));
    serve(&server, answer).await;
    let patient = remote(&server, AT_ONCE).await;
    let strict = remote(
        &server,
        Timing {
            discard_after: Duration::from_millis(1),
            ..AT_ONCE
        },
    )
    .await;
    assert_eq!(find(&patient, "k").await, None);
    find(&strict, "k").await;
    serve(&server, ResponseTemplate::new(500)).await;
    tokio::time::sleep(Duration::from_millis(10)).await;
    assert_eq!(find(&patient, "k").await, None);
    assert_eq!(find(&strict, "k").await, Some(Refusal::KeysUnavailable));
}

#[tokio::test]
async fn bad_answers_are_no_key_set_and_are_not_asked_for_again_at_once() {
    let large = format!("{{\"keys\":[{}]}}", vec!["{}"; 100_000].join(","));
    for answer in [
        ResponseTemplate::new(404),
        ResponseTemplate::new(302).insert_header("Location", "http://127.0.0.1:1/"),
        ResponseTemplate::new(200).set_body_string("<html>"),
        ResponseTemplate::new(200).set_body_string(large),
    ] {
        let server = MockServer::start().await;
        serve(&server, answer).await;
        let remote = remote(&server, Timing::default()).await;
        assert_eq!(find(&remote, "k").await, Some(Refusal::KeysUnavailable));
        assert_eq!(find(&remote, "k").await, Some(Refusal::KeysUnavailable));
        assert_eq!(fetches(&server).await, 1);
    }
}

#[tokio::test]
async fn a_caller_who_hangs_up_does_not_abort_the_fetch() {
    let server = MockServer::start().await;
    let answer = ResponseTemplate::new(200).set_body_json(json!({"keys": [Signer::ec384("k").public]}));
    serve(&server, answer.set_delay(Duration::from_millis(100))).await;
    let remote = remote(&server, Timing::default()).await;
    let hasty = tokio::time::timeout(
        Duration::from_millis(20),
        remote.candidates("k", SignatureAlgorithm::ES384),
    );
    assert!(hasty.await.is_err());
    assert_eq!(find(&remote, "k").await, None);
    assert_eq!(fetches(&server).await, 1);
}

#[tokio::test]
async fn another_version_of_the_settings_knows_what_was_fetched_and_asks_in_its_own_way() {
    let server = MockServer::start().await;
    let answer = ResponseTemplate::new(200).set_body_json(json!({"keys": [Signer::ec384("k").public]}));
    serve(&server, answer).await;
    let old = remote(&server, Timing::default()).await;
    assert_eq!(find(&old, "k").await, None);
    let asking = |of: &Remote| {
        let named = reqwest::Client::builder().user_agent("newer").build().unwrap();
        Arc::new(of.asking_with(named))
    };
    assert_eq!(find(&asking(&old), "k").await, None);
    assert_eq!(
        fetches(&server).await,
        1,
        "what one has fetched is known to the other"
    );

    let old = remote(&server, AT_ONCE).await;
    let new = asking(&old);
    for remote in [&old, &new, &old] {
        assert_eq!(find(remote, "k").await, None);
    }
    let asked = server.received_requests().await.unwrap();
    let named: Vec<bool> = asked[1..]
        .iter()
        .map(|request| {
            request
                .headers
                .get("user-agent")
                .is_some_and(|name| name == "newer")
        })
        .collect();
    assert_eq!(named, [false, true, false], "each asks with its own client");
}
