//! The pages of writing: what would be written, shown whole before it is, and what became of it.
//!
//! Turns a plan into the draft order of the card's suggestion, or says why it makes none, and the order into words
//! and JSON, both read from the bytes that would be sent. A plan beyond the scheme, in another formulation, or
//! without a product that makes every dose is not written; where no plan is offered there is nothing to write.
//! It sends nothing.

use super::planner::Planner;
use super::query::Query;
use super::stop::{self, StopView};
use super::{Case, Frame, planned};
use crate::app::App;
use crate::clinical::compose::{Proposal, reduction, steps_in_words};
use crate::clinical::taper::Step;
use crate::fhir::create::{Creation, Denied, Reason};
use crate::fhir::drafts::Drafts;
use crate::fhir::told::{Told, told};
use crate::smart::door::OpenChart;
use crate::smart::reading::Reading;
use crate::smart::session::Session;
use crate::smart::writing::{Fate, Ready, Writing};
use askama::Template;

/// Why a plan makes no draft order.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Undraftable {
    /// Something that was asked could not be used, or a limit of the scheme is broken.
    BeyondTheScheme,
    /// Another formulation than the present one: that is a new prescription.
    OtherFormulation,
    /// The steps need more than one product.
    SeveralProducts,
}

impl Undraftable {
    /// In words.
    pub(super) fn words(self) -> &'static str {
        match self {
            Undraftable::BeyondTheScheme => {
                "It cannot be written as a draft order: it goes beyond the scheme, or something that was asked could not be used."
            }
            Undraftable::OtherFormulation => {
                "It cannot be written as a draft order: it is planned in another form than the one that is taken now, which is a new prescription."
            }
            Undraftable::SeveralProducts => {
                "It cannot be written as a draft order: no single product makes every one of its doses in whole units."
            }
        }
    }
}

/// The order of a plan, by the function that makes the card's suggestion.
pub(super) fn proposal(
    case: &Case<'_>,
    steps: &[Step],
    asks_well: bool,
    present: bool,
) -> Result<Proposal<'static>, Undraftable> {
    if !asks_well {
        return Err(Undraftable::BeyondTheScheme);
    }
    if !present {
        return Err(Undraftable::OtherFormulation);
    }
    let told = steps_in_words(steps, &case.knowledge.words);
    let after = case.therapy.stopping.first();
    let proposal = after.and_then(|after| reduction(case.record, *after, told));
    let drafts = drafts(case, "", None);
    proposal
        .filter(|proposal| drafts.is_of_one_product(proposal))
        .ok_or(Undraftable::SeveralProducts)
}

fn drafts<'a>(case: &Case<'a>, patient: &'a str, encounter: Option<&'a str>) -> Drafts<'a> {
    Drafts {
        record: case.record,
        knowledge: case.knowledge,
        patient,
        encounter,
        now: case.now,
    }
}

/// The page that shows an order before it is written.
#[derive(Template)]
#[template(path = "smart/templates/draft.html")]
pub(in crate::smart) struct DraftPage<'p> {
    prefix: &'p str,
    frame: Frame<'p>,
    stop: Option<StopView>,
    planner: Result<Planner, String>,
    query: &'p Query,
    writing: Writing,
    /// Where it would be written.
    server: &'p str,
    order: Option<Told>,
    /// Identifier of the order.
    identifier: String,
    /// What the form must send back.
    form: &'p str,
    /// Whether another order was confirmed than the one that is shown now.
    changed: bool,
}

/// The page of an order, and the order, where it may be written.
pub(in crate::smart) fn draft<'p>(
    app: &'p App,
    open: &'p OpenChart,
    path: &'p str,
    query: &'p Query,
    changed: bool,
) -> (DraftPage<'p>, Option<Ready>) {
    let (session, reading) = (&*open.session, &*open.reading);
    let (case, planner) = planned(app, open, query);
    let writing = session.writing();
    let ready = match (&case, &planner) {
        (Some(case), Ok(planner)) if writing == Writing::Open => ready(case, planner, session),
        _ => None,
    };
    let page = DraftPage {
        prefix: &app.smart.prefix,
        frame: super::frame(app, session, reading, path),
        stop: case.as_ref().map(|case| stop::view(case, reading.sense)),
        planner,
        query,
        writing,
        server: session.registration.base.as_str(),
        identifier: ready
            .as_ref()
            .map(|ready| ready.order.identifier.to_string())
            .unwrap_or_default(),
        order: ready.as_ref().and_then(|ready| told(&ready.order.json)),
        form: &session.form,
        changed,
    };
    (page, ready)
}

