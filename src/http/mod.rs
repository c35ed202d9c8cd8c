//! The doors: bytes in, bytes out.
//!
//! Turns HTTP into calls of [`crate::pipeline`] and its answers, and refusals, back into HTTP, in the
//! order of the contract: room for one more call, size, media type, token, service, method, body. A handler
//! reads as that list. It knows nothing of FHIR or of medicine.

mod about;
mod basis;
mod body;
mod call;
mod cors;
pub mod error;
mod feedback;
pub mod room;

use crate::app::App;
use actix_web::http::header::{
    CACHE_CONTROL, CONTENT_TYPE, ETag, EntityTag, Header, HeaderValue, IfNoneMatch,
};
use actix_web::{HttpRequest, HttpResponse, Route, guard, web};
use error::Refused;

/// JSON of the CDS Hooks protocol.
pub(crate) const JSON: HeaderValue = HeaderValue::from_static("application/json");

/// The methods of what is read.
pub(crate) const READING: &str = "GET, HEAD";

/// The routes of the protocol, that of a hook call first: they are tried one after the other. Pages of `origins` may
/// call them from a browser.
pub fn routes(config: &mut web::ServiceConfig, origins: &[String]) {
    config
        .route("/cds-services/basis.css", reading().to(basis::style))
        .service(
            web::resource("/cds-services/{id}")
                .wrap(cors::allowing(origins))
                .default_service(web::to(call::handle)),
        )
        .service(
            web::resource("/cds-services")
                .wrap(cors::allowing(origins))
                .route(reading().to(discovery))
                .default_service(web::to(only_get)),
        )
        .service(
            web::resource("/cds-services/{id}/feedback")
                .wrap(cors::allowing(origins))
                .default_service(web::to(feedback::handle)),
        )
        .service(
            web::resource("/cds-services/{id}/basis")
                .route(reading().to(basis::handle))
                .default_service(web::to(only_get)),
        )
        .route("/livez", reading().to(alive))
        .route("/readyz", reading().to(ready))
        .default_service(web::to(nothing));
}

/// What the service says of itself to whoever looks.
pub fn front(config: &mut web::ServiceConfig) {
    config
        .route("/", reading().to(about::handle))
        .route("/about", reading().to(about::handle));
}

/// What is read with GET answers HEAD too: the same head, and no body (RFC 9110, 9.3.2).
pub(crate) fn reading() -> Route {
    web::route().guard(guard::Any(guard::Get()).or(guard::Head()))
}

/// Open to everybody (CDS Hooks, "Discovery").
async fn discovery(app: web::Data<App>, request: HttpRequest) -> HttpResponse {
    let same = is_known(&request, &app.discovery.etag);
    let mut answer = match same {
        true => HttpResponse::NotModified(),
        false => HttpResponse::Ok(),
    };
    answer
        .insert_header(ETag(app.discovery.etag.clone()))
        .insert_header((CACHE_CONTROL, basis::CACHED));
    if same {
        return answer.finish();
    }
    answer
        .insert_header((CONTENT_TYPE, JSON))
        .body(app.discovery.body.clone())
}

/// Whether the caller has these bytes already: it names their tag, among others or as a weak one, or any (RFC 9110,
/// 13.1.2).
fn is_known(request: &HttpRequest, tag: &EntityTag) -> bool {
    match IfNoneMatch::parse(request) {
        Ok(IfNoneMatch::Any) => true,
        Ok(IfNoneMatch::Items(tags)) => tags.iter().any(|known| known.weak_eq(tag)),
        Err(_) => false,
    }
}

/// Discovery is read, not written.
async fn only_get() -> HttpResponse {
    Refused::Method(READING).response()
}

/// No route of ours.
async fn nothing() -> HttpResponse {
    Refused::UnknownService.response()
}

/// The process answers.
pub(crate) async fn alive() -> HttpResponse {
    HttpResponse::Ok().finish()
}

/// It can also keep what it must keep, or answer without, and is not about to end.
async fn ready(app: web::Data<App>) -> HttpResponse {
    if app.is_ready() {
        HttpResponse::Ok().finish()
    } else {
        HttpResponse::ServiceUnavailable().finish()
    }
}
