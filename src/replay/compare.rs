//! What differs between two answers about the same patient.
//!
//! Turns two [`Told`] into [`Difference`]s, card by card of the same topic. Identifiers that are new in every
//! answer, and the version of the tables, are no difference.

use super::told::{CardTold, Told};
use serde::Serialize;

/// In what respect.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Kind {
    /// One set of tables cannot read it, or knows no such case.
    Unreadable,
    /// Whether there is an answer at all, and whether it is shown.
    Outcome,
    /// The rule that leads, or that a card follows.
    Rule,
    /// The rows that silenced.
    Silence,
    /// A card is there or not.
    Topic,
    /// Urgency of a card.
    Indicator,
    /// How good the evidence of a card is.
    Evidence,
    /// Words of the summary.
    Summary,
    /// Words of the text.
    Detail,
    /// Steps of a reduction.
    Schedule,
    /// Agents, their status or its reasons.
    Agents,
    /// What is missing.
    Gaps,
    /// Labels of suggestions.
    Suggestions,
    /// Sources.
    Sources,
}

impl Kind {
    /// All, in the order in which they are told.
    pub const ALL: [Kind; 14] = [
        Kind::Unreadable,
        Kind::Outcome,
        Kind::Rule,
        Kind::Silence,
        Kind::Topic,
        Kind::Indicator,
        Kind::Evidence,
        Kind::Summary,
        Kind::Detail,
        Kind::Schedule,
        Kind::Agents,
        Kind::Gaps,
        Kind::Suggestions,
        Kind::Sources,
    ];

    /// Its name.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Kind::Unreadable => "unreadable",
            Kind::Outcome => "outcome",
            Kind::Rule => "rule",
            Kind::Silence => "silence",
            Kind::Topic => "topic",
            Kind::Indicator => "indicator",
            Kind::Evidence => "evidence",
            Kind::Summary => "summary",
            Kind::Detail => "detail",
            Kind::Schedule => "schedule",
            Kind::Agents => "agents",
            Kind::Gaps => "gaps",
            Kind::Suggestions => "suggestions",
            Kind::Sources => "sources",
        }
    }
}

/// One difference.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Difference {
    /// In what respect.
    pub kind: Kind,
    /// Topic of the card, where it is one card's.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub topic: Option<&'static str>,
    /// What only the old answer has.
    pub before: Vec<String>,
    /// What only the new answer has.
    pub after: Vec<String>,
}

/// Everything that differs.
#[must_use]
pub fn differences(old: &Told, new: &Told) -> Vec<Difference> {
    let mut found = Found(Vec::new());
    found.compare(Kind::Outcome, None, &[old.outcome], &[new.outcome]);
    found.compare(
        Kind::Outcome,
        None,
        old.undecided.as_slice(),
        new.undecided.as_slice(),
    );
    found.compare(Kind::Rule, None, old.rule.as_slice(), new.rule.as_slice());
    found.compare(Kind::Silence, None, &old.silenced_by, &new.silenced_by);
    for before in &old.cards {
        match new.cards.iter().find(|after| after.topic == before.topic) {
            Some(after) => found.cards(before, after),
            None => found.add(Kind::Topic, before.topic, vec![headline(before)], Vec::new()),
        }
    }
    for after in &new.cards {
        if old.cards.iter().all(|before| before.topic != after.topic) {
            found.add(Kind::Topic, after.topic, Vec::new(), vec![headline(after)]);
        }
    }
    let mut found = found.0;
    found.sort_by_key(|difference| difference.kind);
    found
}

fn headline(card: &CardTold) -> String {
    let withheld = if card.withheld { ", withheld" } else { "" };
    format!("{} ({}{withheld}): {}", card.topic, card.indicator, card.summary)
}

struct Found(Vec<Difference>);

impl Found {
    fn add(&mut self, kind: Kind, topic: &'static str, before: Vec<String>, after: Vec<String>) {
        self.0.push(Difference {
            kind,
            topic: Some(topic),
            before,
            after,
        });
    }

