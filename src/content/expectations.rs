//! What a case expects, against what was answered.
//!
//! Turns an evaluation into the names that cases use, and each difference into one sentence.

use super::phrases;
use super::schema::cases::Expect;
use crate::clinical::evaluate::Evaluation;
use crate::clinical::gap::Truth;
use crate::clinical::judge::Verdict;
use crate::clinical::knowledge::{Indicator, Knowledge, SignalId, Topic};
use rust_decimal::Decimal;

/// An evaluation in the names of the tables.
pub(super) struct Answer {
    /// `drug/table/row` of the finding that leads.
    pub(super) rule: Option<String>,
    /// The gate that silenced, as `drug/gates/row`, where no finding was made.
    pub(super) silent: Option<String>,
    /// The question could not be decided.
    pub(super) refused: bool,
    /// Topic, urgency and text of every card.
    pub(super) cards: Vec<(Topic, Indicator, String)>,
    /// Agents with their status.
    pub(super) agents: Vec<(String, &'static str)>,
    /// Gaps of all cards.
    pub(super) gaps: Vec<(String, &'static str)>,
    /// Doses of a day, step by step.
    pub(super) schedule: Vec<Vec<Decimal>>,
    /// Every signal that was asked, with its answer.
    pub(super) signals: Vec<(SignalId, Truth)>,
}

impl Answer {
    /// Reads an evaluation.
    pub(super) fn of(evaluation: &Evaluation, knowledge: &Knowledge) -> Self {
        let rule = evaluation.leading().map(|finding| finding.rule.clone());
        let silent = evaluation
            .judgements
            .iter()
            .find_map(|judgement| match &judgement.verdict {
                Verdict::Silent { table, row, .. } => {
                    Some(format!("{}/{table}/{row}", judgement.withdrawal.key))
                }
                Verdict::Finding(_) => None,
            });
        let mut answer = Answer {
            silent: silent.filter(|_| rule.is_none()),
            rule,
            refused: evaluation.undecided,
            cards: Vec::new(),
            agents: Vec::new(),
            gaps: Vec::new(),
            schedule: Vec::new(),
            signals: evaluation.signals.clone(),
        };
        for card in &evaluation.cards {
            answer.cards.push((
                card.topic,
                card.indicator,
                format!("{}\n{}", card.summary, card.detail),
            ));
            let agents = card.basis.agents.iter();
            answer
                .agents
                .extend(agents.map(|one| (knowledge.agent(one.agent).key.to_string(), one.status.code())));
            answer.gaps.extend(
                card.basis
                    .gaps
                    .iter()
                    .map(|gap| (gap.need.to_string(), gap.why.code())),
            );
            answer
                .schedule
                .extend(card.basis.schedule.iter().map(|step| step.doses.clone()));
        }
        answer
    }

    /// Every difference to what is expected; `key` is the withdrawal whose case it is.
    pub(super) fn differences(&self, expect: &Expect, key: &str) -> Vec<String> {
        let mut told = Vec::new();
        self.verdict(expect, key, &mut told);
        self.topics(expect, &mut told);
        self.named("agent", &expect.agents, &self.agents, &mut told);
        self.named("gap", &expect.gaps, &self.gaps, &mut told);
        for name in &expect.not_gaps {
            if let Some((_, why)) = self.gaps.iter().find(|(need, _)| need == name) {
                told.push(format!("expected no gap {name}, found {why}"));
            }
        }
        self.schedule(expect, &mut told);
        self.texts(expect, &mut told);
        told
    }

    fn verdict(&self, expect: &Expect, key: &str, told: &mut Vec<String>) {
        let silent = expect.silent.as_ref().map(|row| format!("{key}/gates/{row}"));
        let found = self
            .rule
            .as_ref()
            .or(self.silent.as_ref())
            .map_or("nothing", String::as_str);
        if let Some(rule) = expect
            .rule
            .as_ref()
            .filter(|rule| self.rule.as_ref() != Some(rule))
        {
            told.push(format!("expected {rule}, found {found}"));
        }
        if let Some(row) = silent.as_ref().filter(|row| self.silent.as_ref() != Some(row)) {
            told.push(format!("expected the silence of {row}, found {found}"));
        }
        if silent.is_some() && !self.cards.is_empty() {
            told.push("expected silence, found cards".to_owned());
        }
        if expect.refused != self.refused {
            let word = |refused: bool| if refused { "a refusal" } else { "an answer" };
            told.push(format!(
                "expected {}, found {}",
                word(expect.refused),
                word(self.refused)
            ));
        }
    }

    fn topics(&self, expect: &Expect, told: &mut Vec<String>) {
        let Some(wanted) = &expect.topics else { return };
        let wanted: Vec<_> = wanted
            .iter()
            .map(|(topic, indicator)| (Topic::from(*topic), Indicator::from(*indicator)))
            .collect();
        for (topic, indicator) in &wanted {
            match self.cards.iter().find(|(found, ..)| found == topic) {
                None => told.push(format!(
                    "expected a card {} at {}, found none",
                    topic.code(),
                    indicator.code()
                )),
                Some((_, found, _)) if found != indicator => {
                    told.push(format!(
                        "expected {} at {}, found {}",
                        topic.code(),
                        indicator.code(),
                        found.code()
                    ));
                }
                Some(_) => {}
            }
        }
        for (topic, indicator, _) in &self.cards {
            if wanted.iter().all(|(known, _)| known != topic) {
                told.push(format!(
                    "expected no card {}, found one at {}",
                    topic.code(),
                    indicator.code()
                ));
            }
        }
    }

    fn named(
        &self,
        what: &str,
        wanted: &std::collections::BTreeMap<String, String>,
        found: &[(String, &'static str)],
        told: &mut Vec<String>,
    ) {
        for (name, status) in wanted {
            let of_it: Vec<&str> = found
                .iter()
                .filter(|(known, _)| known == name)
                .map(|(_, status)| *status)
                .collect();
            if of_it.is_empty() {
                told.push(format!("expected {what} {name} {status}, found none"));
            } else if !of_it.contains(&status.as_str()) {
                told.push(format!("expected {what} {name} {status}, found {}", of_it[0]));
            }
        }
    }

    fn schedule(&self, expect: &Expect, told: &mut Vec<String>) {
        let Some(wanted) = &expect.schedule else { return };
        let days: Option<Vec<_>> = wanted.iter().map(|day| phrases::day(day.get_ref())).collect();
        if days.as_ref() != Some(&self.schedule) {
            let day = |doses: &Vec<Decimal>| {
                doses
                    .iter()
                    .map(ToString::to_string)
                    .collect::<Vec<_>>()
                    .join(" + ")
            };
            let found: Vec<String> = self.schedule.iter().map(day).collect();
            told.push(format!("expected another schedule, found {found:?}"));
        }
    }

    fn texts(&self, expect: &Expect, told: &mut Vec<String>) {
        for words in &expect.says {
            if !self
                .cards
                .iter()
                .any(|(_, _, text)| text.contains(words.as_str()))
            {
                told.push(format!("expected a card that says '{words}'"));
            }
        }
        for words in &expect.never {
            let lower = words.to_lowercase();
            if self
                .cards
                .iter()
                .any(|(_, _, text)| text.to_lowercase().contains(&lower))
            {
                told.push(format!("expected no card that says '{words}'"));
            }
        }
    }
}
