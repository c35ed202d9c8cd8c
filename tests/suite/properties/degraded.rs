//! A chart that gets worse never gets milder advice.
//!
//! Whatever of a chart becomes unreadable, loses its date or its unit, or comes from a source that fails:
//! the most urgent indicator does not fall, and cards do not vanish.

use crate::helpers::answer::urgency;
use crate::helpers::chart::KEYS;
use crate::helpers::resources::{PATIENT, failure};
use crate::helpers::stories::stories;
use crate::helpers::{Stop, pure};
use proptest::prelude::*;
use proptest::sample::{Index, select};
use serde_json::{Value, json};

/// What happens to one resource.
#[derive(Clone, Copy, Debug)]
enum Harm {
    Number,
    Text,
    Nothing,
    OnlyType,
    NoType,
    NoCode,
    OddCode,
    NoValue,
    AbsentReason,
    WordsForValue,
    ValueOfOtherType,
    Undated,
    OddDate,
    NoUnit,
    OddUnit,
    OddStatus,
}

const HARMS: [Harm; 16] = [
    Harm::Number,
    Harm::Text,
    Harm::Nothing,
    Harm::OnlyType,
    Harm::NoType,
    Harm::NoCode,
    Harm::OddCode,
    Harm::NoValue,
    Harm::AbsentReason,
    Harm::WordsForValue,
    Harm::ValueOfOtherType,
    Harm::Undated,
    Harm::OddDate,
    Harm::NoUnit,
    Harm::OddUnit,
    Harm::OddStatus,
];

const CODES: [&str; 2] = ["code", "medicationCodeableConcept"];
const DATES: [&str; 7] = [
    "effectiveDateTime",
    "issued",
    "onsetDateTime",
    "recordedDate",
    "authoredOn",
    "performedDateTime",
    "birthDate",
];
const VALUES: [&str; 2] = ["valueQuantity", "valueCodeableConcept"];

impl Harm {
    fn apply(self, resource: &mut Value) {
        match self {
            Harm::Number => *resource = json!(7),
            Harm::Text => *resource = json!("\u{fffd}garbage"),
            Harm::Nothing => *resource = json!({}),
            Harm::OnlyType => *resource = json!({"resourceType": resource["resourceType"]}),
            Harm::NoType => drop(resource.as_object_mut().unwrap().remove("resourceType")),
            Harm::NoCode => each(resource, &CODES, |_| None),
            Harm::OddCode => each(resource, &CODES, |_| Some(json!([{"coding": 5}]))),
            Harm::NoValue => each(resource, &VALUES, |_| None),
            Harm::AbsentReason => {
                each(resource, &VALUES, |_| None);
                if resource["resourceType"] == "Observation" {
                    resource["dataAbsentReason"] = json!({"coding": [{"code": "error"}]});
                }
            }
            Harm::WordsForValue => each(resource, &VALUES, |_| {
                Some(json!({"value": "see comment", "text": "see comment"}))
            }),
            Harm::ValueOfOtherType => each(resource, &VALUES, |_| Some(json!([1, 2]))),
            Harm::Undated => each(resource, &DATES, |_| None),
            Harm::OddDate => each(resource, &DATES, |_| Some(json!("last week"))),
            Harm::NoUnit => unit(resource, None),
            Harm::OddUnit => unit(resource, Some("furlong")),
            Harm::OddStatus => each(resource, &["status"], |_| Some(json!("so-so"))),
        }
    }
}

/// Changes the members that are there.
fn each(resource: &mut Value, names: &[&str], change: impl Fn(&Value) -> Option<Value>) {
    let Some(members) = resource.as_object_mut() else {
        return;
    };
    for name in names {
        if let Some(old) = members.get(*name) {
            match change(old) {
                Some(new) => drop(members.insert((*name).to_owned(), new)),
                None => drop(members.remove(*name)),
            }
        }
    }
}

fn unit(resource: &mut Value, to: Option<&str>) {
    if let Some(quantity) = resource.get_mut("valueQuantity") {
        each(quantity, &["unit", "code"], |_| to.map(|unit| json!(unit)));
        each(quantity, &["system"], |_| None);
    }
}

