//! The order of entries, the prefetch key under which they come, repeats and paging change nothing.

use crate::helpers::answer::{advice, assert_same_advice, differences};
use crate::helpers::pure;
use crate::helpers::stories::{stories, story};
use crate::helpers::{Demo, Ehr, TestApp};
use proptest::prelude::*;
use proptest::sample::Index;
use serde_json::{Value, json};

const LISTS: [&str; 6] = [
    "medications",
    "observations",
    "screens",
    "conditions",
    "allergies",
    "procedures",
];

/// Takes all entries of all lists.
fn take_entries(request: &mut Value) -> Vec<Value> {
    let mut all = Vec::new();
    for key in LISTS {
        let bundle = request["prefetch"][key].as_object_mut().unwrap();
        bundle.remove("total");
        if let Some(Value::Array(entries)) = bundle.remove("entry") {
            all.extend(entries);
        }
    }
    all
}

fn put(request: &mut Value, key: &str, entry: Value) {
    let bundle = request["prefetch"][key].as_object_mut().unwrap();
    bundle
        .entry("entry")
        .or_insert_with(|| json!([]))
        .as_array_mut()
        .unwrap()
        .push(entry);
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn entries_may_come_in_any_order_under_any_key_and_twice(
        whose in any::<Index>(), places in prop::collection::vec((any::<Index>(), any::<Index>()), 1..40), repeated in any::<Index>()
    ) {
        let stories = stories();
        let (name, stop) = whose.get(&stories);
        let plain = pure::answer(&stop.request());
        let mut request = stop.request();
        let mut entries = take_entries(&mut request);
        let again = repeated.get(&entries).clone();
        entries.push(again);
        for turn in 0.. {
            let Some(last) = entries.len().checked_sub(1) else { break };
            let (which, key) = &places[turn % places.len()];
            let entry = entries.swap_remove(which.index(last + 1));
            put(&mut request, LISTS[key.index(LISTS.len())], entry);
        }
        let found = differences(&advice(&plain), &advice(&pure::answer(&request)));
        prop_assert!(found.is_empty(), "{}:\n{}", name, found);
    }

    #[test]
    fn the_members_of_an_object_may_come_in_any_order(whose in any::<Index>()) {
        let stories = stories();
        let (name, stop) = whose.get(&stories);
        let request = stop.request();
        let turned = reversed(&request);
        // The order to keep is sent back as it came, so only what decides is compared.
        let decided = |request: &Value| crate::helpers::answer::verdict(&pure::answer(request));
        prop_assert_eq!(decided(&turned), decided(&request), "{}", name);
    }
}

/// The same JSON with the members of every object back to front.
fn reversed(value: &Value) -> Value {
    match value {
        Value::Array(items) => items.iter().map(reversed).collect(),
        Value::Object(members) => Value::Object(
            members
                .iter()
                .rev()
                .map(|(name, value)| (name.clone(), reversed(value)))
                .collect(),
        ),
        other => other.clone(),
    }
}

/// Prefetch, a server that answers in one page, and one that answers in several: the same advice.
#[tokio::test]
async fn how_the_chart_arrives_changes_nothing() {
    let demo = Demo::spawn().await;
    let ehr = Ehr::holding(&story("active lupus nephritis")).await.open().await;
    let app = TestApp::with(&ehr.base(), "", "deadline-ms = 10000").await;
    for name in [
        "active lupus nephritis",
        "thrombotic microangiopathy",
        "liver transplant, one procedure says so",
    ] {
        let stop = story(name);
        let sent = demo.hook(&stop.request()).await.json;
        for size in [4, 5, 50] {
            ehr.turn(&stop, &[]);
            ehr.turn_to_pages_of(size);
            let read = app.trusted_ehr().hook(&stop.granting(&ehr.base(), "t")).await;
            assert_same_advice(&sent, &read.json, &format!("{name}, pages of {size}"));
        }
    }
}
