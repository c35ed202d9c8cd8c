//! `GET /cds-services/{id}/basis`: open, complete, and silent about patients.

use crate::helpers::app::PUBLIC;
use crate::helpers::{Answer, Stop, TestApp};
use reqwest::Method;
use std::collections::BTreeSet;

const ID: &str = "stepdown-medication-discontinue";

async fn basis(app: &TestApp, path: &str, accept: &str) -> Answer {
    let call = app.call(Method::GET, path).header("accept", accept);
    Answer::of(call.send().await.unwrap()).await
}

#[tokio::test]
async fn the_thirteen_source_attributes_are_given_without_a_token() {
    let app = TestApp::spawn().await;
    let answer = basis(&app, &format!("/cds-services/{ID}/basis"), "application/json").await;
    assert_eq!(answer.status, 200);
    let attributes = answer.json["attributes"].as_array().unwrap();
    let codes: BTreeSet<&str> = attributes
        .iter()
        .map(|one| one["code"].as_str().unwrap())
        .collect();
    assert_eq!(codes.len(), 13, "{codes:?}");
    assert!(codes.contains("race") && codes.contains("sex"), "{codes:?}");
    let spoken = |value: &serde_json::Value| value.as_str().is_some_and(|text| !text.is_empty());
    assert!(
        attributes
            .iter()
            .all(|one| spoken(&one["value"]) && spoken(&one["name"]))
    );
    let citations = answer.json["citations"].as_array().unwrap();
    let public = |one: &serde_json::Value| one["url"].as_str().unwrap().starts_with("https://");
    assert!(citations.len() > 10 && citations.iter().all(public));
}

#[tokio::test]
async fn a_browser_gets_a_page_that_runs_nothing() {
    let app = TestApp::spawn().await;
    let answer = basis(&app, &format!("/cds-services/{ID}/basis"), "text/html,*/*;q=0.8").await;
    assert_eq!(answer.status, 200);
    assert!(answer.header("content-type").starts_with("text/html"));
    assert!(
        answer
            .header("content-security-policy")
            .contains("default-src 'none'")
    );
    assert!(answer.text().contains("Use of race"));
    assert!(!answer.text().contains("<script"));
    let style = basis(&app, "/cds-services/basis.css", "text/css").await;
    assert!(style.status == 200 && style.header("content-type").starts_with("text/css"));
}

#[tokio::test]
async fn every_card_leads_to_it() {
    let app = TestApp::spawn().await;
    let request = Stop::tacrolimus().with_kidney_transplant().request();
    let answer = app.trusted_ehr().hook(&request).await;
    let target = format!("{PUBLIC}/cds-services/{ID}/basis");
    assert!(!answer.cards().is_empty());
    for card in answer.cards() {
        let links = card["links"].as_array().unwrap();
        assert!(
            links
                .iter()
                .any(|link| link["url"] == target.as_str() && link["type"] == "absolute"),
            "{links:?}"
        );
    }
}

#[tokio::test]
async fn an_unknown_service_has_no_basis_and_nothing_is_written_to_one() {
    let app = TestApp::spawn().await;
    let unknown = basis(&app, "/cds-services/nobody/basis", "application/json").await;
    assert_eq!(unknown.status, 404);
    let written = app
        .call(Method::POST, &format!("/cds-services/{ID}/basis"))
        .send()
        .await
        .unwrap();
    assert_eq!(written.status(), 405);
}
