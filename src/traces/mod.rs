//! What a collector is told about one call: spans with their times (OpenTelemetry, sent as OTLP over HTTP).
//!
//! Turns the stages of a hook call into spans of `tracing`, and those into batches for a collector. Every span
//! is made here, so that one page shows what leaves: names from this file, the client's name, the hook, outcomes
//! and statuses from closed lists, durations. No patient, no user, no order, no address and no part of a body or
//! a token. Without `[traces]` in the settings nothing listens to these spans, and making one costs the look at a
//! flag. The trace of a caller (`traceparent`) is linked, and is the parent only of a client that the settings
//! trust with it: whoever names the parent decides what is sampled and where it is filed.
//! Follows W3C Trace Context and, for names, the semantic conventions of OpenTelemetry.

mod context;
mod export;

pub use context::{adopt, traceparent};
pub use export::{Exporting, SetupError, start};

use tracing::field::Empty;
use tracing::{Span, info_span};

/// Target of every span. It is not below `stepdown`, so that no level of the log turns spans on.
pub(crate) const TARGET: &str = "traces";

/// One hook call, from its head to its answer. Its parent is never what happens to run on this thread.
pub fn call() -> Span {
    info_span!(
        target: TARGET,
        parent: None,
        "hook call",
        otel.kind = "server",
        client = Empty,
        hook = Empty,
        outcome = Empty,
        content = Empty,
        proven_after_us = Empty
    )
}

/// Notes on the span of a call whose it was and how it ended.
pub fn answered(span: &Span, (client, hook): (Option<&str>, Option<&str>), outcome: &str, content: &str) {
    if span.is_disabled() {
        return;
    }
    span.record("client", client);
    span.record("hook", hook);
    span.record("outcome", outcome);
    span.record("content", content);
}

/// Reading the request with its prefetch.
pub fn reading() -> Span {
    info_span!(target: TARGET, "read request")
}

/// Making the record of the patient; the reads of the FHIR server lie within.
pub fn gathering() -> Span {
    info_span!(target: TARGET, "gather")
}

/// Reading one kind of resource, all its pages, from the client's FHIR server. The status is that of the last.
/// Only within a call: the companion app reads without a trace.
pub fn fhir_read(resource: &'static str) -> Span {
    if Span::current().is_none() {
        return Span::none();
    }
    info_span!(
        target: TARGET,
        "fhir read",
        otel.kind = "client",
        resource,
        http.response.status_code = Empty
    )
}

/// The judgement.
pub fn evaluating() -> Span {
    info_span!(target: TARGET, "evaluate")
}

/// Writing the answer.
pub fn rendering() -> Span {
    info_span!(target: TARGET, "render")
}

/// Handing the evaluation to the journal.
pub fn journalling() -> Span {
    info_span!(target: TARGET, "journal")
}

/// Notes the status of an answer of the FHIR server on the read that is going on.
pub fn status(code: u16) {
    Span::current().record("http.response.status_code", code);
}
