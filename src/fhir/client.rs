//! Reading from the client's FHIR server.
//!
//! Turns an address on the configured base into the pages that came and the reason why they are not all.
//! It only ever talks to that base: no redirect is followed, no proxy used, no other origin asked, and plain
//! http is for loopback. Bodies, pages, resources and time are limited; what came before a limit is kept.
//! It prints no address, token or body. Follows FHIR R4 section 3.1 (RESTful API) and 3.1.1.4 (paging).

use super::breaker::Breaker;
use super::bundle::{Given, Shape, State};
use super::json::Document;
use crate::clinical::gap::Why;
use crate::config::ClientTls;
use crate::meters::{FhirMeters, Stage};
use crate::outbound::{Outbound, is_loopback};
use crate::traces;
use reqwest::header::ACCEPT;
use reqwest::redirect::Policy;
use reqwest::{Client, Response, StatusCode};
use secrecy::{ExposeSecret, SecretString};
use std::collections::HashMap;
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::time::Duration;
use tokio::time::{Instant, timeout_at};
use url::Url;

/// Largest body, decoded.
const LARGEST_BODY: usize = 8 * 1024 * 1024;
/// Most pages of one search.
const MOST_PAGES: usize = 5;
/// Most resources of one search.
const MOST_RESOURCES: usize = 2_000;
/// Time to connect.
const CONNECT: Duration = Duration::from_millis(800);

/// A client that could not be set up.
#[derive(Debug, thiserror::Error)]
#[error("the client for FHIR servers cannot be set up")]
pub struct SetupError(#[source] reqwest::Error);

/// The shared client for FHIR servers. It keeps its connections; make one and clone it.
///
/// It is set up when it is first asked: that reads every certificate that the machine trusts, which costs
/// more than the rest of a start and is wasted where nothing is ever fetched.
#[derive(Clone, Default)]
pub struct FhirClient {
    http: Arc<OnceLock<Client>>,
    outbound: Outbound,
    meters: Arc<FhirMeters>,
    /// What it is asked for.
    stage: Stage,
    sends_traceparent: bool,
    /// What its connections show and believe, beyond the machine's.
    tls: Option<Arc<ClientTls>>,
    /// The connections of clients with such a wish, by their name.
    own: Arc<Mutex<HashMap<String, FhirClient>>>,
}

/// The client's server, the right to read it, and until when.
#[derive(Clone, Copy)]
pub struct Server<'s> {
    /// The configured base.
    pub base: &'s Url,
    /// The bearer token of the request. Without it only a server on loopback is asked.
    pub token: Option<&'s SecretString>,
    /// When the answer must be there.
    pub deadline: Instant,
    /// Whether it is left alone for now; `None` if it never is.
    pub breaker: Option<&'s Breaker>,
}

/// What came of a search or read.
pub(crate) struct Fetched {
    /// Bodies that are FHIR, in order.
    pub(crate) pages: Vec<String>,
    /// Why it is not all, if so.
    pub(crate) missing: Option<Why>,
}

impl Server<'_> {
    /// Whether it may be asked: https with a token, or on loopback.
    pub fn is_open(&self) -> bool {
        is_loopback(self.base) || (self.base.scheme() == "https" && self.token.is_some())
    }
}

impl FhirClient {
    /// A client that is set up already, without proxy, redirects or cookies.
    ///
    /// # Errors
    /// When TLS cannot be initialised.
    pub fn new() -> Result<Self, SetupError> {
        let client = FhirClient::default();
        client.http()?;
        Ok(client)
    }

    /// A client that counts its reads there, and is set up when it is first asked.
    #[must_use]
    pub fn counting(meters: &Arc<FhirMeters>) -> Self {
        FhirClient {
            meters: Arc::clone(meters),
            ..FhirClient::default()
        }
    }

    /// The same client, which tells the server the trace that a read belongs to.
    #[must_use]
    pub fn sending_traceparent(&self) -> Self {
        FhirClient {
            sends_traceparent: true,
            ..self.clone()
        }
    }