    /// What only one of two lists has. The same things in another order differ as a whole.
    fn compare<T: AsRef<str> + PartialEq>(
        &mut self,
        kind: Kind,
        topic: Option<&'static str>,
        old: &[T],
        new: &[T],
    ) {
        if old == new {
            return;
        }
        let only = |of: &[T], not: &[T]| -> Vec<String> {
            let only = of.iter().filter(|one| !not.contains(one));
            only.map(|one| one.as_ref().to_owned()).collect()
        };
        let (mut before, mut after) = (only(old, new), only(new, old));
        if before.is_empty() && after.is_empty() {
            before = only(old, &[]);
            after = only(new, &[]);
        }
        self.0.push(Difference {
            kind,
            topic,
            before,
            after,
        });
    }

    fn cards(&mut self, old: &CardTold, new: &CardTold) {
        let topic = Some(old.topic);
        let mode = |card: &CardTold| if card.withheld { "withheld" } else { "shown" };
        self.compare(Kind::Outcome, topic, &[mode(old)], &[mode(new)]);
        self.compare(Kind::Rule, topic, &[&old.rule], &[&new.rule]);
        self.compare(Kind::Indicator, topic, &[old.indicator], &[new.indicator]);
        self.compare(Kind::Evidence, topic, &[old.evidence], &[new.evidence]);
        self.compare(Kind::Summary, topic, &[&old.summary], &[&new.summary]);
        self.compare(Kind::Detail, topic, &lines(&old.detail), &lines(&new.detail));
        self.compare(Kind::Schedule, topic, &old.schedule, &new.schedule);
        self.compare(Kind::Agents, topic, &old.agents, &new.agents);
        self.compare(Kind::Gaps, topic, &old.gaps, &new.gaps);
        self.compare(Kind::Suggestions, topic, &old.suggestions, &new.suggestions);
        self.compare(Kind::Sources, topic, &old.sources, &new.sources);
    }
}

fn lines(text: &str) -> Vec<&str> {
    text.lines().filter(|line| !line.trim().is_empty()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(summary: &str) -> Told {
        Told {
            at: None,
            at_by: None,
            hook: None,
            client: None,
            patient: None,
            outcome: "cards",
            rule: Some("d/t/r".to_owned()),
            silenced_by: Vec::new(),
            undecided: None,
            cards: vec![CardTold {
                topic: "taper",
                indicator: "info",
                withheld: false,
                rule: "d/t/r".to_owned(),
                evidence: "opinion",
                summary: summary.to_owned(),
                detail: "one\n\ntwo".to_owned(),
                gaps: Vec::new(),
                agents: Vec::new(),
                schedule: vec!["14 days: 2 mg".to_owned(), "14 days: 1 mg".to_owned()],
                suggestions: Vec::new(),
                sources: Vec::new(),
            }],
        }
    }

    #[test]
    fn each_respect_is_told_once_with_what_was_and_what_is() {
        let (old, mut new) = (told("a"), told("b"));
        assert_eq!(differences(&old, &old), []);
        new.cards[0].detail = "one\ntwo and a half".to_owned();
        new.cards[0].schedule.reverse();
        new.cards[0].indicator = "warning";
        let found = differences(&old, &new);
        let told: Vec<(&str, &[String], &[String])> = found
            .iter()
            .map(|d| (d.kind.name(), &*d.before, &*d.after))
            .collect();
        let words = |texts: &[&str]| texts.iter().map(|t| (*t).to_owned()).collect::<Vec<_>>();
        assert_eq!(
            told,
            [
                ("indicator", &*words(&["info"]), &*words(&["warning"])),
                ("summary", &*words(&["a"]), &*words(&["b"])),
                ("detail", &*words(&["two"]), &*words(&["two and a half"])),
                (
                    "schedule",
                    &*words(&["14 days: 2 mg", "14 days: 1 mg"]),
                    &*words(&["14 days: 1 mg", "14 days: 2 mg"])
                ),
            ]
        );
    }

    #[test]
    fn a_card_that_is_gone_and_one_that_is_new_are_told() {
        let (old, mut new) = (told("a"), told("a"));
        new.cards[0].topic = "monitoring";
        let kinds: Vec<_> = differences(&old, &new)
            .iter()
            .map(|d| (d.kind, d.topic))
            .collect();
        assert_eq!(
            kinds,
            [(Kind::Topic, Some("taper")), (Kind::Topic, Some("monitoring"))]
        );
    }
}
