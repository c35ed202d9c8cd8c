//! What the pages of the demonstration, of the companion app and for operators share: one look, one icon and one chart.
//!
//! Turns templates into answers whose content security policy allows nothing but our own files. It knows no
//! patient, no FHIR and no rule. Pages need no script and make no foreign request.

pub mod chart;

use actix_web::HttpResponse;
use actix_web::http::{StatusCode, header};
use askama::Template;

/// A page with its headers: nothing foreign, no cache, no referrer; `frames` are the origins that may frame it.
pub(crate) fn page(status: StatusCode, template: &impl Template, script: bool, frames: &str) -> HttpResponse {
    let script = if script { "script-src 'self'; " } else { "" };
    let policy = format!(
        "default-src 'none'; style-src 'self'; {script}img-src 'self'; form-action 'self'; base-uri 'none'; \
         frame-ancestors {frames}"
    );
    match template.render() {
        Ok(html) => HttpResponse::build(status)
            .insert_header((header::CONTENT_TYPE, "text/html; charset=utf-8"))
            .insert_header((header::CONTENT_SECURITY_POLICY, policy))
            .insert_header((header::X_CONTENT_TYPE_OPTIONS, "nosniff"))
            .insert_header((header::REFERRER_POLICY, "no-referrer"))
            .insert_header((header::CACHE_CONTROL, "no-store"))
            .body(html),
        Err(_) => HttpResponse::InternalServerError().finish(),
    }
}
