//! From a card to the app (CDS Hooks 2.0.1, "Link", `appContext`).

use super::authority::{Authority, Browser};
use crate::helpers::Stop;
use serde_json::{Value, json};

fn lupus() -> Stop {
    Stop::tacrolimus().in_lupus_nephritis().with_upcr("2.1", "g/g", 7)
}

fn app_links(card: &Value) -> Vec<&Value> {
    let links = card["links"].as_array().unwrap();
    links.iter().filter(|link| link["type"] == "smart").collect()
}

/// cds-43b
#[tokio::test]
async fn every_card_leads_to_the_app_where_the_client_has_it() {
    let ehr = Authority::with(&lupus()).await;
    let app = ehr.app().await;
    let answer = app.trusted_ehr().hook(&lupus().request()).await;
    for card in answer.cards() {
        let [link] = app_links(card)[..] else {
            panic!("one link to the app")
        };
        assert_eq!(link["url"], "https://cds.hospital.example/stepdown/smart/launch");
        let handle = link["appContext"].as_str().unwrap();
        assert!(
            handle.len() >= 43
                && !handle.contains("synthetic")
                && !link["label"].as_str().unwrap().is_empty()
        );
        let others = card["links"]
            .as_array()
            .unwrap()
            .iter()
            .filter(|link| link["type"] != "smart");
        assert!(others.into_iter().all(|link| link.get("appContext").is_none()));
    }
    let elsewhere = app.other_client().hook(&lupus().request()).await;
    assert!(elsewhere.cards().iter().all(|card| app_links(card).is_empty()));
}

#[tokio::test]
async fn the_app_shows_the_stop_of_the_card_in_the_words_of_the_card() {
    let stop = lupus().stopping_also("mmf-1");
    let ehr = Authority::with(&stop).await;
    let app = ehr.app().await;
    let answer = app.trusted_ehr().hook(&stop.request()).await;
    let card = &answer.cards()[0];
    let handle = app_links(card)[0]["appContext"].clone();
    let summary = card["summary"].as_str().unwrap();
    let browser = Browser::new(&app);
    let without = browser.get(&browser.open(&ehr).await).await;
    assert!(
        !without.text().contains(summary),
        "without the card only the main drug is taken to be stopped"
    );
    for context in [
        handle.clone(),
        json!({"handle": handle}),
        json!(json!({"handle": handle}).to_string()),
    ] {
        ehr.script(|script| script.token = json!({"appContext": context}));
        let page = browser.get(&browser.open(&ehr).await).await;
        assert!(page.text().contains(summary), "{}", page.text());
    }
}

/// cds-44b
#[tokio::test]
async fn a_handle_of_another_patient_shows_nothing() {
    let ehr = Authority::with(&lupus()).await;
    let app = ehr.app().await;
    let answer = app.trusted_ehr().hook(&lupus().request()).await;
    let handle = app_links(&answer.cards()[0])[0]["appContext"].clone();
    ehr.script(|script| script.token = json!({"appContext": handle, "patient": "synthetic-2"}));
    assert_eq!(Browser::new(&app).refused(&ehr).await.status, 403);
    assert!(ehr.asked("/fhir/Patient").await.is_empty());
}

#[tokio::test]
async fn a_handle_that_is_over_or_made_up_is_left_aside() {
    let ehr = Authority::with(&lupus()).await;
    let app = ehr.app().await;
    for context in [
        json!("made-up"),
        json!(7),
        json!({"other": "x"}),
        json!("{\"patient\":\"synthetic-2\"}"),
    ] {
        ehr.script(|script| script.token = json!({"appContext": context}));
        let browser = Browser::new(&app);
        let page = browser.get(&browser.open(&ehr).await).await;
        assert!(
            page.status == 200 && page.text().contains("Synthia Quux"),
            "{context}"
        );
    }
}
