//! Sentences of the outside contract that a black-box test found broken once: basis, gaps and texts of single cards.

use crate::helpers::answer::{basis, topic_of};
use crate::helpers::pure;
use serde_json::{Value, json};
use std::path::Path;

/// The stop in lupus nephritis of the fixtures, as a client would send it.
fn stop() -> Value {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/ehr/stop-in-lupus-nephritis.json");
    serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap()
}

/// The order that stops.
fn stopped(request: &mut Value) -> &mut Value {
    &mut request["context"]["toBeDiscontinued"]["entry"][0]["resource"]
}

fn card<'a>(answer: &'a Value, topic: &str) -> &'a Value {
    let cards = answer["cards"].as_array().unwrap();
    let found = cards.iter().find(|card| topic_of(card) == topic);
    found.unwrap_or_else(|| panic!("no card {topic}: {answer}"))
}

/// The inputs of a name.
fn inputs<'a>(card: &'a Value, name: &str) -> Vec<&'a Value> {
    let all = basis(card)["inputs"].as_array().unwrap();
    all.iter().filter(|input| input["name"] == name).collect()
}

#[test]
fn the_start_of_the_therapy_names_the_order_that_says_so() {
    let answer = pure::answer(&stop());
    let start = inputs(card(&answer, "abrupt-withdrawal"), "therapy-start");
    assert_eq!(start[0]["date"], "2025-09-15");
    assert_eq!(start[0]["source"], "MedicationRequest/tacrolimus-ln-1");
}

#[test]
fn a_ratio_has_no_unit() {
    let mut request = stop();
    let results = request["prefetch"]["observations"]["entry"]
        .as_array_mut()
        .unwrap();
    let mut inr = results[0].clone();
    inr["resource"]["id"] = json!("inr-1");
    inr["resource"]["code"] = json!({"coding": [{"system": "http://loinc.org", "code": "6301-6"}]});
    inr["resource"]["valueQuantity"] = json!({"value": 1.1, "unit": "1", "code": "1"});
    inr["fullUrl"] = json!("https://ehr.example.org/fhir/r4/Observation/inr-1");
    results.push(inr);
    let hepatitis = json!({"coding": [{"system": "http://hl7.org/fhir/sid/icd-10-cm", "code": "K75.4"}]});
    for condition in request["prefetch"]["conditions"]["entry"].as_array_mut().unwrap() {
        condition["resource"]["code"] = hepatitis.clone();
    }
    let answer = pure::answer(&request);
    let ratio = inputs(card(&answer, "abrupt-withdrawal"), "inr");
    assert_eq!(ratio[0]["value"], json!(1.1));
    assert!(ratio[0].get("unit").is_none(), "{}", ratio[0]);
}

#[test]
fn the_reason_for_the_stop_is_told_as_it_was_written() {
    let mut request = stop();
    stopped(&mut request)["statusReason"]["text"] = json!("Feels well, asks Dr. Meyer to stop");
    let answer = pure::answer(&request);
    let reason = inputs(card(&answer, "abrupt-withdrawal"), "stop-reason");
    assert_eq!(reason[0]["text"], "Feels well, asks Dr. Meyer to stop");
}
