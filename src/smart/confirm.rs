//! The doors of writing: an order is shown, confirmed by a form of that page, and what became of it is told.
//!
//! Turns requests into calls of `writing` and `view`. Only a form of our own page, with the secret that this
//! session's pages carry, writes; and only the order that was shown: where the record, the plan or the day has
//! changed since, the page is shown anew. After the write the browser is sent to a page that can be loaded again.

use super::door::{frames, is_from_us, opened, redirect, refused, refused_in};
use super::random;
use super::refusal::Refusal;
use super::view::{self, Query};
use super::writing;
use crate::app::App;
use crate::pages;
use actix_web::http::StatusCode;
use actix_web::{HttpRequest, HttpResponse, web};
use serde::Deserialize;
use uuid::Uuid;

/// What the form of the page sends.
#[derive(Deserialize)]
pub(super) struct Sent {
    /// Secret of the session's pages.
    form: String,
    /// Identifier of the order that was shown.
    order: Uuid,
}

/// `GET /smart/s/{session}/draft`: the order that the plan makes.
pub(super) async fn show(
    app: web::Data<App>,
    request: HttpRequest,
    name: web::Path<String>,
    query: web::Query<Query>,
) -> HttpResponse {
    let open = match opened(&app, &request, &name, &query).await {
        Ok(open) => open,
        Err(refusal) => return refused_in(&app.smart, refusal, &name, &query),
    };
    let path = app.smart.path(&format!("/smart/s/{name}"));
    let (page, _) = view::draft(&app, &open, &path, &query, false);
    pages::page(
        StatusCode::OK,
        &page,
        false,
        &frames(&open.session.registration.frame_ancestors),
    )
}

/// `POST /smart/s/{session}/draft`: writes the order that was shown, once.
pub(super) async fn submit(
    app: web::Data<App>,
    request: HttpRequest,
    name: web::Path<String>,
    query: web::Query<Query>,
    sent: web::Form<Sent>,
) -> HttpResponse {
    if !is_from_us(&app.smart, &request) {
        return refused(&app.smart, Refusal::ForeignPage);
    }
    let session = match app.smart.sessions.of(&name, &request) {
        Ok(session) if random::same(&session.form, &sent.form) => session,
        Ok(_) => return refused(&app.smart, Refusal::ForeignPage),
        Err(refusal) => return refused_in(&app.smart, refusal, &name, &query),
    };
    let path = app.smart.path(&format!("/smart/s/{name}"));
    let told = format!("{path}/draft/{}", sent.order);
    if writing::is_settled(&session, sent.order).await {
        return redirect(&told, &[]);
    }
    let open = match opened(&app, &request, &name, &query).await {
        Ok(open) => open,
        Err(refusal) => return refused_in(&app.smart, refusal, &name, &query),
    };
    let (page, ready) = view::draft(&app, &open, &path, &query, true);
    let Some(ready) = ready.filter(|ready| ready.order.identifier == sent.order) else {
        let frames = frames(&session.registration.frame_ancestors);
        return pages::page(StatusCode::CONFLICT, &page, false, &frames);
    };
    drop(page);
    // A browser that goes away ends its request, but must not end a write half way.
    let (own, of) = (app.clone(), session.clone());
    let written = actix_web::rt::spawn(async move { writing::write(&own, &of, ready).await });
    match written.await {
        Ok(_) => redirect(&told, &[]),
        Err(_) => refused(&app.smart, Refusal::Internal),
    }
}

/// `GET /smart/s/{session}/draft/{order}`: what became of an order.
pub(super) async fn outcome(
    app: web::Data<App>,
    request: HttpRequest,
    at: web::Path<(String, Uuid)>,
) -> HttpResponse {
    let (name, order) = at.into_inner();
    let session = match app.smart.sessions.of(&name, &request) {
        Ok(session) => session,
        Err(refusal) => return refused_in(&app.smart, refusal, &name, &Query::default()),
    };
    // What became of an order is told even where the chart cannot be read any more.
    let Some((fate, reading)) = writing::fate(&app, &session, order).await else {
        return refused(&app.smart, Refusal::NoSession);
    };
    let path = app.smart.path(&format!("/smart/s/{name}"));
    let page = view::written(&app, &session, &reading, &path, &fate);
    pages::page(
        StatusCode::OK,
        &page,
        false,
        &frames(&session.registration.frame_ancestors),
    )
}
