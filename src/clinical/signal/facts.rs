//! Signs from conditions, procedures, allergies, age and the reason given.
//!
//! An acute code counts only if it is active and recent; undated it is unreadable, never true.

use super::{Entry, Reading, Signals};
use crate::clinical::gap::{Gap, Truth, Why};
use crate::clinical::knowledge::DrugSet;
use crate::clinical::record::{Condition, Sex, Source};
use crate::clinical::therapy::{End, Start};
use crate::clinical::vocabulary::{GroupId, IngredientId};
use crate::clinical::when::{DAY, Placed, When};
use crate::clinical::wording::{clause_at, has_words, places};
use smallvec::smallvec;

impl<'k> Signals<'_, 'k> {
    pub(super) fn condition(
        &self,
        groups: &[GroupId],
        recent: Option<u32>,
        history: bool,
        since_stop: bool,
    ) -> Reading<'k> {
        let mut best = Reading::plain(self.nothing_in(Source::Conditions));
        for (index, condition) in self.record.conditions.iter().enumerate() {
            if condition.refuted || !condition.groups.iter().any(|g| groups.contains(g)) {
                continue;
            }
            if !condition.active && !history {
                continue;
            }
            let truth = match recent {
                None if since_stop => self.since_stop(condition.when),
                None => Truth::True,
                Some(_) if condition.in_encounter => Truth::True,
                Some(days) => lately(condition, days, self.now),
            };
            if truth > best.truth || best.entries.is_empty() && truth == best.truth {
                best = Reading::on(truth, Entry::Condition(index));
            }
        }
        if recent.is_none() && !since_stop && best.truth != Truth::True && self.is_reason_of_the_order(groups)
        {
            return Reading::plain(Truth::True);
        }
        if best.truth == Truth::Unreadable && !best.entries.is_empty() {
            best.gaps = smallvec![Gap::new("condition", Why::TimingUnknown)];
        }
        best
    }

    /// Whether a date lies after the stop; what is undated is not taken for new.
    fn since_stop(&self, when: Option<When>) -> Truth {
        match (when, self.therapy.end) {
            (Some(when), End::On(stop)) => match when.between(stop.latest(), i64::MAX) {
                Placed::Inside => Truth::True,
                Placed::Outside => Truth::False,
                Placed::Straddles => Truth::Unknown,
            },
            (None, _) | (_, End::Now | End::Unknown) => Truth::Unknown,
        }
    }

    /// What a stopped order was given for counts like a condition on record, though never as a recent one.
    fn is_reason_of_the_order(&self, groups: &[GroupId]) -> bool {
        let mut orders = self.therapy.stopping.iter().map(|&i| &self.record.orders[i]);
        orders.any(|order| order.reasons.iter().any(|(group, _)| groups.contains(group)))
    }

    pub(super) fn procedure(&self, groups: &[GroupId], within: Option<u32>) -> Reading<'k> {
        let mut best = Reading::plain(self.nothing_in(Source::Procedures));
        for (index, procedure) in self.record.procedures.iter().enumerate() {
            if !procedure.groups.iter().any(|g| groups.contains(g)) {
                continue;
            }
            let truth = within.map_or(Truth::True, |days| placed(procedure.when, days, self.now));
            if truth > best.truth {
                best = Reading::on(truth, Entry::Procedure(index));
            }
        }
        best
    }

    pub(super) fn age(&self, at_least: Option<u16>, below: Option<u16>) -> Reading<'k> {
        let Some(birth) = self.record.person.birth else {
            let state = self.record.sources.of(Source::Patient);
            let truth = if state.hides_something() {
                Truth::Unreadable
            } else {
                Truth::Unknown
            };
            return Reading::gap(truth, "birth-date", state.missing().unwrap_or(Why::Absent));
        };
        let fits = |years: i64| {
            at_least.is_none_or(|n| years >= i64::from(n)) && below.is_none_or(|n| years < i64::from(n))
        };
        let (youngest, oldest) = ages(birth, self.now);
        if fits(youngest) == fits(oldest) {
            Reading::on(Truth::of(fits(oldest)), Entry::Age)
        } else {
            Reading::gap(Truth::Unknown, "birth-date", Why::TimingUnknown)
        }
    }

    pub(super) fn sex(&self, wanted: Sex) -> Reading<'k> {
        match self.record.person.sex {
            Some(sex) => Reading::on(Truth::of(sex == wanted), Entry::Sex),
            None => {
                let state = self.record.sources.of(Source::Patient);
                let truth = if state.hides_something() {
                    Truth::Unreadable
                } else {
                    Truth::Unknown
                };
                Reading::gap(truth, "sex", state.missing().unwrap_or(Why::Absent))
            }
        }
    }

    pub(super) fn stop_reason(&self, codes: &[Box<str>], words: &[Box<str>], own: bool) -> Reading<'k> {
        let denials = &self.knowledge.vocabulary.denials;
        let said = |text: &str, phrase: &str| {
            places(text, phrase)
                .any(|at| !denials.denies(text, at, phrase) && (!own || self.is_of_itself(text, at, phrase)))
        };
        let named = self.therapy.stopping.iter().copied().find(|&index| {
            let order = &self.record.orders[index];
            order.status_reason_codes.iter().any(|c| codes.contains(c))
                || words.iter().any(|w| said(&order.status_reason_text, w))
        });
        named.map_or_else(
            || Reading::plain(Truth::False),
            |i| Reading::on(Truth::True, Entry::StopReason(i)),
        )
    }

    /// Whether a phrase at a place speaks of the judged drug: its clause names the drug before it, or begins with
    /// it and names no other behind it.
    fn is_of_itself(&self, text: &str, at: usize, phrase: &str) -> bool {
        let vocabulary = &self.knowledge.vocabulary;
        let (before, from) = clause_at(text, at);
        let behind = from.get(phrase.len()..).unwrap_or_default();
        let is_own = |id: IngredientId| vocabulary.same_family(id, self.withdrawal.ingredient);
        let named = |text: &str, of: &dyn Fn(IngredientId) -> bool| {
            let mut names = vocabulary.drug_names.iter();
            names.any(|(name, drug)| of(drug.ingredient) && has_words(text, name))
        };
        let first = before.trim().is_empty();
        named(before, &is_own) || first && (named(behind, &is_own) || !named(behind, &|_| true))
    }

    pub(super) fn allergy(&self, set: &DrugSet, severe: bool, after_start: bool) -> Reading<'k> {
        let mut best = Reading::plain(self.nothing_in(Source::Allergies));
        for (index, allergy) in self.record.allergies.iter().enumerate() {
            let meant = !allergy.refuted && self.in_set(set, allergy.ingredient);
            if !meant || severe && (!allergy.severe || allergy.local_product) {
                continue;
            }
            let truth = if after_start {
                self.after_start(allergy.when)
            } else {
                Truth::True
            };
            if truth > best.truth {
                best = Reading::on(truth, Entry::Allergy(index));
            }
        }
        best
    }

    fn after_start(&self, when: Option<When>) -> Truth {
        match (when, self.therapy.start) {
            (Some(when), Start::On(start)) => follows(when, start),
            (None, _) | (_, Start::Unknown | Start::Hidden) => Truth::Unknown,
        }
    }

    /// Whether a drug set means an ingredient.
    pub(super) fn in_set(&self, set: &DrugSet, ingredient: IngredientId) -> bool {
        set.ingredients.binary_search(&ingredient).is_ok()
            || set.itself
                && self
                    .knowledge
                    .vocabulary
                    .same_family(ingredient, self.withdrawal.ingredient)
    }
}