    /// The same client, asked for the companion app and not for a hook call.
    #[must_use]
    pub(crate) fn for_app(&self) -> Self {
        FhirClient {
            stage: Stage::App,
            ..self.clone()
        }
    }

    /// As the servers of a client are asked: with the certificate and the authority of its settings, where there
    /// are any, on connections that no other client shares.
    #[must_use]
    pub fn towards(&self, client: &str, tls: Option<&Arc<ClientTls>>) -> FhirClient {
        let Some(tls) = tls else { return self.clone() };
        let mut own = self.own.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(known) = own.get(client)
            && known.tls.as_ref().is_some_and(|known| Arc::ptr_eq(known, tls))
        {
            return known.clone();
        }
        let made = FhirClient {
            tls: Some(Arc::clone(tls)),
            outbound: self.outbound,
            ..FhirClient::counting(&self.meters)
        };
        own.insert(client.to_owned(), made.clone());
        made
    }

    /// The same, with what the settings say about outgoing connections.
    #[must_use]
    pub fn reaching(mut self, outbound: Outbound) -> Self {
        self.outbound = outbound;
        self
    }

    /// Where its reads are counted.
    pub(crate) fn meters(&self) -> &FhirMeters {
        &self.meters
    }

    /// Counts what a deadline cut off.
    pub(super) fn was_late(&self) {
        self.meters.late(self.stage);
    }

    pub(super) fn http(&self) -> Result<&Client, SetupError> {
        if let Some(http) = self.http.get() {
            return Ok(http);
        }
        let builder = Client::builder()
            .redirect(Policy::none())
            .no_proxy()
            .dns_resolver(self.outbound.resolver())
            .connect_timeout(CONNECT)
            .user_agent(concat!("stepdown/", env!("CARGO_PKG_VERSION")));
        let builder = match &self.tls {
            Some(tls) => tls.applied(builder),
            None => builder,
        };
        let http = builder.build().map_err(SetupError)?;
        Ok(self.http.get_or_init(|| http))
    }

    /// Reads an address and, while there are any, the pages that follow.
    pub(crate) async fn pages(&self, first: Url, server: Server<'_>) -> Fetched {
        let mut fetched = Fetched {
            pages: Vec::new(),
            missing: None,
        };
        let (mut next, mut resources) = (Some(first), 0);
        while let Some(url) = next.take() {
            if fetched.pages.len() == MOST_PAGES || resources >= MOST_RESOURCES {
                fetched.missing = Some(Why::FetchFailed);
                break;
            }
            match self.page_in_time(url, server).await {
                Ok(page) => {
                    resources += page.resources;
                    fetched.pages.push(page.body);
                    if page.partial {
                        fetched.missing = Some(Why::FetchFailed);
                    }
                    match page.next {
                        Some(link) => next = rebased(&link, server.base),
                        None => return fetched,
                    }
                    if next.is_none() {
                        fetched.missing = Some(Why::FetchFailed);
                    }
                }
                Err(why) => fetched.missing = Some(why),
            }
        }
        fetched
    }

    /// Reads one address; the body, or the status (0 where there is none: no answer, late, too large).
    pub(crate) async fn one(&self, url: Url, server: Server<'_>) -> Result<String, u16> {
        let read = timeout_at(server.deadline, self.read(url, server)).await;
        let read = read.inspect_err(|_| self.was_late());
        match read.unwrap_or(Err(Why::FetchFailed)) {
            Ok((StatusCode::OK, body)) => String::from_utf8(body.map_err(|_| 0_u16)?).map_err(|_| 0),
            Ok((status, _)) => Err(status.as_u16()),
            Err(_) => Err(0),
        }
    }

    /// A page, unless the server is left alone or does not answer in time. Whatever it answers, a refusal or a body
    /// that cannot be used included, shows that it is there; a fault of its own or a plea for fewer calls does not.
    async fn page_in_time(&self, url: Url, server: Server<'_>) -> Result<Page, Why> {
        let leave = match server.breaker {
            Some(breaker) => Some(breaker.leave().ok_or(Why::FetchFailed)?),
            None => None,
        };
        let read = timeout_at(server.deadline, self.read(url, server)).await;
        let read = read.inspect_err(|_| self.was_late());
        let (status, body) = read.unwrap_or(Err(Why::FetchFailed))?;
        if let Some(leave) = leave.filter(|_| !is_overwhelmed(status)) {
            leave.answered();
        }
        match status {
            StatusCode::OK => Page::of(String::from_utf8(body?).map_err(|_| Why::NotReadable)?),
            other => Err(instead(other.as_u16())),
        }
    }

