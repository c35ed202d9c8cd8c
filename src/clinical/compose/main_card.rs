//! The main card: the warning, the rightful stop or the card of a gate, with all that it rests on.

use super::inputs::{evidence_of, inputs_of, order_at, result_at};
use super::{Basis, Card, Input, Proposal, Suggestion, Writer, companions, text};
use crate::clinical::gap::{Gap, Truth, Why};
use crate::clinical::knowledge::{Rightful, Topic};
use crate::clinical::record::{Drug, Order, Role, SOURCES, Source};
use crate::clinical::signal::{Entry, Latest, Leaves};
use crate::clinical::therapy::End;
use crate::clinical::vocabulary::AnalyteId;

impl<'k> Writer<'_, 'k> {
    /// The warning, the rightful stop, or the card of a gate; with the reason why no reduction is offered.
    pub(super) fn main(&self, no_taper: Option<&'k str>) -> Card<'k> {
        let finding = self.finding;
        let (inputs, gaps) = self.checks();
        let mut sections = self.sections();
        if let Some(opens) = finding.opens() {
            sections.line(opens);
        }
        sections.why_beside(
            &self.numbers(),
            &finding.statement.text.why,
            self.values().drafted(),
        );
        for line in self.doubts() {
            sections.plain(&line);
        }
        sections.lines(finding.lines.iter().map(|line| &*line.says));
        sections.listed("heading.misleading", &finding.statement.text.misleading);
        let gaps = self.tidy(gaps);
        sections.gaps(&gaps, finding.raised);
        sections.listed("heading.sure", &finding.statement.text.sure);
        sections.listed("heading.courses", &finding.statement.text.courses);
        if let (true, Some(why)) = (finding.warns(), no_taper) {
            sections.plain(why);
        }
        let basis = Basis {
            gaps,
            ..self.basis(finding.statement.evidence, inputs, Vec::new())
        };
        let mut card = self.card(finding.topic, finding.statement, sections.text, basis);
        card.indicator = finding.indicator;
        if let Some(part) = finding.partial.and_then(|r| r.partial.as_ref()) {
            card.sources.extend(
                part.sources
                    .iter()
                    .filter(|s| !finding.statement.sources.contains(s)),
            );
        }
        for source in finding.lines.iter().flat_map(|line| &line.sources) {
            if !card.sources.contains(source) {
                card.sources.push(*source);
            }
        }
        if finding.warns() {
            card.suggestions = self.keep();
        }
        card
    }

    /// Beside a hold: the record holds a reason for it.
    pub(super) fn also_right(&self, right: &'k Rightful) -> Card<'k> {
        let mut sections = self.sections();
        sections.why(&[], &right.statement.text.why);
        sections.listed("heading.sure", &right.statement.text.sure);
        sections.listed("heading.courses", &right.statement.text.courses);
        let mut basis = self.basis(right.statement.evidence, Vec::new(), Vec::new());
        let mut entries = Vec::new();
        let mut leaves = Leaves::new();
        self.signals.leaves(&right.when, &mut leaves);
        for reading in leaves
            .iter()
            .filter_map(|id| self.signals.reading(*id))
            .filter(|r| r.truth == Truth::True)
        {
            entries.extend(reading.entries.iter().copied());
        }
        basis.inputs = inputs_of(self.signals, &entries);
        basis.rule = format!("{}/right-to-stop/{}", self.withdrawal.key, right.row);
        self.card(Topic::StopMayBeRight, &right.statement, sections.text, basis)
    }

    /// Everything that the main card rests on: evidence, the row's entries, first checks, therapy, person.
    fn checks(&self) -> (Vec<Input<'k>>, Vec<Gap<'k>>) {
        let finding = self.finding;
        let mut inputs = evidence_of(self.signals, &finding.evidence, finding.indication.kind);
        let mut entries = finding.entries.clone();
        let mut gaps = Vec::new();
        if finding.warns() || finding.topic == Topic::StopMayBeRight {
            for &(analyte, latest) in &self.checks {
                let need = &*self.knowledge.vocabulary.analyte(analyte).key;
                match latest {
                    Latest::Found(index) => {
                        entries.push(Entry::Result(index));
                        let early = self.withdrawal.level == Some(analyte)
                            && self.signals.not_a_trough(&self.record.results[index]) == Some(Why::NotTrough);
                        if let Some(against) = self.doubt(analyte, index) {
                            entries.push(against);
                            gaps.push(Gap::new(need, Why::Conflicting));
                        } else if early {
                            gaps.push(Gap::new(need, Why::NotTrough));
                        }
                    }
                    Latest::Stale(index) => {
                        entries.push(Entry::Result(index));
                        gaps.push(Gap::new(need, Why::Stale));
                    }
                    Latest::Missing(why) | Latest::Hidden(why, _) => gaps.push(Gap::new(need, why)),
                }
            }
        }
        gaps.extend(&finding.gaps);
        let stop_reason = self.signals.therapy.stopping.iter().find(|&&i| {
            let order = &self.record.orders[i];
            !order.status_reason_codes.is_empty() || !order.status_reason_text.is_empty()
        });
        entries.extend(stop_reason.map(|&i| Entry::StopReason(i)));
        entries.extend([Entry::TherapyStart, Entry::Age, Entry::Sex]);
        entries.extend(
            companions(self.signals, |_| true)
                .into_iter()
                .map(|(i, _)| Entry::Order(i)),
        );
        inputs.extend(inputs_of(self.signals, &entries));
        gaps.extend(self.order_gaps());
        (inputs, gaps)
    }

    /// What speaks against a value that was found.
    fn doubt(&self, analyte: AnalyteId, index: usize) -> Option<Entry> {
        if self.withdrawal.level == Some(analyte) {
            return self.signals.level_mover().map(Entry::Order);
        }
        self.signals.disagreeing(index).map(Entry::Result)
    }

    /// The same, in words.
    fn doubts(&self) -> Vec<String> {
        let (words, values) = (&self.knowledge.words, self.values());
        let found = self.checks.iter().filter_map(|(analyte, latest)| match latest {
            Latest::Found(index) => Some((*index, self.doubt(*analyte, *index)?)),
            Latest::Stale(_) | Latest::Missing(_) | Latest::Hidden(..) => None,
        });
        let measured = |index: usize| {
            let name = &self
                .knowledge
                .vocabulary
                .analyte(self.record.results[index].analyte)
                .name;
            Some(format!("{name} {}", values.shown(index)?))
        };
        found
            .filter_map(|(index, against)| {
                if let Some(order) = order_at(against) {
                    let drug = text::plain(&self.record.orders[order].drug_text);
                    return Some(words.with("doubt.level", &[("drug", &drug)]));
                }
                let (one, other) = (measured(index)?, measured(result_at(against)?)?);
                Some(words.with("doubt.measures", &[("one", &one), ("other", &other)]))
            })
            .collect()
    }

    /// What the stopped orders leave open: drug, route, formulation, restart, birth date.
    fn order_gaps(&self) -> Vec<Gap<'k>> {
        let mut gaps = Vec::new();
        let unreadable =
            |o: &Order| o.role == Role::Stopping && o.drug == Drug::Unreadable && o.status.counts_as_stop();
        if self.record.orders.iter().any(unreadable) {
            gaps.push(Gap::new("drug", Why::NotReadable));
        }
        if !self.signals.therapy.systemic {
            gaps.push(Gap::new("route", Why::Absent));
        }
        if self.signals.therapy.end == End::Unknown {
            gaps.push(Gap::new("stop-date", Why::Absent));
        }
        if self.finding.topic == Topic::HoldAndRestart && self.signals.therapy.restart.is_none() {
            gaps.push(Gap::new("restart-date", Why::Absent));
        }
        if self.finding.warns() {
            if self.finding.indication.taper.is_some() && self.signals.therapy.formulation.is_none() {
                gaps.push(Gap::new("formulation", Why::Absent));
            }
            if self.record.person.birth.is_none() {
                gaps.push(Gap::new("birth-date", Why::Absent));
            }
        }
        gaps
    }

    /// Each need once; sources that failed once, and not their single results; only names of the contract.
    pub(super) fn tidy(&self, gaps: Vec<Gap<'k>>) -> Vec<Gap<'k>> {
        let state = |source: Source| self.record.sources.of(source);
        let mut tidy: Vec<Gap<'k>> = Vec::new();
        for source in SOURCES.into_iter().filter(|s| *s != Source::Screens) {
            if let Some(why) = state(source).missing() {
                tidy.push(Gap::new(source.key(), why));
            } else if state(source).unreadable {
                tidy.push(Gap::new(source.key(), Why::NotReadable));
            }
            if state(source).foreign {
                tidy.push(Gap::new(source.key(), Why::OtherPatient));
            }
        }
        for gap in gaps {
            let vocabulary = &self.knowledge.vocabulary;
            let analyte = vocabulary.analyte_names.get(gap.need);
            let analyte = analyte.map(|id| vocabulary.analyte(*id));
            let lost = match analyte {
                // The results of both keys are one source to the reader; where screens alone failed, they are named.
                Some(analyte) if analyte.screen => {
                    state(Source::Observations).missing().is_some()
                        && state(Source::Screens).missing().is_some()
                }
                Some(_) => state(Source::Observations).missing().is_some(),
                None => {
                    matches!(gap.need, "birth-date" | "sex") && state(Source::Patient).missing().is_some()
                }
            };
            let gap = match analyte {
                Some(analyte) if *analyte.need != *gap.need => Gap::new(&analyte.need, gap.why),
                Some(_) | None => gap,
            };
            if !lost && !tidy.iter().any(|g| g.need == gap.need) {
                tidy.push(gap);
            }
        }
        tidy
    }

    /// The patient's numbers, as the "why" section shows them: those of the row, then the first checks.
    fn numbers(&self) -> Vec<String> {
        let values = self.values();
        let mut seen: Vec<AnalyteId> = Vec::new();
        let mut lines = Vec::new();
        let of_row = self.finding.entries.iter().filter_map(|entry| result_at(*entry));
        let looks_back = self.finding.topic == Topic::Rebound;
        let checks = if looks_back { &[][..] } else { &self.checks };
        let of_checks = checks.iter().filter_map(|(_, latest)| match latest {
            Latest::Found(i) => Some(*i),
            Latest::Stale(_) | Latest::Missing(_) | Latest::Hidden(..) => None,
        });
        for index in of_row.chain(of_checks) {
            let result = &self.record.results[index];
            if seen.contains(&result.analyte) {
                continue;
            }
            seen.push(result.analyte);
            let name = &self.knowledge.vocabulary.analyte(result.analyte).name;
            let (Some(value), Some(when)) = (values.shown(index), result.when) else {
                continue;
            };
            let (earlier, phrase) = if looks_back {
                (self.signals.before_stop(result.analyte), "number.baseline")
            } else {
                (values.before(index), "number.before")
            };
            let earlier = earlier.and_then(|i| Some((values.shown(i)?, self.record.results[i].when?)));
            let before = earlier
                .map(|(value, when)| {
                    let values = [("value", &*value), ("date", &*when.human())];
                    self.knowledge.words.with(phrase, &values)
                })
                .unwrap_or_default();
            lines.push(format!("{name} {value} ({}{before})", when.human()));
        }
        lines
    }

    fn keep(&self) -> Vec<Suggestion<'k>> {
        let words = &self.knowledge.words;
        let inline = self.signals.therapy.stopping.iter().copied().filter(|&i| {
            let order = &self.record.orders[i];
            order.received.is_some() && order.reference.is_some()
        });
        inline
            .map(|i| {
                let drug = text::plain(&self.record.orders[i].drug_text);
                Suggestion {
                    label: words.with("suggestion.keep-order", &[("drug", &drug)]),
                    description: words.with("action.keep-order", &[("drug", &drug)]),
                    recommended: false,
                    proposal: Proposal::Keep(i),
                }
            })
            .collect()
    }
}
