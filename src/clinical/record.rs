//! One patient's record as far as any table asks for it, with what could not be had.
//!
//! `gather` builds it from prefetch and the FHIR server, the case files build it from plain words; the
//! judgement reads it. It holds meanings, not FHIR: codes are already looked up in the
//! [`super::vocabulary::Vocabulary`]. What came and could not be used is in it too (an unreadable result
//! is a value), because a milder answer needs positive evidence. It belongs to one patient: what is of
//! another was dropped before and left only a gap. It has no `Debug`: it must not be printed.

use super::gap::Why;
use super::occasion::Occasion;
use super::vocabulary::{
    AnalyteId, Finding, FormulationId, GroupId, IngredientId, LevelTiming, ProductId, Site,
};
use super::when::When;
use rust_decimal::Decimal;

/// The record.
#[derive(Default)]
pub struct PatientRecord {
    /// What the hook asks.
    pub occasion: Occasion,
    /// An entry of the hook's context came of which not even the type can be read.
    pub context_unread: bool,
    /// Demographics.
    pub person: Person,
    /// Medication orders: those of the hook's context first, then drafts, then the record.
    pub orders: Vec<Order>,
    /// Dispenses and statements, where the client gives them.
    pub supplies: Vec<Supply>,
    /// Something may be missing from `supplies`: what was sent for them failed, or a part of it cannot be read.
    pub supplies_hidden: bool,
    /// Results of known analytes; also those that could not be read.
    pub results: Vec<LabResult>,
    /// Conditions of known groups, and unreadable ones (with no group).
    pub conditions: Vec<Condition>,
    /// Allergies to known ingredients.
    pub allergies: Vec<Allergy>,
    /// Procedures of known groups.
    pub procedures: Vec<Procedure>,
    /// How reading each source went.
    pub sources: Sources,
    /// The encounter of the hook, as `Encounter/id`.
    pub encounter: Option<Box<str>>,
    /// Orders of known drugs that only their text told, although they carried codes.
    pub unmapped: Unmapped,
    /// What was asked of the FHIR server: type of resource, and why not all of it came. Nothing is judged by it.
    pub reads: Vec<(&'static str, Option<Why>)>,
}

/// Orders whose codes nothing knows, by whose codes they are.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Unmapped {
    /// At least one code is of a system that the vocabulary speaks: a code is missing there.
    pub standard: u32,
    /// All are of other systems: the client's list of local codes lacks them.
    pub local: u32,
}

/// A source of data: what one prefetch key or search stands for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Source {
    /// The Patient resource.
    Patient,
    /// Medication orders of all statuses.
    Medications,
    /// Recent results.
    Observations,
    /// Long look-back results.
    Screens,
    /// Conditions.
    Conditions,
    /// Allergies.
    Allergies,
    /// Procedures.
    Procedures,
}

/// Every source, in the order in which gaps are listed.
pub const SOURCES: [Source; 7] = [
    Source::Patient,
    Source::Medications,
    Source::Observations,
    Source::Screens,
    Source::Conditions,
    Source::Allergies,
    Source::Procedures,
];

impl Source {
    /// Prefetch key and name in `gaps[].need`.
    pub fn key(self) -> &'static str {
        match self {
            Source::Patient => "patient",
            Source::Medications => "medications",
            Source::Observations => "observations",
            Source::Screens => "screens",
            Source::Conditions => "conditions",
            Source::Allergies => "allergies",
            Source::Procedures => "procedures",
        }
    }
}

/// How reading went, per source.
#[derive(Clone, Default)]
pub struct Sources([SourceState; 7]);

/// How reading one source went.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct SourceState {
    /// Whether it was looked at and what it holds is here.
    pub outcome: Outcome,
    /// Something came that could not be read at all (not even what it is about).
    pub unreadable: bool,
    /// Something of another patient was dropped.
    pub foreign: bool,
}

/// Whether a source was had.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Outcome {
    /// Not sent, and no server to ask: what it holds is unknown.
    #[default]
    NotSent,
    /// Not sent, and the server that the request names is not one that may be read.
    NotAllowed,
    /// Read, to its end.
    Read,
    /// It failed, came late, was cut off by a limit, or was refused: what it holds may matter.
    Failed(Why),
}

impl Sources {
    /// State of a source.
    pub fn of(&self, source: Source) -> SourceState {
        self.0[source as usize]
    }

    /// State of a source, to be changed while gathering.
    pub fn of_mut(&mut self, source: Source) -> &mut SourceState {
        &mut self.0[source as usize]
    }
}

impl PatientRecord {
    /// Whether an order of the record may be one that the hook stops: where one of the two has no id, and neither the
    /// drug nor the date tells them apart.
    pub fn may_stop(&self, order: &Order) -> bool {
        let stopping = self.orders.iter().filter(|one| one.role == Role::Stopping);
        let mut unnamed = stopping.filter(|one| one.reference.is_none() || order.reference.is_none());
        unnamed.any(|one| match one.drug {
            Drug::Unreadable => one.reference.is_none(),
            Drug::Known { .. } | Drug::Other => {
                let dates = one.authored.zip(order.authored);
                one.drug == order.drug && dates.is_none_or(|(one, other)| one == other)
            }
        })
    }

