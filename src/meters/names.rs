//! Every metric by name, with what it says and its labels. The alarms and the dashboard of deploy/ use these names.

/// A metric.
pub struct Name {
    /// As Prometheus knows it.
    pub name: &'static str,
    /// What it says.
    pub help: &'static str,
    /// Its labels.
    pub labels: &'static [&'static str],
}

const fn name(name: &'static str, help: &'static str, labels: &'static [&'static str]) -> Name {
    Name { name, help, labels }
}

pub(super) const PREFETCH_KEY: Name = name(
    "cds_prefetch_key_total",
    "How each prefetch key came.",
    &["key", "state"],
);
pub(super) const PARTIAL: Name = name(
    "cds_partial_total",
    "Answers given although a source could not be read to its end.",
    &["source"],
);
pub(super) const UNMAPPED_CODE: Name = name(
    "cds_unmapped_code_total",
    "Orders whose drug was told by its text alone although they carried codes.",
    &["system"],
);
pub(super) const BUILD: Name = name("cds_build_info", "The running program.", &["version"]);
pub(super) const HOOK_REQUESTS: Name = name(
    "cds_hook_requests_total",
    "Hook calls by outcome.",
    &["client", "hook", "outcome"],
);
pub(super) const HOOK_DURATION: Name = name(
    "cds_hook_duration_seconds",
    "Time to answer a hook call.",
    &["client", "hook"],
);
pub(super) const DEADLINE: Name = name(
    "cds_deadline_seconds",
    "Budget of one hook call.",
    &["client", "hook"],
);
pub(super) const RULE_EVALUATIONS: Name = name(
    "cds_rule_evaluations_total",
    "Rows of the tables that were asked, by answer.",
    &["rule", "result"],
);
pub(super) const RULE_LAST_FIRED_TIMESTAMP: Name = name(
    "cds_rule_last_fired_timestamp_seconds",
    "When a row last decided.",
    &["rule", "mode"],
);
pub(super) const CARDS: Name = name(
    "cds_cards_total",
    "Cards that were shown, or withheld in silent mode.",
    &["mode", "indicator"],
);
pub(super) const FEEDBACK: Name = name(
    "cds_feedback_total",
    "Well-formed feedback by outcome and reason, repeated entries included.",
    &["outcome", "reason"],
);
pub(super) const FEEDBACK_ENTRIES: Name = name(
    "cds_feedback_entries_total",
    "What became of the entries of feedback.",
    &["result"],
);
pub(super) const JWT_REJECTED: Name = name(
    "cds_jwt_rejected_total",
    "Calls whose token proved no client.",
    &["reason"],
);
pub(super) const HEARTBEAT_OK: Name = name(
    "cds_heartbeat_ok",
    "Whether the synthetic patient got the expected answer.",
    &[],
);
pub(super) const HEARTBEAT_TIMESTAMP: Name = name(
    "cds_heartbeat_timestamp_seconds",
    "When the synthetic patient was last tried.",
    &[],
);
pub(super) const RELOAD: Name = name("cds_reload_total", "Reloads of settings and tables.", &["result"]);
pub(super) const KNOWLEDGE: Name = name("cds_knowledge_info", "The tables in use.", &["version"]);
pub(super) const FHIR_REQUEST_DURATION: Name = name(
    "cds_fhir_request_duration_seconds",
    "Time of one search or read, all of its pages together.",
    &["resource", "class"],
);
pub(super) const JWKS_REFRESH: Name = name("cds_jwks_refresh_total", "Fetches of key sets.", &["result"]);
pub(super) const FHIR_BREAKER: Name = name(
    "cds_fhir_breaker_state",
    "Whether the FHIR server of a client is left alone for now (1) or asked (0).",
    &["client"],
);
pub(super) const CLOCK_SKEW: Name = name(
    "cds_clock_skew_seconds",
    "By how much the last good token of a client was issued ahead of our clock; below zero: behind it.",
    &["client"],
);
pub(super) const SMART_LAUNCH: Name = name(
    "smart_launch_total",
    "Launches of the companion app by result.",
    &["result"],
);
pub(super) const DEADLINE_EXCEEDED: Name = name(
    "cds_deadline_exceeded_total",
    "Reads that the deadline of a call cut off.",
    &[],
);
pub(super) const CARDS_SOFTENED: Name = name(
    "cds_cards_softened_total",
    "Warnings shown as information, because the same card was overridden a moment ago.",
    &[],
);
pub(super) const PATIENT_MISMATCH: Name = name(
    "cds_patient_mismatch_total",
    "Orders, grants and resources of another patient.",
    &[],
);
pub(super) const JOURNAL_DROPPED: Name = name(
    "cds_journal_dropped_total",
    "Answers to calls, and readings of charts, that could not be written.",
    &[],
);
pub(super) const JOURNAL_WRITABLE: Name = name(
    "cds_journal_writable",
    "Whether the journal takes what must be kept.",
    &[],
);
pub(super) const READY: Name = name("cds_ready", "Whether the service is ready for calls.", &[]);
pub(super) const CALLS_IN_FLIGHT: Name = name("cds_calls_in_flight", "Calls that are being answered.", &[]);
