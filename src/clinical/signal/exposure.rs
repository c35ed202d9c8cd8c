//! Days on at least a daily dose of the judged drug.
//!
//! Turns the orders of the drug's family into a span of days in a period that ends now; days that several
//! orders cover count once. An order without a dose, a start or an end may have covered days that cannot be
//! counted: those make the answer unknown, never false.

use super::{Entries, Entry, Gaps, Reading, Signals};
use crate::clinical::gap::{Gap, Truth, Why};
use crate::clinical::record::{Drug, Order, OrderStatus, Role, Source};
use crate::clinical::vocabulary::Site;
use crate::clinical::when::DAY;
use rust_decimal::Decimal;
use smallvec::smallvec;

impl<'k> Signals<'_, 'k> {
    pub(super) fn exposure(&self, daily: Decimal, days: u32, within: u32) -> Reading<'k> {
        let from = self.now - i64::from(within) * DAY;
        let (mut certain, mut possible, mut gaps) = (Vec::new(), Vec::new(), Gaps::new());
        for order in self.record.orders.iter().filter(|o| self.was_taken(o)) {
            let enough = order.dose.daily().map(|dose| dose >= daily);
            if enough == Some(false) {
                continue;
            }
            let start = order
                .starts
                .filter(|w| w.earliest() <= self.now)
                .or(order.authored);
            let end = self.end_of(order);
            let counted = start.map(|w| w.latest()).zip(end);
            match (enough, counted) {
                (Some(true), Some(span)) => certain.push(span),
                (None, _) => gaps.push(Gap::new("dose", Why::Absent)),
                (_, None) => gaps.push(Gap::new("therapy-start", Why::Absent)),
                (Some(false), Some(_)) => {}
            }
            possible.push((start.map_or(from, |w| w.earliest()), end.unwrap_or(self.now)));
        }
        let reach = |spans| covered(spans, from, self.now) >= i64::from(days) * DAY;
        let hidden = if self
            .record
            .orders
            .iter()
            .any(|order| self.may_be_ours(order, from))
        {
            Truth::Unreadable
        } else {
            self.nothing_in(Source::Medications)
        };
        let truth = if reach(certain) {
            Truth::True
        } else if reach(possible) {
            Truth::Unknown
        } else {
            // What was not had may hold the earlier orders.
            hidden
        };
        Reading {
            truth,
            entries: if truth == Truth::True {
                smallvec![Entry::TherapyStart]
            } else {
                Entries::new()
            },
            gaps: if truth == Truth::Unknown {
                gaps
            } else {
                Gaps::new()
            },
        }
    }

    /// An order of the judged family that was in use, by mouth or into the blood.
    fn was_taken(&self, order: &Order) -> bool {
        let ours = matches!(order.drug, Drug::Known { ingredient, .. }
            if self.knowledge.vocabulary.same_family(ingredient, self.withdrawal.ingredient));
        ours && order.site != Some(Site::Local)
            && order.role != Role::Draft
            && !matches!(order.status, OrderStatus::Void | OrderStatus::Draft)
    }

    /// An order of which nobody can tell what it orders, in use since then.
    fn may_be_ours(&self, order: &Order, from: i64) -> bool {
        let in_use =
            order.role == Role::Recorded && !matches!(order.status, OrderStatus::Void | OrderStatus::Draft);
        order.drug == Drug::Unreadable && in_use && self.end_of(order).is_none_or(|end| end >= from)
    }

    /// When an order ended; one that is active, or is being stopped, runs until now.
    fn end_of(&self, order: &Order) -> Option<i64> {
        let runs =
            order.role == Role::Stopping || matches!(order.status, OrderStatus::Active | OrderStatus::OnHold);
        let ended = order.stopped.or(order.ends).map(|w| w.latest().min(self.now));
        if runs { ended.or(Some(self.now)) } else { ended }
    }
}

/// Seconds of a period that at least one of the spans covers.
fn covered(mut spans: Vec<(i64, i64)>, from: i64, to: i64) -> i64 {
    spans.sort_unstable();
    let (mut sum, mut reached) = (0, from);
    for (start, end) in spans {
        let start = start.max(reached);
        let end = end.min(to);
        if end > start {
            sum += end - start;
            reached = end;
        }
    }
    sum
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn days_that_several_orders_cover_count_once() {
        assert_eq!(covered(vec![(0, 10), (5, 12), (20, 30)], 0, 25), 12 + 5);
        assert_eq!(covered(vec![(-50, 3)], 0, 25), 3);
        assert_eq!(covered(Vec::new(), 0, 25), 0);
    }
}
