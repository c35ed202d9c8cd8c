//! Medication orders.
//!
//! Turns a MedicationRequest into an [`Order`]: what it orders, how much a day, since when, until when,
//! why, and whether and when it was stopped or is to start again. It decides nothing; a stop is judged
//! elsewhere. Follows FHIR R4 MedicationRequest and, for the dates, section 1 of the outside contract.

use super::condition::is_in;
use super::dates_in_text::date_in;
use super::dosage::{Dosage, daily, dose_times};
use super::elements::{Bounds, Concept, Extension, Note, Period, Reference, date, is_no_date};
use super::json::{List, Node, Object, Raw, Text, lens};
use super::medication::{Identified, Shelf, identify, relative};
use super::terms::{Terms, Words};
use crate::clinical::record::{Dose, Drug, Order, OrderStatus, Role, Unread};
use crate::clinical::vocabulary::{GroupId, Site};
use crate::clinical::when::When;
use crate::clinical::wording::rest_of_sentence;
use url::Url;

lens! {
    /// `MedicationRequest`, apart from what it orders.
    struct Request {
        id: Text<'a> = "id",
        meta: Raw<'a> = "meta",
        extension: Raw<'a> = "extension",
        contained: Raw<'a> = "contained",
        status: Text<'a> = "status",
        status_changed: Text<'a> = "statusChanged",
        status_reason: Raw<'a> = "statusReason",
        intent: Text<'a> = "intent",
        do_not_perform: Raw<'a> = "doNotPerform",
        authored: Text<'a> = "authoredOn",
        requester: Raw<'a> = "requester",
        reason_code: Raw<'a> = "reasonCode",
        reason_reference: Raw<'a> = "reasonReference",
        /// Of R5.
        reason: Raw<'a> = "reason",
        note: Raw<'a> = "note",
        dosage: Raw<'a> = "dosageInstruction",
        dispense: Raw<'a> = "dispenseRequest",
        prior: Raw<'a> = "priorPrescription",
        /// Of STU3.
        context: Raw<'a> = "context",
    }

    /// `MedicationRequest.dispenseRequest`.
    struct DispenseRequest {
        validity: Bounds<'a> = "validityPeriod",
    }

    /// `Meta`.
    struct Meta {
        last_updated: Text<'a> = "lastUpdated",
    }

    /// `MedicationRequest.requester` of STU3.
    struct Requester {
        agent: Raw<'a> = "agent",
    }

    /// A reason of R5.
    struct Reason {
        concept: Concept<'a> = "concept",
        reference: Reference<'a> = "reference",
    }
}

/// What reading an order needs.
#[derive(Clone, Copy)]
pub(crate) struct Scope<'s> {
    /// What codes mean.
    pub(crate) terms: Terms<'s>,
    /// The client's FHIR base.
    pub(crate) base: Option<&'s Url>,
    /// Seconds since 1970.
    pub(crate) now: i64,
}

/// An order, with the conditions it refers to as its reasons and the Medication that nobody sent.
pub(crate) struct ReadOrder {
    /// The order.
    pub(crate) order: Order,
    /// Conditions among its reasons, as `Condition/id`.
    pub(crate) reasons: Vec<Box<str>>,
    /// A reference that nothing resolves, where the drug depends on it.
    pub(crate) unresolved: Option<Box<str>>,
    /// As of [`super::medication::Identified::unmapped`].
    pub(crate) unmapped: Option<bool>,
}

