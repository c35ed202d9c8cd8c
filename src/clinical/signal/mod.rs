//! Signs: what the tables ask, answered from the record.
//!
//! Turns a named signal into a [`Truth`] with the entries that it rests on and the gap that keeps it
//! unknown. It never decides anything and never reads a threshold that is not in the signal.
//! A sign that rests on something that came and cannot be used, or on a source that failed, is
//! `Unreadable`, not `Unknown`: it may be so, and the judgement must not become milder for it.

mod basket;
mod doubts;
mod exposure;
mod facts;
mod results;
mod supplies;
mod watched;

use super::gap::{Gap, Truth, Why};
use super::knowledge::{Expr, Form, Knowledge, SignalId, Watched, Withdrawal};
use super::practice::Country;
use super::record::{PatientRecord, Source};
use super::therapy::{Therapy, has_graft};
use super::vocabulary::AnalyteId;
use smallvec::{SmallVec, smallvec};

pub use facts::ages;
pub use results::Latest;

/// An entry of the record that an answer rests on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Entry {
    /// Index into `results`.
    Result(usize),
    /// Index into `conditions`.
    Condition(usize),
    /// Index into `procedures`.
    Procedure(usize),
    /// Index into `allergies`.
    Allergy(usize),
    /// Index into `orders`.
    Order(usize),
    /// The reason of a stopped order (index into `orders`).
    StopReason(usize),
    /// Index into `supplies`.
    Supply(usize),
    /// When this therapy began.
    TherapyStart,
    /// Age.
    Age,
    /// Sex, as pregnancy is asked by it.
    Sex,
}

/// Entries that an answer rests on; most rest on one.
pub type Entries = SmallVec<[Entry; 2]>;

/// What keeps an answer unknown; most often one thing.
pub type Gaps<'k> = SmallVec<[Gap<'k>; 1]>;

/// The answer to one signal.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reading<'k> {
    /// How true it is.
    pub truth: Truth,
    /// What it rests on.
    pub entries: Entries,
    /// What keeps it unknown.
    pub gaps: Gaps<'k>,
}

impl<'k> Reading<'k> {
    fn plain(truth: Truth) -> Self {
        Reading {
            truth,
            entries: Entries::new(),
            gaps: Gaps::new(),
        }
    }

    fn on(truth: Truth, entry: Entry) -> Self {
        Reading {
            truth,
            entries: smallvec![entry],
            gaps: Gaps::new(),
        }
    }

    fn gap(truth: Truth, need: &'k str, why: Why) -> Self {
        Reading {
            truth,
            entries: Entries::new(),
            gaps: smallvec![Gap::new(need, why)],
        }
    }
}

/// Signals that an expression names; most name a few.
pub type Leaves = SmallVec<[SignalId; 8]>;

/// Reads signals for one therapy of one patient; each at most once.
pub struct Signals<'a, 'k> {
    /// The record.
    pub record: &'k PatientRecord,
    /// The tables.
    pub knowledge: &'k Knowledge,
    /// The drug that is judged.
    pub withdrawal: &'k Withdrawal,
    /// Its orders, as the hook and the record show them.
    pub therapy: &'a Therapy,
    /// Seconds since 1970.
    pub now: i64,
    /// Whether the record names a transplanted organ.
    graft: bool,
    /// Whose label counts.
    country: Option<Country>,
    /// For each signal of the tables, the place of its reading in `readings`, counted from one; zero before it is asked.
    places: Vec<u16>,
    /// Places of the results, by their analyte and then as they stand.
    by_analyte: Vec<(AnalyteId, usize)>,
    readings: Vec<Reading<'k>>,
}

impl<'a, 'k> Signals<'a, 'k> {
    /// Nothing read yet.
    pub fn new(
        record: &'k PatientRecord,
        knowledge: &'k Knowledge,
        withdrawal: &'k Withdrawal,
        therapy: &'a Therapy,
        now: i64,
    ) -> Self {
        Signals {
            record,
            knowledge,
            withdrawal,
            therapy,
            now,
            graft: has_graft(record, withdrawal),
            country: None,
            places: vec![0; knowledge.signals.len()],
            by_analyte: results::by_analyte(record),
            readings: Vec::with_capacity(64),
        }
    }

    /// By the label of a country.
    #[must_use]
    pub fn following(self, country: Option<Country>) -> Self {
        Signals { country, ..self }
    }

    /// How true an expression is.
    pub fn truth(&mut self, expr: &Expr) -> Truth {
        match expr {
            Expr::Always => Truth::True,
            Expr::Signal(id) => self.read(*id),
            Expr::Not(inner) => self.truth(inner).negate(),
            Expr::Any(parts) => parts.iter().map(|p| self.truth(p)).max().unwrap_or(Truth::False),
            Expr::All(parts) => parts.iter().map(|p| self.truth(p)).min().unwrap_or(Truth::True),
            Expr::AtLeast(count, parts) => {
                let mut truths: Vec<Truth> = parts.iter().map(|p| self.truth(p)).collect();
                truths.sort_unstable_by(|a, b| b.cmp(a));
                truths
                    .get(count.saturating_sub(1))
                    .copied()
                    .unwrap_or(Truth::False)
            }
        }
    }

    /// How true a signal is.
    pub fn read(&mut self, id: SignalId) -> Truth {
        if let Some(reading) = self.reading(id) {
            return reading.truth;
        }
        let reading = self.compute(id);
        let truth = reading.truth;
        self.readings.push(reading);
        // There are no more readings than signals, whose numbers fit.
        self.places[usize::from(id.0)] = self.readings.len() as u16;
        truth
    }

