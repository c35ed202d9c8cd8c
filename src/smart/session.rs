//! One opened chart: which patient of which EHR, with the right to read it.
//!
//! A session is found by the random name in its path together with the secret in the cookie of that path, so
//! that two charts side by side in one browser never mix, and neither an address nor a cookie is enough alone.
//! Tokens stay here; they never reach a page, a cookie, a log or an error.

use super::cookie;
use super::handoff::Stop;
use super::random;
use super::reading::Reading;
use super::refusal::Refusal;
use super::registration::{Registration, Scopes};
use super::store::{Limits, Store};
use super::writing::Fate;
use crate::fhir::subject::PatientRef;
use actix_web::HttpRequest;
use secrecy::SecretString;
use std::collections::HashMap;
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::sync::Mutex;
use uuid::Uuid;

/// Name of a session's cookie.
pub(super) const COOKIE: &str = "stepdown-session";
/// Half an hour without use, eight hours in all.
pub(super) const LIMITS: Limits = Limits {
    most: 1_024,
    idle: Duration::from_secs(1_800),
    life: Duration::from_secs(8 * 3_600),
};

/// An opened chart. It has no `Debug`.
pub(super) struct Session {
    /// What the cookie must hold.
    pub(super) cookie: String,
    /// What a form of a page that we gave must hold.
    pub(super) form: String,
    /// The EHR.
    pub(super) registration: Arc<Registration>,
    /// The patient of the token.
    pub(super) patient: PatientRef,
    /// The encounter of the token.
    pub(super) encounter: Option<String>,
    /// Who signed in, if proven.
    pub(super) user: Option<String>,
    /// Whether the page shows who the patient is.
    pub(super) banner: bool,
    /// What may be read.
    pub(super) scopes: Scopes,
    /// The stop that the card was about.
    pub(super) stop: Option<Arc<Stop>>,
    /// Tokens, and what was read with them; held while they are in use.
    pub(super) open: Mutex<Open>,
}

/// What changes during a session.
pub(super) struct Open {
    pub(super) access: SecretString,
    pub(super) refresh: Option<SecretString>,
    /// When the bearer token ends, where that was said.
    pub(super) ends: Option<Instant>,
    /// The record as it was read.
    pub(super) reading: Option<Arc<Reading>>,
    /// What became of the orders that were to be written, by identifier.
    pub(super) written: HashMap<Uuid, Fate>,
}

impl Store<Arc<Session>> {
    /// The session of a path, for the browser that opened it.
    pub(super) fn of(&self, name: &str, request: &HttpRequest) -> Result<Arc<Session>, Refusal> {
        let session = self.get(name).ok_or(Refusal::NoSession)?;
        let ours = cookie::sent(request, COOKIE).any(|value| random::same(value, &session.cookie));
        ours.then_some(session).ok_or(Refusal::NoSession)
    }
}
