//! What was said about one patient, in plain names, apart from the tables that said it.
//!
//! Turns an evaluation into texts and codes that can be printed, counted and compared. It holds no identity of
//! the patient but in `patient`, which is left out unless somebody asks for it; the texts hold values and dates.

use super::saved::Opened;
use crate::clinical::compose::Card;
use crate::clinical::evaluate::Evaluation;
use crate::clinical::judge::Verdict;
use crate::clinical::knowledge::Knowledge;
use crate::clinical::record::PatientRecord;
use crate::clinical::taper::Step;
use crate::pipeline::undecided;
use serde::Serialize;

/// What was said.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Told {
    /// As of when, in UTC; empty for a case.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub at: Option<String>,
    /// How that is known: `kept`, `name` or `now`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub at_by: Option<&'static str>,
    /// The door: name of the hook.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub hook: Option<String>,
    /// The client that sent it, where that is known.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub client: Option<String>,
    /// The patient's id.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub patient: Option<String>,
    /// `cards`, `withheld` (silent mode), `silent` (nothing to say) or `undecided`.
    pub outcome: &'static str,
    /// `drug/table/row` of the finding that leads.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub rule: Option<String>,
    /// The rows that silenced, as `drug/table/row`.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub silenced_by: Vec<String>,
    /// Why the question could not be decided.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub undecided: Option<&'static str>,
    /// The cards, those that a site evaluates in silence after the others.
    pub cards: Vec<CardTold>,
}

/// One card.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct CardTold {
    /// Code of the topic.
    pub topic: &'static str,
    /// `info`, `warning` or `critical`.
    pub indicator: &'static str,
    /// Whether it was only evaluated.
    pub withheld: bool,
    /// `drug/table/row`.
    pub rule: String,
    /// How good the evidence is.
    pub evidence: &'static str,
    /// One line.
    pub summary: String,
    /// The text, as Markdown.
    pub detail: String,
    /// What is missing, as `need why`.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub gaps: Vec<String>,
    /// Agents, as `name status: reasons`.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub agents: Vec<String>,
    /// Steps, as `14 days: 1.5 + 1 mg`.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub schedule: Vec<String>,
    /// Labels of the suggestions.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub suggestions: Vec<String>,
    /// Addresses of the sources.
    pub sources: Vec<String>,
}

impl Told {
    /// What a request was told, without the patient's id.
    pub(super) fn of_request(
        opened: &Opened<'_>,
        record: &PatientRecord,
        evaluation: &Evaluation<'_>,
        knowledge: &Knowledge,
    ) -> Self {
        Told {
            at: Some(opened.at.to_string()),
            at_by: Some(opened.at_by),
            hook: Some(opened.request.hook.to_string()),
            client: opened.client.map(str::to_owned),
            patient: Some(opened.request.context.patient.id().to_owned()),
            ..Self::of(record, evaluation, knowledge)
        }
    }

    /// What a record was told.
    #[must_use]
    pub fn of(record: &PatientRecord, evaluation: &Evaluation<'_>, knowledge: &Knowledge) -> Self {
        let silenced_by = evaluation.judgements.iter();
        let silenced_by = silenced_by.filter_map(|judgement| match &judgement.verdict {
            Verdict::Silent { table, row, .. } => Some(format!("{}/{table}/{row}", judgement.withdrawal.key)),
            Verdict::Finding(_) => None,
        });
        let shown = evaluation.cards.iter().map(|card| (card, false));
        let withheld = evaluation.withheld.iter().map(|card| (card, true));
        Told {
            at: None,
            at_by: None,
            hook: None,
            client: None,
            patient: None,
            outcome: outcome(evaluation),
            rule: evaluation.leading().map(|finding| finding.rule.clone()),
            silenced_by: silenced_by.collect(),
            undecided: evaluation.undecided.then(|| undecided(record)),
            cards: shown
                .chain(withheld)
                .map(|(card, withheld)| of_card(card, withheld, knowledge))
                .collect(),
        }
    }

    /// The same without the patient's id.
    #[must_use]
    pub fn without_patient(self) -> Self {
        Told {
            patient: None,
            ..self
        }
    }

    /// The urgency of the most urgent card, whether or not it was shown; `none` without one.
    #[must_use]
    pub fn urgency(&self) -> &'static str {
        let rank = |card: &&CardTold| match card.indicator {
            "critical" => 2,
            "warning" => 1,
            _ => 0,
        };
        self.cards
            .iter()
            .max_by_key(rank)
            .map_or("none", |card| card.indicator)
    }
}

fn outcome(evaluation: &Evaluation<'_>) -> &'static str {
    match (evaluation.cards.is_empty(), evaluation.withheld.is_empty()) {
        _ if evaluation.undecided => "undecided",
        (false, _) => "cards",
        (true, false) => "withheld",
        (true, true) => "silent",
    }
}

fn of_card(card: &Card<'_>, withheld: bool, knowledge: &Knowledge) -> CardTold {
    let gaps = card.basis.gaps.iter();
    let agents = card.basis.agents.iter().map(|one| {
        let name = &knowledge.agent(one.agent).key;
        match one.reasons.is_empty() {
            true => format!("{name} {}", one.status.code()),
            false => format!("{name} {}: {}", one.status.code(), one.reasons.join("; ")),
        }
    });
    CardTold {
        topic: card.topic.code(),
        indicator: card.indicator.code(),
        withheld,
        rule: card.basis.rule.clone(),
        evidence: card.basis.evidence.code(),
        summary: card.summary.clone(),
        detail: card.detail.clone(),
        gaps: gaps
            .map(|gap| format!("{} {}", gap.need, gap.why.code()))
            .collect(),
        agents: agents.collect(),
        schedule: card.basis.schedule.iter().map(step).collect(),
        suggestions: card.suggestions.iter().map(|one| one.label.clone()).collect(),
        sources: card
            .sources
            .iter()
            .map(|id| knowledge.source(*id).url.to_string())
            .collect(),
    }
}

fn step(step: &Step) -> String {
    let doses: Vec<String> = step.doses.iter().map(ToString::to_string).collect();
    format!("{} days: {} mg", step.days, doses.join(" + "))
}