/// Reads a MedicationRequest. The instructions of a drug that no table speaks of are not read.
pub(crate) fn order(of: &Object<'_>, role: Role, shelf: &Shelf<'_>, scope: Scope<'_>) -> ReadOrder {
    let mut identified = identify(of, shelf, scope.base, scope.terms);
    let of: Request<'_> = of.whole();
    let instructions = match identified.drug {
        Drug::Other => Vec::new(),
        Drug::Known { .. } | Drug::Unreadable => of.dosage.read::<List<Dosage<'_>>>().0,
    };
    let known = matches!(identified.drug, Drug::Known { .. });
    let use_of = if known {
        daily(&instructions, identified.strength, scope.terms, scope.now)
    } else {
        Default::default()
    };
    let span = Span::of(&of, &instructions);
    let (garbled, unknown) = (of.dosage.0.is_some_and(is_garbled), use_of.dose == Dose::Unknown);
    let status = match role {
        // One that a hook names is judged all the same.
        Role::Draft | Role::Recorded if forbids(&of) => OrderStatus::Void,
        Role::Recorded if is_only_offered(&of) => OrderStatus::Void,
        _ => status(&of),
    };
    let (reason, codes) = status_reason(&of);
    let mut order = Order {
        reference: (of.id.get()).map(|id| ["MedicationRequest/", id].concat().into()),
        role,
        status,
        drug: identified.drug,
        drug_text: std::mem::take(&mut identified.label),
        site: known
            .then(|| site(&identified, &instructions, scope.terms))
            .flatten(),
        formulation: identified.formulation,
        dose: use_of.dose,
        dose_came: instructions.iter().any(Dosage::speaks_of_dose),
        dose_times: dose_times(&instructions),
        authored: date(&of.authored),
        starts: span.starts,
        ends: span.ends,
        stopped: None,
        restart: None,
        reasons: Vec::new(),
        status_reason_codes: codes,
        status_reason_text: reason.to_lowercase().into(),
        status_reason_written: reason.into(),
        ends_with_stay: false,
        prior: prior(&of, scope.base),
        written_taper: use_of.taper,
        is_stu3: is_stu3(&of),
        unread: Unread {
            start: garbled || span.hides_start || span.starts.is_none() && is_no_date(&of.authored),
            end: garbled || span.hides_end,
            dose: use_of.unreadable || unknown && garbled,
        },
        received: None,
    };
    let over = matches!(
        status,
        OrderStatus::Stopped
            | OrderStatus::Cancelled
            | OrderStatus::Completed
            | OrderStatus::OnHold
            | OrderStatus::Unknown
    );
    if over && role == Role::Recorded {
        order.stopped = stopped(&of, status, &span, scope.now);
    }
    if known {
        order.restart = restart(&of, &order, &span, &instructions, scope);
    }
    let reasons = reasons(&of, shelf, scope, &mut order.reasons);
    let unresolved = identified.unresolved.filter(|_| order.drug == Drug::Unreadable);
    ReadOrder {
        order,
        reasons,
        unresolved,
        unmapped: identified.unmapped,
    }
}

/// Whether an order has the shape of STU3: its encounter stands in `context`, or who ordered it in an `agent`.
/// Neither is in R4, and no order of STU3 says its version.
fn is_stu3(of: &Request<'_>) -> bool {
    of.context.0.is_some() || of.requester.read::<Requester<'_>>().agent.0.is_some()
}

/// Whether what stands in the place of instructions is none, or one of them is.
fn is_garbled(instructions: Node<'_>) -> bool {
    let one = instructions.is_object() || instructions.is_list();
    !one || instructions.items().any(|item| !item.is_object())
}

/// The status; none of the known ones is unknown.
fn status(of: &Request<'_>) -> OrderStatus {
    let named = of.status.get().and_then(status_named);
    named.unwrap_or(OrderStatus::Unknown)
}

/// Every status of R4 with its code.
const STATUSES: [(&str, OrderStatus); 8] = [
    ("active", OrderStatus::Active),
    ("stopped", OrderStatus::Stopped),
    ("completed", OrderStatus::Completed),
    ("on-hold", OrderStatus::OnHold),
    ("cancelled", OrderStatus::Cancelled),
    ("draft", OrderStatus::Draft),
    ("entered-in-error", OrderStatus::Void),
    ("unknown", OrderStatus::Unknown),
];

/// The status of a code, in capitals or not; `None` if it is none.
pub(crate) fn status_named(code: &str) -> Option<OrderStatus> {
    let named = STATUSES
        .iter()
        .find(|(known, _)| known.eq_ignore_ascii_case(code));
    named.map(|(_, status)| *status)
}

/// Whether it is an order not to give the drug, which is no sign of its use; so is one that does not say it readably.
fn forbids(of: &Request<'_>) -> bool {
    let said = of.do_not_perform.0;
    said.is_some_and(|said| said.raw().trim_matches('"') != "false")
}

/// Whether it only says what could be ordered. A `plan` is more: so EHRs write what a patient takes on their own.
fn is_only_offered(of: &Request<'_>) -> bool {
    matches!(of.intent.get(), Some("proposal" | "option"))
}

