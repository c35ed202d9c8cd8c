//! Results as series: what a panel draws and what the table under it lists.
//!
//! Turns the results of the record, and the older ones that are only drawn, into one series for each analyte in one
//! unit, with the levels at which the rows of this judgement begin to speak. Levels that are no troughs never share
//! a series with troughs.

use super::units::Shown;
use super::{Case, capital, shown};
use crate::clinical::compose::text;
use crate::clinical::judge::{Judgement, Verdict};
use crate::clinical::knowledge::{Form, Test};
use crate::clinical::record::{Bound, LabResult, Value};
use crate::clinical::signal::{Leaves, Signals};
use crate::clinical::vocabulary::{AnalyteId, LevelTiming};
use crate::clinical::when::When;
use crate::pages::chart::{Point, Series};
use rust_decimal::Decimal;
use rust_decimal::prelude::ToPrimitive;
use std::collections::BTreeMap;

/// The values of one series, newest first.
pub(super) struct Table {
    pub(super) name: String,
    pub(super) unit: String,
    pub(super) range: String,
    /// Day, value, flag, as recorded, source.
    pub(super) rows: Vec<[String; 5]>,
}

/// Results of one kind, oldest first.
pub(super) type Group<'r> = (AnalyteId, LevelTiming, Vec<&'r LabResult>);

/// Results with numbers and dates, grouped and in the order of their panels, oldest first.
pub(super) fn groups<'r>(case: &Case<'r>, checked: &[AnalyteId]) -> Vec<Group<'r>> {
    let vocabulary = &case.knowledge.vocabulary;
    let rank = |analyte: AnalyteId| {
        let known = checked.iter().position(|check| *check == analyte);
        (known.unwrap_or(checked.len()), analyte.0)
    };
    let mut groups: BTreeMap<_, Group<'r>> = BTreeMap::new();
    for result in case.record.results.iter().chain(&case.older.results) {
        if !matches!(result.value, Value::Number(_)) || result.when.is_none() {
            continue;
        }
        let timing = if vocabulary.analyte(result.analyte).timed {
            result.timing
        } else {
            LevelTiming::Unstated
        };
        let of = groups
            .entry((rank(result.analyte), timing as u8))
            .or_insert_with(|| (result.analyte, timing, Vec::new()));
        of.2.push(result);
    }
    let mut groups: Vec<Group<'r>> = groups.into_values().collect();
    for (_, _, results) in &mut groups {
        results.sort_by_key(|result| result.when.map(When::latest));
    }
    groups
}

/// One series in one unit.
pub(super) fn series(
    case: &Case<'_>,
    (analyte, timing): (AnalyteId, LevelTiming),
    results: &[&LabResult],
    unit: &Shown<'_>,
    tests: &[&Test],
) -> Series {
    let analyte = case.knowledge.vocabulary.analyte(analyte);
    let name = match (analyte.timed, timing) {
        (true, LevelTiming::NotTrough) => format!("{}, not a trough", analyte.name),
        (true, LevelTiming::Unstated) => format!("{}, time unstated", analyte.name),
        _ => analyte.name.to_string(),
    };
    let range = results
        .iter()
        .rev()
        .map(|result| result.range)
        .find(|range| *range != (None, None));
    let (low, high) = range.unwrap_or_default();
    let drawn = |value: Decimal| text::rounded(unit.of(value)).to_f64();
    Series {
        name: capital(&name),
        unit: unit.unit.to_owned(),
        low: low.and_then(drawn),
        high: high.and_then(drawn),
        points: results.iter().filter_map(|result| point(result, unit)).collect(),
        thresholds: tests
            .iter()
            .filter_map(|test| threshold(test, high, unit))
            .collect(),
    }
}

