//! What is left of a drug after its stop: orders that go on, are drafted, or start later.
//!
//! A drug goes on only by positive evidence: an order that has ended, or that starts long after now, is none.
//! It judges nothing.

use super::DAY;
use crate::clinical::knowledge::{Kind, Withdrawal};
use crate::clinical::record::{Order, OrderStatus, PatientRecord, Role};
use crate::clinical::vocabulary::Site;
use crate::clinical::when::{Placed, When};

/// Orders of one drug that are left (indices into `orders`).
#[derive(Default)]
pub(super) struct Left {
    /// Drafted or started near now.
    pub(super) new: Vec<usize>,
    /// Active before.
    pub(super) old: Vec<usize>,
    /// Drafted or active, and starting too late to take the place of what is stopped.
    pub(super) later: Vec<usize>,
}

pub(super) fn left(
    record: &PatientRecord,
    ours: &[usize],
    stopping: &[usize],
    withdrawal: &Withdrawal,
    now: i64,
) -> Left {
    let stopped_began = stopping.iter().filter_map(|&i| began(&record.orders[i])).min();
    let graft = has_graft(record, withdrawal);
    let mut left = Left::default();
    for &index in ours {
        let order = &record.orders[index];
        let alive = order.role == Role::Draft && order.status != OrderStatus::Void
            || order.role == Role::Recorded
                && order.status == OrderStatus::Active
                && !has_ended(order, now)
                && !is_superseded(order, stopped_began, withdrawal);
        if !alive || !is_cover(order, graft) {
            continue;
        }
        let of = if starts_later(order, withdrawal.switch_after, now) {
            &mut left.later
        } else if order.role == Role::Draft
            || starts_near(order, withdrawal.switch_before, withdrawal.switch_after, now)
        {
            &mut left.new
        } else {
            &mut left.old
        };
        of.push(index);
    }
    left
}

/// Whether an order can be cover: it is not for local use. With a transplanted organ more is asked of one whose
/// site nothing tells: a dose in mg, which drops and ointments do not have.
pub(in crate::clinical) fn is_cover(order: &Order, graft: bool) -> bool {
    match order.site {
        Some(Site::Systemic) => true,
        Some(Site::Local) => false,
        None => !graft || order.dose.daily().is_some(),
    }
}

/// Whether the record names a transplanted organ anywhere.
pub(in crate::clinical) fn has_graft(record: &PatientRecord, withdrawal: &Withdrawal) -> bool {
    let transplants = || {
        withdrawal
            .indications
            .iter()
            .filter(|i| i.kind == Kind::Transplant)
    };
    let conditions = record
        .conditions
        .iter()
        .filter(|c| !c.refuted)
        .flat_map(|c| &c.groups);
    let reasons = record
        .orders
        .iter()
        .flat_map(|o| &o.reasons)
        .map(|(group, _)| group);
    conditions
        .chain(reasons)
        .any(|group| transplants().any(|i| i.evidence.contains(group)))
        || record
            .procedures
            .iter()
            .flat_map(|p| &p.groups)
            .any(|group| transplants().any(|i| i.procedures.contains(group)))
}

/// When an order began, as far as it says.
pub(in crate::clinical) fn began(order: &Order) -> Option<When> {
    order.starts.or(order.authored)
}

/// Whether an active order was never closed when a later one, that is stopped now, took its place.
pub(in crate::clinical) fn is_superseded(
    order: &Order,
    stopped_began: Option<When>,
    withdrawal: &Withdrawal,
) -> bool {
    let days = i64::from(withdrawal.superseded_after) * DAY;
    let earlier = began(order)
        .zip(stopped_began)
        .is_some_and(|(own, stopped)| own.latest() + days < stopped.earliest());
    earlier && order.ends.is_none()
}

/// Whether an order has run out.
pub(in crate::clinical) fn has_ended(order: &Order, now: i64) -> bool {
    order.ends.is_some_and(|w| w.latest() < now)
}

/// Whether an order says that it starts more than so many days after now, or may mean it.
pub(in crate::clinical) fn starts_later(order: &Order, after: u32, now: i64) -> bool {
    let to = now + i64::from(after) * DAY;
    order.starts.is_some_and(|w| w.latest() > to)
}

/// Whether an order starts between so many days before and after now; without a start it was written then.
pub(crate) fn starts_near(order: &Order, before: u32, after: u32, now: i64) -> bool {
    let from = now - i64::from(before) * DAY;
    let to = now + i64::from(after) * DAY;
    began(order).is_some_and(|w| w.between(from, to) == Placed::Inside)
}
