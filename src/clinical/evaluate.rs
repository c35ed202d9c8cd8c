//! The whole judgement of one request: every stopped drug that the tables know, merged into one answer.
//!
//! Turns record, knowledge and clock into an [`Evaluation`]: at most one card of a topic, at most four,
//! the most urgent first. An empty list of cards means "looked, and nothing to say"; a question that
//! could not be decided is `undecided`, never an empty list.

use super::compose::{Card, cards};
use super::gap::Truth;
use super::judge::{Judgement, Verdict, judge};
use super::knowledge::{Knowledge, SignalId};
use super::record::{Drug, PatientRecord, Role};
use super::signal::Signals;
use super::therapy::Therapy;
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
    let now = now.as_second();
    let mut all: Vec<Card<'k>> = Vec::new();
    let mut judgements = Vec::new();
    let mut asked = Vec::new();
    for withdrawal in &knowledge.withdrawals {
        let Some(therapy) = Therapy::of(record, knowledge, withdrawal, now) else {
            continue;
        };
        let mut signals = Signals::new(record, knowledge, withdrawal, &therapy, now);
        let judgement = judge(record, knowledge, withdrawal, &therapy, &mut signals);
        if let Verdict::Finding(finding) = &judgement.verdict {
            all.extend(cards(finding, record, knowledge, withdrawal, &mut signals));
        }
        asked.extend(signals.asked().map(|(id, reading)| (id, reading.truth)));
        judgements.push(judgement);
    }
    let unreadable = record
        .orders
        .iter()
        .any(|o| o.role == Role::Stopping && o.drug == Drug::Unreadable && o.status.counts_as_stop());
    let unlisted = record.occasion.carries_ids_only() && record.has_no_medication_list();
    let undecided = (unreadable || unlisted) && all.is_empty();
    Evaluation {
        cards: in_order(all),
        judgements,
        signals: asked,
        undecided,
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
