//! Several findings of one request, told as one answer.
//!
//! Turns what was decided about each stopped drug into the finding that leads, the names that each card
//! carries, and one card of a topic. The others of a topic are not dropped: the leading card names their
//! drugs, says why for each, links their sources and offers to keep their orders. It decides nothing about
//! a drug by itself.
//!
//! A right stop and a warning never stand side by side (contract, section 2): the drug of the better rank
//! gives the card its topic, and the other is treated in its text.

use super::compose::{Beside, Card, Line, Made, Names, Paragraph, companions};
use super::judge::{Finding, Verdict};
use super::knowledge::{Indicator, Knowledge, Topic};
use super::record::{Drug, PatientRecord};
use super::signal::Signals;
use super::therapy::Therapy;
use super::vocabulary::IngredientId;

/// Most cards in one answer (contract, section 2).
const MOST_CARDS: usize = 4;

/// Whether a finding is about the end of a drug, not about a hold or a switch.
fn ends(finding: &Finding<'_>) -> bool {
    matches!(finding.topic, Topic::AbruptWithdrawal | Topic::StopMayBeRight)
}

/// The finding that leads (its place among the verdicts, which stand in the order of rank).
pub(super) fn lead(verdicts: &[&Verdict<'_>]) -> Option<usize> {
    let findings = || {
        verdicts
            .iter()
            .enumerate()
            .filter_map(|(i, verdict)| match verdict {
                Verdict::Finding(finding) => Some((i, finding)),
                Verdict::Silent { .. } => None,
            })
    };
    let first = findings().find(|(_, finding)| ends(finding));
    let topic = first.map(|(_, finding)| finding.topic);
    let ending = findings().filter(|(_, finding)| Some(finding.topic) == topic);
    // A right stop leads by its rank, a warning by its urgency.
    let of_ends = if topic == Some(Topic::StopMayBeRight) {
        first
    } else {
        worst(ending)
    };
    let others = findings().filter(|(_, finding)| !ends(finding));
    worst(of_ends.into_iter().chain(others)).map(|(i, _)| i)
}

/// The most urgent; at equal urgency the topic's order, then the rank.
fn worst<'f, 'k: 'f>(
    findings: impl Iterator<Item = (usize, &'f Finding<'k>)>,
) -> Option<(usize, &'f Finding<'k>)> {
    findings.min_by_key(|(i, finding)| (std::cmp::Reverse(finding.indicator), finding.topic, *i))
}

/// The finding among those that end a drug which gives its cards their names.
pub(super) fn lead_of_ends(verdicts: &[&Verdict<'_>]) -> Option<usize> {
    let only_ends: Vec<usize> = verdicts
        .iter()
        .enumerate()
        .filter(|(_, verdict)| matches!(verdict, Verdict::Finding(finding) if ends(finding)))
        .map(|(i, _)| i)
        .collect();
    let ending: Vec<&Verdict<'_>> = only_ends.iter().map(|&i| verdicts[i]).collect();
    lead(&ending).and_then(|i| only_ends.get(i).copied())
}

/// What the names on the cards are made of.
pub(super) struct Basket<'b, 'k> {
    /// The record.
    pub(super) record: &'b PatientRecord,
    /// The tables.
    pub(super) knowledge: &'k Knowledge,
    /// Orders of each judged drug.
    pub(super) therapies: Vec<&'b Therapy>,
    /// What was decided about each.
    pub(super) verdicts: Vec<&'b Verdict<'k>>,
}

impl<'k> Basket<'_, 'k> {
    /// Names of the ingredients that one judged drug stops.
    fn stopped(&self, index: usize) -> Vec<&'k str> {
        let mut names = Vec::new();
        for &i in &self.therapies[index].stopping {
            if let Drug::Known { ingredient, .. } = self.record.orders[i].drug {
                let name = &*self.knowledge.vocabulary.ingredient(ingredient).name;
                if !names.contains(&name) {
                    names.push(name);
                }
            }
        }
        names
    }

    /// Ingredients of reviewed drugs that the request names without ending them: changed, held or replaced.
    fn not_ended(&self) -> Vec<IngredientId> {
        let mut list = Vec::new();
        for (therapy, verdict) in self.therapies.iter().zip(&self.verdicts) {
            if matches!(verdict, Verdict::Finding(finding) if ends(finding)) {
                continue;
            }
            list.extend(
                therapy
                    .stopping
                    .iter()
                    .filter_map(|&i| match self.record.orders[i].drug {
                        Drug::Known { ingredient, .. } => Some(ingredient),
                        Drug::Other | Drug::Unreadable => None,
                    }),
            );
        }
        list
    }

    /// The names for the cards of one finding; `lead` is the finding that leads those that end a drug.
    pub(super) fn names(
        &self,
        index: usize,
        finding: &Finding<'_>,
        lead: Option<usize>,
        signals: &Signals<'_, '_>,
    ) -> Names<'k> {
        let own = self.stopped(index);
        let not_ended = self.not_ended();
        let companions = self.companions(signals, finding, &not_ended);
        let together = |counts: &dyn Fn(&Finding<'_>) -> bool| {
            let others = (0..self.verdicts.len())
                .filter(|&i| matches!(self.verdicts[i], Verdict::Finding(other) if counts(other)));
            let first = lead.filter(|_| ends(finding));
            let names = first.into_iter().chain(others).flat_map(|i| self.stopped(i));
            each_once(names.chain(companions.iter().copied()))
        };
        let with_companions = each_once(own.iter().chain(&companions).copied());
        let all = if ends(finding) {
            together(&ends)
        } else {
            // Findings of one topic become one card.
            let alike = |i: &usize| matches!(self.verdicts[*i], Verdict::Finding(other) if other.topic == finding.topic);
            let others = (0..self.verdicts.len())
                .filter(alike)
                .flat_map(|i| self.stopped(i));
            each_once(
                own.iter()
                    .copied()
                    .chain(others)
                    .chain(companions.iter().copied()),
            )
        };
        // A drug that may rightly stop is no part of a warning, nor the other way round.
        let warned = |other: &Finding<'_>| other.topic == Topic::AbruptWithdrawal;
        let text = match finding.topic {
            Topic::AbruptWithdrawal if lead == Some(index) => {
                let right = (0..self.verdicts.len())
                    .filter(|&i| matches!(self.verdicts[i], Verdict::Finding(other) if ends(other) && !warned(other)))
                    .flat_map(|i| self.stopped(i))
                    .collect::<Vec<_>>();
                let mut names = together(&warned);
                names.retain(|name| !right.contains(name));
                names
            }
            Topic::AbruptWithdrawal | Topic::StopMayBeRight => own,
            Topic::Rebound
            | Topic::HoldAndRestart
            | Topic::ConversionCheck
            | Topic::Taper
            | Topic::AlternativeAgents
            | Topic::Monitoring => with_companions,
        };
        Names {
            text,
            all,
            not_ended,
            shared: self.verdicts.len() > 1,
        }
    }

    /// Drugs that are named together with the judged one, as far as they have no card of their own.
    fn companions(
        &self,
        signals: &Signals<'_, '_>,
        finding: &Finding<'_>,
        not_ended: &[IngredientId],
    ) -> Vec<&'k str> {
        companions(signals, |beside| beside == Beside::StopsToo)
            .into_iter()
            .map(|(_, id)| id)
            .filter(|id| !not_ended.contains(id))
            .filter(|id| ends(finding) || self.knowledge.withdrawal_of(*id).is_none())
            .map(|id| &*self.knowledge.vocabulary.ingredient(id).name)
            .collect()
    }
}

