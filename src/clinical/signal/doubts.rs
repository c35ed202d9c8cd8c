//! What makes a value that was found doubtful: a drug that moves the level, another measure that disagrees.

use super::Signals;
use crate::clinical::record::{Bound, Drug, Order, OrderStatus, Role, Value};
use crate::clinical::therapy::starts_near;
use crate::clinical::vocabulary::{AnalyteId, Site, Twin};
use crate::clinical::when::{DAY, Placed};
use rust_decimal::Decimal;

impl<'k> Signals<'_, 'k> {
    /// The order of a drug that starts or stops near now and moves the level of the judged drug.
    pub fn level_mover(&self) -> Option<usize> {
        let days = self.withdrawal.level_void_within;
        let moves = |order: &Order| match order.role {
            Role::Stopping => order.status.counts_as_stop(),
            Role::Draft => order.status != OrderStatus::Void,
            Role::Recorded => match order.status {
                OrderStatus::Active => starts_near(order, days, days, self.now),
                OrderStatus::Stopped | OrderStatus::Completed | OrderStatus::OnHold => order
                    .stopped
                    .or(order.ends)
                    .is_some_and(|w| w.within(days, self.now) == Placed::Inside),
                OrderStatus::Cancelled | OrderStatus::Void | OrderStatus::Draft | OrderStatus::Unknown => {
                    false
                }
            },
        };
        self.record.orders.iter().position(|order| {
            let meant = matches!(order.drug, Drug::Known { ingredient, .. }
                if self.in_set(&self.withdrawal.level_void_by, ingredient));
            meant && order.site != Some(Site::Local) && moves(order)
        })
    }

    /// The result of another measure of the same thing that disagrees with a result.
    pub fn disagreeing(&self, index: usize) -> Option<usize> {
        let analyte = self.record.results[index].analyte;
        let (other, twin) = self.twin_of(analyte)?;
        let (value, at) = self.exact_at(index)?;
        let (_, found) = self
            .results_of(other)
            .filter_map(|i| Some(((self.exact_at(i)?.1 - at).abs(), i)))
            .filter(|(apart, _)| *apart <= i64::from(twin.apart) * DAY)
            .min()?;
        let (against, _) = self.exact_at(found)?;
        let (low, high) = (value.min(against), value.max(against));
        let far = high > low * twin.times;
        let sides = (low < twin.side) != (high < twin.side);
        (far || sides).then_some(found)
    }

    /// The other measure of an analyte, whichever of the two names the other.
    fn twin_of(&self, analyte: AnalyteId) -> Option<(AnalyteId, Twin)> {
        let vocabulary = &self.knowledge.vocabulary;
        let own = vocabulary.analyte(analyte).twin.map(|twin| (twin.analyte, twin));
        own.or_else(|| {
            (0u16..).zip(&vocabulary.analytes).find_map(|(id, known)| {
                let twin = known.twin.filter(|twin| twin.analyte == analyte)?;
                Some((AnalyteId(id), twin))
            })
        })
    }

    fn exact_at(&self, index: usize) -> Option<(Decimal, i64)> {
        let result = &self.record.results[index];
        match &result.value {
            Value::Number(number) if number.bound == Bound::Exact => {
                Some((number.value, result.when?.latest()))
            }
            Value::Number(_) | Value::Coded(..) | Value::Unusable(_) => None,
        }
    }
}
