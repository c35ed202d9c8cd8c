//! One version of the application, put together from settings, tables, keys and what outlives a reload.

use super::StartError;
use super::certificates::Certificates;
use super::listening::scheme;
use crate::app::{App, Callers, Discovery};
use crate::capture::Capture;
use crate::clinical::knowledge::Knowledge;
use crate::clock::Clock;
use crate::config::{ClientConfig, Config, Limits, WhenUnavailable};
use crate::content;
use crate::fhir::client::FhirClient;
use crate::fhir::query;
use crate::fhir::terms::LocalCodes;
use crate::journal::Journal;
use crate::marks::Marks;
use crate::meters::{Board, Meters};
use crate::operator::{Guesses, Operators};
use crate::outbound::Outbound;
use crate::overrides::Overrides;
use crate::protocol::discovery;
use crate::smart::Smart;
use crate::trust::Trust;
use actix_web::http::header::EntityTag;
use aws_lc_rs::digest;
use std::collections::{BTreeMap, HashMap};
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use tokio::sync::Semaphore;

/// The tables that the program was built with.
pub(super) const BUILT_IN: &str = "built-in";
/// Tables of the site, from the folder of its settings.
const OWN: &str = "own";

/// What outlives every reload.
pub(super) struct Shared {
    pub(super) journal: Arc<Journal>,
    pub(super) meters: Arc<Meters>,
    pub(super) ending: Arc<AtomicBool>,
    pub(super) guesses: Arc<Guesses>,
    pub(super) capture: Option<Arc<Capture>>,
    /// With which connections are taken; `None` without TLS of our own.
    pub(super) certificates: Option<Certificates>,
    pub(super) marks: Arc<Marks>,
    pub(super) outbound: Outbound,
    pub(super) overrides: Arc<Overrides>,
}

impl Shared {
    /// Reads what was overridden lately, and goes on reading it in the background.
    pub(super) async fn follow_overrides(&self, clock: Clock) {
        self.overrides.read(&self.journal, clock.now()).await;
        let (overrides, journal) = (Arc::clone(&self.overrides), Arc::clone(&self.journal));
        actix_web::rt::spawn(overrides.follow(journal, clock));
    }

    pub(super) fn new(journal: Journal, outbound: Outbound) -> Self {
        let marks = Arc::<Marks>::default();
        Self {
            overrides: Arc::new(Overrides::marked_by(Arc::clone(&marks))),
            marks,
            outbound,
            journal: Arc::new(journal),
            meters: Arc::default(),
            ending: Arc::default(),
            guesses: Arc::default(),
            capture: None,
            certificates: None,
        }
    }
}

/// What one version of an application is made of.
pub(super) struct Parts {
    pub(super) knowledge: Knowledge,
    /// Where the tables come from, for operators: [`BUILT_IN`] or [`OWN`].
    pub(super) package: &'static str,
    pub(super) smart: Arc<Smart>,
    pub(super) public_url: String,
    pub(super) clock: Clock,
    pub(super) callers: Callers,
    pub(super) local_codes: HashMap<String, LocalCodes>,
    pub(super) limits: Limits,
}

