//! `POST /cds-services/{id}/feedback`: what became of cards. On disk before 200 is sent.

use super::body;
use super::call::trusted;
use super::error::Refused;
use crate::protocol::feedback::Feedback;
use crate::startup::App;
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
        Err(refused) => refused.response(),
    }
}

async fn keep(app: &App, request: &HttpRequest, id: &str, mut payload: web::Payload) -> Result<(), Refused> {
    let _slot = app.slot().ok_or(Refused::Busy)?;
    let body = body::read(request, &mut payload, app.body_limits()).await?;
    let service = format!("/cds-services/{id}");
    let ehr = trusted(app, request, &[&format!("{service}/feedback"), &service]).await?;
    app.service(id).ok_or(Refused::UnknownService)?;
    if request.method() != Method::POST {
        return Err(Refused::Method("POST"));
    }
    ehr.client().admit().map_err(|wait| Refused::TooMany { wait })?;
    let feedback = Feedback::parse(&body).map_err(|field| Refused::bad(field, "is missing or malformed"))?;
    let kept = app.journal.feedback(ehr.client().name(), feedback.entries).await;
    let summary = kept.map_err(|_| Refused::Unavailable)?;
    tracing::info!(
        event = "feedback",
        kept = summary.kept,
        repeated = summary.repeated,
        unknown = summary.unknown
    );
    match feedback.malformed.first() {
        None => Ok(()),
        Some(_) => Err(Refused::bad(
            feedback.malformed.join(", "),
            "is missing or malformed",
        )),
    }
}