    /// Why there is no medication list, if so: it could not be had, or all that came under its name is of
    /// another patient or cannot be read.
    pub fn no_medication_list(&self) -> Option<Why> {
        let state = self.sources.of(Source::Medications);
        let of_nobody = match (state.foreign, state.unreadable) {
            _ if !self.orders.is_empty() => None,
            (true, _) => Some(Why::OtherPatient),
            (false, unreadable) => unreadable.then_some(Why::NotReadable),
        };
        state.missing().or(of_nobody)
    }
}

impl SourceState {
    /// Whether something that is there may be missing from the record: it failed, or a part of it could
    /// not be read.
    pub fn hides_something(self) -> bool {
        self.unreadable || matches!(self.outcome, Outcome::Failed(_))
    }

    /// Why nothing of it is known, if so.
    pub fn missing(self) -> Option<Why> {
        match self.outcome {
            Outcome::Read => None,
            Outcome::NotSent => Some(Why::FetchFailed),
            Outcome::NotAllowed => Some(Why::NotPermitted),
            Outcome::Failed(why) => Some(why),
        }
    }
}

/// Demographics.
#[derive(Default)]
pub struct Person {
    /// `Patient/id`.
    pub reference: Option<Box<str>>,
    /// Birth date, perhaps partial.
    pub birth: Option<When>,
    /// Female if the gender or the sex at birth is; male if the gender is, and nothing says otherwise.
    pub sex: Option<Sex>,
    /// Whether the record says that the patient has died.
    pub deceased: bool,
}

/// Sex, as pregnancy is asked by it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sex {
    /// `female`.
    Female,
    /// `male`.
    Male,
}

/// Where an order came from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    /// Named by the hook as being stopped or held.
    Stopping,
    /// Drafted in the same session.
    Draft,
    /// Found in the record.
    Recorded,
}

/// FHIR `MedicationRequest.status`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OrderStatus {
    /// `active`.
    Active,
    /// `on-hold`.
    OnHold,
    /// `cancelled`.
    Cancelled,
    /// `completed`.
    Completed,
    /// `entered-in-error`, or no order to give a drug but one not to (`doNotPerform`): no sign of its use.
    Void,
    /// `stopped`.
    Stopped,
    /// `draft`.
    Draft,
    /// `unknown`, missing or not a status.
    Unknown,
}

impl OrderStatus {
    /// Whether an order of this status, when a hook names it, is being ended or held.
    pub fn counts_as_stop(self) -> bool {
        !matches!(self, OrderStatus::Void | OrderStatus::Completed)
    }
}

/// A medication order.
pub struct Order {
    /// `MedicationRequest/id`.
    pub reference: Option<Box<str>>,
    /// Where it came from.
    pub role: Role,
    /// Its status.
    pub status: OrderStatus,
    /// What it orders.
    pub drug: Drug,
    /// The drug as the record writes it, for people.
    pub drug_text: Box<str>,
    /// Systemic or local by route, form or text; `None` if nothing says so.
    pub site: Option<Site>,
    /// Formulation from the product, brand or form words.
    pub formulation: Option<FormulationId>,
    /// Dose of one day.
    pub dose: Dose,
    /// Whether its instructions say anything of a dose, readable or not.
    pub dose_came: bool,
    /// Minutes of the day at which the doses are to be taken, by the clock of the place; empty if not given.
    pub dose_times: Vec<u16>,
    /// `authoredOn`.
    pub authored: Option<When>,
    /// Start and end of use, from `boundsPeriod` or the validity of dispensing.
    pub starts: Option<When>,
    /// End of use.
    pub ends: Option<When>,
    /// When it was stopped, looking back (contract, section 1); `None` if nothing says so.
    pub stopped: Option<When>,
    /// A restart date found on it (future start, or a date after words like restart).
    pub restart: Option<When>,
    /// Groups of the reasons for the order (reasonCode, reasonReference), with the text.
    pub reasons: Vec<(GroupId, Box<str>)>,
    /// Codes of `statusReason` (code only, any system).
    pub status_reason_codes: Vec<Box<str>>,
    /// Text of `statusReason`, lower case; also the displays of its codes.
    pub status_reason_text: Box<str>,
    /// The same as it was written.
    pub status_reason_written: Box<str>,
    /// Whether it ends when the patient leaves: for the stay only, by its category or, without one, because it
    /// belongs to the encounter of the hook.
    pub ends_with_stay: bool,
    /// `priorPrescription`, as `MedicationRequest/id`.
    pub prior: Option<Box<str>>,
    /// Whether the instructions are a sequence of decreasing steps already.
    pub written_taper: bool,
    /// Whether it has the shape of FHIR STU3: its EHR could not read an order of R4.
    pub is_stu3: bool,
    /// What of it is there and cannot be read.
    pub unread: Unread,
    /// The order as it was received, where it came inline in the hook's context or was found to be stopped.
    pub received: Option<Box<str>>,
}

