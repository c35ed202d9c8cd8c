//! A small EHR with synthetic patients, so that anyone can stop a drug and see the cards.
//!
//! In: HTTP requests of a browser, and of the service that reads the demo's FHIR server. Out: pages that
//! were rendered on the server, FHIR R4 JSON, and CDS Hooks calls to the service over loopback. It is a
//! client of the service like any other: it finds it by discovery, sends what an EHR sends (CDS Hooks 2.0.1)
//! and shows what comes back. It also plays the authorization server that
//! lets the companion app in, so that a card's link can be followed. It never holds a real patient, never leaves the machine, keeps everything in
//! memory, and says on every page that it is a demonstration. Pages need no script.

mod answer;
mod assets;
mod authority;
mod basis;
mod cards;
mod change;
mod choices;
mod create;
mod exchange;
mod feedback;
mod fhir;
mod filter;
mod list;
mod patient;
mod placeholder;
mod resource;
mod results;
mod search;
mod stories;

pub use feedback::{FeedbackLine, FeedbackSource, FeedbackUnavailable};
pub use stories::{BadDateText, DemoError};

use actix_web::web;
use authority::Authority;
use choices::Choices;
use jiff::{Timestamp, civil::Date, tz::TimeZone};
use secrecy::SecretString;
use serde_json::Value;
use std::sync::Arc;
use std::time::Instant;
use stories::DemoPatient;

/// What every page of the demonstration shares.
pub struct DemoState {
    patients: Vec<DemoPatient>,
    choices: Choices,
    base: String,
    now: Timestamp,
    started: Instant,
    token: SecretString,
    /// Token of the companion app: it may also write.
    app_token: SecretString,
    client: reqwest::Client,
    feedback: FeedbackSource,
    authority: Authority,
}

impl DemoState {
    /// Loads the synthetic patients.
    ///
    /// `base` is the address under which this process answers, such as `http://127.0.0.1:8080`; `now` is the
    /// instant from which the dates of the records are counted; `client` makes the calls to the service;
    /// `feedback` reads what the service's journal has kept. A new FHIR token is made each time.
    ///
    /// # Errors
    /// If a file of `fixtures/patients` is broken.
    pub fn new(
        base: &str,
        now: Timestamp,
        client: reqwest::Client,
        feedback: FeedbackSource,
    ) -> Result<Self, DemoError> {
        Ok(DemoState {
            patients: stories::patients(now)?,
            choices: choices::load()?,
            base: base.trim_end_matches('/').to_owned(),
            now,
            started: Instant::now(),
            token: format!("demo-{}", uuid::Uuid::new_v4()).into(),
            app_token: format!("demo-app-{}", uuid::Uuid::new_v4()).into(),
            client,
            feedback,
            authority: Authority::default(),
        })
    }

    /// Base address of the demo's FHIR server: the value of `fhirServer` in requests without prefetch.
    pub fn fhir_base(&self) -> String {
        format!("{}/fhir", self.base)
    }

    fn patient(&self, id: &str) -> Option<&DemoPatient> {
        self.patients.iter().find(|patient| patient.id == id)
    }

    fn records(&self) -> Vec<Arc<Value>> {
        self.patients.iter().flat_map(DemoPatient::record).collect()
    }

    /// The demo's clock: it begins at `now` and runs, so that a demonstration of another day is consistent.
    fn instant(&self) -> Timestamp {
        self.now.checked_add(self.started.elapsed()).unwrap_or(self.now)
    }

    fn today(&self) -> Date {
        self.now.to_zoned(TimeZone::UTC).date()
    }
}

/// Adds every route of the demonstration; the application holds a `web::Data<DemoState>`.
pub fn routes(cfg: &mut web::ServiceConfig) {
    cfg.route("/", web::get().to(list::show))
        .route("/patients/{id}", web::get().to(patient::show))
        .route("/patients/{id}/stop", web::post().to(answer::ask))
        .route("/patients/{id}/sign", web::post().to(answer::sign))
        .route("/feedback", web::get().to(feedback::list))
        .route("/feedback", web::post().to(feedback::send));
    assets::routes(cfg);
    authority::routes(cfg);
    fhir::routes(cfg);
}
