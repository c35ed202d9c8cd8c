//! `POST /cds-services/{id}`: one hook call.

use super::error::Refused;
use super::{JSON, body};
use crate::pipeline;
use crate::startup::App;
use crate::trust::TrustedEhr;
use actix_web::http::Method;
use actix_web::http::header::{AUTHORIZATION, CONTENT_TYPE};
use actix_web::{HttpRequest, HttpResponse, web};

/// Answers the call, or says why not.
pub(super) async fn handle(
    app: web::Data<App>,
    request: HttpRequest,
    id: web::Path<String>,
    payload: web::Payload,
) -> HttpResponse {
    match answer(&app, &request, &id, payload).await {
        Ok(body) => HttpResponse::Ok().insert_header((CONTENT_TYPE, JSON)).body(body),
        Err(refused) => refused.response(),
    }
}

async fn answer(
    app: &App,
    request: &HttpRequest,
    id: &str,
    mut payload: web::Payload,
) -> Result<Vec<u8>, Refused> {
    let _slot = app.slot().ok_or(Refused::Busy)?;
    let body = body::read(request, &mut payload, app.body_limits()).await?;
    let path = format!("/cds-services/{id}");
    let ehr = trusted(app, request, &[&path]).await?;
    let service = app.service(id).ok_or(Refused::UnknownService)?;
    if request.method() != Method::POST {
        return Err(Refused::Method("POST"));
    }
    Ok(pipeline::answer(app, &ehr, service, &body).await?)
}

/// The caller, as its token proves; in the demonstration anybody on this machine.
pub(super) async fn trusted(app: &App, request: &HttpRequest, paths: &[&str]) -> Result<TrustedEhr, Refused> {
    let header = request
        .headers()
        .get(AUTHORIZATION)
        .map(|value| value.to_str().unwrap_or_default());
    let audiences: Vec<String> = paths
        .iter()
        .map(|path| format!("{}{path}", app.public_url))
        .collect();
    app.caller(header, &audiences).await.map_err(|refusal| {
        tracing::info!(event = "token-refused", reason = refusal.reason());
        if refusal.is_unavailable() {
            Refused::Unavailable
        } else {
            Refused::Unauthorized
        }
    })
}
