//! Sends what the prescriber did with a card, and lists what the service has kept.
//!
//! In: the accept or override form of a card. Out: the standard feedback body (CDS Hooks 2.0.1,
//! "Feedback"), posted to the service as any EHR would; and a page with the lines of the service's journal.
//! The list comes from the journal and not from what was sent, so that it shows what really arrived.

use super::change::{Form, field};
use super::{DemoState, assets, exchange};
use actix_web::http::StatusCode;
use actix_web::{HttpResponse, web};
use askama::Template;
use jiff::Timestamp;
use serde_json::{Value, json};
use std::pin::Pin;
use std::sync::Arc;

/// One feedback entry that the service has kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FeedbackLine {
    /// When it was received, as it is to be shown.
    pub at: String,
    /// Service id.
    pub service: String,
    /// Topic code of the card.
    pub topic: String,
    /// Rule of the card: drug, table and row.
    pub rule: String,
    /// `accepted` or `overridden`.
    pub outcome: String,
    /// Override reason or what was accepted; empty if nothing was given.
    pub reason: String,
}

/// The journal could not be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the journal could not be read")]
pub struct FeedbackUnavailable;

/// Reads the newest feedback entries, at most as many as asked for.
pub type FeedbackSource = Arc<
    dyn Fn(u32) -> Pin<Box<dyn Future<Output = Result<Vec<FeedbackLine>, FeedbackUnavailable>> + Send>>
        + Send
        + Sync,
>;

#[derive(Template)]
#[template(path = "demo/templates/feedback.html")]
struct Page {
    lines: Option<Vec<FeedbackLine>>,
}

#[derive(Template)]
#[template(path = "demo/templates/sent.html")]
struct Sent<'a> {
    status: u16,
    millis: u128,
    body: String,
    patient: &'a str,
}

/// Entries on the page.
const LIMIT: u32 = 100;

/// `GET /feedback`
pub(super) async fn list(state: web::Data<DemoState>) -> HttpResponse {
    match (state.feedback)(LIMIT).await {
        Ok(lines) => assets::page(StatusCode::OK, &Page { lines: Some(lines) }),
        Err(FeedbackUnavailable) => assets::page(StatusCode::SERVICE_UNAVAILABLE, &Page { lines: None }),
    }
}

/// `POST /feedback`
pub(super) async fn send(state: web::Data<DemoState>, body: web::Bytes) -> HttpResponse {
    let form: Vec<_> = url::form_urlencoded::parse(&body).into_owned().collect();
    let service = field(&form, "service");
    let known = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte);
    if service.is_empty() || !service.bytes().all(known) || field(&form, "card").is_empty() {
        return assets::message(
            StatusCode::BAD_REQUEST,
            "Nothing was sent",
            "The form names no card.",
            "/",
        );
    }
    let entry = entry(&form, state.instant());
    let body = json!({"feedback": [entry]});
    match exchange::post(&state, &format!("{service}/feedback"), &body).await {
        Ok(answer) => {
            let patient = state
                .patient(field(&form, "patient"))
                .map_or("", |patient| patient.id.as_str());
            let sent = Sent {
                status: answer.status,
                millis: answer.millis,
                body: super::cards::pretty(&body),
                patient,
            };
            assets::page(StatusCode::OK, &sent)
        }
        Err(problem) => assets::message(
            StatusCode::BAD_GATEWAY,
            "No answer",
            &problem.to_string(),
            "/feedback",
        ),
    }
}

/// One entry of the standard body: accepted with the suggestion, or overridden with reason and comment.
fn entry(form: &Form, now: Timestamp) -> Value {
    let at = now.strftime("%Y-%m-%dT%H:%M:%SZ").to_string();
    let card = field(form, "card");
    let suggestion = field(form, "suggestion");
    if !suggestion.is_empty() {
        let accepted = json!([{"id": suggestion}]);
        return json!({"card": card, "outcome": "accepted", "acceptedSuggestions": accepted, "outcomeTimestamp": at});
    }
    let mut entry = json!({"card": card, "outcome": "overridden", "outcomeTimestamp": at});
    if let Some((system, code)) = field(form, "reason").split_once('|') {
        entry["overrideReason"]["reason"] = json!({"system": system, "code": code});
    }
    let comment = field(form, "comment");
    if !comment.is_empty() {
        entry["overrideReason"]["userComment"] = comment.into();
    }
    entry
}

#[cfg(test)]
mod tests {
    use super::*;

    fn written(form: &[(&str, &str)]) -> Value {
        let form: Vec<_> = form
            .iter()
            .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
            .collect();
        entry(&form, "2026-11-22T08:00:00.5Z".parse().unwrap())
    }

    #[test]
    fn accepting_names_the_suggestion() {
        let wanted = json!({"card": "c", "outcome": "accepted", "acceptedSuggestions": [{"id": "s"}], "outcomeTimestamp": "2026-11-22T08:00:00Z"});
        assert_eq!(written(&[("card", "c"), ("suggestion", "s")]), wanted);
    }

    #[test]
    fn overriding_carries_what_was_given() {
        let plain = written(&[("card", "c"), ("reason", ""), ("comment", " ")]);
        assert!(plain.get("overrideReason").is_none());
        let full = written(&[("card", "c"), ("reason", "urn:x|a"), ("comment", "seen")]);
        assert_eq!(
            full["overrideReason"],
            json!({"reason": {"system": "urn:x", "code": "a"}, "userComment": "seen"})
        );
    }
}
