//! The whole judgement of one request: every stopped drug that the tables know, merged into one answer.
//!
//! Turns record, knowledge and clock into an [`Evaluation`]: at most one card of a topic, at most four,
//! the most urgent first. An empty list of cards means "looked, and nothing to say"; a question that
//! could not be decided is `undecided`, never an empty list. Where the hook names no order, the drugs that
//! ended lately are looked at for a rebound too.

use super::compose::{Card, cards};
use super::gap::Truth;
use super::judge::{Judgement, Verdict, judge, judge_ended};
use super::knowledge::{Knowledge, SignalId, Watch, Withdrawal};
use super::record::{Drug, Order, OrderStatus, PatientRecord, Role, Source};
use super::signal::Signals;
use super::therapy::Therapy;
use super::when::Placed;
use jiff::Timestamp;

/// Most cards in one answer (contract, section 2).
const MOST_CARDS: usize = 4;

/// The answer with its reasoning.
pub struct Evaluation<'k> {
    /// Cards, the most urgent first.
    pub cards: Vec<Card<'k>>,
    /// One judgement for each reviewed drug that is stopped.
    pub judgements: Vec<Judgement<'k>>,
    /// Every signal that was asked, with its answer.
    pub signals: Vec<(SignalId, Truth)>,
    /// A stopped order's drug could not be read, or there is no medication list where everything rests on it,
    /// and nothing else was found.
    pub undecided: bool,
}

/// Evaluates a record.
pub fn evaluate<'k>(record: &PatientRecord, knowledge: &'k Knowledge, now: Timestamp) -> Evaluation<'k> {
    let mut bench = Bench {
        record,
        knowledge,
        now: now.as_second(),
        cards: Vec::new(),
        judgements: Vec::new(),
        asked: Vec::new(),
    };
    for withdrawal in &knowledge.withdrawals {
        // One stop gives the same advice through every door: what is judged as a stop is no rebound beside it.
        let looks_back = !bench.stop(withdrawal) && record.occasion.carries_ids_only();
        if let Some(watch) = withdrawal.watch.as_ref().filter(|_| looks_back) {
            bench.rebound(withdrawal, watch);
        }
    }
    Evaluation {
        undecided: bench.undecided(),
        cards: in_order(bench.cards),
        judgements: bench.judgements,
        signals: bench.asked,
    }
}

/// Gathers what is found, drug by drug.
struct Bench<'r, 'k> {
    record: &'r PatientRecord,
    knowledge: &'k Knowledge,
    now: i64,
    cards: Vec<Card<'k>>,
    judgements: Vec<Judgement<'k>>,
    asked: Vec<(SignalId, Truth)>,
}

impl<'k> Bench<'_, 'k> {
    /// The stop of a drug; whether the hook brings one.
    fn stop(&mut self, withdrawal: &'k Withdrawal) -> bool {
        let Some(therapy) = Therapy::of(self.record, self.knowledge, withdrawal, self.now) else {
            return false;
        };
        let mut signals = Signals::new(self.record, self.knowledge, withdrawal, &therapy, self.now);
        let judgement = judge(self.record, self.knowledge, withdrawal, &therapy, &mut signals);
        self.note(judgement, &mut signals);
        true
    }

    /// What became of a drug that ended before the hook.
    fn rebound(&mut self, withdrawal: &'k Withdrawal, watch: &'k Watch) {
        let (record, knowledge, now) = (self.record, self.knowledge, self.now);
        let ended = Therapy::ended(
            record,
            knowledge,
            withdrawal,
            &watch.continued_by,
            watch.longest(),
            now,
        );
        let Some(therapy) = ended else { return };
        let mut signals = Signals::new(record, knowledge, withdrawal, &therapy, now);
        let judgement = judge_ended(record, knowledge, withdrawal, watch, &therapy, &mut signals);
        self.note(judgement, &mut signals);
    }

    fn note(&mut self, judgement: Judgement<'k>, signals: &mut Signals<'_>) {
        if let Verdict::Finding(finding) = &judgement.verdict {
            let written = cards(
                finding,
                self.record,
                self.knowledge,
                judgement.withdrawal,
                signals,
            );
            self.cards.extend(written);
        }
        let answers = signals.asked().map(|(id, reading)| (id, reading.truth));
        self.asked.extend(answers);
        self.judgements.push(judgement);
    }

    fn undecided(&self) -> bool {
        if !self.cards.is_empty() {
            return false;
        }
        let (record, ids_only) = (self.record, self.record.occasion.carries_ids_only());
        let list = record.sources.of(Source::Medications);
        if ids_only && (list.missing().is_some() || list.hides_something()) {
            return true;
        }
        // Where no order is named, one of the record may be the stop that is asked about.
        let stopped = |o: &Order| match o.role {
            Role::Stopping => o.status.counts_as_stop(),
            Role::Recorded => ids_only && self.stopped_lately(o),
            Role::Draft => false,
        };
        let mut orders = record.orders.iter();
        orders.any(|o| o.drug == Drug::Unreadable && stopped(o))
    }

    fn stopped_lately(&self, order: &Order) -> bool {
        let watched = self.knowledge.withdrawals.iter().filter_map(|w| w.watch.as_ref());
        let longest = watched.map(Watch::longest).max().unwrap_or(0);
        matches!(order.status, OrderStatus::Stopped | OrderStatus::Cancelled)
            && order
                .stopped
                .is_none_or(|when| when.within(longest, self.now) != Placed::Outside)
    }
}

/// One card of a topic, the most urgent first, at most four.
fn in_order(mut all: Vec<Card<'_>>) -> Vec<Card<'_>> {
    all.sort_by_key(|card| (std::cmp::Reverse(card.indicator), card.topic));
    let mut topics = Vec::new();
    all.retain(|card| {
        let first = !topics.contains(&card.topic);
        topics.push(card.topic);
        first
    });
    all.truncate(MOST_CARDS);
    all
}
