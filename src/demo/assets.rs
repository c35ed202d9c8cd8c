//! Sends the demonstration's pages, stylesheet, script and icon.
//!
//! In: a rendered template. Out: an HTTP response with a content security policy that allows nothing but our
//! own files: no inline script or style, no frame, no foreign request, forms only to ourselves.

use crate::pages;
use actix_web::http::{StatusCode, header};
use actix_web::{HttpResponse, web};
use askama::Template;

/// Adds the routes of the files.
pub(super) fn routes(cfg: &mut web::ServiceConfig) {
    let file = |kind: &'static str, content: &'static str| {
        web::get().to(move || async move {
            HttpResponse::Ok()
                .insert_header((header::CONTENT_TYPE, kind))
                .insert_header((header::X_CONTENT_TYPE_OPTIONS, "nosniff"))
                .body(content)
        })
    };
    cfg.route(
        "/demo/app.css",
        file(
            "text/css; charset=utf-8",
            concat!(include_str!("../pages/look.css"), include_str!("assets/app.css")),
        ),
    )
    .route(
        "/demo/app.js",
        file("text/javascript; charset=utf-8", include_str!("assets/app.js")),
    )
    .route(
        "/demo/icon.svg",
        file("image/svg+xml", include_str!("../pages/icon.svg")),
    );
}

/// A page with its headers.
pub(super) fn page(status: StatusCode, template: &impl Template) -> HttpResponse {
    pages::page(status, template, true, "'none'")
}

#[derive(Template)]
#[template(path = "demo/templates/message.html")]
struct Message<'a> {
    title: &'a str,
    text: &'a str,
    back: &'a str,
}

/// A page that says one thing.
pub(super) fn message(status: StatusCode, title: &str, text: &str, back: &str) -> HttpResponse {
    page(status, &Message { title, text, back })
}

/// The page for a patient that does not exist.
pub(super) fn no_patient() -> HttpResponse {
    message(
        StatusCode::NOT_FOUND,
        "No such patient",
        "The demonstration has no patient of this name.",
        "/",
    )
}
