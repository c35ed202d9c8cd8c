//! The reasoning: cards, the rows that were asked and their answers, and what they rest on.

use crate::clinical::compose::text;
use crate::clinical::compose::{Card, Is};
use crate::clinical::evaluate::Evaluation;
use crate::clinical::gap::Truth;
use crate::clinical::judge::{Judgement, Step, Verdict};
use crate::clinical::knowledge::{Citation, Knowledge, SourceId};
use crate::clinical::signal::Signals;
use crate::markdown;

/// A card as the page shows it.
pub(super) struct CardView<'k> {
    /// `info`, `warning` or `critical`.
    pub(super) indicator: &'static str,
    /// The indicator as a word.
    pub(super) word: &'static str,
    /// Words of the topic.
    pub(super) topic: &'k str,
    /// Summary.
    pub(super) summary: String,
    /// Detail as safe HTML.
    pub(super) detail: String,
}

/// The reasoning.
pub(super) struct Reasoning<'k> {
    /// `drug/table/row` with urgency, indication and evidence; empty after a silence.
    pub(super) decided: Option<Decided<'k>>,
    /// Rows that fire, or could if more were known.
    pub(super) near: Vec<Row<'k>>,
    /// Every row that was asked, in order.
    pub(super) rows: Vec<Row<'k>>,
    /// Signs that are true or not known.
    pub(super) signs: Vec<Sign<'k>>,
    /// Signs that are certainly not there.
    pub(super) absent: Vec<Sign<'k>>,
    /// What was found.
    pub(super) inputs: Vec<InputRow>,
    /// What is not known: name and reason.
    pub(super) gaps: Vec<(String, String)>,
    /// Sources of every card.
    pub(super) sources: Vec<&'k Citation>,
}

/// The row that decided.
pub(super) struct Decided<'k> {
    pub(super) rule: String,
    pub(super) indicator: &'static str,
    pub(super) raised: bool,
    pub(super) indication: &'k str,
    pub(super) evidence: &'static str,
}

/// One row of a table.
pub(super) struct Row<'k> {
    pub(super) table: &'k str,
    pub(super) row: String,
    pub(super) answer: &'static str,
    /// `yes`, `open` or `no`, for the look.
    pub(super) class: &'static str,
}

/// One sign.
pub(super) struct Sign<'k> {
    pub(super) says: &'k str,
    pub(super) answer: &'static str,
    pub(super) sure: &'static str,
    pub(super) source: Option<(&'k str, &'k str)>,
}

/// One input.
#[derive(PartialEq, Eq)]
pub(super) struct InputRow {
    pub(super) name: String,
    pub(super) value: String,
    pub(super) unit: String,
    pub(super) date: String,
    pub(super) recorded: String,
    pub(super) source: String,
}

/// The cards of an evaluation.
pub(super) fn cards<'k>(evaluation: &Evaluation<'k>, knowledge: &'k Knowledge) -> Vec<CardView<'k>> {
    let view = |card: &Card<'k>| CardView {
        indicator: card.indicator.code(),
        word: match card.indicator.code() {
            "critical" => "Critical",
            "warning" => "Warning",
            _ => "Information",
        },
        topic: knowledge
            .words
            .get(crate::protocol::response::topic_display(card.topic)),
        summary: card.summary.clone(),
        detail: markdown::html(&card.detail),
    };
    evaluation.cards.iter().map(view).collect()
}

/// Why nothing is said, for each drug of which nothing is.
pub(super) fn silence<'k>(evaluation: &Evaluation<'k>) -> Vec<&'k str> {
    let why = |judgement: &Judgement<'k>| match judgement.verdict {
        Verdict::Silent { why, .. } => Some(why),
        Verdict::Finding(_) => None,
    };
    evaluation.judgements.iter().filter_map(why).collect()
}

