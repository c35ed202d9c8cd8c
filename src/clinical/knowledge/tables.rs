//! The tables of a withdrawal: gates, reasons to stop, indications with hazards, checks, taper and after-care.

use super::{AgentUse, Approval, Certainty, DrugSet, Expr, Indicator, SourceId, Template, Text, Topic};
use crate::clinical::practice::Country;
use crate::clinical::vocabulary::{AnalyteId, FormulationId, GroupId, IngredientId};
use rust_decimal::Decimal;

/// A maintenance drug whose stop is reviewed.
pub struct Withdrawal {
    /// Key, the first part of a rule's name.
    pub key: Box<str>,
    /// Its place among the withdrawals: of two equally urgent findings the lower number leads.
    pub rank: u16,
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
    /// An active order without an end that began so many days before the stopped one was superseded by it and
    /// never closed: it is no evidence that the drug goes on.
    pub superseded_after: u32,
    /// A level drawn at least so many hours after the last dose counts as a trough; 0 without a level.
    pub trough_hours: u16,
    /// So many minutes after the time of a dose it may have been held back for the sample.
    pub dose_held_minutes: u16,
    /// Drugs that make its level mean nothing while they start or stop.
    pub level_void_by: DrugSet,
    /// For so many days before and after.
    pub level_void_within: u32,
    /// Drugs that are named together with it when they are stopped in the same request.
    pub companions: DrugSet,
    /// Conversions between formulations.
    pub conversions: Vec<Conversion>,
    /// First match wins.
    pub gates: Vec<Gate>,
    /// Reasons to stop or hold now; first match wins.
    pub rightful: Vec<Rightful>,
    /// Signs that add a line to the warning and change nothing else.
    pub lines: Vec<Line>,
    /// In order of rank; the last one is `unknown`.
    pub indications: Vec<Indication>,
    /// What to look for after a stop; `None` where nothing is.
    pub watch: Option<Watch>,
    /// Who reviewed it.
    pub approval: Approval,
}

impl Withdrawal {
    /// Every row that can decide, as table and row: with the key in front, the name of a rule.
    pub fn rows(&self) -> impl Iterator<Item = (&str, &str)> {
        let gates = self.gates.iter().map(|gate| ("gates", &*gate.row));
        let rightful = self.rightful.iter().map(|row| ("right-to-stop", &*row.row));
        let hazards = self.indications.iter().flat_map(|indication| {
            let rows = indication.hazards.iter();
            rows.map(|hazard| (&*indication.key, &*hazard.row))
        });
        let watched = self.watch.iter().flat_map(|watch| {
            let names = watch.rows.iter().map(|row| &*row.row);
            names.chain(["unchecked", "undated"]).map(|row| ("watch", row))
        });
        gates.chain(rightful).chain(hazards).chain(watched)
    }
}

/// `watch.toml`: what speaks for a rebound after a stop.
pub struct Watch {
    /// Drugs that mean that nothing has ended where one of them goes on or is drafted.
    pub continued_by: DrugSet,
    /// The baseline is the median of the results in so many days before the stop …
    pub before: u32,
    /// … or, where there is none, the first within so many days after it.
    pub after: u32,
    /// How long each indication is watched.
    pub windows: Vec<Window>,
    /// Worst first; of those that are true the most urgent speaks, then the first.
    pub rows: Vec<WatchRow>,
    /// Where this is true, nothing is looked for.
    pub unless: Option<Expr>,
    /// Where no row is true and one of them could not be asked.
    pub unchecked: Statement,
    /// Where no order says when the stop was.
    pub undated: Statement,
    /// Why there is no card where nothing is found.
    pub quiet: Box<str>,
}

/// How long some indications are watched.
pub struct Window {
    /// Keys of indications.
    pub indications: Vec<Box<str>>,
    /// Days from the stop.
    pub within: u32,
}

/// A row of `watch.toml`.
pub struct WatchRow {
    /// Name.
    pub row: Box<str>,
    /// Keys of the indications that it is about.
    pub indications: Vec<Box<str>>,
    /// When.
    pub when: Expr,
    /// What it says.
    pub statement: Statement,
}

impl Watch {
    /// Days for which an indication is watched; 0 if it is not.
    pub fn window(&self, indication: &str) -> u32 {
        let of_it = |window: &&Window| window.indications.iter().any(|key| **key == *indication);
        self.windows.iter().find(of_it).map_or(0, |window| window.within)
    }

    /// The longest of the windows.
    pub fn longest(&self) -> u32 {
        self.windows.iter().map(|window| window.within).max().unwrap_or(0)
    }
}

/// Accepted ratio of daily doses between two formulations.
pub struct Conversion {
    /// From.
    pub from: FormulationId,
    /// To.
    pub to: FormulationId,
    /// Whose label says so; `None` for every site whose country has no row of its own.
    pub country: Option<Country>,
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
    /// Whether a reason to stop that is true speaks in its place.
    pub right_first: bool,
    /// What it says where it cannot be excluded, because something could not be read, and a milder gate fires.
    pub unsure: Option<(Topic, Statement)>,
}

impl Gate {
    /// Urgency of what it says; `None` if it says nothing.
    pub fn urgency(&self) -> Option<Indicator> {
        match &self.then {
            Then::Silent(_) => None,
            Then::Card(_, statement) | Then::Warn(statement) => Some(statement.indicator),
        }
    }
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
    /// Whether it leaves a place to fill; after a hold that ends nothing is proposed instead of the drug.
    pub alternatives: bool,
    /// Tests and dates.
    pub monitoring: Vec<Monitor>,
}

/// A sign that is worth a line and decides nothing.
pub struct Line {
    /// When.
    pub when: Expr,
    /// The line.
    pub says: Box<str>,
    /// Sources.
    pub sources: Vec<SourceId>,
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
    /// Its evidence counts in every place as much as the best evidence for another disease.
    pub anywhere: bool,
    /// Worst first; the last one is `Always`.
    pub hazards: Vec<Hazard>,
    /// First checks: found or a gap.
    pub checks: Vec<Check>,
    /// A stepwise reduction, if one may be offered.
    pub taper: Option<TaperPlan>,
    /// Reductions that take its place; the first whose condition is certainly true.
    pub taper_instead: Vec<(Expr, TaperPlan)>,
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
    /// Largest cut of a step, in percent.
    pub cut_percent: Decimal,
    /// Of which daily dose.
    pub cut_of: CutOf,
    /// Largest cut of a step in mg.
    pub max_mg: Option<Decimal>,
    /// Highest daily dose in mg from which a schedule is offered.
    pub highest_mg: Option<Decimal>,
    /// Largest cut in mg that whole units may force; without a schedule of such steps none is offered.
    pub coarsest_mg: Option<Decimal>,
    /// Fewest days of a step.
    pub every: u32,
    /// A dose at which the reduction rests for long.
    pub rest: Option<Rest>,
    /// Days over which the steps are spread, where they would take less.
    pub over: Option<u32>,
    /// The whole never takes fewer days.
    pub floor: u32,
    /// Whether a published scheme exists.
    pub published: bool,
    /// Text, evidence and sources of the card.
    pub statement: Statement,
}

/// The dose of which a share is cut.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CutOf {
    /// The daily dose before the step.
    Current,
    /// The daily dose before the first step.
    Start,
}

/// A long stay on the way down.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rest {
    /// Percent of the daily dose before the first step: the lowest dose that is not below it is held.
    pub until_percent: Decimal,
    /// Fewest days there.
    pub days: u32,
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
