//! Signs from dispenses and statements: did the drug end long ago, is it said not to be taken?
//!
//! They soften, so they need positive evidence: an entry whose drug or end cannot be told leaves them open.

use super::{Entry, Reading, Signals};
use crate::clinical::gap::Truth;
use crate::clinical::record::{Drug, Said, Source, Supply};
use crate::clinical::when::DAY;

impl<'k> Signals<'_, 'k> {
    /// Supplies of the drug that is judged, and those whose drug cannot be read.
    fn supplies(&self) -> impl Iterator<Item = (usize, &Supply)> {
        let entries = self.record.supplies.iter().enumerate();
        entries.filter(|(_, supply)| match supply.drug {
            Drug::Known { ingredient, .. } => self
                .knowledge
                .vocabulary
                .same_family(ingredient, self.withdrawal.ingredient),
            Drug::Unreadable => true,
            Drug::Other => false,
        })
    }

    /// Whether a supply that is there may be missing from the record.
    fn supplies_hidden(&self) -> bool {
        self.record.supplies_hidden || self.record.sources.of(Source::Medications).hides_something()
    }

    pub(super) fn supply_ended(&self, days: u32) -> Reading<'k> {
        let edge = self.now - i64::from(days) * DAY;
        let begun_since = self.therapy.stopping.iter().any(|&i| {
            let order = &self.record.orders[i];
            let began = order.starts.or(order.authored);
            began.is_some_and(|began| began.latest() >= edge)
        });
        let undated = self.therapy.stopping.iter().any(|&i| {
            let order = &self.record.orders[i];
            order.unread.start || order.starts.or(order.authored).is_none()
        });
        let mut best = Reading::plain(Truth::False);
        if begun_since {
            return best;
        }
        // An order without a date may have begun since.
        let mut open = undated || self.supplies_hidden();
        for (index, supply) in self.supplies() {
            let before = supply.until.map(|until| until.latest() < edge);
            match (supply.drug, supply.says, before) {
                (Drug::Unreadable, _, Some(true)) => {}
                (Drug::Unreadable, ..) | (_, Said::Ended, None) => open = true,
                (_, Said::Ended | Said::Taken, Some(false)) => return Reading::plain(Truth::False),
                (_, Said::Ended | Said::NotTaken, Some(true)) => {
                    best = Reading::on(Truth::True, Entry::Supply(index));
                }
                (_, Said::Taken | Said::NotTaken, _) => {}
            }
        }
        if open && best.truth == Truth::True {
            best.truth = Truth::Unreadable;
        }
        best
    }

    pub(super) fn said_not_taken(&self) -> Reading<'k> {
        let denied = self
            .supplies()
            .filter(|(_, s)| s.says == Said::NotTaken && s.drug != Drug::Unreadable)
            .max_by_key(|(_, s)| s.until);
        let Some((index, denial)) = denied else {
            return Reading::plain(Truth::False);
        };
        // A denial without a date speaks of now.
        let said = denial.until.map_or(self.now, |until| until.latest());
        let reaches_beyond =
            |s: &Supply| s.says != Said::NotTaken && s.until.is_none_or(|u| u.latest() > said);
        if self.supplies_hidden() {
            return Reading::on(Truth::Unreadable, Entry::Supply(index));
        }
        if self.supplies().any(|(_, s)| reaches_beyond(s)) {
            return Reading::plain(Truth::Unknown);
        }
        Reading::on(Truth::True, Entry::Supply(index))
    }
}
