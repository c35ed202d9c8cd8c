//! Signs from results: the latest value, its change, and how it stayed.
//!
//! An unusable result (no unit, no date, no value) that may be newer than the newest usable one makes
//! the sign unreadable: it may be the one that decides.

use super::{Entries, Entry, Gaps, Reading, Signals};
use crate::clinical::gap::{Truth, Why};
use crate::clinical::knowledge::{Shift, Test};
use crate::clinical::record::{Bound, LabResult, Number, Order, PatientRecord, Source, Value};
use crate::clinical::vocabulary::{Analyte, AnalyteId, Finding, LevelTiming};
use crate::clinical::when::{DAY, Placed};
use rust_decimal::Decimal;
use smallvec::{SmallVec, smallvec};

/// The latest result of an analyte in a window, or why there is none.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Latest {
    /// Index into `results`.
    Found(usize),
    /// There is an older one.
    Stale(usize),
    /// None was found in a source that was read, or the source was not sent.
    Missing(Why),
    /// What is there cannot be used, or the source failed; the newest usable one, if any.
    Hidden(Why, Option<usize>),
}

/// Places of the results, by their analyte and then as they stand.
pub(super) fn by_analyte(record: &PatientRecord) -> Vec<(AnalyteId, usize)> {
    let results = record.results.iter().enumerate();
    let mut places: Vec<(AnalyteId, usize)> = results.map(|(place, r)| (r.analyte, place)).collect();
    places.sort_unstable();
    places
}

/// Whether some of several answers say yes and some no.
pub(super) fn disagree(answers: impl Iterator<Item = Truth> + Clone) -> bool {
    answers.clone().any(|truth| truth == Truth::True) && answers.clone().any(|truth| truth == Truth::False)
}

/// Why a result cannot be used, if so.
pub(super) fn unusable(result: &LabResult, now: i64) -> Option<Why> {
    match (&result.value, result.when) {
        (Value::Unusable(why), _) => Some(*why),
        (Value::Number(_) | Value::Coded(..), None) => Some(Why::TimingUnknown),
        (Value::Number(_) | Value::Coded(..), Some(when)) => {
            when.is_future(now).then_some(Why::TimingUnknown)
        }
    }
}

fn may_be_newer(result: &LabResult, newest: i64, within: u32, now: i64) -> bool {
    result.when.is_none_or(|when| {
        when.is_future(now) || (when.latest() >= newest && when.within(within, now) != Placed::Outside)
    })
}

