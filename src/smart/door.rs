//! The app's doors: a launch, the way back, the pages of an opened chart, and our public keys.
//!
//! Turns requests into calls of the modules beside it and their answers into pages. Every page may be framed
//! by the configured origins only, is never cached, and sends no referrer.

use super::callback::{self, Arrival, Opened};
use super::cookie::Cookie;
use super::reading::{Reading, reading};
use super::refusal::Refusal;
use super::registration::Registration;
use super::session::{COOKIE, LIMITS, Session};
use super::view::{self, Query};
use super::{Smart, launch};
use crate::app::App;
use crate::pages;
use crate::trust::Client;
use actix_web::http::StatusCode;
use actix_web::http::header::{self, CACHE_CONTROL, CONTENT_TYPE, LOCATION, ORIGIN, SET_COOKIE};
use actix_web::{HttpRequest, HttpResponse, web};
use askama::Template;
use serde::Deserialize;
use serde_json::json;
use std::sync::Arc;
use url::Url;

const STYLE: &str = concat!(include_str!("../pages/look.css"), include_str!("assets/app.css"));

#[derive(Template)]
#[template(path = "smart/templates/message.html")]
struct Message<'a> {
    prefix: &'a str,
    title: &'a str,
    text: &'a str,
    /// Name of an EHR and address of the launch that opens the chart again.
    doors: Vec<(String, String)>,
}

#[derive(Template)]
#[template(path = "smart/templates/choose.html")]
struct Choose<'a> {
    prefix: &'a str,
    /// Name of the client and address of its launch.
    doors: Vec<(&'a str, String)>,
}

/// What an EHR sends to begin.
#[derive(Deserialize)]
pub(super) struct Beginning {
    iss: Option<String>,
    launch: Option<String>,
    /// From our own pages only: query of the chart.
    resume: Option<String>,
}

/// `GET /smart`: the EHRs from which a chart can be opened without one.
pub(super) async fn choose(app: web::Data<App>) -> HttpResponse {
    let smart = &*app.smart;
    let doors = smart.registrations.iter();
    let doors = doors.map(|of| (of.name.as_str(), door_of(smart, of, "")));
    let page = Choose {
        prefix: &smart.prefix,
        doors: doors.collect(),
    };
    pages::page(StatusCode::OK, &page, false, "'none'")
}

/// Address of a launch that begins with us.
fn door_of(smart: &Smart, registration: &Registration, resume: &str) -> String {
    let mut query = url::form_urlencoded::Serializer::new(String::new());
    query.append_pair("iss", &registration.issuer);
    if !resume.is_empty() {
        query.append_pair("resume", resume);
    }
    smart.path(&format!("/smart/launch?{}", query.finish()))
}

/// `GET /smart/launch`: to the authorization server, with a cookie that ties the launch to this browser.
pub(super) async fn launch(app: web::Data<App>, query: web::Query<Beginning>) -> HttpResponse {
    let resume = Query::resumed(query.resume.as_deref().unwrap_or_default()).to_resume();
    let begun = match query.iss.as_deref() {
        Some(issuer) => launch::begin(&app.smart, issuer, query.launch.as_deref(), resume).await,
        None => Err(Refusal::NoIssuer),
    };
    match begun {
        Ok(departure) => redirect(departure.to.as_str(), &[departure.cookie]),
        Err(refusal) => {
            app.meters.smart_launches.with(&["refused"]).add(1);
            refused(&app.smart, refusal)
        }
    }
}

/// `GET /smart/callback`: from a code to an opened chart; the address with the code is left at once.
pub(super) async fn arrive(
    app: web::Data<App>,
    request: HttpRequest,
    arrival: web::Query<Arrival>,
) -> HttpResponse {
    let smart = &*app.smart;
    let state = arrival.state.as_deref().unwrap_or_default();
    let spent = Cookie {
        name: &launch::cookie_name(state),
        value: "",
        path: &smart.path("/smart/callback"),
        life: 0,
        secure: smart.is_secure(),
    };
    match callback::open(smart, &request, &arrival).await {
        Ok(Opened { name, cookie, resume }) => {
            app.meters.smart_launches.with(&["opened"]).add(1);
            let path = smart.path(&format!("/smart/s/{name}"));
            let own = session_cookie(smart, &path, &cookie, LIMITS.life.as_secs());
            let mut cookies = vec![own];
            cookies.extend(is_token(state).then(|| spent.header()));
            let begins = if resume.is_empty() {
                path
            } else {
                format!("{path}?{resume}")
            };
            redirect(&begins, &cookies)
        }
        Err(refusal) => {
            app.meters.smart_launches.with(&["refused"]).add(1);
            refused(smart, refusal)
        }
    }
}

