//! Turns the settings file (TOML) into a [`Config`] in which every value has been checked.
//!
//! Nothing after this module meets a setting that it would have to doubt: addresses are parsed,
//! paths are absolute, no name or issuer stands twice. An error names the file, the line and the key.
//! It never opens a connection and never reads a key set's content; `trust` does that.
//! The names of the settings are part of the outside contract, section 5. The file that documents
//! them all is `deploy/settings.default.toml`.

mod capture;
mod check;
mod file;
mod journal;
mod limits;
mod operations;
mod shows;
mod smart;
mod tls;
mod traces;
#[cfg(test)]
mod tests;

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;

use crate::clinical::practice::Practice;
use crate::journal::JournalAddress;
use crate::outbound::Outbound;
use secrecy::SecretString;
use serde::Deserialize;
use std::collections::BTreeMap;
use std::sync::Arc;
use url::Url;

pub use capture::CaptureConfig;
pub use limits::{BreakerConfig, Limits, Rate};
pub use operations::HeartbeatConfig;
pub use shows::{Detail, Selection, Shows, SuggestionKind, WhenDataMissing};
pub use smart::{SmartConfig, SmartLogin};
pub(crate) use tls::provider as tls_provider;
pub use tls::{ClientTls, Tls};
pub use traces::TracesConfig;

/// Request extension by which the demonstration's EHR says what made it fire `patient-view`.
pub(crate) const DEMO_TRIGGER: &str = "org.stepdown.demo.trigger";
/// Its value after orders were stopped.
pub(crate) const DEMO_STOP: &str = "discontinue";
/// Request extension by which the demonstration's EHR says that it can launch the companion app.
pub(crate) const DEMO_APP: &str = "org.stepdown.demo.app";
/// Its value.
pub(crate) const DEMO_LAUNCH: &str = "launch";

/// Everything that an operator decides, checked.
#[derive(Debug, Clone)]
pub struct Config {
    /// Socket address to listen on; `127.0.0.1:8080` unless set.
    pub listen: SocketAddr,
    /// Address under which callers reach the service, without a trailing slash: the start of every
    /// token audience. `None` only where `listen` is a loopback address; then it is `http://ADDR`.
    pub public_url: Option<String>,
    /// The EHRs that may call; at least one, with distinct names and issuers.
    pub clients: Vec<ClientConfig>,
    /// Where answers and feedback are kept.
    pub journal: JournalConfig,
    /// Largest request body that is read, in bytes; 8 MiB unless set.
    pub max_body_bytes: usize,
    /// Whether discovery also lists services whose prefetch templates hold dates in FHIRPath.
    pub dated_templates: bool,
    /// Where outgoing connections may lead.
    pub outbound: Outbound,
    /// Number of HTTP workers; `None` means one per core.
    pub workers: Option<usize>,
    /// A site's own copy of the knowledge folder; `None` means the one built in.
    pub knowledge: Option<PathBuf>,
    /// Bounds of the process.
    pub limits: Limits,
    /// Origins whose pages may call from a browser; none unless set.
    pub cors_origins: Vec<String>,
    /// TLS of our own; `None` where a proxy in front ends it.
    pub tls: Option<Tls>,
    /// Where operators read metrics and reload; nowhere unless set.
    pub admin: Option<SocketAddr>,
    /// The synthetic patient; `None` if it is turned off.
    pub heartbeat: Option<HeartbeatConfig>,
    /// How long the service says that it is not ready, and still takes calls, before it ends; 0 unless set.
    pub unready: Duration,
    /// The file that these settings came from, to be read again at a reload.
    pub file: Option<PathBuf>,
    /// Who may look at what the journal holds; nobody unless set.
    pub operators: Vec<OperatorConfig>,
    /// Where spans are sent; nowhere unless set.
    pub traces: Option<TracesConfig>,
    /// Where recent requests are kept; nowhere unless set.
    pub capture: Option<CaptureConfig>,
}

/// Somebody who may look at what the journal holds.
#[derive(Debug, Clone)]
pub struct OperatorConfig {
    /// Name under which verdicts and looks are kept; unique.
    pub name: String,
    /// What is shown to prove it; unique.
    pub token: SecretString,
}

/// One EHR that may call the service.
#[derive(Debug, Clone)]
pub struct ClientConfig {
    /// Name in logs, metrics and the journal; unique.
    pub name: String,
    /// The exact `iss` of its tokens; unique.
    pub issuer: String,
    /// Where its public keys come from.
    pub keys: KeySource,
    /// Base address of its FHIR server; the path ends with one `/`, so that [`Url::join`] appends.
    pub fhir_base: Url,
    /// Overall budget of one hook call; 2 seconds unless set.
    pub deadline: Duration,
    /// Signature algorithms its tokens may use; ES384 and RS384 unless set.
    pub algorithms: Vec<SignatureAlgorithm>,
    /// The only `jku` that its token headers may carry. `None`: a token with a `jku` is refused.
    pub jku: Option<String>,
    /// Longest `exp - iat` of a token; 900 seconds unless set.
    pub max_token_life: Duration,
    /// Local codes of this site and what they mean.
    pub codes: Vec<LocalCode>,
    /// How the companion app is registered with it, if it is.
    pub smart: Option<SmartConfig>,
    /// Budgets of single hooks, where they differ from `deadline`.
    pub deadlines: BTreeMap<String, Duration>,
    /// Country, and rules that are evaluated in silence.
    pub practice: Practice,
    /// What its servers are shown, and which authority they are believed by, where that differs from the machine's.
    pub tls: Option<Arc<ClientTls>>,
    /// What it can show and take.
    pub shows: Shows,
    /// Names of its prefetch keys, and ours for the same.
    pub prefetch: Vec<(String, &'static str)>,
    /// Bound on its calls; `None` for none.
    pub rate: Option<Rate>,
    /// When its FHIR server is left alone.
    pub breaker: BreakerConfig,
    /// By which values of a request extension it says, at `patient-view`, that orders were stopped.
    pub stop_triggers: Option<StopTriggers>,
    /// Whether its `traceparent` is the parent of our spans, and not only a link; off unless set.
    pub trusts_traceparent: bool,
    /// Whether its FHIR server is told the trace of a read; off unless set.
    pub sends_traceparent: bool,
    /// Whether its requests are kept for a while; off unless set.
    pub captured: bool,
}

/// An EHR that has no hook for a stop may fire `patient-view` from a trigger of its own and say so in an
/// extension of the request.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct StopTriggers {
    /// Name of the member of `extension`.
    pub extension: String,
    /// The values that mean that orders were stopped.
    pub codes: Vec<String>,
}

