//! Turns what is to be written into rows: the columns of each table, in order, in plain values.
//!
//! Both engines write the same rows in the same order; only their statements differ. A row of `audit` is
//! the only one that names the patient.

use std::borrow::Cow;

use serde::Serialize;
use uuid::Uuid;

use super::entry::Noted;
use super::group::Recorded;
use super::{ChartReading, ChartWrite, Evaluation, FeedbackEntry, FeedbackOutcome, ServerRead};

/// Rows of one statement, largest first; few lengths, so that each is prepared once.
pub(super) const LENGTHS: [usize; 3] = [64, 8, 1];

/// What stands for a service in the audit of what the companion app read or wrote.
const APP: &str = "companion-app";

/// A table that takes many rows: statement up to `VALUES`, number of columns, and what follows the rows.
pub(super) struct Table {
    pub(super) into: &'static str,
    pub(super) columns: usize,
    pub(super) end: &'static str,
}

/// The value of one column.
pub(super) enum Cell<'a> {
    Number(i64),
    Text(&'a str),
    Own(String),
    Null,
}

#[derive(Serialize)]
struct AnsweredCard<'a> {
    #[serde(serialize_with = "hyphenated")]
    card: Uuid,
    topic: &'a str,
    rule: &'a str,
    indicator: &'a str,
    orders: &'a [String],
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    withheld: bool,
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    softened: bool,
}

#[derive(Serialize)]
struct Read {
    #[serde(rename = "type")]
    kind: &'static str,
    outcome: &'static str,
}

#[derive(Serialize)]
struct FeedbackRow<'a> {
    #[serde(serialize_with = "hyphenated")]
    card: Uuid,
    outcome: &'static str,
    at_us: i64,
    suggestions: String,
    reason_system: Option<Cow<'a, str>>,
    reason_code: Option<Cow<'a, str>>,
    reason_display: Option<Cow<'a, str>>,
    had_comment: u8,
    comment: Option<Cow<'a, str>>,
}

fn hyphenated<S: serde::Serializer>(uuid: &Uuid, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_str(uuid)
}

fn json<T: Serialize>(rows: &[T]) -> Result<String, sqlx::Error> {
    serde_json::to_string(rows).map_err(|error| sqlx::Error::Encode(Box::new(error)))
}

pub(super) fn evaluation(evaluation: &Evaluation) -> Vec<Cell<'_>> {
    vec![
        Cell::Number(evaluation.at.as_microsecond()),
        Cell::Text(&evaluation.client),
        Cell::Text(&evaluation.service),
        Cell::Text(&evaluation.hook),
        Cell::Own(evaluation.hook_instance.to_string()),
        Cell::Text(&evaluation.content_version),
        Cell::Text(evaluation.outcome),
        Cell::Number(i64::try_from(evaluation.duration_us).unwrap_or(i64::MAX)),
        Cell::Number(i64::try_from(evaluation.findings.len()).unwrap_or(i64::MAX)),
    ]
}

pub(super) fn cards(evaluation: &Evaluation) -> impl Iterator<Item = Vec<Cell<'_>>> {
    // What was sent and what was withheld are led by a card each.
    let mut places = [0_i64; 2];
    evaluation.findings.iter().map(move |card| {
        let place = &mut places[usize::from(card.withheld)];
        *place += 1;
        vec![
            Cell::Own(card.uuid.to_string()),
            Cell::Number(evaluation.at.as_microsecond()),
            Cell::Text(&evaluation.client),
            Cell::Text(&evaluation.service),
            Cell::Text(card.topic),
            Cell::Text(&card.rule),
            Cell::Text(card.indicator),
            Cell::Text(&evaluation.content_version),
            Cell::Own(joined(card.suggestions.iter())),
            Cell::Number(i64::from(card.withheld)),
            Cell::Number(*place - 1),
            Cell::Text(&card.gaps),
            card.digest.as_deref().map_or(Cell::Null, Cell::Text),
        ]
    })
}

/// What was recorded, as a row of the audit.
pub(super) fn audit(recorded: &Recorded) -> Result<Vec<Cell<'_>>, sqlx::Error> {
    match &recorded.noted {
        Noted::Evaluation(evaluation) => answered(evaluation),
        Noted::Reading(reading) => chart_reading(reading, recorded.key),
    }
}

