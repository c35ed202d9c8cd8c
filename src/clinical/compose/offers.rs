//! The cards beside the main one: steps, agents, tests.

use super::inputs::{evidence_of, inputs_of};
use super::values::dose_in_words;
use super::{AgentStatus, Basis, Card, Line, Made, Proposal, Suggestion, Writer, is_child, text};
use crate::clinical::agents::{Screening, Status};
use crate::clinical::gap::{Gap, Why};
use crate::clinical::knowledge::{Kind, Monitor, TaperPlan, Topic, Words};
use crate::clinical::record::{Dose, Drug, PatientRecord};
use crate::clinical::signal::{Entry, Latest};
use crate::clinical::taper::Step;
use crate::clinical::vocabulary::AnalyteId;
use std::borrow::Cow;

/// Steps with the words of their doses.
pub fn steps_in_words(steps: &[Step], words: &Words) -> Vec<(Step, String)> {
    let told = |step: &Step| {
        Some((
            step.clone(),
            dose_in_words(words, &Dose::PerDay(step.doses.clone()))?,
        ))
    };
    steps.iter().filter_map(told).collect()
}

/// The draft order of a reduction after the order at `after`; `None` if its drug is not known.
pub fn reduction<'k>(
    record: &PatientRecord,
    after: usize,
    steps: Vec<(Step, String)>,
) -> Option<Proposal<'k>> {
    let order = record.orders.get(after)?;
    let Drug::Known { ingredient, .. } = order.drug else {
        return None;
    };
    Some(Proposal::Taper {
        after,
        ingredient,
        text: text::plain(&order.drug_text).into_owned(),
        steps,
    })
}

