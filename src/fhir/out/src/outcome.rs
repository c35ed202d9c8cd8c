//! Turns the reasons of a refusal into a FHIR R4 OperationOutcome.
//!
//! The caller is already answering an error, so this cannot fail: what cannot be written becomes a fixed outcome
//! that says no more than that something went wrong.
//! Follows FHIR R4, section 2.33 (OperationOutcome).

use std::borrow::Cow;

use fhirbolt::model::r4::resources::{OperationOutcome, OperationOutcomeIssue};

use crate::elements::words;

/// What is sent when there is no issue to tell, or the outcome cannot be written.
const BARE: &str = r#"{"resourceType":"OperationOutcome","issue":[{"severity":"error","code":"exception"}]}"#;

/// How bad an issue is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Severity {
    /// The action failed and could not continue.
    Fatal,
    /// The action failed.
    Error,
    /// The action went on; something may be wrong.
    Warning,
    /// The action succeeded.
    Information,
}

/// One thing that went wrong.
#[derive(Clone, Copy, Debug)]
pub struct Issue<'a> {
    /// How bad it is.
    pub severity: Severity,
    /// FHIR issue-type code, such as `invalid`, `forbidden` or `not-found`; empty counts as `exception`.
    pub code: &'a str,
    /// What happened, for the person who runs the client; left out if empty.
    pub diagnostics: &'a str,
    /// FHIRPath of the element that caused it.
    pub expression: Option<&'a str>,
}

/// Writes the issues as OperationOutcome JSON.
#[must_use]
pub fn operation_outcome(issues: &[Issue<'_>]) -> String {
    if issues.is_empty() {
        return BARE.to_owned();
    }
    let resource = OperationOutcome {
        issue: issues.iter().map(issue).collect(),
        ..Default::default()
    };
    fhirbolt::json::to_string(&resource, None).unwrap_or_else(|_| BARE.to_owned())
}

fn issue(issue: &Issue<'_>) -> OperationOutcomeIssue {
    OperationOutcomeIssue {
        severity: match issue.severity {
            Severity::Fatal => "fatal",
            Severity::Error => "error",
            Severity::Warning => "warning",
            Severity::Information => "information",
        }
        .into(),
        code: words(issue.code).unwrap_or(Cow::Borrowed("exception")).into(),
        diagnostics: words(issue.diagnostics).map(Into::into),
        expression: issue
            .expression
            .and_then(words)
            .map(Into::into)
            .into_iter()
            .collect(),
        ..Default::default()
    }
}
