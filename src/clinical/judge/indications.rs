//! Which indication decides: what the record names, what it may name, and what outranks what.
//!
//! A transplant outranks every disease; among diseases the place of the evidence counts, then the worse
//! urgency. What cannot be excluded, because a source is hidden, is told as an urgency.

use super::Court;
use crate::clinical::gap::Truth;
use crate::clinical::knowledge::{Indication, Indicator, Kind};
use crate::clinical::record::Source;
use crate::clinical::signal::{Entry, Signals};

/// An indication that the record names, or may name.
pub(super) struct Named<'k> {
    pub(super) indication: &'k Indication,
    truth: Truth,
    pub(super) entries: Vec<Entry>,
    rank: Rank,
}

/// Where the evidence for an indication stands, strongest first.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Rank {
    OnTheOrder,
    OfTheEncounter,
    OnTheList,
}

impl<'k> Court<'_, 'k> {
    /// The indication that decides, the urgency that cannot be excluded, and the others that were found.
    pub(super) fn indications(
        &mut self,
        signals: &mut Signals<'_, 'k>,
    ) -> (Named<'k>, Option<Indicator>, Vec<&'k Indication>) {
        let (mut keep, possible) = self.found();
        let raise = possible
            .into_iter()
            .map(|indication| self.rule(indication, None, signals).indicator)
            .max();
        // The worse decides; at equal urgency the one that ranks first.
        let urgencies: Vec<Indicator> = keep
            .iter()
            .map(|n| self.rule(n.indication, None, signals).indicator)
            .collect();
        let worst = urgencies
            .iter()
            .max()
            .and_then(|max| urgencies.iter().position(|u| u == max))
            .unwrap_or(0);
        let decisive = keep.swap_remove(worst);
        (decisive, raise, keep.into_iter().map(|n| n.indication).collect())
    }

    /// The indications that the record names, at least `unknown`; and those that cannot be excluded.
    pub(super) fn found(&mut self) -> (Vec<Named<'k>>, Vec<&'k Indication>) {
        let (mut found, mut possible) = (Vec::new(), Vec::new());
        for indication in self
            .withdrawal
            .indications
            .iter()
            .filter(|i| i.kind != Kind::Unknown)
        {
            let named = self.evidence(indication);
            self.note("indications", &indication.key, named.truth);
            match named.truth {
                Truth::True => found.push(named),
                Truth::Unreadable => possible.push(indication),
                Truth::False | Truth::Unknown => {}
            }
        }
        let mut keep = self.decisive(found);
        if keep.is_empty() {
            keep.push(self.unknown());
        }
        (keep, possible)
    }

    /// Transplants before all else; else by where the evidence stands, unless that does not matter for an
    /// indication; without those that yield to another.
    fn decisive(&self, mut found: Vec<Named<'k>>) -> Vec<Named<'k>> {
        if found.iter().any(|n| n.indication.kind == Kind::Transplant) {
            found.retain(|n| n.indication.kind == Kind::Transplant);
        } else if let Some(best) = found.iter().map(|n| n.rank).min() {
            found.retain(|n| n.rank == best || n.indication.anywhere);
        }
        let keys: Vec<&str> = found.iter().map(|n| &*n.indication.key).collect();
        found.retain(|n| {
            !n.indication
                .yields_to
                .iter()
                .any(|other| keys.contains(&&**other))
        });
        found
    }

    /// The catch-all; the loader refuses tables without one, so that the last indication is it.
    pub(super) fn unknown(&self) -> Named<'k> {
        let last = self.withdrawal.indications.len() - 1;
        let indication = &self.withdrawal.indications[last];
        Named {
            indication,
            truth: Truth::True,
            entries: Vec::new(),
            rank: Rank::OnTheList,
        }
    }

    fn evidence(&self, indication: &'k Indication) -> Named<'k> {
        let named = |truth, entries, rank| Named {
            indication,
            truth,
            entries,
            rank,
        };
        let orders = self.therapy.stopping.iter().filter(|&&i| {
            self.record.orders[i]
                .reasons
                .iter()
                .any(|(g, _)| indication.evidence.contains(g))
        });
        let mut entries: Vec<(Rank, Entry)> = orders.map(|&i| (Rank::OnTheOrder, Entry::Order(i))).collect();
        let conditions = self.record.conditions.iter().enumerate();
        let listed = conditions
            .filter(|(_, c)| !c.refuted && c.groups.iter().any(|g| indication.evidence.contains(g)));
        entries.extend(listed.map(|(i, c)| {
            let of_encounter = c.encounter_diagnosis && c.in_encounter;
            (
                if of_encounter {
                    Rank::OfTheEncounter
                } else {
                    Rank::OnTheList
                },
                Entry::Condition(i),
            )
        }));
        let procedures = self.record.procedures.iter().enumerate();
        entries.extend(
            procedures
                .filter(|(_, p)| p.groups.iter().any(|g| indication.procedures.contains(g)))
                .map(|(i, _)| (Rank::OnTheList, Entry::Procedure(i))),
        );
        entries.sort_unstable();
        match entries.first() {
            Some(&(rank, _)) => named(Truth::True, entries.into_iter().map(|(_, e)| e).collect(), rank),
            None => {
                let hidden = |source| self.record.sources.of(source).hides_something();
                let may_be = hidden(Source::Conditions)
                    || !indication.procedures.is_empty() && hidden(Source::Procedures);
                let truth = if may_be { Truth::Unreadable } else { Truth::False };
                named(truth, Vec::new(), Rank::OnTheList)
            }
        }
    }
}