/// Systemic or local: by product, then route, form, text of the instructions, and brand.
fn site(identified: &Identified, instructions: &[Dosage<'_>], terms: Terms<'_>) -> Option<Site> {
    let in_text = |text: &str| terms.site_in(&Words::of(&text.to_lowercase()));
    let by_route = || instructions.iter().find_map(|dosage| terms.route(&dosage.route));
    let by_route_text = || {
        instructions
            .iter()
            .flat_map(|dosage| dosage.route.texts())
            .find_map(in_text)
    };
    let by_form = || {
        identified
            .form_site
            .or_else(|| terms.site_in(&Words::of(&identified.words)))
    };
    let by_text = || {
        instructions
            .iter()
            .filter_map(|dosage| dosage.text.get())
            .find_map(in_text)
    };
    let by_brand = || {
        terms
            .drug_named(&Words::of(&identified.words))
            .and_then(|named| named.site)
    };
    (identified.coded_site)
        .or_else(by_route)
        .or_else(by_route_text)
        .or_else(by_form)
        .or_else(by_text)
        .or_else(by_brand)
}

/// Dates of use that the order itself gives.
struct Span {
    starts: Option<When>,
    ends: Option<When>,
    bounds_start: Option<When>,
    bounds_end: Option<When>,
    validity_end: Option<When>,
    /// A start, or an end, is there that cannot be read.
    hides_start: bool,
    hides_end: bool,
}

impl Span {
    fn of(of: &Request<'_>, instructions: &[Dosage<'_>]) -> Self {
        let bounds = || instructions.iter().map(|dosage| &dosage.timing.repeat.bounds);
        let periods = || bounds().map(|bounds| &bounds.period);
        let bounds_start = periods().filter_map(Period::starts).min();
        let bounds_end = periods().filter_map(Period::ends).max();
        let validity = of.dispense.read::<DispenseRequest<'_>>().validity;
        let validity_end = validity.period.ends();
        Span {
            hides_start: bounds().any(Bounds::hides_start)
                || bounds_start.is_none() && validity.hides_start(),
            hides_end: bounds().any(Bounds::hides_end) || bounds_end.is_none() && validity.hides_end(),
            starts: bounds_start.or_else(|| validity.period.starts()),
            ends: bounds_end.or(validity_end),
            bounds_start,
            bounds_end,
            validity_end,
        }
    }
}

/// Whether an order ends when the patient leaves an encounter: its category says inpatient, or says nothing and
/// the order belongs to that encounter.
pub(crate) fn ends_with(of: &Object<'_>, encounter: Option<&str>) -> bool {
    let categories: List<Concept<'_>> = of.get("category");
    let says = |word: &str| categories.0.iter().any(|category| category.says(word));
    if ["outpatient", "community", "discharge"].into_iter().any(says) {
        return false;
    }
    says("inpatient") || encounter.is_some_and(|id| is_in(of, id))
}

/// An order that was read from the record, written as it came.
pub(crate) fn as_it_came(of: &Object<'_>) -> Box<str> {
    of.node().map_or("{}", Node::raw).into()
}

/// When an order that is over was stopped: the first date that is there and not in the future.
fn stopped(of: &Request<'_>, status: OrderStatus, span: &Span, now: i64) -> Option<When> {
    let past = |when: &When| when.earliest() <= now;
    let changed = date(&of.status_changed).filter(past);
    let by_extension = || {
        let extensions: List<Extension<'_>> = of.extension.read();
        let of_status = |extension: &&Extension<'_>| {
            extension
                .url
                .or_empty()
                .ends_with("MedicationRequest.statusChanged")
        };
        let found = extensions.0.iter().find(of_status)?;
        date(&found.date_time)
            .or_else(|| date(&found.instant))
            .filter(past)
    };
    // Any edit moves this date, so it counts only for an order whose last change was most likely its end.
    let ended = matches!(status, OrderStatus::Stopped | OrderStatus::Cancelled);
    let updated = || date(&of.meta.read::<Meta<'_>>().last_updated).filter(|when| ended && past(when));
    (changed.or_else(by_extension))
        .or(span.bounds_end.filter(past))
        .or(span.validity_end.filter(past))
        .or_else(updated)
}

