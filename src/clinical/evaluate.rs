//! The whole judgement of one request: every stopped drug that the tables know, merged into one answer.
//!
//! Turns record, knowledge and clock into an [`Evaluation`]: at most one card of a topic, at most four,
//! the most urgent first. An empty list of cards means "looked, and nothing to say"; a question that
//! could not be decided is `undecided`, never an empty list. Where the hook names no order, a drug that is not
//! being stopped and ended lately is looked at for a rebound.

use super::compose::{Card, Made, cards};
use super::gap::Truth;
use super::judge::{Finding, Judgement, Verdict, judge, judge_ended};
use super::knowledge::{Knowledge, SignalId, Watch, Withdrawal};
use super::merge::{Basket, lead, lead_of_ends, merged};
use super::occasion::Occasion;
use super::practice::Practice;
use super::record::{Drug, Order, OrderStatus, PatientRecord, Role, Source};
use super::signal::Signals;
use super::therapy::{End, Therapy};
use super::when::Placed;
use jiff::Timestamp;

/// The answer with its reasoning.
pub struct Evaluation<'k> {
    /// Cards, the most urgent first.
    pub cards: Vec<Card<'k>>,
    /// Cards of rules that the site evaluates in silence, the most urgent first.
    pub withheld: Vec<Card<'k>>,
    /// One judgement for each reviewed drug that is stopped, or ended lately, in the order of their rank.
    pub judgements: Vec<Judgement<'k>>,
    /// The judgement whose finding leads.
    pub leads: Option<usize>,
    /// Every signal that was asked, with its answer.
    pub signals: Vec<(SignalId, Truth)>,
    /// A stopped order's drug could not be read, or there is no medication list where everything rests on it,
    /// and nothing else was found.
    pub undecided: bool,
}

/// Evaluates a record for a site that has decided nothing.
pub fn evaluate<'k>(record: &'k PatientRecord, knowledge: &'k Knowledge, now: Timestamp) -> Evaluation<'k> {
    evaluate_for(&Practice::default(), record, knowledge, now)
}

/// Evaluates a record for a site. Findings of silent rules are told apart from the others before they are
/// merged, so that a rule in silence neither takes the place of one that is shown nor colours its text.
pub fn evaluate_for<'k>(
    practice: &Practice,
    record: &'k PatientRecord,
    knowledge: &'k Knowledge,
    now: Timestamp,
) -> Evaluation<'k> {
    let now = now.as_second();
    // Only drugs that are stopped, or ended lately, are looked at any further.
    let stopped: Vec<(&'k Withdrawal, Therapy)> = knowledge
        .withdrawals
        .iter()
        .filter_map(|withdrawal| Some((withdrawal, therapy(record, knowledge, withdrawal, now)?)))
        .collect();
    let mut heard: Vec<Heard<'_, 'k>> = stopped
        .iter()
        .map(|(withdrawal, therapy)| {
            let mut signals =
                Signals::new(record, knowledge, withdrawal, therapy, now).following(practice.country);
            let judgement = match &withdrawal.watch {
                Some(watch) if therapy.end != End::Now => {
                    judge_ended(record, knowledge, withdrawal, watch, therapy, &mut signals)
                }
                Some(_) | None => judge(record, knowledge, withdrawal, therapy, &mut signals),
            };
            Heard { signals, judgement }
        })
        .collect();
    let silent = |finding: &Finding<'k>| practice.withholds(&finding.rule);
    let (shown, leads) = written(record, knowledge, &stopped, &mut heard, |finding| {
        !silent(finding)
    });
    let mut withheld = match practice.silent.is_empty() {
        true => Vec::new(),
        false => written(record, knowledge, &stopped, &mut heard, silent).0,
    };
    let undecided = undecided(record, knowledge, now) && shown.is_empty() && withheld.is_empty();
    // A card may rest on a row of its own beside that of its finding.
    let (apart, cards) = shown
        .into_iter()
        .partition::<Vec<_>, _>(|card| practice.withholds(&card.basis.rule));
    withheld.extend(apart);
    Evaluation {
        undecided,
        cards,
        withheld,
        leads,
        signals: heard
            .iter()
            .flat_map(|one| one.signals.asked().map(|(id, reading)| (id, reading.truth)))
            .collect(),
        judgements: heard.into_iter().map(|one| one.judgement).collect(),
    }
}

