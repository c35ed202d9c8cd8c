//! Sums over many answers: by outcome, rule, urgency, door and gap.

use super::told::Told;
use serde::Serialize;
use std::collections::{BTreeMap, BTreeSet};

/// How often each was there.
#[derive(Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Sums {
    /// Requests that were judged.
    pub judged: u64,
    /// Things that could not be read.
    pub unreadable: u64,
    /// Files in folders whose ending is not that of a request.
    pub left_out: u64,
    /// Requests by outcome.
    pub by_outcome: BTreeMap<String, u64>,
    /// Requests by how their instant is known.
    pub by_instant: BTreeMap<String, u64>,
    /// Requests by the rule that leads, or the row that silenced.
    pub by_rule: BTreeMap<String, u64>,
    /// Requests by the urgency of their most urgent card, withheld ones included.
    pub by_urgency: BTreeMap<String, u64>,
    /// Requests by hook.
    pub by_door: BTreeMap<String, u64>,
    /// Requests in which something was missing, by what and why.
    pub by_gap: BTreeMap<String, u64>,
}

impl Sums {
    /// Counts one answer.
    pub fn add(&mut self, told: &Told) {
        let count = |map: &mut BTreeMap<String, u64>, key: &str| {
            *map.entry(key.to_owned()).or_default() += 1;
        };
        self.judged += 1;
        count(&mut self.by_outcome, told.outcome);
        count(&mut self.by_urgency, told.urgency());
        for (map, key) in [
            (&mut self.by_door, told.hook.as_deref()),
            (&mut self.by_instant, told.at_by),
        ] {
            if let Some(key) = key {
                count(map, key);
            }
        }
        let rules: Vec<&str> = match &told.rule {
            Some(rule) => vec![rule],
            None => told.silenced_by.iter().map(String::as_str).collect(),
        };
        for rule in rules {
            count(&mut self.by_rule, rule);
        }
        let gaps: BTreeSet<&String> = told.cards.iter().flat_map(|card| &card.gaps).collect();
        for gap in gaps {
            count(&mut self.by_gap, gap);
        }
    }

    /// Each sum with its name.
    pub fn tables(&self) -> [(&'static str, &BTreeMap<String, u64>); 6] {
        [
            ("outcome", &self.by_outcome),
            ("instant known by", &self.by_instant),
            ("rule", &self.by_rule),
            ("urgency", &self.by_urgency),
            ("door", &self.by_door),
            ("gap", &self.by_gap),
        ]
    }
}
