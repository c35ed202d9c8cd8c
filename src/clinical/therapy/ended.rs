//! A therapy that ended before the hook: what the record's orders say when nothing is being stopped.
//!
//! Turns orders that are over into a [`Therapy`] that has its date of stop. A drug that goes on, or that
//! another drug of the table's `continued-by` replaces, has not ended. Follows section 1 of the contract
//! ("When was it stopped?"). It judges nothing.

use super::left::left;
use super::{End, Therapy, has_ended, ours, starts_later, starts_near};
use crate::clinical::knowledge::{DrugSet, Knowledge, Withdrawal};
use crate::clinical::record::{Drug, Order, OrderStatus, PatientRecord, Role};
use crate::clinical::vocabulary::Site;
use crate::clinical::when::{DAY, Placed, When};

impl Therapy {
    /// The therapy that ended at most so many days ago, or at a time that no order says. `None` if the drug
    /// goes on, or one of `continued_by` does, or if none ended since then.
    pub fn ended(
        record: &PatientRecord,
        knowledge: &Knowledge,
        withdrawal: &Withdrawal,
        continued_by: &DrugSet,
        within: u32,
        now: i64,
    ) -> Option<Therapy> {
        let ours = ours(record, knowledge, withdrawal);
        let over: Vec<usize> = ours
            .iter()
            .copied()
            .filter(|&i| {
                let order = &record.orders[i];
                order.site != Some(Site::Local) && is_over(order, now)
            })
            .collect();
        let (end, named) = last(record, &over, within, now)?;
        // An order that only perhaps goes on is no reason not to look.
        let (left, _) = left(record, &ours, &named, withdrawal, now);
        let replaced = record
            .orders
            .iter()
            .enumerate()
            .any(|(i, order)| continues(order, ours.contains(&i), continued_by, withdrawal, now));
        if !left.is_empty() || replaced {
            return None;
        }
        Some(Therapy {
            end,
            held: false,
            restart: None,
            ..Therapy::ending(record, knowledge, withdrawal, &ours, named, now)
        })
    }
}

/// Whether an order of the record is over: stopped, held, run out, or dated as ended.
fn is_over(order: &Order, now: i64) -> bool {
    match (order.role, order.status) {
        (Role::Draft | Role::Stopping, _) | (_, OrderStatus::Void | OrderStatus::Draft) => false,
        // Without a date it is an order that ran its course at some time, and no stop.
        (Role::Recorded, OrderStatus::Completed) => order.stopped.is_some(),
        (Role::Recorded, OrderStatus::Active) => has_ended(order, now) || order.unread.end,
        (Role::Recorded, _) => true,
    }
}

/// When an order that is over ended.
fn end_of(order: &Order) -> Option<When> {
    order.stopped.or(match order.status {
        OrderStatus::Active => order.ends,
        _ => None,
    })
}

/// The end that counts, with the orders that ended then; those without a date only where none is dated.
fn last(record: &PatientRecord, over: &[usize], within: u32, now: i64) -> Option<(End, Vec<usize>)> {
    let dated = over.iter().filter_map(|&i| Some((end_of(&record.orders[i])?, i)));
    let latest = dated
        .clone()
        .map(|(when, _)| when)
        .max_by_key(|when| when.latest());
    if let Some(latest) = latest.filter(|when| when.within(within, now) != Placed::Outside) {
        // Orders that ended within a day of each other were one therapy (a capsule of 5 mg and one of 1 mg).
        let together = dated.filter(|(when, _)| when.latest() + DAY >= latest.earliest());
        // Results cannot be laid before or after a year.
        let end = if latest.is_a_year() {
            End::Unknown
        } else {
            End::On(latest)
        };
        return Some((end, together.map(|(_, i)| i).collect()));
    }
    let undated: Vec<usize> = over
        .iter()
        .copied()
        .filter(|&i| end_of(&record.orders[i]).is_none())
        .filter(|&i| may_follow(&record.orders[i], latest))
        .collect();
    (!undated.is_empty()).then_some((End::Unknown, undated))
}

/// Whether an order without an end may have ended after a date: not if it was written before it.
fn may_follow(order: &Order, date: Option<When>) -> bool {
    let began = order.starts.or(order.authored);
    date.zip(began)
        .is_none_or(|(date, began)| began.latest() >= date.earliest())
}

/// Whether an order means that the drug, or what replaces it, goes on. Of active orders of the drug itself
/// `left` has told, which knows those that nobody closed.
fn continues(order: &Order, own: bool, set: &DrugSet, withdrawal: &Withdrawal, now: i64) -> bool {
    let meant = own
        || matches!(order.drug, Drug::Known { ingredient, .. }
            if set.ingredients.binary_search(&ingredient).is_ok());
    let alive = match (order.role, order.status) {
        (Role::Draft, status) => {
            status != OrderStatus::Void && !starts_later(order, withdrawal.switch_after, now)
        }
        (Role::Recorded, OrderStatus::Draft) => {
            starts_near(order, withdrawal.switch_before, withdrawal.switch_after, now)
        }
        (Role::Recorded, OrderStatus::Active) => {
            !own && !has_ended(order, now) && !starts_later(order, withdrawal.switch_after, now)
        }
        (Role::Recorded | Role::Stopping, _) => false,
    };
    meant && alive && order.site != Some(Site::Local)
}
