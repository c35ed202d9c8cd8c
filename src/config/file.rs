//! The settings file as it is written: names, types and defaults, nothing checked beyond them.
//!
//! Every value that `check` may refuse keeps its place in the file, so that the error can name the line.

use serde::Deserialize;
use std::collections::BTreeMap;
use toml::Spanned;

use super::shows::{Detail, Selection, SuggestionKind, WhenDataMissing};
use super::{SignatureAlgorithm, StopTriggers, WhenUnavailable};

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
    #[serde(default)]
    pub(super) dated_templates: bool,
    pub(super) private_addresses: Option<bool>,
    pub(super) workers: Option<Spanned<usize>>,
    pub(super) knowledge: Option<Spanned<String>>,
    pub(super) max_calls: Option<Spanned<usize>>,
    pub(super) head_timeout_ms: Option<Spanned<u64>>,
    pub(super) body_timeout_ms: Option<Spanned<u64>>,
    pub(super) keep_alive_s: Option<Spanned<u64>>,
    #[serde(default)]
    pub(super) cors_origins: Vec<Spanned<String>>,
    #[serde(default)]
    pub(super) silent: Vec<Spanned<String>>,
    pub(super) tls: Option<Tls>,
    pub(super) unready_seconds: Option<Spanned<u64>>,
    pub(super) admin: Option<Admin>,
    #[serde(default)]
    pub(super) heartbeat: Heartbeat,
    pub(super) operator: Option<Operator>,
    pub(super) traces: Option<Traces>,
    pub(super) capture: Option<Capture>,
}

/// `[capture]`.
#[derive(Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub(super) struct Capture {
    pub(super) folder: Spanned<String>,
    pub(super) days: Option<Spanned<u32>>,
    pub(super) max_mb: Option<Spanned<u64>>,
}

/// `[traces]`.
#[derive(Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub(super) struct Traces {
    pub(super) endpoint: Spanned<String>,
    pub(super) sample_ratio: Option<Spanned<f64>>,
    pub(super) headers_file: Option<Spanned<String>>,
}

/// `[operator]`.
#[derive(Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub(super) struct Operator {
    pub(super) token_file: Option<Spanned<String>>,
    #[serde(default)]
    pub(super) person: Vec<Spanned<Person>>,
}

/// One `[[operator.person]]`.
#[derive(Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub(super) struct Person {
    pub(super) name: Spanned<String>,
    pub(super) token_file: Spanned<String>,
}

/// `[tls]`.
#[derive(Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub(super) struct Tls {
    pub(super) certificate: Spanned<String>,
    pub(super) private_key: Spanned<String>,
    pub(super) client_ca: Option<Spanned<String>>,
}

/// `[client.tls]`.
#[derive(Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub(super) struct ClientTls {
    pub(super) certificate: Option<Spanned<String>>,
    pub(super) private_key: Option<Spanned<String>>,
    pub(super) server_ca: Option<Spanned<String>>,
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
    pub(super) country: Option<Country>,
    #[serde(default)]
    pub(super) silent: Vec<Spanned<String>>,
    pub(super) profile: Option<Spanned<String>>,
    pub(super) shows: Option<Shows>,
    #[serde(default)]
    pub(super) prefetch: BTreeMap<Spanned<String>, Spanned<String>>,
    #[serde(default)]
    pub(super) deadlines_ms: BTreeMap<Spanned<String>, Spanned<u64>>,
    pub(super) rate: Option<Rate>,
    pub(super) breaker: Option<Breaker>,
    pub(super) stop_triggers: Option<Spanned<StopTriggers>>,
    pub(super) tls: Option<ClientTls>,
    pub(super) smart: Option<Smart>,
    #[serde(default)]
    pub(super) trust_traceparent: bool,
    #[serde(default)]
    pub(super) send_traceparent: bool,
    pub(super) capture: Option<Spanned<bool>>,
}

/// `[client.smart]`.
#[derive(Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub(super) struct Smart {
    pub(super) client_id: Spanned<String>,
    pub(super) secret_file: Option<Spanned<String>>,
    pub(super) key_file: Option<Spanned<String>>,
    pub(super) scopes: Option<Spanned<Vec<String>>>,
    #[serde(default)]
    pub(super) write_drafts: bool,
    pub(super) frame_ancestors: Option<Spanned<Vec<String>>>,
}

/// `country`: whose label a site follows.
#[derive(Clone, Copy, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(super) enum Country {
    Us,
    Eu,
}

/// `[client.shows]`, and one table of `profiles.toml`.
#[derive(Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub(super) struct Shows {
    pub(super) max_cards: Option<Spanned<usize>>,
    pub(super) max_suggestions: Option<Spanned<usize>>,
    pub(super) suggestions: Option<Vec<SuggestionKind>>,
    pub(super) selection_behavior: Option<Selection>,
    pub(super) suggested_doses: Option<bool>,
    pub(super) smart_links: Option<bool>,
    pub(super) app_context: Option<bool>,
    pub(super) links: Option<Vec<Spanned<String>>>,
    pub(super) detail: Option<Detail>,
    pub(super) when_data_missing: Option<WhenDataMissing>,
}

/// `[client.rate]`.
#[derive(Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub(super) struct Rate {
    pub(super) per_second: Spanned<u32>,
    pub(super) burst: Option<Spanned<u32>>,
}

/// `[client.breaker]`.
#[derive(Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub(super) struct Breaker {
    pub(super) failures: Option<Spanned<u32>>,
    pub(super) pause_ms: Option<Spanned<u64>>,
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
    pub(super) password_file: Option<Spanned<String>>,
    pub(super) retention_days: Option<Spanned<u32>>,
    #[serde(default)]
    pub(super) keep_comments: bool,
    #[serde(default)]
    pub(super) when_unavailable: WhenUnavailable,
}
