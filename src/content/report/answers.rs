//! What the cases are answered, for the report: which row decided, and how its card looks.

use crate::clinical::evaluate::evaluate;
use crate::clinical::knowledge::Knowledge;
use crate::content::expectations::Answer;
use crate::content::files::Files;
use crate::content::page::Problem;
use crate::content::situations::situations;
use crate::markdown;
use std::collections::BTreeMap;

/// Answers by the path of the case.
pub(super) struct Answers {
    cases: Vec<Answered>,
    by_rule: BTreeMap<String, Vec<usize>>,
}

/// A case and its answer.
pub(super) struct Answered {
    pub(super) path: String,
    pub(super) anchor: String,
    /// The sentence of its file name.
    pub(super) sentence: String,
    /// `drug/table/row` that decided; empty if nothing did.
    pub(super) rule: String,
    pub(super) cards: Vec<Shown>,
}

/// A card of an answer.
pub(super) struct Shown {
    pub(super) indicator: &'static str,
    pub(super) topic: &'static str,
    pub(super) summary: String,
    /// Detail as safe HTML.
    pub(super) detail: String,
    rule: String,
}

impl Answers {
    /// Evaluates every case.
    pub(super) fn of(files: &Files, knowledge: &Knowledge) -> Result<Self, Vec<Problem>> {
        let mut answers = Answers {
            cases: Vec::new(),
            by_rule: BTreeMap::new(),
        };
        for situation in situations(files, knowledge)? {
            let evaluation = evaluate(&situation.record, knowledge, situation.now);
            let answer = Answer::of(&evaluation, knowledge);
            let rule = answer.rule.or(answer.silent).unwrap_or_default();
            let cards = evaluation.cards.iter().map(|card| Shown {
                indicator: card.indicator.code(),
                topic: card.topic.code(),
                summary: card.summary.clone(),
                detail: markdown::html(&card.detail),
                rule: card.basis.rule.clone(),
            });
            let place = answers.cases.len();
            answers.by_rule.entry(rule.clone()).or_default().push(place);
            answers.cases.push(Answered {
                anchor: format!("case-{place}"),
                sentence: sentence(&situation.path),
                cards: cards.collect(),
                path: situation.path,
                rule,
            });
        }
        Ok(answers)
    }

    /// The cases that a row decides.
    pub(super) fn decided_by(&self, rule: &str) -> impl Iterator<Item = &Answered> {
        let places = self.by_rule.get(rule).into_iter().flatten();
        places.filter_map(|place| self.cases.get(*place))
    }

    /// The cases of a drug.
    pub(super) fn of_drug(&self, drug: &str) -> impl Iterator<Item = &Answered> {
        let folder = format!("withdrawals/{drug}/");
        self.cases
            .iter()
            .filter(move |case| case.path.starts_with(&folder))
    }
}

impl Answered {
    /// The card that speaks for the row that decided.
    pub(super) fn leading(&self) -> Option<&Shown> {
        self.cards.iter().find(|card| card.rule == self.rule)
    }
}

fn sentence(path: &str) -> String {
    let name = path.rsplit('/').next().unwrap_or(path);
    let words = name.trim_end_matches(".toml").replace('-', " ");
    let mut letters = words.chars();
    match letters.next() {
        Some(first) => first.to_uppercase().chain(letters).collect(),
        None => words,
    }
}