fn answered(evaluation: &Evaluation) -> Result<Vec<Cell<'_>>, sqlx::Error> {
    let answered = evaluation.findings.iter().map(|card| AnsweredCard {
        card: card.uuid,
        topic: card.topic,
        rule: &card.rule,
        indicator: card.indicator,
        orders: &evaluation.orders,
        withheld: card.withheld,
        softened: card.softened,
    });
    let answered: Vec<AnsweredCard<'_>> = answered.collect();
    Ok(vec![
        Cell::Number(evaluation.at.as_microsecond()),
        Cell::Text(&evaluation.client),
        evaluation.user.as_deref().map_or(Cell::Null, Cell::Text),
        Cell::Text(&evaluation.patient),
        Cell::Text(&evaluation.service),
        Cell::Text(&evaluation.hook),
        Cell::Own(evaluation.hook_instance.to_string()),
        Cell::Text(&evaluation.content_version),
        Cell::Text(evaluation.outcome),
        Cell::Own(json(&answered)?),
        Cell::Own(reads(&evaluation.reads)?),
    ])
}

fn reads(all: &[ServerRead]) -> Result<String, sqlx::Error> {
    let each = all.iter().map(|read| Read {
        kind: read.kind,
        outcome: read.outcome,
    });
    json(&each.collect::<Vec<Read>>())
}

/// What was read of a chart, as a row of the audit: its hook tells it from an answered call.
fn chart_reading(reading: &ChartReading, key: Uuid) -> Result<Vec<Cell<'_>>, sqlx::Error> {
    Ok(vec![
        Cell::Number(reading.at.as_microsecond()),
        Cell::Text(&reading.client),
        reading.user.as_deref().map_or(Cell::Null, Cell::Text),
        Cell::Text(&reading.patient),
        Cell::Text(APP),
        Cell::Text(super::CHART_READ),
        Cell::Own(key.to_string()),
        Cell::Text(&reading.content_version),
        Cell::Text("read"),
        Cell::Text("[]"),
        Cell::Own(reads(&reading.reads)?),
    ])
}

/// A step of a write into a chart, as a row of the audit: its hook tells it from an answered call.
pub(super) fn chart_write(write: &ChartWrite) -> Result<Vec<Cell<'_>>, sqlx::Error> {
    let about = [AnsweredCard {
        card: write.write,
        topic: "taper",
        rule: &write.rule,
        indicator: "info",
        orders: &write.orders,
        withheld: false,
        softened: false,
    }];
    Ok(vec![
        Cell::Number(write.at.as_microsecond()),
        Cell::Text(&write.client),
        write.user.as_deref().map_or(Cell::Null, Cell::Text),
        Cell::Text(&write.patient),
        Cell::Text(APP),
        Cell::Text(super::CHART_WRITE),
        Cell::Own(write.write.to_string()),
        Cell::Text(&write.content_version),
        Cell::Text(write.outcome),
        Cell::Own(json(&about)?),
        Cell::Text("[]"),
    ])
}

fn feedback_row(entry: &FeedbackEntry, keep_comments: bool) -> FeedbackRow<'_> {
    let (outcome, suggestions, reason, comment) = match &entry.outcome {
        FeedbackOutcome::Accepted { suggestions } => ("accepted", sorted(suggestions), None, None),
        FeedbackOutcome::Overridden { reason, comment } => {
            ("overridden", String::new(), reason.as_ref(), comment.as_deref())
        }
    };
    FeedbackRow {
        card: entry.card,
        outcome,
        at_us: entry.at.as_microsecond(),
        suggestions,
        reason_system: reason
            .and_then(|reason| reason.system.as_deref())
            .map(without_nul),
        reason_code: reason.map(|reason| without_nul(&reason.code)),
        reason_display: reason
            .and_then(|reason| reason.display.as_deref())
            .map(without_nul),
        had_comment: u8::from(comment.is_some()),
        comment: comment.filter(|_| keep_comments).map(without_nul),
    }
}

/// The text with U+FFFD for each NUL, which PostgreSQL cannot hold: one such text must not make a whole
/// group of writes fail.
pub(super) fn without_nul(text: &str) -> Cow<'_, str> {
    match text.contains('\0') {
        true => Cow::Owned(text.replace('\0', "\u{FFFD}")),
        false => Cow::Borrowed(text),
    }
}

/// A set of suggestions in the one way in which it is written.
fn sorted(suggestions: &[Uuid]) -> String {
    let set: std::collections::BTreeSet<&Uuid> = suggestions.iter().collect();
    joined(set.into_iter())
}

fn joined<'u>(suggestions: impl Iterator<Item = &'u Uuid>) -> String {
    suggestions.map(Uuid::to_string).collect::<Vec<_>>().join(" ")
}

/// The entries of a feedback call as a JSON array, which one statement takes apart.
pub(super) fn feedback(entries: &[FeedbackEntry], keep_comments: bool) -> Result<String, sqlx::Error> {
    let rows: Vec<FeedbackRow<'_>> = entries
        .iter()
        .map(|entry| feedback_row(entry, keep_comments))
        .collect();
    json(&rows)
}