impl<'k> Signals<'_, 'k> {
    /// Places of the results of an analyte, as they stand.
    pub fn results_of(&self, analyte: AnalyteId) -> impl Iterator<Item = usize> + Clone {
        let from = self.by_analyte.partition_point(|(of, _)| *of < analyte);
        let of_it = self.by_analyte[from..].iter();
        of_it
            .take_while(move |(of, _)| *of == analyte)
            .map(|(_, place)| *place)
    }

    /// The latest result of an analyte within so many days.
    pub fn latest_of(&self, analyte: AnalyteId, within: u32) -> Latest {
        let (record, now) = (self.record, self.now);
        let newest = self.newest_usable(analyte);
        let newest_time = newest
            .and_then(|place| record.results[place].when)
            .map_or(i64::MIN, |when| when.earliest());
        let blocked = self.results_of(analyte).find_map(|place| {
            let result = &record.results[place];
            unusable(result, now).filter(|_| may_be_newer(result, newest_time, within, now))
        });
        if let Some(why) = blocked {
            return Latest::Hidden(why, newest);
        }
        let state = record.sources.of(self.source_of(analyte));
        if state.hides_something() {
            return Latest::Hidden(state.missing().unwrap_or(Why::NotReadable), newest);
        }
        let Some(place) = newest else {
            return Latest::Missing(state.missing().unwrap_or(Why::Absent));
        };
        match record.results[place].when.map(|when| when.within(within, now)) {
            Some(Placed::Inside) => Latest::Found(place),
            Some(Placed::Straddles) => Latest::Hidden(Why::TimingUnknown, Some(place)),
            Some(Placed::Outside) | None => Latest::Stale(place),
        }
    }

    fn newest_usable(&self, analyte: AnalyteId) -> Option<usize> {
        let usable = |place: &usize| unusable(&self.record.results[*place], self.now).is_none();
        self.results_of(analyte).filter(usable).max_by_key(|place| {
            let result = &self.record.results[*place];
            let drawn = result.when.map(|when| when.latest());
            (drawn, !result.preliminary, std::cmp::Reverse(*place))
        })
    }

    /// The usable results of the same analyte and time as one, itself among them. A final one makes preliminary ones void.
    pub(super) fn of_the_same_time(&self, place: usize) -> SmallVec<[usize; 4]> {
        let anchor = &self.record.results[place];
        let same = |place: &usize| {
            let other = &self.record.results[*place];
            other.when == anchor.when
                && other.preliminary == anchor.preliminary
                && unusable(other, self.now).is_none()
        };
        self.results_of(anchor.analyte).filter(same).collect()
    }

    /// The source in which results of an analyte are looked for.
    pub fn source_of(&self, analyte: AnalyteId) -> Source {
        if self.knowledge.vocabulary.analyte(analyte).screen {
            Source::Screens
        } else {
            Source::Observations
        }
    }

    pub(super) fn latest(&self, analyte: AnalyteId, test: &Test, within: u32, trough: bool) -> Reading<'k> {
        let need = &*self.knowledge.vocabulary.analyte(analyte).key;
        match self.latest_of(analyte, within) {
            Latest::Found(index) => {
                let same = self.of_the_same_time(index);
                let counts = |i: &usize| {
                    !trough || self.not_a_trough(&self.record.results[*i]) != Some(Why::NotTrough)
                };
                let answers = same
                    .iter()
                    .copied()
                    .filter(counts)
                    .filter_map(|i| passes(&self.record.results[i], test));
                if disagree(answers.map(Truth::of)) {
                    return self.conflicting(need, same);
                }
                let result = &self.record.results[index];
                if trough && let Some(why) = self.not_a_trough(result) {
                    // Certainly drawn too early it is no trough; without a time it may be one.
                    let truth = match why {
                        Why::NotTrough => Truth::False,
                        _ => Truth::Unknown,
                    };
                    return Reading {
                        entries: smallvec![Entry::Result(index)],
                        ..Reading::gap(truth, need, why)
                    };
                }
                match passes(result, test) {
                    // While another drug moves the level, one that is not high excludes nothing.
                    Some(false) if trough && self.level_mover().is_some() => Reading {
                        entries: smallvec![Entry::Result(index)],
                        ..Reading::gap(Truth::Unknown, need, Why::Conflicting)
                    },
                    Some(fact) => Reading::on(Truth::of(fact), Entry::Result(index)),
                    None => Reading {
                        entries: smallvec![Entry::Result(index)],
                        ..Reading::gap(Truth::Unknown, need, Why::NotReadable)
                    },
                }
            }
            Latest::Stale(index) => Reading {
                entries: smallvec![Entry::Result(index)],
                ..Reading::gap(Truth::Unknown, need, Why::Stale)
            },
            Latest::Missing(why) => Reading::gap(Truth::Unknown, need, why),
            Latest::Hidden(why, _) => Reading::gap(Truth::Unreadable, need, why),
        }
    }

    /// Results of one time of which nothing tells which one is right.
    pub(super) fn conflicting(&self, need: &'k str, results: impl IntoIterator<Item = usize>) -> Reading<'k> {
        Reading {
            entries: results.into_iter().map(Entry::Result).collect(),
            ..Reading::gap(Truth::Unreadable, need, Why::Conflicting)
        }
    }

    /// Why a level cannot be taken for a trough, if so.
    pub fn not_a_trough(&self, result: &LabResult) -> Option<Why> {
        let hours = Decimal::from(self.withdrawal.trough_hours);
        match (result.hours_after_dose, result.timing) {
            (Some(after), _) if after < hours => Some(Why::NotTrough),
            (Some(_), _) | (None, LevelTiming::Trough) => None,
            (None, LevelTiming::NotTrough) => Some(Why::NotTrough),
            (None, LevelTiming::Unstated) => self.by_dose_times(result, hours),
        }
    }

    /// The same by the times at which the stopped orders have their doses taken.
    fn by_dose_times(&self, result: &LabResult, hours: Decimal) -> Option<Why> {
        let unknown = Some(Why::TimingUnknown);
        let (Some(drawn), Some(when)) = (result.drawn_at, result.when) else {
            return unknown;
        };
        let orders = || self.therapy.stopping.iter().map(|&i| &self.record.orders[i]);
        let valid_then = |order: &Order| {
            let began = order.starts.or(order.authored);
            !order.dose_times.is_empty() && began.is_some_and(|began| began.latest() <= when.earliest())
        };
        if !orders().all(valid_then) {
            return unknown;
        }
        let since = orders()
            .flat_map(|order| &order.dose_times)
            .map(|dose| (drawn + 1440 - dose % 1440) % 1440)
            .min();
        match since {
            // Near its time the dose is often held back until the sample is drawn.
            Some(minutes) if minutes < self.withdrawal.dose_held_minutes => unknown,
            Some(minutes) => (Decimal::from(minutes) < hours * Decimal::from(60)).then_some(Why::NotTrough),
            None => unknown,
        }
    }

    pub(super) fn change(&self, analyte: AnalyteId, by: &Shift, within: u32, against: u32) -> Reading<'k> {
        let reading = self.change_of_usable(analyte, by, within, against);
        let hidden = self
            .results_of(analyte)
            .any(|place| unusable(&self.record.results[place], self.now).is_some());
        if reading.truth != Truth::True && reading.truth != Truth::Unreadable && hidden {
            return Reading {
                truth: Truth::Unreadable,
                ..reading
            };
        }
        reading
    }

    fn change_of_usable(&self, analyte: AnalyteId, by: &Shift, within: u32, against: u32) -> Reading<'k> {
        let Analyte { key: need, .. } = self.knowledge.vocabulary.analyte(analyte);
        let index = match self.latest_of(analyte, within) {
            Latest::Found(index) => index,
            Latest::Stale(_) => return Reading::gap(Truth::Unknown, need, Why::Stale),
            Latest::Missing(why) => return Reading::gap(Truth::Unknown, need, why),
            Latest::Hidden(why, _) => return Reading::gap(Truth::Unreadable, need, why),
        };
        let (Some(value), Some((baseline, mut entries))) =
            (exact(&self.record.results[index]), self.baseline(index, against))
        else {
            // The value is there and shown; what lacks is something to compare it with.
            return Reading::on(Truth::Unknown, Entry::Result(index));
        };
        let same = self.of_the_same_time(index);
        let values = same.iter().filter_map(|i| exact(&self.record.results[*i]));
        if disagree(values.map(|value| Truth::of(differs(value, baseline, by)))) {
            return self.conflicting(need, same);
        }
        entries.insert(0, Entry::Result(index));
        Reading {
            truth: Truth::of(differs(value, baseline, by)),
            entries,
            gaps: Gaps::new(),
        }
    }

    /// Median of the exact results in the days before a result, of the same assay; with the entry nearest to it.
    fn baseline(&self, latest: usize, days: u32) -> Option<(Decimal, Entries)> {
        let anchor = &self.record.results[latest];
        let at = anchor.when?.latest();
        let mut values: Vec<(Decimal, usize)> = self
            .results_of(anchor.analyte)
            .map(|place| (place, &self.record.results[place]))
            .filter(|(place, r)| *place != latest && comparable(r, anchor))
            .filter(|(_, r)| {
                r.when
                    .is_some_and(|w| w.between(at - i64::from(days) * DAY, at - 1) == Placed::Inside)
            })
            .filter_map(|(i, r)| Some((exact(r)?, i)))
            .collect();
        values.sort_unstable();
        let middle = values.len() / 2;
        let upper = values.get(middle)?;
        let median = if values.len() % 2 == 1 {
            upper.0
        } else {
            (values[middle - 1].0 + upper.0) / Decimal::TWO
        };
        Some((median, smallvec![Entry::Result(upper.1)]))
    }

    pub(super) fn stayed(&self, analyte: AnalyteId, test: &Test, over: u32, least: usize) -> Reading<'k> {
        let need = &*self.knowledge.vocabulary.analyte(analyte).key;
        let from = self.now - i64::from(over) * DAY;
        let mut entries = Entries::new();
        let (mut reaches_back, mut undecided) = (false, false);
        for index in self.results_of(analyte) {
            let result = &self.record.results[index];
            if let Some(why) = unusable(result, self.now) {
                if result.when.is_none_or(|w| w.latest() >= from) {
                    return Reading::gap(Truth::Unreadable, need, why);
                }
                continue;
            }
            let Some(when) = result.when.filter(|w| w.latest() >= from) else {
                continue;
            };
            match passes(result, test) {
                Some(true) => entries.push(Entry::Result(index)),
                Some(false) => return Reading::on(Truth::False, Entry::Result(index)),
                None => undecided = true,
            }
            reaches_back |= when.latest() <= from + i64::from(over) * DAY / 2;
        }
        let state = self.record.sources.of(self.source_of(analyte));
        if state.hides_something() {
            return Reading::gap(
                Truth::Unreadable,
                need,
                state.missing().unwrap_or(Why::NotReadable),
            );
        }
        if !undecided && reaches_back && entries.len() >= least {
            return Reading {
                truth: Truth::True,
                entries,
                gaps: Gaps::new(),
            };
        }
        let why = state.missing().unwrap_or(if entries.is_empty() {
            Why::Absent
        } else {
            Why::Stale
        });
        Reading {
            entries,
            ..Reading::gap(Truth::Unknown, need, why)
        }
    }
}

