//! Signs from results since a stop, beside the baseline from before it.
//!
//! What is known to be so is so, whatever else could not be read; what is not so is `Unreadable` while a
//! result that cannot be used, or a source that failed, may hold it.

use super::results::{comparable, differs, disagree, passes, unusable};
use super::{Entries, Entry, Gaps, Reading, Signals};
use crate::clinical::gap::{Truth, Why};
use crate::clinical::knowledge::{Shift, Test, Watched};
use crate::clinical::record::{Bound, LabResult, Value};
use crate::clinical::therapy::End;
use crate::clinical::vocabulary::AnalyteId;
use crate::clinical::when::{DAY, When};
use rust_decimal::Decimal;
use smallvec::smallvec;

/// The usable results around a stop, as indices into `results`.
struct Around {
    baseline: Option<usize>,
    /// Since the stop, in order of time.
    since: Vec<usize>,
}

impl<'k> Signals<'_, 'k> {
    pub(super) fn watched(&self, of: &Watched) -> Reading<'k> {
        let End::On(stop) = self.therapy.end else {
            return Reading::gap(Truth::Unknown, "stop-date", Why::Absent);
        };
        let from = dividing_line(stop);
        let around = self.around(of.analyte, from);
        let reading = self.of_usable(of, from, &around);
        if reading.truth == Truth::True {
            return reading;
        }
        match self.hidden(of, from, &around, reading.truth) {
            Some(why) => Reading {
                entries: reading.entries,
                ..Reading::gap(Truth::Unreadable, self.key_of(of.analyte), why)
            },
            None => reading,
        }
    }

    /// The baseline of an analyte before the stop (index into `results`).
    pub fn before_stop(&self, analyte: AnalyteId) -> Option<usize> {
        match self.therapy.end {
            End::On(stop) => self.around(analyte, dividing_line(stop)).baseline,
            End::Now | End::Unknown => None,
        }
    }

    fn key_of(&self, analyte: AnalyteId) -> &'k str {
        &self.knowledge.vocabulary.analyte(analyte).key
    }

    fn around(&self, analyte: AnalyteId, stop: i64) -> Around {
        let Some(watch) = &self.withdrawal.watch else {
            return Around {
                baseline: None,
                since: Vec::new(),
            };
        };
        let results = &self.record.results;
        let at = |i: &usize| results[*i].when.map_or(i64::MIN, When::latest);
        // A date without a time is that of the whole day; one of the day of the stop lies before it.
        let drawn = |i: &usize| results[*i].when.map_or(i64::MIN, When::earliest);
        let mut usable: Vec<usize> = self
            .results_of(analyte)
            .filter(|&i| self.unplaced(&results[i], stop).is_none())
            .collect();
        usable.sort_by_key(at);
        let (mut before, mut since): (Vec<usize>, Vec<usize>) =
            usable.into_iter().partition(|i| drawn(i) <= stop);
        before.retain(|i| at(i) >= stop - i64::from(watch.before) * DAY);
        if let Some(latest) = since.last() {
            before.retain(|&i| comparable(&results[i], &results[*latest]));
        }
        let mut baseline = self.median(before);
        if baseline.is_none()
            && since.len() > 1
            && since
                .first()
                .is_some_and(|i| at(i) <= stop + i64::from(watch.after) * DAY)
        {
            baseline = Some(since.remove(0));
        }
        Around { baseline, since }
    }

    /// The middle one by value; of two in the middle the lower, so that a baseline is always a result.
    fn median(&self, mut of: Vec<usize>) -> Option<usize> {
        of.retain(|&i| matches!(self.record.results[i].value, Value::Number(_)));
        of.sort_by_key(|&i| number(&self.record.results[i]).map(|(value, _)| value));
        of.get(of.len().checked_sub(1)? / 2).copied()
    }

    fn of_usable(&self, of: &Watched, stop: i64, around: &Around) -> Reading<'k> {
        let Some(&latest) = around.since.last() else {
            let state = self.record.sources.of(self.source_of(of.analyte));
            let why = state.missing().unwrap_or(Why::Absent);
            return Reading::gap(Truth::Unknown, self.key_of(of.analyte), why);
        };
        let mut entries: Entries = smallvec![Entry::Result(latest)];
        entries.extend(around.baseline.map(Entry::Result));
        let truth = self
            .placed_right(of, latest, stop)
            .min(self.holds(of, latest, around.baseline));
        let same = self.of_the_same_time(latest);
        let answers = same.iter().map(|i| self.holds(of, *i, around.baseline));
        if disagree(answers) {
            return self.conflicting(self.key_of(of.analyte), same);
        }
        let confirmed = Truth::of(self.confirmed(of, around, &mut entries));
        Reading {
            truth: truth.min(confirmed),
            entries,
            gaps: Gaps::new(),
        }
    }

    /// Whether the latest result lies in the days from the stop that the sign asks for.
    fn placed_right(&self, of: &Watched, latest: usize, stop: i64) -> Truth {
        let Some(when) = self.record.results[latest].when else {
            return Truth::Unknown;
        };
        let late_enough = when.latest() >= stop + i64::from(of.from) * DAY;
        let early_enough = of
            .until
            .is_none_or(|days| when.earliest() <= stop + i64::from(days) * DAY);
        Truth::of(late_enough && early_enough)
    }

    /// Whether all that is asked of one result holds of it.
    fn holds(&self, of: &Watched, index: usize, baseline: Option<usize>) -> Truth {
        let result = &self.record.results[index];
        let known = |fact: Option<bool>| fact.map_or(Truth::Unknown, Truth::of);
        // Limits of the laboratory that cannot be read may be the ones that the test asks for.
        let tested = |result: &LabResult, test: &Test| match passes(result, test) {
            None if result.range_unread => Truth::Unreadable,
            fact => known(fact),
        };
        let of_result = of.test.as_ref().map_or(Truth::True, |test| tested(result, test));
        let Some(baseline) = baseline.map(|i| &self.record.results[i]) else {
            let open = (of.by.is_some() || !of.baseline.is_empty()) && !of.or_none;
            return of_result.min(if open { Truth::Unknown } else { Truth::True });
        };
        if of.none {
            return Truth::False;
        }
        let by = of
            .by
            .as_ref()
            .map_or(Truth::True, |by| known(shifted(result, baseline, by)));
        let of_baseline = of.baseline.iter().map(|test| known(passes(baseline, test))).min();
        let new = match &of.test {
            Some(test) if of.new => known(passes(baseline, test)).negate(),
            Some(_) | None => Truth::True,
        };
        of_result.min(by).min(of_baseline.unwrap_or(Truth::True)).min(new)
    }

    /// Whether enough results since the stop say the same, the first of them long enough before the latest.
    fn confirmed(&self, of: &Watched, around: &Around, entries: &mut Entries) -> bool {
        if of.results <= 1 {
            return true;
        }
        let at = |i: usize| self.record.results[i].when.map_or(i64::MIN, When::latest);
        let saying: Vec<usize> = around
            .since
            .iter()
            .copied()
            .filter(|&i| self.holds(of, i, around.baseline) == Truth::True)
            .collect();
        let (Some(&first), Some(&last)) = (saying.first(), saying.last()) else {
            return false;
        };
        entries.extend(saying.iter().rev().skip(1).map(|&i| Entry::Result(i)));
        saying.len() >= of.results && at(last) - at(first) >= i64::from(of.apart) * DAY
    }

    /// Why something that may change the answer cannot be read, if so.
    fn hidden(&self, of: &Watched, stop: i64, around: &Around, truth: Truth) -> Option<Why> {
        let state = self.record.sources.of(self.source_of(of.analyte));
        if state.hides_something() {
            return Some(state.missing().unwrap_or(Why::NotReadable));
        }
        let results = &self.record.results;
        let newest = around
            .since
            .last()
            .and_then(|&i| results[i].when)
            .map_or(i64::MIN, When::earliest);
        // An older one matters where a second result is asked for, or a baseline is missing.
        let reach = self.withdrawal.watch.as_ref().map_or(0, |watch| watch.before);
        let oldest = match truth {
            Truth::Unknown if around.baseline.is_none() && !around.since.is_empty() => {
                stop - i64::from(reach) * DAY
            }
            _ if of.results > 1 => stop,
            _ => newest.max(stop),
        };
        let matters = |when: Option<When>| when.is_none_or(|when| when.latest() >= oldest);
        results
            .iter()
            .filter(|r| r.analyte == of.analyte && matters(r.when))
            .find_map(|r| self.unplaced(r, stop))
    }

    /// Why a result cannot be used beside a stop: also where its date is too inexact to lie before or after it.
    fn unplaced(&self, result: &LabResult, stop: i64) -> Option<Why> {
        let straddles = |when: When| when.is_partial() && when.earliest() <= stop && when.latest() > stop;
        unusable(result, self.now).or(result.when.is_some_and(straddles).then_some(Why::TimingUnknown))
    }
}

