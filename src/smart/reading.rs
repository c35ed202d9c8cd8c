//! The chart of a session: read with its own token, by the same steps as a hook call.
//!
//! Turns a session into a [`Reading`]. It builds the call that an EHR would have sent, hands it to `gather`,
//! and lets the same tables judge: there is no second way from a record to a rule. A token that has ended is
//! refreshed once; a source that the user was not allowed to open is a gap (`not-permitted`), never an empty
//! list. What was asked of the EHR goes into the audit; nothing else is written anywhere.

use super::asked::Asked;
use super::handoff::Stop;
use super::refusal::Refusal;
use super::session::{Open, Session};
use super::token;
use crate::app::App;
use crate::clinical::gap::Why;
use crate::clinical::knowledge::{Knowledge, Withdrawal};
use crate::clinical::occasion::Occasion;
use crate::clinical::record::{Drug, Order, OrderStatus, Outcome, PatientRecord, Role, Source};
use crate::clinical::stops;
use crate::clinical::vocabulary::Site;
use crate::fhir::banner::{Banner, banner};
use crate::fhir::bundle::Given;
use crate::fhir::client::{FhirClient, Server, instead};
use crate::fhir::json::Document;
use crate::fhir::query::below;
use crate::gather::{Course, Ehr, course, gather};
use crate::protocol::request::{Context, HookRequest, Prefetch};
use jiff::Timestamp;
use std::borrow::Cow;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// A page may take longer than a hook call: somebody waits for it on purpose.
const WITHIN: Duration = Duration::from_secs(10);
/// A record is read anew after this time, or when asked.
const KEPT_FOR: Duration = Duration::from_secs(300);
/// A token that ends so soon is refreshed before it is used.
const SOON: Duration = Duration::from_secs(15);

/// A chart as it was read.
pub(super) struct Reading {
    /// The record, with the orders that are being stopped, or taken to be.
    pub(super) record: PatientRecord,
    /// Results from before what is judged, for drawing.
    pub(super) course: Course,
    /// Who it is of.
    pub(super) banner: Banner,
    /// Which stop the page speaks of.
    pub(super) sense: Sense,
    /// When it was read.
    pub(super) at: Timestamp,
    read: Instant,
}

/// Which stop the page speaks of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Sense {
    /// That of the card.
    Card,
    /// One that the record shows to have happened lately.
    Lately,
    /// None: what a stop of the current therapy would say.
    Supposed,
    /// None, and no therapy that is reviewed.
    Nothing,
}

/// The chart of a session; read again if it is old or if that is asked for.
pub(super) async fn reading(app: &App, session: &Session, again: bool) -> Result<Arc<Reading>, Refusal> {
    let mut open = session.open.lock().await;
    if let Some(known) = &open.reading
        && !again
        && known.read.elapsed() < KEPT_FOR
    {
        return Ok(Arc::clone(known));
    }
    let read = Arc::new(anew(app, session, &mut open).await?);
    open.reading = Some(Arc::clone(&read));
    Ok(read)
}

/// Reads it from the EHR, with a new token where the old one has ended.
async fn anew(app: &App, session: &Session, open: &mut Open) -> Result<Reading, Refusal> {
    let mut asked = Asked::nothing(app, session);
    if open.ends.is_some_and(|ends| ends < Instant::now() + SOON) {
        // Where there is nothing to refresh it with, the EHR decides whether it is over.
        renew(session, open).await.ok();
    }
    let person = match person(app, session, open, &mut asked).await {
        Err(401) => {
            renew(session, open).await?;
            person(app, session, open, &mut asked).await
        }
        other => other,
    };
    let person = match person {
        Ok(person) => Some(person),
        Err(401) => return Err(Refusal::TokenEnded),
        Err(403) => None,
        Err(_) => return Err(Refusal::NotReadable),
    };
    read(app, session, open, person.as_deref(), &mut asked).await
}

/// The Patient as it came, or the status in its place.
async fn person(app: &App, session: &Session, open: &Open, asked: &mut Asked<'_>) -> Result<String, u16> {
    let base = &session.registration.base;
    let address = below(base, &["Patient", session.patient.id()]).ok_or(0_u16)?;
    let server = Server {
        base,
        token: Some(&open.access),
        deadline: tokio::time::Instant::now() + WITHIN,
        breaker: None,
    };
    let person = fhir(app, session).one(address, server).await;
    asked.note("Patient", person.as_ref().err().map(|status| instead(*status)));
    person
}

/// The client for its FHIR server, with the certificate of its settings.
pub(super) fn fhir(app: &App, session: &Session) -> FhirClient {
    let registration = &session.registration;
    let fhir = app.fhir.towards(&registration.name, registration.tls().as_ref());
    fhir.for_app()
}

/// Uses the refresh token up, once the token endpoint has answered. What the new token is for must be what the old
/// one was for.
pub(super) async fn renew(session: &Session, open: &mut Open) -> Result<(), Refusal> {
    let token = open.refresh.clone().ok_or(Refusal::TokenEnded)?;
    let registration = &session.registration;
    let endpoints = registration
        .discovered
        .of(&registration.base, &registration.http())
        .await?;
    let answer = token::refresh(&registration.http(), registration, &endpoints, &token).await;
    if let Err(unheard @ (Refusal::NoAnswer | Refusal::Internal)) = answer {
        return Err(unheard);
    }
    open.refresh = None;
    let granted = answer.map_err(|_| Refusal::TokenEnded)?;
    let same = |id: &str| {
        crate::fhir::subject::PatientRef::parse(id).is_some_and(|p| p.id() == session.patient.id())
    };
    if granted.patient.as_deref().is_some_and(|id| !same(id)) {
        return Err(Refusal::OtherPatient);
    }
    open.access = granted.access;
    // A server that rotates gives a new one; another leaves the old one good.
    open.refresh = granted.refresh.or(Some(token));
    open.ends = granted.life.and_then(|life| Instant::now().checked_add(life));
    Ok(())
}

