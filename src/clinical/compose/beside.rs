//! The drugs beside the judged one: which go on, which are drafted, which stop with it.
//!
//! Turns the orders of the record into a list in one order: reviewed drugs by their rank, then the others by name. By
//! which door, and in what order, the orders came must not change a word. It names companions of the drug's table
//! only, and decides nothing.

use crate::clinical::record::{Drug, Order, OrderStatus, Role};
use crate::clinical::signal::Signals;
use crate::clinical::therapy::{has_ended, starts_later};
use crate::clinical::vocabulary::{IngredientId, Site};

/// Where an order stands beside the stop.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::clinical) enum Beside {
    /// It is active and goes on.
    GoesOn,
    /// It was drafted in the same session.
    Drafted,
    /// It stops in the same request.
    StopsToo,
}

impl Beside {
    fn of(order: &Order, signals: &Signals<'_, '_>) -> Option<Self> {
        if order.site == Some(Site::Local) {
            return None;
        }
        match (order.role, order.status) {
            (Role::Recorded, OrderStatus::Active) => {
                let (after, now) = (signals.withdrawal.switch_after, signals.now);
                let goes_on = !has_ended(order, now) && !starts_later(order, after, now);
                goes_on.then_some(Beside::GoesOn)
            }
            (Role::Draft, OrderStatus::Void) => None,
            (Role::Draft, _) => Some(Beside::Drafted),
            (Role::Stopping, status) => status.counts_as_stop().then_some(Beside::StopsToo),
            (Role::Recorded, _) => None,
        }
    }
}

/// The companions that stand so, as place of the order and ingredient.
pub(in crate::clinical) fn companions(
    signals: &Signals<'_, '_>,
    wanted: impl Fn(Beside) -> bool,
) -> Vec<(usize, IngredientId)> {
    let set = &signals.withdrawal.companions.ingredients;
    let orders = signals.record.orders.iter().enumerate();
    let mut found: Vec<(usize, IngredientId)> = orders
        .filter(|(_, order)| Beside::of(order, signals).is_some_and(&wanted))
        .filter_map(|(index, order)| match order.drug {
            Drug::Known { ingredient, .. } => Some((index, ingredient)),
            Drug::Other | Drug::Unreadable => None,
        })
        .filter(|(_, ingredient)| set.binary_search(ingredient).is_ok())
        .collect();
    if found.len() > 1 {
        let knowledge = signals.knowledge;
        found.sort_by_cached_key(|(index, ingredient)| {
            let rank = knowledge.withdrawal_of(*ingredient).map_or(u16::MAX, |w| w.rank);
            let name = &*knowledge.vocabulary.ingredient(*ingredient).name;
            (rank, name, signals.record.orders[*index].reference.as_deref())
        });
    }
    found
}