/// Where the public keys of a client come from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum KeySource {
    /// None: the demonstration's own client, which no settings file can describe.
    None,
    /// A JSON Web Key Set on disk, read once at start; the path is absolute.
    File(PathBuf),
    /// A JSON Web Key Set fetched and cached while the service runs.
    Url(Url),
}

/// A signature algorithm that a token may use. There is no other: neither `none` nor a symmetric
/// one can be written down, let alone configured.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Deserialize)]
pub enum SignatureAlgorithm {
    /// ECDSA on P-256 with SHA-256.
    ES256,
    /// ECDSA on P-384 with SHA-384.
    ES384,
    /// RSA PKCS#1 v1.5 with SHA-256.
    RS256,
    /// RSA PKCS#1 v1.5 with SHA-384.
    RS384,
}

/// A code that only this site uses, and the public code with the same meaning.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct LocalCode {
    /// System of the local code.
    pub system: String,
    /// The local code.
    pub code: String,
    /// System of the public code.
    pub maps_to_system: String,
    /// The public code.
    pub maps_to_code: String,
}

/// Where and how long the journal is kept.
#[derive(Debug, Clone)]
pub struct JournalConfig {
    /// `sqlite:` followed by an absolute path, or `postgres://…`.
    pub address: JournalAddress,
    /// Days after which evaluations, cards, feedback and audit entries are removed; 400 unless set.
    pub retention_days: u32,
    /// Whether free-text comments of feedback are kept; they may speak of a patient. Off unless set.
    pub keep_comments: bool,
    /// What becomes of a call whose token cannot be taken as used.
    pub when_unavailable: WhenUnavailable,
}

/// What becomes of a call while the journal cannot take its token as used.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum WhenUnavailable {
    /// It is answered 503: no token is ever accepted twice.
    #[default]
    Refuse,
    /// It is answered. The process remembers the tokens that it has seen; another replica does not.
    Accept,
}

/// Why the settings cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    /// The settings file itself cannot be read.
    #[error("{}: {source}", file.display())]
    Unreadable {
        /// The settings file.
        file: PathBuf,
        /// What the operating system said.
        source: std::io::Error,
    },
    /// A setting, or a line of a code list that a setting names, cannot be used.
    #[error("{}:{line}: `{key}`: {message}", file.display())]
    Invalid {
        /// The file that holds the line.
        file: PathBuf,
        /// Line in that file, counted from 1.
        line: usize,
        /// The setting, as it is written in the file; for a code list its columns.
        key: String,
        /// What is wrong with it, and what would be right.
        message: String,
    },
}

impl Config {
    /// Reads the settings file at `path`; relative paths in it start at the file's folder.
    ///
    /// # Errors
    /// [`ConfigError`] if the file, or a file that it names, cannot be read or used.
    pub fn load(path: &Path) -> Result<Self, ConfigError> {
        let unreadable = |source| ConfigError::Unreadable {
            file: path.to_owned(),
            source,
        };
        let text = std::fs::read_to_string(path).map_err(unreadable)?;
        let absolute = std::path::absolute(path).map_err(unreadable)?;
        let folder = absolute.parent().unwrap_or(&absolute);
        let config = check::config(&text, path, folder)?;
        Ok(Self {
            file: Some(absolute.clone()),
            ..config
        })
    }

    /// Reads settings from `text`; relative paths in it start at `base_dir`, an absolute path.
    ///
    /// # Errors
    /// [`ConfigError`] as for [`Config::load`]; the file is called `settings`.
    pub fn from_toml(text: &str, base_dir: &Path) -> Result<Self, ConfigError> {
        check::config(text, Path::new("settings"), base_dir)
    }
}

impl ClientConfig {
    /// The client of the demonstration: no key, so that no token is ever accepted for it.
    pub(crate) fn for_demo(fhir_base: Url) -> Self {
        let smart = SmartConfig::for_demo(&fhir_base);
        Self {
            smart: Some(smart),
            name: "demo".to_owned(),
            issuer: "urn:stepdown:demo".to_owned(),
            keys: KeySource::None,
            fhir_base: check::with_final_slash(fhir_base),
            deadline: Duration::from_millis(check::DEFAULT_DEADLINE_MS),
            algorithms: Vec::new(),
            jku: None,
            max_token_life: Duration::ZERO,
            codes: Vec::new(),
            deadlines: BTreeMap::new(),
            practice: Practice::default(),
            tls: None,
            shows: Shows::default(),
            prefetch: Vec::new(),
            rate: None,
            breaker: BreakerConfig::default(),
            stop_triggers: Some(StopTriggers {
                extension: DEMO_TRIGGER.to_owned(),
                codes: vec![DEMO_STOP.to_owned()],
            }),
            trusts_traceparent: false,
            sends_traceparent: false,
            captured: false,
        }
    }
}
