//! Writing one new resource to the client's FHIR server, at most once.
//!
//! Turns a resource with an identifier of its own into what became of it: created, there already, refused with
//! reasons, or unknown. It only ever writes to the configured base, follows no redirect, sends one request and
//! never repeats it by itself: where no answer came, the resource may be there. `If-None-Exist` makes the server
//! look for the identifier first. Of an OperationOutcome only codes and the names of elements are taken, because
//! its texts may repeat what was sent. Follows FHIR R4, sections 3.1.0.8 (create) and 3.1.0.8.1 (conditional create).

use super::client::{FhirClient, Server};
use super::drafts::{IDENTIFIER_SYSTEM, Identified};
use super::query::below;
use super::subject::is_id;
use crate::clinical::gap::Why;
use reqwest::header::{ACCEPT, CONTENT_TYPE, HeaderMap, LOCATION};
use reqwest::{Response, StatusCode};
use secrecy::ExposeSecret;
use serde::Deserialize;
use serde_json::Value;
use tokio::time::timeout_at;

/// Largest OperationOutcome that is read.
const LARGEST_OUTCOME: usize = 64 * 1024;
/// Most reasons that are told.
const MOST_REASONS: usize = 5;

/// What became of a resource that was to be written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Creation {
    /// It is there now: `Type/id`, where the server told it.
    Created(Option<String>),
    /// One with this identifier was there already; nothing was written.
    AlreadyThere(Option<String>),
    /// Nothing was written.
    Refused(Denied),
    /// No answer, or none that says: it may have been written.
    Unknown,
}

/// Why nothing was written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Denied {
    /// 401: the token is not taken any more.
    Token,
    /// 403.
    Forbidden,
    /// 404, 405 or 501, or no request could be made: orders cannot be created there.
    NotOffered,
    /// 409 or 412: more than one with this identifier, or a conflict.
    Conflict,
    /// 429: not now.
    Busy,
    /// The server could not be reached.
    Unreached,
    /// 400, 422 or another refusal: its reasons as codes of FHIR's issue types with the element where one is named.
    Invalid(Vec<Reason>),
}

/// One reason of a refusal.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Reason {
    /// Code of FHIR's issue types, such as `required`; empty where it is none.
    pub(crate) code: String,
    /// Path of an element, such as `MedicationRequest.requester`; empty where none is named.
    pub(crate) element: String,
}

impl FhirClient {
    /// Writes a new resource of a type, unless one with its identifier is there.
    pub(crate) async fn create(&self, kind: &str, of: &Identified, server: Server<'_>) -> Creation {
        let address = below(server.base, &[kind]).filter(|_| server.is_open());
        let (Some(address), Ok(http)) = (address, self.http()) else {
            return Creation::Refused(Denied::NotOffered);
        };
        let condition = format!("identifier={IDENTIFIER_SYSTEM}|{}", of.identifier);
        let mut request = http
            .post(address)
            .header(CONTENT_TYPE, "application/fhir+json")
            .header(ACCEPT, "application/fhir+json")
            .header("prefer", "return=minimal")
            .header("if-none-exist", condition)
            .body(of.json.clone());
        if let Some(token) = server.token {
            request = request.bearer_auth(token.expose_secret());
        }
        let exchange = async {
            match request.send().await {
                Ok(answer) => read(kind, answer).await,
                // Before the connection stands nothing can have been sent.
                Err(error) if error.is_connect() => Creation::Refused(Denied::Unreached),
                Err(_) => Creation::Unknown,
            }
        };
        let sent = timeout_at(server.deadline, exchange).await;
        sent.inspect_err(|_| self.was_late()).unwrap_or(Creation::Unknown)
    }

    /// Looks for a resource of a type and patient by its identifier: `Type/id`, or `None` if it is not there.
    ///
    /// # Errors
    /// Why the search failed, if it did and nothing was found.
    pub(crate) async fn identified(
        &self,
        kind: &str,
        patient: &str,
        identifier: uuid::Uuid,
        server: Server<'_>,
    ) -> Result<Option<String>, Why> {
        let mut address = below(server.base, &[kind]).ok_or(Why::FetchFailed)?;
        let token = format!("{IDENTIFIER_SYSTEM}|{identifier}");
        address
            .query_pairs_mut()
            .append_pair("patient", patient)
            .append_pair("identifier", &token);
        let found = self.pages(address, server).await;
        let place = found
            .pages
            .iter()
            .find_map(|page| in_bundle(page, kind, &identifier.to_string()));
        match (place, found.missing) {
            (None, Some(why)) => Err(why),
            (place, _) => Ok(place),
        }
    }
}

