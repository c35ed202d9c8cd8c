//! What is counted where something else is asked: FHIR servers, key sets, and the disk of kept requests; and what
//! came later than a deadline.

use super::{Counter, Family, Histogram, names};
use crate::clinical::gap::Why;
use crate::clinical::record::{SOURCES, Source};
use std::sync::Arc;
use std::time::Duration;

/// How a read of the FHIR server ended.
const CLASSES: [&str; 4] = ["ok", "not-permitted", "not-readable", "failed"];

/// What a deadline was for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Stage {
    /// A read of the FHIR server for a hook call: it was cut off, and the answer has a gap.
    #[default]
    Fetch,
    /// The answer to a hook call: it was given, and later than the budget of its client.
    Answer,
    /// A read or a write of the companion app: it was cut off.
    App,
}

/// Every stage, in the order of [`Stage`].
const STAGES: [&str; 3] = ["fetch", "answer", "app"];

/// Reads of FHIR servers, and what missed a deadline.
pub struct FhirMeters {
    pub(super) exceeded: Family<Counter>,
    exceeded_at: [Arc<Counter>; STAGES.len()],
    pub(super) requests: Family<Histogram>,
    of: Vec<Arc<Histogram>>,
}

impl Default for FhirMeters {
    fn default() -> Self {
        let requests = Family::new(&names::FHIR_REQUEST_DURATION);
        let exceeded = Family::new(&names::DEADLINE_EXCEEDED);
        let sources = SOURCES.iter().map(|source| source.key()).chain(["medication"]);
        Self {
            exceeded_at: STAGES.map(|stage| exceeded.with(&[stage])),
            exceeded,
            of: sources
                .flat_map(|source| CLASSES.map(|class| requests.with(&[source, class])))
                .collect(),
            requests,
        }
    }
}

impl FhirMeters {
    /// Counts one read: of a source, or of a single Medication.
    pub fn read(&self, source: Option<Source>, missing: Option<Why>, took: Duration) {
        let class = match missing {
            None => 0,
            Some(Why::NotPermitted) => 1,
            Some(Why::NotReadable) => 2,
            Some(_) => 3,
        };
        let row = source.map_or(SOURCES.len(), |source| source as usize);
        self.of[row * CLASSES.len() + class].observe(took);
    }

    /// Counts something that missed its deadline.
    pub fn late(&self, stage: Stage) {
        self.exceeded_at[stage as usize].add(1);
    }
}

/// Fetches of key sets.
pub struct KeySetMeters {
    pub(super) refreshes: Family<Counter>,
    worked: Arc<Counter>,
    failed: Arc<Counter>,
}

impl Default for KeySetMeters {
    fn default() -> Self {
        let refreshes = Family::new(&names::JWKS_REFRESH);
        Self {
            worked: refreshes.with(&["ok"]),
            failed: refreshes.with(&["failed"]),
            refreshes,
        }
    }
}

impl KeySetMeters {
    /// Counts one fetch.
    pub fn fetched(&self, worked: bool) {
        if worked { &self.worked } else { &self.failed }.add(1);
    }
}

/// Requests that were to be kept.
pub struct CaptureMeters {
    pub(super) dropped: Family<Counter>,
    waiting: Arc<Counter>,
    unwritten: Arc<Counter>,
}

impl Default for CaptureMeters {
    fn default() -> Self {
        let dropped = Family::new(&names::CAPTURE_DROPPED);
        Self {
            waiting: dropped.with(&["queue"]),
            unwritten: dropped.with(&["write"]),
            dropped,
        }
    }
}

impl CaptureMeters {
    /// Counts a request that found no room in the queue.
    pub fn found_no_room(&self) {
        self.waiting.add(1);
    }

    /// Counts a request that the disk did not take.
    pub fn was_not_written(&self) {
        self.unwritten.add(1);
    }
}
