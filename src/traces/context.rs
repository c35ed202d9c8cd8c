//! Where a trace comes from and where it goes on: the header `traceparent` (W3C Trace Context, section 3.2).
//!
//! Turns the header of a call into a link or a parent, and the span that is going on into the header of a read.
//! `tracestate` and baggage are neither read nor sent: others fill them.

use opentelemetry::propagation::{Extractor, TextMapPropagator};
use opentelemetry::trace::TraceContextExt;
use opentelemetry_sdk::propagation::TraceContextPropagator;
use tracing::Span;
use tracing_opentelemetry::OpenTelemetrySpanExt;

const HEADER: &str = "traceparent";

/// One header, as a caller sent it.
struct Sent<'a>(&'a str);

impl Extractor for Sent<'_> {
    fn get(&self, key: &str) -> Option<&str> {
        (key == HEADER).then_some(self.0)
    }

    fn keys(&self) -> Vec<&str> {
        vec![HEADER]
    }
}

/// Notes on a span which trace the caller says that it belongs to: as its parent if the caller is trusted with
/// that, else as a link. To be called before anything happens within the span. A header that is none is ignored.
pub fn adopt(span: &Span, header: &str, trusted: bool) {
    if span.is_disabled() {
        return;
    }
    let theirs = TraceContextPropagator::new().extract(&Sent(header));
    let context = theirs.span().span_context().clone();
    if !context.is_valid() {
        return;
    }
    if trusted {
        // It fails where no collector listens; then there is nobody to tell.
        span.set_parent(theirs).ok();
    } else {
        span.add_link(context);
    }
}

/// The header for a request to another server, if a span is going on that somebody listens to.
pub fn traceparent() -> Option<String> {
    let context = Span::current().context();
    let span = context.span();
    let ours = span.span_context();
    ours.is_valid().then(|| {
        format!(
            "00-{}-{}-{:02x}",
            ours.trace_id(),
            ours.span_id(),
            ours.trace_flags().to_u8() & 1
        )
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_whole_header_is_a_trace() {
        let valid = |header: &str| {
            let theirs = TraceContextPropagator::new().extract(&Sent(header));
            theirs.span().span_context().is_valid()
        };
        assert!(valid("00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"));
        for none in [
            "",
            "00-00000000000000000000000000000000-b7ad6b7169203331-01",
            "00-0af7651916cd43dd8448eb211c80319c-0000000000000000-01",
            "00-0AF7651916CD43DD8448EB211C80319C-B7AD6B7169203331-01",
            "ff-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
            "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331",
            "Patient/canary",
        ] {
            assert!(!valid(none), "{none}");
        }
    }

    #[test]
    fn without_a_listener_nothing_is_sent() {
        assert_eq!(traceparent(), None);
    }
}
