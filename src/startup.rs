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

use crate::app::Callers;
use crate::capture::{Capture, CaptureError};
use crate::clock::Clock;
use crate::config::{ClientConfig, Config, Limits};
use crate::content;
use crate::demo::{self, DemoState, FeedbackSource, FeedbackUnavailable};
use crate::fhir::client::FhirClient;
use crate::http;
use crate::journal::{self, Journal, JournalError, JournalOptions};
use crate::operations::{self, HeartbeatError};
use crate::operator::{self, Operators};
use crate::outbound::Outbound;
use crate::smart::{self, Smart};
use crate::trust::{Client, TrustError};
use actix_web::dev::Server;
use actix_web::web;
use certificates::Certificates;
use listening::{Listening, listen, operate, run};
use parts::{BUILT_IN, Parts, Shared, problems};
use std::collections::HashMap;
use std::net::SocketAddr;
use std::sync::Arc;

pub use listening::scheme;
pub use live::{Live, ReloadError};
pub(crate) use parts::local_codes;
pub use stop::Signals;

/// Largest body that the demonstration reads.
const DEMO_BODY: usize = 8 * 1024 * 1024;

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
            .configure(|routes| http::routes(routes, &origins))
            .configure(http::front)
            .configure(smart::routes)
            .configure(operator::routes);
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
            .configure(|routes| http::routes(routes, &[]))
            .configure(demo::routes)
            .configure(http::front)
            .configure(smart::routes)
            .configure(operator::routes);
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
