//! One drug of one patient across its orders: what ends, what goes on, since when, at which dose.
//!
//! Turns the orders of a family in the hook and in the record into a [`Therapy`]: one that the hook ends
//! ([`Therapy::of`]), or one that ended before it ([`Therapy::ended`]). It judges nothing.

mod ended;
mod left;

use super::gap::Truth;
use super::knowledge::{Knowledge, Withdrawal};
use super::record::{Dose, Drug, Order, OrderStatus, Outcome, PatientRecord, Role, Source};
use super::vocabulary::{FormulationId, Site};
use super::when::{DAY, When};
use left::left;
use rust_decimal::Decimal;

pub use left::Left;
pub(crate) use left::starts_near;
pub(super) use left::{Beginning, Use, began, has_ended, has_graft, in_use, is_cover, starts_later};

/// What the hook does to one drug.
pub struct Therapy {
    /// Orders that are ended or held (indices into `orders`), local products left out.
    pub stopping: Vec<usize>,
    /// Whether all that is stopped is for local use.
    pub local: Truth,
    /// Whether every one of them is on hold.
    pub held: bool,
    /// When it restarts: a date on the held or stopped order, or the start of a draft.
    pub restart: Option<When>,
    /// Doses of one day of all stopped orders together.
    pub dose: Dose,
    /// Formulation, if it is one and the same.
    pub formulation: Option<FormulationId>,
    /// Whether systemic use is certain.
    pub systemic: bool,
    /// Orders of the same drug that were active before and go on.
    pub old_orders: Vec<usize>,
    /// Orders of the same drug that are drafted or started near now.
    pub new_orders: Vec<usize>,
    /// Orders of the same drug that may go on, but of which that is not certain: a date that would tell cannot be
    /// read or is missing.
    pub perhaps: Left,
    /// When the therapy began.
    pub start: Start,
    /// Whether it may have begun earlier than the record reaches back.
    pub start_cut: bool,
    /// When it ended.
    pub end: End,
}

/// When a therapy ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum End {
    /// With the hook.
    Now,
    /// Before it, on this date.
    On(When),
    /// Before it; no order says when.
    Unknown,
}

/// When a therapy began.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Start {
    /// At the start of the oldest order of the chain.
    On(When),
    /// No order says.
    Unknown,
    /// The orders could not be had.
    Hidden,
}

impl Therapy {
    /// Builds it from the orders of the withdrawal's family. `None` if the hook stops none of them.
    pub fn of(
        record: &PatientRecord,
        knowledge: &Knowledge,
        withdrawal: &Withdrawal,
        now: i64,
    ) -> Option<Therapy> {
        let ours = ours(record, knowledge, withdrawal);
        let named: Vec<usize> = ours
            .iter()
            .copied()
            .filter(|&i| record.orders[i].role == Role::Stopping && record.orders[i].status.counts_as_stop())
            .collect();
        if named.is_empty() {
            return None;
        }
        Some(Therapy::ending(record, knowledge, withdrawal, &ours, named, now))
    }

    /// The therapy that the named orders end.
    fn ending(
        record: &PatientRecord,
        knowledge: &Knowledge,
        withdrawal: &Withdrawal,
        ours: &[usize],
        named: Vec<usize>,
        now: i64,
    ) -> Therapy {
        let site = |&i: &usize| record.orders[i].site;
        let systemic_or_unknown: Vec<usize> = named
            .iter()
            .copied()
            .filter(|i| site(i) != Some(Site::Local))
            .collect();
        let local = Truth::of(systemic_or_unknown.is_empty());
        let stopping = if systemic_or_unknown.is_empty() {
            named
        } else {
            systemic_or_unknown
        };
        let (mut sure, mut perhaps) = left(record, ours, &stopping, withdrawal, now);
        if stopping.iter().any(|&i| record.orders[i].reference.is_none()) {
            // A stopped order without an id cannot be told from its own copy in the record.
            perhaps.old.append(&mut sure.old);
        }
        let held = stopping
            .iter()
            .all(|&i| record.orders[i].status == OrderStatus::OnHold);
        let (start, start_cut) = start_of(record, ours, withdrawal, now);
        Therapy {
            local,
            held,
            restart: restart_of(record, &stopping, &[&*sure.new, &*sure.later].concat(), held, now),
            dose: merged_dose(stopping.iter().map(|&i| &record.orders[i].dose)),
            formulation: one_formulation(record, &stopping, knowledge),
            systemic: stopping.iter().all(|i| site(i) == Some(Site::Systemic)),
            old_orders: sure.old,
            // A draft that only says when a held drug restarts is no replacement.
            new_orders: if held { Vec::new() } else { sure.new },
            perhaps,
            start,
            start_cut,
            end: End::Now,
            stopping,
        }
    }

