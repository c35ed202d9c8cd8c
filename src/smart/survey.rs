//! A launch from beside: what an EHR's document would lead to, and whether its token endpoint takes our proof.
//!
//! Turns one client of the settings and a document into the answers that a launch would act on; by the same
//! code. It opens no chart, keeps nothing, and gives away no secret but to the token endpoint.

use super::discovery::{Endpoints, body};
use super::random;
use super::registration::{Registration, lets_read, types_read};
use super::{SetupError, token};
use crate::clinical::record::Source;
use crate::config::ClientConfig;
use crate::outbound::Outbound;
use serde::Deserialize;
use serde_json::Value;
use url::Url;

/// The app at one EHR, before it is launched.
pub struct Survey(Registration);

/// What a launch would do by a document.
pub struct Launchable {
    endpoints: Endpoints,
    /// Scopes of a launch from within the EHR.
    pub asked: Vec<String>,
}

/// One type that is read, and the scopes that allow it.
pub struct Read {
    /// FHIR type.
    pub kind: &'static str,
    /// The source of the record that it fills; `None` for what an order refers to.
    pub source: Option<Source>,
    /// Scope in the form of SMART 2.
    pub scope: String,
    /// The same in the form of SMART 1.
    pub old_scope: String,
}

/// How a token endpoint took a code that does not exist.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Reception {
    /// It knows the client, takes its proof, and refuses the code.
    Known,
    /// It does not know the client, or does not take its proof.
    Refused,
    /// Something else: the status, and the error code of OAuth where it is one.
    Other(u16, Option<&'static str>),
    /// No answer.
    Silent,
}

/// Every type that the tables read.
#[must_use]
pub fn types() -> Vec<Read> {
    let read = |(kind, source)| Read {
        kind,
        source,
        scope: super::registration::scope(kind, false),
        old_scope: super::registration::scope(kind, true),
    };
    types_read().map(read).collect()
}

impl Survey {
    /// For a client with the app.
    ///
    /// # Errors
    /// [`SetupError`] if its key cannot sign.
    pub fn of(client: &ClientConfig) -> Result<Option<Self>, SetupError> {
        Ok(Registration::new(client, Outbound::default())?.map(Self))
    }

    /// What a launch would do by this document; `None` if it would be refused.
    #[must_use]
    pub fn read(&self, document: &[u8]) -> Option<Launchable> {
        let endpoints = Endpoints::read(serde_json::from_slice(document).ok()?, &self.0.base)?;
        Some(Launchable {
            asked: self.0.scopes(&endpoints, true),
            endpoints,
        })
    }

    /// Our public key there, as it is published.
    #[must_use]
    pub fn public_key(&self) -> Option<Value> {
        serde_json::to_value(self.0.public_key()?).ok()
    }

    /// Shows our proof to the token endpoint, with a code that does not exist.
    pub async fn prove(&self, launchable: &Launchable, redirect_uri: &str) -> Reception {
        let Ok(verifier) = random::secret() else {
            return Reception::Silent;
        };
        let fields = [
            ("grant_type", "authorization_code"),
            ("code", "stepdown-doctor-no-such-code"),
            ("redirect_uri", redirect_uri),
            ("code_verifier", &*verifier),
        ];
        let endpoints = &launchable.endpoints;
        let Ok(request) = token::request(&self.0.http(), &self.0, endpoints, &fields) else {
            return Reception::Silent;
        };
        let Ok(response) = request.send().await else {
            return Reception::Silent;
        };
        let status = response.status().as_u16();
        reception(status, &body(response).await.unwrap_or_default())
    }
}

impl Launchable {
    /// The types that the scopes of a launch do not let be read.
    #[must_use]
    pub fn unread(&self) -> Vec<&'static str> {
        let allowed = |kind: &str| self.asked.iter().any(|scope| lets_read(scope, kind));
        types_read()
            .map(|(kind, _)| kind)
            .filter(|kind| !allowed(kind))
            .collect()
    }

    /// Authorization endpoint.
    #[must_use]
    pub fn authorize(&self) -> &Url {
        &self.endpoints.authorize
    }

    /// Token endpoint.
    #[must_use]
    pub fn token(&self) -> &Url {
        &self.endpoints.token
    }

    /// Issuer of identity tokens and the address of its keys, where identity can be proven.
    #[must_use]
    pub fn identity(&self) -> Option<(&str, &Url)> {
        let of = self.endpoints.signs_in().then_some(&self.endpoints)?;
        Some((of.issuer.as_deref()?, of.keys.as_ref()?))
    }

    /// Whether it lists a capability.
    #[must_use]
    pub fn offers(&self, capability: &str) -> bool {
        self.endpoints.offers(capability)
    }
}

/// Error codes of RFC 6749, 5.2: the only text of a token answer that is ever shown.
const ERRORS: [&str; 6] = [
    "invalid_request",
    "invalid_client",
    "invalid_grant",
    "unauthorized_client",
    "unsupported_grant_type",
    "invalid_scope",
];

#[derive(Deserialize)]
struct Refusal {
    error: String,
}

fn reception(status: u16, body: &[u8]) -> Reception {
    let said = serde_json::from_slice::<Refusal>(body).ok();
    let code = said.and_then(|said| ERRORS.into_iter().find(|known| *known == said.error));
    match (status, code) {
        (400, Some("invalid_grant")) => Reception::Known,
        (401, _) | (_, Some("invalid_client" | "unauthorized_client")) => Reception::Refused,
        (status, code) => Reception::Other(status, code),
    }
}
