//! What went wrong in services of others, and the test of ours that keeps it from happening here.
//!
//! `peers.csv` lists them, one row each: the peer, what happened there, and our test. Those that no other module
//! has stand here.

use super::coverage::find_test;
use crate::helpers::answer::assert_same_advice;
use crate::helpers::stories::stories;
use crate::helpers::{Demo, Stop};
use futures_util::future::join_all;
use serde_json::{Value, json};
use std::path::Path;

#[test]
fn every_defect_of_a_peer_names_a_test_that_exists() {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/suite/conformance/peers.csv");
    let mut table = csv::Reader::from_path(file).unwrap();
    assert_eq!(table.headers().unwrap(), &["peer", "defect", "test"][..]);
    let rows: Vec<csv::StringRecord> = table.records().map(Result::unwrap).collect();
    let wrong = rows.iter().filter_map(|row| find_test(&row[2]).err());
    let wrong: Vec<String> = wrong.collect();
    assert!(wrong.is_empty() && !rows.is_empty(), "\n{}", wrong.join("\n"));
}

/// Three calls that a service must tell apart from one with data, and answer.
#[tokio::test]
async fn a_missing_null_or_empty_prefetch_is_answered() {
    let demo = Demo::spawn().await;
    let stop = Stop::tacrolimus().with_kidney_transplant();
    let missing = stop.without_prefetch();
    let expected = demo.hook(&missing).await;
    expected.states_gap("conditions", "fetch-failed");
    for prefetch in [json!(null), json!({})] {
        let mut request = missing.clone();
        request["prefetch"] = prefetch.clone();
        let answer = demo.hook(&request).await;
        assert_same_advice(&answer.json, &expected.json, &prefetch.to_string());
    }
    let keys = stop.prefetch();
    let keys = keys
        .as_object()
        .unwrap()
        .keys()
        .map(|key| (key.clone(), Value::Null));
    let mut request = missing;
    request["prefetch"] = Value::Object(keys.collect());
    let looked = demo.hook(&request).await;
    assert!(
        !looked.has_gap("conditions", "fetch-failed"),
        "looked, and found none"
    );
}

#[tokio::test]
async fn a_body_of_a_megabyte_is_read() {
    let demo = Demo::spawn().await;
    let request = Stop::tacrolimus()
        .in_lupus_nephritis()
        .with_upcr("2.1", "g/g", 7)
        .request();
    let expected = demo.hook(&request).await;
    let mut large = request;
    large["prefetch"]["patient"]["photo"] = json!([{"data": "A".repeat(1_048_576)}]);
    assert_same_advice(&demo.hook(&large).await.json, &expected.json, "a large body");
}

/// Twenty patients at once, three times over: each gets the advice that it gets alone.
#[tokio::test]
async fn calls_side_by_side_do_not_mix() {
    let demo = Demo::spawn().await;
    let requests: Vec<Value> = stories().iter().map(|(_, stop)| stop.request()).collect();
    let mut alone = Vec::new();
    for request in &requests {
        alone.push(demo.hook(request).await.json);
    }
    let many = requests.iter().cycle().take(3 * requests.len());
    let together = join_all(many.map(|request| demo.hook(request))).await;
    for (answer, expected) in together.iter().zip(alone.iter().cycle()) {
        assert_same_advice(&answer.json, expected, "side by side");
    }
}
