//! One hook call, as six calls: parse, gather, evaluate, answer, record, send.
//!
//! Turns the bytes of a trusted call into the bytes of its answer. The only waiting happens in
//! `gather`; what is recorded is queued, so that the answer does not wait for the disk. A failure is a
//! [`Failure`], never an empty list of cards.

use crate::clinical::evaluate::{Evaluation, evaluate};
use crate::clinical::knowledge::{Knowledge, Service};
use crate::clinical::occasion::Occasion;
use crate::clinical::record::{Outcome, PatientRecord, Role, SOURCES, Source};
use crate::config::StopTriggers;
use crate::fhir::bundle::{Given, State};
use crate::fhir::drafts::Drafts;
use crate::gather::{Ehr, GatherError, gather};
use crate::journal;
use crate::meters::Meters;
use crate::protocol::request::{HookRequest, RequestError};
use crate::protocol::response::{HookAnswer, answer as write_answer};
use crate::startup::App;
use crate::trust::{Client, TrustedEhr};
use jiff::Timestamp;
use std::time::Instant;
use url::Url;

/// Why a call has no answer.
#[derive(Debug)]
pub enum Failure {
    /// A field is wrong.
    Request(RequestError),
    /// `fhirServer` is not the client's.
    ForeignServer,
    /// The access token is for another patient.
    ForeignGrant,
    /// An order in the context belongs to another patient.
    ForeignOrder {
        /// Its field.
        field: String,
    },
    /// The question cannot be decided.
    Undecided {
        /// What is missing, and where it is looked for.
        says: &'static str,
    },
    /// The answer could not be written as JSON.
    Unwritable,
}

impl From<GatherError> for Failure {
    fn from(error: GatherError) -> Self {
        match error {
            GatherError::ForeignOrder { field } => Failure::ForeignOrder { field },
            GatherError::ForeignPatient => Failure::ForeignServer,
        }
    }
}

/// A written answer.
pub struct Answered {
    /// JSON.
    pub body: Vec<u8>,
    /// What it holds, from a bounded list: `cards`, `silent` (nothing to say) or `withheld` (silent mode).
    pub outcome: &'static str,
}

/// Answers one call of a trusted client.
///
/// # Errors
/// [`Failure`], which the HTTP layer turns into a status.
pub async fn answer(
    app: &App,
    ehr: &TrustedEhr,
    service: &Service,
    body: &[u8],
) -> Result<Answered, Failure> {
    let (started, now) = (Instant::now(), app.clock.now());
    let mut request =
        HookRequest::parse_for(body, |hook| *hook == *service.hook).map_err(Failure::Request)?;
    if ehr
        .client()
        .stop_triggers()
        .is_some_and(|triggers| announces(&request, triggers))
    {
        request.occasion = Occasion::Announced;
    }
    count_request(&app.meters, &request);
    let readable = check_patient(&request).and_then(|()| readable_server(ehr, &request))?;
    let record = collect(app, ehr, &request, readable.as_ref(), now).await?;
    let evaluation = evaluate(&record, &app.knowledge, now);
    count_evaluation(app, &record, &evaluation, now);
    if evaluation.undecided {
        let says = undecided(&record);
        return Err(Failure::Undecided { says });
    }
    let mut out = respond(&record, &app.knowledge, &evaluation, &request, now);
    let mut entry = journal_entry(
        app,
        ehr,
        service,
        &request,
        &record,
        &evaluation,
        &out,
        now,
        started,
    );
    let outcome = withhold(app, ehr.client(), &evaluation, &mut out);
    let body = serde_json::to_vec(&out).map_err(|_| Failure::Unwritable)?;
    entry.outcome = outcome.to_owned();
    app.journal.record(entry);
    Ok(Answered { body, outcome })
}

/// Takes away the cards of rules that are in silent mode for this client; says what remains.
fn withhold(
    app: &App,
    client: &Client,
    evaluation: &Evaluation<'_>,
    out: &mut HookAnswer<'_>,
) -> &'static str {
    let mut made = evaluation.cards.iter();
    out.cards.retain(|_| {
        made.next().is_none_or(|card| {
            let shown = !client.withholds(&card.basis.rule);
            app.board.card(shown, card.indicator);
            shown
        })
    });
    match (evaluation.cards.is_empty(), out.cards.is_empty()) {
        (true, _) => "silent",
        (false, true) => "withheld",
        (false, false) => "cards",
    }
}

/// Counts what the request brought.
fn count_request(meters: &Meters, request: &HookRequest<'_>) {
    meters.prefetch(|key| {
        let given = request.prefetch.get(key).map(Given::state);
        given.map_or("absent", |state| match state {
            State::Data => "data",
            State::Empty => "empty",
            State::Null => "null",
            State::Failed => "failed",
            State::NotFhir => "not-fhir",
        })
    });
}

/// Counts what was missing, what the tables were asked and what decided.
fn count_evaluation(app: &App, record: &PatientRecord, evaluation: &Evaluation<'_>, now: Timestamp) {
    for source in SOURCES {
        let state = record.sources.of(source);
        if state.missing().is_some() || state.hides_something() {
            app.meters.partial(source);
        }
        app.meters.patient_mismatch.add(u64::from(state.foreign));
    }
    app.meters
        .unmapped(record.unmapped.standard, record.unmapped.local);
    app.board.judged(evaluation, now);
}

