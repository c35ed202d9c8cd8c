//! The application: built from settings, with every route on one screen.
//!
//! Turns settings and knowledge into a server that listens. `serve` has clients with keys and no other
//! way in; the demonstration listens on this machine only and takes calls without a token. Tests build
//! the same application on port 0.

mod certificates;
mod listening;
mod live;
mod parts;
mod stop;

use crate::capture::{Capture, CaptureError};
use crate::clinical::knowledge::{Knowledge, Service};
use crate::config::{ClientConfig, Config, Limits};
use crate::content;
use crate::demo::{self, DemoState, FeedbackSource, FeedbackUnavailable};
use crate::fhir::client::FhirClient;
use crate::fhir::terms::LocalCodes;
use crate::http;
use crate::http::room::Pace;
use crate::journal::{self, Journal, JournalError, JournalOptions};
use crate::marks::Marks;
use crate::meters::{Board, Meters, Moment};
use crate::operations::{self, HeartbeatError};
use crate::operator::{self, Operators};
use crate::outbound::Outbound;
use crate::overrides::Overrides;
use crate::smart::{self, Smart};
use crate::trust::{Claimed, Client, Refusal, Trust, TrustError, TrustedEhr};
use actix_web::dev::Server;
use actix_web::http::header::EntityTag;
use actix_web::web;
use certificates::Certificates;
use jiff::Timestamp;
use listening::{Listening, listen, operate, run};
use parts::{BUILT_IN, Parts, Shared, problems};
use std::collections::HashMap;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;
use tokio::sync::{Semaphore, SemaphorePermit};

pub use listening::scheme;
pub use live::{Live, ReloadError};
pub(crate) use parts::local_codes;
pub use stop::Signals;

/// Largest body that the demonstration reads.
const DEMO_BODY: usize = 8 * 1024 * 1024;

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
    ending: Arc<AtomicBool>,
    slots: Arc<Semaphore>,
    callers: Arc<Callers>,
    local_codes: Arc<HashMap<String, LocalCodes>>,
    no_local_codes: LocalCodes,
}

/// The written discovery answer.
#[derive(Clone)]
pub struct Discovery {
    /// JSON.
    pub body: web::Bytes,
    /// Its tag, a digest of the body: the same from every replica, another one for other bytes.
    pub etag: EntityTag,
}

/// What time it is.
#[derive(Clone, Copy, Debug)]
pub enum Clock {
    /// The machine's clock.
    Real,
    /// Always the same instant, for demonstrations and tests.
    Fixed(Timestamp),
}

impl Clock {
    /// The instant to judge at.
    #[expect(
        clippy::disallowed_methods,
        reason = "the one place where the clock is read for a judgement"
    )]
    pub fn now(self) -> Timestamp {
        match self {
            Clock::Real => Timestamp::now(),
            Clock::Fixed(at) => at,
        }
    }
}

/// Who may call.
enum Callers {
    /// Clients with keys.
    Trusted(Trust),
    /// Anybody on this machine.
    Demo(Arc<Client>),
}

impl Callers {
    fn list(&self) -> Vec<Arc<Client>> {
        match self {
            Callers::Trusted(trust) => trust.clients().iter().cloned().collect(),
            Callers::Demo(client) => vec![Arc::clone(client)],
        }
    }
}

