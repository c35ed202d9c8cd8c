//! The application as its handlers see it: one version of settings and tables, and what outlives them.
//!
//! Turns the name of a service, of a client or a token into what stands behind it. It is put together by
//! [`crate::startup`] and changes nothing afterwards; a reload makes another one beside it.

use crate::capture::Capture;
use crate::clinical::knowledge::{Knowledge, Service};
use crate::clock::Clock;
use crate::config::Limits;
use crate::fhir::client::FhirClient;
use crate::fhir::terms::LocalCodes;
use crate::http::room::Pace;
use crate::journal::Journal;
use crate::marks::Marks;
use crate::meters::{Board, Meters, Moment};
use crate::operator::Operators;
use crate::overrides::Overrides;
use crate::smart::Smart;
use crate::trust::{Claimed, Client, Refusal, Trust, TrustedEhr};
use actix_web::http::header::EntityTag;
use actix_web::web;
use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;
use tokio::sync::{Semaphore, SemaphorePermit};

/// What every handler shares: one version of settings and tables. A reload makes another one beside it; a call
/// keeps the one that it began with.
#[derive(Clone)]
pub struct App {
    /// The tables.
    pub knowledge: Arc<Knowledge>,
    /// What was answered.
    pub journal: Arc<Journal>,
    /// Reads FHIR servers; one for each worker, because its connections live on the worker's runtime.
    pub fhir: FhirClient,
    /// The body of discovery.
    pub discovery: Discovery,
    /// Address under which callers reach the service, without a trailing slash.
    pub public_url: String,
    /// Largest body that is read.
    pub max_body_bytes: usize,
    /// Bounds of the process.
    pub limits: Limits,
    /// The time, or an instant that stands still.
    pub clock: Clock,
    /// Whether hook calls are answered while the journal fails.
    pub does_without_journal: bool,
    /// Whether free text of feedback is kept; it may tell who a patient is.
    pub keeps_comments: bool,
    /// Who may look at what the journal holds.
    pub(crate) operators: Arc<Operators>,
    /// The companion app: its launches and sessions are shared by all workers.
    pub smart: Arc<Smart>,
    /// What is counted.
    pub meters: Arc<Meters>,
    /// The counters of this version.
    pub board: Arc<Board>,
    /// Where recent requests are kept for `stepdown diff`, of those clients of which they may be.
    pub capture: Option<Arc<Capture>>,
    /// How slow the journal was for the last call; shared by all workers.
    pub pace: Arc<Pace>,
    /// What tokens are called in the log.
    pub marks: Arc<Marks>,
    /// What was overridden lately.
    pub overrides: Arc<Overrides>,
    /// Whether the program is about to end.
    pub(crate) ending: Arc<AtomicBool>,
    /// Room for calls.
    pub(crate) slots: Arc<Semaphore>,
    /// Who may call.
    pub(crate) callers: Arc<Callers>,
    /// Local codes by the name of their client.
    pub(crate) local_codes: Arc<HashMap<String, LocalCodes>>,
    /// Those of a client without any.
    pub(crate) no_local_codes: LocalCodes,
}

/// The written discovery answer.
#[derive(Clone)]
pub struct Discovery {
    /// JSON.
    pub body: web::Bytes,
    /// Its tag, a digest of the body: the same from every replica, another one for other bytes.
    pub etag: EntityTag,
}

impl App {
    /// Where the service says what its advice rests on; the same for every hook, so that cards do not differ by
    /// it. `None` without https, because a card's links have to be secure.
    pub fn basis_url(&self) -> Option<String> {
        let first = self.knowledge.services.first()?;
        self.is_secure()
            .then(|| format!("{}/cds-services/{}/basis", self.public_url, first.id))
    }

    /// Whether browsers reach the service over https.
    pub(crate) fn is_secure(&self) -> bool {
        self.public_url.starts_with("https://")
    }

    /// The service of that id.
    pub fn service(&self, id: &str) -> Option<&Service> {
        self.knowledge.services.iter().find(|s| *s.id == *id)
    }

    /// Whether it can keep what it must keep, or answer without, and is not about to end.
    pub fn is_ready(&self) -> bool {
        (self.journal.is_writable() || self.does_without_journal) && !self.ending.load(Ordering::Relaxed)
    }

    /// What operators read.
    pub fn metrics(&self) -> String {
        for client in self.callers.list() {
            let left_alone = if client.breaker().is_open() { 1.0 } else { 0.0 };
            self.meters.breaker.with(&[client.name()]).set(left_alone);
            if let Some(ahead) = client.clock_skew() {
                #[expect(clippy::cast_precision_loss, reason = "tokens live for minutes")]
                self.meters.clock_skew.with(&[client.name()]).set(ahead as f64);
            }
        }
        self.meters.text(&Moment {
            dropped: self.journal.dropped(),
            writable: self.journal.is_writable(),
            ready: self.is_ready(),
        })
    }

    /// The client of that name.
    pub(crate) fn client(&self, name: &str) -> Option<Arc<Client>> {
        self.callers
            .list()
            .into_iter()
            .find(|client| client.name() == name)
    }

    /// Room for one more call, kept until this is dropped; `None` if there is none.
    pub fn slot(&self) -> Option<SemaphorePermit<'_>> {
        self.slots.try_acquire().ok()
    }

    /// Largest body, and the time in which it must have come.
    pub fn body_limits(&self) -> (usize, Duration) {
        (self.max_body_bytes, self.limits.body_within)
    }

    /// Local codes of a client.
    pub fn local_codes(&self, client: &str) -> &LocalCodes {
        self.local_codes.get(client).unwrap_or(&self.no_local_codes)
    }

    /// Checks who calls. What the token claims is noted, for the log, whether it is believed or not.
    ///
    /// # Errors
    /// [`Refusal`] if the token does not prove a client.
    pub async fn caller(
        &self,
        authorization: Option<&str>,
        audiences: &[String],
        claimed: &mut Claimed,
    ) -> Result<TrustedEhr, Refusal> {
        match &*self.callers {
            Callers::Trusted(trust) => {
                trust
                    .authenticate(
                        authorization,
                        audiences,
                        Clock::Real.now(),
                        &self.journal,
                        claimed,
                    )
                    .await
            }
            Callers::Demo(client) => {
                TrustedEhr::for_loopback_demo(Arc::clone(client)).map_err(|_| Refusal::UnknownIssuer)
            }
        }
    }
}

/// Who may call.
pub(crate) enum Callers {
    /// Clients with keys.
    Trusted(Trust),
    /// Anybody on this machine.
    Demo(Arc<Client>),
}

impl Callers {
    /// All of them.
    pub(crate) fn list(&self) -> Vec<Arc<Client>> {
        match self {
            Callers::Trusted(trust) => trust.clients().iter().cloned().collect(),
            Callers::Demo(client) => vec![Arc::clone(client)],
        }
    }
}