    /// Orders of the same drug that are left after the stop.
    pub fn remaining(&self) -> impl Iterator<Item = usize> {
        self.old_orders.iter().chain(&self.new_orders).copied()
    }
}

/// Orders of the withdrawal's family.
fn ours(record: &PatientRecord, knowledge: &Knowledge, withdrawal: &Withdrawal) -> Vec<usize> {
    let is_ours = |o: &Order| {
        matches!(o.drug, Drug::Known { ingredient, .. }
            if knowledge.vocabulary.same_family(ingredient, withdrawal.ingredient))
    };
    (0..record.orders.len())
        .filter(|&i| is_ours(&record.orders[i]))
        .collect()
}

/// A draft that starts today restarts what is held; beside a stop it is a change of dose.
fn restart_of(
    record: &PatientRecord,
    stopping: &[usize],
    drafts: &[usize],
    held: bool,
    now: i64,
) -> Option<When> {
    let on_order = stopping.iter().filter_map(|&i| record.orders[i].restart);
    let on_draft = drafts
        .iter()
        .filter_map(|&i| record.orders[i].starts)
        .filter(|w| held || w.earliest() > now);
    on_order.chain(on_draft).filter(|w| w.latest() >= now).min()
}

/// Adds up the doses of several orders, dose by dose from the first of the day.
fn merged_dose<'a>(doses: impl Iterator<Item = &'a Dose>) -> Dose {
    let mut sum: Vec<Decimal> = Vec::new();
    for dose in doses {
        let Dose::PerDay(day) = dose else {
            return Dose::Unknown;
        };
        for (n, amount) in day.iter().enumerate() {
            match sum.get_mut(n) {
                Some(total) => *total += amount,
                None => sum.push(*amount),
            }
        }
    }
    if sum.is_empty() {
        Dose::Unknown
    } else {
        Dose::PerDay(sum)
    }
}

/// The formulation of all of them; where none is named, the only one that is taken so often a day.
fn one_formulation(
    record: &PatientRecord,
    stopping: &[usize],
    knowledge: &Knowledge,
) -> Option<FormulationId> {
    let named = stopping
        .iter()
        .map(|&i| record.orders[i].formulation)
        .collect::<Option<Vec<_>>>();
    if let Some(all) = named {
        return all
            .windows(2)
            .all(|w| w[0] == w[1])
            .then(|| all.first().copied())
            .flatten();
    }
    let [index] = stopping else { return None };
    let Dose::PerDay(doses) = &record.orders[*index].dose else {
        return None;
    };
    let often = u8::try_from(doses.len()).ok().filter(|&n| n > 1)?;
    // The first such formulation in the drug's table is its usual one.
    let position = knowledge.vocabulary.formulations.iter().position(|f| {
        f.countable
            && f.doses_per_day == often
            && matches!(record.orders[*index].drug, Drug::Known { ingredient, .. } if ingredient == f.ingredient)
    })?;
    u16::try_from(position).ok().map(FormulationId)
}

/// The start of the oldest order of the chain that reaches now, with gaps of at most `chain_gap` days.
fn start_of(record: &PatientRecord, ours: &[usize], withdrawal: &Withdrawal, now: i64) -> (Start, bool) {
    let state = record.sources.of(Source::Medications);
    let cut = state.outcome != Outcome::Read;
    let began = |o: &Order| o.starts.filter(|w| w.earliest() <= now).or(o.authored);
    let mut spans: Vec<(When, Option<i64>)> = ours
        .iter()
        .map(|&i| &record.orders[i])
        .filter(|o| o.role != Role::Draft && o.status != OrderStatus::Void && o.site != Some(Site::Local))
        .filter_map(|o| Some((began(o)?, o.stopped.or(o.ends).map(When::latest))))
        .collect();
    spans.sort_unstable_by_key(|span| std::cmp::Reverse(span.0));
    let Some(&(mut start, _)) = spans.first() else {
        return (
            if state.hides_something() {
                Start::Hidden
            } else {
                Start::Unknown
            },
            cut,
        );
    };
    let gap = i64::from(withdrawal.chain_gap) * DAY;
    for &(earlier, ended) in &spans[1..] {
        // An order without an end is taken to have run until the next one.
        if ended.is_some_and(|end| end + gap < start.earliest()) {
            break;
        }
        start = earlier;
    }
    (Start::On(start), cut)
}