/// Whether a value differs so from its baseline.
pub(super) fn differs(value: Decimal, baseline: Decimal, by: &Shift) -> bool {
    let hundred = Decimal::ONE_HUNDRED;
    match by {
        Shift::RisePercent(p) => (value - baseline) * hundred >= *p * baseline,
        Shift::FallPercent(p) => (baseline - value) * hundred >= *p * baseline,
        Shift::RiseBy(amount) => value - baseline >= *amount,
        Shift::RiseAbove(amount) => value - baseline > *amount,
        Shift::FallBy(amount) => baseline - value >= *amount,
        Shift::Times(n) => value >= *n * baseline,
    }
}

/// The value, if it is exact.
fn exact(result: &LabResult) -> Option<Decimal> {
    match &result.value {
        Value::Number(Number {
            bound: Bound::Exact,
            value,
            ..
        }) => Some(*value),
        Value::Number(_) | Value::Coded(..) | Value::Unusable(_) => None,
    }
}

/// Results of two named assays are not compared.
pub(super) fn comparable(a: &LabResult, b: &LabResult) -> bool {
    a.assay.is_empty() || b.assay.is_empty() || a.assay == b.assay
}

/// Whether a result passes a test; `None` where its bound or its missing limits leave that open.
pub(super) fn passes(result: &LabResult, test: &Test) -> Option<bool> {
    let number = match (&result.value, test) {
        (Value::Coded(finding, _), Test::Is(wanted)) if wanted.contains(finding) => return Some(true),
        // An equivocal result rules nothing out.
        (Value::Coded(Finding::Indeterminate, _), Test::Is(_)) => return None,
        (Value::Coded(..), Test::Is(_)) => return Some(false),
        (Value::Number(number), _) => number,
        (Value::Coded(..) | Value::Unusable(_), _) => return None,
    };
    let (low, high) = result.range;
    match test {
        Test::AtLeast(t) => at_least(number, *t),
        Test::Below(t) => at_least(number, *t).map(|fact| !fact),
        Test::Above(t) => above(number, *t),
        Test::AtMost(t) => above(number, *t).map(|fact| !fact),
        Test::AtLeastUpperLimit(times) => at_least(number, high? * *times),
        Test::AboveUpperLimit(times) => above(number, high? * *times),
        Test::WithinUpperLimit(times) => above(number, high? * *times).map(|fact| !fact),
        Test::BelowLowerLimit => at_least(number, low?).map(|fact| !fact),
        Test::WithinLowerLimit => at_least(number, low?),
        Test::Is(_) => None,
    }
}

fn at_least(number: &Number, threshold: Decimal) -> Option<bool> {
    match number.bound {
        Bound::Exact => Some(number.value >= threshold),
        Bound::Below if number.value <= threshold => Some(false),
        Bound::Above if number.value >= threshold => Some(true),
        Bound::Below | Bound::Above => None,
    }
}

fn above(number: &Number, threshold: Decimal) -> Option<bool> {
    match number.bound {
        Bound::Exact => Some(number.value > threshold),
        Bound::Below if number.value <= threshold => Some(false),
        Bound::Above if number.value >= threshold => Some(true),
        Bound::Below | Bound::Above => None,
    }
}
