//! What the page of a chart shows, and what it says where there is nothing to show.

use super::authority::{Authority, Browser};
use crate::helpers::resources::{TACROLIMUS_1_MG, lab, order};
use crate::helpers::{Stop, days_ago};
use serde_json::json;

fn lupus() -> Stop {
    let upcr = |id: &str, value: &str, days| lab(id, "2890-2", value, "mg/g", &days_ago(days));
    Stop::tacrolimus()
        .in_lupus_nephritis()
        .with_result(upcr("upcr-a", "800", 90))
        .with_result(upcr("upcr-b", "2100", 7))
}

/// The page of a chart, with a query.
async fn page(stop: &Stop, query: &str) -> String {
    let ehr = Authority::with(stop).await;
    let app = ehr.app().await;
    let browser = Browser::new(&app);
    let chart = browser.open(&ehr).await;
    let answer = browser.get(&format!("{chart}{query}")).await;
    assert_eq!(answer.status, 200, "{}", answer.text());
    answer.text()
}

fn shows(page: &str, words: &[&str]) {
    for word in words {
        assert!(page.contains(word), "{word} is not on the page");
    }
}

#[tokio::test]
async fn the_page_shows_who_what_since_when_and_why() {
    let page = page(&lupus(), "").await;
    shows(
        &page,
        &[
            "Synthia Quux",
            "MRN-481516",
            "If tacrolimus were stopped today",
            "3 mg a day",
        ],
    );
    shows(
        &page,
        &[
            "<svg class=\"chart wide\"",
            "<desc id=\"chart-wide-desc\">",
            "UPCR",
            "≥ 0.5",
            "Mycophenolate mofetil",
        ],
    );
    shows(
        &page,
        &[
            "tacrolimus/lupus-nephritis/active-disease",
            "Condition/ln-1",
            "active disease",
            "https://doi.org/",
        ],
    );
    shows(
        &page,
        &[
            "Observation/upcr-b",
            "2100 mg/g",
            "Stepwise reduction",
            "Alternatives",
            "check first",
        ],
    );
}

#[tokio::test]
async fn results_are_shown_in_canonical_units_or_as_they_were_recorded() {
    let canonical = page(&lupus(), "").await;
    shows(&canonical, &["UPCR, g/g", "2.1"]);
    let recorded = page(&lupus(), "?units=recorded").await;
    shows(&recorded, &["UPCR, mg/g", "≥ 500"]);
    assert!(!recorded.contains("UPCR, g/g"));
}

#[tokio::test]
async fn a_plan_is_held_against_the_scheme() {
    let scheme = page(&lupus(), "").await;
    assert!(!scheme.contains("Outside the scheme"));
    shows(&scheme, &["1.5 + 1 mg", "14 × 0.5 mg", "steps in 70 days"]);
    let fast = page(&lupus(), "?cut=50&most=2&every=3").await;
    shows(
        &fast,
        &[
            "Outside the scheme",
            "larger than the 25 %",
            "larger than the 1 mg",
            "shorter than the 14 days",
        ],
    );
    let odd = page(&lupus(), "?cut=abc&start=1999-01-01&form=%3Cscript%3E&units=x").await;
    shows(&odd, &["The largest step must be", "The first day must lie"]);
    assert!(!odd.contains("<script") && !odd.contains("Outside the scheme"));
}

#[tokio::test]
async fn a_plan_has_a_page_of_its_own() {
    let plan = page(&lupus(), "/plan?every=21").await;
    shows(
        &plan,
        &[
            "Plan of a stepwise reduction: tacrolimus",
            "Synthia Quux",
            "A draft to talk over, not an order",
        ],
    );
    assert!(!plan.contains("<form"));
}

#[tokio::test]
async fn no_reduction_is_planned_for_a_transplant() {
    let page = page(&Stop::tacrolimus().with_kidney_transplant(), "").await;
    shows(
        &page,
        &["None is offered:", "The tables name none for this situation"],
    );
    assert!(!page.contains("name=\"cut\""));
}

#[tokio::test]
async fn what_ended_lately_is_what_the_page_speaks_of() {
    let ehr = Authority::with(&lupus()).await;
    ehr.script(|script| {
        for record in &mut script.records {
            if record["id"] == "tac-1" {
                record["status"] = json!("stopped");
                record["dosageInstruction"][0]["timing"]["repeat"]["boundsPeriod"]["end"] =
                    json!(days_ago(5));
            }
        }
    });
    let app = ehr.app().await;
    let browser = Browser::new(&app);
    let page = browser.get(&browser.open(&ehr).await).await;
    shows(&page.text(), &["tacrolimus, stopped ", "tacrolimus stopped"]);
}

#[tokio::test]
async fn a_chart_without_the_drug_says_so() {
    let ehr = Authority::with(&lupus()).await;
    ehr.script(|script| {
        script
            .records
            .retain(|record| record["resourceType"] != "MedicationRequest")
    });
    let app = ehr.app().await;
    let browser = Browser::new(&app);
    let page = browser.get(&browser.open(&ehr).await).await;
    shows(&page.text(), &["No reviewed therapy found", "Synthia Quux"]);
}

