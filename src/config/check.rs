//! Settings as written to settings as meant: parses addresses, resolves paths, refuses what is unsafe.
//!
//! Refused here: no client, a name or an issuer used twice, plain HTTP to another machine, a key
//! set that cannot be opened, an address with a password in it.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::time::Duration;

use toml::Spanned;
use url::Url;

use crate::clinical::practice::{Country, Practice, RulePattern};
use crate::clinical::record::SOURCES;
use crate::outbound::{Outbound, is_loopback};

use super::{
    ClientConfig, Config, ConfigError, KeySource, LocalCode, SignatureAlgorithm, StopTriggers, file,
    operations,
};
use super::{capture, journal, limits, shows, tls, traces};

const DEFAULT_LISTEN: &str = "127.0.0.1:8080";
const DEFAULT_BODY_BYTES: usize = 8 * 1024 * 1024;
pub(super) const DEFAULT_DEADLINE_MS: u64 = 2_000;
const DEFAULT_TOKEN_LIFE_S: u64 = 900;

/// The text of the file and where it lies: what an error needs to name a line.
pub(super) struct Source<'a> {
    text: &'a str,
    file: &'a Path,
    pub(super) folder: &'a Path,
}

impl<'a> Source<'a> {
    pub(super) fn new(text: &'a str, file: &'a Path, folder: &'a Path) -> Self {
        Self { text, file, folder }
    }

    fn line(&self, span: &Range<usize>) -> usize {
        let before = self.text.as_bytes().get(..span.start).unwrap_or_default();
        before.iter().filter(|byte| **byte == b'\n').count() + 1
    }

    pub(super) fn invalid(&self, span: &Range<usize>, key: &str, message: impl Into<String>) -> ConfigError {
        let (file, line) = (self.file.to_owned(), self.line(span));
        ConfigError::Invalid {
            file,
            line,
            key: key.to_owned(),
            message: message.into(),
        }
    }

    /// What the TOML reader refused. It knows the place; the key is what stands there on the line.
    pub(super) fn unreadable(&self, error: &toml::de::Error) -> ConfigError {
        let span = error.span().unwrap_or_default();
        let text = self.text.lines().nth(self.line(&span) - 1).unwrap_or_default();
        let key = text.split('=').next().unwrap_or_default().trim();
        self.invalid(&span, key, error.message())
    }

    pub(super) fn path(&self, value: &Spanned<String>, key: &str) -> Result<PathBuf, ConfigError> {
        if value.get_ref().is_empty() {
            return Err(self.invalid(&value.span(), key, "is empty"));
        }
        Ok(self.folder.join(value.get_ref()))
    }

    pub(super) fn address(&self, value: &Spanned<String>, key: &str) -> Result<Url, ConfigError> {
        let refuse = |message: &str| self.invalid(&value.span(), key, message);
        let url =
            Url::parse(value.get_ref()).map_err(|error| refuse(&format!("is not an address: {error}")))?;
        if !matches!(url.scheme(), "https" | "http") || !url.has_host() {
            return Err(refuse("must be an http or https address"));
        }
        if !url.username().is_empty() || url.password().is_some() {
            return Err(refuse("must not hold a user name or a password"));
        }
        if url.fragment().is_some() {
            return Err(refuse("must not hold a fragment"));
        }
        Ok(url)
    }

    /// An address that this service calls: plain HTTP only to this machine.
    pub(super) fn outbound(&self, value: &Spanned<String>, key: &str) -> Result<Url, ConfigError> {
        let url = self.address(value, key)?;
        if url.scheme() == "http" && !is_loopback(&url) {
            return Err(self.invalid(
                &value.span(),
                key,
                "must be https unless its host is this machine",
            ));
        }
        Ok(url)
    }

    /// A base address: no query, and exactly one `/` at the end of the path.
    fn base(&self, url: Url, value: &Spanned<String>, key: &str) -> Result<Url, ConfigError> {
        if url.query().is_some() {
            return Err(self.invalid(&value.span(), key, "must not hold a query"));
        }
        Ok(with_final_slash(url))
    }

