//! Signs from the basket: what else stops, goes on, starts or replaces.
//!
//! A stopped or active order whose drug cannot be read may be the one that is asked for.

use super::{Entry, Gaps, Reading, Signals};
use crate::clinical::gap::{Gap, Truth, Why};
use crate::clinical::knowledge::{DrugSet, FormulationMatch, Ratio, Which};
use crate::clinical::practice::Country;
use crate::clinical::record::{Drug, Order, OrderStatus, Role, Source};
use crate::clinical::therapy::{Start, has_ended, is_cover, starts_later, starts_near};
use crate::clinical::vocabulary::{FormulationId, Site};
use crate::clinical::when::Placed;
use rust_decimal::Decimal;
use smallvec::smallvec;

impl<'k> Signals<'_, 'k> {
    /// The truest answer over the orders that pass a filter: those that are in the set, or unreadable.
    fn among(&self, set: &DrugSet, none: Truth, counts: impl Fn(&Order) -> bool) -> Reading<'k> {
        let mut best = Reading::plain(none);
        for (index, order) in self.record.orders.iter().enumerate().filter(|(_, o)| counts(o)) {
            let truth = match order.drug {
                Drug::Known { ingredient, .. } if order.site != Some(Site::Local) => {
                    Truth::of(self.in_set(set, ingredient))
                }
                Drug::Unreadable => Truth::Unreadable,
                Drug::Known { .. } | Drug::Other => Truth::False,
            };
            if truth > best.truth {
                best = Reading::on(truth, Entry::Order(index));
            }
        }
        best
    }

    pub(super) fn also_stops(&self, set: &DrugSet) -> Reading<'k> {
        self.among(set, Truth::False, |o| {
            o.role == Role::Stopping && o.status.counts_as_stop()
        })
    }

    pub(super) fn continues(&self, set: &DrugSet) -> Reading<'k> {
        let all = self.cover(set, |o| self.goes_on(o));
        if all.truth < Truth::True {
            return all;
        }
        let sure = self.cover(set, |o| self.goes_on(o) && !self.record.may_stop(o));
        if sure.truth == Truth::True {
            return sure;
        }
        // What perhaps stops perhaps goes on.
        Reading {
            truth: Truth::Unreadable,
            ..all
        }
    }

    pub(super) fn starts(&self, set: &DrugSet, before: u32, after: u32) -> Reading<'k> {
        self.cover(set, |o| {
            let drafted = o.role == Role::Draft && o.status != OrderStatus::Void;
            drafted && !starts_later(o, after, self.now)
                || self.is_active(o) && starts_near(o, before, after, self.now)
        })
    }

    /// The same over orders that may cover. One that can be none by its site is as good as unreadable.
    fn cover(&self, set: &DrugSet, counts: impl Fn(&Order) -> bool) -> Reading<'k> {
        let none = self.nothing_in(Source::Medications);
        if !self.graft {
            return self.among(set, none, counts);
        }
        let sure = self.among(set, none, |o| counts(o) && is_cover(o, true));
        let unsure = self.among(set, Truth::False, |o| counts(o) && !is_cover(o, true));
        match unsure.truth {
            Truth::True if sure.truth < Truth::Unreadable => Reading {
                truth: Truth::Unreadable,
                gaps: smallvec![Gap::new("route", Why::Absent)],
                ..unsure
            },
            _ => sure,
        }
    }

    pub(super) fn stopped_for_harm(&self, set: &DrugSet) -> Reading<'k> {
        let vocabulary = &self.knowledge.vocabulary;
        let none = match self.nothing_in(Source::Medications) {
            Truth::Unreadable => Truth::Unknown,
            other => other,
        };
        self.among(set, none, |o| {
            o.role == Role::Recorded
                && o.drug != Drug::Unreadable
                && matches!(o.status, OrderStatus::Stopped | OrderStatus::Cancelled)
                && vocabulary.tells_harm(&o.status_reason_codes, &o.status_reason_text)
        })
    }

    pub(super) fn taken_within(&self, set: &DrugSet, days: u32) -> Reading<'k> {
        self.among(set, self.nothing_in(Source::Medications), |o| {
            let recent = o
                .stopped
                .or(o.ends)
                .or(o.authored)
                .is_some_and(|w| w.within(days, self.now) != Placed::Outside);
            self.goes_on(o) || o.role == Role::Recorded && counts_as_use(o.status) && recent
        })
    }

    /// An order of the record that is active, has not ended and is not being stopped in this request.
    fn is_active(&self, order: &Order) -> bool {
        order.role == Role::Recorded && order.status == OrderStatus::Active && !has_ended(order, self.now)
    }

    /// The same, if it does not start long after now.
    fn goes_on(&self, order: &Order) -> bool {
        self.is_active(order) && !starts_later(order, self.withdrawal.switch_after, self.now)
    }

    pub(super) fn since_start(&self, at_least: Option<u16>, below: Option<u16>) -> Reading<'k> {
        let start = match self.therapy.start {
            Start::On(start) => start,
            Start::Unknown => return Reading::gap(Truth::Unknown, "therapy-start", Why::Absent),
            Start::Hidden => return Reading::gap(Truth::Unreadable, "therapy-start", Why::NotReadable),
        };
        let reached = |months: u16| {
            // A month is a twelfth of 365.25 days.
            let seconds = i64::from(months) * 2_629_800;
            match start.between(i64::MIN, self.now - seconds) {
                Placed::Inside => Truth::True,
                Placed::Outside => Truth::False,
                Placed::Straddles => Truth::Unknown,
            }
        };
        let old_enough = at_least.map_or(Truth::True, reached);
        // What lies before the look-back cannot be seen: such a start is the latest possible one.
        let young_enough = match below.map_or(Truth::True, |n| reached(n).negate()) {
            Truth::True if below.is_some() && self.therapy.start_cut => Truth::Unknown,
            other => other,
        };
        Reading::on(old_enough.min(young_enough), Entry::TherapyStart)
    }

    /// Orders that perhaps go on count where they make no difference: what would be true without them and is not
    /// true with them, or the reverse, cannot be read.
    pub(super) fn replacement(
        &self,
        formulation: FormulationMatch,
        ratio: Ratio,
        which: Which,
    ) -> Reading<'k> {
        let (therapy, asked) = (self.therapy, (formulation, ratio, which));
        let sure = self.replaced(asked, &therapy.old_orders, &therapy.new_orders);
        if therapy.perhaps.is_empty() {
            return sure;
        }
        let with = |sure: &[usize], perhaps: &[usize]| [sure, perhaps].concat();
        let old = with(&therapy.old_orders, &therapy.perhaps.old);
        let new = with(&therapy.new_orders, &therapy.perhaps.new);
        let all = self.replaced(asked, &old, &new);
        let agree = (sure.truth == Truth::True) == (all.truth == Truth::True);
        match agree {
            true => sure,
            false => Reading {
                truth: Truth::Unreadable,
                ..if sure.truth == Truth::True { sure } else { all }
            },
        }
    }

    /// The answer where these orders are left.
    fn replaced(
        &self,
        (formulation, ratio, which): (FormulationMatch, Ratio, Which),
        old: &[usize],
        new: &[usize],
    ) -> Reading<'k> {
        let is_taper = |i: &usize| self.record.orders[*i].written_taper;
        let mut chosen: Vec<usize> = match which {
            Which::Any => [old, new].concat(),
            Which::New => new.to_vec(),
            Which::Old if new.is_empty() => old.to_vec(),
            Which::Old => Vec::new(),
            Which::Several => self.several([old, new].concat()),
            Which::WrittenTaper => new.iter().copied().filter(is_taper).collect(),
        };
        chosen.retain(|&i| self.formulation_fits(i, formulation));
        if chosen.is_empty() {
            // That one is left may be hidden; how its dose compares is not even known then.
            let most = match ratio {
                Ratio::Any if which != Which::WrittenTaper => Truth::Unreadable,
                _ => Truth::Unknown,
            };
            return Reading::plain(self.hidden_order().min(most));
        }
        let (found, limits) = (self.ratio_of(old, new), self.accepted(&chosen));
        let fact = match ratio {
            Ratio::Any => true,
            Ratio::Unknown => found.is_none() || limits.is_none(),
            Ratio::Unreadable => found.is_none() && self.holds_unreadable_dose(old, new),
            Ratio::Inside => found
                .zip(limits)
                .is_some_and(|(r, (low, high))| r >= low && r <= high),
            Ratio::Outside => found
                .zip(limits)
                .is_some_and(|(r, (low, high))| r < low || r > high),
            Ratio::Below(limit) => found.is_some_and(|r| r < limit),
            Ratio::Above(limit) => found.is_some_and(|r| r > limit),
        };
        let gaps = if found.is_none() {
            smallvec![Gap::new("dose", Why::Absent)]
        } else {
            Gaps::new()
        };
        Reading {
            truth: Truth::of(fact),
            entries: chosen.into_iter().map(Entry::Order).collect(),
            gaps,
        }
    }

    /// What "no other order" means: an order of the record whose drug cannot be read may be one.
    fn hidden_order(&self) -> Truth {
        let mut orders = self.record.orders.iter();
        let is_left = |order: &Order| order.role == Role::Draft || self.goes_on(order);
        if orders.any(|order| order.drug == Drug::Unreadable && is_left(order)) {
            Truth::Unreadable
        } else {
            self.nothing_in(Source::Medications)
        }
    }

    /// Orders left that do not belong together: of two formulations, or of one product twice.
    fn several(&self, all: Vec<usize>) -> Vec<usize> {
        let differ = all.iter().enumerate().any(|(n, &a)| {
            all[n + 1..].iter().any(|&b| {
                let (a, b) = (&self.record.orders[a], &self.record.orders[b]);
                a.formulation.zip(b.formulation).is_some_and(|(x, y)| x != y)
                    || a.drug == b.drug && matches!(a.drug, Drug::Known { product: Some(_), .. })
            })
        });
        if differ { all } else { Vec::new() }
    }

    fn formulation_fits(&self, index: usize, wanted: FormulationMatch) -> bool {
        let pair = self
            .therapy
            .formulation
            .zip(self.record.orders[index].formulation);
        match wanted {
            FormulationMatch::Either => true,
            FormulationMatch::Same => pair.is_some_and(|(a, b)| a == b),
            FormulationMatch::Other => pair.is_some_and(|(a, b)| a != b),
        }
    }

    /// New to old daily dose of the drug; one where a duplicate of the same dose is cleaned up.
    pub fn dose_ratio(&self) -> Option<Decimal> {
        self.ratio_of(&self.therapy.old_orders, &self.therapy.new_orders)
    }

    /// The same where these orders are left.
    fn ratio_of(&self, old: &[usize], new: &[usize]) -> Option<Decimal> {
        let stopped = self.therapy.dose.daily()?;
        let daily = |i: &usize| self.record.orders[*i].dose.daily();
        let (before, after): (Decimal, Decimal) = (
            old.iter().map(daily).sum::<Option<_>>()?,
            new.iter().map(daily).sum::<Option<_>>()?,
        );
        if new.is_empty() && before == stopped {
            return Some(Decimal::ONE);
        }
        (before + after).checked_div(before + stopped)
    }

    /// Whether the dose of an order that stops or is left is there and cannot be read.
    fn holds_unreadable_dose(&self, old: &[usize], new: &[usize]) -> bool {
        let mut all = self.therapy.stopping.iter().chain(old).chain(new);
        all.any(|&index| self.record.orders[index].unread.dose)
    }

    /// Accepted ratios between the formulations, where the table gives them; those of the site's country
    /// before those of any.
    fn accepted(&self, chosen: &[usize]) -> Option<(Decimal, Decimal)> {
        let from: FormulationId = self.therapy.formulation?;
        let to = self.record.orders[*chosen.first()?].formulation?;
        let listed = |country: Option<Country>| {
            let mut rows = self.withdrawal.conversions.iter();
            rows.find(|c| (c.from, c.to, c.country) == (from, to, country))
        };
        let own = self.country.and_then(|country| listed(Some(country)));
        own.or_else(|| listed(None)).map(|c| (c.low, c.high))
    }
}

fn counts_as_use(status: OrderStatus) -> bool {
    matches!(
        status,
        OrderStatus::Active | OrderStatus::Completed | OrderStatus::Stopped | OrderStatus::OnHold
    )
}
