//! The application: built from settings, with every route on one screen.
//!
//! Turns settings and knowledge into a server that listens. `serve` has clients with keys and no other
//! way in; the demonstration listens on this machine only and takes calls without a token. Tests build
//! the same application on port 0.

mod live;
mod stop;

pub use live::{Live, ReloadError};
pub use stop::on_signal;

use crate::clinical::knowledge::{Knowledge, Service};
use crate::config::{ClientConfig, Config};
use crate::content;
use crate::demo::{self, DemoState, FeedbackSource, FeedbackUnavailable};
use crate::fhir::client::FhirClient;
use crate::fhir::query;
use crate::fhir::terms::LocalCodes;
use crate::http;
use crate::journal::{self, Journal, JournalError, JournalOptions};
use crate::meters::{Board, Meters, Moment};
use crate::operations::{self, HeartbeatError};
use crate::protocol::discovery;
use crate::trust::{Client, Refusal, Trust, TrustError, TrustedEhr};
use actix_web::dev::{Server, Service as _};
use actix_web::http::header::HeaderValue;
use actix_web::{App as Routes, HttpServer, web};
use jiff::Timestamp;
use live::Seat;
use std::collections::{BTreeMap, HashMap};
use std::net::{SocketAddr, TcpListener};
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

/// Time that calls in flight get after a signal to stop, in seconds.
const DRAIN: u64 = 10;
/// Largest body that the demonstration reads.
const DEMO_BODY: usize = 8 * 1024 * 1024;
/// Time that a client has to send its request head.
const HEAD_WITHIN: Duration = Duration::from_secs(10);

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
    /// The time, or an instant that stands still.
    pub clock: Clock,
    /// What is counted.
    pub meters: Arc<Meters>,
    /// The counters of this version.
    pub board: Arc<Board>,
    ending: Arc<AtomicBool>,
    callers: Arc<Callers>,
    local_codes: Arc<HashMap<String, LocalCodes>>,
    no_local_codes: LocalCodes,
}

/// The written discovery answer.
#[derive(Clone)]
pub struct Discovery {
    /// JSON.
    pub body: web::Bytes,
    /// Its tag.
    pub etag: HeaderValue,
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
    fn iter(&self) -> Box<dyn Iterator<Item = &Client> + '_> {
        match self {
            Callers::Trusted(trust) => Box::new(trust.clients().iter().map(|client| &**client)),
            Callers::Demo(client) => Box::new(std::iter::once(&**client)),
        }
    }
}

/// Why the application cannot start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// The knowledge is incomplete.
    #[error("the knowledge is refused:\n{0}")]
    Content(String),
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
    /// An input or output failed.
    #[error(transparent)]
    Io(#[from] std::io::Error),
}

/// A server that listens.
pub struct Running {
    /// Where.
    pub address: SocketAddr,
    /// To be awaited; ends after a signal or when stopped through its handle.
    pub server: Server,
    /// To be closed when the server has ended.
    pub journal: Arc<Journal>,
    /// The version in use, and the way to another one.
    pub live: Arc<Live>,
    /// Where operators ask, if anywhere.
    pub admin: Option<SocketAddr>,
}

impl App {
    /// The service of that id.
    pub fn service(&self, id: &str) -> Option<&Service> {
        self.knowledge.services.iter().find(|s| *s.id == *id)
    }

    /// Whether it can keep what it must keep, and is not about to end.
    pub fn is_ready(&self) -> bool {
        self.journal.is_writable() && !self.ending.load(Ordering::Relaxed)
    }

    /// What operators read.
    pub fn metrics(&self) -> String {
        self.meters.text(&Moment {
            dropped: self.journal.dropped(),
            writable: self.journal.is_writable(),
            ready: self.is_ready(),
        })
    }

    /// Local codes of a client.
    pub fn local_codes(&self, client: &str) -> &LocalCodes {
        self.local_codes.get(client).unwrap_or(&self.no_local_codes)
    }

