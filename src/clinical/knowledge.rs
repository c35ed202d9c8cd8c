//! The tables of `hooks/` as the judgement uses them: names resolved, numbers with units converted.
//!
//! `content` builds a [`Knowledge`] from the files, and refuses them when they are incomplete; nothing
//! changes it afterwards. Thresholds, windows, texts and sources live here as values that came from the
//! files; this module holds none of its own. Durations are days unless the name says otherwise.

use super::vocabulary::{AnalyteId, Finding, FormulationId, GroupId, IngredientId, Vocabulary};
use rust_decimal::Decimal;

/// Everything that `hooks/` says.
pub struct Knowledge {
    /// Content version, for example `2026.11.0`.
    pub version: Box<str>,
    /// Codes and names.
    pub vocabulary: Vocabulary,
    /// Sources, by [`SourceId`].
    pub sources: Vec<Citation>,
    /// Signals, by [`SignalId`].
    pub signals: Vec<Signal>,
    /// Agents, by [`AgentId`].
    pub agents: Vec<Agent>,
    /// One for each maintenance drug whose stop is reviewed.
    pub withdrawals: Vec<Withdrawal>,
    /// Discovery entries.
    pub services: Vec<Service>,
    /// Coded reasons offered on every warning or critical card.
    pub override_reasons: Vec<Coding>,
    /// Headings and phrases shared by all cards.
    pub words: Words,
    /// What must be read to decide: derived from the tables in use.
    pub needs: Needs,
}

/// Index into [`Knowledge::signals`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct SignalId(pub u16);
/// Index into [`Knowledge::sources`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct SourceId(pub u16);
/// Index into [`Knowledge::agents`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct AgentId(pub u16);

/// A public source that a text relies on.
pub struct Citation {
    /// Key in the tables.
    pub key: Box<str>,
    /// Label on the card: short title with year.
    pub label: Box<str>,
    /// Absolute https address.
    pub url: Box<str>,
    /// What exactly it supports.
    pub supports: Box<str>,
}

/// How sure a statement is, strongest first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Certainty {
    /// A guideline says so.
    Guideline,
    /// A product label says so.
    Label,
    /// A trial showed it.
    Trial,
    /// Cohort data.
    Cohort,
    /// Evidence about something near, not about this.
    Indirect,
    /// Clinical opinion; no source.
    Opinion,
}

impl Certainty {
    /// The code in the basis.
    pub fn code(self) -> &'static str {
        match self {
            Certainty::Guideline => "guideline",
            Certainty::Label => "label",
            Certainty::Trial => "trial",
            Certainty::Cohort => "cohort",
            Certainty::Indirect => "indirect",
            Certainty::Opinion => "opinion",
        }
    }
}

/// Urgency of a card.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Indicator {
    /// For information.
    Info,
    /// A warning.
    Warning,
    /// Critical.
    Critical,
}

impl Indicator {
    /// The code on the card.
    pub fn code(self) -> &'static str {
        match self {
            Indicator::Info => "info",
            Indicator::Warning => "warning",
            Indicator::Critical => "critical",
        }
    }
}

/// Card topics of the contract, in their order at equal urgency.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Topic {
    /// Stopping at once is risky.
    AbruptWithdrawal,
    /// The record holds a reason to stop or hold now.
    StopMayBeRight,
    /// Signs of a flare after a recent stop.
    Rebound,
    /// A temporary hold.
    HoldAndRestart,
    /// A ratio or overlap that looks wrong.
    ConversionCheck,
    /// A stepwise reduction.
    Taper,
    /// What could replace it.
    AlternativeAgents,
    /// What to check, and when.
    Monitoring,
}

impl Topic {
    /// The code in `source.topic`.
    pub fn code(self) -> &'static str {
        match self {
            Topic::AbruptWithdrawal => "abrupt-withdrawal",
            Topic::StopMayBeRight => "stop-may-be-right",
            Topic::Rebound => "rebound",
            Topic::HoldAndRestart => "hold-and-restart",
            Topic::ConversionCheck => "conversion-check",
            Topic::Taper => "taper",
            Topic::AlternativeAgents => "alternative-agents",
            Topic::Monitoring => "monitoring",
        }
    }
}