/// The therapy of a drug that the hook stops; else, where it names no order, one that ended lately and is watched.
/// One stop gives the same advice through every door: what is judged as a stop is no rebound beside it.
fn therapy(
    record: &PatientRecord,
    knowledge: &Knowledge,
    withdrawal: &Withdrawal,
    now: i64,
) -> Option<Therapy> {
    Therapy::of(record, knowledge, withdrawal, now).or_else(|| {
        let looks_back = record.occasion.carries_ids_only();
        let watch = withdrawal.watch.as_ref().filter(|_| looks_back)?;
        let (by, within) = (&watch.continued_by, watch.longest());
        Therapy::ended(record, knowledge, withdrawal, by, within, now)
    })
}

/// Whether what everything rests on is missing.
fn undecided(record: &PatientRecord, knowledge: &Knowledge, now: i64) -> bool {
    let ids_only = record.occasion.carries_ids_only();
    let list = record.sources.of(Source::Medications);
    if ids_only && (record.no_medication_list().is_some() || list.hides_something()) {
        return true;
    }
    if record.occasion == Occasion::Signing && record.context_unread {
        return true;
    }
    let watched = knowledge.withdrawals.iter().filter_map(|w| w.watch.as_ref());
    let longest = watched.map(Watch::longest).max().unwrap_or(0);
    let recent = |o: &Order| {
        o.stopped
            .is_none_or(|when| when.within(longest, now) != Placed::Outside)
    };
    // Where no order is named, one of the record may be the stop that is asked about.
    let stopped = |o: &Order| match (o.role, o.status) {
        (Role::Stopping, status) => status.counts_as_stop(),
        (Role::Recorded, OrderStatus::Stopped | OrderStatus::Cancelled | OrderStatus::Unknown) => {
            ids_only && recent(o)
        }
        (Role::Recorded | Role::Draft, _) => false,
    };
    let mut orders = record.orders.iter();
    orders.any(|o| o.drug == Drug::Unreadable && stopped(o))
}

/// One stopped drug with its signs and what was decided about it.
struct Heard<'a, 'k> {
    signals: Signals<'a, 'k>,
    judgement: Judgement<'k>,
}

/// The cards of the findings that are wanted, merged, and the place of the finding that leads.
fn written<'k>(
    record: &'k PatientRecord,
    knowledge: &'k Knowledge,
    stopped: &[(&'k Withdrawal, Therapy)],
    heard: &mut [Heard<'_, 'k>],
    wanted: impl Fn(&Finding<'k>) -> bool,
) -> (Vec<Card<'k>>, Option<usize>) {
    let mut made: Vec<(usize, Made<'k>)> = Vec::new();
    let unwanted = Verdict::Silent {
        table: "",
        row: "",
        why: "",
    };
    let verdicts: Vec<&Verdict<'k>> = heard
        .iter()
        .map(|one| match one.judgement.finding() {
            Some(finding) if !wanted(finding) => &unwanted,
            _ => &one.judgement.verdict,
        })
        .collect();
    let (leads, leads_ends) = (lead(&verdicts), lead_of_ends(&verdicts));
    let names: Vec<_> = {
        let basket = Basket {
            record,
            knowledge,
            therapies: stopped.iter().map(|(_, therapy)| therapy).collect(),
            verdicts,
        };
        heard
            .iter()
            .enumerate()
            .map(|(i, one)| {
                let finding = one.judgement.finding().filter(|finding| wanted(finding))?;
                Some(basket.names(i, finding, leads_ends, &one.signals))
            })
            .collect()
    };
    for (i, (one, names)) in heard.iter_mut().zip(names).enumerate() {
        let Heard { signals, judgement } = one;
        if let (Some(finding), Some(names)) = (judgement.finding(), names) {
            let cards = cards(finding, record, knowledge, judgement.withdrawal, signals, names);
            made.extend(cards.into_iter().map(|card| (i, card)));
        }
    }
    (merged(made, leads_ends), leads)
}

impl<'k> Evaluation<'k> {
    /// The finding that leads, if there is one.
    pub fn leading(&self) -> Option<&Finding<'k>> {
        self.judgements.get(self.leads?)?.finding()
    }
}
