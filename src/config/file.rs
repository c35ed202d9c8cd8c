//! The settings file as it is written: names, types and defaults, nothing checked beyond them.
//!
//! Every value that `check` may refuse keeps its place in the file, so that the error can name the line.

use serde::Deserialize;
use toml::Spanned;

use super::{SignatureAlgorithm, StopTriggers};

/// The whole file.
#[derive(Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub(super) struct Settings {
    pub(super) listen: Option<Spanned<String>>,
    pub(super) public_url: Option<Spanned<String>>,
    #[serde(default)]
    pub(super) client: Vec<Spanned<Client>>,
    pub(super) journal: Journal,
    pub(super) max_body_bytes: Option<Spanned<usize>>,
    pub(super) workers: Option<Spanned<usize>>,
    pub(super) knowledge: Option<Spanned<String>>,
    pub(super) unready_seconds: Option<Spanned<u64>>,
    pub(super) admin: Option<Admin>,
    #[serde(default)]
    pub(super) heartbeat: Heartbeat,
}

/// One `[[client]]`.
#[derive(Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub(super) struct Client {
    pub(super) name: Spanned<String>,
    pub(super) issuer: Spanned<String>,
    pub(super) jwks_file: Option<Spanned<String>>,
    pub(super) jwks_url: Option<Spanned<String>>,
    pub(super) fhir_base: Spanned<String>,
    pub(super) deadline_ms: Option<Spanned<u64>>,
    pub(super) algorithms: Option<Spanned<Vec<SignatureAlgorithm>>>,
    pub(super) jku: Option<Spanned<String>>,
    pub(super) max_token_life_s: Option<Spanned<u64>>,
    pub(super) codes: Option<Spanned<String>>,
    pub(super) stop_triggers: Option<Spanned<StopTriggers>>,
    #[serde(default)]
    pub(super) silent: Vec<Spanned<String>>,
}

/// `[admin]`.
#[derive(Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub(super) struct Admin {
    pub(super) listen: Spanned<String>,
}

/// `[heartbeat]`.
#[derive(Deserialize, Default)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub(super) struct Heartbeat {
    pub(super) every_seconds: Option<Spanned<u64>>,
    pub(super) file: Option<Spanned<String>>,
}

/// `[journal]`.
#[derive(Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub(super) struct Journal {
    pub(super) url: Spanned<String>,
    pub(super) retention_days: Option<Spanned<u32>>,
    #[serde(default)]
    pub(super) keep_comments: bool,
}
