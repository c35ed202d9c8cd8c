//! Every metric by name, with what it says and its labels. The alarms and the dashboard of deploy/ use these names.
//!
//! What other services call a tenant is a client here, as in the settings. A label is never a patient, a user, an
//! order or a hook instance.

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
pub(super) const KNOWLEDGE: Name = name(
    "cds_knowledge_info",
    "The tables in use: built-in, or the site's own.",
    &["package", "version"],
);
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
    "What missed its deadline: a read of a hook call (fetch), a whole answer (answer), a read or write of the app (app).",
    &["stage"],
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
pub(super) const CAPTURE_DROPPED: Name = name(
    "cds_capture_dropped_total",
    "Requests that were to be kept and could not be: too many waited (queue), or the disk refused (write).",
    &["cause"],
);
pub(super) const JOURNAL_WRITABLE: Name = name(
    "cds_journal_writable",
    "Whether the journal takes what must be kept.",
    &[],
);
pub(super) const READY: Name = name("cds_ready", "Whether the service is ready for calls.", &[]);
pub(super) const CALLS_IN_FLIGHT: Name = name("cds_calls_in_flight", "Calls that are being answered.", &[]);

#[cfg(test)]
mod tests {
    use super::*;

    /// Names and labels that operators were promised, as section 4 of the notes on operations lists them.
    #[test]
    fn the_names_and_labels_are_those_that_were_promised() {
        for (metric, name, labels) in [
            (HOOK_REQUESTS, "cds_hook_requests_total", "client hook outcome"),
            (HOOK_DURATION, "cds_hook_duration_seconds", "client hook"),
            (PREFETCH_KEY, "cds_prefetch_key_total", "key state"),
            (
                FHIR_REQUEST_DURATION,
                "cds_fhir_request_duration_seconds",
                "resource class",
            ),
            (FHIR_BREAKER, "cds_fhir_breaker_state", "client"),
            (DEADLINE_EXCEEDED, "cds_deadline_exceeded_total", "stage"),
            (PARTIAL, "cds_partial_total", "source"),
            (PATIENT_MISMATCH, "cds_patient_mismatch_total", ""),
            (RULE_EVALUATIONS, "cds_rule_evaluations_total", "rule result"),
            (CARDS, "cds_cards_total", "mode indicator"),
            (
                RULE_LAST_FIRED_TIMESTAMP,
                "cds_rule_last_fired_timestamp_seconds",
                "rule mode",
            ),
            (UNMAPPED_CODE, "cds_unmapped_code_total", "system"),
            (FEEDBACK, "cds_feedback_total", "outcome reason"),
            (JWT_REJECTED, "cds_jwt_rejected_total", "reason"),
            (JWKS_REFRESH, "cds_jwks_refresh_total", "result"),
            (CLOCK_SKEW, "cds_clock_skew_seconds", "client"),
            (SMART_LAUNCH, "smart_launch_total", "result"),
            (BUILD, "cds_build_info", "version"),
            (KNOWLEDGE, "cds_knowledge_info", "package version"),
        ] {
            assert_eq!((metric.name, &*metric.labels.join(" ")), (name, labels));
        }
    }
}