/// A named sign, asked by the tables.
pub struct Signal {
    /// Name, as in the tables and the trail.
    pub name: Box<str>,
    /// What it says, for people: `proteinuria at least 0.5 g/g within 30 days`.
    pub says: Box<str>,
    /// How it is computed.
    pub form: Form,
    /// For whom it matters: where this is false, not knowing it is no gap.
    pub applies: Option<Expr>,
    /// Where the number comes from.
    pub source: Option<SourceId>,
    /// How sure the number is.
    pub sure: Certainty,
}

/// Logic over signals: Kleene's, on the chain of [`super::gap::Truth`].
pub enum Expr {
    /// A signal.
    Signal(SignalId),
    /// Negation.
    Not(Box<Expr>),
    /// The truest of them.
    Any(Vec<Expr>),
    /// The least true of them.
    All(Vec<Expr>),
    /// At least so many of them.
    AtLeast(usize, Vec<Expr>),
    /// Always true: the last row of a table.
    Always,
}

/// The closed list of forms of a signal.
pub enum Form {
    /// Logic over other signals.
    Of(Expr),
    /// The latest result within a window passes a test.
    Latest {
        /// What is measured.
        analyte: AnalyteId,
        /// The test.
        test: Test,
        /// Days; older results are stale.
        within: u32,
        /// Only a level that is certainly a trough decides.
        trough: bool,
    },
    /// The latest result differs from a baseline.
    Change {
        /// What is measured.
        analyte: AnalyteId,
        /// By how much, and in which direction.
        by: Shift,
        /// Days; an older latest result is stale.
        within: u32,
        /// The baseline is the median of the results in so many days before the latest.
        against: u32,
    },
    /// All results of a period pass a test.
    Stayed {
        /// What is measured.
        analyte: AnalyteId,
        /// The test.
        test: Test,
        /// Days of the period.
        over: u32,
        /// At least so many results; the first of them in the first half of the period.
        results: usize,
    },
    /// A condition of one of the groups.
    Condition {
        /// Groups.
        groups: Vec<GroupId>,
        /// For acute codes: onset or recorded within so many days, or in this encounter; and active.
        recent: Option<u32>,
        /// Also resolved and inactive ones (history).
        history: bool,
    },
    /// A procedure of one of the groups.
    Procedure {
        /// Groups.
        groups: Vec<GroupId>,
        /// Days; `None`: ever.
        within: Option<u32>,
    },
    /// Age in completed years.
    Age {
        /// From this age on.
        at_least: Option<u16>,
        /// Younger than this.
        below: Option<u16>,
    },
    /// Administrative gender.
    Sex(super::record::Sex),
    /// The record says that the patient has died.
    Deceased,
    /// The reason given for the stop.
    StopReason {
        /// Codes of `statusReason`.
        codes: Vec<Box<str>>,
        /// Lower-case words in its text.
        words: Vec<Box<str>>,
    },
    /// Drugs stopped in the same request, beside the one that is judged.
    AlsoStops(DrugSet),
    /// Drugs that stay active and are not stopped in the same request.
    Continues(DrugSet),
    /// Drugs that start in the same basket, or started or will start near now.
    Starts {
        /// Which.
        set: DrugSet,
        /// Days before now.
        before: u32,
        /// Days after now.
        after: u32,
    },
    /// Drugs that were stopped for harm (statusReason) at any time.
    StoppedForHarm(DrugSet),
    /// Taken within so many days (active now, or ended since).
    TakenWithin {
        /// Which.
        set: DrugSet,
        /// Days.
        days: u32,
    },
    /// Months since this therapy began.
    SinceStart {
        /// From so many months on.
        at_least: Option<u16>,
        /// Fewer than so many.
        below: Option<u16>,
    },
    /// An allergy to one of the set.
    Allergy {
        /// Which substances.
        set: DrugSet,
        /// Only high criticality or severe reactions, to a systemic product.
        severe: bool,
        /// Only if recorded after this therapy began.
        after_start: bool,
    },
    /// The order is a local product.
    LocalUse,
    /// The order is being held, not stopped.
    Hold {
        /// With a restart date, or without.
        restart: bool,
    },
    /// Another order of the same ingredient continues, starts or is drafted (window: [`Withdrawal`]).
    Replacement {
        /// Of the same formulation, of another one, or either.
        formulation: FormulationMatch,
        /// Test on new to old daily dose.
        ratio: Ratio,
        /// Which orders count.
        which: Which,
    },
}

