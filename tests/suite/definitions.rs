//! The examples of the hook's definition are real calls, and what comes back is strict FHIR.

use crate::helpers::answer::suggestions;
use crate::helpers::chart::grant;
use crate::helpers::stories::stories;
use crate::helpers::{Answer, Demo};
use fhir_out::read_strictly;
use serde_json::Value;

const DEFINITION: &str = include_str!("../../hooks/definitions/medication-discontinue.md");

/// The JSON block after each marker of a kind, by name.
fn blocks(marker: &str) -> Vec<(String, Value)> {
    let opening = format!("<!-- {marker}: ");
    let parts = DEFINITION.split(&opening).skip(1).map(|part| {
        let (name, rest) = part.split_once(" -->").expect("a closed marker");
        let (_, json) = rest.split_once("```json").expect("a JSON block");
        let (json, _) = json.split_once("```").expect("a closed block");
        (
            name.to_owned(),
            serde_json::from_str(json).unwrap_or_else(|why| panic!("{name}: {why}")),
        )
    });
    parts.collect()
}

fn example(name: &str) -> Value {
    let found = blocks("example").into_iter().find(|(of, _)| of == name);
    found.unwrap_or_else(|| panic!("no example {name}")).1
}

async fn send(request: &Value) -> Answer {
    Demo::of_the_definition().await.hook(request).await
}

#[tokio::test]
async fn every_example_is_answered() {
    let demo = Demo::of_the_definition().await;
    let examples = blocks("example");
    assert!(examples.len() >= 5, "{} examples", examples.len());
    for (name, request) in examples {
        let answer = demo.hook(&request).await;
        assert_eq!(answer.status, 200, "{name}: {}", answer.text());
        check_resources(&name, &answer.json);
    }
}

#[tokio::test]
async fn a_stop_in_active_lupus_nephritis_is_critical() {
    let answer = send(&example("stop-in-lupus-nephritis")).await;
    let card = answer.card("abrupt-withdrawal");
    assert_eq!(card["indicator"], "critical");
    assert_eq!(
        card["extension"]["org.stepdown.basis"]["rule"],
        "tacrolimus/lupus-nephritis/active-disease"
    );
}

#[tokio::test]
async fn a_hold_with_a_restart_date_is_no_warning_against_a_stop() {
    let answer = send(&example("hold-with-restart-date")).await;
    assert_eq!(answer.card("hold-and-restart")["indicator"], "info");
    assert!(
        !answer.topics().contains(&"abrupt-withdrawal"),
        "{:?}",
        answer.topics()
    );
}

#[tokio::test]
async fn a_switch_is_no_stop() {
    let answer = send(&example("switch-to-extended-release")).await;
    assert!(
        !answer.topics().contains(&"abrupt-withdrawal"),
        "{:?}",
        answer.topics()
    );
}

#[tokio::test]
async fn two_immunosuppressants_are_one_merged_card() {
    let answer = send(&example("two-immunosuppressants-together")).await;
    let card = answer.card("abrupt-withdrawal");
    let drugs = card["extension"]["org.stepdown.basis"]["drugs"]
        .as_array()
        .unwrap();
    assert!(
        drugs.len() == 2 && drugs.contains(&Value::from("tacrolimus")),
        "{drugs:?}"
    );
    let said = card["detail"].as_str().unwrap().to_lowercase();
    assert!(
        drugs.iter().all(|drug| said.contains(drug.as_str().unwrap())),
        "{said}"
    );
}

#[tokio::test]
async fn a_stop_without_prefetch_is_answered_with_its_gaps() {
    let mut request = example("stop-without-prefetch");
    let foreign = send(&request).await;
    foreign.states_gap("observations", "not-permitted");
    assert!(!foreign.cards().is_empty());
    let token = request["fhirAuthorization"]["access_token"]
        .as_str()
        .unwrap()
        .to_owned();
    let patient = request["fhirAuthorization"]["patient"].clone();
    request = grant(request, "http://127.0.0.1:9/fhir", &token);
    request["fhirAuthorization"]["patient"] = patient;
    let dead = send(&request).await;
    dead.states_gap("observations", "fetch-failed");
    assert!(!dead.cards().is_empty());
}

/// The answer that the definition prints is possible: its topics and resources are of the kind that we send.
#[test]
fn the_printed_answer_is_sound() {
    for (name, answer) in blocks("example-response") {
        assert!(!answer["cards"].as_array().unwrap().is_empty(), "{name}");
        check_resources(&name, &answer);
    }
}

/// Resources of every answer, to every story and every example, are strict FHIR R4.
#[tokio::test]
async fn suggested_resources_are_strict_fhir() {
    let demo = Demo::spawn().await;
    let mut checked = 0;
    for (name, stop) in stories() {
        checked += check_resources(name, &demo.hook(&stop.request()).await.json);
    }
    assert!(checked > 20, "only {checked} resources");
}

fn check_resources(name: &str, answer: &Value) -> usize {
    let actions = suggestions(answer)
        .filter_map(|suggestion| suggestion["actions"].as_array())
        .flatten();
    let resources: Vec<&Value> = actions.filter_map(|action| action.get("resource")).collect();
    for resource in &resources {
        read_strictly(&resource.to_string()).unwrap_or_else(|why| panic!("{name}: {why}: {resource}"));
    }
    resources.len()
}

/// Resources of the requests are well-formed FHIR too: people copy them.
#[test]
fn the_examples_hold_strict_fhir() {
    for (name, request) in blocks("example") {
        for bundle in ["toBeDiscontinued", "draftOrders"]
            .into_iter()
            .filter_map(|field| request["context"].get(field))
        {
            read_strictly(&bundle.to_string()).unwrap_or_else(|why| panic!("{name}: {why}"));
        }
        for (key, answer) in request["prefetch"]
            .as_object()
            .into_iter()
            .flatten()
            .filter(|(_, answer)| !answer.is_null())
        {
            read_strictly(&answer.to_string()).unwrap_or_else(|why| panic!("{name}: {key}: {why}"));
        }
    }
}
