//! One hook call, as seven calls: parse, gather, evaluate, answer, render, record, send.
//!
//! Turns the bytes of a trusted call into the bytes of its answer. The only waiting happens in
//! `gather`; what is recorded is queued, so that the answer does not wait for the disk. A failure is a
//! [`Failure`], never an empty list of cards.

use crate::app::App;
use crate::clinical::compose::Card;
use crate::clinical::evaluate::{Evaluation, evaluate_for};
use crate::clinical::gap::Why;
use crate::clinical::knowledge::{Knowledge, Service};
use crate::clinical::occasion::Occasion;
use crate::clinical::record::{Order, OrderStatus, Outcome, PatientRecord, Role, SOURCES, Source};
use crate::config::{DEMO_APP, DEMO_LAUNCH, StopTriggers, WhenDataMissing};
use crate::fhir::bundle::{Given, State};
use crate::fhir::drafts::Drafts;
use crate::gather::{Answer, Ehr, GatherError, gather_with_answers};
use crate::journal;
use crate::meters::Meters;
use crate::protocol::render::render;
use crate::protocol::request::{HookRequest, RequestError, document};
use crate::protocol::response::{self, About, CardOut, HookAnswer, answer as write_answer};
use crate::replay::Envelope;
use crate::traces;
use crate::trust::TrustedEhr;
use jiff::Timestamp;
use std::time::{Duration, Instant};
use tracing::Instrument;
use url::Url;

/// What is kept back of the budget of a call, to judge and to write the answer; a tenth of it where that is less.
const LONGEST_RESERVE: Duration = Duration::from_millis(50);

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
    /// The client has called too often.
    TooMany {
        /// How long to wait.
        wait: Duration,
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
            GatherError::Dstu2 { field } => Failure::Request(RequestError::new(
                field,
                "is an order of FHIR DSTU2 (MedicationOrder); this service reads FHIR R4, and STU3",
            )),
            GatherError::NoEntries { field } => Failure::Request(RequestError::new(
                field,
                "must be the list of what the Bundle counts",
            )),
            GatherError::NoOrder { field } => Failure::Request(RequestError::new(
                field,
                "must be an order or what an order refers to",
            )),
            GatherError::NoStatus { field } => Failure::Request(RequestError::new(
                field,
                "must be a status of a MedicationRequest (FHIR R4)",
            )),
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
    let reading = traces::reading().entered();
    let read = document(body).map_err(Failure::Request)?;
    let request = HookRequest::read_for(&read, |hook| *hook == *service.hook);
    let mut request = request.map_err(Failure::Request)?;
    drop(reading);
    request.prefetch.rename(ehr.client().prefetch_names());
    if ehr
        .client()
        .stop_triggers()
        .is_some_and(|triggers| announces(&request, triggers))
    {
        request.occasion = Occasion::Announced;
    }
    count_request(&app.meters, &request);
    check_patient(&request)?;
    let readable = readable_server(ehr, &request)?;
    ehr.client().admit().map_err(|wait| Failure::TooMany { wait })?;
    let (record, fetched) = collect(app, ehr, &request, readable.as_ref(), now)
        .instrument(traces::gathering())
        .await?;
    let practice = ehr.client().practice();
    let evaluation = traces::evaluating().in_scope(|| evaluate_for(practice, &record, &app.knowledge, now));
    count_evaluation(app, &record, &evaluation, now);
    if let Some(capture) = app.capture.as_ref().filter(|_| ehr.client().is_captured()) {
        capture.keep(Envelope {
            at: now,
            client: ehr.client().name().to_owned(),
            content: app.knowledge.version.to_string(),
            body: body.to_vec(),
            fetched,
        });
    }
    let rendering = traces::rendering().entered();
    let decided = decide(app, ehr, &request, &record, &evaluation, now);
    let body = (decided.as_ref().ok()).map(|decided| decided.shown.to_json());
    drop(rendering);
    // What was asked and read is audited, whether or not it could be decided.
    let kept = decided.as_ref().ok();
    traces::journalling().in_scope(|| {
        app.journal.record(journal_entry(
            app, ehr, service, &request, &record, kept, now, started,
        ));
    });
    let decided = decided?;
    let body = body.and_then(Result::ok).ok_or(Failure::Unwritable)?;
    let outcome = decided.outcome();
    decided.count(app);
    Ok(Answered { body, outcome })
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
    let unmapped = record.unmapped;
    app.meters.unmapped(unmapped.standard, unmapped.local);
    app.board.judged(evaluation, now);
}

