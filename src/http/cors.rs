//! Calls from a browser: which pages of other origins may make them.
//!
//! Turns the list of origins into answers to preflights and into headers. A preflight carries no token and
//! is answered before any other check. Without a list no browser is told that it may; an origin is never
//! answered with `*`, and credentials of the browser are never allowed: the token travels in a header.
//! Follows CDS Hooks, section Cross-Origin Resource Sharing.

use actix_cors::Cors;
use actix_web::http::header::{AUTHORIZATION, CONTENT_TYPE};
use actix_web::middleware::Condition;

/// How long a browser may keep the answer to a preflight, in seconds.
const KEEP_PREFLIGHT: usize = 600;

/// Lets pages of these origins call.
pub(super) fn allowing(origins: &[String]) -> Condition<Cors> {
    let base = Cors::default()
        .allowed_methods(["GET", "POST", "OPTIONS"])
        .allowed_headers([AUTHORIZATION, CONTENT_TYPE])
        .max_age(KEEP_PREFLIGHT);
    let cors = origins
        .iter()
        .fold(base, |cors, origin| cors.allowed_origin(origin));
    Condition::new(!origins.is_empty(), cors)
}