/// What of an order is there and cannot be read.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Unread {
    /// When it began.
    pub start: bool,
    /// When it ends.
    pub end: bool,
    /// How much of it is taken.
    pub dose: bool,
}

/// What an order orders.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Drug {
    /// A drug that the vocabulary knows.
    Known {
        /// Ingredient.
        ingredient: IngredientId,
        /// Product, where a code names it.
        product: Option<ProductId>,
    },
    /// A drug, but none that any table speaks of.
    Other,
    /// What it orders cannot be read.
    Unreadable,
}

/// The dose of one day, in the order taken.
#[derive(Clone, Debug, PartialEq, Eq, Default)]
pub enum Dose {
    /// Amounts in mg, first of the day first.
    PerDay(Vec<Decimal>),
    /// Not given, as needed, or not readable.
    #[default]
    Unknown,
}

impl Dose {
    /// Total of a day in mg.
    pub fn daily(&self) -> Option<Decimal> {
        match self {
            Dose::PerDay(doses) if !doses.is_empty() => Some(doses.iter().sum()),
            Dose::PerDay(_) | Dose::Unknown => None,
        }
    }
}

/// A dispense or a statement about use.
pub struct Supply {
    /// `MedicationDispense/id` or `MedicationStatement/id`.
    pub reference: Option<Box<str>>,
    /// The drug; products for local use are `Other`.
    pub drug: Drug,
    /// What it says about use.
    pub says: Said,
    /// When the supply or the use ends, or what the statement is about; `None` if it does not say.
    pub until: Option<When>,
}

/// What a dispense or a statement says about use.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Said {
    /// The drug was there until then, and no longer by this entry.
    Ended,
    /// It was taken then; nothing is said about an end.
    Taken,
    /// It was not taken then.
    NotTaken,
}

/// A result of a known analyte.
pub struct LabResult {
    /// What was measured.
    pub analyte: AnalyteId,
    /// `Observation/id`.
    pub reference: Option<Box<str>>,
    /// When the sample was taken; `None` if that cannot be told.
    pub when: Option<When>,
    /// Whether it is preliminary.
    pub preliminary: bool,
    /// Its value.
    pub value: Value,
    /// The laboratory's own limits, in canonical units.
    pub range: (Option<Decimal>, Option<Decimal>),
    /// The laboratory gives limits that cannot be read, or not all of them.
    pub range_unread: bool,
    /// Assay, empty if not stated.
    pub assay: Box<str>,
    /// For drug levels: when it was drawn with respect to the last dose.
    pub timing: LevelTiming,
    /// For drug levels: hours between the last dose and the sample, where the record says.
    pub hours_after_dose: Option<Decimal>,
    /// For drug levels: minute of the day by the clock of the place where it was drawn, where the record tells it.
    pub drawn_at: Option<u16>,
}

/// A value.
pub enum Value {
    /// A number in the analyte's canonical unit.
    Number(Number),
    /// A coded result, with its text.
    Coded(Finding, Box<str>),
    /// Came and cannot be used.
    Unusable(Why),
}

/// A number in the canonical unit.
pub struct Number {
    /// How the number bounds the value.
    pub bound: Bound,
    /// Exact, unrounded.
    pub value: Decimal,
    /// The recorded form (`2100 mg/g`), where it was converted.
    pub as_recorded: Option<Box<str>>,
}

/// `Quantity.comparator`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Bound {
    /// The number itself.
    Exact,
    /// Below (`<`) or at most (`<=`) the number.
    Below,
    /// Above (`>`) or at least (`>=`) the number.
    Above,
}

/// A condition.
pub struct Condition {
    /// `Condition/id`.
    pub reference: Option<Box<str>>,
    /// Groups that its codes belong to.
    pub groups: Vec<GroupId>,
    /// Text for people.
    pub text: Box<str>,
    /// Active, recurring or no status given.
    pub active: bool,
    /// Refuted or entered in error: does not count.
    pub refuted: bool,
    /// Onset or, failing that, recorded date.
    pub when: Option<When>,
    /// When it was recorded, where the record says so beside its onset.
    pub recorded: Option<When>,
    /// Belongs to the encounter of the hook.
    pub in_encounter: bool,
    /// An encounter diagnosis.
    pub encounter_diagnosis: bool,
}

/// An allergy to a known ingredient.
pub struct Allergy {
    /// `AllergyIntolerance/id`.
    pub reference: Option<Box<str>>,
    /// The substance.
    pub ingredient: IngredientId,
    /// The substance was a local product.
    pub local_product: bool,
    /// Text for people.
    pub text: Box<str>,
    /// `criticality` is high, or a reaction is severe.
    pub severe: bool,
    /// Refuted, resolved or entered in error: does not count.
    pub refuted: bool,
    /// Recorded or onset date.
    pub when: Option<When>,
}

/// A procedure of a known group that was done.
pub struct Procedure {
    /// `Procedure/id`.
    pub reference: Option<Box<str>>,
    /// Groups.
    pub groups: Vec<GroupId>,
    /// Text for people.
    pub text: Box<str>,
    /// When it was performed.
    pub when: Option<When>,
}
