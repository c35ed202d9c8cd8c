//! Whether the cases try every row, and every threshold on both sides.
//!
//! Turns the cases that ran into the list of what none of them tries. A threshold is tried on a side if
//! the signal was answered so in a case whose value lies within a tenth of it.

use super::needs::signals_in_use;
use crate::clinical::gap::Truth;
use crate::clinical::knowledge::{Form, Knowledge, Shift, Signal, SignalId, Test, Watched, Withdrawal};
use crate::clinical::record::{Bound, LabResult, Order, PatientRecord, Role, Value};
use crate::clinical::signal::ages;
use crate::clinical::vocabulary::AnalyteId;
use jiff::Timestamp;
use rust_decimal::Decimal;
use std::collections::{BTreeMap, BTreeSet};

/// Seconds of a month: a twelfth of 365.25 days.
const MONTH: i64 = 2_629_800;

/// What the cases have tried so far.
#[derive(Default)]
pub(super) struct Coverage {
    rows: BTreeSet<String>,
    signals: BTreeMap<SignalId, Tried>,
}

/// On which sides a signal was tried.
#[derive(Clone, Copy, Default)]
struct Tried {
    held: Side,
    failed: Side,
}

/// How near to the threshold.
#[derive(Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord)]
enum Side {
    #[default]
    Never,
    Far,
    Near,
}

/// Names of all rows of a withdrawal: `drug/table/row`.
pub(super) fn rows(withdrawal: &Withdrawal) -> Vec<String> {
    let key = &withdrawal.key;
    withdrawal
        .rows()
        .map(|(table, row)| format!("{key}/{table}/{row}"))
        .collect()
}

impl Coverage {
    /// Notes that a case expects a row.
    pub(super) fn expects(&mut self, row: String) {
        self.rows.insert(row);
    }

    /// Notes the answers of a case.
    pub(super) fn answers(
        &mut self,
        signals: &[(SignalId, Truth)],
        record: &PatientRecord,
        now: Timestamp,
        knowledge: &Knowledge,
    ) {
        for &(id, truth) in signals {
            let near = if is_near(knowledge.signal(id), record, now) {
                Side::Near
            } else {
                Side::Far
            };
            let tried = self.signals.entry(id).or_default();
            match truth {
                Truth::True => tried.held = tried.held.max(near),
                Truth::False => tried.failed = tried.failed.max(near),
                Truth::Unknown | Truth::Unreadable => {}
            }
        }
    }

    /// What no case tries.
    pub(super) fn missing(&self, knowledge: &Knowledge) -> Vec<String> {
        let mut missing = Vec::new();
        let mut in_use = BTreeSet::new();
        for withdrawal in &knowledge.withdrawals {
            let untried = rows(withdrawal)
                .into_iter()
                .filter(|row| !self.rows.contains(row));
            missing.extend(untried.map(|row| format!("{row}: no case expects this row")));
            in_use.extend(signals_in_use(withdrawal, &knowledge.agents, &knowledge.signals));
        }
        for id in in_use
            .into_iter()
            .filter(|id| has_threshold(knowledge.signal(*id)))
        {
            let (tried, name) = (
                self.signals.get(&id).copied().unwrap_or_default(),
                &knowledge.signal(id).name,
            );
            for (side, word) in [(tried.held, "true"), (tried.failed, "false")] {
                match side {
                    Side::Never => missing.push(format!("signal {name}: it is {word} in no case")),
                    Side::Far => missing.push(format!(
                        "signal {name}: no case makes it {word} within a tenth of the threshold"
                    )),
                    Side::Near => {}
                }
            }
        }
        missing
    }
}

fn has_threshold(signal: &Signal) -> bool {
    match &signal.form {
        Form::Latest { test, .. } => {
            !matches!(test, Test::Is(_) | Test::BelowLowerLimit | Test::WithinLowerLimit)
        }
        // A limit of the laboratory's own that is not a multiple is no number of the table.
        Form::Watched(of) => of.by.is_some() || !matches!(of.test, Some(Test::BelowLowerLimit | Test::Is(_))),
        Form::Change { .. }
        | Form::Age { .. }
        | Form::SinceStart { .. }
        | Form::Exposure { .. }
        | Form::SupplyEnded(_) => true,
        _ => false,
    }
}

