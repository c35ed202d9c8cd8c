//! Whole requests in the shapes of real EHRs, servers and tools, through HTTP.
//!
//! `fixtures/ehr/shapes.toml` says what is peculiar about each and what it has to be answered.

use crate::helpers::Demo;
use serde::Deserialize;
use serde_json::Value;
use std::collections::BTreeSet;
use std::path::Path;

const FOLDER: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/fixtures/ehr");

#[derive(Deserialize)]
struct Table {
    shape: Vec<Shape>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Shape {
    file: String,
    habit: String,
    status: u16,
    leads: Option<Leads>,
    names: Option<String>,
}

#[derive(Deserialize)]
struct Leads {
    topic: String,
    indicator: String,
}

fn shapes() -> Vec<Shape> {
    let text = std::fs::read_to_string(Path::new(FOLDER).join("shapes.toml")).unwrap();
    toml::from_str::<Table>(&text).unwrap().shape
}

fn request(file: &str) -> Value {
    let text = std::fs::read_to_string(Path::new(FOLDER).join(file)).unwrap();
    serde_json::from_str(&text).unwrap_or_else(|why| panic!("{file}: {why}"))
}

#[tokio::test]
async fn every_shape_is_answered_as_the_table_says() {
    let demo = Demo::of_the_definition().await;
    for shape in shapes() {
        let name = format!("{}: {}", shape.file, shape.habit);
        let answer = demo.hook(&request(&shape.file)).await;
        assert_eq!(answer.status, shape.status, "{name}: {}", answer.text());
        if let Some(field) = &shape.names {
            assert!(
                answer.text().contains(field.as_str()),
                "{name}: {}",
                answer.text()
            );
        }
        if answer.status != 200 {
            continue;
        }
        let leading = answer.cards().first();
        let topic = leading.map(|card| card["source"]["topic"]["code"].as_str().unwrap());
        let indicator = leading.map(|card| card["indicator"].as_str().unwrap());
        assert_eq!(
            topic,
            shape.leads.as_ref().map(|leads| leads.topic.as_str()),
            "{name}"
        );
        assert_eq!(
            indicator,
            shape.leads.as_ref().map(|leads| leads.indicator.as_str()),
            "{name}"
        );
    }
}

#[test]
fn every_request_stands_in_the_table() {
    let listed: BTreeSet<String> = shapes().into_iter().map(|shape| shape.file).collect();
    let found: BTreeSet<String> = std::fs::read_dir(FOLDER)
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .filter(|name| name.ends_with(".json"))
        .collect();
    assert_eq!(listed, found);
}
