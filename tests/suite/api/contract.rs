//! Sentences of the outside contract that a black-box test found broken once: basis, gaps and texts of single cards.

use crate::helpers::answer::{basis, topic_of};
use crate::helpers::pure::{self, Judged};
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

/// An order in the context of the stop, as a copy of the stopped one.
fn order(request: &Value, id: &str, code: &str, display: &str, status: &str) -> Value {
    let mut entry = request["context"]["toBeDiscontinued"]["entry"][0].clone();
    entry["fullUrl"] = json!(format!("https://ehr.example.org/fhir/r4/MedicationRequest/{id}"));
    let order = &mut entry["resource"];
    order["id"] = json!(id);
    order["status"] = json!(status);
    order["medicationCodeableConcept"] = json!({"coding": [{"system": "http://www.nlm.nih.gov/research/umls/rxnorm", "code": code, "display": display}]});
    entry
}

#[test]
fn an_agent_that_is_drafted_is_cover_and_not_offered() {
    let drafts = [
        ("1092437", "belimumab", "belimumab"),
        ("1256", "azathioprine", "azathioprine"),
        (
            "200060",
            "mycophenolate mofetil 500 MG Oral Tablet",
            "mycophenolate mofetil",
        ),
    ];
    for (code, display, name) in drafts {
        let mut request = stop();
        let draft = order(&request, "draft-1", code, display, "draft");
        request["context"]["draftOrders"] =
            json!({"resourceType": "Bundle", "type": "collection", "entry": [draft]});
        let medications = request["prefetch"]["medications"]["entry"]
            .as_array_mut()
            .unwrap();
        medications.retain(|entry| entry["resource"]["id"] != "mycophenolate-ln-1");
        let answer = pure::answer(&request);
        let warning = card(&answer, "abrupt-withdrawal");
        let says = warning["detail"].as_str().unwrap();
        assert!(
            says.contains(&format!("Drafted in the same session: {name}")),
            "{says}"
        );
        let beside = inputs(warning, "co-medication");
        assert!(
            beside
                .iter()
                .any(|input| input["source"] == "MedicationRequest/draft-1")
        );
        let agents = card(&answer, "alternative-agents");
        let all = basis(agents)["agents"].as_array().unwrap();
        let agent = all.iter().find(|agent| agent["name"] == name).unwrap();
        assert_eq!(agent["status"], "already-taking");
        let suggestions = agents["suggestions"].as_array().unwrap();
        let mut labels = suggestions
            .iter()
            .map(|suggestion| suggestion["label"].as_str().unwrap());
        assert!(labels.all(|label| !label.contains(name)), "{name}");
    }
}

#[test]
fn in_what_order_the_orders_come_changes_no_word() {
    let mut request = stop();
    let others = [
        ("a", "979092", "hydroxychloroquine sulfate 200 MG Oral Tablet"),
        ("b", "198145", "prednisone 10 MG Oral Tablet"),
        ("c", "200060", "mycophenolate mofetil 500 MG Oral Tablet"),
    ];
    request["prefetch"]["medications"]["entry"] = json!([]);
    let added: Vec<Value> = others
        .iter()
        .map(|(id, code, display)| order(&request, id, code, display, "stopped"))
        .collect();
    let mut texts = Vec::new();
    for turn in 0..added.len() {
        let mut turned = request.clone();
        let orders = turned["context"]["toBeDiscontinued"]["entry"]
            .as_array_mut()
            .unwrap();
        orders.extend(added[turn..].iter().chain(&added[..turn]).cloned());
        let answer = pure::answer(&turned);
        let warning = card(&answer, "abrupt-withdrawal");
        let beside: Vec<String> = inputs(warning, "co-medication")
            .iter()
            .map(ToString::to_string)
            .collect();
        let drugs = basis(warning)["drugs"].clone();
        texts.push((
            warning["summary"].clone(),
            warning["detail"].clone(),
            drugs,
            beside,
        ));
    }
    assert_eq!(texts[0], texts[1]);
    assert_eq!(texts[0], texts[2]);
    let beside = "Stopped too: prednisone, mycophenolate mofetil and hydroxychloroquine";
    assert!(texts[0].1.as_str().unwrap().contains(beside), "{}", texts[0].1);
}

#[test]
fn two_drugs_on_hold_are_both_named() {
    let mut request = stop();
    stopped(&mut request)["status"] = json!("on-hold");
    let other = order(
        &request,
        "mycophenolate-ln-1",
        "200060",
        "mycophenolate mofetil 500 MG Oral Tablet",
        "on-hold",
    );
    request["context"]["toBeDiscontinued"]["entry"]
        .as_array_mut()
        .unwrap()
        .push(other);
    let answer = pure::answer(&request);
    let hold = card(&answer, "hold-and-restart");
    assert_eq!(
        basis(hold)["drugs"],
        json!(["tacrolimus", "mycophenolate mofetil"])
    );
}

/// Every `NUMBER UNIT` of a canonical unit that the text of a card prints of a result.
fn numbers(card: &Value) -> Vec<(f64, &'static str)> {
    let text = format!("{} {}", card["summary"], card["detail"]);
    let words: Vec<&str> = text
        .split([' ', '(', ')', ';', ','])
        .filter(|word| !word.is_empty())
        .collect();
    let units = ["g/g", "mg/dL", "ng/mL", "U/L"];
    let pairs = words.windows(2).filter_map(|pair| {
        let unit = units.into_iter().find(|unit| *unit == pair[1])?;
        Some((pair[0].parse().ok()?, unit))
    });
    pairs.collect()
}

