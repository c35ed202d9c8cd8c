//! Signs as the tables ask for them: a closed list of forms, and logic over them.

use super::{Certainty, SignalId, SourceId};
use crate::clinical::record::Sex;
use crate::clinical::vocabulary::{AnalyteId, Finding, GroupId, IngredientId};
use rust_decimal::Decimal;

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

/// Logic over signals: Kleene's, on the chain of [`crate::clinical::gap::Truth`].
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
    /// The latest result since the stop, beside those from before it.
    Watched(Watched),
    /// A condition of one of the groups.
    Condition {
        /// Groups.
        groups: Vec<GroupId>,
        /// For acute codes: onset or recorded within so many days, or in this encounter; and active.
        recent: Option<u32>,
        /// Also resolved and inactive ones (history).
        history: bool,
        /// Active, with onset or recorded since the stop.
        since_stop: bool,
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
    /// Sex, as pregnancy is asked by it.
    Sex(Sex),
    /// The record says that the patient has died.
    Deceased,
    /// The reason given for the stop.
    StopReason {
        /// Codes of `statusReason`.
        codes: Vec<Box<str>>,
        /// Lower-case words in its text.
        words: Vec<Box<str>>,
        /// Whether the words must speak of the judged drug.
        own: bool,
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
    /// Dispenses and statements show that the drug ended certainly more than so many days ago.
    SupplyEnded(u32),
    /// A statement says that the drug is not taken, and no supply reaches beyond it.
    SaidNotTaken,
    /// Months since this therapy began.
    SinceStart {
        /// From so many months on.
        at_least: Option<u16>,
        /// Fewer than so many.
        below: Option<u16>,
    },
    /// Days on at least a daily dose of this drug, orders taken together, in a period that ends now.
    Exposure {
        /// Daily dose in mg; days on less do not count.
        daily: Decimal,
        /// At least so many days.
        days: u32,
        /// Days of the period.
        within: u32,
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
    /// A restart date stands on the order, or a draft of the drug starts later.
    RestartDate,
    /// Another order of the same ingredient continues, starts or is drafted (window: [`super::Withdrawal`]).
    Replacement {
        /// Of the same formulation, of another one, or either.
        formulation: FormulationMatch,
        /// Test on new to old daily dose.
        ratio: Ratio,
        /// Which orders count.
        which: Which,
    },
}

/// A sign of results since a stop. Everything that is set must hold of the latest of them. The baseline is
/// the one that [`super::Watch`] describes.
pub struct Watched {
    /// What is measured.
    pub analyte: AnalyteId,
    /// It passes this test.
    pub test: Option<Test>,
    /// It differs so from the baseline.
    pub by: Option<Shift>,
    /// The baseline passes these tests.
    pub baseline: Vec<Test>,
    /// Where there is no baseline, what is asked of it counts as met.
    pub or_none: bool,
    /// There is no baseline.
    pub none: bool,
    /// The baseline, where there is one, does not pass the test.
    pub new: bool,
    /// So many results since the stop say so, the latest among them …
    pub results: usize,
    /// … and the first of them so many days before it.
    pub apart: u32,
    /// The latest is at least so many days from the stop.
    pub from: u32,
    /// The latest is at most so many days from the stop.
    pub until: Option<u32>,
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
    /// It is not known because a dose is there and cannot be read.
    Unreadable,
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
    /// At least so many times the laboratory's upper limit.
    AtLeastUpperLimit(Decimal),
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
    /// Rises by more than the amount.
    RiseAbove(Decimal),
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