    pub(super) fn number<T: Copy + PartialOrd + std::fmt::Display>(
        &self,
        value: Option<&Spanned<T>>,
        key: &str,
        default: T,
        range: std::ops::RangeInclusive<T>,
    ) -> Result<T, ConfigError> {
        let Some(value) = value else {
            return Ok(default);
        };
        if range.contains(value.get_ref()) {
            return Ok(*value.get_ref());
        }
        let message = format!("must lie between {} and {}", range.start(), range.end());
        Err(self.invalid(&value.span(), key, message))
    }
}

/// The same address with exactly one `/` at the end of its path.
pub(super) fn with_final_slash(mut url: Url) -> Url {
    let path = format!("{}/", url.path().trim_end_matches('/'));
    url.set_path(&path);
    url
}

/// Reads and checks the whole file.
pub(super) fn config(text: &str, file: &Path, folder: &Path) -> Result<Config, ConfigError> {
    let source = Source::new(text, file, folder);
    let settings: file::Settings = toml::from_str(text).map_err(|error| source.unreadable(&error))?;
    let listen = listen(&source, settings.listen.as_ref())?;
    let journal = journal::journal(&source, &settings.journal)?;
    Ok(Config {
        admin: operations::admin(&source, settings.admin.as_ref(), listen)?,
        heartbeat: operations::heartbeat(&source, &settings.heartbeat)?,
        unready: operations::unready(&source, settings.unready_seconds.as_ref())?,
        file: None,
        public_url: public_url(&source, settings.public_url.as_ref(), listen)?,
        listen,
        clients: clients(&source, &settings)?,
        capture: capture::capture(&source, &settings, journal.retention_days)?,
        journal,
        dated_templates: settings.dated_templates,
        outbound: Outbound {
            private: settings.private_addresses.unwrap_or(true),
        },
        max_body_bytes: source.number(
            settings.max_body_bytes.as_ref(),
            "max-body-bytes",
            DEFAULT_BODY_BYTES,
            1024..=256 * 1024 * 1024,
        )?,
        workers: match settings.workers.as_ref() {
            Some(workers) => Some(source.number(Some(workers), "workers", 1, 1..=1024)?),
            None => None,
        },
        knowledge: match settings.knowledge.as_ref() {
            Some(path) => Some(folder_path(&source, path, "knowledge")?),
            None => None,
        },
        limits: limits::limits(&source, &settings)?,
        cors_origins: limits::origins(&source, &settings.cors_origins)?,
        tls: settings
            .tls
            .as_ref()
            .map(|tls| tls::read(&source, tls))
            .transpose()?,
        operators: journal::operators(&source, settings.operator.as_ref())?,
        traces: traces::traces(&source, settings.traces.as_ref())?,
    })
}

fn listen(source: &Source<'_>, value: Option<&Spanned<String>>) -> Result<SocketAddr, ConfigError> {
    let text = value.map_or(DEFAULT_LISTEN, |value| value.get_ref());
    let span = value.map(Spanned::span).unwrap_or_default();
    text.parse().map_err(|_| {
        source.invalid(
            &span,
            "listen",
            "must be an IP address and a port, as 127.0.0.1:8080",
        )
    })
}

fn public_url(
    source: &Source<'_>,
    value: Option<&Spanned<String>>,
    listen: SocketAddr,
) -> Result<Option<String>, ConfigError> {
    let Some(value) = value else {
        if listen.ip().is_loopback() {
            return Ok(None);
        }
        let message = "is needed where `listen` is not a loopback address: token audiences begin with it";
        return Err(source.invalid(&(0..0), "public-url", message));
    };
    let url = source.base(source.address(value, "public-url")?, value, "public-url")?;
    Ok(Some(url.as_str().trim_end_matches('/').to_owned()))
}

fn folder_path(source: &Source<'_>, value: &Spanned<String>, key: &str) -> Result<PathBuf, ConfigError> {
    let path = source.path(value, key)?;
    if path.is_dir() {
        return Ok(path);
    }
    Err(source.invalid(&value.span(), key, format!("{} is not a folder", path.display())))
}

