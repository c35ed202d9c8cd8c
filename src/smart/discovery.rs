//! What an EHR's authorization server offers, from `{base}/.well-known/smart-configuration`.
//!
//! Turns a configured FHIR base into [`Endpoints`]. Nothing but that base is ever asked for them; an address
//! in the document is used only over https, and one on this machine only where the base is on it too, so that
//! a document cannot send a secret into the plain or into the house. Kept for an hour.
//! Follows SMART App Launch 2.2, "Retrieve .well-known/smart-configuration".

use super::refusal::Refusal;
use crate::config::ClientTls;
use crate::outbound::{Outbound, is_loopback};
use reqwest::header::ACCEPT;
use reqwest::{Response, StatusCode};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::sync::Mutex;
use url::Url;

const KEPT_FOR: Duration = Duration::from_secs(3_600);
/// Time for one question to an authorization server.
const WITHIN: Duration = Duration::from_secs(5);
/// Largest document, key set or token answer, decoded.
const LARGEST: usize = 256 * 1024;

/// Where to send the user and where to ask for tokens.
pub(super) struct Endpoints {
    /// Authorization endpoint.
    pub(super) authorize: Url,
    /// Token endpoint.
    pub(super) token: Url,
    /// Issuer of identity tokens.
    pub(super) issuer: Option<String>,
    /// Its keys.
    pub(super) keys: Option<Url>,
    capabilities: Vec<String>,
    scopes: Vec<String>,
}

/// The document, as far as a launch needs it.
#[derive(Deserialize)]
pub(super) struct Document {
    authorization_endpoint: String,
    token_endpoint: String,
    issuer: Option<String>,
    jwks_uri: Option<String>,
    #[serde(default)]
    capabilities: Vec<String>,
    #[serde(default)]
    scopes_supported: Vec<String>,
}

impl Endpoints {
    pub(super) fn read(document: Document, base: &Url) -> Option<Self> {
        // A relative address is resolved against the FHIR base, then held to the same rule.
        let address = |text: &str| base.join(text).ok().filter(|url| may_be_asked(url, base));
        Some(Endpoints {
            authorize: address(&document.authorization_endpoint)?,
            token: address(&document.token_endpoint)?,
            keys: document.jwks_uri.as_deref().and_then(address),
            issuer: document.issuer,
            capabilities: document.capabilities,
            scopes: document.scopes_supported,
        })
    }

    /// Whether it proves who signed in, in a way that we can check.
    pub(super) fn signs_in(&self) -> bool {
        self.offers("sso-openid-connect") && self.keys.is_some() && self.issuer.is_some()
    }

    /// Whether it lists a capability.
    pub(super) fn offers(&self, capability: &str) -> bool {
        self.capabilities.iter().any(|listed| listed == capability)
    }

    /// Whether scopes are written as in version 1 (`.read`): it says so, or lists only such.
    pub(super) fn speaks_version_1(&self) -> bool {
        if self.offers("permission-v2") {
            return false;
        }
        let listed = |ending: &str| self.scopes.iter().any(|scope| scope.ends_with(ending));
        self.offers("permission-v1") || (listed(".read") && !listed(".r") && !listed(".rs"))
    }
}

/// Whether an address that a document names may be asked on behalf of a base.
fn may_be_asked(url: &Url, base: &Url) -> bool {
    let plain = url.username().is_empty() && url.password().is_none() && url.has_host();
    let (here, base_here) = (is_loopback(url), is_loopback(base));
    plain && (url.scheme() == "https" || url.scheme() == "http" && here) && (base_here || !here)
}

/// The endpoints of one EHR, asked for once an hour by one request at a time.
#[derive(Default)]
pub(super) struct Discovered(Mutex<Option<(Instant, Arc<Endpoints>)>>);

impl Discovered {
    /// The endpoints of a base.
    pub(super) async fn of(&self, base: &Url, http: &reqwest::Client) -> Result<Arc<Endpoints>, Refusal> {
        let mut known = self.0.lock().await;
        if let Some((at, endpoints)) = &*known
            && at.elapsed() < KEPT_FOR
        {
            return Ok(Arc::clone(endpoints));
        }
        let address = base
            .join(".well-known/smart-configuration")
            .map_err(|_| Refusal::DiscoveryFailed)?;
        let document = json(http, address).await.ok_or(Refusal::DiscoveryFailed)?;
        let endpoints = Arc::new(Endpoints::read(document, base).ok_or(Refusal::DiscoveryFailed)?);
        *known = Some((Instant::now(), Arc::clone(&endpoints)));
        Ok(endpoints)
    }
}

/// The client for authorization servers: no redirects, no proxy, no connection kept across workers.
pub(super) fn http(outbound: Outbound, tls: Option<&ClientTls>) -> reqwest::Result<reqwest::Client> {
    let builder = reqwest::Client::builder()
        .redirect(reqwest::redirect::Policy::none())
        .no_proxy()
        .dns_resolver(outbound.resolver())
        .timeout(WITHIN)
        .pool_max_idle_per_host(0)
        .user_agent(concat!("stepdown/", env!("CARGO_PKG_VERSION")));
    match tls {
        Some(tls) => tls.applied(builder).build(),
        None => builder.build(),
    }
}

/// A JSON document at an address.
pub(super) async fn json<T: DeserializeOwned>(http: &reqwest::Client, address: Url) -> Option<T> {
    let response = http
        .get(address)
        .header(ACCEPT, "application/json")
        .send()
        .await
        .ok()?;
    if response.status() != StatusCode::OK {
        return None;
    }
    serde_json::from_slice(&body(response).await?).ok()
}

/// A body, as long as it is small.
pub(super) async fn body(mut response: Response) -> Option<Vec<u8>> {
    let mut bytes = Vec::new();
    while let Some(chunk) = response.chunk().await.ok()? {
        if bytes.len() + chunk.len() > LARGEST {
            return None;
        }
        bytes.extend_from_slice(&chunk);
    }
    Some(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_document_cannot_send_us_into_the_plain_or_into_the_house() {
        let may = |url: &str, base: &str| may_be_asked(&url.parse().unwrap(), &base.parse().unwrap());
        let (outside, inside) = ("https://fhir.example/r4/", "http://127.0.0.1:8080/fhir/");
        assert!(may("https://login.example/token", outside) && may("http://127.0.0.1:1/t", inside));
        assert!(may("https://login.example/token", inside));
        for wrong in [
            "http://login.example/token",
            "https://127.0.0.1/token",
            "https://u:p@login.example/",
            "ftp://x/",
        ] {
            assert!(!may(wrong, outside), "{wrong}");
        }
    }

    #[test]
    fn version_1_is_spoken_only_where_nothing_newer_is_offered() {
        let spoken = |capabilities: &[&str], scopes: &[&str]| {
            let list = |of: &[&str]| of.iter().map(|text| (*text).to_owned()).collect();
            let document = Document {
                authorization_endpoint: "/a".into(),
                token_endpoint: "t".into(),
                issuer: None,
                jwks_uri: None,
                capabilities: list(capabilities),
                scopes_supported: list(scopes),
            };
            let base = "https://fhir.example/r4/".parse().unwrap();
            let endpoints = Endpoints::read(document, &base).unwrap();
            assert_eq!(endpoints.token.as_str(), "https://fhir.example/r4/t");
            endpoints.speaks_version_1()
        };
        assert!(spoken(&["permission-v1"], &[]) && spoken(&[], &["patient/*.read"]));
        assert!(!spoken(&["permission-v1", "permission-v2"], &[]) && !spoken(&[], &[]));
    }
}