/// The reasoning about one drug.
pub(super) fn reasoning<'k>(
    judgement: &Judgement<'k>,
    evaluation: &Evaluation<'k>,
    signals: &Signals<'_, '_>,
    knowledge: &'k Knowledge,
) -> Reasoning<'k> {
    let row = |step: &Step<'k>| Row {
        table: step.table,
        row: step.row.replace('-', " "),
        answer: answer(step.truth),
        class: class(step.truth),
    };
    let trail = || judgement.trail.iter();
    let mut signs: Vec<(Truth, Sign<'k>)> = signals
        .asked()
        .map(|(id, reading)| (reading.truth, sign(id, reading.truth, knowledge)))
        .collect();
    signs.sort_by_key(|(truth, _)| std::cmp::Reverse(*truth));
    let (absent, signs): (Vec<_>, Vec<_>) = signs.into_iter().partition(|(truth, _)| *truth == Truth::False);
    Reasoning {
        decided: decided(judgement),
        near: trail()
            .filter(|step| step.truth != Truth::False)
            .map(row)
            .collect(),
        rows: trail().map(row).collect(),
        signs: signs.into_iter().map(|(_, sign)| sign).collect(),
        absent: absent.into_iter().map(|(_, sign)| sign).collect(),
        inputs: inputs(evaluation),
        gaps: gaps(evaluation),
        sources: sources(evaluation)
            .into_iter()
            .map(|id| knowledge.source(id))
            .collect(),
    }
}

fn decided<'k>(judgement: &Judgement<'k>) -> Option<Decided<'k>> {
    let Verdict::Finding(finding) = &judgement.verdict else {
        return None;
    };
    Some(Decided {
        rule: finding.rule.clone(),
        indicator: finding.indicator.code(),
        raised: finding.raised,
        indication: &finding.indication.name,
        evidence: finding.statement.evidence.code(),
    })
}

fn sign(id: crate::clinical::knowledge::SignalId, truth: Truth, knowledge: &Knowledge) -> Sign<'_> {
    let signal = knowledge.signal(id);
    let source = signal.source.map(|id| knowledge.source(id));
    Sign {
        says: &signal.says,
        answer: answer(truth),
        sure: signal.sure.code(),
        source: source.map(|source| (&*source.label, &*source.url)),
    }
}

fn answer(truth: Truth) -> &'static str {
    match truth {
        Truth::True => "yes",
        Truth::False => "no",
        Truth::Unknown => "not known",
        Truth::Unreadable => "could not be read",
    }
}

fn class(truth: Truth) -> &'static str {
    match truth {
        Truth::True => "yes",
        Truth::False => "no",
        Truth::Unknown | Truth::Unreadable => "open",
    }
}

/// What all cards rest on, each once.
fn inputs(evaluation: &Evaluation<'_>) -> Vec<InputRow> {
    let mut rows: Vec<InputRow> = Vec::new();
    for input in evaluation.cards.iter().flat_map(|card| &card.basis.inputs) {
        let (value, unit) = match &input.is {
            Is::Number(value, unit) => (text::number(*value), (*unit).to_owned()),
            Is::Text(text) => (text.to_string(), String::new()),
        };
        let row = InputRow {
            name: input.name.to_owned(),
            value,
            unit,
            date: input.date.map(|date| date.to_string()).unwrap_or_default(),
            recorded: input.as_recorded.unwrap_or_default().to_owned(),
            source: input.source.unwrap_or_default().to_owned(),
        };
        if !rows.contains(&row) {
            rows.push(row);
        }
    }
    rows
}

fn gaps(evaluation: &Evaluation<'_>) -> Vec<(String, String)> {
    let mut rows = Vec::new();
    for gap in evaluation.cards.iter().flat_map(|card| &card.basis.gaps) {
        let row = (gap.need.replace('-', " "), gap.why.code().replace('-', " "));
        if !rows.contains(&row) {
            rows.push(row);
        }
    }
    rows
}

fn sources(evaluation: &Evaluation<'_>) -> Vec<SourceId> {
    let mut ids = Vec::new();
    for id in evaluation.cards.iter().flat_map(|card| &card.sources) {
        if !ids.contains(id) {
            ids.push(*id);
        }
    }
    ids
}
