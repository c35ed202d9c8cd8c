//! The cards: what the finding says, in the words of `hooks/` and with the patient's numbers.
//!
//! Turns a [`Finding`] into at most one card of a topic, each with the inputs that it relies on, the gaps
//! that it could not close, and its sources. It decides nothing: whether a card exists follows from the
//! finding, the plan of the indication and the screening. It writes no JSON and makes no identifiers.

mod inputs;
mod sections;
pub(crate) mod text;
mod values;

pub use inputs::{Input, Is};

use super::agents::{Screening, Status, screen};
use super::gap::{Gap, Truth, Why};
use super::judge::Finding;
use super::knowledge::{
    AgentId, Certainty, Indicator, Kind, Knowledge, Monitor, SourceId, Statement, Topic, Withdrawal,
};
use super::record::{Dose, Drug, PatientRecord, Role, SOURCES, Source};
use super::signal::{Entry, Latest, Signals, counts_as_stop, latest_of};
use super::taper::{Step, schedule};
use super::vocabulary::{AnalyteId, IngredientId};
use sections::Sections;
use values::Values;

/// One card, before it gets its identifiers and its FHIR resources.
pub struct Card<'k> {
    /// Topic.
    pub topic: Topic,
    /// Urgency.
    pub indicator: Indicator,
    /// One sentence below 140 characters.
    pub summary: String,
    /// GFM.
    pub detail: String,
    /// The card's own source first; each gets a link.
    pub sources: Vec<SourceId>,
    /// Machine-readable basis.
    pub basis: Basis<'k>,
    /// What may be accepted.
    pub suggestions: Vec<Suggestion<'k>>,
}

/// The machine-readable basis of a card (contract, section 2).
pub struct Basis<'k> {
    /// `drug/table/row`.
    pub rule: String,
    /// Ingredients that are stopped.
    pub drugs: Vec<String>,
    /// Code of the indication.
    pub indication: &'k str,
    /// Weakest evidence.
    pub evidence: Certainty,
    /// What it rests on.
    pub inputs: Vec<Input>,
    /// What is not known.
    pub gaps: Vec<Gap>,
    /// Agents with their status.
    pub agents: Vec<AgentStatus<'k>>,
    /// Steps, on a taper card only.
    pub schedule: Vec<Step>,
}

/// An agent in the basis.
pub struct AgentStatus<'k> {
    /// Which.
    pub agent: AgentId,
    /// Status.
    pub status: Status,
    /// Why, or what to check.
    pub reasons: Vec<&'k str>,
}

/// Something that can be accepted with one click.
pub struct Suggestion<'k> {
    /// Label.
    pub label: String,
    /// What its action does, for people.
    pub description: String,
    /// The recommended one.
    pub recommended: bool,
    /// What it creates or updates.
    pub proposal: Proposal<'k>,
}

/// What a suggestion creates or updates.
pub enum Proposal<'k> {
    /// The order as it was received, active (index into `orders`).
    Keep(usize),
    /// A draft order that goes down in steps, after the given order.
    Taper {
        /// Index into `orders`.
        after: usize,
        /// Ingredient.
        ingredient: IngredientId,
        /// Text of the order.
        text: String,
        /// Steps with their words.
        steps: Vec<(Step, String)>,
    },
    /// A draft order for an agent.
    Agent {
        /// Which.
        agent: AgentId,
        /// Dose in words, where the record allows one.
        dose: Option<&'k str>,
        /// What to check first.
        note: String,
    },
    /// A draft order for a test.
    Test {
        /// What is measured.
        analyte: AnalyteId,
        /// Days from now.
        in_days: u32,
        /// Why.
        says: &'k str,
    },
}