/// Why the application cannot start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// The knowledge is incomplete.
    #[error("the knowledge is refused:\n{0}")]
    Content(String),
    /// A rule that was to be silent does not exist, so its cards would be shown.
    #[error(
        "`silent` of the client {client:?}, or of all: {pattern:?} is the name of no rule of the tables in use"
    )]
    NoSuchRule {
        /// Name of the client.
        client: String,
        /// As written.
        pattern: String,
    },
    /// The journal cannot be opened.
    #[error(transparent)]
    Journal(#[from] JournalError),
    /// Keys or clients cannot be used.
    #[error(transparent)]
    Trust(#[from] TrustError),
    /// The address cannot be listened on.
    #[error("cannot listen on {address}: {source}")]
    Listen {
        /// Address.
        address: SocketAddr,
        /// Cause.
        source: std::io::Error,
    },
    /// TLS cannot be initialised.
    #[error("TLS cannot be set up: {0}")]
    Tls(#[from] rustls::Error),
    /// The companion app cannot be set up.
    #[error(transparent)]
    Smart(#[from] smart::SetupError),
    /// The HTTP client cannot be made.
    #[error(transparent)]
    Http(#[from] crate::fhir::client::SetupError),
    /// Discovery cannot be written.
    #[error("the list of services cannot be written: {0}")]
    Discovery(#[from] serde_json::Error),
    /// A page cannot be prepared.
    #[error("the demonstration cannot be prepared: {0}")]
    Demo(String),
    /// The synthetic patient cannot be used.
    #[error(transparent)]
    Heartbeat(#[from] HeartbeatError),
    /// Requests cannot be kept where the settings want them.
    #[error(transparent)]
    Capture(#[from] CaptureError),
    /// An input or output failed.
    #[error(transparent)]
    Io(#[from] std::io::Error),
}

/// A server that listens.
pub struct Running {
    /// Where.
    pub address: SocketAddr,
    /// Whether it speaks TLS.
    pub secure: bool,
    /// To be awaited; ends after a signal or when stopped through its handle.
    pub server: Server,
    /// To be closed when the server has ended.
    pub journal: Arc<Journal>,
    /// The version in use, and the way to another one.
    pub live: Arc<Live>,
    /// Where operators ask, if anywhere.
    pub admin: Option<SocketAddr>,
    /// To be finished when the server has ended.
    pub capture: Option<Arc<Capture>>,
}

impl App {
    /// Where the service says what its advice rests on; the same for every hook, so that cards do not differ by
    /// it. `None` without https, because a card's links have to be secure.
    pub fn basis_url(&self) -> Option<String> {
        let first = self.knowledge.services.first()?;
        let secure = self.public_url.starts_with("https://");
        secure.then(|| format!("{}/cds-services/{}/basis", self.public_url, first.id))
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

/// Builds and starts the production service.
///
/// # Errors
/// [`StartError`].
pub async fn serve(config: Config) -> Result<Running, StartError> {
    let options = JournalOptions {
        retention_days: config.journal.retention_days,
        keep_comments: config.journal.keep_comments,
        ..JournalOptions::default()
    };
    let journal = Journal::open_at(&config.journal.address, options).await?;
    let mut shared = Shared::new(journal, config.outbound);
    shared.certificates = config.tls.as_ref().map(Certificates::new);
    let kept = config.capture.as_ref();
    let capture = kept.map(|kept| Capture::open(kept, &shared.meters.capture));
    let capture = capture.transpose()?.map(Arc::new);
    shared.capture = capture.clone();
    let journal = Arc::clone(&shared.journal);
    // Each worker sets up its own when it first fetches; what would keep them from it is told now.
    FhirClient::new()?;
    let heartbeat = config.heartbeat.as_ref().map(operations::heartbeat).transpose()?;
    shared.follow_overrides(Clock::Real).await;
    let (listener, address) = listen(config.listen)?;
    let how = Listening {
        workers: config.workers,
        limits: config.limits,
        tls: shared
            .certificates
            .as_ref()
            .map(Certificates::server)
            .transpose()?,
    };
    let (admin, secure, origins) = (config.admin, how.tls.is_some(), config.cors_origins.clone());
    let live = Arc::new(Live::new(shared, address, config)?);
    let server = run(listener, how, &live, move |routes| {
        routes
            .configure(smart::routes)
            .configure(operator::routes)
            .configure(|routes| http::routes(routes, &origins));
    })?;
    let admin = admin.map(|address| operate(address, &live)).transpose()?;
    if let Some(heartbeat) = heartbeat {
        actix_web::rt::spawn(heartbeat.run(Arc::clone(&live)));
    }
    Ok(Running {
        address,
        secure,
        server,
        journal,
        live,
        admin,
        capture,
    })
}

/// How the demonstration runs.
pub struct Demonstration {
    /// Port on this machine; 0 for any.
    pub port: u16,
    /// What time it is.
    pub clock: Clock,
    /// `sqlite:PATH`; in memory unless given.
    pub journal: Option<String>,
    /// HTTP workers; one per core unless given.
    pub workers: Option<usize>,
}

/// Builds and starts the demonstration on this machine.
///
/// # Errors
/// [`StartError`].
pub async fn demonstrate(how: Demonstration) -> Result<Running, StartError> {
    let knowledge = content::from(None).map_err(problems)?;
    let journal = match &how.journal {
        Some(url) => Journal::open(url).await?,
        None => Journal::in_memory().await?,
    };
    let (listener, address) = listen(SocketAddr::from(([127, 0, 0, 1], how.port)))?;
    let public_url = format!("http://{address}");
    let base: url::Url = format!("{public_url}/fhir/")
        .parse()
        .map_err(|_| StartError::Demo("base address".to_owned()))?;
    let smart = Smart::new(
        &[ClientConfig::for_demo(base.clone())],
        &public_url,
        Outbound::default(),
    )?;
    let callers = Callers::Demo(Client::for_loopback_demo(base)?);
    let clock = how.clock;
    let parts = Parts {
        knowledge,
        package: BUILT_IN,
        smart: Arc::new(smart),
        public_url,
        clock,
        callers,
        local_codes: HashMap::new(),
        limits: Limits::default(),
    };
    let shared = Shared::new(journal, Outbound::default());
    shared.follow_overrides(clock).await;
    let mut app = parts.app(DEMO_BODY, &shared)?;
    let anybody = Operators::for_demo().ok_or(StartError::Demo("random values".to_owned()))?;
    app.operators = Arc::new(anybody);
    let journal = Arc::clone(&app.journal);
    let http = reqwest::Client::builder()
        .no_proxy()
        .redirect(reqwest::redirect::Policy::none())
        // It talks to this process over plain HTTP; reading the machine's certificates would delay the start.
        .tls_certs_only([])
        .build();
    let http = http.map_err(|e| StartError::Demo(e.to_string()))?;
    let source = feedback_source(Arc::clone(&journal));
    let pages = DemoState::new(&app.public_url, clock.now(), http, source);
    let pages = web::Data::new(pages.map_err(|e| StartError::Demo(e.to_string()))?);
    let how = Listening {
        workers: how.workers,
        limits: Limits::default(),
        tls: None,
    };
    let live = Arc::new(Live::fixed(shared, app));
    let server = run(listener, how, &live, move |routes| {
        routes
            .app_data(pages.clone())
            .configure(smart::routes)
            .configure(demo::routes)
            .configure(operator::routes)
            .configure(|routes| http::routes(routes, &[]));
    })?;
    Ok(Running {
        address,
        secure: false,
        server,
        journal,
        live,
        admin: None,
        capture: None,
    })
}

/// What the demonstration's page of feedback reads.
fn feedback_source(journal: Arc<Journal>) -> FeedbackSource {
    Arc::new(move |limit| {
        let journal = Arc::clone(&journal);
        Box::pin(async move {
            let lines = journal
                .feedback_list(limit)
                .await
                .map_err(|_| FeedbackUnavailable)?;
            Ok(lines.into_iter().map(feedback_line).collect())
        })
    })
}

fn feedback_line(line: journal::FeedbackLine) -> demo::FeedbackLine {
    demo::FeedbackLine {
        at: line.at.strftime("%Y-%m-%d %H:%M:%S").to_string(),
        service: line.service,
        topic: line.topic,
        rule: line.rule,
        outcome: if line.accepted { "accepted" } else { "overridden" }.to_owned(),
        reason: line
            .reason
            .map(|r| r.display.unwrap_or(r.code))
            .unwrap_or_default(),
    }
}