/// Which formulation a replacement has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FormulationMatch {
    /// The same.
    Same,
    /// Another one.
    Other,
    /// Either, or not known.
    Either,
}

/// Which orders count as a replacement.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Which {
    /// Any.
    Any,
    /// One that is started, or drafted, in the window.
    New,
    /// One that was active before the window and goes on.
    Old,
    /// More than one is left.
    Several,
    /// The drafts are a written taper.
    WrittenTaper,
}

/// A test on the ratio of new to old daily dose.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ratio {
    /// Any ratio, also unknown.
    Any,
    /// Inside the range that the conversion table gives for the two formulations.
    Inside,
    /// Outside it.
    Outside,
    /// A dose or the conversion is not known.
    Unknown,
    /// Below a number.
    Below(Decimal),
    /// Above a number.
    Above(Decimal),
}

/// A test on a result.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Test {
    /// At least the number (canonical unit).
    AtLeast(Decimal),
    /// Above it.
    Above(Decimal),
    /// At most.
    AtMost(Decimal),
    /// Below.
    Below(Decimal),
    /// More than so many times the laboratory's upper limit.
    AboveUpperLimit(Decimal),
    /// At most so many times the laboratory's upper limit.
    WithinUpperLimit(Decimal),
    /// Below the laboratory's lower limit.
    BelowLowerLimit,
    /// Not below the laboratory's lower limit.
    WithinLowerLimit,
    /// A coded result.
    Is(Vec<Finding>),
}

/// A change against a baseline.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Shift {
    /// Rises by at least so many percent of the baseline.
    RisePercent(Decimal),
    /// Falls by at least so many percent.
    FallPercent(Decimal),
    /// Rises by at least the amount.
    RiseBy(Decimal),
    /// Falls by at least the amount.
    FallBy(Decimal),
    /// Reaches at least so many times the baseline.
    Times(Decimal),
}

/// Ingredients that a signal speaks of.
pub struct DrugSet {
    /// Ingredients, families expanded; ascending.
    pub ingredients: Vec<IngredientId>,
    /// The ingredient that is being judged.
    pub itself: bool,
}

/// A maintenance drug whose stop is reviewed.
pub struct Withdrawal {
    /// Key, the first part of a rule's name.
    pub key: Box<str>,
    /// Its ingredient.
    pub ingredient: IngredientId,
    /// Its level, if one is measured.
    pub level: Option<AnalyteId>,
    /// Younger patients are children: no schedule, no adult dose.
    pub adult_years: u16,
    /// A replacement counts if it started so many days before now …
    pub switch_before: u32,
    /// … or starts so many days after.
    pub switch_after: u32,
    /// A therapy is one chain of orders with gaps of at most so many days.
    pub chain_gap: u32,
    /// A level drawn at least so many hours after the last dose counts as a trough.
    pub trough_hours: u16,
    /// Drugs that are named together with it when they are stopped in the same request.
    pub companions: DrugSet,
    /// Conversions between formulations.
    pub conversions: Vec<Conversion>,
    /// First match wins.
    pub gates: Vec<Gate>,
    /// Reasons to stop or hold now; first match wins.
    pub rightful: Vec<Rightful>,
    /// In order of rank; the last one is `unknown`.
    pub indications: Vec<Indication>,
    /// Who reviewed it.
    pub approval: Approval,
}

/// Accepted ratio of daily doses between two formulations.
pub struct Conversion {
    /// From.
    pub from: FormulationId,
    /// To.
    pub to: FormulationId,
    /// Lowest accepted new-to-old ratio.
    pub low: Decimal,
    /// Highest accepted.
    pub high: Decimal,
}

/// A row of `gates.toml`.
pub struct Gate {
    /// Name.
    pub row: Box<str>,
    /// When.
    pub when: Expr,
    /// What then.
    pub then: Then,
}

/// What a gate does.
pub enum Then {
    /// No card, with the stated reason.
    Silent(Box<str>),
    /// A card instead of the warning.
    Card(Topic, Statement),
    /// The warning itself, at this urgency, with the indication's table left aside.
    Warn(Statement),
}

/// What a row says.
pub struct Statement {
    /// Urgency.
    pub indicator: Indicator,
    /// Weakest evidence that it rests on.
    pub evidence: Certainty,
    /// Text.
    pub text: Text,
    /// Sources, the card's own first.
    pub sources: Vec<SourceId>,
}

