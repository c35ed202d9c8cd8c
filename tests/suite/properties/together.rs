//! Whatever is stopped together gives one answer: each drug named once, nothing said twice, nothing against itself.

use crate::helpers::answer::{basis, topic_of};
use crate::helpers::resources::*;
use crate::helpers::{Stop, days_ago, pure};
use serde_json::Value;
use std::collections::BTreeSet;

/// Orders of the chart with the names of their drugs, and as agents.
const DRUGS: [(&str, &str); 5] = [
    ("tac-1", "tacrolimus"),
    ("pred-1", "prednisone"),
    ("mmf-1", "mycophenolate mofetil"),
    ("aza-1", "azathioprine"),
    ("hcq-1", "hydroxychloroquine"),
];

fn all_five() -> Stop {
    let order = |id, product, dose, days| order(id, "active", product, dose, &days_ago(days));
    Stop::tacrolimus()
        .in_lupus_nephritis()
        .with_upcr("0.3", "g/g", 7)
        .taking(order("pred-1", PREDNISONE_10_MG, (10.0, 1), 1100))
        .taking(order("aza-1", AZATHIOPRINE_50_MG, (100.0, 1), 700))
        .stopping_nothing()
}

fn charts() -> Vec<(&'static str, Stop)> {
    let low = |stop: Stop| {
        stop.with_result(lab("platelets-0", "777-3", "62", "10*9/L", &days_ago(1)))
            .with_result(lab_between(
                "ldh-1",
                "2532-0",
                "720",
                "U/L",
                &days_ago(1),
                [120.0, 240.0],
            ))
    };
    vec![
        ("nephritis", all_five()),
        ("microangiopathy", low(all_five())),
        (
            "sepsis",
            all_five().with_condition("sepsis-1", "A41.9", "Sepsis", 1),
        ),
        ("kidney transplant", all_five().with_kidney_transplant()),
        (
            "disorder of the retina",
            all_five().with_condition("eye-1", "H35.38", "Toxic maculopathy", 30),
        ),
        (
            "pancreatitis",
            all_five().with_condition("pancreas-1", "K85.9", "Acute pancreatitis", 3),
        ),
    ]
}

/// Every chart with every choice of drugs that are stopped.
fn baskets() -> Vec<(String, Vec<&'static str>, Value)> {
    let mut baskets = Vec::new();
    for (name, chart) in charts() {
        for choice in 1_u32..32 {
            let chosen: Vec<(&str, &str)> = (0..5)
                .filter(|n| choice >> n & 1 == 1)
                .map(|n| DRUGS[n])
                .collect();
            let stop = chosen
                .iter()
                .fold(chart.clone(), |stop, (id, _)| stop.stopping_also(id));
            let names: Vec<&str> = chosen.iter().map(|(_, drug)| *drug).collect();
            let answer = pure::answer(&stop.request());
            baskets.push((format!("{name}, stopping {names:?}"), names, answer));
        }
    }
    baskets
}

fn cards(answer: &Value) -> &[Value] {
    answer["cards"].as_array().unwrap()
}

fn main_card(answer: &Value) -> Option<&Value> {
    let about = |card: &&Value| matches!(topic_of(card), "abrupt-withdrawal" | "stop-may-be-right");
    cards(answer).iter().find(about)
}

/// Azathioprine beside mycophenolate is a query of its own: both are never taken together.
fn is_switch(names: &[&str]) -> bool {
    names.contains(&"mycophenolate mofetil") != names.contains(&"azathioprine")
}

#[test]
fn each_topic_comes_once_and_a_right_stop_never_beside_a_warning() {
    for (name, _, answer) in baskets() {
        let topics: Vec<&str> = cards(&answer).iter().map(topic_of).collect();
        let unique: BTreeSet<&&str> = topics.iter().collect();
        assert!(
            topics.len() <= 4 && unique.len() == topics.len(),
            "{name}: {topics:?}"
        );
        if topics.contains(&"stop-may-be-right") {
            assert!(!topics.contains(&"abrupt-withdrawal"), "{name}: {topics:?}");
            assert!(!topics.contains(&"taper"), "{name}: {topics:?}");
            assert_ne!(main_card(&answer).unwrap()["indicator"], "critical", "{name}");
        }
    }
}

#[test]
fn the_main_card_names_and_treats_every_drug_that_stops() {
    for (name, drugs, answer) in baskets() {
        if is_switch(&drugs) {
            continue;
        }
        let card = main_card(&answer).unwrap_or_else(|| panic!("{name}: {answer}"));
        let named: Vec<&str> = basis(card)["drugs"]
            .as_array()
            .unwrap()
            .iter()
            .filter_map(Value::as_str)
            .collect();
        let (as_set, wanted): (BTreeSet<_>, BTreeSet<_>) = (named.iter().collect(), drugs.iter().collect());
        assert_eq!(as_set, wanted, "{name}");
        assert_eq!(named.len(), drugs.len(), "{name}: {named:?}");
        let said = card["detail"].as_str().unwrap();
        let aside = drugs
            .iter()
            .filter(|drug| said.contains(&format!("**{drug}** · ")))
            .count();
        assert_eq!(aside, drugs.len() - 1, "{name}: {said}");
    }
}

#[test]
fn an_order_is_kept_once_and_never_where_its_stop_is_right() {
    for (name, _, answer) in baskets() {
        let mut kept = Vec::new();
        for suggestion in cards(&answer)
            .iter()
            .flat_map(|c| c["suggestions"].as_array().into_iter().flatten())
        {
            let action = &suggestion["actions"][0];
            if action["type"] == "update" {
                kept.push(action["resource"]["id"].as_str().unwrap().to_owned());
            }
        }
        let unique: BTreeSet<&String> = kept.iter().collect();
        assert_eq!(unique.len(), kept.len(), "{name}: {kept:?}");
        if name.starts_with("microangiopathy") {
            assert!(!kept.contains(&"tac-1".to_owned()), "{name}: {kept:?}");
        }
        if name.starts_with("disorder of the retina") {
            assert!(!kept.contains(&"hcq-1".to_owned()), "{name}: {kept:?}");
        }
        if name.starts_with("pancreatitis") {
            assert!(!kept.contains(&"aza-1".to_owned()), "{name}: {kept:?}");
        }
    }
}

#[test]
fn no_drug_that_stops_is_offered_in_its_place() {
    for (name, drugs, answer) in baskets() {
        for agent in cards(&answer)
            .iter()
            .flat_map(|c| basis(c)["agents"].as_array().into_iter().flatten())
        {
            if drugs.contains(&agent["name"].as_str().unwrap()) {
                assert_eq!(agent["status"], "excluded", "{name}: {agent}");
            }
        }
    }
}

#[test]
fn prednisone_alone_is_the_adrenal_statement_and_no_card_about_tacrolimus() {
    let answer = pure::answer(&all_five().stopping_also("pred-1").request());
    let card = main_card(&answer).unwrap();
    assert_eq!(basis(card)["rule"], "prednisone/lupus-nephritis/otherwise");
    assert_eq!(card["indicator"], "warning");
    let said = card["detail"].as_str().unwrap().to_lowercase();
    assert!(said.contains("adrenal") && said.contains("stress dose"), "{said}");
    for card in cards(&answer) {
        let rule = basis(card)["rule"].as_str().unwrap();
        assert!(rule.starts_with("prednisone/"), "{rule}");
        assert_eq!(basis(card)["drugs"], serde_json::json!(["prednisone"]));
    }
}
