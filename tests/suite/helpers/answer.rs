//! An answer of the service, and what a test asks of it.

use reqwest::StatusCode;
use reqwest::header::HeaderMap;
use serde_json::{Map, Value};
use std::collections::BTreeSet;

/// What came back.
pub struct Answer {
    /// HTTP status.
    pub status: u16,
    /// HTTP headers.
    pub headers: HeaderMap,
    /// Body.
    pub bytes: Vec<u8>,
    /// Body as JSON; null if it is none.
    pub json: Value,
}

impl Answer {
    /// From a response.
    pub async fn of(response: reqwest::Response) -> Self {
        let (status, headers) = (response.status(), response.headers().clone());
        let bytes = response.bytes().await.unwrap().to_vec();
        Self {
            status: StatusCode::as_u16(&status),
            headers,
            json: parse(&bytes),
            bytes,
        }
    }

    /// Its cards; anything but a 200 fails the test.
    pub fn cards(&self) -> &[Value] {
        assert_eq!(self.status, 200, "{}", self.text());
        self.json["cards"].as_array().expect("a list of cards")
    }

    /// The card of a topic; fails the test if there is none.
    pub fn card(&self, topic: &str) -> &Value {
        let found = self.cards().iter().find(|card| topic_of(card) == topic);
        found.unwrap_or_else(|| panic!("no card {topic}: {}", self.text()))
    }

    /// Topics in order.
    pub fn topics(&self) -> Vec<&str> {
        self.cards().iter().map(topic_of).collect()
    }

    /// Every gap of every card.
    pub fn gaps(&self) -> BTreeSet<(String, String)> {
        gaps(&self.json)
    }

    /// Whether any card states this gap.
    pub fn has_gap(&self, need: &str, why: &str) -> bool {
        self.gaps().contains(&(need.to_owned(), why.to_owned()))
    }

    /// Fails the test unless some card states this gap.
    pub fn states_gap(&self, need: &str, why: &str) {
        assert!(
            self.has_gap(need, why),
            "no gap {need}/{why} among {:?}",
            self.gaps()
        );
    }

    /// The body as text.
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.bytes).into_owned()
    }

    /// A header as text, empty if it is not there.
    pub fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", |value| value.to_str().unwrap())
    }

    /// Fails the test unless this is a refusal with that status, an OperationOutcome that says where.
    pub fn refuses(&self, status: u16, field: &str) {
        assert_eq!(self.status, status, "{field}: {}", self.text());
        assert_eq!(
            self.json["resourceType"],
            "OperationOutcome",
            "{field}: {}",
            self.text()
        );
        let issues = self.json["issue"].as_array().expect("a list of issues");
        let says = |issue: &Value| issue["diagnostics"].as_str().unwrap_or_default().contains(field);
        assert!(
            issues.iter().any(says),
            "the answer does not name {field}: {issues:?}"
        );
    }
}

fn parse(bytes: &[u8]) -> Value {
    serde_json::from_slice(bytes).unwrap_or_default()
}

/// Topic code of a card.
pub fn topic_of(card: &Value) -> &str {
    card["source"]["topic"]["code"].as_str().expect("a topic")
}

/// The machine-readable basis of a card.
pub fn basis(card: &Value) -> &Value {
    &card["extension"]["org.stepdown.basis"]
}

/// Every gap of every card of an answer.
pub fn gaps(answer: &Value) -> BTreeSet<(String, String)> {
    let text = |value: &Value| value.as_str().expect("a word").to_owned();
    let cards = answer["cards"].as_array().expect("a list of cards");
    let gaps = cards
        .iter()
        .filter_map(|card| basis(card)["gaps"].as_array())
        .flatten();
    gaps.map(|gap| (text(&gap["need"]), text(&gap["why"]))).collect()
}

/// The most urgent indicator: 0 none, 1 info, 2 warning, 3 critical.
pub fn urgency(answer: &Value) -> usize {
    let cards = answer["cards"].as_array().expect("a list of cards");
    let rank = |card: &Value| match card["indicator"].as_str() {
        Some("critical") => 3,
        Some("warning") => 2,
        _ => 1,
    };
    cards.iter().map(rank).max().unwrap_or_default()
}

/// The answer without what is new each time, identifiers and the instant, and without the links to the service
/// itself, which depend on where it runs.
pub fn advice(answer: &Value) -> Value {
    let is_own = |link: &Value| {
        let to = link["url"].as_str().unwrap_or_default();
        link["type"] == "smart" || link["type"] == "absolute" && to.ends_with("/basis")
    };
    match answer {
        Value::Array(items) => items.iter().filter(|item| !is_own(item)).map(advice).collect(),
        Value::Object(members) => {
            let only_own = |value: &Value| {
                value
                    .as_array()
                    .is_some_and(|items| !items.is_empty() && items.iter().all(is_own))
            };
            let lasting = members.iter().filter(|(name, value)| {
                *name != "uuid" && *name != "evaluatedAt" && !(*name == "links" && only_own(value))
            });
            Value::Object(
                lasting
                    .map(|(name, value)| (name.clone(), advice(value)))
                    .collect::<Map<_, _>>(),
            )
        }
        other => other.clone(),
    }
}

/// Where two pieces of advice differ, one line for each place; empty if they are the same.
pub fn differences(left: &Value, right: &Value) -> String {
    let mut found = Vec::new();
    compare("", left, right, &mut found);
    found.join("\n")
}

fn compare(path: &str, left: &Value, right: &Value, found: &mut Vec<String>) {
    match (left, right) {
        (Value::Array(a), Value::Array(b)) if a.len() == b.len() => {
            (a.iter().zip(b).enumerate())
                .for_each(|(at, (a, b))| compare(&format!("{path}/{at}"), a, b, found));
        }
        (Value::Object(a), Value::Object(b)) => {
            for name in a.keys().chain(b.keys().filter(|name| !a.contains_key(*name))) {
                let of = |members: &Map<String, Value>| members.get(name).cloned().unwrap_or_default();
                compare(&format!("{path}/{name}"), &of(a), &of(b), found);
            }
        }
        _ if left == right => {}
        _ => found.push(format!("{path}: {left}\n{path}: {right}")),
    }
}

/// Fails the test, and says where, unless two answers give the same advice.
pub fn assert_same_advice(left: &Value, right: &Value, when: &str) {
    let found = differences(&advice(left), &advice(right));
    assert!(found.is_empty(), "{when}:\n{found}");
}

/// What decides: topic, indicator and rule of each card, in order.
pub fn verdict(answer: &Value) -> Vec<[String; 3]> {
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let of = |card: &Value| {
        [
            topic_of(card).to_owned(),
            text(&card["indicator"]),
            text(&basis(card)["rule"]),
        ]
    };
    answer["cards"]
        .as_array()
        .expect("a list of cards")
        .iter()
        .map(of)
        .collect()
}

/// Every suggestion of every card.
pub fn suggestions(answer: &Value) -> impl Iterator<Item = &Value> {
    let cards = answer["cards"].as_array().into_iter().flatten();
    cards.filter_map(|card| card["suggestions"].as_array()).flatten()
}