/// Writes the cards of an evaluation.
pub fn respond<'a>(
    record: &PatientRecord,
    knowledge: &'a Knowledge,
    evaluation: &'a Evaluation<'a>,
    request: &HookRequest<'_>,
    now: Timestamp,
) -> HookAnswer<'a> {
    let patient = format!("Patient/{}", request.context.patient.id());
    let encounter = request
        .context
        .encounter
        .as_ref()
        .map(|id| format!("Encounter/{id}"));
    let drafts = Drafts {
        record,
        knowledge,
        patient: &patient,
        encounter: encounter.as_deref(),
        now: now.as_second(),
    };
    write_answer(&evaluation.cards, knowledge, &drafts, now)
}

/// Whether a chart was opened because orders were stopped, in the client's own words.
fn announces(request: &HookRequest<'_>, triggers: &StopTriggers) -> bool {
    let value = request.extension(&triggers.extension);
    request.occasion == Occasion::View
        && value.is_some_and(|value| triggers.codes.iter().any(|code| *code == value))
}

/// Why a question could not be decided, and in which field that is.
pub fn undecided(record: &PatientRecord) -> &'static str {
    let unlisted = record.sources.of(Source::Medications).missing().is_some();
    match record.occasion {
        Occasion::Stop => "the drug of the stopped order cannot be read (context.toBeDiscontinued)",
        Occasion::Signing => "the drug of the stopped order cannot be read (context.draftOrders)",
        _ if unlisted => "the medication list could not be had (prefetch.medications)",
        _ => "the drug of a stopped order cannot be read (prefetch.medications)",
    }
}

/// The token that came along must be for the patient of the call.
fn check_patient(request: &HookRequest<'_>) -> Result<(), Failure> {
    let granted = request.authorization.as_ref().and_then(|a| a.patient.as_ref());
    match granted {
        Some(patient) if patient.id() != request.context.patient.id() => Err(Failure::ForeignGrant),
        Some(_) | None => Ok(()),
    }
}

/// The server that may be read for this call: the client's own; in the demonstration any on this machine.
fn readable_server(ehr: &TrustedEhr, request: &HookRequest<'_>) -> Result<Option<Url>, Failure> {
    let Some(server) = &request.fhir_server else {
        return Ok(None);
    };
    let mut named = server.clone();
    if !named.path().ends_with('/') {
        named.set_path(&format!("{}/", named.path()));
    }
    let client = ehr.client();
    if client.is_demo() {
        return Ok(crate::config::is_loopback(&named).then_some(named));
    }
    if named == *client.fhir_base() {
        Ok(Some(named))
    } else {
        Err(Failure::ForeignServer)
    }
}

async fn collect(
    app: &App,
    ehr: &TrustedEhr,
    request: &HookRequest<'_>,
    server: Option<&Url>,
    now: Timestamp,
) -> Result<PatientRecord, Failure> {
    let reader = Ehr {
        base: server,
        token: request.authorization.as_ref().map(|a| &a.access_token),
        fhir: &app.fhir,
        deadline: tokio::time::Instant::now() + ehr.client().deadline(),
    };
    let local = app.local_codes(ehr.client().name());
    let mut record = gather(request, reader, &app.knowledge, local, now).await?;
    if request.fhir_server.is_some() && server.is_none() {
        for source in SOURCES {
            let state = record.sources.of_mut(source);
            if state.outcome == Outcome::NotSent {
                state.outcome = Outcome::NotAllowed;
            }
        }
    }
    Ok(record)
}

#[expect(clippy::too_many_arguments, reason = "it writes down the whole call once")]
fn journal_entry(
    app: &App,
    ehr: &TrustedEhr,
    service: &Service,
    request: &HookRequest<'_>,
    record: &PatientRecord,
    evaluation: &Evaluation<'_>,
    out: &HookAnswer<'_>,
    now: Timestamp,
    started: Instant,
) -> journal::Evaluation {
    let orders: Vec<String> = record
        .orders
        .iter()
        .filter(|o| o.role == Role::Stopping)
        .filter_map(|o| o.reference.as_deref().map(str::to_owned))
        .collect();
    let cards = evaluation
        .cards
        .iter()
        .zip(&out.cards)
        .map(|(card, sent)| journal::IssuedCard {
            uuid: sent.uuid,
            topic: card.topic.code().to_owned(),
            rule: card.basis.rule.clone(),
            indicator: card.indicator.code().to_owned(),
            suggestions: sent.suggestions.iter().map(|s| s.uuid).collect(),
            orders: orders.clone(),
        });
    let findings: Vec<journal::IssuedCard> = cards.collect();
    journal::Evaluation {
        at: now,
        client: ehr.client().name().to_owned(),
        service: service.id.to_string(),
        hook: service.hook.to_string(),
        hook_instance: request.instance,
        content_version: app.knowledge.version.to_string(),
        patient: format!("Patient/{}", request.context.patient.id()),
        user: Some(request.context.user.to_string()),
        outcome: String::new(),
        duration_us: u64::try_from(started.elapsed().as_micros()).unwrap_or(u64::MAX),
        findings,
    }
}
