//! After a stop: what a caller that opens a chart, or discharges a patient, is told.

use crate::helpers::answer::basis;
use crate::helpers::chart::grant;
use crate::helpers::doors::through;
use crate::helpers::ehr::{Ehr, Fault};
use crate::helpers::resources::*;
use crate::helpers::{Answer, Demo, Stop, TestApp, days_ago};
use serde_json::{Value, json};

/// The call of an EHR that opens the chart, and announces nothing.
fn opening(stop: &Stop) -> Value {
    let mut request = through(stop, "patient-view");
    request.as_object_mut().unwrap().remove("extension");
    request
}

/// Tacrolimus stopped 42 days ago in lupus nephritis, with UPCR and creatinine before and since.
fn stopped(upcr: [&str; 2], creatinine: [&str; 2]) -> Stop {
    Stop::tacrolimus()
        .dated(&days_ago(42))
        .with_condition(
            "ln-1",
            "M32.14",
            "Glomerular disease in systemic lupus erythematosus",
            900,
        )
        .with_result(lab("upcr-0", "2890-2", upcr[0], "g/g", &days_ago(50)))
        .with_result(lab("upcr-9", "2890-2", upcr[1], "g/g", &days_ago(2)))
        .with_result(lab(
            "creatinine-0",
            "2160-0",
            creatinine[0],
            "mg/dL",
            &days_ago(50),
        ))
        .with_result(lab(
            "creatinine-9",
            "2160-0",
            creatinine[1],
            "mg/dL",
            &days_ago(2),
        ))
}

fn relapsed() -> Stop {
    stopped(["0.3", "1.4"], ["0.8", "1.2"])
}

async fn view(demo: &Demo, stop: &Stop) -> Answer {
    demo.hook(&opening(stop)).await
}

/// Value, date and source of every input of a name.
fn inputs(card: &Value, name: &str) -> Vec<(f64, String)> {
    let of_it = basis(card)["inputs"].as_array().unwrap().iter();
    of_it
        .filter(|input| input["name"] == name)
        .map(|input| {
            (
                input["value"].as_f64().unwrap(),
                input["source"].as_str().unwrap().to_owned(),
            )
        })
        .collect()
}

#[tokio::test]
async fn a_relapse_after_a_stop_is_told_with_both_values() {
    let demo = Demo::spawn().await;
    let answer = view(&demo, &relapsed()).await;
    assert_eq!(answer.topics(), ["rebound"]);
    let card = answer.card("rebound");
    assert_eq!(card["indicator"], "warning");
    assert_eq!(basis(card)["rule"], "tacrolimus/watch/nephritis");
    assert_eq!(basis(card)["drugs"], json!(["tacrolimus"]));
    assert_eq!(basis(card)["indication"], "lupus-nephritis");
    assert_eq!(
        inputs(card, "upcr"),
        [
            (1.4, "Observation/upcr-9".to_owned()),
            (0.3, "Observation/upcr-0".to_owned())
        ]
    );
    assert_eq!(
        inputs(card, "creatinine"),
        [
            (1.2, "Observation/creatinine-9".to_owned()),
            (0.8, "Observation/creatinine-0".to_owned())
        ]
    );
    assert!(!card["overrideReasons"].as_array().unwrap().is_empty());
    assert!(!card["links"].as_array().unwrap().is_empty());
    assert!(
        card["summary"].as_str().unwrap().contains("0.3 g/g to 1.4 g/g"),
        "{card}"
    );
}

#[tokio::test]
async fn discharge_tells_the_same_of_an_old_stop() {
    let demo = Demo::spawn().await;
    let answer = demo.hook(&through(&relapsed(), "encounter-discharge")).await;
    assert_eq!(answer.topics(), ["rebound"]);
}

#[tokio::test]
async fn an_expected_change_is_information() {
    let demo = Demo::spawn().await;
    let answer = view(&demo, &stopped(["0.4", "0.7"], ["1.4", "1.0"])).await;
    let card = answer.card("rebound");
    assert_eq!(card["indicator"], "info");
    assert_eq!(basis(card)["rule"], "tacrolimus/watch/haemodynamic-change");
}

#[tokio::test]
async fn nothing_changed_or_nothing_stopped_is_silence() {
    let demo = Demo::spawn().await;
    let quiet = stopped(["0.3", "0.3"], ["0.8", "0.8"]);
    assert!(view(&demo, &quiet).await.cards().is_empty());
    let mut going_on = opening(&relapsed());
    going_on["prefetch"]["medications"] = relapsed().prefetch()["medications"].clone();
    assert!(demo.hook(&going_on).await.cards().is_empty());
    let old = relapsed().dated(&days_ago(200));
    assert!(view(&demo, &old).await.cards().is_empty());
}