/// A row of `right-to-stop.toml`.
pub struct Rightful {
    /// Name.
    pub row: Box<str>,
    /// When.
    pub when: Expr,
    /// When half of it is certain and the other half was not looked for.
    pub partial: Option<Partial>,
    /// What it says.
    pub statement: Statement,
    /// Classes or ingredients that are excluded after it, with the reason.
    pub excludes: DrugSet,
    /// The reason for that.
    pub because: Box<str>,
    /// Tests and dates.
    pub monitoring: Vec<Monitor>,
}

/// A pattern of which one part is certain and the other unknown.
pub struct Partial {
    /// Must be true.
    pub certain: Expr,
    /// Must be unknown because nothing was found (not because it could not be read).
    pub open: Expr,
    /// Highest urgency of the warning outside transplantation.
    pub cap: Indicator,
    /// First line of the warning.
    pub opens: Template,
    /// Tests that are missing.
    pub tests: Vec<AnalyteId>,
    /// Source of the pattern.
    pub sources: Vec<SourceId>,
}

/// What an indication is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// An organ transplant: outranks every disease; no taper, no agents.
    Transplant,
    /// A disease.
    Disease,
    /// Nothing was found.
    Unknown,
}

/// An indication with its tables.
pub struct Indication {
    /// Code of the contract.
    pub key: Box<str>,
    /// Name on cards.
    pub name: Box<str>,
    /// Kind.
    pub kind: Kind,
    /// Groups of conditions and order reasons that are evidence for it.
    pub evidence: Vec<GroupId>,
    /// Groups of procedures that are evidence for it.
    pub procedures: Vec<GroupId>,
    /// Indications (keys) beside which it says nothing of its own.
    pub yields_to: Vec<Box<str>>,
    /// Worst first; the last one is `Always`.
    pub hazards: Vec<Hazard>,
    /// First checks: found or a gap.
    pub checks: Vec<Check>,
    /// A stepwise reduction, if one may be offered.
    pub taper: Option<TaperPlan>,
    /// Why none is offered.
    pub no_taper: Option<Box<str>>,
    /// After-care.
    pub monitoring: Vec<Monitor>,
    /// Text and sources of the monitoring card.
    pub monitoring_text: Option<Statement>,
    /// Agents that could replace the drug.
    pub agents: Vec<AgentUse>,
    /// Text and sources of the card of agents.
    pub agents_text: Option<Statement>,
}

/// A row of an indication's table.
pub struct Hazard {
    /// Name.
    pub row: Box<str>,
    /// When.
    pub when: Expr,
    /// What it says.
    pub statement: Statement,
}

/// A first check.
pub struct Check {
    /// What is looked for.
    pub analyte: AnalyteId,
    /// Days; older results are stale.
    pub within: u32,
    /// For whom.
    pub applies: Option<Expr>,
}

/// How the dose goes down.
pub struct TaperPlan {
    /// Largest cut of a step, in percent of the current daily dose.
    pub cut_percent: Decimal,
    /// Largest cut of a step in mg.
    pub max_mg: Option<Decimal>,
    /// Days of a step.
    pub every: u32,
    /// The whole never takes fewer days.
    pub floor: u32,
    /// Whether a published scheme exists.
    pub published: bool,
    /// Text, evidence and sources of the card.
    pub statement: Statement,
}

/// A test to repeat.
pub struct Monitor {
    /// What is measured.
    pub analyte: AnalyteId,
    /// Days until the first test; 0 is now.
    pub first: u32,
    /// The line on the card.
    pub says: Box<str>,
}

/// Use of an agent for an indication.
pub struct AgentUse {
    /// Which.
    pub agent: AgentId,
    /// Dose range for adults, as the source gives it.
    pub dose: Box<str>,
    /// The situation it is meant for, if another than this one: then at most `check-first`.
    pub situation: Option<Box<str>>,
    /// Source of the use.
    pub source: SourceId,
}

/// An alternative.
pub struct Agent {
    /// Key.
    pub key: Box<str>,
    /// Name on cards.
    pub name: Box<str>,
    /// Ingredient (one of its family); `None` where no code was verified.
    pub ingredient: Option<IngredientId>,
    /// Code and system for the basis and the suggested order.
    pub code: Coding,
    /// The dose depends on body weight.
    pub weight_based: bool,
    /// True: excluded.
    pub excludes: Vec<Exclusion>,
    /// Not known: check first; false: excluded.
    pub requires: Vec<Requirement>,
    /// Notes that are added when true.
    pub notes: Vec<Note>,
    /// Sources, its own first.
    pub sources: Vec<SourceId>,
}