fn point(result: &LabResult, unit: &Shown<'_>) -> Option<Point> {
    let Value::Number(number) = &result.value else {
        return None;
    };
    let bound = match number.bound {
        Bound::Exact => "",
        Bound::Below => "<",
        Bound::Above => ">",
    };
    let (low, high) = result.range;
    let value = text::rounded(unit.of(number.value));
    let day = When::date_of(result.when?.earliest());
    Some(Point {
        day,
        date: shown(day),
        value: value.to_f64()?,
        shown: format!("{bound}{value}"),
        flag: match number.value {
            value if high.is_some_and(|high| value > high) => "H",
            value if low.is_some_and(|low| value < low) => "L",
            _ => "",
        },
        source: result.reference.as_deref().unwrap_or_default().to_owned(),
    })
}

/// The level at which a test begins to be true, with its words.
fn threshold(test: &Test, upper: Option<Decimal>, unit: &Shown<'_>) -> Option<(f64, String)> {
    let (sign, value, words) = match test {
        Test::AtLeast(value) => ("≥", *value, String::new()),
        Test::Above(value) => (">", *value, String::new()),
        Test::AtMost(value) => ("≤", *value, String::new()),
        Test::Below(value) => ("<", *value, String::new()),
        Test::AboveUpperLimit(times) | Test::AtLeastUpperLimit(times) => {
            let words = format!(" ({} × upper limit)", text::number(*times));
            let sign = if matches!(test, Test::AtLeastUpperLimit(_)) {
                "≥"
            } else {
                ">"
            };
            (sign, upper?.checked_mul(*times)?, words)
        }
        Test::WithinUpperLimit(_) | Test::BelowLowerLimit | Test::WithinLowerLimit | Test::Is(_) => {
            return None;
        }
    };
    let value = text::rounded(unit.of(value));
    Some((value.to_f64()?, format!("{sign} {value}{words}")))
}

/// The tests on results that the rows of this judgement ask.
pub(super) fn thresholds<'k>(
    case: &Case<'k>,
    judgement: &Judgement<'_>,
    signals: &Signals<'_, '_>,
) -> Vec<(AnalyteId, &'k Test)> {
    let mut leaves = Leaves::new();
    if let Verdict::Finding(finding) = &judgement.verdict {
        for hazard in &finding.indication.hazards {
            signals.leaves(&hazard.when, &mut leaves);
        }
    }
    for right in &case.withdrawal.rightful {
        signals.leaves(&right.when, &mut leaves);
    }
    let mut tests = Vec::new();
    for id in leaves {
        if let Form::Latest { analyte, test, .. } = &case.knowledge.signal(id).form
            && !tests.contains(&(*analyte, test))
        {
            tests.push((*analyte, test));
        }
    }
    tests
}

/// The values of a series.
pub(super) fn table(series: &Series, results: &[&LabResult]) -> Table {
    let recorded = |result: &LabResult| match &result.value {
        Value::Number(number) => number.as_recorded.as_deref().unwrap_or_default().to_owned(),
        Value::Coded(..) | Value::Unusable(_) => String::new(),
    };
    let row = |(point, result): (&Point, &&LabResult)| {
        [
            point.date.clone(),
            point.shown.clone(),
            point.flag.to_owned(),
            recorded(result),
            point.source.clone(),
        ]
    };
    Table {
        name: series.name.clone(),
        unit: series.unit.clone(),
        range: series.range(),
        rows: series.points.iter().zip(results).rev().map(row).collect(),
    }
}

/// What of the course no rule looks at, and whether all of it came; empty where there is none.
pub(super) fn older_in_words(case: &Case<'_>) -> String {
    let back = i64::from(case.knowledge.needs.observation_days) * 86_400;
    let first = shown(When::date_of(case.now - back));
    let mut words = String::new();
    if !case.older.results.is_empty() {
        words = format!("Values from before {first} are drawn and listed; no rule looks at them.");
    }
    if case.older.missing.is_some() {
        words = format!("{words} Not all values from before {first} could be read.");
    }
    words.trim().to_owned()
}
