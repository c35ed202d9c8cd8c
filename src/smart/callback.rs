//! The way back: from a code to an opened chart.
//!
//! Turns the answer of an authorization server into a [`Session`]. A state works once, and only in the browser
//! that holds its cookie: a code that was smuggled into another browser, or out of it, opens nothing. Identity,
//! patient and handle are checked before anything is read. Follows SMART App Launch 2.2, "Obtain access
//! token", and RFC 9207.

use super::cookie;
use super::identity::{self, Expected};
use super::launch::{Launch, cookie_name};
use super::refusal::Refusal;
use super::registration::Scopes;
use super::session::{Open, Session};
use super::token::{self, Granted};
use super::{Smart, random};
use crate::fhir::subject::{PatientRef, is_id};
use actix_web::HttpRequest;
use serde::Deserialize;
use std::collections::HashMap;
use std::sync::Arc;
use std::time::Instant;
use tokio::sync::Mutex;

/// What an authorization server may send.
#[derive(Deserialize)]
pub(super) struct Arrival {
    code: Option<String>,
    /// Which launch it answers.
    pub(super) state: Option<String>,
    error: Option<String>,
    iss: Option<String>,
}

/// A chart that was opened.
pub(super) struct Opened {
    /// Name of its session.
    pub(super) name: String,
    /// Secret of its cookie.
    pub(super) cookie: String,
    /// Query to begin with.
    pub(super) resume: String,
}

/// Opens a chart.
pub(super) async fn open(smart: &Smart, request: &HttpRequest, arrival: &Arrival) -> Result<Opened, Refusal> {
    let state = arrival.state.as_deref().ok_or(Refusal::UnknownLaunch)?;
    let launch = smart.launches.take(state).ok_or(Refusal::UnknownLaunch)?;
    let name = cookie_name(state);
    if !cookie::sent(request, &name).any(|value| random::same(value, &launch.cookie)) {
        return Err(Refusal::ForeignBrowser);
    }
    let known = launch.endpoints.issuer.as_deref();
    if let (Some(named), Some(known)) = (arrival.iss.as_deref(), known)
        && named != known
    {
        return Err(Refusal::ForeignServer);
    }
    if arrival.error.is_some() {
        return Err(Refusal::NotAuthorized);
    }
    let code = arrival
        .code
        .as_deref()
        .filter(|code| !code.is_empty())
        .ok_or(Refusal::NotAuthorized)?;
    let granted = token::exchange(
        &smart.http,
        &launch.registration,
        &launch.endpoints,
        code,
        &launch.verifier,
        &smart.redirect_uri(),
    )
    .await?;
    let resume = launch.resume.clone();
    let session = session(smart, launch, granted).await?;
    let name = format!("{}.{}", session.registration.tag, random::secret()?);
    let cookie = session.cookie.clone();
    tracing::info!(
        event = "app.opened",
        client = session.registration.name,
        card = session.stop.as_ref().map(|stop| stop.card.to_string()),
    );
    smart.sessions.put(name.clone(), Arc::new(session));
    Ok(Opened { name, cookie, resume })
}

async fn session(smart: &Smart, launch: Launch, granted: Granted) -> Result<Session, Refusal> {
    let registration = launch.registration;
    let scopes = match &granted.scope {
        Some(text) => Scopes::read(text),
        None => Scopes::asked(&launch.asked),
    };
    let user = match &launch.nonce {
        Some(nonce) if scopes.has("openid") => {
            let token = granted.identity.as_ref().ok_or(Refusal::IdentityNotProven)?;
            let expected = Expected {
                client_id: &registration.client_id,
                nonce,
                base: registration.base.as_str(),
            };
            identity::user(&smart.http, &launch.endpoints, token, &expected).await?
        }
        _ => None,
    };
    let patient = granted
        .patient
        .as_deref()
        .and_then(PatientRef::parse)
        .ok_or(Refusal::NoPatient)?;
    if !patient.is_on(&registration.base) {
        return Err(Refusal::NoPatient);
    }
    let stop = match &granted.handle {
        Some(handle) => smart.handles.stop(handle, &registration.name, patient.id())?,
        None => None,
    };
    let encounter = granted
        .encounter
        .as_deref()
        .map(|text| text.trim_start_matches("Encounter/"));
    Ok(Session {
        cookie: random::secret()?,
        form: random::secret()?,
        encounter: encounter.filter(|id| is_id(id)).map(str::to_owned),
        patient,
        user,
        banner: granted.banner,
        scopes,
        stop,
        open: Mutex::new(Open {
            ends: granted.life.and_then(|life| Instant::now().checked_add(life)),
            access: granted.access,
            refresh: granted.refresh,
            reading: None,
            written: HashMap::new(),
        }),
        registration,
    })
}