/// A server that does not know the parameter answers with everything: the identifier itself decides.
fn in_bundle(page: &str, kind: &str, identifier: &str) -> Option<String> {
    let bundle: Value = serde_json::from_str(page).ok()?;
    let entries = bundle.get("entry")?.as_array()?;
    let resource = entries
        .iter()
        .filter_map(|entry| entry.get("resource"))
        .find(|of| {
            let own = |id: &Value| id["system"] == IDENTIFIER_SYSTEM && id["value"] == identifier;
            of["resourceType"] == kind && of["identifier"].as_array().is_some_and(|ids| ids.iter().any(own))
        })?;
    let id = resource["id"].as_str().filter(|id| is_id(id))?;
    Some(format!("{kind}/{id}"))
}

async fn read(kind: &str, answer: Response) -> Creation {
    let status = answer.status();
    let place = place(kind, answer.headers());
    match status {
        StatusCode::CREATED => Creation::Created(place),
        StatusCode::OK | StatusCode::NO_CONTENT => Creation::AlreadyThere(place),
        StatusCode::UNAUTHORIZED => Creation::Refused(Denied::Token),
        StatusCode::FORBIDDEN => Creation::Refused(Denied::Forbidden),
        StatusCode::NOT_FOUND | StatusCode::METHOD_NOT_ALLOWED | StatusCode::NOT_IMPLEMENTED => {
            Creation::Refused(Denied::NotOffered)
        }
        StatusCode::CONFLICT | StatusCode::PRECONDITION_FAILED => Creation::Refused(Denied::Conflict),
        StatusCode::TOO_MANY_REQUESTS => Creation::Refused(Denied::Busy),
        // A gateway may have passed it on before it gave up, and a server may fail after it has written.
        _ if status.is_server_error() || status.is_success() => Creation::Unknown,
        _ => Creation::Refused(Denied::Invalid(reasons(answer).await)),
    }
}

/// `Type/id` of a Location, absolute or relative, with or without its version.
fn place(kind: &str, headers: &HeaderMap) -> Option<String> {
    let location = headers.get(LOCATION)?.to_str().ok()?;
    let mut parts = location.split('/').skip_while(|part| *part != kind).skip(1);
    let id = parts.next().filter(|id| is_id(id))?;
    Some(format!("{kind}/{id}"))
}

#[derive(Deserialize)]
struct Outcome {
    #[serde(default)]
    issue: Vec<Issue>,
}

#[derive(Deserialize)]
struct Issue {
    #[serde(default)]
    severity: String,
    #[serde(default)]
    code: String,
    #[serde(default)]
    expression: Vec<String>,
    #[serde(default)]
    location: Vec<String>,
}

async fn reasons(mut answer: Response) -> Vec<Reason> {
    let mut body = Vec::new();
    while let Ok(Some(chunk)) = answer.chunk().await {
        body.extend_from_slice(&chunk);
        if body.len() > LARGEST_OUTCOME {
            return Vec::new();
        }
    }
    of_outcome(&body)
}

fn of_outcome(body: &[u8]) -> Vec<Reason> {
    let Ok(outcome) = serde_json::from_slice::<Outcome>(body) else {
        return Vec::new();
    };
    let mut reasons: Vec<Reason> = Vec::new();
    for issue in outcome.issue {
        let element = issue.expression.into_iter().chain(issue.location);
        let reason = Reason {
            code: Some(issue.code).filter(|code| is_code(code)).unwrap_or_default(),
            element: element.into_iter().find(|path| is_path(path)).unwrap_or_default(),
        };
        if matches!(issue.severity.as_str(), "error" | "fatal") && !reasons.contains(&reason) {
            reasons.push(reason);
        }
    }
    reasons.truncate(MOST_REASONS);
    reasons
}

