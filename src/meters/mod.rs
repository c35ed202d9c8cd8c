//! What the service counts about itself, for Prometheus.
//!
//! Turns events of the service into counters, gauges and histograms, and those into the text that a scrape
//! reads. Every label comes from a bounded list: the settings (client), the tables (hook, rule) or a list in the
//! source. No label ever holds a patient, a user, an order or a hook instance.
//!
//! The instruments are plain atomics. Those of the hot path are looked up when settings or tables are loaded
//! ([`Board`]), so that a call allocates nothing and takes no lock here. The usual facade with its exporter was
//! tried and left out: it buffers every observation until somebody scrapes, and brings twenty packages for what
//! stands in these three files.

mod board;
mod instruments;
mod names;
mod outside;

pub use board::{Board, CallMeter};
pub use instruments::{Counter, Family, Gauge, Histogram};
pub use outside::{CaptureMeters, FhirMeters, KeySetMeters, Stage};

use crate::clinical::record::{SOURCES, Source};
use instruments::write_one;
use std::sync::Arc;

/// Prefetch keys that are watched: one for each source, and two that only some clients give.
const EXTRA_KEYS: [&str; 2] = ["statements", "dispenses"];
/// How a prefetch key came.
const STATES: [&str; 6] = ["data", "empty", "null", "failed", "not-fhir", "absent"];

/// Every instrument. One for the whole process; it outlives reloads.
pub struct Meters {
    /// Answered and refused calls by client, hook and outcome.
    pub requests: Family<Counter>,
    /// Time from the head of a call to its answer.
    pub duration: Family<Histogram>,
    /// The budget of one call by client and hook, in seconds.
    pub deadline: Family<Gauge>,
    /// Calls that are being answered.
    pub in_flight: Gauge,
    /// Orders, grants and resources that belonged to another patient.
    pub patient_mismatch: Counter,
    /// Cards sent with less force, because they were overridden a moment ago.
    pub softened: Counter,
    /// Rows that were asked, by answer.
    pub rules: Family<Counter>,
    /// When a row last decided, in seconds since 1970.
    pub last_fired: Family<Gauge>,
    /// Cards by mode and indicator.
    pub cards: Family<Counter>,
    /// Feedback that came, by outcome and reason.
    pub feedback: Family<Counter>,
    /// What became of the entries of feedback.
    pub feedback_entries: Family<Counter>,
    /// Refused tokens by reason.
    pub jwt_rejected: Family<Counter>,
    /// Whether the synthetic patient was answered as expected: 1 or 0.
    pub heartbeat_ok: Family<Gauge>,
    /// When it was last tried, in seconds since 1970.
    pub heartbeat_at: Family<Gauge>,
    /// Reloads by result.
    pub reloads: Family<Counter>,
    /// The tables in use: which package, and its version.
    pub knowledge: Family<Gauge>,
    /// Reads of FHIR servers; shared with every worker's client.
    pub fhir: Arc<FhirMeters>,
    /// Fetches of key sets; shared with the clients' keys.
    pub key_sets: Arc<KeySetMeters>,
    /// Requests that were to be kept and were not; shared with the folder of kept requests.
    pub capture: Arc<CaptureMeters>,
    /// Launches of the companion app by result.
    pub smart_launches: Family<Counter>,
    /// Whether a client's FHIR server is left alone: 1 or 0.
    pub breaker: Family<Gauge>,
    /// How far a client's clock is ahead of ours, in seconds.
    pub clock_skew: Family<Gauge>,
    prefetch: Family<Counter>,
    prefetch_of: Vec<Arc<Counter>>,
    partial: Family<Counter>,
    partial_of: Vec<Arc<Counter>>,
    unmapped: Family<Counter>,
    unmapped_of: [Arc<Counter>; 2],
    build: Family<Gauge>,
}

/// What the process knows only at the moment of a scrape.
pub struct Moment {
    /// Evaluations that could not be written, since the start.
    pub dropped: u64,
    /// Whether the journal takes what must be kept.
    pub writable: bool,
    /// Whether the service is ready for calls.
    pub ready: bool,
}

impl Default for Meters {
    fn default() -> Self {
        Self::new()
    }
}

impl Meters {
    /// All at zero.
    #[must_use]
    pub fn new() -> Self {
        let prefetch = Family::new(&names::PREFETCH_KEY);
        let partial = Family::new(&names::PARTIAL);
        let unmapped = Family::new(&names::UNMAPPED_CODE);
        let build: Family<Gauge> = Family::new(&names::BUILD);
        build.with(&[env!("CARGO_PKG_VERSION")]).set(1.0);
        let keys = || SOURCES.iter().map(|source| source.key()).chain(EXTRA_KEYS);
        Self {
            requests: Family::new(&names::HOOK_REQUESTS),
            duration: Family::new(&names::HOOK_DURATION),
            deadline: Family::new(&names::DEADLINE),
            in_flight: Gauge::at(0.0),
            patient_mismatch: Counter::default(),
            softened: Counter::default(),
            rules: Family::new(&names::RULE_EVALUATIONS),
            last_fired: Family::new(&names::RULE_LAST_FIRED_TIMESTAMP),
            cards: Family::new(&names::CARDS),
            feedback: Family::new(&names::FEEDBACK),
            feedback_entries: Family::new(&names::FEEDBACK_ENTRIES),
            jwt_rejected: Family::new(&names::JWT_REJECTED),
            heartbeat_ok: Family::new(&names::HEARTBEAT_OK),
            heartbeat_at: Family::new(&names::HEARTBEAT_TIMESTAMP),
            reloads: Family::new(&names::RELOAD),
            knowledge: Family::new(&names::KNOWLEDGE),
            smart_launches: Family::new(&names::SMART_LAUNCH),
            breaker: Family::new(&names::FHIR_BREAKER),
            clock_skew: Family::new(&names::CLOCK_SKEW),
            fhir: Arc::default(),
            key_sets: Arc::default(),
            capture: Arc::default(),
            prefetch_of: keys()
                .flat_map(|key| STATES.map(|state| prefetch.with(&[key, state])))
                .collect(),
            prefetch,
            partial_of: SOURCES
                .iter()
                .map(|source| partial.with(&[source.key()]))
                .collect(),
            partial,
            unmapped_of: [unmapped.with(&["standard"]), unmapped.with(&["local"])],
            unmapped,
            build,
        }
    }

