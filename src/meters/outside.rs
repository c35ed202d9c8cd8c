//! What is counted where other systems are asked: FHIR servers and key sets.

use super::{Counter, Family, Histogram, names};
use crate::clinical::gap::Why;
use crate::clinical::record::{SOURCES, Source};
use std::sync::Arc;
use std::time::Duration;

/// How a read of the FHIR server ended.
const CLASSES: [&str; 4] = ["ok", "not-permitted", "not-readable", "failed"];

/// Reads of FHIR servers.
pub struct FhirMeters {
    /// Reads that the deadline of a call cut off.
    pub late: Counter,
    pub(super) requests: Family<Histogram>,
    of: Vec<Arc<Histogram>>,
}

impl Default for FhirMeters {
    fn default() -> Self {
        let requests = Family::new(&names::FHIR_REQUEST_DURATION);
        let sources = SOURCES.iter().map(|source| source.key()).chain(["medication"]);
        Self {
            late: Counter::default(),
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