fn is_code(text: &str) -> bool {
    text.len() <= 40 && text.bytes().all(|b| b.is_ascii_lowercase() || b == b'-')
}

/// A path of element names and indexes below a resource type; nothing that could hold a value.
fn is_path(text: &str) -> bool {
    let part = |part: &str| {
        let (name, index) = part.split_once('[').unwrap_or((part, "0]"));
        let index = index.strip_suffix(']').is_some_and(|digits| {
            !digits.is_empty() && digits.len() < 4 && digits.bytes().all(|b| b.is_ascii_digit())
        });
        !name.is_empty() && name.len() <= 40 && name.bytes().all(|b| b.is_ascii_alphabetic()) && index
    };
    text.starts_with("MedicationRequest.") && text.len() <= 120 && text.split('.').all(part)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;
    use std::time::Duration;

    #[test]
    fn of_an_outcome_only_codes_and_paths_are_taken() {
        let issue = |code: &str, path: &str| {
            json!({"severity": "error", "code": code, "expression": [path], "diagnostics": "Jane Roe",
                "details": {"text": "Jane Roe"}})
        };
        let body = json!({"resourceType": "OperationOutcome", "issue": [
            issue("required", "MedicationRequest.requester"),
            issue("required", "MedicationRequest.requester"),
            issue("Jane Roe", "MedicationRequest.where(x='Jane')"),
            issue("value", "MedicationRequest.dosageInstruction[0].timing"),
            {"severity": "warning", "code": "informational"},
        ]});
        let reason = |code: &str, element: &str| Reason {
            code: code.to_owned(),
            element: element.to_owned(),
        };
        assert_eq!(
            of_outcome(body.to_string().as_bytes()),
            [
                reason("required", "MedicationRequest.requester"),
                reason("", ""),
                reason("value", "MedicationRequest.dosageInstruction[0].timing"),
            ]
        );
        assert!(of_outcome(b"<html>").is_empty() && of_outcome(b"[]").is_empty());
    }

    /// What a create comes to at a base.
    async fn at(base: &str, within: Duration) -> Creation {
        let base = url::Url::parse(base).unwrap();
        let of = Identified {
            json: "{}".to_owned(),
            identifier: uuid::Uuid::nil(),
        };
        let server = Server {
            base: &base,
            token: None,
            deadline: tokio::time::Instant::now() + within,
            breaker: None,
        };
        let client = FhirClient::new().unwrap();
        client.create("MedicationRequest", &of, server).await
    }

    #[tokio::test]
    async fn an_answer_that_does_not_come_is_no_refusal() {
        let slow = wiremock::MockServer::start().await;
        let answer = wiremock::ResponseTemplate::new(201).set_delay(Duration::from_secs(5));
        let any = wiremock::Mock::given(wiremock::matchers::any());
        any.respond_with(answer).mount(&slow).await;
        assert_eq!(
            at(&slow.uri(), Duration::from_millis(200)).await,
            Creation::Unknown
        );
        let gone = at("http://127.0.0.1:9/fhir/", Duration::from_secs(5)).await;
        assert_eq!(
            gone,
            Creation::Refused(Denied::Unreached),
            "where nobody listens, nothing was sent"
        );
        let elsewhere = at("http://ehr.example/fhir/", Duration::from_secs(5)).await;
        assert_eq!(
            elsewhere,
            Creation::Refused(Denied::NotOffered),
            "no order goes out in the clear"
        );
    }

    #[test]
    fn the_place_of_what_was_written_is_read_from_every_form_of_location() {
        let of = |location: &str| {
            let headers = HeaderMap::from_iter([(LOCATION, location.parse().unwrap())]);
            place("MedicationRequest", &headers)
        };
        for location in [
            "https://ehr.example/fhir/MedicationRequest/a1/_history/1",
            "MedicationRequest/a1",
            "/fhir/MedicationRequest/a1",
        ] {
            assert_eq!(
                of(location).as_deref(),
                Some("MedicationRequest/a1"),
                "{location}"
            );
        }
        assert_eq!(of("https://ehr.example/fhir/MedicationRequest/a%20b"), None);
        assert_eq!(of("elsewhere"), None);
    }
}
