//! The EHRs that may call: what the settings say of each, with its keys, and what it has used up of its
//! bounds. It is shared by all workers and lives until a reload makes another one of other settings, which takes over
//! what was fetched, what was used up of a `rate` that is the same, whether the same FHIR server is left alone by the
//! same rule, and how far the client's clock is ahead.

use std::collections::HashMap;
use std::fmt;
use std::num::NonZeroU32;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use governor::clock::{Clock, DefaultClock};
use governor::{DefaultDirectRateLimiter, Quota, RateLimiter};

use url::Url;

use super::TrustError;
use super::keys::{KeySet, Keys};
use super::remote::{self, Remote, Timing};
use crate::clinical::practice::Practice;
use crate::config::{
    ClientConfig, ClientTls, Config, KeySource, Rate, Shows, SignatureAlgorithm, StopTriggers,
};
use crate::fhir::breaker::Breaker;
use crate::meters::KeySetMeters;
use crate::outbound::{Outbound, is_loopback};

/// One EHR that may call.
pub struct Client {
    settings: ClientConfig,
    keys: Keys,
    bucket: Option<Arc<DefaultDirectRateLimiter>>,
    breaker: Arc<Breaker>,
    /// Seconds by which the last good token was issued ahead of our clock; `i64::MIN` before the first.
    skew: Arc<AtomicI64>,
}

impl Client {
    /// The client of the demonstration: it has no key and reads one FHIR server on this machine.
    ///
    /// # Errors
    /// [`TrustError::NotLoopback`] if `fhir_base` is not on this machine.
    pub fn for_loopback_demo(fhir_base: Url) -> Result<Arc<Self>, TrustError> {
        if !is_loopback(&fhir_base) {
            return Err(TrustError::NotLoopback);
        }
        Ok(Arc::new(Self::with_keys(
            ClientConfig::for_demo(fhir_base),
            Keys::None,
        )))
    }

    fn from_settings(
        settings: &ClientConfig,
        outbound: Outbound,
        previous: Option<&Clients>,
        meters: &Arc<KeySetMeters>,
    ) -> Result<Self, TrustError> {
        let known = previous.and_then(|clients| clients.by_issuer(&settings.issuer));
        let known = known.filter(|client| client.name() == settings.name);
        let keys = match &settings.keys {
            KeySource::None => return Err(TrustError::NotADemo),
            KeySource::File(path) => {
                let (client, path) = (settings.name.clone(), path.clone());
                let bytes = match std::fs::read(&path) {
                    Ok(bytes) => bytes,
                    Err(source) => {
                        return Err(TrustError::KeyFile { client, path, source });
                    }
                };
                match KeySet::parse(&bytes).and_then(KeySet::not_empty) {
                    Ok(keys) => Keys::Fixed(keys),
                    Err(source) => {
                        return Err(TrustError::KeySet { client, path, source });
                    }
                }
            }
            KeySource::Url(url) => {
                let http = remote::http(outbound, settings.tls.as_deref()).map_err(TrustError::Http)?;
                let kept = known.and_then(|client| client.fetched_from(url));
                Keys::Remote(Arc::new(match kept {
                    Some(kept) => kept.asking_with(http),
                    None => {
                        let (name, url) = (settings.name.clone(), url.clone());
                        Remote::new(name, url, http, Timing::default()).counting(meters)
                    }
                }))
            }
        };
        let client = Self::with_keys(settings.clone(), keys);
        Ok(match known {
            Some(known) => client.following(known),
            None => client,
        })
    }

    /// Takes over from the same client of the version before what the new settings leave as it was.
    fn following(mut self, known: &Self) -> Self {
        let (old, new) = (&known.settings, &self.settings);
        if old.rate == new.rate {
            self.bucket.clone_from(&known.bucket);
        }
        if old.breaker == new.breaker && old.fhir_base == new.fhir_base {
            self.breaker = Arc::clone(&known.breaker);
        }
        self.skew = Arc::clone(&known.skew);
        self
    }

    fn with_keys(settings: ClientConfig, keys: Keys) -> Self {
        Self {
            bucket: settings.rate.and_then(bucket).map(Arc::new),
            breaker: Arc::new(Breaker::new(settings.breaker)),
            skew: Arc::new(AtomicI64::new(i64::MIN)),
            settings,
            keys,
        }
    }

    /// Its fetched keys, if they are those from this address.
    fn fetched_from(&self, url: &Url) -> Option<&Remote> {
        match (&self.keys, &self.settings.keys) {
            (Keys::Remote(remote), KeySource::Url(own)) if own == url => Some(remote),
            _ => None,
        }
    }

    /// What the settings say of it.
    pub(crate) fn settings(&self) -> &ClientConfig {
        &self.settings
    }