impl<'k> Writer<'_, 'k> {
    pub(super) fn taper(&self, plan: &'k TaperPlan, steps: Vec<Step>) -> Option<Card<'k>> {
        let after = *self.signals.therapy.stopping.first()?;
        let words = &self.knowledge.words;
        let in_words = steps_in_words(&steps, words);
        let mut sections = self.sections();
        sections.steps(&in_words);
        sections.why(&[], &plan.statement.text.why);
        sections.listed("heading.misleading", &plan.statement.text.misleading);
        sections.listed("heading.sure", &plan.statement.text.sure);
        sections.listed("heading.courses", &plan.statement.text.courses);
        let mut basis = self.basis(
            plan.statement.evidence,
            inputs_of(self.signals, &[Entry::Age]),
            Vec::new(),
        );
        basis.inputs.extend(evidence_of(
            self.signals,
            &self.finding.evidence,
            self.finding.indication.kind,
        ));
        basis.schedule = steps;
        let mut card = self.card(Topic::Taper, &plan.statement, sections.text, basis);
        let count = in_words.len().to_string();
        let proposal = reduction(self.record, after, in_words)?;
        let Proposal::Taper { ingredient, .. } = proposal else {
            return None;
        };
        let drug = &*self.knowledge.vocabulary.ingredient(ingredient).name;
        card.suggestions = vec![Suggestion {
            label: words.with("suggestion.draft-taper", &[("drug", drug)]),
            description: words.with("action.draft-taper", &[("drug", drug), ("steps", &count)]),
            recommended: true,
            proposal,
        }];
        Some(card)
    }

    pub(super) fn agents(&self, screening: Screening<'k>) -> Option<Card<'k>> {
        let statement = self.finding.indication.agents_text.as_ref()?;
        if screening.agents.is_empty() {
            return None;
        }
        let adult = is_child(self.record, self.signals) == Some(false);
        let mut sections = self.sections();
        sections.agents(&screening, adult);
        sections.why(&[], &statement.text.why);
        sections.listed("heading.misleading", &statement.text.misleading);
        let mut gaps = screening.gaps.clone();
        let (weight, weight_gap) = self.weight(&screening);
        gaps.extend(weight_gap);
        let gaps = self.tidy(gaps);
        sections.gaps(&gaps, false);
        sections.listed("heading.sure", &statement.text.sure);
        let mut entries = screening.entries.clone();
        entries.extend(weight);
        let mut basis = Basis {
            gaps,
            ..self.basis(statement.evidence, inputs_of(self.signals, &entries), Vec::new())
        };
        basis.agents = screening
            .agents
            .iter()
            .map(|s| AgentStatus {
                agent: s.of.agent,
                status: s.status,
                reasons: s.reasons.clone(),
            })
            .collect();
        let mut card = self.card(Topic::AlternativeAgents, statement, sections.text, basis);
        for screened in &screening.agents {
            for source in std::iter::once(&screened.of.source).chain(&screened.agent.sources) {
                if !card.sources.contains(source) {
                    card.sources.push(*source);
                }
            }
        }
        card.suggestions = self.proposals(&screening, adult);
        Some(card)
    }

    /// Weight as an input or a gap, where a dose of an agent that may be used depends on it.
    fn weight(&self, screening: &Screening<'_>) -> (Option<Entry>, Option<Gap<'k>>) {
        let matters = screening.agents.iter().any(|s| {
            (s.agent.weight_based || s.of.weight_based)
                && matches!(s.status, Status::Offered | Status::CheckFirst)
        });
        let analytes = &self.knowledge.vocabulary.analytes;
        let found = (0u16..).zip(analytes).find(|(_, analyte)| analyte.doses);
        let (true, Some((id, weight))) = (matters, found) else {
            return (None, None);
        };
        let gap = |why| Some(Gap::new(&weight.need, why));
        let days = self.knowledge.needs.observation_days;
        match self.signals.latest_of(AnalyteId(id), days) {
            Latest::Found(index) => (Some(Entry::Result(index)), None),
            Latest::Stale(index) => (Some(Entry::Result(index)), gap(Why::Stale)),
            Latest::Missing(why) | Latest::Hidden(why, _) => (None, gap(why)),
        }
    }

    fn proposals(&self, screening: &Screening<'k>, adult: bool) -> Vec<Suggestion<'k>> {
        let words = &self.knowledge.words;
        let open = screening
            .agents
            .iter()
            .filter(|s| matches!(s.status, Status::Offered | Status::CheckFirst));
        open.map(|s| {
            let first = s.reasons.join(", ");
            let key = if s.status == Status::Offered {
                "suggestion.agent"
            } else {
                "suggestion.agent-check-first"
            };
            Suggestion {
                label: words.with(key, &[("name", &s.agent.name), ("reasons", &first)]),
                description: words.with("action.agent", &[("name", &s.agent.name)]),
                recommended: false,
                proposal: Proposal::Agent {
                    agent: s.of.agent,
                    dose: adult.then_some(&*s.of.dose),
                    note: first,
                },
            }
        })
        .collect()
    }

    pub(super) fn monitoring(&self) -> Option<Made<'k>> {
        let finding = self.finding;
        let wanted = finding.warns() || finding.topic == Topic::StopMayBeRight;
        let statement = finding.indication.monitoring_text.as_ref().filter(|_| wanted)?;
        let own: &'k [Monitor] = finding.rightful.map_or(&[], |right| &right.monitoring);
        let tests: Vec<&'k Monitor> = if own.is_empty() {
            finding.indication.monitoring.iter().collect()
        } else {
            own.iter().collect()
        };
        let mut sections = self.sections();
        sections.lines(tests.iter().map(|t| &*t.says));
        sections.why(&[], &statement.text.why);
        sections.listed("heading.misleading", &statement.text.misleading);
        sections.listed("heading.sure", &statement.text.sure);
        sections.listed("heading.courses", &statement.text.courses);
        let missing = finding
            .partial
            .and_then(|r| r.partial.as_ref())
            .map_or(&[][..], |p| &p.tests);
        let evidence = evidence_of(self.signals, &finding.evidence, finding.indication.kind);
        let basis = self.basis(statement.evidence, evidence, Vec::new());
        let mut card = self.card(Topic::Monitoring, statement, sections.text, basis);
        let words = &self.knowledge.words;
        let now = missing.iter().map(|a| (*a, 0, words.get("partial.test")));
        for (analyte, in_days, says) in now.chain(tests.iter().map(|t| (t.analyte, t.first, &*t.says))) {
            let known = self.knowledge.vocabulary.analyte(analyte);
            if known.order.is_none() {
                continue;
            }
            card.suggestions.push(Suggestion {
                label: words.with(
                    "suggestion.test",
                    &[("test", &known.name), ("days", &in_days.to_string())],
                ),
                description: words.with("action.test", &[("test", &known.name)]),
                recommended: false,
                proposal: Proposal::Test {
                    analyte,
                    in_days,
                    says,
                },
            });
        }
        if finding.indication.kind == Kind::Unknown && card.suggestions.is_empty() && tests.is_empty() {
            return None;
        }
        let line = |test: &&'k Monitor| Line {
            about: Some(test.analyte),
            says: Cow::Borrowed(&*test.says),
        };
        Some(Made {
            card,
            heading: self.own_names(),
            lines: tests.iter().map(line).collect(),
        })
    }
}
