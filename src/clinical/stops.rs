//! What has ended, at a hook that names no order.
//!
//! Turns a record into the same record in which every reviewed drug that fell off is marked as being stopped,
//! so that all that follows gives the advice that it gives where a hook names the order. A drug fell off if
//! its orders were stopped, held or ran out lately, or end with the stay, and nothing active or drafted
//! continues it; where the client announces a stop, what continues is left to the gates. It never judges.
//! Follows section 1 of the outside contract.

use super::knowledge::{Knowledge, Withdrawal};
use super::occasion::Occasion;
use super::record::{Drug, Order, OrderStatus, PatientRecord, Role};
use super::therapy::{Beginning, Use, began, has_ended, has_graft, in_use, is_cover, starts_later};
use super::vocabulary::{IngredientId, Site};
use super::when::{DAY, When};

/// Marks the orders that ended as being stopped. Does nothing at a hook that names its orders.
pub fn mark(record: &mut PatientRecord, knowledge: &Knowledge, now: i64) {
    if !record.occasion.looks_for_ended() {
        return;
    }
    let Some(days) = knowledge.stopped_within(record.occasion) else {
        return;
    };
    let look = Look {
        since: now - i64::from(days) * DAY,
        now,
        leaves: record.occasion == Occasion::Discharge,
    };
    look.take_up_drafts(record);
    for withdrawal in &knowledge.withdrawals {
        let ours = family(record, knowledge, withdrawal.ingredient);
        let Some((end, orders)) = look.last(record, &ours) else {
            continue;
        };
        if look.leaves && look.continued(record, &ours, &orders, Some(withdrawal)) {
            continue;
        }
        look.end_all(record, &orders);
        for ingredient in &withdrawal.companions.ingredients {
            look.companion(record, &family(record, knowledge, *ingredient), end);
        }
    }
    look.unreadable(record);
}

/// When an order ended.
#[derive(Clone, Copy)]
enum End {
    /// No order says.
    Undated,
    /// Between these two instants.
    Between(i64, i64),
}

impl From<When> for End {
    fn from(when: When) -> Self {
        End::Between(when.earliest(), when.latest())
    }
}

/// What is looked for.
struct Look {
    /// Orders that ended earlier are no longer reviewed.
    since: i64,
    now: i64,
    /// Orders for the stay end now.
    leaves: bool,
}

impl Look {
    /// A draft in the record that is not older than what is looked for is one of this session.
    fn take_up_drafts(&self, record: &mut PatientRecord) {
        for order in &mut record.orders {
            let pending = order.role == Role::Recorded && order.status == OrderStatus::Draft;
            let recent = began(order).is_none_or(|when| when.latest() >= self.since);
            if pending && recent && !self.ends_now(order) {
                order.role = Role::Draft;
            }
        }
    }

    fn ends_now(&self, order: &Order) -> bool {
        self.leaves && order.ends_with_stay
    }

    /// When an order of the record ended, if it did.
    fn end_of(&self, order: &Order) -> Option<End> {
        if order.role != Role::Recorded || order.site == Some(Site::Local) {
            return None;
        }
        let now = End::Between(self.now, self.now);
        let stopped = order.stopped.map(End::from);
        match order.status {
            OrderStatus::Stopped | OrderStatus::Cancelled | OrderStatus::OnHold => {
                Some(stopped.unwrap_or(End::Undated))
            }
            // Without a date it is an order that ran its course at some time, and no stop.
            OrderStatus::Completed => stopped.or(self.ends_now(order).then_some(now)),
            OrderStatus::Active if self.ends_now(order) => Some(now),
            OrderStatus::Active if order.unread.end => Some(End::Undated),
            OrderStatus::Active => order.ends.filter(|_| has_ended(order, self.now)).map(End::from),
            // It may be over; that it goes on nobody can say.
            OrderStatus::Unknown => Some(stopped.unwrap_or(End::Undated)),
            OrderStatus::Void | OrderStatus::Draft => None,
        }
    }