/// The instant that divides before from since: the end of the day of the stop. Of a date without a day it is
/// the beginning, because a result of that time may be one from after the stop.
fn dividing_line(stop: When) -> i64 {
    if stop.latest() - stop.earliest() < 2 * DAY {
        stop.latest()
    } else {
        stop.earliest()
    }
}

fn number(result: &LabResult) -> Option<(Decimal, Bound)> {
    match &result.value {
        Value::Number(number) => Some((number.value, number.bound)),
        Value::Coded(..) | Value::Unusable(_) => None,
    }
}

/// Whether a result differs so from its baseline; `None` where a bound leaves that open. A rise from below a
/// number, or to above one, is at least as large as the numbers say.
fn shifted(result: &LabResult, baseline: &LabResult, by: &Shift) -> Option<bool> {
    let ((value, of_value), (base, of_base)) = (number(result)?, number(baseline)?);
    let fact = differs(value, base, by);
    let rises = !matches!(by, Shift::FallPercent(_) | Shift::FallBy(_));
    match (of_value, of_base) {
        (Bound::Exact, Bound::Exact) => Some(fact),
        (Bound::Exact | Bound::Above, Bound::Exact | Bound::Below) if rises && fact => Some(true),
        (Bound::Exact | Bound::Below, Bound::Exact | Bound::Above) if !rises && fact => Some(true),
        (Bound::Exact | Bound::Below, Bound::Exact | Bound::Above) if rises && !fact => Some(false),
        _ => None,
    }
}