#[test]
fn what_a_card_prints_is_among_its_inputs() {
    for status in ["stopped", "on-hold"] {
        let mut request = stop();
        stopped(&mut request)["status"] = json!(status);
        let answer = pure::answer(&request);
        let main = &answer["cards"][0];
        let inputs = basis(main)["inputs"].as_array().unwrap();
        let printed = numbers(main);
        assert!(printed.len() >= 3, "{status}: {printed:?}");
        for (number, unit) in printed {
            let is_it = |input: &Value| input["value"].as_f64() == Some(number) && input["unit"] == unit;
            assert!(inputs.iter().any(is_it), "{status}: {number} {unit}");
        }
    }
}

#[test]
fn so_many_drugs_that_a_summary_cannot_name_them_are_counted() {
    let mut request = stop();
    let others = [
        ("979092", "hydroxychloroquine sulfate 200 MG Oral Tablet"),
        ("198145", "prednisone 10 MG Oral Tablet"),
        ("200060", "mycophenolate mofetil 500 MG Oral Tablet"),
        ("197388", "Azathioprine 50 MG Oral Tablet"),
        ("1092437", "belimumab"),
        ("3002", "cyclophosphamide"),
        ("6851", "methotrexate"),
        ("121191", "rituximab"),
    ];
    request["prefetch"]["medications"]["entry"] = json!([]);
    let added = others
        .iter()
        .map(|(code, display)| order(&request, code, code, display, "stopped"));
    let added: Vec<Value> = added.collect();
    request["context"]["toBeDiscontinued"]["entry"]
        .as_array_mut()
        .unwrap()
        .extend(added);
    let answer = pure::answer(&request);
    let warning = card(&answer, "abrupt-withdrawal");
    let summary = warning["summary"].as_str().unwrap();
    let drugs = basis(warning)["drugs"].as_array().unwrap().len();
    assert!(drugs >= 7, "{drugs}");
    assert!(
        summary.contains(&format!("{drugs} immunosuppressants")),
        "{summary}"
    );
}

#[test]
fn a_dose_that_came_and_cannot_be_used_is_not_absent() {
    let why = |dosage: Value| {
        let mut request = stop();
        stopped(&mut request)["dosageInstruction"] = dosage.clone();
        for entry in request["prefetch"]["medications"]["entry"]
            .as_array_mut()
            .unwrap()
        {
            if entry["resource"]["id"] == "tacrolimus-ln-1" {
                entry["resource"]["dosageInstruction"] = dosage.clone();
            }
        }
        let answer = pure::answer(&request);
        let gaps = basis(card(&answer, "abrupt-withdrawal"))["gaps"]
            .as_array()
            .unwrap()
            .clone();
        gaps.into_iter()
            .find(|gap| gap["need"] == "dose")
            .map(|gap| gap["why"].clone())
    };
    let timing = json!({"repeat": {"frequency": 2, "period": 1, "periodUnit": "d"}});
    let range = json!({"low": {"value": 1, "unit": "mg"}, "high": {"value": 2, "unit": "mg"}});
    let amount = |unit: &str| json!([{"doseQuantity": {"value": 2, "unit": unit}}]);
    for unusable in [
        json!([{"timing": timing, "doseAndRate": [{"doseRange": range}]}]),
        json!([{"timing": timing, "asNeededBoolean": true, "doseAndRate": amount("mg")}]),
        json!([{"timing": timing, "doseAndRate": amount("mg/kg")}]),
        json!([{"text": "as directed"}]),
    ] {
        assert_eq!(why(unusable.clone()), Some(json!("not-readable")), "{unusable}");
    }
    assert_eq!(
        why(json!([{"timing": timing, "doseAndRate": amount("mg")}])),
        None
    );
    for nothing in [json!([]), json!([{"timing": timing}])] {
        assert_eq!(why(nothing.clone()), Some(json!("absent")), "{nothing}");
    }
}

#[test]
fn a_code_alone_is_another_drug_only_where_we_know_every_drug_of_its_system() {
    let with = |system: &str, code: &str| {
        let mut request = stop();
        stopped(&mut request)["id"] = json!("another");
        stopped(&mut request)["medicationCodeableConcept"] =
            json!({"coding": [{"system": system, "code": code}]});
        pure::judge(request.to_string().as_bytes())
    };
    let known = with("http://www.nlm.nih.gov/research/umls/rxnorm", "99999999");
    assert_eq!(known.answer()["cards"], json!([]));
    assert_eq!(
        with("http://www.whocc.no/atc", "C09AA05").answer()["cards"],
        json!([])
    );
    for (system, code) in [
        ("http://hl7.org/fhir/sid/ndc", "00093-0058-01"),
        ("http://snomed.info/sct", "386873009"),
        ("urn:of-this-site", "4711"),
    ] {
        let judged = with(system, code);
        assert!(matches!(judged, Judged::Undecided), "{system}: {judged:?}");
    }
}
