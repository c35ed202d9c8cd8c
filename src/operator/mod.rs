//! The operator's pages: what fired, what became of it, and the review of cards, also of those in silent mode.
//!
//! Turns the journal into pages that were rendered on the server, and a reviewer's verdict into a row of it. It
//! has a door of its own: a token of `[operator]`, as a bearer token or through a sign-in that gives a short
//! cookie. No page shows a patient, but the one that a reviewer asks for by name, with what the card
//! rested on; that is written down first.
//! Pages need no script, hold nothing foreign, and link to each other by relative addresses, so that they work
//! behind a proxy under any path. In the demonstration nobody signs in, and every page says so.

mod cards;
mod counts;
mod door;
mod draw;
mod feedback;
mod gate;
mod inputs;
mod period;
mod ratio;
mod session;
mod sheet;

pub(crate) use gate::{Guesses, Operators};

use crate::http::reading;
use actix_web::web;

/// Every route of the pages.
pub fn routes(config: &mut web::ServiceConfig) {
    config
        .service(web::resource("/operator/feedback").default_service(web::to(feedback::handle)))
        .route("/operator", reading().to(door::front))
        .route("/operator/", reading().to(door::front))
        .route("/operator/style.css", reading().to(door::style))
        .route("/operator/icon.svg", reading().to(door::icon))
        .route("/operator/sign-in", reading().to(door::ask))
        .route("/operator/sign-in", web::post().to(door::sign_in))
        .route("/operator/sign-out", web::post().to(door::sign_out))
        .route("/operator/overview", reading().to(counts::show))
        .route("/operator/cards", reading().to(cards::list))
        .route("/operator/card", reading().to(cards::one))
        .route("/operator/verdict", web::post().to(cards::judge))
        .route("/operator/reveal", web::post().to(cards::reveal))
        .route("/operator/export", reading().to(sheet::export));
}
