//! How many are the same, and how many differ in which respect.

use super::Asked;
use crate::replay::Kind;
use serde::Serialize;
use std::collections::{BTreeMap, BTreeSet};

/// Sums over cases or requests.
#[derive(Debug, Default, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Summary {
    /// Asked of both sides and answered alike.
    pub(super) same: u64,
    /// Answered differently.
    pub(super) different: u64,
    /// Readable by neither side.
    pub(super) unreadable: u64,
    /// How many differ in a respect; one may differ in several.
    pub(super) by_kind: BTreeMap<&'static str, u64>,
}

impl Summary {
    /// Counts one.
    pub(super) fn add(&mut self, asked: &Asked) {
        if asked.unreadable.is_some() {
            self.unreadable += 1;
        } else if asked.differences.is_empty() {
            self.same += 1;
        } else {
            self.different += 1;
        }
        let kinds: BTreeSet<Kind> = asked
            .differences
            .iter()
            .map(|difference| difference.kind)
            .collect();
        for kind in kinds {
            *self.by_kind.entry(kind.name()).or_default() += 1;
        }
    }

    /// How many differ in that respect.
    pub(super) fn of(&self, kind: Kind) -> u64 {
        self.by_kind.get(kind.name()).copied().unwrap_or_default()
    }

    /// How many there were.
    pub(super) fn all(&self) -> u64 {
        self.same + self.different + self.unreadable
    }
}