    /// Name in logs, metrics and the journal.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.settings.name
    }

    /// The `iss` of its tokens.
    #[must_use]
    pub fn issuer(&self) -> &str {
        &self.settings.issuer
    }

    /// Base address of its FHIR server; the path ends with one `/`.
    #[must_use]
    pub fn fhir_base(&self) -> &Url {
        &self.settings.fhir_base
    }

    /// Overall budget of one call of a hook.
    #[must_use]
    pub fn deadline(&self, hook: &str) -> Duration {
        let own = self.settings.deadlines.get(hook);
        own.copied().unwrap_or(self.settings.deadline)
    }

    /// Country, and rules that are evaluated in silence.
    #[must_use]
    pub fn practice(&self) -> &Practice {
        &self.settings.practice
    }

    /// What its servers are shown, and by which authority they are believed.
    #[must_use]
    pub fn tls(&self) -> Option<&Arc<ClientTls>> {
        self.settings.tls.as_ref()
    }

    /// What it can show and take.
    #[must_use]
    pub fn shows(&self) -> &Shows {
        &self.settings.shows
    }

    /// Names of its prefetch keys, and ours for the same.
    #[must_use]
    pub fn prefetch_names(&self) -> &[(String, &'static str)] {
        &self.settings.prefetch
    }

    /// Whether its FHIR server is left alone for now.
    #[must_use]
    pub fn breaker(&self) -> &Breaker {
        &self.breaker
    }

    /// Seconds by which its last good token was issued ahead of our clock; `None` before the first.
    #[must_use]
    pub fn clock_skew(&self) -> Option<i64> {
        let skew = self.skew.load(Ordering::Relaxed);
        (skew != i64::MIN).then_some(skew)
    }

    /// Notes how far ahead of our clock a good token was issued, in seconds.
    pub(super) fn note_skew(&self, seconds: i64) {
        self.skew.store(seconds, Ordering::Relaxed);
    }

    /// Counts one call.
    ///
    /// # Errors
    /// How long to wait, if there were too many.
    pub fn admit(&self) -> Result<(), Duration> {
        let Some(bucket) = &self.bucket else {
            return Ok(());
        };
        let now = DefaultClock::default().now();
        bucket.check().map_err(|until| until.wait_time_from(now))
    }

    /// By which values of a request extension it says, at `patient-view`, that orders were stopped.
    #[must_use]
    pub fn stop_triggers(&self) -> Option<&StopTriggers> {
        self.settings.stop_triggers.as_ref()
    }

    /// Whether its `traceparent` is the parent of our spans.
    #[must_use]
    pub fn trusts_traceparent(&self) -> bool {
        self.settings.trusts_traceparent
    }

    /// Whether its FHIR server is told the trace of a read.
    #[must_use]
    pub fn sends_traceparent(&self) -> bool {
        self.settings.sends_traceparent
    }

    /// Whether its requests are kept for a while.
    #[must_use]
    pub fn is_captured(&self) -> bool {
        self.settings.captured
    }

    /// Whether it is the client of the demonstration, which calls without a token.
    #[must_use]
    pub fn is_demo(&self) -> bool {
        matches!(self.keys, Keys::None)
    }

    pub(super) fn allows(&self, algorithm: SignatureAlgorithm) -> bool {
        self.settings.algorithms.contains(&algorithm)
    }

    pub(super) fn jku(&self) -> Option<&str> {
        self.settings.jku.as_deref()
    }

    pub(super) fn max_token_life(&self) -> Duration {
        self.settings.max_token_life
    }

    pub(super) fn keys(&self) -> &Keys {
        &self.keys
    }
}

/// `None` for a rate of zero, which the settings refuse.
fn bucket(rate: Rate) -> Option<DefaultDirectRateLimiter> {
    let per_second = NonZeroU32::new(rate.per_second)?;
    let quota = Quota::per_second(per_second).allow_burst(NonZeroU32::new(rate.burst)?);
    Some(RateLimiter::direct(quota))
}

impl fmt::Debug for Client {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("Client")
            .field("name", &self.settings.name)
            .finish_non_exhaustive()
    }
}

/// All clients of the settings.
#[derive(Debug)]
pub struct Clients {
    by_issuer: HashMap<String, Arc<Client>>,
}

impl Clients {
    pub(super) fn from_config(
        config: &Config,
        previous: Option<&Self>,
        meters: &Arc<KeySetMeters>,
    ) -> Result<Self, TrustError> {
        let client = |settings: &ClientConfig| {
            let client = Client::from_settings(settings, config.outbound, previous, meters)?;
            Ok((settings.issuer.clone(), Arc::new(client)))
        };
        Ok(Self {
            by_issuer: config.clients.iter().map(client).collect::<Result<_, _>>()?,
        })
    }

    /// The client whose tokens carry exactly this `iss`.
    #[must_use]
    pub fn by_issuer(&self, issuer: &str) -> Option<&Arc<Client>> {
        self.by_issuer.get(issuer)
    }

    /// Every client, in no particular order.
    pub fn iter(&self) -> impl Iterator<Item = &Arc<Client>> {
        self.by_issuer.values()
    }
}