fn clients(source: &Source<'_>, settings: &file::Settings) -> Result<Vec<ClientConfig>, ConfigError> {
    let written = &settings.client;
    if written.is_empty() {
        return Err(source.invalid(
            &(0..0),
            "client",
            "at least one [[client]] is needed: nobody could call",
        ));
    }
    let silent = silent(source, &settings.silent)?;
    let mut clients: Vec<ClientConfig> = Vec::with_capacity(written.len());
    for entry in written {
        let entry = entry.get_ref();
        let made = client(source, entry, &silent)?;
        if clients.iter().any(|other| other.name == made.name) {
            return Err(source.invalid(&entry.name.span(), "name", "another client has this name"));
        }
        if clients.iter().any(|other| other.issuer == made.issuer) {
            return Err(source.invalid(&entry.issuer.span(), "issuer", "another client has this issuer"));
        }
        let launches_here = |other: &ClientConfig| other.smart.is_some() && other.fhir_base == made.fhir_base;
        if made.smart.is_some() && clients.iter().any(launches_here) {
            let message =
                "another client with [client.smart] has this address: a launch could not tell them apart";
            return Err(source.invalid(&entry.fhir_base.span(), "fhir-base", message));
        }
        clients.push(made);
    }
    Ok(clients)
}

fn client(
    source: &Source<'_>,
    written: &file::Client,
    silent_everywhere: &[RulePattern],
) -> Result<ClientConfig, ConfigError> {
    for (value, key) in [(&written.name, "name"), (&written.issuer, "issuer")] {
        if value.get_ref().trim().is_empty() {
            return Err(source.invalid(&value.span(), key, "is empty"));
        }
    }
    let keys = keys(source, written)?;
    let fhir_base = source.outbound(&written.fhir_base, "fhir-base")?;
    let deadline = source.number(
        written.deadline_ms.as_ref(),
        "deadline-ms",
        DEFAULT_DEADLINE_MS,
        1..=limits::LONGEST_MS,
    )?;
    let life = source.number(
        written.max_token_life_s.as_ref(),
        "max-token-life-s",
        DEFAULT_TOKEN_LIFE_S,
        1..=3_600,
    )?;
    Ok(ClientConfig {
        name: written.name.get_ref().clone(),
        issuer: written.issuer.get_ref().clone(),
        jku: jku(written, &keys),
        keys,
        fhir_base: source.base(fhir_base, &written.fhir_base, "fhir-base")?,
        deadline: Duration::from_millis(deadline),
        algorithms: algorithms(source, written.algorithms.as_ref())?,
        max_token_life: Duration::from_secs(life),
        codes: codes(source, written.codes.as_ref())?,
        smart: match &written.smart {
            Some(smart) => Some(super::smart::read(source, smart, written.fhir_base.get_ref())?),
            None => None,
        },
        deadlines: limits::deadlines(source, &written.deadlines_ms)?,
        practice: Practice {
            country: written.country.map(|country| match country {
                file::Country::Us => Country::Us,
                file::Country::Eu => Country::Eu,
            }),
            silent: [silent_everywhere, &silent(source, &written.silent)?].concat(),
        },
        tls: written
            .tls
            .as_ref()
            .map(|tls| tls::read_client(source, tls))
            .transpose()?,
        shows: shows::read(source, written)?,
        prefetch: prefetch(source, &written.prefetch)?,
        rate: written
            .rate
            .as_ref()
            .map(|rate| limits::rate(source, rate))
            .transpose()?,
        breaker: limits::breaker(source, written.breaker.as_ref())?,
        stop_triggers: stop_triggers(source, written.stop_triggers.as_ref())?,
        trusts_traceparent: written.trust_traceparent,
        sends_traceparent: written.send_traceparent,
        captured: written.capture.as_ref().is_some_and(|on| *on.get_ref()),
    })
}

/// `silent`: rules that are evaluated and not shown.
fn silent(source: &Source<'_>, written: &[Spanned<String>]) -> Result<Vec<RulePattern>, ConfigError> {
    let one = |value: &Spanned<String>| {
        let message = "must be drug/table/row, or end in /* for all of a drug or table";
        RulePattern::parse(value.get_ref()).ok_or_else(|| source.invalid(&value.span(), "silent", message))
    };
    written.iter().map(one).collect()
}

