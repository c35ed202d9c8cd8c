//! Key sets that are fetched: cached, refreshed by one request at a time, kept through an outage.
//!
//! The only address that is ever fetched is the configured one. However many tokens with unknown
//! keys arrive, there is at most one fetch in each interval. A fetch runs as a task of its own, so
//! that a caller who hangs up neither aborts it nor causes another.

use std::sync::{Arc, PoisonError, RwLock};
use std::time::{Duration, Instant};

use tokio::sync::{Mutex, OwnedMutexGuard};
use url::Url;

use super::Refusal;
use super::keys::{Key, KeySet, KeySetError};
use crate::config::{ClientTls, SignatureAlgorithm};
use crate::meters::KeySetMeters;
use crate::outbound::Outbound;

/// Largest key set, in bytes after decompression.
const MAX_KEY_SET: usize = 256 * 1024;
const FETCH_WITHIN: Duration = Duration::from_secs(3);

/// When a key set is fetched again.
#[derive(Clone, Copy)]
pub(super) struct Timing {
    /// Age at which it is refreshed.
    pub(super) refresh_after: Duration,
    /// Shortest time between two fetches, whether they worked or not.
    pub(super) interval: Duration,
    /// Age at which it is not used any more, although no newer one could be fetched.
    pub(super) discard_after: Duration,
}

impl Default for Timing {
    fn default() -> Self {
        Self {
            refresh_after: Duration::from_secs(3_600),
            interval: Duration::from_secs(30),
            discard_after: Duration::from_secs(24 * 3_600),
        }
    }
}

/// The key set behind one address.
pub(super) struct Remote {
    client: String,
    url: Url,
    http: reqwest::Client,
    timing: Timing,
    known: Arc<RwLock<Known>>,
    /// Held by the one fetch that is under way.
    flight: Arc<Mutex<()>>,
    meters: Arc<KeySetMeters>,
}

#[derive(Default, Clone)]
struct Known {
    keys: Option<(Arc<KeySet>, Instant)>,
    attempted: Option<Instant>,
}

impl Known {
    /// Whether there is a set that is not older than `age`.
    fn has_set(&self, age: Duration) -> bool {
        self.keys
            .as_ref()
            .is_some_and(|(_, loaded)| loaded.elapsed() <= age)
    }

    /// Keys that fit, from a set that is not older than `age`.
    fn candidates(&self, kid: &str, algorithm: SignatureAlgorithm, age: Duration) -> Option<Vec<Key>> {
        let (keys, _) = self.keys.as_ref().filter(|_| self.has_set(age))?;
        keys.candidates(kid, algorithm)
    }
}

#[derive(Debug, thiserror::Error)]
enum FetchError {
    #[error("{0}")]
    Http(#[source] reqwest::Error),
    #[error("answered with status {0}")]
    Status(u16),
    #[error("larger than 256 KiB")]
    TooLarge,
    #[error("{0}")]
    KeySet(#[source] KeySetError),
}

/// The HTTP client for key sets: no redirects, no proxy, a timeout.
pub(super) fn http(outbound: Outbound, tls: Option<&ClientTls>) -> Result<reqwest::Client, reqwest::Error> {
    let builder = reqwest::Client::builder()
        .redirect(reqwest::redirect::Policy::none())
        .no_proxy()
        .dns_resolver(outbound.resolver())
        .timeout(FETCH_WITHIN)
        // Fetches are an hour apart; an idle connection would only go stale.
        .pool_max_idle_per_host(0);
    match tls {
        Some(tls) => tls.applied(builder).build(),
        None => builder.build(),
    }
}

impl Remote {
    pub(super) fn new(client: String, url: Url, http: reqwest::Client, timing: Timing) -> Self {
        Self {
            client,
            url,
            http,
            timing,
            known: Arc::default(),
            flight: Arc::default(),
            meters: Arc::default(),
        }
    }

    /// The same key set, counting its fetches there.
    pub(super) fn counting(mut self, meters: &Arc<KeySetMeters>) -> Self {
        self.meters = Arc::clone(meters);
        self
    }

    /// The same key set for another version of the settings, which fetches with a client of its own. What either of
    /// the two fetches, both know; a version that is never taken into use changes nothing for the other.
    pub(super) fn asking_with(&self, http: reqwest::Client) -> Self {
        Self {
            client: self.client.clone(),
            url: self.url.clone(),
            http,
            timing: self.timing,
            known: Arc::clone(&self.known),
            flight: Arc::clone(&self.flight),
            meters: Arc::clone(&self.meters),
        }
    }

    /// The keys that fit, fetched anew if the set is old or does not have them.
    pub(super) async fn candidates(
        self: &Arc<Self>,
        kid: &str,
        algorithm: SignatureAlgorithm,
    ) -> Result<Vec<Key>, Refusal> {
        if let Some(keys) = self.known().candidates(kid, algorithm, self.timing.refresh_after) {
            return Ok(keys);
        }
        let stale = self.known().candidates(kid, algorithm, self.timing.discard_after);
        match (stale, Arc::clone(&self.flight).try_lock_owned()) {
            // Someone else is already fetching; what is old but good is not worth waiting for.
            (Some(keys), Err(_)) => return Ok(keys),
            (_, Ok(flight)) => self.refresh(flight).await,
            (None, Err(_)) => {
                let flight = Arc::clone(&self.flight).lock_owned().await;
                self.refresh(flight).await;
            }
        }
        let known = self.known();
        let missing = if known.has_set(self.timing.discard_after) {
            Refusal::UnknownKey
        } else {
            Refusal::KeysUnavailable
        };
        known
            .candidates(kid, algorithm, self.timing.discard_after)
            .ok_or(missing)
    }

    fn known(&self) -> Known {
        self.known.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Fetches, unless the last attempt is too recent.
    async fn refresh(self: &Arc<Self>, flight: OwnedMutexGuard<()>) {
        if self
            .known()
            .attempted
            .is_some_and(|attempted| attempted.elapsed() < self.timing.interval)
        {
            return;
        }
        let remote = Arc::clone(self);
        let fetch = tokio::spawn(async move {
            let fetched = remote.fetch().await;
            remote.remember(fetched);
            drop(flight);
        });
        if fetch.await.is_err() {
            tracing::error!(
                event = "keys.fetch-cut-short",
                client = self.client,
                "the fetch of a key set was cut short"
            );
        }
    }

    fn remember(&self, fetched: Result<KeySet, FetchError>) {
        let mut known = self.known.write().unwrap_or_else(PoisonError::into_inner);
        let now = Instant::now();
        known.attempted = Some(now);
        self.meters.fetched(fetched.is_ok());
        match fetched {
            Ok(keys) => {
                tracing::info!(event = "keys.fetched", client = self.client);
                known.keys = Some((Arc::new(keys), now));
            }
            Err(error) => {
                tracing::warn!(event = "keys.fetch-failed", client = self.client, %error, "a key set could not be fetched");
            }
        }
    }

    async fn fetch(&self) -> Result<KeySet, FetchError> {
        let http = |error: reqwest::Error| FetchError::Http(error.without_url());
        let asked = self.http.get(self.url.clone());
        let mut response = asked.send().await.map_err(http)?;
        if response.status() != reqwest::StatusCode::OK {
            return Err(FetchError::Status(response.status().as_u16()));
        }
        let mut body = Vec::new();
        while let Some(chunk) = response.chunk().await.map_err(http)? {
            if body.len() + chunk.len() > MAX_KEY_SET {
                return Err(FetchError::TooLarge);
            }
            body.extend_from_slice(&chunk);
        }
        KeySet::parse(&body).map_err(FetchError::KeySet)
    }
}