/// Writes the cards of a finding, the main one first.
pub fn cards<'k>(
    finding: &Finding<'k>,
    record: &PatientRecord,
    knowledge: &'k Knowledge,
    withdrawal: &'k Withdrawal,
    signals: &mut Signals<'_>,
) -> Vec<Card<'k>> {
    let drugs = drug_names(record, knowledge, withdrawal);
    let taper = plan_taper(finding, record, knowledge, signals);
    let screening = agents_wanted(finding, record, signals)
        .then(|| screen(record, knowledge, finding.indication, finding.rightful, signals))
        .unwrap_or_default();
    let writer = Writer {
        finding,
        record,
        knowledge,
        withdrawal,
        signals,
        drugs,
    };
    let mut cards = vec![writer.main(&taper)];
    cards.extend(finding.hold_is_right.map(|right| writer.also_right(right)));
    if let Ok(steps) = taper {
        cards.extend(writer.taper(steps));
    }
    cards.extend(writer.agents(screening));
    cards.extend(writer.monitoring());
    cards
}

/// Names of the judged drug and of its companions that are stopped in the same request.
fn drug_names(record: &PatientRecord, knowledge: &Knowledge, withdrawal: &Withdrawal) -> Vec<String> {
    let mut names = vec![
        knowledge
            .vocabulary
            .ingredient(withdrawal.ingredient)
            .name
            .to_string(),
    ];
    for order in record
        .orders
        .iter()
        .filter(|o| o.role == Role::Stopping && counts_as_stop(o.status))
    {
        if let Drug::Known { ingredient, .. } = order.drug
            && withdrawal
                .companions
                .ingredients
                .binary_search(&ingredient)
                .is_ok()
        {
            let name = knowledge.vocabulary.ingredient(ingredient).name.to_string();
            if !names.contains(&name) {
                names.push(name);
            }
        }
    }
    names
}

/// Agents are thought of beside a warning and outside transplantation after a rightful stop, for adults
/// and for a drug that certainly acts in the whole body.
fn agents_wanted(finding: &Finding<'_>, record: &PatientRecord, signals: &Signals<'_>) -> bool {
    let topic = finding.warns() || finding.topic == Topic::StopMayBeRight;
    topic && signals.therapy.systemic && !is_child(record, signals).unwrap_or(false)
}

/// Whether the patient is a child by the drug's own limit; `None` if the age is not known.
fn is_child(record: &PatientRecord, signals: &Signals<'_>) -> Option<bool> {
    let (youngest, oldest) = super::signal::ages(record.person.birth?, signals.now);
    let adult = i64::from(signals.withdrawal.adult_years);
    (oldest < adult || youngest >= adult).then_some(oldest < adult)
}

/// The steps, or the phrase that says why there are none.
fn plan_taper<'k>(
    finding: &Finding<'k>,
    record: &PatientRecord,
    knowledge: &'k Knowledge,
    signals: &Signals<'_>,
) -> Result<Vec<Step>, &'k str> {
    let words = &knowledge.words;
    let Some(plan) = &finding.indication.taper else {
        return Err(finding.indication.no_taper.as_deref().unwrap_or_default());
    };
    if !finding.warns() {
        return Err("");
    }
    match is_child(record, signals) {
        Some(false) => {}
        Some(true) => return Err(words.get("taper.none.child")),
        None => return Err(words.get("taper.none.age")),
    }
    if !signals.therapy.systemic {
        return Err(words.get("taper.none.route"));
    }
    let Dose::PerDay(doses) = &signals.therapy.dose else {
        return Err(words.get("taper.none.dose"));
    };
    let Some(formulation) = signals
        .therapy
        .formulation
        .map(|f| knowledge.vocabulary.formulation(f))
    else {
        return Err(words.get("taper.none.formulation"));
    };
    if !formulation.countable {
        return Err(words.get("taper.none.formulation"));
    }
    schedule(doses, plan, &formulation.strengths_mg).ok_or_else(|| words.get("taper.none.lowest"))
}

struct Writer<'w, 'k> {
    finding: &'w Finding<'k>,
    record: &'w PatientRecord,
    knowledge: &'k Knowledge,
    withdrawal: &'k Withdrawal,
    signals: &'w Signals<'w>,
    drugs: Vec<String>,
}