/// `[client.prefetch]`: what a site calls the keys that we know by other names.
fn prefetch(
    source: &Source<'_>,
    written: &BTreeMap<Spanned<String>, Spanned<String>>,
) -> Result<Vec<(String, &'static str)>, ConfigError> {
    let one = |(ours, theirs): (&Spanned<String>, &Spanned<String>)| {
        let known = SOURCES.into_iter().find(|known| known.key() == ours.get_ref());
        let Some(known) = known else {
            let all: Vec<&str> = SOURCES.iter().map(|known| known.key()).collect();
            let message = format!("is none of our prefetch keys: {}", all.join(", "));
            return Err(source.invalid(&ours.span(), ours.get_ref(), message));
        };
        Ok((theirs.get_ref().clone(), known.key()))
    };
    written.iter().map(one).collect()
}

fn stop_triggers(
    source: &Source<'_>,
    written: Option<&Spanned<StopTriggers>>,
) -> Result<Option<StopTriggers>, ConfigError> {
    let Some(written) = written else {
        return Ok(None);
    };
    let triggers = written.get_ref();
    let refuse = |message: &str| source.invalid(&written.span(), "stop-triggers", message);
    if triggers.extension.trim().is_empty() {
        return Err(refuse("names no extension"));
    }
    if triggers.codes.is_empty() || triggers.codes.iter().any(|code| code.trim().is_empty()) {
        return Err(refuse("needs codes, and none of them empty"));
    }
    Ok(Some(triggers.clone()))
}

fn keys(source: &Source<'_>, written: &file::Client) -> Result<KeySource, ConfigError> {
    match (&written.jwks_file, &written.jwks_url) {
        (Some(file), None) => {
            let path = source.path(file, "jwks-file")?;
            let refuse =
                |error| source.invalid(&file.span(), "jwks-file", format!("{}: {error}", path.display()));
            std::fs::read(&path).map_err(refuse)?;
            Ok(KeySource::File(path))
        }
        (None, Some(url)) => Ok(KeySource::Url(source.outbound(url, "jwks-url")?)),
        (Some(_), Some(url)) => {
            Err(source.invalid(&url.span(), "jwks-url", "stands beside jwks-file: keep one"))
        }
        (None, None) => Err(source.invalid(
            &written.name.span(),
            "jwks-file",
            "this client needs jwks-file or jwks-url",
        )),
    }
}

/// Without a setting of its own, a `jku` may name the address that the keys come from anyway.
fn jku(written: &file::Client, keys: &KeySource) -> Option<String> {
    match (&written.jku, keys, &written.jwks_url) {
        (Some(jku), _, _) => Some(jku.get_ref().clone()),
        (None, KeySource::Url(_), Some(url)) => Some(url.get_ref().clone()),
        (None, _, _) => None,
    }
}

fn algorithms(
    source: &Source<'_>,
    written: Option<&Spanned<Vec<SignatureAlgorithm>>>,
) -> Result<Vec<SignatureAlgorithm>, ConfigError> {
    let Some(list) = written else {
        return Ok(vec![SignatureAlgorithm::ES384, SignatureAlgorithm::RS384]);
    };
    if list.get_ref().is_empty() {
        return Err(source.invalid(&list.span(), "algorithms", "is empty: no token could be accepted"));
    }
    Ok(list.get_ref().clone())
}

fn codes(source: &Source<'_>, written: Option<&Spanned<String>>) -> Result<Vec<LocalCode>, ConfigError> {
    let Some(value) = written else {
        return Ok(Vec::new());
    };
    let path = source.path(value, "codes")?;
    let mut reader = csv::Reader::from_path(&path)
        .map_err(|error| source.invalid(&value.span(), "codes", format!("{}: {error}", path.display())))?;
    let read = |row: Result<LocalCode, csv::Error>| {
        row.map_err(|error| {
            let line = error.position().map_or(1, csv::Position::line);
            ConfigError::Invalid {
                file: path.clone(),
                line: usize::try_from(line).unwrap_or(usize::MAX),
                key: "system,code,maps-to-system,maps-to-code".to_owned(),
                message: error.to_string(),
            }
        })
    };
    reader.deserialize().map(read).collect()
}