    /// The orders that ended last, and when. Those without a date only where no dated one is recent and none
    /// that was written later has a date.
    fn last(&self, record: &PatientRecord, ours: &[usize]) -> Option<(End, Vec<usize>)> {
        let (mut dated, mut undated) = (Vec::new(), Vec::new());
        for &index in ours {
            match self.end_of(&record.orders[index]) {
                Some(End::Between(from, to)) => dated.push((from, to, index)),
                Some(End::Undated) => undated.push(index),
                None => {}
            }
        }
        let latest = dated.iter().copied().max_by_key(|(_, to, _)| *to);
        if let Some((from, to, _)) = latest.filter(|(_, to, _)| *to >= self.since) {
            // Orders that ended within a day of each other were taken together, a capsule of 5 mg and one of 1 mg.
            dated.retain(|(_, end, _)| end + DAY >= from);
            let followed = |&(from, _, one): &(i64, i64, usize)| {
                dated.iter().any(|&(_, _, other)| {
                    let starts = |index: usize| began(&record.orders[index]);
                    let after = starts(other).is_some_and(|when| when.earliest() >= from);
                    after && other != one && starts(one) < starts(other)
                })
            };
            let together = dated
                .iter()
                .filter(|one| !followed(one))
                .map(|(_, _, index)| *index);
            return Some((End::Between(from, to), together.collect()));
        }
        undated.retain(|&index| {
            let starts = began(&record.orders[index]);
            latest
                .zip(starts)
                .is_none_or(|((from, _, _), starts)| starts.latest() >= from)
        });
        let newest = undated
            .iter()
            .filter_map(|&index| began(&record.orders[index]))
            .max();
        undated.retain(|&index| {
            let starts = began(&record.orders[index]);
            starts
                .zip(newest)
                .is_none_or(|(starts, newest)| starts.latest() + DAY >= newest.earliest())
        });
        (!undated.is_empty()).then_some((End::Undated, undated))
    }

    /// Whether an order that is active beyond the stay, or drafted, continues the drug. An order for the stay
    /// does not make an older one at home obsolete.
    fn continued(
        &self,
        record: &PatientRecord,
        ours: &[usize],
        ended: &[usize],
        withdrawal: Option<&Withdrawal>,
    ) -> bool {
        let of_home = ended.iter().map(|&index| &record.orders[index]);
        let began = Beginning::of(of_home.filter(|order| !order.ends_with_stay));
        let graft = withdrawal.is_some_and(|withdrawal| has_graft(record, withdrawal));
        ours.iter().filter(|index| !ended.contains(index)).any(|&index| {
            let order = &record.orders[index];
            let used = || match withdrawal {
                Some(withdrawal) => in_use(order, began, withdrawal, self.now) == Use::Sure,
                None => !has_ended(order, self.now) && !order.unread.end,
            };
            let active = order.role == Role::Recorded
                && order.status == OrderStatus::Active
                && !self.ends_now(order)
                && used();
            let drafted = order.role == Role::Draft && order.status != OrderStatus::Void;
            let in_time =
                withdrawal.is_none_or(|withdrawal| !starts_later(order, withdrawal.switch_after, self.now));
            (active || drafted) && in_time && is_cover(order, graft)
        })
    }

    fn end_all(&self, record: &mut PatientRecord, orders: &[usize]) {
        for &index in orders {
            let order = &mut record.orders[index];
            order.role = Role::Stopping;
            if order.status == OrderStatus::Completed {
                // It was to go on, so it did not run its course.
                order.status = OrderStatus::Stopped;
            }
        }
    }

    /// A drug that is named beside the reviewed one, if it fell off together with it or later.
    fn companion(&self, record: &mut PatientRecord, ours: &[usize], end: End) {
        let Some((own, orders)) = self.last(record, ours) else {
            return;
        };
        let with = match (own, end) {
            (End::Between(_, own), End::Between(end, _)) => own + DAY >= end,
            (End::Undated, End::Undated) => true,
            (End::Undated, End::Between(..)) | (End::Between(..), End::Undated) => false,
        };
        if with && !self.continued(record, ours, &orders, None) {
            self.end_all(record, &orders);
        }
    }

    /// A stopped order of which nobody can tell what it orders may be of a reviewed drug.
    fn unreadable(&self, record: &mut PatientRecord) {
        for order in &mut record.orders {
            let stopped = matches!(
                order.status,
                OrderStatus::Stopped | OrderStatus::Cancelled | OrderStatus::OnHold | OrderStatus::Unknown
            );
            let recent = match self.end_of(order) {
                Some(End::Between(_, to)) => to >= self.since,
                Some(End::Undated) => began(order).is_none_or(|when| when.latest() >= self.since),
                None => false,
            };
            if order.drug == Drug::Unreadable && stopped && recent {
                order.role = Role::Stopping;
            }
        }
    }
}

/// Orders of an ingredient's family.
fn family(record: &PatientRecord, knowledge: &Knowledge, of: IngredientId) -> Vec<usize> {
    let is_one = |order: &Order| {
        matches!(order.drug, Drug::Known { ingredient, .. }
            if knowledge.vocabulary.same_family(ingredient, of))
    };
    (0..record.orders.len())
        .filter(|&index| is_one(&record.orders[index]))
        .collect()
}