/// One card of a topic, the most urgent first, at most four. `made` holds the cards of each finding in the
/// order of rank; those of the leading one come first.
pub(super) fn merged<'k>(mut made: Vec<(usize, Made<'k>)>, lead: Option<usize>) -> Vec<Card<'k>> {
    made.sort_by_key(|(of, made)| (made.card.topic, Some(*of) != lead));
    let leading = made
        .iter()
        .find(|(of, made)| Some(*of) == lead && about_the_end(made.card.topic))
        .map(|(_, made)| made.card.topic);
    let mut cards: Vec<Made<'k>> = Vec::new();
    let mut aside = Vec::new();
    for (of, one) in made {
        let topic = one.card.topic;
        let at_lead = Some(of) == lead;
        if about_the_end(topic) && leading.is_some_and(|leading| leading != topic || !at_lead) {
            aside.push(one);
        } else if topic == Topic::Taper && !at_lead {
            // The taper is for the drug that leads; the others are treated in the text.
        } else if let Some(card) = cards.iter_mut().find(|made| made.card.topic == topic) {
            join(card, one);
        } else {
            cards.push(one);
        }
    }
    for one in aside {
        if let Some(card) = cards.iter_mut().find(|made| Some(made.card.topic) == leading) {
            join(card, one);
        }
    }
    let mut cards: Vec<Card<'k>> = cards.into_iter().map(|made| made.card).collect();
    if cards.iter().any(|card| card.topic == Topic::StopMayBeRight) {
        cards.retain(|card| card.topic != Topic::Taper);
    }
    cards.sort_by_key(|card| (std::cmp::Reverse(card.indicator), card.topic));
    cards.truncate(MOST_CARDS);
    cards
}

fn about_the_end(topic: Topic) -> bool {
    matches!(topic, Topic::AbruptWithdrawal | Topic::StopMayBeRight)
}

/// Adds what a card says to another of its topic, or to the one that leads.
fn join<'k>(into: &mut Made<'k>, mut other: Made<'k>) {
    let Made { card, lines, .. } = into;
    if card.topic == Topic::AlternativeAgents {
        return;
    }
    let told = |line: &Line<'_>| line.about.is_some() && lines.iter().any(|has| has.about == line.about);
    other.lines.retain(|line| !told(line));
    let mut paragraph = Paragraph::new(&mut card.detail, &other.heading);
    for line in &other.lines {
        paragraph.says(&line.says);
    }
    lines.append(&mut other.lines);
    let other = other.card;
    let worse = if card.topic == Topic::StopMayBeRight {
        // A right stop is never critical, also where another drug of the request should go on.
        other.indicator.min(Indicator::Warning)
    } else {
        other.indicator
    };
    card.indicator = card.indicator.max(worse);
    for source in other.sources {
        if !card.sources.contains(&source) {
            card.sources.push(source);
        }
    }
    for suggestion in other.suggestions {
        let test = suggestion.proposal.test();
        let known = test.is_some() && card.suggestions.iter().any(|has| has.proposal.test() == test);
        if !known {
            card.suggestions.push(suggestion);
        }
    }
}

/// The names in their order, each once.
fn each_once<'k>(names: impl Iterator<Item = &'k str>) -> Vec<&'k str> {
    let mut list: Vec<&str> = Vec::new();
    for name in names {
        if !list.contains(&name) {
            list.push(name);
        }
    }
    list
}