/// Whether a date is certainly not before a start. Of two whole days the same day is not before it.
fn follows(when: When, start: When) -> Truth {
    let is_a_day = start.latest() - start.earliest() < DAY;
    let from = if is_a_day {
        start.earliest()
    } else {
        start.latest()
    };
    if when.earliest() >= from {
        Truth::True
    } else {
        Truth::Unknown.min(Truth::of(when.latest() >= start.earliest()))
    }
}

/// Whether a condition began or was recorded within so many days.
fn lately(condition: &Condition, days: u32, now: i64) -> Truth {
    let began = placed(condition.when, days, now);
    let recorded = condition.recorded.map(|when| placed(Some(when), days, now));
    recorded.map_or(began, |recorded| recorded.max(began))
}

/// Whether a date lies within so many days; without one that cannot be read.
fn placed(when: Option<When>, days: u32, now: i64) -> Truth {
    match when.map(|w| {
        if w.is_future(now) {
            Placed::Straddles
        } else {
            w.within(days, now)
        }
    }) {
        Some(Placed::Inside) => Truth::True,
        Some(Placed::Outside) => Truth::False,
        Some(Placed::Straddles) | None => Truth::Unreadable,
    }
}

/// Completed years at the latest and at the earliest birth that the date may mean.
pub fn ages(birth: When, now: i64) -> (i64, i64) {
    let today = When::date_of(now);
    let years = |seconds: i64| {
        let born = When::date_of(seconds);
        let before = (today.month(), today.day()) < (born.month(), born.day());
        i64::from(today.year()) - i64::from(born.year()) - i64::from(before)
    };
    (years(birth.latest()), years(birth.earliest()))
}
