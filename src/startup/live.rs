//! The version of settings and tables in use, and the change to another one.
//!
//! A reload reads and checks everything first; only what is whole takes the place of what was there. What
//! cannot be used is refused with its problems, and the old version goes on. A call that has begun keeps its
//! version to the end; a certificate is another one from the next connection on. It never changes an address, the
//! number of workers, whether there is TLS, the journal or how the companion app is registered: those need a restart.

use super::StartError;
use super::parts::{Parts, Shared};
use crate::app::App;
use crate::config::{ClientConfig, Config, ConfigError};
use crate::fhir::client::FhirClient;
use actix_web::dev::Extensions;
use actix_web::web;
use std::cell::{Cell, RefCell};
use std::net::SocketAddr;
use std::rc::Rc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError, RwLock};

/// The version in use.
pub struct Live {
    shared: Shared,
    address: SocketAddr,
    current: RwLock<App>,
    /// Counts the versions, so that a worker sees without a lock whether there is a new one.
    generation: AtomicU64,
    /// The settings in use; locked while they are read anew. `None` in the demonstration.
    settings: Mutex<Option<Config>>,
}

/// Why a reload was refused; the old version goes on.
#[derive(Debug, thiserror::Error)]
pub enum ReloadError {
    /// The settings cannot be used.
    #[error(transparent)]
    Settings(#[from] ConfigError),
    /// Tables, keys or clients cannot be used.
    #[error(transparent)]
    Start(#[from] StartError),
    /// The demonstration has nothing to read anew.
    #[error("the demonstration has no settings to reload")]
    Fixed,
}

impl Live {
    /// The first version.
    pub(super) fn new(shared: Shared, address: SocketAddr, config: Config) -> Result<Self, StartError> {
        let app = Parts::from_settings(&config, address, &shared, None)?;
        Ok(Self {
            address,
            settings: Mutex::new(Some(config)),
            ..Self::fixed(shared, app)
        })
    }

    /// A version that stays.
    pub(super) fn fixed(shared: Shared, app: App) -> Self {
        app.board.announce();
        Self {
            shared,
            address: SocketAddr::from(([127, 0, 0, 1], 0)),
            current: RwLock::new(app),
            generation: AtomicU64::new(1),
            settings: Mutex::new(None),
        }
    }

    /// The version in use.
    pub fn current(&self) -> App {
        self.current
            .read()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }

    /// Says that the service is about to end: it is no longer ready.
    pub fn end(&self) {
        self.shared.ending.store(true, Ordering::Relaxed);
    }

    /// Reads settings, keys and tables anew and, if all are whole, takes them into use. Returns the version of
    /// the tables. It reads files and checks every table: not to be called where calls are answered.
    ///
    /// # Errors
    /// [`ReloadError`]; nothing has changed then.
    pub fn reload(&self) -> Result<String, ReloadError> {
        let reloaded = self.try_reload();
        let result = if reloaded.is_ok() { "ok" } else { "refused" };
        self.shared.meters.reloads.with(&[result]).add(1);
        match &reloaded {
            Ok(version) => tracing::info!(event = "reload.done", content = version),
            Err(error) => tracing::error!(event = "reload.refused", %error),
        }
        reloaded
    }

    fn try_reload(&self) -> Result<String, ReloadError> {
        let mut settings = self.settings.lock().unwrap_or_else(PoisonError::into_inner);
        let old = settings.as_ref().ok_or(ReloadError::Fixed)?;
        let new = match &old.file {
            Some(file) => Config::load(file)?,
            None => old.clone(),
        };
        let current = self.current();
        let renewed = current.smart.renewed(&new.clients, new.outbound);
        let renewed = renewed.map_err(StartError::from)?;
        let app = Parts::from_settings(&new, self.address, &self.shared, Some(&current))?;
        for setting in unchangeable(old, &new) {
            tracing::warn!(event = "reload.needs-restart", setting);
        }
        let version = app.knowledge.version.to_string();
        // All of it is whole: from here on nothing fails.
        if let (Some(certificates), Some(tls)) = (&self.shared.certificates, &new.tls) {
            certificates.renew(tls);
        }
        renewed.take();
        app.board.announce();
        *self.current.write().unwrap_or_else(PoisonError::into_inner) = app;
        self.generation.fetch_add(1, Ordering::Release);
        *settings = Some(new);
        Ok(version)
    }
}

/// Says whether a setting is another one.
type Differs = fn(&Config, &Config) -> bool;

/// Settings that have no effect, or not their whole effect, before the next start.
const NEEDS_RESTART: [(&str, Differs); 16] = [
    ("listen", |old, new| old.listen != new.listen),
    ("public-url", |old, new| {
        let has_app = |config: &Config| config.clients.iter().any(|client| client.smart.is_some());
        old.public_url != new.public_url && has_app(old)
    }),
    ("workers", |old, new| old.workers != new.workers),
    ("journal", |old, new| {
        format!("{:?}", old.journal) != format!("{:?}", new.journal)
    }),
    ("admin", |old, new| old.admin != new.admin),
    ("heartbeat", |old, new| old.heartbeat != new.heartbeat),
    ("traces", |old, new| {
        format!("{:?}", old.traces) != format!("{:?}", new.traces)
    }),
    ("capture", |old, new| old.capture != new.capture),
    ("max-calls", |old, new| {
        old.limits.max_calls != new.limits.max_calls
    }),
    ("head-timeout-ms", |old, new| {
        old.limits.head_within != new.limits.head_within
    }),
    ("keep-alive-s", |old, new| {
        old.limits.keep_alive != new.limits.keep_alive
    }),
    ("cors-origins", |old, new| old.cors_origins != new.cors_origins),
    ("unready-seconds", |old, new| old.unready != new.unready),
    ("private-addresses", |old, new| old.outbound != new.outbound),
    ("tls", |old, new| takes_connections(old) != takes_connections(new)),
    ("client.smart", |old, new| registered(old) != registered(new)),
];

/// Settings that differ and have no effect, or not their whole effect, before the next start.
fn unchangeable(old: &Config, new: &Config) -> impl Iterator<Item = &'static str> {
    let differ = NEEDS_RESTART.iter().filter(move |(_, differs)| differs(old, new));
    differ.map(|(name, _)| *name)
}

/// Whether there is TLS, and whether those who connect need a certificate.
fn takes_connections(config: &Config) -> Option<bool> {
    config.tls.as_ref().map(|tls| tls.clients.is_some())
}

/// How the companion app is registered, without its secrets.
fn registered(config: &Config) -> Vec<impl PartialEq> {
    let clients = config.clients.iter();
    let one = |client: &ClientConfig| {
        let smart = client.smart.as_ref()?;
        Some((
            client.name.clone(),
            smart.client_id.clone(),
            smart.issuer.clone(),
            smart.scopes.clone(),
            smart.frame_ancestors.clone(),
            smart.write_drafts,
        ))
    };
    clients.map(one).collect()
}

/// Where a worker keeps its own copy of the version in use, so that calls share nothing but what they must.
pub(super) struct Seat {
    live: Arc<Live>,
    /// Connections live on the worker's runtime: they are its own, and outlive reloads.
    fhir: FhirClient,
    generation: Cell<u64>,
    data: RefCell<Rc<Extensions>>,
}

impl Seat {
    pub(super) fn new(live: Arc<Live>) -> Self {
        Self {
            fhir: FhirClient::counting(&live.shared.meters.fhir).reaching(live.shared.outbound),
            live,
            generation: Cell::new(0),
            data: RefCell::default(),
        }
    }