    /// Checks who calls.
    ///
    /// # Errors
    /// [`Refusal`] if the token does not prove a client.
    pub async fn caller(
        &self,
        authorization: Option<&str>,
        audiences: &[String],
    ) -> Result<TrustedEhr, Refusal> {
        match &*self.callers {
            Callers::Trusted(trust) => {
                trust
                    .authenticate(authorization, audiences, Clock::Real.now(), &self.journal)
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
    let shared = Shared::new(Journal::open_with(&config.journal.url, options).await?);
    let journal = Arc::clone(&shared.journal);
    let heartbeat = config.heartbeat.as_ref().map(operations::heartbeat).transpose()?;
    let (listener, address) = listen(config.listen)?;
    let (admin, workers) = (config.admin, config.workers);
    let live = Arc::new(Live::new(shared, address, config)?);
    let server = run(listener, workers, &live, |routes| {
        routes.configure(http::routes);
    })?;
    let admin = admin.map(|address| operate(address, &live)).transpose()?;
    if let Some(heartbeat) = heartbeat {
        actix_web::rt::spawn(heartbeat.run(Arc::clone(&live)));
    }
    Ok(Running {
        address,
        server,
        journal,
        live,
        admin,
    })
}

/// Opens the operators' routes on an address of their own; they end with the process.
fn operate(address: SocketAddr, live: &Arc<Live>) -> Result<SocketAddr, StartError> {
    let (listener, address) = listen(address)?;
    let live = web::Data::from(Arc::clone(live));
    let server = HttpServer::new(move || Routes::new().app_data(live.clone()).configure(operations::routes));
    let server = server
        .workers(1)
        .client_request_timeout(HEAD_WITHIN)
        .disable_signals();
    actix_web::rt::spawn(server.listen(listener)?.run());
    Ok(address)
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
    let base = format!("{public_url}/fhir/")
        .parse()
        .map_err(|_| StartError::Demo("base address".to_owned()))?;
    let callers = Callers::Demo(Client::for_loopback_demo(base)?);
    let clock = how.clock;
    let parts = Parts {
        knowledge,
        public_url,
        clock,
        callers,
        local_codes: HashMap::new(),
    };
    let shared = Shared::new(journal);
    let app = parts.app(DEMO_BODY, &shared)?;
    let journal = Arc::clone(&app.journal);
    let http = reqwest::Client::builder()
        .no_proxy()
        .redirect(reqwest::redirect::Policy::none())
        .build();
    let http = http.map_err(|e| StartError::Demo(e.to_string()))?;
    let source = feedback_source(Arc::clone(&journal));
    let pages = DemoState::new(&app.public_url, clock.now(), http, source);
    let pages = web::Data::new(pages.map_err(|e| StartError::Demo(e.to_string()))?);
    let live = Arc::new(Live::fixed(shared, app));
    let server = run(listener, how.workers, &live, move |routes| {
        routes
            .app_data(pages.clone())
            .configure(http::routes)
            .configure(demo::routes);
    })?;
    Ok(Running {
        address,
        server,
        journal,
        live,
        admin: None,
    })
}

/// What outlives every reload.
struct Shared {
    journal: Arc<Journal>,
    meters: Arc<Meters>,
    ending: Arc<AtomicBool>,
}

impl Shared {
    fn new(journal: Journal) -> Self {
        Self {
            journal: Arc::new(journal),
            meters: Arc::default(),
            ending: Arc::default(),
        }
    }
}

/// What one version of an application is made of.
struct Parts {
    knowledge: Knowledge,
    public_url: String,
    clock: Clock,
    callers: Callers,
    local_codes: HashMap<String, LocalCodes>,
}

impl Parts {
    /// The application as the settings want it now.
    fn from_settings(
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
        let codes = config.clients.iter();
        let parts = Parts {
            knowledge: content::from(config.knowledge.as_deref()).map_err(problems)?,
            public_url: public_url.unwrap_or_else(|| format!("http://{address}")),
            clock: Clock::Real,
            callers: Callers::Trusted(Trust::renewed(config, known, &shared.meters.key_sets)?),
            local_codes: codes.map(|c| (c.name.clone(), local_codes(c))).collect(),
        };
        parts.app(config.max_body_bytes, shared)
    }

    fn app(self, max_body_bytes: usize, shared: &Shared) -> Result<App, StartError> {
        let templates: BTreeMap<&str, String> =
            query::templates(&self.knowledge.needs, &self.knowledge.vocabulary);
        let body = discovery::body(&self.knowledge, &templates)?;
        let etag = HeaderValue::from_str(&format!(
            "\"{}-{}\"",
            env!("CARGO_PKG_VERSION"),
            self.knowledge.version
        ))
        .unwrap_or(HeaderValue::from_static("\"0\""));
        let clients: Vec<&Client> = self.callers.iter().collect();
        let clients = clients.iter().map(|client| (client.name(), client.deadline()));
        Ok(App {
            board: Arc::new(Board::new(&shared.meters, clients, &self.knowledge)),
            meters: Arc::clone(&shared.meters),
            ending: Arc::clone(&shared.ending),
            knowledge: Arc::new(self.knowledge),
            journal: Arc::clone(&shared.journal),
            fhir: FhirClient::new()?.counting(&shared.meters.fhir),
            discovery: Discovery {
                body: body.into(),
                etag,
            },
            public_url: self.public_url,
            max_body_bytes,
            clock: self.clock,
            callers: Arc::new(self.callers),
            local_codes: Arc::new(self.local_codes),
            no_local_codes: LocalCodes::default(),
        })
    }
}

fn local_codes(client: &ClientConfig) -> LocalCodes {
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

fn problems(found: Vec<content::Problem>) -> StartError {
    StartError::Content(
        found
            .iter()
            .map(ToString::to_string)
            .collect::<Vec<_>>()
            .join("\n"),
    )
}

fn listen(address: SocketAddr) -> Result<(TcpListener, SocketAddr), StartError> {
    let refused = |source| StartError::Listen { address, source };
    let listener = TcpListener::bind(address).map_err(refused)?;
    let bound = listener.local_addr().map_err(refused)?;
    Ok((listener, bound))
}

fn run<F>(
    listener: TcpListener,
    workers: Option<usize>,
    live: &Arc<Live>,
    configure: F,
) -> Result<Server, StartError>
where
    F: Fn(&mut web::ServiceConfig) + Send + Clone + 'static,
{
    let live = Arc::clone(live);
    let mut server = HttpServer::new(move || {
        let seat = Rc::new(Seat::new(Arc::clone(&live)));
        Routes::new()
            .wrap_fn(move |mut request, next| {
                request.add_data_container(seat.data());
                next.call(request)
            })
            .configure(configure.clone())
    })
    .client_request_timeout(HEAD_WITHIN)
    .shutdown_timeout(DRAIN)
    .disable_signals();
    if let Some(workers) = workers {
        server = server.workers(workers);
    }
    Ok(server.listen(listener)?.run())
}