/// Whether a state that was sent may stand in a header.
fn is_token(state: &str) -> bool {
    state
        .bytes()
        .all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'_')
}

fn session_cookie(smart: &Smart, path: &str, value: &str, life: u64) -> String {
    let cookie = Cookie {
        name: COOKIE,
        value,
        path,
        life,
        secure: smart.is_secure(),
    };
    cookie.header()
}

/// `GET /smart/s/{session}`: the chart.
pub(super) async fn chart(
    app: web::Data<App>,
    request: HttpRequest,
    name: web::Path<String>,
    query: web::Query<Query>,
) -> HttpResponse {
    shown(&app, &request, &name, &query, |open, path, frames| {
        let page = view::chart(&app, open, path, &query);
        pages::page(StatusCode::OK, &page, false, frames)
    })
    .await
}

/// `GET /smart/s/{session}/plan`: the plan of reduction alone, for printing.
pub(super) async fn plan(
    app: web::Data<App>,
    request: HttpRequest,
    name: web::Path<String>,
    query: web::Query<Query>,
) -> HttpResponse {
    shown(&app, &request, &name, &query, |open, path, frames| {
        let page = view::plan(&app, open, path, &query);
        pages::page(StatusCode::OK, &page, false, frames)
    })
    .await
}

/// What `draw` makes of an opened chart, of its path and of who may frame it.
async fn shown(
    app: &web::Data<App>,
    request: &HttpRequest,
    name: &str,
    query: &Query,
    draw: impl FnOnce(&OpenChart, &str, &str) -> HttpResponse,
) -> HttpResponse {
    match opened(app, request, name, query).await {
        Ok(open) => {
            let path = app.smart.path(&format!("/smart/s/{name}"));
            let frames = frames(&open.session.registration.frame_ancestors);
            draw(&open, &path, &frames)
        }
        Err(refusal) => refused_in(&app.smart, refusal, name, query),
    }
}

/// A session, with its chart and with what the settings in use say of its EHR.
pub(super) struct OpenChart {
    pub(super) session: Arc<Session>,
    pub(super) reading: Arc<Reading>,
    pub(super) client: Arc<Client>,
}

/// The session of a path, with its chart. An EHR that a reload has taken out of the settings shows nothing more.
pub(super) async fn opened(
    app: &web::Data<App>,
    request: &HttpRequest,
    name: &str,
    query: &Query,
) -> Result<OpenChart, Refusal> {
    let session = app.smart.sessions.of(name, request)?;
    let client = app.client(&session.registration.name);
    let client = client.ok_or(Refusal::UnknownIssuer)?;
    // A browser that goes away ends its request, but what has been asked of the EHR by then is audited.
    let (own, of, again) = (app.clone(), Arc::clone(&session), query.again());
    let read = actix_web::rt::spawn(async move { reading(&own, &of, again).await });
    let reading = read.await.map_err(|_| Refusal::Internal)??;
    Ok(OpenChart {
        session,
        reading,
        client,
    })
}

/// `POST /smart/s/{session}/logout`: forgets the session and its tokens.
pub(super) async fn leave(
    app: web::Data<App>,
    request: HttpRequest,
    name: web::Path<String>,
) -> HttpResponse {
    let smart = &*app.smart;
    if !is_from_us(smart, &request) {
        return refused(smart, Refusal::ForeignPage);
    }
    if let Err(refusal) = smart.sessions.of(&name, &request) {
        return refused(smart, refusal);
    }
    smart.sessions.take(&name);
    let path = smart.path(&format!("/smart/s/{name}"));
    let page = Message {
        prefix: &smart.prefix,
        doors: Vec::new(),
        title: "The chart is closed",
        text: "The app has forgotten the patient and its permission to read the chart. You can close this window.",
    };
    let mut response = pages::page(StatusCode::OK, &page, false, &frames(&all_frames(smart)));
    if let Ok(value) = session_cookie(smart, &path, "", 0).parse() {
        response.headers_mut().append(SET_COOKIE, value);
    }
    response
}

