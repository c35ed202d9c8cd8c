//! One draft order into the chart: written once, after its user saw it whole, and written down in the journal.
//!
//! Turns a [`Ready`] order into a [`Fate`]. Before anything is sent, the journal has on disk that it will be; what
//! came of it follows. While the session writes, nobody else does: a second submit waits and finds the fate of the
//! first. What was written, or may have been, is never sent again; what was refused may be. The order carries an
//! identifier made of its content, so that not even another session or process writes the same order of the same
//! day twice where the server honours `If-None-Exist`. Follows SMART App Launch 2.2 (scopes that create) and FHIR
//! R4, section 3.1.0.8.

use super::asked::Asked;
use super::reading::{Reading, fhir, renew};
use super::session::{Open, Session};
use crate::app::App;
use crate::fhir::client::Server;
use crate::fhir::create::{Creation, Denied};
use crate::fhir::drafts::Identified;
use crate::journal::ChartWrite;
use std::sync::Arc;
use std::time::Duration;
use uuid::Uuid;

/// The type that is written.
const KIND: &str = "MedicationRequest";
/// An answer to a write is waited for longer than a page: without it nobody knows whether it was written.
const WITHIN: Duration = Duration::from_secs(20);
/// A look for something that may have been written.
const LOOK_WITHIN: Duration = Duration::from_secs(5);

/// Whether orders may be written in a session.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Writing {
    /// The settings want it and the granted scopes allow it.
    Open,
    /// The settings do not want it.
    NotSetUp,
    /// The EHR did not grant it.
    NotGranted,
}

/// An order that its user has seen and confirmed.
pub(super) struct Ready {
    /// The resource.
    pub(super) order: Identified,
    /// Reference of the order that it follows, where it has one.
    pub(super) after: Option<String>,
    /// Rule of the finding.
    pub(super) rule: String,
}

/// What became of an order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Fate {
    /// What the server made of it.
    Of(Creation),
    /// The journal could not keep that it would be written; it was not sent.
    NotRecorded,
}

impl Fate {
    /// Whether the same order may be sent: nothing of it was written.
    fn may_be_repeated(&self) -> bool {
        matches!(self, Fate::NotRecorded | Fate::Of(Creation::Refused(_)))
    }

    fn label(&self) -> &'static str {
        match self {
            Fate::Of(Creation::Created(_)) => "write-created",
            Fate::Of(Creation::AlreadyThere(_)) => "write-already-there",
            Fate::Of(Creation::Refused(_)) | Fate::NotRecorded => "write-refused",
            Fate::Of(Creation::Unknown) => "write-unknown",
        }
    }

    fn reference(&self) -> Option<String> {
        match self {
            Fate::Of(Creation::Created(place) | Creation::AlreadyThere(place)) => place.clone(),
            Fate::Of(Creation::Refused(_) | Creation::Unknown) | Fate::NotRecorded => None,
        }
    }
}

impl Session {
    /// Whether orders may be written.
    pub(super) fn writing(&self) -> Writing {
        match (self.registration.drafts, self.scopes.may_create_orders()) {
            (false, _) => Writing::NotSetUp,
            (true, false) => Writing::NotGranted,
            (true, true) => Writing::Open,
        }
    }
}

/// Writes an order. The task that runs this must outlive a browser that goes away.
pub(super) async fn write(app: &App, session: &Session, ready: Ready) -> Fate {
    let mut open = session.open.lock().await;
    let id = ready.order.identifier;
    if let Some(fate) = open.written.get(&id)
        && !fate.may_be_repeated()
    {
        return fate.clone();
    }
    let mut fate = Fate::NotRecorded;
    if is_recorded(app, entry(app, session, &ready, "write-intended", None)).await {
        fate = Fate::Of(send(app, session, &mut open, &ready.order).await);
        let came = entry(app, session, &ready, fate.label(), fate.reference());
        if app.journal.audit(came).await.is_err() {
            tracing::error!(
                event = "app.write-not-recorded",
                client = session.registration.name,
                outcome = fate.label()
            );
        }
    }
    tracing::info!(
        event = "app.wrote",
        client = session.registration.name,
        outcome = fate.label()
    );
    open.written.insert(id, fate.clone());
    fate
}

/// What became of an order of this session, with the chart as it was read last; an order that may have been
/// written is looked for.
pub(super) async fn fate(app: &App, session: &Session, identifier: Uuid) -> Option<(Fate, Arc<Reading>)> {
    let mut open = session.open.lock().await;
    let (mut fate, reading) = (open.written.get(&identifier)?.clone(), open.reading.clone()?);
    if fate == Fate::Of(Creation::Unknown) {
        let server = server(session, &open, LOOK_WITHIN);
        let found = fhir(app, session)
            .identified(KIND, session.patient.id(), identifier, server)
            .await;
        Asked::nothing(app, session).note(KIND, found.as_ref().err().copied());
        if let Ok(Some(place)) = found {
            fate = Fate::Of(Creation::Created(Some(place)));
            open.written.insert(identifier, fate.clone());
        }
    }
    Some((fate, reading))
}

/// Sends it; with a new token where the old one has ended, because nothing was written then.
async fn send(app: &App, session: &Session, open: &mut Open, order: &Identified) -> Creation {
    let fhir = fhir(app, session);
    let first = fhir.create(KIND, order, server(session, open, WITHIN)).await;
    if first != Creation::Refused(Denied::Token) || renew(session, open).await.is_err() {
        return first;
    }
    fhir.create(KIND, order, server(session, open, WITHIN)).await
}

fn server<'s>(session: &'s Session, open: &'s Open, within: Duration) -> Server<'s> {
    Server {
        base: &session.registration.base,
        token: Some(&open.access),
        deadline: tokio::time::Instant::now() + within,
        breaker: None,
    }
}

/// Whether the journal has it, or the operator does without.
async fn is_recorded(app: &App, entry: ChartWrite) -> bool {
    app.journal.audit(entry).await.is_ok() || app.does_without_journal
}

fn entry(
    app: &App,
    session: &Session,
    ready: &Ready,
    outcome: &'static str,
    made: Option<String>,
) -> ChartWrite {
    ChartWrite {
        at: app.clock.now(),
        client: session.registration.name.clone(),
        patient: format!("Patient/{}", session.patient.id()),
        user: session.user.clone(),
        write: ready.order.identifier,
        content_version: app.knowledge.version.to_string(),
        rule: ready.rule.clone(),
        outcome,
        orders: ready.after.iter().cloned().chain(made).collect(),
    }
}

/// Whether an order was written, or may have been: it is then not sent again, whatever the chart holds now.
pub(super) async fn is_settled(session: &Session, identifier: Uuid) -> bool {
    let open = session.open.lock().await;
    let known = open.written.get(&identifier);
    known.is_some_and(|fate| !fate.may_be_repeated())
}