    /// What handlers of a call that begins now are given.
    pub(super) fn data(&self) -> Rc<Extensions> {
        let newest = self.live.generation.load(Ordering::Acquire);
        if self.generation.replace(newest) != newest {
            let mut app = self.live.current();
            app.fhir = self.fhir.clone();
            let mut data = Extensions::new();
            data.insert(web::Data::new(app));
            *self.data.borrow_mut() = Rc::new(data);
        }
        Rc::clone(&self.data.borrow())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    const RUNBOOK: &str = include_str!("../../deploy/runbook.md");

    #[test]
    fn the_runbook_names_the_settings_that_need_a_restart_and_no_others() {
        let (_, rest) = RUNBOOK.split_once("Need a restart:").unwrap();
        let (list, _) = rest.split_once("(`reload.needs-restart`)").unwrap();
        let listed = list.split('`').skip(1).step_by(2);
        let listed: BTreeSet<&str> = listed.map(|name| name.trim_matches(['[', ']'])).collect();
        let logged: BTreeSet<&str> = NEEDS_RESTART.iter().map(|(name, _)| *name).collect();
        assert_eq!(listed, logged);
    }

    #[test]
    fn a_setting_that_waits_for_the_next_start_is_named() {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("k.json"), "{}").unwrap();
        let config = |top: &str, smart: &str| {
            let text = format!(
                "listen = '127.0.0.1:0'\n{top}\n[journal]\nurl = 'sqlite:j.db'\n[[client]]\nname = 'a'\nissuer = 'a'\n\
                 jwks-file = 'k.json'\nfhir-base = 'https://fhir.example/r4'\n[client.smart]\nclient-id = 'x'\n{smart}"
            );
            Config::from_toml(&text, folder.path()).unwrap()
        };
        let plain = config("", "");
        for (top, smart, named) in [
            ("", "", ""),
            ("public-url = 'https://cds.example'", "", "public-url"),
            ("head-timeout-ms = 1000", "", "head-timeout-ms"),
            ("keep-alive-s = 7", "", "keep-alive-s"),
            ("", "write-drafts = true", "client.smart"),
            ("max-body-bytes = 100000", "", ""),
        ] {
            let names: Vec<_> = unchangeable(&plain, &config(top, smart)).collect();
            assert_eq!(names.concat(), named, "{top}{smart}");
        }
    }
}
