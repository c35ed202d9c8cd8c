//! The way to the authorization server: from within an EHR, or from our own list of EHRs.
//!
//! Turns `iss` and `launch` into a redirect. An `iss` that is not the FHIR base of a configured client is
//! refused before anything is asked of it. State, nonce and verifier are random, kept on this side, used once,
//! and bound by a cookie to the browser that began. Follows SMART App Launch 2.2, "Obtain authorization code".

use super::cookie::Cookie;
use super::discovery::Endpoints;
use super::refusal::Refusal;
use super::registration::Registration;
use super::store::Limits;
use super::{Smart, random};
use std::sync::Arc;
use std::time::Duration;
use url::Url;

/// Ten minutes to sign in.
pub(super) const LIMITS: Limits = Limits {
    most: 2_048,
    idle: Duration::from_secs(600),
    life: Duration::from_secs(600),
};

/// A launch under way. It has no `Debug`.
pub(super) struct Launch {
    /// The EHR.
    pub(super) registration: Arc<Registration>,
    /// Where it signs in.
    pub(super) endpoints: Arc<Endpoints>,
    /// What the browser's cookie must hold.
    pub(super) cookie: String,
    /// PKCE verifier.
    pub(super) verifier: String,
    /// Nonce, where an identity token was asked for.
    pub(super) nonce: Option<String>,
    /// Scopes that were asked for.
    pub(super) asked: Vec<String>,
    /// Query of the chart that is opened: what was asked of a plan before its session was lost.
    pub(super) resume: String,
}

/// Where to send the browser, and the cookie that it takes along.
pub(super) struct Departure {
    pub(super) to: Url,
    pub(super) cookie: String,
}

/// Name of the cookie of a launch: two launches in one browser have one each.
pub(super) fn cookie_name(state: &str) -> String {
    format!("stepdown-launch-{}", state.get(..12).unwrap_or_default())
}

/// Begins a launch. `issuer` is sent back as `aud` byte for byte as it came.
/// `resume` is the query of a chart, as our own pages write it.
pub(super) async fn begin(
    smart: &Smart,
    issuer: &str,
    launch: Option<&str>,
    resume: String,
) -> Result<Departure, Refusal> {
    let registration = smart.at(issuer).ok_or(Refusal::UnknownIssuer)?;
    let endpoints = registration
        .discovered
        .of(&registration.base, &smart.http)
        .await?;
    let asked = registration.scopes(&endpoints, launch.is_some());
    let nonce = match asked.iter().any(|scope| scope == "openid") {
        true => Some(random::secret()?),
        false => None,
    };
    let (state, cookie, verifier) = (random::secret()?, random::secret()?, random::secret()?);
    let mut to = endpoints.authorize.clone();
    to.set_fragment(None);
    to.query_pairs_mut()
        .append_pair("response_type", "code")
        .append_pair("client_id", &registration.client_id)
        .append_pair("redirect_uri", &smart.redirect_uri())
        .append_pair("scope", &asked.join(" "))
        .append_pair("state", &state)
        .append_pair("aud", issuer)
        .append_pair("code_challenge", &random::challenge(&verifier))
        .append_pair("code_challenge_method", "S256")
        .extend_pairs(launch.map(|launch| ("launch", launch)))
        .extend_pairs(nonce.as_deref().map(|nonce| ("nonce", nonce)));
    let header = Cookie {
        name: &cookie_name(&state),
        value: &cookie,
        path: &smart.path("/smart/callback"),
        life: LIMITS.life.as_secs(),
        secure: smart.is_secure(),
    };
    let departure = Departure {
        to,
        cookie: header.header(),
    };
    let launch = Launch {
        registration,
        endpoints,
        cookie,
        verifier,
        nonce,
        asked,
        resume,
    };
    smart.launches.put(state, launch);
    Ok(departure)
}
