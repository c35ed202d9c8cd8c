//! The registration sheet: what the team of an EHR needs to enter, and what it has to send back.
//!
//! Turns one client of the settings and the knowledge into Markdown. Every line comes from one of the two; what
//! neither says is a question to the EHR's team. It holds no secret, and nothing is asked of any server.

use super::ask::place;
use super::public_url;
use crate::clinical::knowledge::{Knowledge, Service};
use crate::clinical::record::Source;
use crate::clinical::vocabulary::AnalyteId;
use crate::config::{ClientConfig, Config, KeySource, SmartLogin};
use crate::fhir::query;
use crate::smart::survey::{Read, Survey, types};
use askama::Template;
use serde_json::Value;

#[derive(Template)]
#[template(path = "doctor/sheet.md", escape = "none")]
struct Sheet<'s> {
    client: &'s ClientConfig,
    public: String,
    content: &'s str,
    services: &'s [Service],
    prefetch: Vec<Prefetch>,
    scopes: Vec<Scope>,
    keys: String,
    algorithms: String,
    longest_life_s: u64,
    deadlines: Vec<String>,
    origins: &'s [String],
    app: Option<App<'s>>,
    secured: bool,
}

/// One prefetch template.
struct Prefetch {
    key: &'static str,
    /// The name under which this EHR sends it, if it has one of its own.
    theirs: Option<String>,
    template: String,
}

/// A type that is read, and why.
struct Scope {
    read: Read,
    why: String,
}

/// How the app is registered.
struct App<'s> {
    client_id: &'s str,
    login: &'static str,
    /// Id and algorithm of our public key.
    key: Option<(String, String)>,
    frames: &'s [String],
    /// Whether it may write a draft order.
    drafts: bool,
    /// Scopes of the settings that take the place of those in the table.
    own_scopes: Option<String>,
}

/// The sheet of one client.
///
/// # Errors
/// Why it cannot be written.
pub fn sheet(config: &Config, client: &ClientConfig, knowledge: &Knowledge) -> Result<String, String> {
    let hooks = knowledge.services.iter().map(|service| &*service.hook);
    let deadline = |hook: &str| client.deadlines.get(hook).unwrap_or(&client.deadline).as_millis();
    let sheet = Sheet {
        client,
        public: public_url(config),
        content: &knowledge.version,
        services: &knowledge.services,
        prefetch: prefetch(client, knowledge),
        scopes: types().into_iter().map(|read| scope(read, knowledge)).collect(),
        keys: match &client.keys {
            KeySource::None => "none".to_owned(),
            KeySource::File(_) => "a file that you send us; its keys are read again at a reload".to_owned(),
            KeySource::Url(url) => place(url),
        },
        algorithms: Vec::from_iter(client.algorithms.iter().map(|of| format!("{of:?}"))).join(" or "),
        longest_life_s: client.max_token_life.as_secs(),
        deadlines: hooks
            .map(|hook| format!("{hook} {} ms", deadline(hook)))
            .collect(),
        origins: &config.cors_origins,
        app: app(client)?,
        secured: config.tls.as_ref().is_some_and(|tls| tls.clients.is_some()),
    };
    sheet.render().map_err(|error| error.to_string())
}

fn prefetch(client: &ClientConfig, knowledge: &Knowledge) -> Vec<Prefetch> {
    let templates = query::templates(&knowledge.needs, &knowledge.vocabulary);
    let named = |key: &str| client.prefetch.iter().find(|(_, ours)| *ours == key);
    let one = |(key, template)| Prefetch {
        key,
        theirs: named(key).map(|(theirs, _)| theirs.clone()),
        template,
    };
    templates.into_iter().map(one).collect()
}

/// Why a type is read: for results the quantities themselves, so that nobody has to guess how much is asked for.
fn scope(read: Read, knowledge: &Knowledge) -> Scope {
    let names = |of: &[AnalyteId]| {
        let known = of
            .iter()
            .filter_map(|id| knowledge.vocabulary.analytes.get(usize::from(id.0)));
        Vec::from_iter(known.map(|analyte| &*analyte.name)).join(", ")
    };
    let why = match read.source {
        Some(Source::Patient) => "age and sex; whose chart it is".to_owned(),
        Some(Source::Medications) => {
            "what is stopped, what is taken beside it, what takes its place".to_owned()
        }
        Some(Source::Observations | Source::Screens) => format!(
            "results of the last {} days: {}; at any time: {}",
            knowledge.needs.observation_days,
            names(&knowledge.needs.observations),
            names(&knowledge.needs.screens)
        ),
        Some(Source::Conditions) => "why the drug is given, and what speaks against another".to_owned(),
        Some(Source::Allergies) => "which alternatives are out of the question".to_owned(),
        Some(Source::Procedures) => "transplantation and other operations".to_owned(),
        None => "the drug of an order that refers to it instead of naming it".to_owned(),
    };
    Scope { read, why }
}

fn app(client: &ClientConfig) -> Result<Option<App<'_>>, String> {
    let Some(smart) = &client.smart else {
        return Ok(None);
    };
    let survey = Survey::of(client).map_err(|error| error.to_string())?;
    let text = |key: &Value, member: &str| key[member].as_str().unwrap_or_default().to_owned();
    Ok(Some(App {
        client_id: &smart.client_id,
        login: match smart.login {
            SmartLogin::Public => "public client, PKCE with S256 only",
            SmartLogin::Secret(_) => {
                "confidential client with a shared secret (client_secret_basic), and PKCE with S256"
            }
            SmartLogin::Key(_) => {
                "confidential client with a signed assertion (private_key_jwt), and PKCE with S256"
            }
        },
        key: survey
            .and_then(|of| of.public_key())
            .map(|key| (text(&key, "kid"), text(&key, "alg"))),
        frames: &smart.frame_ancestors,
        drafts: smart.write_drafts,
        own_scopes: smart.scopes.as_ref().map(|scopes| scopes.join(" ")),
    }))
}
