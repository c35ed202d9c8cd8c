//! A chart that gets worse never gets milder advice.
//!
//! Whatever of a chart becomes unreadable, loses its date or its unit, or comes from a source that fails:
//! the most urgent indicator does not fall, and cards do not vanish. A question that is refused or cannot be decided
//! is no silence.
//!
//! Three things are not meant by it. A resource, or a field, that is deleted outright where nothing says that it was
//! there is another record. After a stop, signs of a rebound are laid before or after its date: without one, or with a
//! year, and without results, there is nothing to warn of by name, and the card only says what to look at. And what a
//! text alone says, without any structure beside it, may be said in any words: a dose text that is garbled is one that
//! says no dose.

use crate::helpers::answer::urgency;
use crate::helpers::chart::KEYS;
use crate::helpers::pure::Judged;
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
    NoId,
    NoSystem,
    OtherSystem,
    NullCode,
    UnknownStatus,
    CapitalStatus,
    LastDay,
    FirstDay,
    YearOnly,
    OddBounds,
    OddEnd,
    OddFrequency,
    OddDose,
    OddLimits,
    Unresolved,
    LowerType,
    TwoInAList,
}

const HARMS: [Harm; 33] = [
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
    Harm::NoId,
    Harm::NoSystem,
    Harm::OtherSystem,
    Harm::NullCode,
    Harm::UnknownStatus,
    Harm::CapitalStatus,
    Harm::LastDay,
    Harm::FirstDay,
    Harm::YearOnly,
    Harm::OddBounds,
    Harm::OddEnd,
    Harm::OddFrequency,
    Harm::OddDose,
    Harm::OddLimits,
    Harm::Unresolved,
    Harm::LowerType,
    Harm::TwoInAList,
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
            Harm::NoId => each(resource, &["id"], |_| None),
            Harm::NoSystem => codings(resource, "system", &Value::Null),
            // A condition of another system is another condition; a result may be named by its code all the same.
            Harm::OtherSystem if resource["resourceType"] != "Observation" => {}
            Harm::OtherSystem => codings(resource, "system", &json!("urn:local")),
            Harm::NullCode => codings(resource, "code", &Value::Null),
            Harm::UnknownStatus => each(resource, &["status"], |_| Some(json!("unknown"))),
            Harm::CapitalStatus => each(resource, &["status"], |old| {
                old.as_str().map(|old| json!(old.to_uppercase()))
            }),
            Harm::LastDay => each(resource, &DATES, |_| Some(json!("9999-12-31"))),
            Harm::FirstDay => each(resource, &DATES, |_| Some(json!("0001-01-01"))),
            Harm::YearOnly => each(resource, &DATES, |old| {
                old.as_str().and_then(|old| old.get(..4)).map(|year| json!(year))
            }),
            Harm::OddBounds => dosage(resource, "/timing/repeat/boundsPeriod", json!("see note")),
            Harm::OddEnd => dosage(resource, "/timing/repeat/boundsPeriod/end", json!("see note")),
            Harm::OddFrequency => dosage(resource, "/timing/repeat/frequency", json!("see note")),
            Harm::OddDose => dosage(resource, "/doseAndRate/0/doseQuantity/value", json!("see note")),
            Harm::OddLimits => {
                if let Some(limit) = resource.pointer_mut("/referenceRange/0/high") {
                    limit["value"] = json!("see note");
                }
            }
            Harm::Unresolved => each(resource, &["subject"], |_| {
                Some(json!({"reference": "urn:uuid:6f2b9c1e-3d54-4a7b-9a10-5c0e8f1d2a01"}))
            }),
            Harm::LowerType => each(resource, &["resourceType"], |old| {
                old.as_str().map(|old| json!(old.to_lowercase()))
            }),
            Harm::TwoInAList => *resource = json!([resource.clone(), resource.clone()]),
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

/// Changes a field of every coding of what a resource is about.
fn codings(resource: &mut Value, field: &str, to: &Value) {
    for name in CODES {
        let codings = resource.pointer_mut(&format!("/{name}/coding"));
        for coding in codings.and_then(Value::as_array_mut).into_iter().flatten() {
            each(coding, &[field], |_| Some(to.clone()));
        }
    }
}

/// Puts something in the place of a part of the first instruction.
fn dosage(resource: &mut Value, part: &str, to: Value) {
    let (parent, name) = part.rsplit_once('/').unwrap();
    if let Some(parent) = resource.pointer_mut(&format!("/dosageInstruction/0{parent}")) {
        parent[name] = to;
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
    let lists = KEYS[1..].iter().map(|key| format!("/prefetch/{key}/entry"));
    let context = ["toBeDiscontinued", "draftOrders"].map(|field| format!("/context/{field}/entry"));
    for list in lists.chain(context) {
        let entries = request
            .pointer(&list)
            .and_then(Value::as_array)
            .map_or(0, Vec::len);
        found.extend((0..entries).map(|at| format!("{list}/{at}/resource")));
    }
    found
}

/// The answer, unless the question is refused or cannot be decided.
fn answered(request: &Value) -> Option<Value> {
    match pure::judge(request.to_string().as_bytes()) {
        Judged::Answer(answer) => Some(answer),
        Judged::Undecided | Judged::Refused(_) => None,
    }
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
                let Some(after) = answered(&worse) else { continue };
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
        if let Some(after) = answered(&worse) {
            not_milder(name, &format!("{harms:?}"), &before, &after);
        }
    }
}
