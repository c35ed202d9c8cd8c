//! The companion app: one chart, opened from an EHR, with the whole reasoning behind a card.
//!
//! Turns a SMART App Launch into a session and a session into pages that were rendered on the server. It is a
//! client of the EHR's authorization and FHIR servers with a token of its own; it reads and judges by the same
//! steps as a hook call. It writes one thing, a draft order that its user has seen whole and confirmed, and only
//! where settings and scopes allow it. Tokens never leave this process, nothing here outlives it, and
//! no page holds a script, a foreign address or anything that a query sent without being escaped.
//! Follows SMART App Launch 2.2 and CDS Hooks 2.0.1, "Link".

mod asked;
mod callback;
mod confirm;
mod cookie;
mod discovery;
mod door;
mod handoff;
mod identity;
mod launch;
mod random;
mod reading;
mod refusal;
mod registration;
mod session;
mod store;
pub mod survey;
mod token;
mod view;
mod writing;

pub use registration::SetupError;

use crate::config::ClientConfig;
use crate::http::reading;
use crate::outbound::Outbound;
use crate::protocol::request::HookRequest;
use actix_web::web;
use handoff::Handles;
use launch::Launch;
use registration::Registration;
use session::Session;
use std::sync::Arc;
use store::Store;
use url::Url;
use uuid::Uuid;

/// The app at every EHR that has registered it, with what is under way.
pub struct Smart {
    public_url: String,
    /// Path of the public address, for links and cookies behind a proxy.
    prefix: String,
    registrations: Vec<Arc<Registration>>,
    launches: Store<Launch>,
    sessions: Store<Arc<Session>>,
    handles: Handles,
}

/// What an app at each EHR proves itself with from now on.
pub struct Renewed(Vec<(Arc<Registration>, Registration)>);

impl Renewed {
    /// Takes it into use. Launches and sessions under way go on.
    pub fn take(self) {
        for (known, new) in self.0 {
            known.take_from(new);
        }
    }
}

/// Where a card's link leads.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AppLink {
    /// Launch address.
    pub url: String,
    /// `appContext`: says nothing by itself.
    pub handle: Option<String>,
}

impl Smart {
    /// The app for the clients of the settings, under the address by which browsers reach the service.
    ///
    /// # Errors
    /// [`SetupError`] if a private key cannot sign.
    pub fn new(clients: &[ClientConfig], public_url: &str, outbound: Outbound) -> Result<Self, SetupError> {
        let mut registrations = Vec::new();
        for client in clients {
            registrations.extend(Registration::new(client, outbound)?.map(Arc::new));
        }
        let path = Url::parse(public_url).map(|url| url.path().trim_end_matches('/').to_owned());
        Ok(Smart {
            public_url: public_url.trim_end_matches('/').to_owned(),
            prefix: path.unwrap_or_default(),
            registrations,
            launches: Store::new(launch::LIMITS),
            sessions: Store::new(session::LIMITS),
            handles: Handles::new(),
        })
    }

    /// The secrets, keys and certificates of the settings as their files hold them now, read and tried. Nothing
    /// changes before they are taken into use. An EHR that was not registered at the start is left out.
    ///
    /// # Errors
    /// [`SetupError`] as for [`Smart::new`].
    pub fn renewed(&self, clients: &[ClientConfig], outbound: Outbound) -> Result<Renewed, SetupError> {
        let mut renewed = Vec::new();
        for client in clients {
            let known = self.registrations.iter().find(|of| of.is_for(client));
            if let Some((known, new)) = known.zip(Registration::new(client, outbound)?) {
                renewed.push((Arc::clone(known), new));
            }
        }
        Ok(Renewed(renewed))
    }

    /// The link from the cards of a call to the app; none for a client without it. `content` is the version of
    /// the tables, `card` the first card of the answer.
    pub fn link(
        &self,
        client: &str,
        request: &HookRequest<'_>,
        content: &str,
        card: Uuid,
    ) -> Option<AppLink> {
        self.registrations.iter().find(|of| of.name == client)?;
        Some(AppLink {
            url: format!("{}/smart/launch", self.public_url),
            handle: self.handles.keep(client, request, content, card),
        })
    }

    fn at(&self, issuer: &str) -> Option<Arc<Registration>> {
        self.registrations.iter().find(|of| of.is_at(issuer)).cloned()
    }

    /// The EHR of a session by the session's name, whether the session is still there or not.
    fn of_session(&self, name: &str) -> Option<Arc<Registration>> {
        let (tag, _) = name.split_once('.')?;
        self.registrations.iter().find(|of| of.tag == tag).cloned()
    }

    fn redirect_uri(&self) -> String {
        format!("{}/smart/callback", self.public_url)
    }

    /// A path of ours as browsers see it.
    fn path(&self, path: &str) -> String {
        format!("{}{path}", self.prefix)
    }

    fn is_secure(&self) -> bool {
        self.public_url.starts_with("https:")
    }
}

/// Every route of the app. HEAD is for what is the same for everybody: it must not begin a launch, use up a code, or
/// read a chart that nobody then sees.
pub fn routes(config: &mut web::ServiceConfig) {
    config
        .route("/smart", reading().to(door::choose))
        .route("/smart/launch", web::get().to(door::launch))
        .route("/smart/callback", web::get().to(door::arrive))
        .route("/smart/jwks.json", reading().to(door::keys))
        .route("/smart/app.css", reading().to(door::stylesheet))
        .route("/smart/s/{session}", web::get().to(door::chart))
        .route("/smart/s/{session}/plan", web::get().to(door::plan))
        .route("/smart/s/{session}/draft", web::get().to(confirm::show))
        .route("/smart/s/{session}/draft", web::post().to(confirm::submit))
        .route(
            "/smart/s/{session}/draft/{order}",
            web::get().to(confirm::outcome),
        )
        .route("/smart/s/{session}/logout", web::post().to(door::leave));
}
