//! The course on one time axis: doses, results, other drugs, stops, and a plan.
//!
//! Turns orders and results of the record into what [`crate::pages::chart`] draws and into the tables under it.
//! Which results have a panel follows from the tables: the drug's level, the first checks of the indication, and
//! what some row of it has a threshold for; whatever else was measured is a table. Levels that are no troughs never share a panel with troughs.

use super::planner::Plan;
use super::query::Query;
use super::units::{self, Shown};
use super::{Case, shown};
use crate::clinical::compose::text;
use crate::clinical::judge::{Judgement, Verdict};
use crate::clinical::knowledge::{Form, Test};
use crate::clinical::record::{Bound, Dose, Drug, LabResult, Order, OrderStatus, Role, Value};
use crate::clinical::signal::Signals;
use crate::clinical::vocabulary::{AnalyteId, LevelTiming, Site};
use crate::clinical::when::When;
use crate::pages::chart::{Bar, DoseStep, Doses, Event, Lane, Point, Series, Timeline};
use crate::smart::reading::{Sense, is_of};
use jiff::ToSpan;
use jiff::civil::Date;
use rust_decimal::Decimal;
use rust_decimal::prelude::ToPrimitive;
use std::collections::BTreeMap;

/// Most lanes of other drugs.
const MOST_LANES: usize = 12;

/// What is drawn, and the values behind it.
pub(super) struct Drawn {
    pub(super) timeline: Timeline,
    pub(super) tables: Vec<Table>,
}

/// The values of one series, newest first.
pub(super) struct Table {
    pub(super) name: String,
    pub(super) unit: String,
    pub(super) range: String,
    /// Day, value, flag, as recorded, source.
    pub(super) rows: Vec<[String; 5]>,
}

/// The course.
pub(super) fn timeline(
    case: &Case<'_, '_>,
    judgement: &Judgement<'_>,
    signals: &Signals<'_>,
    sense: Sense,
    plan: Option<&Plan>,
    query: &Query,
) -> Drawn {
    let thresholds = thresholds(case, judgement, signals);
    let mut timeline = Timeline {
        doses: doses(case, plan),
        lanes: lanes(case),
        events: events(case, sense),
        until: plan.map_or(case.today, |plan| plan.end.max(case.today)),
        ..Timeline::until(case.today)
    };
    let mut tables = Vec::new();
    let checked: Vec<AnalyteId> = case
        .withdrawal
        .level
        .into_iter()
        .chain(checks(judgement))
        .collect();
    for (analyte, timing, results) in groups(case, &checked) {
        let unit = units::shown(
            case.knowledge.vocabulary.analyte(analyte),
            &results,
            query.recorded(),
        );
        let tests: Vec<_> = thresholds
            .iter()
            .filter(|(of, _)| *of == analyte)
            .map(|(_, test)| *test)
            .collect();
        // A rule that asks for a trough says nothing about another level.
        let tests = if timing == LevelTiming::NotTrough {
            Vec::new()
        } else {
            tests
        };
        let series = series(case, (analyte, timing), &results, &unit, &tests);
        tables.push(table(&series, &results));
        if tests.is_empty() && !checked.contains(&analyte) {
            continue;
        }
        timeline.series.push(series);
    }
    Drawn { timeline, tables }
}

/// What the indication's first checks look at.
fn checks(judgement: &Judgement<'_>) -> Vec<AnalyteId> {
    match &judgement.verdict {
        Verdict::Finding(finding) => finding
            .indication
            .checks
            .iter()
            .map(|check| check.analyte)
            .collect(),
        Verdict::Silent { .. } => Vec::new(),
    }
}

type Group<'r> = (AnalyteId, LevelTiming, Vec<&'r LabResult>);