/// The addresses of every resource of a prefetch.
fn resources(request: &Value) -> Vec<String> {
    let mut found = vec!["/prefetch/patient".to_owned()];
    for key in &KEYS[1..] {
        let entries = request["prefetch"][key]["entry"].as_array().map_or(0, Vec::len);
        found.extend((0..entries).map(|at| format!("/prefetch/{key}/entry/{at}/resource")));
    }
    found
}

/// Fails unless the changed request is answered at least as urgently.
fn not_milder(name: &str, what: &str, before: &Value, after: &Value) {
    let (was, is) = (urgency(before), urgency(after));
    assert!(
        is >= was,
        "{name}, {what}: urgency fell from {was} to {is}\nbefore: {before}\nafter: {after}"
    );
    let cards = |answer: &Value| answer["cards"].as_array().unwrap().len();
    assert!(
        cards(after) > 0 || cards(before) == 0,
        "{name}, {what}: the cards are gone"
    );
}

/// Every story, every source: the client's query failed, or nothing came and nobody can be asked.
#[test]
fn a_source_that_fails_never_makes_the_advice_milder() {
    for (name, stop) in stories() {
        let request = stop.request();
        let before = pure::answer(&request);
        for key in KEYS {
            for broken in [failure(), json!("<html>"), json!({"resourceType": "Slot"})] {
                let mut worse = request.clone();
                worse["prefetch"][key] = broken.clone();
                not_milder(
                    name,
                    &format!("{key} is {broken}"),
                    &before,
                    &pure::answer(&worse),
                );
            }
        }
    }
}

/// Every story, every resource, every harm: one at a time. Of what many charts share, each chart tries
/// every fifth; what it alone holds, it tries whole.
#[test]
fn one_bad_resource_never_makes_the_advice_milder() {
    let mut milder = Vec::new();
    let shared: Vec<Value> = Stop::tacrolimus()
        .in_lupus_nephritis()
        .records()
        .into_iter()
        .filter(|record| record["id"] != PATIENT && record["id"] != "tac-1")
        .collect();
    let mut turn = 0;
    for (name, stop) in stories() {
        let request = stop.request();
        let before = pure::answer(&request);
        for address in resources(&request) {
            for harm in HARMS {
                turn += 1;
                if turn % 5 != 0 && shared.contains(request.pointer(&address).unwrap()) {
                    continue;
                }
                let mut worse = request.clone();
                harm.apply(worse.pointer_mut(&address).unwrap());
                if worse == request {
                    continue;
                }
                let after = pure::answer(&worse);
                let gone = after["cards"].as_array().unwrap().is_empty()
                    && !before["cards"].as_array().unwrap().is_empty();
                if urgency(&after) < urgency(&before) || gone {
                    let id = request
                        .pointer(&format!("{address}/id"))
                        .cloned()
                        .unwrap_or_default();
                    milder.push(format!(
                        "{name}: {id} {harm:?}: {} -> {}",
                        urgency(&before),
                        urgency(&after)
                    ));
                }
            }
        }
    }
    assert!(
        milder.is_empty(),
        "{} harms make the advice milder:\n{}",
        milder.len(),
        milder.join("\n")
    );
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, failure_persistence: None, ..ProptestConfig::default() })]

    /// Several at once.
    #[test]
    fn many_bad_resources_never_make_the_advice_milder(
        whose in any::<Index>(), harms in prop::collection::vec((any::<Index>(), select(&HARMS[..])), 1..6), failing in any::<Option<Index>>()
    ) {
        let stories = stories();
        let (name, stop) = whose.get(&stories);
        let request = stop.request();
        let before = pure::answer(&request);
        let (addresses, mut worse) = (resources(&request), request.clone());
        for (at, harm) in &harms {
            let resource = worse.pointer_mut(&addresses[at.index(addresses.len())]).unwrap();
            if resource.is_object() && resource.get("resourceType").is_some() {
                harm.apply(resource);
            }
        }
        if let Some(key) = failing {
            worse["prefetch"][KEYS[key.index(KEYS.len())]] = failure();
        }
        not_milder(name, &format!("{harms:?}"), &before, &pure::answer(&worse));
    }
}