#[tokio::test]
async fn the_ehr_may_show_the_patient_itself() {
    let ehr = Authority::with(&lupus()).await;
    ehr.script(|script| script.token = json!({"need_patient_banner": false}));
    let app = ehr.app().await;
    let browser = Browser::new(&app);
    assert!(
        !browser
            .get(&browser.open(&ehr).await)
            .await
            .text()
            .contains("Synthia")
    );
}

#[tokio::test]
async fn text_of_the_chart_cannot_become_markup() {
    let mut odd = order("tac-1", "active", TACROLIMUS_1_MG, (1.5, 2), &days_ago(100));
    odd["medicationCodeableConcept"]["text"] = json!("<img src=x onerror=alert(1)>");
    let ehr = Authority::with(&lupus()).await;
    ehr.script(|script| {
        script.records.retain(|record| record["id"] != "tac-1");
        script.records.push(odd);
        script.records[0]["name"] = json!([{"text": "<script>alert(1)</script>"}]);
    });
    let app = ehr.app().await;
    let browser = Browser::new(&app);
    let page = browser.get(&browser.open(&ehr).await).await;
    assert!(page.status == 200 && !page.text().contains("<script") && !page.text().contains("<img"));
}

/// What the page says, card by card.
fn says(page: &str) -> String {
    let (_, rest) = page.split_once("<div id=\"says\">").unwrap();
    rest.split("<section").next().unwrap().to_owned()
}

/// Results from before the look-back of the tables are drawn and listed, and change no word.
#[tokio::test]
async fn a_longer_course_is_drawn_and_not_judged() {
    let ehr = Authority::with(&lupus()).await;
    let app = ehr.app().await;
    let browser = Browser::new(&app);
    let chart = browser.open(&ehr).await;
    let short = browser.get(&chart).await.text();
    assert!(
        short.contains("UPCR: 2 values") && !short.contains("no rule looks at them"),
        "{short}"
    );
    ehr.script(|script| {
        script.dated = true;
        for (id, value, days) in [
            ("upcr-old", "7777", 800),
            ("upcr-older", "8888", 1_000),
            ("upcr-oldest", "9999", 1_200),
        ] {
            script
                .records
                .push(lab(id, "2890-2", value, "mg/g", &days_ago(days)));
        }
        script
            .records
            .push(lab("creatinine-old", "2160-0", "9.9", "mg/dL", &days_ago(900)));
        let mut foreign = lab("foreign", "2890-2", "6666", "mg/g", &days_ago(850));
        foreign["subject"] = json!({"reference": "Patient/synthetic-2"});
        script.strangers = vec![foreign];
    });
    let long = browser.get(&format!("{chart}?again=1")).await.text();
    shows(
        &long,
        &[
            "UPCR: 4 values",
            "Observation/upcr-older",
            "no rule looks at them",
            "Creatinine: 2 values",
        ],
    );
    assert!(!long.contains("upcr-oldest") && !long.contains("Observation/foreign"));
    assert_eq!(says(&long), says(&short), "the judgement is the same");
    let hook = app.trusted_ehr().hook(&lupus().request()).await;
    ehr.script(|script| {
        script.token = json!({"appContext": hook.cards()[0]["links"].as_array().unwrap().iter()
        .find(|link| link["type"] == "smart").unwrap()["appContext"]})
    });
    let browser = Browser::new(&app);
    let page = browser.get(&browser.open(&ehr).await).await.text();
    for card in hook.cards() {
        let summary = card["summary"]
            .as_str()
            .unwrap()
            .replace('<', "&#60;")
            .replace('>', "&#62;");
        assert!(page.contains(&summary), "{summary}");
    }
    assert_eq!(page.matches("<article class=\"card").count(), hook.cards().len());
    shows(&page, &["UPCR: 4 values"]);
}

/// A server that knows no dates gives everything at once: nothing is drawn twice.
#[tokio::test]
async fn a_result_that_comes_twice_is_drawn_once() {
    let ehr = Authority::with(&lupus()).await;
    ehr.script(|script| {
        script
            .records
            .push(lab("upcr-old", "2890-2", "7777", "mg/g", &days_ago(800)))
    });
    let app = ehr.app().await;
    let browser = Browser::new(&app);
    let page = browser.get(&browser.open(&ehr).await).await.text();
    shows(&page, &["UPCR: 3 values"]);
}

#[tokio::test]
async fn a_longer_course_that_cannot_be_read_is_said() {
    let ehr = Authority::with(&lupus()).await;
    ehr.script(|script| (script.dated, script.older_fails) = (true, true));
    let app = ehr.app().await;
    let browser = Browser::new(&app);
    let page = browser.get(&browser.open(&ehr).await).await.text();
    shows(
        &page,
        &[
            "could be read",
            "UPCR: 2 values",
            "tacrolimus/lupus-nephritis/active-disease",
        ],
    );
}
