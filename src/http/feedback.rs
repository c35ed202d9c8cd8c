//! `POST /cds-services/{id}/feedback`: what became of cards. On disk before 200 is sent.

use super::body;
use super::call::trusted;
use super::error::{MALFORMED, Refused};
use super::room::room;
use crate::app::App;
use crate::clinical::knowledge::Coding;
use crate::journal::FeedbackOutcome;
use crate::protocol::feedback::Feedback;
use actix_web::http::Method;
use actix_web::{HttpRequest, HttpResponse, web};

/// Keeps the feedback, or says why not.
pub(super) async fn handle(
    app: web::Data<App>,
    request: HttpRequest,
    id: web::Path<String>,
    payload: web::Payload,
) -> HttpResponse {
    match keep(&app, &request, &id, payload).await {
        Ok(()) => HttpResponse::Ok().finish(),
        Err(refused) => refused.to_hook(),
    }
}

async fn keep(app: &App, request: &HttpRequest, id: &str, mut payload: web::Payload) -> Result<(), Refused> {
    let _room = room(app)?;
    let body = body::read(request, &mut payload, app.body_limits()).await?;
    let service = format!("/cds-services/{id}");
    let ehr = trusted(app, request, &[&format!("{service}/feedback"), &service]).await?;
    app.service(id).ok_or(Refused::UnknownService)?;
    if request.method() != Method::POST {
        return Err(Refused::Method("POST"));
    }
    ehr.client().admit().map_err(|wait| Refused::TooMany { wait })?;
    let mut feedback = Feedback::parse(&body).map_err(|field| Refused::bad(field, MALFORMED))?;
    count(app, &feedback);
    let outcomes = feedback.entries.iter_mut().map(|entry| &mut entry.outcome);
    outcomes.for_each(|outcome| without_free_text(outcome, app));
    let kept = app.journal.feedback(ehr.client().name(), feedback.entries).await;
    let summary = kept.map_err(|_| Refused::Unavailable)?;
    app.overrides.tell();
    let entries = &app.meters.feedback_entries;
    for (result, times) in [
        ("kept", summary.kept),
        ("repeated", summary.repeated),
        ("not-ours", summary.unknown),
    ] {
        entries.with(&[result]).add(times as u64);
    }
    tracing::info!(
        event = "feedback.kept",
        kept = summary.kept,
        repeated = summary.repeated,
        unknown = summary.unknown
    );
    let fields = feedback.malformed;
    match fields.is_empty() {
        true => Ok(()),
        false => Err(Refused::Malformed { fields }),
    }
}

/// Longest code that is taken for one.
const LONGEST_CODE: usize = 64;

/// Leaves of a reason what cannot tell who a patient is: its words only where they are ours, a code only where it
/// is one. Free text in the place of a code is a comment.
fn without_free_text(outcome: &mut FeedbackOutcome, app: &App) {
    let FeedbackOutcome::Overridden { reason, comment } = outcome else {
        return;
    };
    let Some(given) = reason else { return };
    let is_word = |text: &str| text.bytes().all(|byte| byte.is_ascii_graphic());
    let ours = |known: &&Coding| {
        *known.code == *given.code
            && given
                .system
                .as_deref()
                .is_none_or(|system| *known.system == *system)
    };
    let ours = app.knowledge.override_reasons.iter().find(ours);
    match ours {
        Some(known) => given.display = Some(known.display.to_string()),
        None if app.keeps_comments => {}
        None => given.display = None,
    }
    given.system = given.system.take().filter(|system| is_word(system));
    let is_code = given.code.len() <= LONGEST_CODE && is_word(&given.code);
    if ours.is_none() && !is_code {
        let text = reason.take().map(|reason| reason.code);
        *comment = comment.take().or(text);
    }
}

/// Counts what came, by outcome and reason; a reason that no card offers is `other`.
fn count(app: &App, feedback: &Feedback) {
    for entry in &feedback.entries {
        let labels = match &entry.outcome {
            FeedbackOutcome::Accepted { .. } => ["accepted", "none"],
            FeedbackOutcome::Overridden { reason: None, .. } => ["overridden", "none"],
            FeedbackOutcome::Overridden {
                reason: Some(reason), ..
            } => {
                let mut offered = app.knowledge.override_reasons.iter();
                let known = offered.find(|one| *one.code == *reason.code);
                ["overridden", known.map_or("other", |one| &one.code)]
            }
        };
        app.meters.feedback.with(&labels).add(1);
    }
    let malformed = feedback.malformed.len() as u64;
    app.meters.feedback_entries.with(&["malformed"]).add(malformed);
}