/// When a held order starts again, or a draft starts: a future start, or a date that a text gives for it.
fn restart(
    of: &Request<'_>,
    order: &Order,
    span: &Span,
    instructions: &[Dosage<'_>],
    scope: Scope<'_>,
) -> Option<When> {
    let future = |when: &When| when.earliest() > scope.now;
    let start = span.bounds_start.filter(future);
    start.or_else(|| {
        let notes: List<Note<'_>> = of.note.read();
        let notes = notes.0.iter().filter_map(|note| note.text.get());
        let texts = notes.chain([&*order.status_reason_text]);
        let mut texts = texts.chain(instructions.iter().filter_map(|dosage| dosage.text.get()));
        texts.find_map(|text| restart_in(text, scope))
    })
}

/// A date, today or later, after a word of restarting in its sentence, if the text does not deny the restart.
/// After "until" a denial is none: not before that date is from it on.
fn restart_in(text: &str, scope: Scope<'_>) -> Option<When> {
    // A date has at least so many digits (1-Dec-26), many texts have fewer.
    if text.bytes().filter(u8::is_ascii_digit).count() < 3 {
        return None;
    }
    let text = text.to_lowercase();
    let words = Words::of(&text);
    let vocabulary = scope.terms.vocabulary;
    let behind = |word: &str, deniable: bool| {
        let denied = |at: usize| deniable && vocabulary.denials.denies(&text, at, word);
        let places = words.places(word).filter(|at| !denied(*at));
        let mut dates =
            places.filter_map(|at| date_in(rest_of_sentence(&text[at + word.len()..]), scope.now));
        dates.find(|when| when.latest() >= scope.now)
    };
    let mut said = words.held(&vocabulary.restart_words);
    said.find_map(|(word, deniable)| behind(word, *deniable))
}

/// Text, as it was written, and codes of `statusReason`.
fn status_reason(of: &Request<'_>) -> (String, Vec<Box<str>>) {
    let reasons: List<Concept<'_>> = of.status_reason.read();
    let codings = || reasons.0.iter().flat_map(|reason| &reason.coding.0);
    let codes = codings()
        .filter_map(|coding| coding.code.get())
        .map(Into::into)
        .collect();
    let mut texts: Vec<&str> = Vec::new();
    for text in reasons.0.iter().flat_map(Concept::texts) {
        if !texts
            .iter()
            .any(|known| known.to_lowercase() == text.to_lowercase())
        {
            texts.push(text);
        }
    }
    (texts.join("; "), codes)
}

/// The order that it replaces.
fn prior(of: &Request<'_>, base: Option<&Url>) -> Option<Box<str>> {
    let reference: Reference<'_> = of.prior.read();
    let target = reference.reference.get()?;
    Some(relative(target, base).unwrap_or(target).into())
}

/// Groups of the coded reasons, and the conditions that are reasons by reference. A condition that came
/// beside the order is read here, one of the record later.
fn reasons(
    of: &Request<'_>,
    shelf: &Shelf<'_>,
    scope: Scope<'_>,
    into: &mut Vec<(GroupId, Box<str>)>,
) -> Vec<Box<str>> {
    let coded: List<Concept<'_>> = of.reason_code.read();
    let referred: List<Reference<'_>> = of.reason_reference.read();
    let either: List<Reason<'_>> = of.reason.read();
    let mut references = referred.0;
    let mut concepts = coded.0;
    for reason in either.0 {
        concepts.push(reason.concept);
        references.push(reason.reference);
    }
    let contained: List<Object<'_>> = if references.is_empty() {
        List::default()
    } else {
        of.contained.read()
    };
    let mut later = Vec::new();
    for target in references
        .iter()
        .filter_map(|reference| reference.reference.get())
    {
        let inside = target
            .strip_prefix('#')
            .and_then(|id| contained.0.iter().find(|inner| inner.id().as_deref() == Some(id)));
        match inside.or_else(|| shelf.find(target, scope.base)) {
            Some(condition) => concepts.push(condition.get("code")),
            None => later.extend(relative(target, scope.base).map(Into::into)),
        }
    }
    for concept in &concepts {
        let mut groups = Vec::new();
        scope.terms.groups(concept, &mut groups);
        into.extend(groups.into_iter().map(|group| (group, concept.label().into())));
    }
    later
}

#[cfg(test)]
#[path = "order_tests.rs"]
mod tests;