    /// Counts how every watched prefetch key came; `state` names the state of a key.
    pub fn prefetch(&self, state: impl Fn(&str) -> &'static str) {
        let keys = SOURCES.iter().map(|source| source.key()).chain(EXTRA_KEYS);
        for (counters, key) in self.prefetch_of.chunks(STATES.len()).zip(keys) {
            let came = state(key);
            if let Some(place) = STATES.iter().position(|name| *name == came) {
                counters[place].add(1);
            }
        }
    }

    /// Counts an answer that was given without the whole of a source.
    pub fn partial(&self, source: Source) {
        self.partial_of[source as usize].add(1);
    }

    /// Counts orders whose codes nothing knows: of a system that the tables speak, and of others.
    pub fn unmapped(&self, standard: u32, local: u32) {
        for (counter, times) in self.unmapped_of.iter().zip([standard, local]) {
            counter.add(u64::from(times));
        }
    }

    /// The text of a scrape (Prometheus exposition format 0.0.4).
    #[must_use]
    pub fn text(&self, moment: &Moment) -> String {
        let mut out = String::with_capacity(32 * 1024);
        for family in [
            &self.requests,
            &self.prefetch,
            &self.partial,
            &self.rules,
            &self.cards,
            &self.unmapped,
            &self.feedback,
            &self.feedback_entries,
            &self.jwt_rejected,
            &self.reloads,
            &self.smart_launches,
            &self.key_sets.refreshes,
            &self.fhir.exceeded,
            &self.capture.dropped,
        ] {
            family.write(&mut out);
        }
        for family in [
            &self.deadline,
            &self.last_fired,
            &self.heartbeat_ok,
            &self.heartbeat_at,
            &self.build,
            &self.knowledge,
            &self.breaker,
            &self.clock_skew,
        ] {
            family.write(&mut out);
        }
        for family in [&self.duration, &self.fhir.requests] {
            family.write(&mut out);
        }
        let flag = |yes: bool| Gauge::at(if yes { 1.0 } else { 0.0 });
        let dropped = Counter::default();
        dropped.add(moment.dropped);
        write_one(&mut out, &names::PATIENT_MISMATCH, &self.patient_mismatch);
        write_one(&mut out, &names::CARDS_SOFTENED, &self.softened);
        write_one(&mut out, &names::JOURNAL_DROPPED, &dropped);
        write_one(&mut out, &names::JOURNAL_WRITABLE, &flag(moment.writable));
        write_one(&mut out, &names::READY, &flag(moment.ready));
        write_one(&mut out, &names::CALLS_IN_FLIGHT, &self.in_flight);
        out
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clinical::gap::Why;
    use std::time::Duration;

    #[test]
    fn a_scrape_holds_what_was_counted_and_nothing_that_was_not_named() {
        let meters = Meters::new();
        meters.prefetch(|key| if key == "patient" { "data" } else { "absent" });
        meters
            .fhir
            .read(Some(Source::Patient), Some(Why::Stale), Duration::from_millis(30));
        meters.last_fired.with(&["never/fired/row", "live"]);
        meters.jwt_rejected.with(&["a \"b\" \\\n"]).add(2);
        let text = meters.text(&Moment {
            dropped: 3,
            writable: true,
            ready: false,
        });
        for line in [
            "# TYPE cds_prefetch_key_total counter",
            r#"cds_prefetch_key_total{key="patient",state="data"} 1"#,
            r#"cds_prefetch_key_total{key="dispenses",state="absent"} 1"#,
            r#"cds_fhir_request_duration_seconds_bucket{resource="patient",class="failed",le="0.025"} 0"#,
            r#"cds_fhir_request_duration_seconds_bucket{resource="patient",class="failed",le="0.05"} 1"#,
            r#"cds_fhir_request_duration_seconds_bucket{resource="patient",class="failed",le="+Inf"} 1"#,
            r#"cds_fhir_request_duration_seconds_sum{resource="patient",class="failed"} 0.03"#,
            r#"cds_jwt_rejected_total{reason="a \"b\" \\\n"} 2"#,
            "cds_journal_dropped_total 3",
            "cds_ready 0",
        ] {
            assert!(text.lines().any(|l| l == line), "{line}\n{text}");
        }
        assert!(
            !text.contains("never/fired"),
            "a row that never fired has no time"
        );
    }
}