#[tokio::test]
async fn what_could_not_be_read_after_a_stop_is_told() {
    let demo = Demo::spawn().await;
    let failed =
        json!({"resourceType": "OperationOutcome", "issue": [{"severity": "error", "code": "timeout"}]});
    for key in ["observations", "conditions"] {
        let mut request = opening(&stopped(["0.3", "0.3"], ["0.8", "0.8"]));
        request["prefetch"][key] = failed.clone();
        let answer = demo.hook(&request).await;
        assert_eq!(
            basis(answer.card("rebound"))["rule"],
            "tacrolimus/watch/unchecked",
            "{key}"
        );
        answer.states_gap(key, "fetch-failed");
    }
}

#[tokio::test]
async fn results_of_another_patient_are_left_out() {
    let demo = Demo::spawn().await;
    let mut request = opening(&relapsed());
    let entries = request["prefetch"]["observations"]["entry"]
        .as_array_mut()
        .unwrap();
    let upcr = |entry: &&mut Value| entry["resource"]["id"] == "upcr-9";
    entries.iter_mut().find(upcr).unwrap()["resource"]["subject"] =
        json!({"reference": "Patient/somebody-else"});
    let answer = demo.hook(&request).await;
    assert_eq!(
        basis(answer.card("rebound"))["rule"],
        "tacrolimus/watch/creatinine-once"
    );
    answer.states_gap("observations", "other-patient");
    assert!(!answer.text().contains("1.4"), "{}", answer.text());
}

#[tokio::test]
async fn where_every_result_is_of_another_patient_nothing_was_looked_at() {
    let demo = Demo::spawn().await;
    let mut request = opening(&relapsed());
    for key in ["observations", "screens"] {
        let Some(entries) = request["prefetch"][key]["entry"].as_array_mut() else {
            continue;
        };
        for entry in entries {
            entry["resource"]["subject"] = json!({"reference": "Patient/somebody-else"});
        }
    }
    let answer = demo.hook(&request).await;
    assert_eq!(
        basis(answer.card("rebound"))["rule"],
        "tacrolimus/watch/unchecked"
    );
    answer.states_gap("observations", "other-patient");
    assert!(!answer.text().contains("1.4"), "{}", answer.text());
}

#[tokio::test]
async fn a_stop_without_a_date_is_told() {
    let demo = Demo::spawn().await;
    let mut request = opening(&relapsed());
    for entry in request["prefetch"]["medications"]["entry"]
        .as_array_mut()
        .unwrap()
    {
        entry["resource"].as_object_mut().unwrap().remove("extension");
    }
    let answer = demo.hook(&request).await;
    assert_eq!(basis(answer.card("rebound"))["rule"], "tacrolimus/watch/undated");
    answer.states_gap("stop-date", "absent");
}

#[tokio::test]
async fn without_the_medication_list_a_chart_cannot_be_judged() {
    let demo = Demo::spawn().await;
    let mut request = opening(&relapsed());
    request["prefetch"].as_object_mut().unwrap().remove("medications");
    demo.hook(&request).await.refuses(412, "medications");
    // An order whose drug nobody can read may be the one.
    let mut request = opening(&relapsed());
    for entry in request["prefetch"]["medications"]["entry"]
        .as_array_mut()
        .unwrap()
    {
        entry["resource"]["medicationCodeableConcept"] = json!({"text": ""});
    }
    demo.hook(&request).await.refuses(412, "medications");
}

#[tokio::test]
async fn stopped_orders_and_old_results_are_fetched_where_none_came() {
    let mut chart = relapsed();
    // The record holds the order as it is now: stopped.
    chart = chart.after_the_change();
    let ehr = Ehr::holding(&chart).await.open().await;
    let app = TestApp::with(&ehr.base(), "", "").await;
    let mut request = opening(&chart);
    request.as_object_mut().unwrap().remove("prefetch");
    let request = grant(request, &ehr.base(), "token");
    let answer = app.trusted_ehr().hook(&request).await;
    assert_eq!(
        basis(answer.card("rebound"))["rule"],
        "tacrolimus/watch/nephritis"
    );
    ehr.turn(&chart, &[("MedicationRequest", Fault::Status(500))]);
    app.trusted_ehr().hook(&request).await.refuses(412, "medications");
    ehr.turn(&chart, &[("Observation", Fault::Status(500))]);
    let answer = app.trusted_ehr().hook(&request).await;
    assert_eq!(
        basis(answer.card("rebound"))["rule"],
        "tacrolimus/watch/unchecked"
    );
}