    /// The reading of a signal that was asked for; `None` if it was not.
    pub fn reading(&self, id: SignalId) -> Option<&Reading<'k>> {
        let place = usize::from(self.places[usize::from(id.0)]).checked_sub(1)?;
        self.readings.get(place)
    }

    /// Every signal that was asked for, with its answer.
    pub fn asked(&self) -> impl Iterator<Item = (SignalId, &Reading<'k>)> {
        let all = (0_u16..).map(SignalId).take(self.places.len());
        all.filter_map(|id| Some((id, self.reading(id)?)))
    }

    fn compute(&mut self, id: SignalId) -> Reading<'k> {
        let signal = self.knowledge.signal(id);
        match &signal.form {
            Form::Of(expr) => Reading::plain(self.truth(expr)),
            Form::Latest {
                analyte,
                test,
                within,
                trough,
            } => self.latest(*analyte, test, *within, *trough),
            Form::Change {
                analyte,
                by,
                within,
                against,
            } => self.change(*analyte, by, *within, *against),
            Form::Stayed {
                analyte,
                test,
                over,
                results,
            } => self.stayed(*analyte, test, *over, *results),
            Form::Condition {
                groups,
                recent,
                history,
                since_stop,
            } => self.condition(groups, *recent, *history, *since_stop),
            Form::Watched(watched) => self.watched(watched),
            Form::Procedure { groups, within } => self.procedure(groups, *within),
            Form::Age { at_least, below } => self.age(*at_least, *below),
            Form::Sex(sex) => self.sex(*sex),
            Form::Deceased => Reading::plain(Truth::of(self.record.person.deceased)),
            Form::StopReason { codes, words, own } => self.stop_reason(codes, words, *own),
            Form::AlsoStops(set) => self.also_stops(set),
            Form::Continues(set) => self.continues(set),
            Form::Starts { set, before, after } => self.starts(set, *before, *after),
            Form::StoppedForHarm(set) => self.stopped_for_harm(set),
            Form::TakenWithin { set, days } => self.taken_within(set, *days),
            Form::SinceStart { at_least, below } => self.since_start(*at_least, *below),
            Form::Exposure { daily, days, within } => self.exposure(*daily, *days, *within),
            Form::SupplyEnded(days) => self.supply_ended(*days),
            Form::SaidNotTaken => self.said_not_taken(),
            Form::Allergy {
                set,
                severe,
                after_start,
            } => self.allergy(set, *severe, *after_start),
            Form::LocalUse => Reading::plain(self.therapy.local),
            Form::Hold { restart } => Reading::plain(Truth::of(
                self.therapy.held && self.therapy.restart.is_some() == *restart,
            )),
            Form::RestartDate => Reading::plain(Truth::of(self.therapy.restart.is_some())),
            Form::Replacement {
                formulation,
                ratio,
                which,
            } => self.replacement(*formulation, *ratio, *which),
        }
    }

    /// What "nothing found" means for a source: certainly none, not known, or hidden.
    fn nothing_in(&self, source: Source) -> Truth {
        let state = self.record.sources.of(source);
        if state.hides_something() {
            Truth::Unreadable
        } else if state.missing().is_some() {
            Truth::Unknown
        } else {
            Truth::False
        }
    }

    /// The sources that unknown signs of an expression would have been found in, and that were not had.
    pub fn lost_sources(&self, expr: &Expr) -> Vec<Source> {
        let mut leaves = Leaves::new();
        self.leaves(expr, &mut leaves);
        let unknown = leaves.into_iter().filter(|id| {
            self.reading(*id)
                .is_some_and(|r| matches!(r.truth, Truth::Unknown | Truth::Unreadable))
        });
        let mut lost: Vec<Source> = unknown
            .filter_map(|id| self.source_of_form(&self.knowledge.signal(id).form))
            .collect();
        lost.retain(|source| {
            let state = self.record.sources.of(*source);
            state.missing().is_some() || state.hides_something()
        });
        lost.dedup();
        lost
    }

    fn source_of_form(&self, form: &Form) -> Option<Source> {
        match form {
            Form::Latest { analyte, .. }
            | Form::Change { analyte, .. }
            | Form::Stayed { analyte, .. }
            | Form::Watched(Watched { analyte, .. }) => Some(self.source_of(*analyte)),
            Form::Condition { .. } => Some(Source::Conditions),
            Form::Procedure { .. } => Some(Source::Procedures),
            Form::Allergy { .. } => Some(Source::Allergies),
            Form::Age { .. } | Form::Sex(_) | Form::Deceased => Some(Source::Patient),
            Form::Continues(_)
            | Form::Starts { .. }
            | Form::StoppedForHarm(_)
            | Form::TakenWithin { .. }
            | Form::SinceStart { .. }
            | Form::Exposure { .. }
            | Form::Replacement { .. } => Some(Source::Medications),
            Form::Of(_)
            | Form::StopReason { .. }
            | Form::AlsoStops(_)
            | Form::SupplyEnded(_)
            | Form::SaidNotTaken
            | Form::LocalUse
            | Form::RestartDate
            | Form::Hold { .. } => None,
        }
    }

    /// The signals that an expression names, also through other signals.
    pub fn leaves(&self, expr: &Expr, found: &mut Leaves) {
        match expr {
            Expr::Always => {}
            Expr::Signal(id) => {
                if found.contains(id) {
                    return;
                }
                if let Form::Of(inner) = &self.knowledge.signal(*id).form {
                    self.leaves(inner, found);
                } else {
                    found.push(*id);
                }
            }
            Expr::Not(inner) => self.leaves(inner, found),
            Expr::Any(parts) | Expr::All(parts) | Expr::AtLeast(_, parts) => {
                for part in parts {
                    self.leaves(part, found);
                }
            }
        }
    }
}