/// What is sent, and what was only evaluated.
struct Decided<'a> {
    shown: HookAnswer<'a>,
    withheld: HookAnswer<'a>,
}

impl Decided<'_> {
    /// `cards`, `withheld` (silent mode) or `silent` (nothing to say).
    fn outcome(&self) -> &'static str {
        match (self.shown.cards.is_empty(), self.withheld.cards.is_empty()) {
            (false, _) => "cards",
            (true, false) => "withheld",
            (true, true) => "silent",
        }
    }

    fn count(&self, app: &App) {
        for (answer, shown) in [(&self.shown, true), (&self.withheld, false)] {
            for card in &answer.cards {
                app.board.card(shown, card.indicator());
            }
        }
    }
}

/// The cards that the client is shown, in the form that it can show.
fn decide<'a>(
    app: &'a App,
    ehr: &TrustedEhr,
    request: &HookRequest<'_>,
    record: &PatientRecord,
    evaluation: &'a Evaluation<'a>,
    now: Timestamp,
) -> Result<Decided<'a>, Failure> {
    let (client, knowledge) = (ehr.client(), &*app.knowledge);
    let mut shown = respond(record, knowledge, evaluation, request, now);
    let mut withheld = write(&evaluation.withheld, record, knowledge, request, now);
    if evaluation.undecided {
        if client.shows().when_data_missing == WhenDataMissing::Refuse {
            let says = undecided(record);
            return Err(Failure::Undecided { says });
        }
        let card = response::undecided(knowledge, missing(record), now);
        let silent = client.practice().withholds(card.rule());
        let of = if silent { &mut withheld } else { &mut shown };
        of.cards.push(card);
    }
    if let Some(url) = app.basis_url() {
        shown.link_basis(&url, knowledge);
    }
    link_app(app, ehr, request, &mut shown);
    recognise(app, ehr, record, request, &mut shown, now);
    let shown = render(shown, client.shows());
    Ok(Decided { shown, withheld })
}

/// Gives less force to what this client overrode a moment ago and nothing of it has changed.
fn recognise(
    app: &App,
    ehr: &TrustedEhr,
    record: &PatientRecord,
    request: &HookRequest<'_>,
    shown: &mut HookAnswer<'_>,
    now: Timestamp,
) {
    let mut orders = orders_of(record, |order| order.role == Role::Stopping);
    if orders.is_empty() {
        // A look back names no order: it is about those that ended.
        orders = orders_of(record, |order| {
            order.role == Role::Recorded && !matches!(order.status, OrderStatus::Active | OrderStatus::Draft)
        });
    }
    let about = About {
        client: ehr.client().name(),
        patient: request.context.patient.id(),
        orders: &orders,
    };
    let softened = shown.recognise(&about, &app.overrides, &app.knowledge, now);
    app.meters.softened.add(softened);
}

/// References of orders of a kind.
fn orders_of(record: &PatientRecord, of_kind: impl Fn(&Order) -> bool) -> Vec<String> {
    let of_kind = record.orders.iter().filter(|order| of_kind(order));
    of_kind
        .filter_map(|order| order.reference.as_deref().map(str::to_owned))
        .collect()
}

/// Writes the cards of an evaluation.
pub fn respond<'a>(
    record: &PatientRecord,
    knowledge: &'a Knowledge,
    evaluation: &'a Evaluation<'a>,
    request: &HookRequest<'_>,
    now: Timestamp,
) -> HookAnswer<'a> {
    write(&evaluation.cards, record, knowledge, request, now)
}

fn write<'a>(
    cards: &'a [Card<'a>],
    record: &PatientRecord,
    knowledge: &'a Knowledge,
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
    write_answer(cards, knowledge, &drafts, now)
}

/// Where the client has the companion app, each card leads to it.
fn link_app<'a>(app: &'a App, ehr: &TrustedEhr, request: &HookRequest<'_>, out: &mut HookAnswer<'a>) {
    let Some(first) = out.cards.first() else { return };
    // Anybody on this machine may call the demonstration; only its own EHR page can launch the app.
    if ehr.client().is_demo() && request.extension(DEMO_APP).as_deref() != Some(DEMO_LAUNCH) {
        return;
    }
    let knowledge = &*app.knowledge;
    let link = app
        .smart
        .link(ehr.client().name(), request, &knowledge.version, first.uuid);
    if let Some(link) = link {
        out.link_app(&link, knowledge);
    }
}

