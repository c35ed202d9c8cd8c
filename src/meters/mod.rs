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

pub use board::{Board, CallMeter};
pub use instruments::{Counter, Family, Gauge, Histogram};

use crate::clinical::gap::Why;
use crate::clinical::record::{SOURCES, Source};
use std::sync::Arc;
use std::time::Duration;

/// Prefetch keys that are watched: one for each source, and two that only some clients give.
const EXTRA_KEYS: [&str; 2] = ["statements", "dispenses"];
/// How a prefetch key came.
const STATES: [&str; 6] = ["data", "empty", "null", "failed", "not-fhir", "absent"];
/// How a read of the FHIR server ended.
const CLASSES: [&str; 4] = ["ok", "not-permitted", "not-readable", "failed"];

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
    /// The version of the tables in use.
    pub knowledge: Family<Gauge>,
    /// Reads of FHIR servers; shared with every worker's client.
    pub fhir: Arc<FhirMeters>,
    /// Fetches of key sets; shared with the clients' keys.
    pub key_sets: Arc<KeySetMeters>,
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
        let prefetch = Family::new(
            "cds_prefetch_key_total",
            "How each prefetch key came.",
            &["key", "state"],
        );
        let partial = Family::new(
            "cds_partial_total",
            "Answers given although a source could not be read to its end.",
            &["source"],
        );
        let unmapped = Family::new(
            "cds_unmapped_code_total",
            "Orders whose drug was told by its text alone although they carried codes.",
            &["system"],
        );
        let build: Family<Gauge> = Family::new("cds_build_info", "The running program.", &["version"]);
        build.with(&[env!("CARGO_PKG_VERSION")]).set(1.0);
        let keys = || SOURCES.iter().map(|source| source.key()).chain(EXTRA_KEYS);
        Self {
            requests: Family::new(
                "cds_hook_requests_total",
                "Hook calls by outcome.",
                &["client", "hook", "outcome"],
            ),
            duration: Family::new(
                "cds_hook_duration_seconds",
                "Time to answer a hook call.",
                &["client", "hook"],
            ),
            deadline: Family::new(
                "cds_deadline_seconds",
                "Budget of one hook call.",
                &["client", "hook"],
            ),
            in_flight: Gauge::at(0.0),
            patient_mismatch: Counter::default(),
            rules: Family::new(
                "cds_rule_evaluations_total",
                "Rows of the tables that were asked, by answer.",
                &["rule", "result"],
            ),
            last_fired: Family::new(
                "cds_rule_last_fired_timestamp_seconds",
                "When a row last decided.",
                &["rule", "mode"],
            ),
            cards: Family::new(
                "cds_cards_total",
                "Cards that were shown, or withheld in silent mode.",
                &["mode", "indicator"],
            ),
            feedback: Family::new(
                "cds_feedback_total",
                "Well-formed feedback by outcome and reason, repeated entries included.",
                &["outcome", "reason"],
            ),
            feedback_entries: Family::new(
                "cds_feedback_entries_total",
                "What became of the entries of feedback.",
                &["result"],
            ),
            jwt_rejected: Family::new(
                "cds_jwt_rejected_total",
                "Calls whose token proved no client.",
                &["reason"],
            ),
            heartbeat_ok: Family::new(
                "cds_heartbeat_ok",
                "Whether the synthetic patient got the expected answer.",
                &[],
            ),
            heartbeat_at: Family::new(
                "cds_heartbeat_timestamp_seconds",
                "When the synthetic patient was last tried.",
                &[],
            ),
            reloads: Family::new("cds_reload_total", "Reloads of settings and tables.", &["result"]),
            knowledge: Family::new("cds_knowledge_info", "The tables in use.", &["version"]),
            fhir: Arc::default(),
            key_sets: Arc::default(),
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
            &self.key_sets.refreshes,
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
        ] {
            family.write(&mut out);
        }
        for family in [&self.duration, &self.fhir.requests] {
            family.write(&mut out);
        }
        let alone: [(&str, &str, &Counter); 2] = [
            (
                "cds_deadline_exceeded_total",
                "Reads that the deadline of a call cut off.",
                &self.fhir.late,
            ),
            (
                "cds_patient_mismatch_total",
                "Orders, grants and resources of another patient.",
                &self.patient_mismatch,
            ),
        ];
        for (name, help, counter) in alone {
            instruments::write_one(&mut out, name, help, counter);
        }
        let dropped = Counter::default();
        dropped.add(moment.dropped);
        instruments::write_one(
            &mut out,
            "cds_journal_dropped_total",
            "Evaluations that were answered and could not be written.",
            &dropped,
        );
        let flag = |yes: bool| Gauge::at(if yes { 1.0 } else { 0.0 });
        instruments::write_one(
            &mut out,
            "cds_journal_writable",
            "Whether the journal takes what must be kept.",
            &flag(moment.writable),
        );
        instruments::write_one(
            &mut out,
            "cds_ready",
            "Whether the service is ready for calls.",
            &flag(moment.ready),
        );
        instruments::write_one(
            &mut out,
            "cds_calls_in_flight",
            "Calls that are being answered.",
            &self.in_flight,
        );
        out
    }
}

/// Reads of FHIR servers.
pub struct FhirMeters {
    /// Reads that the deadline of a call cut off.
    pub late: Counter,
    requests: Family<Histogram>,
    of: Vec<Arc<Histogram>>,
}

impl Default for FhirMeters {
    fn default() -> Self {
        let requests = Family::new(
            "cds_fhir_request_duration_seconds",
            "Time of one search or read, all of its pages together.",
            &["resource", "class"],
        );
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
    refreshes: Family<Counter>,
    worked: Arc<Counter>,
    failed: Arc<Counter>,
}

impl Default for KeySetMeters {
    fn default() -> Self {
        let refreshes = Family::new("cds_jwks_refresh_total", "Fetches of key sets.", &["result"]);
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

#[cfg(test)]
mod tests {
    use super::*;

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