/// Whether a form was sent from a page of ours; browsers name the origin of every POST.
///
/// Our pages send no referrer, and for such a page a browser writes the origin `null` (Fetch, "Origin header");
/// `Sec-Fetch-Site`, which no page can set, then says whether the form is ours.
pub(super) fn is_from_us(smart: &Smart, request: &HttpRequest) -> bool {
    if let Some(site) = request.headers().get("sec-fetch-site") {
        return site == "same-origin";
    }
    let Some(origin) = request.headers().get(ORIGIN) else {
        return true;
    };
    let own = Url::parse(&smart.public_url).map(|url| url.origin().ascii_serialization());
    own.is_ok_and(|own| origin.to_str().is_ok_and(|origin| origin == own))
}

/// `GET /smart/jwks.json`: the public halves of the keys with which we prove ourselves.
pub(super) async fn keys(app: web::Data<App>) -> HttpResponse {
    let keys: Vec<_> = app
        .smart
        .registrations
        .iter()
        .filter_map(|of| of.public_key())
        .collect();
    HttpResponse::Ok()
        .insert_header((CONTENT_TYPE, "application/json"))
        .insert_header((CACHE_CONTROL, "public, max-age=3600"))
        .body(json!({ "keys": keys }).to_string())
}

/// `GET /smart/app.css`
pub(super) async fn stylesheet() -> HttpResponse {
    HttpResponse::Ok()
        .insert_header((CONTENT_TYPE, "text/css; charset=utf-8"))
        .insert_header((header::X_CONTENT_TYPE_OPTIONS, "nosniff"))
        .insert_header((CACHE_CONTROL, "public, max-age=300"))
        .body(STYLE)
}

pub(super) fn redirect(to: &str, cookies: &[String]) -> HttpResponse {
    let mut response = HttpResponse::SeeOther();
    response
        .insert_header((LOCATION, to))
        .insert_header((header::REFERRER_POLICY, "no-referrer"))
        .insert_header((CACHE_CONTROL, "no-store"));
    for cookie in cookies {
        response.append_header((SET_COOKIE, cookie.as_str()));
    }
    response.finish()
}

/// A refusal before a session is known.
pub(super) fn refused(smart: &Smart, refusal: Refusal) -> HttpResponse {
    message(smart, refusal, smart.registrations.iter(), "")
}

/// A refusal within a session, lost or not: the chart can be opened again at the same EHR, with the same plan.
pub(super) fn refused_in(smart: &Smart, refusal: Refusal, session: &str, query: &Query) -> HttpResponse {
    let at = smart.of_session(session);
    message(smart, refusal, at.iter(), &query.to_resume())
}

fn message<'r>(
    smart: &Smart,
    refusal: Refusal,
    at: impl Iterator<Item = &'r Arc<Registration>>,
    resume: &str,
) -> HttpResponse {
    tracing::info!(event = "app.refused", reason = %refusal);
    let (title, text) = refusal.words();
    let at = at.filter(|_| refusal.may_be_reopened());
    let page = Message {
        prefix: &smart.prefix,
        title,
        text,
        doors: at
            .map(|of| (of.name.clone(), door_of(smart, of, resume)))
            .collect(),
    };
    pages::page(refusal.status(), &page, false, &frames(&all_frames(smart)))
}

/// Origins that may frame a page that belongs to no EHR yet.
fn all_frames(smart: &Smart) -> Vec<String> {
    smart
        .registrations
        .iter()
        .flat_map(|of| of.frame_ancestors.clone())
        .collect()
}

pub(super) fn frames(origins: &[String]) -> String {
    if origins.is_empty() {
        "'none'".to_owned()
    } else {
        origins.join(" ")
    }
}