/// Whether a value of the record lies within a tenth of the threshold.
fn is_near(signal: &Signal, record: &PatientRecord, now: Timestamp) -> bool {
    match &signal.form {
        Form::Latest { analyte, test, .. } => of(record, *analyte)
            .filter_map(|result| Some((number(result)?, limit(test, result)?)))
            .any(|(value, limit)| within_a_tenth(value, limit)),
        Form::Change { analyte, by, .. } => change_is_near(record, *analyte, by),
        Form::Watched(watched) => watched_is_near(watched, record),
        Form::Age { at_least, below } => {
            let age = record.person.birth.map(|birth| ages(birth, now.as_second()).0);
            age.is_some_and(|age| counted_is_near(age, *at_least) || counted_is_near(age, *below))
        }
        Form::SinceStart { at_least, below } => months(record, now)
            .any(|months| counted_is_near(months, *at_least) || counted_is_near(months, *below)),
        Form::Exposure { daily, days, .. } => stops(record).any(|order| {
            let ran = order
                .starts
                .or(order.authored)
                .map(|start| start.days_ago(now.as_second()));
            let dose = order.dose.daily();
            ran.is_some_and(|ran| within_a_tenth(Decimal::from(ran), Decimal::from(*days)))
                || dose.is_some_and(|dose| within_a_tenth(dose, *daily))
        }),
        Form::SupplyEnded(days) => {
            let ends = record.supplies.iter().filter_map(|supply| supply.until);
            ends.map(|end| Decimal::from(end.days_ago(now.as_second())))
                .any(|ago| within_a_tenth(ago, Decimal::from(*days)))
        }
        _ => false,
    }
}

/// Any of the numbers that the sign compares: those of its test, of its change, and of its baseline.
fn watched_is_near(watched: &Watched, record: &PatientRecord) -> bool {
    let near = |test: &Test| {
        of(record, watched.analyte)
            .filter_map(|result| Some((number(result)?, limit(test, result)?)))
            .any(|(value, limit)| within_a_tenth(value, limit))
    };
    watched.test.iter().chain(&watched.baseline).any(near)
        || watched
            .by
            .as_ref()
            .is_some_and(|by| change_is_near(record, watched.analyte, by))
}

fn of(record: &PatientRecord, analyte: AnalyteId) -> impl Iterator<Item = &LabResult> {
    record
        .results
        .iter()
        .filter(move |result| result.analyte == analyte)
}

fn number(result: &LabResult) -> Option<Decimal> {
    match &result.value {
        Value::Number(number) if number.bound == Bound::Exact => Some(number.value),
        Value::Number(_) | Value::Coded(..) | Value::Unusable(_) => None,
    }
}

fn limit(test: &Test, result: &LabResult) -> Option<Decimal> {
    match test {
        Test::AtLeast(limit) | Test::Above(limit) | Test::AtMost(limit) | Test::Below(limit) => Some(*limit),
        Test::AtLeastUpperLimit(times) | Test::AboveUpperLimit(times) | Test::WithinUpperLimit(times) => {
            result.range.1?.checked_mul(*times)
        }
        Test::BelowLowerLimit | Test::WithinLowerLimit | Test::Is(_) => None,
    }
}

fn within_a_tenth(value: Decimal, limit: Decimal) -> bool {
    (value - limit).abs() * Decimal::TEN <= limit.abs()
}

/// The newest result against the threshold that any earlier one sets.
fn change_is_near(record: &PatientRecord, analyte: AnalyteId, by: &Shift) -> bool {
    let newest = of(record, analyte).max_by_key(|result| result.when.map(|when| when.latest()));
    let Some((newest, value)) = newest.and_then(|newest| Some((newest, number(newest)?))) else {
        return false;
    };
    let earlier = of(record, analyte)
        .filter(|result| result.when < newest.when)
        .filter_map(number);
    let hundred = Decimal::ONE_HUNDRED;
    let threshold = |baseline: Decimal| match by {
        Shift::RisePercent(percent) => baseline * (hundred + percent) / hundred,
        Shift::FallPercent(percent) => baseline * (hundred - percent) / hundred,
        Shift::RiseBy(amount) | Shift::RiseAbove(amount) => baseline + amount,
        Shift::FallBy(amount) => baseline - amount,
        Shift::Times(times) => baseline * times,
    };
    earlier
        .map(threshold)
        .any(|threshold| within_a_tenth(value, threshold))
}

/// Orders that the hook stops.
fn stops(record: &PatientRecord) -> impl Iterator<Item = &Order> {
    record.orders.iter().filter(|order| order.role == Role::Stopping)
}

/// Months since each of the orders that stop began.
fn months(record: &PatientRecord, now: Timestamp) -> impl Iterator<Item = i64> {
    stops(record)
        .filter_map(move |order| Some((now.as_second() - order.starts.or(order.authored)?.latest()) / MONTH))
}

/// Whole years or months: within a tenth, or the very next one.
fn counted_is_near(value: i64, limit: Option<u16>) -> bool {
    limit.is_some_and(|limit| {
        let limit = i64::from(limit);
        (value - limit).abs() <= (limit / 10).max(1)
    })
}