/// Whether a chart was opened because orders were stopped, in the client's own words.
pub(crate) fn announces(request: &HookRequest<'_>, triggers: &StopTriggers) -> bool {
    let value = request.extension(&triggers.extension);
    request.occasion == Occasion::View
        && value.is_some_and(|value| triggers.codes.iter().any(|code| *code == value))
}

/// What the question could not be decided without, and why it is missing.
fn missing(record: &PatientRecord) -> (&'static str, Why) {
    match record.no_medication_list() {
        Some(why) if record.occasion.carries_ids_only() => (Source::Medications.key(), why),
        _ => ("drug", Why::NotReadable),
    }
}

/// Why a question could not be decided, and in which field that is.
pub fn undecided(record: &PatientRecord) -> &'static str {
    match record.occasion {
        Occasion::Stop => "the drug of the stopped order cannot be read (context.toBeDiscontinued)",
        Occasion::Signing => "the drug of the stopped order cannot be read (context.draftOrders)",
        _ if record.no_medication_list().is_some() => {
            "the medication list could not be had (prefetch.medications)"
        }
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
        return Ok(crate::outbound::is_loopback(&named).then_some(named));
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
) -> Result<(PatientRecord, Vec<Answer>), Failure> {
    let mut fhir = app.fhir.towards(ehr.client().name(), ehr.client().tls());
    if ehr.client().sends_traceparent() {
        fhir = fhir.sending_traceparent();
    }
    let reader = Ehr {
        base: server,
        token: request.authorization.as_ref().map(|a| &a.access_token),
        fhir: &fhir,
        deadline: tokio::time::Instant::now() + time_to_read(ehr.client().deadline(&request.hook)),
        breaker: Some(ehr.client().breaker()),
    };
    let local = app.local_codes(ehr.client().name());
    let (mut record, fetched) = gather_with_answers(request, reader, &app.knowledge, local, now).await?;
    if request.fhir_server.is_some() && server.is_none() {
        for source in SOURCES {
            let state = record.sources.of_mut(source);
            if state.outcome == Outcome::NotSent {
                state.outcome = Outcome::NotAllowed;
            }
        }
    }
    Ok((record, fetched))
}

/// How long a call may read before it has to judge, so that its answer still comes within the budget.
fn time_to_read(budget: Duration) -> Duration {
    budget - LONGEST_RESERVE.min(budget / 10)
}

#[expect(clippy::too_many_arguments, reason = "it writes down the whole call once")]
fn journal_entry(
    app: &App,
    ehr: &TrustedEhr,
    service: &Service,
    request: &HookRequest<'_>,
    record: &PatientRecord,
    decided: Option<&Decided<'_>>,
    now: Timestamp,
    started: Instant,
) -> journal::Evaluation {
    let issued = |card: &CardOut<'_>, withheld| journal::IssuedCard {
        uuid: card.uuid,
        topic: card.topic(),
        rule: card.rule().to_owned(),
        indicator: card.indicator(),
        suggestions: card.suggestions.iter().map(|s| s.uuid).collect(),
        gaps: card.gaps(),
        withheld,
        softened: card.is_softened(),
        digest: card.digest.clone(),
    };
    let findings = decided.map_or_else(Vec::new, |decided| {
        let shown = decided.shown.cards.iter().map(|card| issued(card, false));
        let withheld = decided.withheld.cards.iter();
        shown.chain(withheld.map(|card| issued(card, true))).collect()
    });
    let reads = record.reads.iter();
    let reads = reads.map(|(kind, missing)| journal::ServerRead::new(kind, *missing));
    journal::Evaluation {
        at: now,
        client: ehr.client().name().to_owned(),
        service: service.id.to_string(),
        hook: service.hook.to_string(),
        hook_instance: request.instance,
        content_version: app.knowledge.version.to_string(),
        patient: format!("Patient/{}", request.context.patient.id()),
        user: Some(request.context.user.to_string()),
        outcome: decided.map_or("undecided", Decided::outcome),
        duration_us: u64::try_from(started.elapsed().as_micros()).unwrap_or(u64::MAX),
        orders: orders_of(record, |order| order.role == Role::Stopping),
        findings,
        reads: reads.collect(),
    }
}