/// A reason against an agent.
pub struct Exclusion {
    /// When.
    pub when: Expr,
    /// Because.
    pub because: Box<str>,
}

/// What must be known before an agent.
pub struct Requirement {
    /// Must be true.
    pub know: Expr,
    /// For whom; `None`: for everybody.
    pub applies: Option<Expr>,
    /// What to check, as printed among the reasons.
    pub ask: Box<str>,
    /// Why it is excluded if `know` is false; `None`: it stays `check-first`.
    pub otherwise: Option<Box<str>>,
    /// Name of the gap, where the contract has one.
    pub need: Option<Box<str>>,
}

/// A note on an agent.
pub struct Note {
    /// When.
    pub when: Expr,
    /// The note.
    pub says: Box<str>,
}

/// A coding with text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Coding {
    /// System address.
    pub system: Box<str>,
    /// Code.
    pub code: Box<str>,
    /// Display.
    pub display: Box<str>,
}

/// The text of a row.
pub struct Text {
    /// Key, for messages.
    pub key: Box<str>,
    /// Summaries; the first whose placeholders can be filled and that is short enough is used.
    pub summary: Vec<Template>,
    /// Lines under "why for this patient", after the patient's numbers.
    pub why: Vec<Template>,
    /// Lines under "what could mislead".
    pub misleading: Vec<Template>,
    /// Lines under "how sure".
    pub sure: Vec<Template>,
    /// Courses that are reasonable now, at least two on a warning.
    pub courses: Vec<Template>,
}

/// A text with placeholders in braces, split once at start-up.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Template(pub Vec<Piece>);

/// A piece of a template.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Piece {
    /// Text as it is.
    Literal(Box<str>),
    /// A value of the patient, by name: `drug`, `dose`, `upcr`, `upcr.date`, …
    Value(Box<str>),
}

/// A discovery entry.
pub struct Service {
    /// Identifier.
    pub id: Box<str>,
    /// Hook.
    pub hook: Box<str>,
    /// Title.
    pub title: Box<str>,
    /// Description.
    pub description: Box<str>,
    /// Usage requirements.
    pub usage: Box<str>,
}

/// Who reviewed the content, and when again.
pub struct Approval {
    /// Reviewers; empty until a person signs.
    pub reviewers: Vec<Box<str>>,
    /// Date of the next review.
    pub next_review: Box<str>,
}

/// Headings and phrases of `hooks/texts/en.toml`.
pub struct Words {
    /// Phrase by key.
    pub phrases: std::collections::BTreeMap<Box<str>, Box<str>>,
}

impl Words {
    /// A phrase; the key itself if the file lacks it (the loader refuses files that lack one in use).
    pub fn get<'a>(&'a self, key: &'a str) -> &'a str {
        self.phrases.get(key).map_or(key, |phrase| phrase)
    }
}

/// What must be read to decide, derived from the tables.
#[derive(Default)]
pub struct Needs {
    /// Analytes of recent results.
    pub observations: Vec<AnalyteId>,
    /// Analytes of long look-back screens.
    pub screens: Vec<AnalyteId>,
    /// Longest look-back of `observations` in days.
    pub observation_days: u32,
}

impl Knowledge {
    /// The drug code system whose codes stand in the basis without their system: that of the judged drugs.
    pub fn preferred_drug_system(&self) -> &str {
        self.withdrawals
            .first()
            .map_or("", |w| &self.vocabulary.ingredient(w.ingredient).system)
    }

    /// The citation.
    pub fn source(&self, id: SourceId) -> &Citation {
        &self.sources[usize::from(id.0)]
    }

    /// The signal.
    pub fn signal(&self, id: SignalId) -> &Signal {
        &self.signals[usize::from(id.0)]
    }

    /// The agent.
    pub fn agent(&self, id: AgentId) -> &Agent {
        &self.agents[usize::from(id.0)]
    }

    /// The withdrawal of an ingredient, if its stop is reviewed.
    pub fn withdrawal_of(&self, ingredient: IngredientId) -> Option<&Withdrawal> {
        self.withdrawals
            .iter()
            .find(|w| self.vocabulary.same_family(w.ingredient, ingredient))
    }
}