async fn read(
    app: &App,
    session: &Session,
    open: &Open,
    person: Option<&str>,
    asked: &mut Asked<'_>,
) -> Result<Reading, Refusal> {
    let now = app.clock.now();
    let told = Told::of(session, person);
    let request = call(session, &told);
    let fhir = fhir(app, session);
    let ehr = Ehr {
        base: Some(&session.registration.base),
        token: Some(&open.access),
        fhir: &fhir,
        deadline: tokio::time::Instant::now() + WITHIN,
        breaker: None,
    };
    let local = app.local_codes(&session.registration.name);
    let withheld = session.scopes.withheld();
    let older = async {
        match withheld.contains(&Source::Observations) {
            true => Course::default(),
            false => course(&request, ehr, &app.knowledge, local, now).await,
        }
    };
    let (record, older) = tokio::join!(gather(&request, ehr, &app.knowledge, local, now), older);
    if older.asked {
        asked.note("Observation", older.missing);
    }
    let mut record = record.map_err(|_| Refusal::NotReadable)?;
    for (kind, missing) in &record.reads {
        asked.note(kind, *missing);
    }
    for source in withheld {
        record.sources.of_mut(source).outcome = Outcome::Failed(Why::NotPermitted);
    }
    let course = older.beside(&record);
    let sense = sense(&mut record, &app.knowledge, now.as_second());
    Ok(Reading {
        record,
        course,
        banner: person.map(banner).unwrap_or_default(),
        sense,
        at: now,
        read: Instant::now(),
    })
}

/// What is known before anything is fetched.
struct Told<'s> {
    person: Option<Document<'s>>,
    orders: Option<Document<'s>>,
    drafts: Option<Document<'s>>,
}

impl<'s> Told<'s> {
    fn of(session: &'s Session, person: Option<&'s str>) -> Self {
        let read = |json: &'s str| Document::parse(json).ok();
        let stop: Option<&Stop> = session.stop.as_deref();
        Told {
            person: person.and_then(read),
            orders: stop.and_then(|stop| stop.orders.as_deref()).and_then(read),
            drafts: stop.and_then(|stop| stop.drafts.as_deref()).and_then(read),
        }
    }
}

/// The call that an EHR would have sent for this chart.
fn call<'s>(session: &'s Session, told: &'s Told<'s>) -> HookRequest<'s> {
    let stop: Option<&Stop> = session.stop.as_deref();
    let mut prefetch = Prefetch::default();
    if let Some(person) = &told.person {
        let given = Given::of(person.root());
        prefetch.answers.push((Cow::Borrowed("patient"), given));
    }
    let context = Context {
        user: Cow::Borrowed(session.user.as_deref().unwrap_or("Practitioner/unknown")),
        patient: session.patient.clone(),
        encounter: session.encounter.as_deref().map(Cow::Borrowed),
        to_be_discontinued: told.orders.as_ref().map(Document::root),
        draft_orders: told.drafts.as_ref().map(Document::root),
    };
    let hook = stop.map_or("patient-view", |stop| &stop.hook);
    let occasion = stop.map_or(Occasion::View, |stop| stop.occasion);
    HookRequest::made(Cow::Borrowed(hook), occasion, context, prefetch)
}

/// Finds the stop to speak of, and marks its orders. Where no card names one, the first drug decides, in the order
/// of the tables, that is taken now or ended: a stop of what is taken is supposed; what ended is reviewed by the
/// rule of the hooks that look back, if it ended lately.
fn sense(record: &mut PatientRecord, knowledge: &Knowledge, now: i64) -> Sense {
    let stopping = |record: &PatientRecord| record.orders.iter().any(|order| order.role == Role::Stopping);
    if stopping(record) {
        return Sense::Card;
    }
    let asked = record.occasion;
    for withdrawal in &knowledge.withdrawals {
        let (mut taken, mut ended) = (false, false);
        for order in &mut record.orders {
            if !is_of(order, knowledge, withdrawal) {
                continue;
            }
            if is_taken(order, now) {
                (order.role, taken) = (Role::Stopping, true);
            }
            ended |= order.role == Role::Recorded;
        }
        if taken {
            return Sense::Supposed;
        }
        if ended {
            record.occasion = Occasion::Announced;
            stops::mark(record, knowledge, now);
            if stopping(record) {
                return Sense::Lately;
            }
            record.occasion = asked;
        }
    }
    Sense::Nothing
}

/// Whether an order is one of a withdrawal's drug, for more than local use.
pub(super) fn is_of(order: &Order, knowledge: &Knowledge, withdrawal: &Withdrawal) -> bool {
    let ours = matches!(order.drug, Drug::Known { ingredient, .. }
        if knowledge.vocabulary.same_family(ingredient, withdrawal.ingredient));
    ours && order.site != Some(Site::Local)
}

fn is_taken(order: &Order, now: i64) -> bool {
    order.role == Role::Recorded
        && order.status == OrderStatus::Active
        && order.ends.is_none_or(|ends| ends.latest() >= now)
}