impl<'k> Writer<'_, 'k> {
    fn values(&self) -> Values<'_> {
        Values {
            signals: self.signals,
            finding: self.finding,
            drugs: &self.drugs,
        }
    }

    fn sections(&self) -> Sections<'_> {
        Sections {
            words: &self.knowledge.words,
            values: self.values(),
            text: String::new(),
        }
    }

    fn basis(&self, evidence: Certainty, inputs: Vec<Input>, gaps: Vec<Gap>) -> Basis<'k> {
        Basis {
            rule: self.finding.rule.clone(),
            drugs: self.drugs.clone(),
            indication: &self.finding.indication.key,
            evidence,
            inputs,
            gaps: self.tidy(gaps),
            agents: Vec::new(),
            schedule: Vec::new(),
        }
    }

    fn card(&self, topic: Topic, statement: &Statement, detail: String, basis: Basis<'k>) -> Card<'k> {
        let values = self.values();
        Card {
            topic,
            indicator: statement.indicator,
            summary: text::summary(&statement.text.summary, &|name| values.get(name)),
            detail,
            sources: statement.sources.clone(),
            basis,
            suggestions: Vec::new(),
        }
    }

    /// The warning, the rightful stop, or the card of a gate.
    fn main(&self, taper: &Result<Vec<Step>, &'k str>) -> Card<'k> {
        let finding = self.finding;
        let (inputs, gaps) = self.checks();
        let mut sections = self.sections();
        if let Some(opens) = finding.opens() {
            sections.line(opens);
        }
        sections.why(&self.numbers(), &finding.statement.text.why);
        sections.listed("misleading", &finding.statement.text.misleading);
        let gaps = self.tidy(gaps);
        sections.gaps(&gaps, finding.raised);
        sections.listed("sure", &finding.statement.text.sure);
        sections.listed("courses", &finding.statement.text.courses);
        if let (true, Err(why)) = (finding.warns(), taper) {
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
        if finding.warns() {
            card.suggestions = self.keep();
        }
        card
    }

    /// Beside a hold: the record holds a reason for it.
    fn also_right(&self, right: &'k super::knowledge::Rightful) -> Card<'k> {
        let mut sections = self.sections();
        sections.why(&[], &right.statement.text.why);
        sections.listed("sure", &right.statement.text.sure);
        sections.listed("courses", &right.statement.text.courses);
        let mut basis = self.basis(right.statement.evidence, Vec::new(), Vec::new());
        let mut entries = Vec::new();
        let mut leaves = Vec::new();
        self.signals.leaves(&right.when, &mut leaves);
        for reading in leaves
            .iter()
            .filter_map(|id| self.signals.reading(*id))
            .filter(|r| r.truth == Truth::True)
        {
            entries.extend(reading.entries.iter().copied());
        }
        basis.inputs = inputs::inputs_of(self.signals, &entries);
        basis.rule = format!("{}/right-to-stop/{}", self.withdrawal.key, right.row);
        self.card(Topic::StopMayBeRight, &right.statement, sections.text, basis)
    }

    /// Everything that the main card rests on: evidence, the row's entries, first checks, therapy, person.
    fn checks(&self) -> (Vec<Input>, Vec<Gap>) {
        let finding = self.finding;
        let mut inputs = inputs::evidence_of(self.signals, &finding.evidence, finding.indication.kind);
        let mut entries = finding.entries.clone();
        let mut gaps = Vec::new();
        if finding.warns() || finding.topic == Topic::StopMayBeRight {
            for (analyte, latest) in self.first_checks() {
                let need = self.knowledge.vocabulary.analyte(analyte).key.to_string();
                match latest {
                    Latest::Found(index) => entries.push(Entry::Result(index)),
                    Latest::Stale(index) => {
                        entries.push(Entry::Result(index));
                        gaps.push(Gap::new(need, Why::Stale));
                    }
                    Latest::Missing(why) | Latest::Hidden(why, _) => gaps.push(Gap::new(need, why)),
                }
            }
        }
        gaps.extend(finding.gaps.iter().cloned());
        let stop_reason = self.signals.therapy.stopping.iter().find(|&&i| {
            let order = &self.record.orders[i];
            !order.status_reason_codes.is_empty() || !order.status_reason_text.is_empty()
        });
        entries.extend(stop_reason.map(|&i| Entry::StopReason(i)));
        entries.extend([Entry::TherapyStart, Entry::Age, Entry::Sex]);
        entries.extend(self.companions());
        inputs.extend(inputs::inputs_of(self.signals, &entries));
        gaps.extend(self.order_gaps());
        (inputs, gaps)
    }

    fn first_checks(&self) -> Vec<(AnalyteId, Latest)> {
        let Signals { now, .. } = *self.signals;
        let latest = |c: &super::knowledge::Check| {
            latest_of(
                self.record,
                c.analyte,
                self.signals.source_of(c.analyte),
                c.within,
                now,
            )
        };
        self.finding
            .indication
            .checks
            .iter()
            .map(|c| (c.analyte, latest(c)))
            .collect()
    }

    fn companions(&self) -> Vec<Entry> {
        let is_companion = |drug: Drug| {
            matches!(drug, Drug::Known { ingredient, .. }
                if self.withdrawal.companions.ingredients.binary_search(&ingredient).is_ok())
        };
        let orders = self.record.orders.iter().enumerate();
        let alive = |o: &super::record::Order| {
            o.role == Role::Stopping
                || o.role == Role::Recorded && o.status == super::record::OrderStatus::Active
        };
        orders
            .filter(|(_, o)| alive(o) && is_companion(o.drug))
            .map(|(i, _)| Entry::Order(i))
            .collect()
    }

    /// What the stopped orders leave open: drug, route, formulation, restart, birth date.
    fn order_gaps(&self) -> Vec<Gap> {
        let mut gaps = Vec::new();
        let unreadable = |o: &super::record::Order| {
            o.role == Role::Stopping && o.drug == Drug::Unreadable && counts_as_stop(o.status)
        };
        if self.record.orders.iter().any(unreadable) {
            gaps.push(Gap::new("drug", Why::NotReadable));
        }
        if !self.signals.therapy.systemic {
            gaps.push(Gap::new("route", Why::Absent));
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
    fn tidy(&self, gaps: Vec<Gap>) -> Vec<Gap> {
        let state = |source: Source| self.record.sources.of(source);
        let mut tidy: Vec<Gap> = Vec::new();
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
            let of_lost_source = match self.source_of_need(&gap.need) {
                Some(Source::Screens) => {
                    state(Source::Observations).missing().is_some()
                        && state(Source::Screens).missing().is_some()
                }
                Some(source) => state(source).missing().is_some(),
                None => false,
            };
            if !of_lost_source && !tidy.iter().any(|g| g.need == gap.need) {
                tidy.push(gap);
            }
        }
        tidy
    }

    fn source_of_need(&self, need: &str) -> Option<Source> {
        let analytes = &self.knowledge.vocabulary.analytes;
        if let Some(analyte) = analytes.iter().find(|a| &*a.key == need) {
            return Some(if analyte.screen {
                Source::Screens
            } else {
                Source::Observations
            });
        }
        (need == "birth-date" || need == "sex").then_some(Source::Patient)
    }

    /// The patient's numbers, as the "why" section shows them: those of the row, then the first checks.
    fn numbers(&self) -> Vec<String> {
        let values = self.values();
        let mut seen: Vec<AnalyteId> = Vec::new();
        let mut lines = Vec::new();
        let of_row = self.finding.entries.iter().filter_map(|e| match e {
            Entry::Result(i) => Some(*i),
            _ => None,
        });
        let of_checks = self
            .first_checks()
            .into_iter()
            .filter_map(|(_, latest)| match latest {
                Latest::Found(i) => Some(i),
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
            let before = values
                .before(index)
                .and_then(|i| Some((values.shown(i)?, self.record.results[i].when?)));
            let before = before
                .map(|(v, w)| format!("; {v} on {}", w.human()))
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
                    label: words.get("keep.label").replace("{drug}", &drug),
                    description: words.get("keep.description").replace("{drug}", &drug),
                    recommended: false,
                    proposal: Proposal::Keep(i),
                }
            })
            .collect()
    }

    fn taper(&self, steps: Vec<Step>) -> Option<Card<'k>> {
        let plan = self.finding.indication.taper.as_ref()?;
        let after = *self.signals.therapy.stopping.first()?;
        let values = self.values();
        let words = &self.knowledge.words;
        let in_words: Vec<(Step, String)> = steps
            .iter()
            .filter_map(|step| Some((step.clone(), values.dose(&Dose::PerDay(step.doses.clone()))?)))
            .collect();
        let mut sections = self.sections();
        sections.steps(&in_words);
        sections.why(&[], &plan.statement.text.why);
        sections.listed("sure", &plan.statement.text.sure);
        sections.listed("courses", &plan.statement.text.courses);
        let mut basis = self.basis(
            plan.statement.evidence,
            inputs::inputs_of(self.signals, &[Entry::Age]),
            Vec::new(),
        );
        basis.inputs.extend(inputs::evidence_of(
            self.signals,
            &self.finding.evidence,
            self.finding.indication.kind,
        ));
        basis.schedule = steps;
        let mut card = self.card(Topic::Taper, &plan.statement, sections.text, basis);
        let drug = &self.drugs[0];
        card.suggestions = vec![Suggestion {
            label: words.get("taper.label").replace("{drug}", drug),
            description: words.get("taper.description").replace("{drug}", drug),
            recommended: true,
            proposal: Proposal::Taper {
                after,
                ingredient: self.withdrawal.ingredient,
                text: text::plain(&self.record.orders[after].drug_text),
                steps: in_words,
            },
        }];
        Some(card)
    }

    fn agents(&self, screening: Screening<'k>) -> Option<Card<'k>> {
        let statement = self.finding.indication.agents_text.as_ref()?;
        if screening.agents.is_empty() {
            return None;
        }
        let adult = is_child(self.record, self.signals) == Some(false);
        let mut sections = self.sections();
        sections.agents(&screening, adult);
        sections.why(&[], &statement.text.why);
        sections.listed("misleading", &statement.text.misleading);
        let mut gaps = screening.gaps.clone();
        let (weight, weight_gap) = self.weight(&screening);
        gaps.extend(weight_gap);
        let gaps = self.tidy(gaps);
        sections.gaps(&gaps, false);
        sections.listed("sure", &statement.text.sure);
        let mut entries = screening.entries.clone();
        entries.extend(weight);
        let mut basis = Basis {
            gaps,
            ..self.basis(
                statement.evidence,
                inputs::inputs_of(self.signals, &entries),
                Vec::new(),
            )
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
    fn weight(&self, screening: &Screening<'_>) -> (Option<Entry>, Option<Gap>) {
        let matters = screening
            .agents
            .iter()
            .any(|s| s.agent.weight_based && matches!(s.status, Status::Offered | Status::CheckFirst));
        let analytes = &self.knowledge.vocabulary.analytes;
        let position = analytes
            .iter()
            .position(|a| &*a.key == "weight")
            .and_then(|i| u16::try_from(i).ok());
        let (true, Some(id)) = (matters, position.map(AnalyteId)) else {
            return (None, None);
        };
        match latest_of(
            self.record,
            id,
            Source::Observations,
            self.knowledge.needs.observation_days,
            self.signals.now,
        ) {
            Latest::Found(index) => (Some(Entry::Result(index)), None),
            Latest::Stale(index) => (Some(Entry::Result(index)), Some(Gap::new("weight", Why::Stale))),
            Latest::Missing(why) | Latest::Hidden(why, _) => (None, Some(Gap::new("weight", why))),
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
                "agent.offer.label"
            } else {
                "agent.check.label"
            };
            Suggestion {
                label: words
                    .get(key)
                    .replace("{agent}", &s.agent.name)
                    .replace("{checks}", &first),
                description: words.get("agent.description").replace("{agent}", &s.agent.name),
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

    fn monitoring(&self) -> Option<Card<'k>> {
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
        sections.listed("sure", &statement.text.sure);
        sections.listed("courses", &statement.text.courses);
        let missing = finding
            .partial
            .and_then(|r| r.partial.as_ref())
            .map_or(&[][..], |p| &p.tests);
        let evidence = inputs::evidence_of(self.signals, &finding.evidence, finding.indication.kind);
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
                label: words
                    .get("test.label")
                    .replace("{test}", &known.name)
                    .replace("{days}", &in_days.to_string()),
                description: words.get("test.description").replace("{test}", &known.name),
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
        Some(card)
    }
}
