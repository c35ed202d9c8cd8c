//! One stop, one advice: the hook by which it comes changes no word.

use crate::helpers::answer::{advice, assert_same_advice, differences};
use crate::helpers::doors::{WITH_IDS, WITH_ORDERS, through};
use crate::helpers::stories::stories;
use crate::helpers::{Demo, hours_ago, pure};
use proptest::prelude::*;
use proptest::sample::Index;
use serde_json::Value;

/// Whether a discharge has something to say: nothing drafted may continue the drug.
fn falls_off(stop: &crate::helpers::Stop) -> bool {
    stop.changes().1.is_empty()
}

fn text(answer: &Value) -> String {
    answer["cards"].to_string()
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 96, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn every_hook_that_carries_a_stop_gives_the_same_advice(
        whose in any::<Index>(), which in any::<Index>(), hours in 1_i64..(13 * 24)
    ) {
        let stories = stories();
        let (name, stop) = whose.get(&stories);
        let stop = stop.clone().dated(&hours_ago(hours));
        let plain = pure::answer(&through(&stop, "medication-discontinue"));
        let doors = [&WITH_ORDERS[1..], &WITH_IDS[..]].concat();
        let hook = *which.get(&doors);
        let answer = pure::answer(&through(&stop, hook));
        if hook == "encounter-discharge" && !falls_off(&stop) {
            prop_assert_eq!(text(&answer), "[]", "{}", name);
            return Ok(());
        }
        let found = differences(&advice(&plain), &advice(&answer));
        prop_assert!(found.is_empty(), "{} at {}:\n{}", name, hook, found);
    }

    /// A card never mentions the door it came through.
    #[test]
    fn no_card_names_a_hook(whose in any::<Index>(), which in any::<Index>()) {
        let stories = stories();
        let (name, stop) = whose.get(&stories);
        let doors = [&WITH_ORDERS[..], &WITH_IDS[..]].concat();
        let hook = *which.get(&doors);
        let said = text(&pure::answer(&through(&stop.clone().dated(&hours_ago(30)), hook))).to_lowercase();
        for word in ["discharge", "order-sign", "order-select", "patient-view", "discontinue\"", "trigger"] {
            prop_assert!(!said.contains(word), "{} at {}: {}", name, hook, word);
        }
    }
}

/// The same over the wire, where the client's own trigger announces the stop.
#[tokio::test]
async fn every_door_of_the_service_gives_the_same_advice() {
    let demo = Demo::spawn().await;
    for (name, stop) in stories() {
        let stop = stop.dated(&hours_ago(2));
        let first = demo.hook(&through(&stop, WITH_ORDERS[0])).await.json;
        for hook in WITH_ORDERS.into_iter().skip(1).chain(WITH_IDS) {
            if hook == "encounter-discharge" && !falls_off(&stop) {
                continue;
            }
            let answer = demo.hook(&through(&stop, hook)).await;
            assert_same_advice(&first, &answer.json, &format!("{name} at {hook}"));
        }
    }
}