    /// Status and, of a success, the body, unless it is beyond the limit or breaks off.
    async fn read(&self, url: Url, server: Server<'_>) -> Result<(StatusCode, Result<Vec<u8>, Why>), Why> {
        let http = self.http().map_err(|_| Why::FetchFailed)?;
        let mut request = http.get(url).header(ACCEPT, "application/fhir+json");
        if let Some(token) = server.token {
            request = request.bearer_auth(token.expose_secret());
        }
        if let Some(trace) = self.sends_traceparent.then(traces::traceparent).flatten() {
            request = request.header("traceparent", trace);
        }
        let response = request.send().await.map_err(|_| Why::FetchFailed)?;
        traces::status(response.status().as_u16());
        match response.status() {
            StatusCode::OK => Ok((StatusCode::OK, body(response).await)),
            other => Ok((other, Ok(Vec::new()))),
        }
    }
}

/// Why nothing came, by the status in its place (0 where there was none).
pub(crate) fn instead(status: u16) -> Why {
    match status {
        401 | 403 => Why::NotPermitted,
        _ => Why::FetchFailed,
    }
}

/// A server that says so needs rest.
fn is_overwhelmed(status: StatusCode) -> bool {
    status.is_server_error() || status == StatusCode::TOO_MANY_REQUESTS
}

/// The body, as long as it stays below the limit when decoded.
async fn body(mut response: Response) -> Result<Vec<u8>, Why> {
    let mut bytes = Vec::new();
    while let Some(chunk) = response.chunk().await.map_err(|_| Why::FetchFailed)? {
        if bytes.len() + chunk.len() > LARGEST_BODY {
            return Err(Why::FetchFailed);
        }
        bytes.extend_from_slice(&chunk);
    }
    Ok(bytes)
}

/// One page.
struct Page {
    body: String,
    next: Option<String>,
    resources: usize,
    /// A part of the search failed.
    partial: bool,
}

impl Page {
    fn of(body: String) -> Result<Self, Why> {
        let document = Document::parse(&body).map_err(|_| Why::NotReadable)?;
        let given = Given::of(document.root());
        let (next, resources, partial) = match (given.state(), &given.0) {
            (State::Failed, _) => return Err(given.why_failed()),
            (State::NotFhir | State::Null, _) => return Err(Why::NotReadable),
            (_, Shape::Bundle(bundle)) => (bundle.next(), bundle.entries.len(), bundle.is_partial()),
            _ => (None, 1, false),
        };
        Ok(Page {
            next,
            resources,
            partial,
            body,
        })
    }
}

/// A link to the next page, on the configured base. Behind a proxy, servers write links with their inner
/// scheme, port or loopback name; path and query of those are taken. Another host is refused, and so is a
/// link with credentials.
pub fn rebased(link: &str, base: &Url) -> Option<Url> {
    let mut folder = base.clone();
    folder.path_segments_mut().ok()?.pop_if_empty().push("");
    let url = folder.join(link).ok()?;
    let plain =
        matches!(url.scheme(), "http" | "https") && url.username().is_empty() && url.password().is_none();
    if !plain || !(url.host() == base.host() || is_loopback(&url)) {
        return None;
    }
    let root = base.path().trim_end_matches('/');
    let inside = url
        .path()
        .strip_prefix(root)
        .is_some_and(|rest| rest.is_empty() || rest.starts_with('/'));
    let mut rebased = base.clone();
    let path = if inside {
        url.path().to_owned()
    } else {
        format!("{root}{}", url.path())
    };
    rebased.set_path(&path);
    rebased.set_query(url.query());
    rebased.set_fragment(None);
    Some(rebased)
}
