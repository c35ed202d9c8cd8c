//! The way in and out: the form for a token, the session of a browser, and what a refusal looks like.
//!
//! Turns a request into somebody who may look, or into the answer that says why not. A form is taken only from a
//! page of the same session, and from no other site. No answer repeats what was sent.

use super::gate::Shut;
use super::session::{self, Session};
use crate::app::App;
use crate::clock::Clock;
use crate::pages;
use actix_web::http::StatusCode;
use actix_web::http::header::{CACHE_CONTROL, CONTENT_TYPE, LOCATION, RETRY_AFTER, SET_COOKIE};
use actix_web::{HttpRequest, HttpResponse, web};
use askama::Template;
use serde::Deserialize;
use tokio::sync::SemaphorePermit;

/// Under whose name ended sessions are spent; no issuer of tokens is called so.
const ENDED: &str = "operator session";

/// Why a page is not shown.
#[derive(Debug)]
pub(super) enum Refusal {
    /// Nobody may look: as if there were no page.
    NotThere,
    /// It is not known who asks.
    SignIn,
    /// The form is not of a page of this session.
    Foreign,
    /// The query or the form cannot be read.
    Unreadable,
    /// There is no such card.
    NoCard,
    /// The journal does not answer.
    Unavailable,
    /// As many calls are in work as this process takes.
    Busy,
}

/// What every page begins with.
pub(super) struct Frame {
    /// Name of the operator; empty where nobody is signed in.
    pub(super) who: String,
    /// What the forms of the page carry.
    pub(super) token: String,
    /// Whether nobody has to sign in.
    pub(super) demo: bool,
    /// Which of the pages it is.
    pub(super) here: &'static str,
}

/// Somebody who may look, with room for the call.
pub(super) struct Visit<'a> {
    pub(super) session: Session,
    pub(super) demo: bool,
    cookie: Option<String>,
    _slot: SemaphorePermit<'a>,
}

impl Visit<'_> {
    /// Who it is, or why the page is not shown.
    pub(super) async fn of<'a>(app: &'a App, request: &HttpRequest) -> Result<Visit<'a>, Refusal> {
        let slot = app.slot().ok_or(Refusal::Busy)?;
        let (operators, now) = (&app.operators, Clock::Real.now());
        if operators.is_empty() {
            return Err(Refusal::NotThere);
        }
        if let Some(anybody) = operators.anybody() {
            return Ok(Visit {
                session: Session::for_demo(anybody, now),
                demo: true,
                cookie: None,
                _slot: slot,
            });
        }
        let mut session = Session::of(request, operators, now).ok_or(Refusal::SignIn)?;
        let ended = app.journal.is_spent(ENDED, &session.id().0).await;
        if ended.map_err(|_| Refusal::Unavailable)? {
            return Err(Refusal::SignIn);
        }
        let cookie = session.renewed(now, app.is_secure());
        Ok(Visit {
            session,
            demo: false,
            cookie,
            _slot: slot,
        })
    }

    /// The same for a form: it has to be of a page of this session.
    pub(super) async fn of_form<'a>(
        app: &'a App,
        request: &HttpRequest,
        token: &str,
    ) -> Result<Visit<'a>, Refusal> {
        let visit = Visit::of(app, request).await?;
        let ours = is_of_this_site(request) && visit.session.owns(token);
        ours.then_some(visit).ok_or(Refusal::Foreign)
    }

    pub(super) fn frame(&self, here: &'static str) -> Frame {
        Frame {
            who: self.session.who().to_owned(),
            token: self.session.form_token(),
            demo: self.demo,
            here,
        }
    }

    /// A page of this visit.
    pub(super) fn page(&self, template: &impl Template) -> HttpResponse {
        let mut answer = page(StatusCode::OK, template);
        self.keep(&mut answer);
        answer
    }

    /// Sends the browser on, so that to load the page again sends no form again.
    pub(super) fn go(&self, to: &str) -> HttpResponse {
        let mut answer = go(to);
        self.keep(&mut answer);
        answer
    }

    /// Makes the session last longer.
    fn keep(&self, answer: &mut HttpResponse) {
        let cookie = self.cookie.as_ref().and_then(|cookie| cookie.parse().ok());
        if let Some(cookie) = cookie {
            answer.headers_mut().insert(SET_COOKIE, cookie);
        }
    }
}

/// A browser says from which site a request comes; a program says nothing.
fn is_of_this_site(request: &HttpRequest) -> bool {
    let site = request.headers().get("sec-fetch-site");
    site.is_none_or(|site| site == "same-origin" || site == "none")
}

fn page(status: StatusCode, template: &impl Template) -> HttpResponse {
    pages::page(status, template, false, "'none'")
}

/// `303` to a page beside this one.
fn go(to: &str) -> HttpResponse {
    HttpResponse::SeeOther()
        .insert_header((LOCATION, to))
        .insert_header((CACHE_CONTROL, "no-store"))
        .finish()
}

#[derive(Template)]
#[template(path = "operator/templates/message.html")]
struct Message<'a> {
    frame: Frame,
    title: &'a str,
    text: &'a str,
}

#[derive(Template)]
#[template(path = "operator/templates/sign-in.html")]
struct SignIn {
    frame: Frame,
    /// What was wrong with the last attempt; empty at first.
    problem: &'static str,
}

/// A page of which nobody is known.
fn outside(here: &'static str) -> Frame {
    Frame {
        who: String::new(),
        token: String::new(),
        demo: false,
        here,
    }
}

