//! Another patient's resource in prefetch changes nothing but adds a gap `other-patient`.

use crate::helpers::answer::{advice, differences, gaps};
use crate::helpers::pure;
use crate::helpers::resources::PATIENT;
use crate::helpers::stories::stories;
use proptest::prelude::*;
use proptest::sample::Index;
use serde_json::{Value, json};
use std::collections::BTreeSet;

/// Prefetch keys that hold lists.
const LISTS: [&str; 6] = [
    "medications",
    "observations",
    "screens",
    "conditions",
    "allergies",
    "procedures",
];

/// Every resource of every chart, as if it were somebody else's; none has an id of ours.
fn strangers() -> Vec<Value> {
    let all = stories().into_iter().flat_map(|(_, stop)| stop.records());
    let theirs = all.map(|mut record| {
        let id = record["id"].as_str().unwrap().replace(PATIENT, "somebody-else");
        record["id"] = json!(format!("theirs-{id}"));
        if record["resourceType"] != "Patient" {
            record["subject"] = json!({"reference": "Patient/somebody-else"});
        }
        record
    });
    theirs.collect()
}

/// The advice without what a gap may change: the gaps themselves and the text that names them.
fn beside_gaps(answer: &Value) -> Value {
    let mut advice = advice(answer);
    for card in advice["cards"].as_array_mut().unwrap() {
        let card = card.as_object_mut().unwrap();
        card.remove("detail");
        card["extension"]["org.stepdown.basis"]
            .as_object_mut()
            .unwrap()
            .remove("gaps");
    }
    advice
}

fn add(request: &mut Value, key: &str, at: &Index, resource: Value) {
    let bundle = request["prefetch"][key].as_object_mut().unwrap();
    let entries = bundle
        .entry("entry")
        .or_insert_with(|| json!([]))
        .as_array_mut()
        .unwrap();
    entries.insert(at.index(entries.len() + 1), json!({"resource": resource}));
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn a_strangers_resource_only_adds_a_gap(
        whose in any::<Index>(), what in prop::collection::vec((any::<Index>(), any::<Index>(), any::<Index>()), 1..4)
    ) {
        let (stories, strangers) = (stories(), strangers());
        let (name, stop) = whose.get(&stories);
        let plain = pure::answer(&stop.request());
        let mut request = stop.request();
        for (resource, key, at) in &what {
            add(&mut request, LISTS[key.index(LISTS.len())], at, resource.get(&strangers).clone());
        }
        let mixed = pure::answer(&request);
        let found = differences(&beside_gaps(&plain), &beside_gaps(&mixed));
        prop_assert!(found.is_empty(), "{}:\n{}", name, found);
        prop_assert!(!mixed.to_string().contains("theirs-"), "{}", name);
        let (before, after) = (gaps(&plain), gaps(&mixed));
        let new: BTreeSet<_> = after.difference(&before).collect();
        prop_assert!(new.iter().all(|(_, why)| why == "other-patient"), "{}: {:?}", name, new);
        let lost: BTreeSet<_> = before.difference(&after).collect();
        prop_assert!(lost.is_empty(), "{}: {:?}", name, lost);
        let silent = plain["cards"].as_array().unwrap().is_empty();
        prop_assert!(silent || !new.is_empty(), "{}: no gap says that something was dropped", name);
    }
}