fn ready(case: &Case<'_>, planner: &Planner, session: &Session) -> Option<Ready> {
    let proposal = planner.draft.as_ref().ok()?;
    let patient = format!("Patient/{}", session.patient.id());
    let encounter = session.encounter.as_deref().map(|id| format!("Encounter/{id}"));
    let note = format!(
        "Stepwise reduction in {} steps, first day {}, last day {}. A draft of stepdown, rules {}.",
        planner.plan.steps.len(),
        planner.plan.start,
        planner.plan.end,
        case.knowledge.version,
    );
    let after = case
        .therapy
        .stopping
        .first()
        .and_then(|at| case.record.orders[*at].reference.clone());
    Some(Ready {
        order: drafts(case, &patient, encounter.as_deref()).reduction(proposal, &note)?,
        after: after.map(String::from),
        rule: planner.rule.clone(),
    })
}

/// The page that says what became of an order.
#[derive(Template)]
#[template(path = "smart/templates/written.html")]
pub(in crate::smart) struct WrittenPage<'p> {
    prefix: &'p str,
    frame: Frame<'p>,
    outcome: Outcome,
    client: &'p str,
}

/// What became of an order, in words.
pub(in crate::smart) struct Outcome {
    /// `written`, `not-written` or `unknown`.
    kind: &'static str,
    title: &'static str,
    text: &'static str,
    /// Where it is.
    place: String,
    reasons: Vec<String>,
}

/// The page of what became of an order.
pub(in crate::smart) fn written<'p>(
    app: &'p App,
    session: &'p Session,
    reading: &'p Reading,
    path: &'p str,
    fate: &Fate,
) -> WrittenPage<'p> {
    WrittenPage {
        prefix: &app.smart.prefix,
        frame: super::frame(app, session, reading, path),
        outcome: outcome(fate),
        client: &session.registration.name,
    }
}

fn outcome(fate: &Fate) -> Outcome {
    let (kind, title, text) = match fate {
        Fate::Of(Creation::Created(_)) => (
            "written",
            "The draft order was written",
            "It is one order with every step. It is a draft: nothing is given by it until somebody signs it in the EHR. The order that it follows was not changed.",
        ),
        Fate::Of(Creation::AlreadyThere(_)) => (
            "written",
            "The draft order was there already",
            "The EHR holds the same draft of today. It was not written a second time.",
        ),
        Fate::Of(Creation::Unknown) => (
            "unknown",
            "It is not known whether the draft order was written",
            "The EHR did not answer in time, or its answer does not say. The order may have been written. Look in the EHR before you write anything by hand. It is not sent a second time; this page looks for it whenever it is opened.",
        ),
        Fate::NotRecorded => (
            "not-written",
            "Nothing was written",
            "The journal of this service, which must know of every order, cannot be written now. Nothing was sent to the EHR. Try again later, or print the plan.",
        ),
        Fate::Of(Creation::Refused(denied)) => ("not-written", "Nothing was written", denial(denied)),
    };
    let place = match fate {
        Fate::Of(Creation::Created(place) | Creation::AlreadyThere(place)) => place.clone(),
        _ => None,
    };
    let reasons = match fate {
        Fate::Of(Creation::Refused(Denied::Invalid(reasons))) => reasons.iter().map(reason).collect(),
        _ => Vec::new(),
    };
    Outcome {
        kind,
        title,
        text,
        place: place.unwrap_or_default(),
        reasons,
    }
}

fn denial(denied: &Denied) -> &'static str {
    match denied {
        Denied::Token => {
            "The EHR does not accept the app's permission any more. Open the app again from the chart and plan anew, or print the plan."
        }
        Denied::Forbidden => {
            "The EHR does not let you, or the app, write this order. Print the plan, or write the order in the EHR."
        }
        Denied::NotOffered => {
            "The EHR's FHIR server does not take new orders. Print the plan, or write the order in the EHR."
        }
        Denied::Conflict => {
            "The EHR says that this conflicts with what it holds: the draft may be there more than once. Look in the EHR."
        }
        Denied::Busy => "The EHR takes no more calls now. Try again in a minute.",
        Denied::Unreached => "The EHR's FHIR server could not be reached. Try again, or print the plan.",
        Denied::Invalid(_) => {
            "The EHR did not accept the order as it stands. Print the plan, or write the order in the EHR, and tell the operator what is said here."
        }
    }
}

/// FHIR's issue types in plain words; what the EHR itself wrote is not repeated.
fn reason(reason: &Reason) -> String {
    let words = match reason.code.as_str() {
        "required" => "something that it requires is missing",
        "value" | "invalid" | "structure" => "something has a form or value that it does not take",
        "invariant" => "two elements do not go together",
        "code-invalid" => "it does not know a code",
        "not-supported" => "it does not support something of it",
        "duplicate" | "conflict" | "multiple-matches" => "it conflicts with what is there",
        "business-rule" => "a rule of the EHR forbids it",
        "forbidden" | "security" | "suppressed" => "it is not permitted",
        "not-found" => "something that it refers to is not there",
        _ => "a reason that it does not name in a standard way",
    };
    if reason.element.is_empty() {
        words.to_owned()
    } else {
        format!("{words}: {}", reason.element)
    }
}
