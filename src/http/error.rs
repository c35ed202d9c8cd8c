//! The only place where a refusal becomes a status (contract, section 3).
//!
//! Every body is an OperationOutcome that names the field and nothing of the inside; 401 has no body, and says in its
//! head which scheme is wanted (RFC 9110, 15.5.2).

use crate::pipeline::Failure;
use actix_web::HttpResponse;
use actix_web::http::StatusCode;
use actix_web::http::header::{CONTENT_TYPE, RETRY_AFTER, WWW_AUTHENTICATE};
use fhir_out::{Issue, Severity, operation_outcome};
use std::borrow::Cow;
use std::time::Duration;

/// What is said of a field that cannot be read.
pub(super) const MALFORMED: &str = "is missing or malformed";
/// Most fields that one answer names: whoever sends thousands of wrong ones sends them all alike.
const MOST_NAMED: usize = 20;

/// Why a call was refused.
#[derive(Debug)]
pub enum Refused {
    /// 413.
    TooLarge,
    /// 408: the body did not come in time.
    Slow,
    /// 415.
    MediaType(&'static str),
    /// 401, whatever is wrong with the token.
    Unauthorized,
    /// 404.
    UnknownService,
    /// 405, with the method that is allowed.
    Method(&'static str),
    /// 400, names the field.
    Bad {
        /// Field as in the request.
        field: Cow<'static, str>,
        /// What is wrong with it.
        says: Cow<'static, str>,
    },
    /// 400, names each field that is missing or malformed.
    Malformed {
        /// Fields as in the request.
        fields: Vec<String>,
    },
    /// 403, names the field.
    Forbidden {
        /// Field as in the request.
        field: &'static str,
        /// Why.
        says: &'static str,
    },
    /// 422: an order of another patient.
    ForeignOrder {
        /// Field as in the request.
        field: String,
    },
    /// 412: the question cannot be decided.
    Undecided {
        /// What is missing.
        says: &'static str,
    },
    /// 429: the client has called too often.
    TooMany {
        /// How long to wait.
        wait: Duration,
    },
    /// 503: more calls are in work than this process takes, or than it can answer in time.
    Busy,
    /// 503: what must be kept cannot be kept.
    Unavailable,
    /// 500.
    Internal,
}

impl Refused {
    /// 400 for a field.
    pub fn bad(field: impl Into<Cow<'static, str>>, says: impl Into<Cow<'static, str>>) -> Self {
        Refused::Bad {
            field: field.into(),
            says: says.into(),
        }
    }

    /// Bounded label for the log and the metrics.
    pub fn label(&self) -> &'static str {
        match self {
            Refused::TooLarge => "too-large",
            Refused::Slow => "slow",
            Refused::MediaType(_) => "media-type",
            Refused::Unauthorized => "unauthorized",
            Refused::UnknownService => "unknown-service",
            Refused::Method(_) => "method",
            Refused::Bad { .. } | Refused::Malformed { .. } => "bad-request",
            Refused::Forbidden { .. } => "forbidden",
            Refused::ForeignOrder { .. } => "foreign-order",
            Refused::Undecided { .. } => "undecided",
            Refused::TooMany { .. } => "too-many",
            Refused::Busy => "busy",
            Refused::Unavailable => "unavailable",
            Refused::Internal => "internal",
        }
    }

    /// The answer to a hook call, or to its feedback.
    pub(super) fn to_hook(&self) -> HttpResponse {
        tracing::info!(event = "hook.refused", reason = self.label());
        self.written()
    }

    /// The answer to anything else.
    pub fn response(&self) -> HttpResponse {
        tracing::info!(event = "http.refused", reason = self.label());
        self.written()
    }

    fn written(&self) -> HttpResponse {
        let (status, code, says, field): (StatusCode, &str, &str, Option<&str>) = match self {
            Refused::Unauthorized => return unauthorized(),
            Refused::TooLarge => (
                StatusCode::PAYLOAD_TOO_LARGE,
                "too-long",
                "the body is larger than this service reads",
                None,
            ),
            Refused::Slow => (
                StatusCode::REQUEST_TIMEOUT,
                "timeout",
                "the body did not come in time",
                None,
            ),
            Refused::MediaType(says) => (StatusCode::UNSUPPORTED_MEDIA_TYPE, "not-supported", says, None),
            Refused::UnknownService => (StatusCode::NOT_FOUND, "not-found", "no such service", None),
            Refused::Method(_) => (
                StatusCode::METHOD_NOT_ALLOWED,
                "not-supported",
                "the method is not supported here",
                None,
            ),
            Refused::Bad { field, says } => (StatusCode::BAD_REQUEST, "invalid", says, Some(field)),
            Refused::Malformed { .. } => (StatusCode::BAD_REQUEST, "invalid", MALFORMED, None),
            Refused::Forbidden { field, says } => (StatusCode::FORBIDDEN, "forbidden", says, Some(field)),
            Refused::ForeignOrder { field } => (
                StatusCode::UNPROCESSABLE_ENTITY,
                "business-rule",
                "the order belongs to another patient",
                Some(field),
            ),
            Refused::Undecided { says } => (StatusCode::PRECONDITION_FAILED, "incomplete", says, None),
            Refused::TooMany { .. } => (
                StatusCode::TOO_MANY_REQUESTS,
                "throttled",
                "this client has called too often",
                None,
            ),
            Refused::Busy | Refused::Unavailable => (
                StatusCode::SERVICE_UNAVAILABLE,
                "transient",
                "try again later",
                None,
            ),
            Refused::Internal => (
                StatusCode::INTERNAL_SERVER_ERROR,
                "exception",
                "the call could not be answered",
                None,
            ),
        };
        let told = match self {
            Refused::Malformed { fields } => each(fields),
            _ => vec![(said(field, says), field)],
        };
        let issues = told.iter().map(|(diagnostics, expression)| Issue {
            severity: Severity::Error,
            code,
            diagnostics,
            expression: *expression,
        });
        let mut response = HttpResponse::build(status);
        response.insert_header((CONTENT_TYPE, "application/fhir+json"));
        if let Refused::Method(allowed) = self {
            response.insert_header((actix_web::http::header::ALLOW, *allowed));
        }
        match self {
            Refused::Unavailable | Refused::Busy => {
                response.insert_header((RETRY_AFTER, "1"));
            }
            Refused::TooMany { wait } => {
                response.insert_header((RETRY_AFTER, wait.as_secs() + 1));
            }
            // Whatever else would come on this connection comes too late as well.
            Refused::Slow => {
                response.force_close();
            }
            _ => {}
        }
        response.body(operation_outcome(&issues.collect::<Vec<_>>()))
    }
}

/// What is wrong, with the field that it is about.
fn said(field: Option<&str>, says: &str) -> String {
    field.map_or_else(|| says.to_owned(), |field| format!("{field}: {says}"))
}

/// One line for each field, and one for how many more there are.
fn each(fields: &[String]) -> Vec<(String, Option<&str>)> {
    let named = fields.iter().take(MOST_NAMED).map(|field| Some(field.as_str()));
    let mut told: Vec<_> = named.map(|field| (said(field, MALFORMED), field)).collect();
    let more = fields.len().saturating_sub(MOST_NAMED);
    if more > 0 {
        told.push((format!("{more} more fields: {MALFORMED}"), None));
    }
    told
}

/// Which scheme is wanted, and nothing of what was wrong.
fn unauthorized() -> HttpResponse {
    HttpResponse::Unauthorized()
        .insert_header((WWW_AUTHENTICATE, "Bearer"))
        .finish()
}

impl From<Failure> for Refused {
    fn from(failure: Failure) -> Self {
        match failure {
            Failure::Request(error) => Refused::Bad {
                field: error.field,
                says: error.says.into(),
            },
            Failure::ForeignServer => Refused::Forbidden {
                field: "fhirServer",
                says: "not the FHIR server of this client",
            },
            Failure::ForeignGrant => Refused::Forbidden {
                field: "fhirAuthorization.patient",
                says: "the token is for another patient",
            },
            Failure::ForeignOrder { field } => Refused::ForeignOrder { field },
            Failure::TooMany { wait } => Refused::TooMany { wait },
            Failure::Undecided { says } => Refused::Undecided { says },
            Failure::Unwritable => Refused::Internal,
        }
    }
}