impl Parts {
    /// The application as the settings want it now. The companion app, whose users have sessions, and the room for
    /// calls are those of the previous version.
    pub(super) fn from_settings(
        config: &Config,
        address: SocketAddr,
        shared: &Shared,
        previous: Option<&App>,
    ) -> Result<App, StartError> {
        let known = previous.and_then(|app| match &*app.callers {
            Callers::Trusted(trust) => Some(trust),
            Callers::Demo(_) => None,
        });
        let public_url = config.public_url.clone();
        let public_url =
            public_url.unwrap_or_else(|| format!("{}://{address}", scheme(config.tls.is_some())));
        let codes = config.clients.iter();
        let mut knowledge = content::from(config.knowledge.as_deref()).map_err(problems)?;
        silences_exist(&config.clients, &knowledge)?;
        if config.dated_templates {
            knowledge.services = discovery::with_dated(knowledge.services);
        }
        let parts = Parts {
            knowledge,
            package: if config.knowledge.is_some() { OWN } else { BUILT_IN },
            smart: match previous {
                Some(app) => Arc::clone(&app.smart),
                None => Arc::new(Smart::new(&config.clients, &public_url, config.outbound)?),
            },
            public_url,
            clock: Clock::Real,
            callers: Callers::Trusted(Trust::renewed(config, known, &shared.meters.key_sets)?),
            local_codes: codes.map(|c| (c.name.clone(), local_codes(c))).collect(),
            limits: config.limits,
        };
        let mut app = parts.app(config.max_body_bytes, shared)?;
        app.does_without_journal = config.journal.when_unavailable == WhenUnavailable::Accept;
        let guesses = Arc::clone(&shared.guesses);
        app.operators = Arc::new(Operators::new(
            &config.operators,
            guesses,
            config.journal.keep_comments,
        ));
        app.keeps_comments = config.journal.keep_comments;
        if let Some(previous) = previous {
            app.does_without_journal = previous.does_without_journal;
            app.keeps_comments = previous.keeps_comments;
            app.slots = Arc::clone(&previous.slots);
            app.pace = Arc::clone(&previous.pace);
        }
        Ok(app)
    }

    pub(super) fn app(self, max_body_bytes: usize, shared: &Shared) -> Result<App, StartError> {
        let templates: BTreeMap<&str, String> =
            query::templates(&self.knowledge.needs, &self.knowledge.vocabulary);
        let dated = query::dated_templates(&self.knowledge.needs, &self.knowledge.vocabulary);
        let body = discovery::body(&self.knowledge, &templates, &dated)?;
        let etag = EntityTag::new_strong(digest(body.as_bytes()));
        let clients = self.callers.list();
        Ok(App {
            board: Arc::new(Board::new(
                &shared.meters,
                &clients,
                self.package,
                &self.knowledge,
            )),
            meters: Arc::clone(&shared.meters),
            ending: Arc::clone(&shared.ending),
            capture: shared.capture.clone(),
            marks: Arc::clone(&shared.marks),
            overrides: Arc::clone(&shared.overrides),
            knowledge: Arc::new(self.knowledge),
            journal: Arc::clone(&shared.journal),
            fhir: FhirClient::counting(&shared.meters.fhir).reaching(shared.outbound),
            discovery: Discovery {
                body: body.into(),
                etag,
            },
            public_url: self.public_url,
            max_body_bytes,
            limits: self.limits,
            pace: Arc::default(),
            slots: Arc::new(Semaphore::new(self.limits.max_calls)),
            clock: self.clock,
            does_without_journal: false,
            operators: Arc::new(Operators::new(&[], Arc::clone(&shared.guesses), false)),
            keeps_comments: false,
            smart: self.smart,
            callers: Arc::new(self.callers),
            local_codes: Arc::new(self.local_codes),
            no_local_codes: LocalCodes::default(),
        })
    }
}

/// SHA-256 in hexadecimal digits.
fn digest(bytes: &[u8]) -> String {
    let digest = digest::digest(&digest::SHA256, bytes);
    digest.as_ref().iter().map(|byte| format!("{byte:02x}")).collect()
}

/// Every pattern of `silent` must cover a rule: a misspelt one would let cards out that nobody was to see.
fn silences_exist(clients: &[ClientConfig], knowledge: &Knowledge) -> Result<(), StartError> {
    let rules = knowledge.rules();
    for client in clients {
        if let Some(pattern) = client.practice.idle(&rules) {
            return Err(StartError::NoSuchRule {
                client: client.name.clone(),
                pattern: pattern.to_string(),
            });
        }
    }
    Ok(())
}

/// The local codes of a client, as they are looked up.
pub(crate) fn local_codes(client: &ClientConfig) -> LocalCodes {
    let mut codes = LocalCodes::default();
    for local in &client.codes {
        codes.insert(
            &local.system,
            &local.code,
            (&local.maps_to_system, &local.maps_to_code),
        );
    }
    codes
}

pub(super) fn problems(found: Vec<content::Problem>) -> StartError {
    StartError::Content(
        found
            .iter()
            .map(ToString::to_string)
            .collect::<Vec<_>>()
            .join("\n"),
    )
}
