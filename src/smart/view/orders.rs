//! Orders over time: doses of the drug as steps, other drugs as lanes, and where something ended.
//!
//! Turns the orders of the record, and a plan, into what [`crate::pages::chart`] draws. Between any two changes the
//! dose is the sum of what is ordered then; an order that was never closed ends where a later one has taken its
//! place.

use super::planner::Plan;
use super::{Case, capital, shown};
use crate::clinical::compose::text;
use crate::clinical::record::{Dose, Drug, Order, OrderStatus, Role};
use crate::clinical::vocabulary::Site;
use crate::clinical::when::When;
use crate::pages::chart::{Bar, DoseStep, Doses, Event, Lane};
use crate::smart::reading::{Sense, is_of};
use jiff::ToSpan;
use jiff::civil::Date;
use rust_decimal::Decimal;
use rust_decimal::prelude::ToPrimitive;
use std::collections::BTreeMap;

/// Most lanes of other drugs.
const MOST_LANES: usize = 12;

/// Doses of the drug as steps: between any two changes, the sum of what is ordered.
pub(super) fn doses(case: &Case<'_>, plan: Option<&Plan>) -> Option<Doses> {
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
fn spans(case: &Case<'_>) -> Vec<(Date, Date, Decimal)> {
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
    order.role != Role::Draft && !matches!(order.status, OrderStatus::Void | OrderStatus::Draft)
}

fn begins(order: &Order) -> Option<Date> {
    order
        .starts
        .or(order.authored)
        .map(|when| When::date_of(when.earliest()))
}

/// The last day of an order, where it says so; one that is only about to be stopped goes on until today.
fn ends(order: &Order, case: &Case<'_>) -> Option<Date> {
    let ended = order
        .stopped
        .filter(|_| order.role != Role::Stopping || order.status != OrderStatus::Active);
    let day = ended.or(order.ends).map(|when| When::date_of(when.latest()));
    day.map(|day| day.min(case.today))
}

/// Every other drug that the tables know, by name.
pub(super) fn lanes(case: &Case<'_>) -> Vec<Lane> {
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

fn bar(order: &Order, name: &str, from: Date, case: &Case<'_>) -> Bar {
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
pub(super) fn events(case: &Case<'_>, sense: Sense) -> Vec<Event> {
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
