//! `POST /cds-services/{id}`: one hook call.

use super::error::Refused;
use super::room::room;
use super::{JSON, body};
use crate::app::App;
use crate::meters::Stage;
use crate::pipeline::{self, Answered, Failure};
use crate::traces;
use crate::trust::{Claimed, Client, TrustedEhr};
use actix_web::http::Method;
use actix_web::http::header::{AUTHORIZATION, CONTENT_TYPE};
use actix_web::{HttpRequest, HttpResponse, web};
use secrecy::ExposeSecret;
use std::sync::Arc;
use std::time::{Duration, Instant};
use tracing::{Instrument, Span};

/// What is known of a call so far, for its counters.
#[derive(Default)]
struct Seen<'a> {
    client: Option<Arc<Client>>,
    hook: Option<&'a str>,
}

impl Seen<'_> {
    /// The time in which the call should be answered, where it is known who calls for what.
    fn budget(&self) -> Option<Duration> {
        Some(self.client.as_ref()?.deadline(self.hook?))
    }
}

/// Answers the call, or says why not, and counts it.
pub(super) async fn handle(
    app: web::Data<App>,
    request: HttpRequest,
    id: web::Path<String>,
    payload: web::Payload,
) -> HttpResponse {
    let (started, mut seen) = (Instant::now(), Seen::default());
    let _counted = app.meters.in_flight.hold();
    let span = traces::call();
    let answered = answer(&app, &request, &id, payload, &mut seen, &span).await;
    let outcome = match &answered {
        Ok(answered) => answered.outcome,
        Err(refused) => refused.label(),
    };
    let (client, took) = (
        seen.client.as_ref().map(|client| client.name()),
        started.elapsed(),
    );
    app.board.call(client, seen.hook).count(outcome, took);
    if seen.budget().is_some_and(|budget| took > budget) {
        app.meters.fhir.late(Stage::Answer);
    }
    traces::answered(&span, (client, seen.hook), outcome, &app.knowledge.version);
    tracing::debug!(
        event = "hook.answered",
        client,
        hook = seen.hook,
        outcome,
        content = &*app.knowledge.version,
        micros = u64::try_from(took.as_micros()).unwrap_or(u64::MAX)
    );
    match answered {
        Ok(answered) => HttpResponse::Ok()
            .insert_header((CONTENT_TYPE, JSON))
            .body(answered.body),
        Err(refused) => refused.to_hook(),
    }
}

async fn answer<'a>(
    app: &'a App,
    request: &HttpRequest,
    id: &str,
    mut payload: web::Payload,
    seen: &mut Seen<'a>,
    span: &Span,
) -> Result<Answered, Refused> {
    let (_room, arrived) = (room(app)?, Instant::now());
    let service = app.service(id);
    seen.hook = service.map(|service| &*service.hook);
    let body = body::read(request, &mut payload, app.body_limits()).await?;
    let path = format!("/cds-services/{id}");
    let ehr = trusted(app, request, &[&path]).await?;
    seen.client = Some(Arc::clone(ehr.client()));
    trace(span, request, ehr.client(), arrived);
    let service = service.ok_or(Refused::UnknownService)?;
    if request.method() != Method::POST {
        return Err(Refused::Method("POST"));
    }
    let answered = pipeline::answer(app, &ehr, service, &body)
        .instrument(span.clone())
        .await;
    Ok(answered.inspect_err(|failure| {
        let mixed_up = matches!(failure, Failure::ForeignGrant | Failure::ForeignOrder { .. });
        app.meters.patient_mismatch.add(u64::from(mixed_up));
    })?)
}

/// Notes on the span of a call how long its proof took, and which trace the caller says that it belongs to. The
/// header of somebody who has proven nothing is not looked at.
fn trace(span: &Span, request: &HttpRequest, client: &Client, arrived: Instant) {
    if span.is_disabled() {
        return;
    }
    let took = u64::try_from(arrived.elapsed().as_micros()).unwrap_or(u64::MAX);
    span.record("proven_after_us", took);
    let header = request.headers().get("traceparent");
    if let Some(header) = header.and_then(|value| value.to_str().ok()) {
        traces::adopt(span, header, client.trusts_traceparent());
    }
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
    let mut claimed = Claimed::default();
    let caller = app.caller(header, &audiences, &mut claimed).await;
    if let Some(took) = claimed.spending {
        app.pace.note(took);
    }
    let client = claimed.client.as_ref().map(|client| client.name());
    let token = || {
        let (client, jti) = claimed.client.as_ref().zip(claimed.jti.as_ref())?;
        app.marks.of_token(client.issuer(), jti.expose_secret())
    };
    if caller.is_ok() && tracing::enabled!(tracing::Level::DEBUG) {
        tracing::debug!(event = "token.accepted", client, token = token());
    }
    caller.map_err(|refusal| {
        app.meters.jwt_rejected.with(&[refusal.reason()]).add(1);
        // The client is claimed, not proven; its name is one of the settings.
        tracing::info!(
            event = "token.refused",
            reason = refusal.reason(),
            client,
            token = token()
        );
        if refusal.is_unavailable() {
            Refused::Unavailable
        } else {
            Refused::Unauthorized
        }
    })
}