/// Results with numbers and dates, grouped and in the order of their panels, oldest first.
fn groups<'r>(case: &Case<'_, 'r>, checked: &[AnalyteId]) -> Vec<Group<'r>> {
    let vocabulary = &case.knowledge.vocabulary;
    let rank = |analyte: AnalyteId| {
        let known = checked.iter().position(|check| *check == analyte);
        (known.unwrap_or(checked.len()), analyte.0)
    };
    let mut groups: BTreeMap<_, Group<'r>> = BTreeMap::new();
    for result in &case.record.results {
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

fn series(
    case: &Case<'_, '_>,
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
    Some(Point {
        day: When::date_of(result.when?.earliest()),
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
fn thresholds<'k>(
    case: &Case<'k, '_>,
    judgement: &Judgement<'_>,
    signals: &Signals<'_>,
) -> Vec<(AnalyteId, &'k Test)> {
    let mut leaves = Vec::new();
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

fn table(series: &Series, results: &[&LabResult]) -> Table {
    let recorded = |result: &LabResult| match &result.value {
        Value::Number(number) => number.as_recorded.as_deref().unwrap_or_default().to_owned(),
        Value::Coded(..) | Value::Unusable(_) => String::new(),
    };
    let row = |(point, result): (&Point, &&LabResult)| {
        [
            shown(point.day),
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

/// Doses of the drug as steps: between any two changes, the sum of what is ordered.
fn doses(case: &Case<'_, '_>, plan: Option<&Plan>) -> Option<Doses> {
    let spans = spans(case);
    let mut days: Vec<Date> = spans.iter().flat_map(|span| [span.0, next(span.1)]).collect();
    days.sort_unstable();
    days.dedup();
    let mut steps: Vec<DoseStep> = Vec::new();
    for pair in days.windows(2) {
        let (from, to) = (pair[0], pair[1].yesterday().unwrap_or(pair[1]));
        let doses = spans.iter().filter(|span| span.0 <= from && span.1 >= to);
        let daily: Decimal = doses.map(|span| span.2).sum();
        if daily.is_zero() {
            continue;
        }
        step(&mut steps, from, to, daily, false);
    }
    if let (Some(plan), Some(last)) = (plan, steps.last_mut()) {
        // The present dose goes on until the plan begins.
        last.to = last.to.max(plan.start);
        for row in &plan.steps {
            step(&mut steps, row.from, next(row.to), row.amount, true);
        }
    }
    (!steps.is_empty()).then(|| Doses {
        name: capital(
            &case
                .knowledge
                .vocabulary
                .ingredient(case.withdrawal.ingredient)
                .name,
        ),
        unit: "mg a day".to_owned(),
        steps,
    })
}

fn step(steps: &mut Vec<DoseStep>, from: Date, to: Date, daily: Decimal, planned: bool) {
    let amount = daily.to_f64().unwrap_or_default();
    match steps.last_mut() {
        Some(last) if !planned && last.shown == text::number(daily) && next(last.to) >= from => last.to = to,
        _ => steps.push(DoseStep {
            from,
            to,
            amount,
            shown: text::number(daily),
            planned,
        }),
    }
}

fn next(day: Date) -> Date {
    day.tomorrow().unwrap_or(day)
}

/// First day, last day and daily dose of each order of the drug. One that was never closed ends where the next
/// begins, or where a later one has long taken its place.
fn spans(case: &Case<'_, '_>) -> Vec<(Date, Date, Decimal)> {
    let mut orders: Vec<(Date, &Order)> = case
        .record
        .orders
        .iter()
        .filter(|order| is_of(order, case.knowledge, case.withdrawal) && is_past(order))
        .filter_map(|order| Some((begins(order)?, order)))
        .collect();
    orders.sort_by_key(|(from, _)| *from);
    let place = |at: usize| {
        let (from, order) = orders[at];
        let later = orders[at + 1..]
            .iter()
            .map(|(from, _)| *from)
            .find(|later| *later > from);
        let superseded = later.filter(|later| {
            let far = from.checked_add(i64::from(case.withdrawal.superseded_after).days());
            order.status != OrderStatus::Active && order.role != Role::Stopping
                || far.is_ok_and(|far| *later > far)
        });
        let superseded = superseded.and_then(|day| day.yesterday().ok());
        let to = ends(order, case)
            .or(superseded)
            .unwrap_or(case.today)
            .min(case.today);
        Some((from, to, order.dose.daily()?)).filter(|(from, to, _)| from <= to)
    };
    (0..orders.len()).filter_map(place).collect()
}

fn is_past(order: &Order) -> bool {
    order.role != Role::Draft && !matches!(order.status, OrderStatus::EnteredInError | OrderStatus::Draft)
}

fn begins(order: &Order) -> Option<Date> {
    order
        .starts
        .or(order.authored)
        .map(|when| When::date_of(when.earliest()))
}

/// The last day of an order, where it says so; one that is only about to be stopped goes on until today.
fn ends(order: &Order, case: &Case<'_, '_>) -> Option<Date> {
    let ended = order
        .stopped
        .filter(|_| order.role != Role::Stopping || order.status != OrderStatus::Active);
    let day = ended.or(order.ends).map(|when| When::date_of(when.latest()));
    day.map(|day| day.min(case.today))
}

/// Every other drug that the tables know, by name.
fn lanes(case: &Case<'_, '_>) -> Vec<Lane> {
    let vocabulary = &case.knowledge.vocabulary;
    let mut lanes: BTreeMap<&str, Vec<Bar>> = BTreeMap::new();
    for order in &case.record.orders {
        let Drug::Known { ingredient, .. } = order.drug else {
            continue;
        };
        let other = !vocabulary.same_family(ingredient, case.withdrawal.ingredient);
        if !other || !is_past(order) || order.site == Some(Site::Local) {
            continue;
        }
        if let Some(from) = begins(order) {
            let name: &str = &vocabulary.ingredient(ingredient).name;
            lanes.entry(name).or_default().push(bar(order, name, from, case));
        }
    }
    let lanes = lanes.into_iter().map(|(name, bars)| Lane {
        name: capital(name),
        bars,
    });
    lanes.take(MOST_LANES).collect()
}

fn bar(order: &Order, name: &str, from: Date, case: &Case<'_, '_>) -> Bar {
    let goes_on = order.status == OrderStatus::Active && order.role != Role::Stopping;
    let known = ends(order, case);
    let to = if goes_on {
        known.filter(|day| *day < case.today)
    } else {
        Some(known.unwrap_or(case.today))
    };
    let dose = match &order.dose {
        Dose::PerDay(_) => format!(" {}", super::stop::day(&order.dose)),
        Dose::Unknown => String::new(),
    };
    let until = to.map_or("now".to_owned(), shown);
    Bar {
        from,
        to,
        title: format!("{}{dose}, {} to {until}", capital(name), shown(from)),
    }
}

/// Stops of the drug, and the one that the page is about.
fn events(case: &Case<'_, '_>, sense: Sense) -> Vec<Event> {
    let drug = &case
        .knowledge
        .vocabulary
        .ingredient(case.withdrawal.ingredient)
        .name;
    let ended = |order: &&Order| {
        matches!(
            order.status,
            OrderStatus::Stopped | OrderStatus::Cancelled | OrderStatus::OnHold
        ) && (order.role == Role::Recorded || sense == Sense::Lately)
    };
    let orders = case
        .record
        .orders
        .iter()
        .filter(|order| is_of(order, case.knowledge, case.withdrawal));
    let mut events: Vec<Event> = orders
        .filter(ended)
        .filter_map(|order| order.stopped)
        .map(|when| When::date_of(when.latest()))
        .filter(|day| *day <= case.today)
        .map(|day| Event {
            day,
            label: format!("{drug} stopped"),
        })
        .collect();
    events.sort_by_key(|event| event.day);
    events.dedup_by_key(|event| event.day);
    if sense == Sense::Card {
        events.push(Event {
            day: case.today,
            label: format!("{drug} to be stopped"),
        });
    }
    events
}

/// With a capital, unless the second letter is one already.
fn capital(name: &str) -> String {
    if name.chars().nth(1).is_some_and(char::is_uppercase) {
        return name.to_owned();
    }
    let mut letters = name.chars();
    letters.next().map_or(String::new(), |first| {
        first.to_uppercase().chain(letters).collect()
    })
}