impl Refusal {
    /// The answer.
    pub(super) fn response(&self) -> HttpResponse {
        let (status, title, text) = match self {
            Refusal::SignIn => return go("sign-in"),
            Refusal::NotThere => (
                StatusCode::NOT_FOUND,
                "Nothing is here",
                "The settings name no operator, so that nobody can sign in.",
            ),
            Refusal::Foreign => (
                StatusCode::FORBIDDEN,
                "The form was not taken",
                "It is not of a page of this session, or the session has ended. Open the page again and repeat.",
            ),
            Refusal::Unreadable => (
                StatusCode::BAD_REQUEST,
                "That cannot be read",
                "A day is written as 2026-11-22, and the first day comes before the last.",
            ),
            Refusal::NoCard => (
                StatusCode::NOT_FOUND,
                "No such card",
                "The journal has no card of this name, or has no longer: cards go when their retention has passed.",
            ),
            Refusal::Unavailable => (
                StatusCode::SERVICE_UNAVAILABLE,
                "The journal does not answer",
                "Nothing was changed. The service tries again by itself; load the page in a moment.",
            ),
            Refusal::Busy => (
                StatusCode::SERVICE_UNAVAILABLE,
                "Busy",
                "As many calls are in work as this process takes. Load the page in a moment.",
            ),
        };
        let frame = outside("message");
        page(status, &Message { frame, title, text })
    }
}

/// `GET /operator`: the first page.
pub(super) async fn front(request: HttpRequest) -> HttpResponse {
    let within = request.path().ends_with('/');
    go(if within { "overview" } else { "operator/overview" })
}

/// `GET /operator/style.css`
pub(super) async fn style() -> HttpResponse {
    HttpResponse::Ok()
        .insert_header((CONTENT_TYPE, "text/css; charset=utf-8"))
        .insert_header((CACHE_CONTROL, "public, max-age=300"))
        .insert_header(("x-content-type-options", "nosniff"))
        .body(concat!(
            include_str!("../pages/look.css"),
            include_str!("page.css")
        ))
}

/// `GET /operator/icon.svg`
pub(super) async fn icon() -> HttpResponse {
    HttpResponse::Ok()
        .insert_header((CONTENT_TYPE, "image/svg+xml"))
        .insert_header((CACHE_CONTROL, "public, max-age=300"))
        .body(include_str!("../pages/icon.svg"))
}

/// `GET /operator/sign-in`
pub(super) async fn ask(app: web::Data<App>) -> HttpResponse {
    if app.operators.is_empty() {
        return Refusal::NotThere.response();
    }
    if app.operators.anybody().is_some() {
        return go("overview");
    }
    again(StatusCode::OK, "")
}

fn again(status: StatusCode, problem: &'static str) -> HttpResponse {
    let frame = outside("sign-in");
    page(status, &SignIn { frame, problem })
}

/// The form of a sign-in.
#[derive(Deserialize)]
pub(super) struct Credentials {
    token: String,
}

/// `POST /operator/sign-in`
pub(super) async fn sign_in(
    app: web::Data<App>,
    request: HttpRequest,
    form: Result<web::Form<Credentials>, actix_web::Error>,
) -> HttpResponse {
    let Ok(form) = form else {
        return again(StatusCode::BAD_REQUEST, "The form could not be read.");
    };
    if !is_of_this_site(&request) {
        return Refusal::Foreign.response();
    }
    match app.operators.admit(form.token.trim()) {
        Ok(operator) => {
            let now = Clock::Real.now();
            let cookie = Session::begin(operator, now).cookie(now, app.is_secure());
            tracing::info!(event = "operator.signed-in", who = operator.name);
            let mut answer = go("overview");
            if let Ok(cookie) = cookie.parse() {
                answer.headers_mut().insert(SET_COOKIE, cookie);
            }
            answer
        }
        Err(Shut::NotThere) => Refusal::NotThere.response(),
        Err(Shut::Wrong) => {
            tracing::warn!(event = "operator.refused", reason = "wrong-token");
            again(StatusCode::FORBIDDEN, "No operator has this token.")
        }
        Err(Shut::TooMany(wait)) => {
            tracing::warn!(event = "operator.refused", reason = "too-many");
            let problem = "Too many wrong tokens were sent. Wait a moment, then try again.";
            let mut answer = again(StatusCode::TOO_MANY_REQUESTS, problem);
            let seconds = wait.as_secs() + 1;
            answer.headers_mut().insert(RETRY_AFTER, seconds.into());
            answer
        }
    }
}

/// A form that says nothing but that it is ours.
#[derive(Deserialize)]
pub(super) struct Owned {
    form: String,
}

/// `POST /operator/sign-out`: the session is over at every replica.
pub(super) async fn sign_out(
    app: web::Data<App>,
    request: HttpRequest,
    form: Result<web::Form<Owned>, actix_web::Error>,
) -> HttpResponse {
    let Ok(form) = form else {
        return Refusal::Foreign.response();
    };
    let visit = match Visit::of_form(&app, &request, &form.form).await {
        Ok(visit) => visit,
        Err(refusal) => return refusal.response(),
    };
    if visit.demo {
        return go("overview");
    }
    let (id, over) = visit.session.id();
    let spent = app
        .journal
        .spend_jti(ENDED, &id, over.unwrap_or(Clock::Real.now()))
        .await;
    if spent.is_err() {
        return Refusal::Unavailable.response();
    }
    let mut answer = go("sign-in");
    if let Ok(cookie) = session::ended(app.is_secure()).parse() {
        answer.headers_mut().insert(SET_COOKIE, cookie);
    }
    answer
}
