//! What is left of a drug after its stop: orders that go on, are drafted, or start later.
//!
//! A drug goes on only by positive evidence: an order that has ended, or that starts long after now, is none; one of
//! which a date that would tell cannot be read goes on perhaps. It judges nothing.

use crate::clinical::knowledge::{Kind, Withdrawal};
use crate::clinical::record::{Order, OrderStatus, PatientRecord, Role};
use crate::clinical::vocabulary::Site;
use crate::clinical::when::{DAY, Placed, When};

/// Orders of one drug that are left (indices into `orders`).
#[derive(Default)]
pub struct Left {
    /// Drafted or started near now.
    pub new: Vec<usize>,
    /// Active before.
    pub old: Vec<usize>,
    /// Drafted or active, and starting too late to take the place of what is stopped.
    pub later: Vec<usize>,
}

impl Left {
    /// Whether none is left that could take the place of what is stopped.
    pub fn is_empty(&self) -> bool {
        self.old.is_empty() && self.new.is_empty()
    }
}

/// The orders that are left for certain, and those that are perhaps left.
pub(super) fn left(
    record: &PatientRecord,
    ours: &[usize],
    stopping: &[usize],
    withdrawal: &Withdrawal,
    now: i64,
) -> (Left, Left) {
    let beginning = Beginning::of(stopping.iter().map(|&i| &record.orders[i]));
    let graft = has_graft(record, withdrawal);
    let (mut sure, mut perhaps) = (Left::default(), Left::default());
    for &index in ours {
        let order = &record.orders[index];
        let used = match order.role {
            Role::Draft if order.status != OrderStatus::Void => Use::Sure,
            Role::Recorded if order.status == OrderStatus::Active && !stopping.contains(&index) => {
                let used = in_use(order, beginning, withdrawal, now);
                used.min(if record.may_stop(order) {
                    Use::Perhaps
                } else {
                    Use::Sure
                })
            }
            Role::Draft | Role::Recorded | Role::Stopping => Use::Over,
        };
        let left = match used {
            Use::Sure => &mut sure,
            Use::Perhaps => &mut perhaps,
            Use::Over => continue,
        };
        if !is_cover(order, graft) {
            continue;
        }
        let near = || starts_near(order, withdrawal.switch_before, withdrawal.switch_after, now);
        let of = if starts_later(order, withdrawal.switch_after, now) {
            &mut left.later
        } else if order.role == Role::Draft || near() {
            &mut left.new
        } else {
            &mut left.old
        };
        of.push(index);
    }
    (sure, perhaps)
}

/// Whether an active order of the record is still taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(in crate::clinical) enum Use {
    /// It has run out, or a later one took its place.
    Over,
    /// A date that would tell is missing or cannot be read.
    Perhaps,
    /// For certain.
    Sure,
}

/// When orders that stop began.
#[derive(Clone, Copy)]
pub(in crate::clinical) struct Beginning {
    first: Option<When>,
    unsure: bool,
    /// No order stops of which it is asked.
    none: bool,
}

impl Beginning {
    pub(in crate::clinical) fn of<'o>(orders: impl Iterator<Item = &'o Order> + Clone) -> Self {
        Beginning {
            none: orders.clone().next().is_none(),
            unsure: orders.clone().any(|order| order.unread.start),
            first: orders.filter_map(began).min(),
        }
    }
}

/// Whether an active order is taken beside, or after, one that is stopped.
pub(in crate::clinical) fn in_use(
    order: &Order,
    stopped: Beginning,
    withdrawal: &Withdrawal,
    now: i64,
) -> Use {
    if has_ended(order, now) || is_superseded(order, stopped.first, withdrawal) {
        return Use::Over;
    }
    let ends_about_now = |end: When| end.is_partial() && end.earliest() <= now;
    if order.unread.end || order.ends.is_some_and(ends_about_now) {
        return Use::Perhaps;
    }
    if order.ends.is_some() || stopped.none {
        return Use::Sure;
    }
    // Without an end it may have been left open when a later one took its place.
    let days = i64::from(withdrawal.superseded_after) * DAY;
    let own = began(order).filter(|_| !order.unread.start);
    let is_young = own.is_some_and(|own| own.earliest() + days >= now);
    let tells = match (own, stopped.first.filter(|_| !stopped.unsure)) {
        (Some(own), Some(stopped)) => {
            !(own.is_partial() || stopped.is_partial()) || own.earliest() + days >= stopped.latest()
        }
        (None, _) | (_, None) => false,
    };
    if is_young || tells {
        Use::Sure
    } else {
        Use::Perhaps
    }
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
fn is_superseded(order: &Order, stopped_began: Option<When>, withdrawal: &Withdrawal) -> bool {
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
