//! The cards: what the finding says, in the words of `hooks/` and with the patient's numbers.
//!
//! Turns a [`Finding`] into at most one card of a topic, each with the inputs that it relies on, the gaps
//! that it could not close, and its sources. It decides nothing: whether a card exists follows from the
//! finding, the plan of the indication and the screening. It writes no JSON and makes no identifiers.

mod beside;
mod inputs;
mod main_card;
mod offers;
mod sections;
pub mod text;
mod values;

pub(super) use beside::{Beside, companions};
pub use inputs::{Input, Is};
pub use offers::{reduction, steps_in_words};
pub(super) use sections::Paragraph;

use super::agents::{Screening, Status, screen};
use super::gap::{Gap, Truth};
use super::judge::Finding;
use super::knowledge::{
    AgentId, Certainty, Check, Indicator, Knowledge, SourceId, Statement, TaperPlan, Topic, Withdrawal,
};
use super::record::{Dose, PatientRecord};
use super::signal::{Entry, Latest, Signals};
use super::taper::{NoSteps, Step, schedule};
use super::vocabulary::{AnalyteId, FormulationId, IngredientId};
use inputs::{inputs_of, is_told};
use rust_decimal::Decimal;
use sections::{Sections, USUAL_DETAIL};
use std::borrow::Cow;
use std::cell::RefCell;
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
    pub drugs: Vec<&'k str>,
    /// Code of the indication.
    pub indication: &'k str,
    /// Weakest evidence.
    pub evidence: Certainty,
    /// What it rests on.
    pub inputs: Vec<Input<'k>>,
    /// What is not known.
    pub gaps: Vec<Gap<'k>>,
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

impl Proposal<'_> {
    /// What is measured by the test that it drafts.
    pub(super) fn test(&self) -> Option<AnalyteId> {
        match self {
            Proposal::Test { analyte, .. } => Some(*analyte),
            Proposal::Keep(_) | Proposal::Taper { .. } | Proposal::Agent { .. } => None,
        }
    }
}

/// A card, and what another card of its topic says of it where that one leads.
pub struct Made<'k> {
    /// The card.
    pub card: Card<'k>,
    /// Names of its own drugs.
    pub heading: String,
    /// What it says in short.
    pub lines: Vec<Line<'k>>,
}

/// A line of a card in short.
pub struct Line<'k> {
    /// The test that it is about; where the leading card speaks of that too, the line is left out.
    pub about: Option<AnalyteId>,
    /// Text.
    pub says: Cow<'k, str>,
}

/// Names of drugs on the cards of one finding.
pub struct Names<'k> {
    /// Those that its texts speak of: all where it leads, else its own.
    pub text: Vec<&'k str>,
    /// All that end with it, for the basis; that of the leading finding first.
    pub all: Vec<&'k str>,
    /// Ingredients that the request names without ending them: they are no drugs that stop too.
    pub not_ended: Vec<IngredientId>,
    /// Whether the cards of another finding may take these in.
    pub shared: bool,
}

/// Writes the cards of a finding, the main one first.
pub fn cards<'k>(
    finding: &Finding<'k>,
    record: &'k PatientRecord,
    knowledge: &'k Knowledge,
    withdrawal: &'k Withdrawal,
    signals: &mut Signals<'_, 'k>,
    names: Names<'k>,
) -> Vec<Made<'k>> {
    let taper = plan_taper(finding, record, knowledge, signals);
    let screening = if agents_wanted(finding, record, signals) {
        screen(record, knowledge, finding.indication, finding.rightful, signals)
    } else {
        Screening::default()
    };
    let comes = Comes {
        taper: taper.is_ok(),
        agents: finding.indication.agents_text.is_some() && !screening.agents.is_empty(),
    };
    let writer = Writer {
        comes,
        checks: first_checks(finding, signals),
        finding,
        record,
        knowledge,
        withdrawal,
        signals,
        names,
        printed: RefCell::default(),
    };
    let main = writer.main(taper.as_ref().err().copied());
    let mut made = vec![writer.made(main, finding.statement)];
    if let Some(right) = finding.hold_is_right {
        made.push(writer.made(writer.also_right(right), &right.statement));
    }
    if let Ok((plan, steps)) = taper {
        made.extend(writer.taper(plan, steps).map(alone));
    }
    made.extend(writer.agents(screening).map(alone));
    made.extend(writer.monitoring());
    made
}

/// Agents are thought of beside a warning and outside transplantation after a rightful stop that leaves a
/// place to fill, for adults and for a drug that certainly acts in the whole body.
pub fn agents_wanted(finding: &Finding<'_>, record: &PatientRecord, signals: &Signals<'_, '_>) -> bool {
    let topic = finding.warns() || finding.topic == Topic::StopMayBeRight;
    let place = finding.rightful.is_none_or(|right| right.alternatives);
    topic && place && signals.therapy.systemic && !is_child(record, signals).unwrap_or(false)
}

/// Whether the patient is a child by the drug's own limit; `None` if the age is not known.
fn is_child(record: &PatientRecord, signals: &Signals<'_, '_>) -> Option<bool> {
    let (youngest, oldest) = super::signal::ages(record.person.birth?, signals.now);
    let adult = i64::from(signals.withdrawal.adult_years);
    (oldest < adult || youngest >= adult).then_some(oldest < adult)
}

/// What a stepwise reduction is made of.
pub struct TaperBasis<'k, 's> {
    /// Doses of one day in mg, in the order taken.
    pub doses: &'s [Decimal],
    /// The plan that applies.
    pub plan: &'k TaperPlan,
    /// What they are taken as.
    pub formulation: FormulationId,
}

impl TaperBasis<'_, '_> {
    /// The phrase where no steps can be made of it.
    pub fn no_steps<'k>(&self, why: NoSteps, knowledge: &'k Knowledge) -> &'k str {
        knowledge.words.get(match why {
            NoSteps::Lowest => "taper.none.lowest",
            NoSteps::TooCoarse => "taper.none.too-coarse",
            NoSteps::TooMany => "taper.none.too-many",
        })
    }
}

/// What a stepwise reduction for this patient is made of, or the phrase that says why none is offered; it is
/// empty where the finding is no warning.
pub fn taper_basis<'k, 's>(
    finding: &Finding<'k>,
    record: &PatientRecord,
    knowledge: &'k Knowledge,
    signals: &mut Signals<'s, '_>,
) -> Result<TaperBasis<'k, 's>, &'k str> {
    let words = &knowledge.words;
    let Some(usual) = &finding.indication.taper else {
        return Err(finding.indication.no_taper.as_deref().unwrap_or_default());
    };
    if !finding.warns() {
        return Err("");
    }
    let mut instead = finding.indication.taper_instead.iter();
    let plan = instead
        .find(|(when, _)| signals.truth(when) == Truth::True)
        .map_or(usual, |(_, plan)| plan);
    match is_child(record, signals) {
        Some(false) => {}
        Some(true) => return Err(words.get("taper.none.child")),
        None => return Err(words.get("taper.none.age-unknown")),
    }
    if !signals.therapy.systemic {
        return Err(words.get("taper.none.route-unknown"));
    }
    let Dose::PerDay(doses) = &signals.therapy.dose else {
        return Err(words.get("taper.none.dose-unknown"));
    };
    let Some(formulation) = signals.therapy.formulation else {
        return Err(words.get("taper.none.formulation-unknown"));
    };
    if !knowledge.vocabulary.formulation(formulation).countable {
        return Err(words.get("taper.none.not-countable"));
    }
    let daily: Decimal = doses.iter().sum();
    if plan.highest_mg.is_some_and(|highest| daily > highest) {
        return Err(words.get("taper.none.high-dose"));
    }
    Ok(TaperBasis {
        doses,
        plan,
        formulation,
    })
}

/// The plan that applies with its steps, or the phrase that says why there are none.
fn plan_taper<'k>(
    finding: &Finding<'k>,
    record: &PatientRecord,
    knowledge: &'k Knowledge,
    signals: &mut Signals<'_, '_>,
) -> Result<(&'k TaperPlan, Vec<Step>), &'k str> {
    let basis = taper_basis(finding, record, knowledge, signals)?;
    let strengths = &knowledge.vocabulary.formulation(basis.formulation).strengths_mg;
    let steps = schedule(basis.doses, &basis.plan.into(), strengths);
    Ok((basis.plan, steps.map_err(|why| basis.no_steps(why, knowledge))?))
}

/// The latest result for each first check of the indication that is for this patient.
fn first_checks(finding: &Finding<'_>, signals: &mut Signals<'_, '_>) -> Vec<(AnalyteId, Latest)> {
    let mut is_for = |check: &&Check| {
        let who = check.applies.as_ref();
        who.is_none_or(|who| signals.truth(who) != Truth::False)
    };
    let checks: Vec<&Check> = finding.indication.checks.iter().filter(&mut is_for).collect();
    let latest = |check: &&Check| (check.analyte, signals.latest_of(check.analyte, check.within));
    checks.iter().map(latest).collect()
}

/// Which cards come behind the main one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::clinical) struct Comes {
    /// That of the steps.
    taper: bool,
    /// That of the agents.
    agents: bool,
}

/// A card of which no other says anything.
fn alone(card: Card<'_>) -> Made<'_> {
    Made {
        card,
        heading: String::new(),
        lines: Vec::new(),
    }
}

struct Writer<'w, 'k> {
    comes: Comes,
    /// The first checks of the indication, and what was found for them.
    checks: Vec<(AnalyteId, Latest)>,
    finding: &'w Finding<'k>,
    record: &'k PatientRecord,
    knowledge: &'k Knowledge,
    withdrawal: &'k Withdrawal,
    signals: &'w Signals<'w, 'k>,
    names: Names<'k>,
    /// The results that the card in hand has printed so far.
    printed: RefCell<Vec<Entry>>,
}

impl<'k> Writer<'_, 'k> {
    fn values(&self) -> Values<'_, 'k> {
        Values {
            signals: self.signals,
            finding: self.finding,
            names: &self.names,
            comes: self.comes,
            brief: false,
            printed: &self.printed,
        }
    }

    fn sections(&self) -> Sections<'_, 'k> {
        Sections {
            words: &self.knowledge.words,
            values: self.values(),
            text: String::with_capacity(USUAL_DETAIL),
        }
    }

    fn basis(&self, evidence: Certainty, inputs: Vec<Input<'k>>, gaps: Vec<Gap<'k>>) -> Basis<'k> {
        Basis {
            rule: self.finding.rule.clone(),
            drugs: self.names.all.clone(),
            indication: &self.finding.indication.key,
            evidence,
            inputs,
            gaps: self.tidy(gaps),
            agents: Vec::new(),
            schedule: Vec::new(),
        }
    }

    /// A card with what another card says of it: summary, reasons and courses, without what both would say
    /// about the drugs beside them.
    fn made(&self, card: Card<'k>, statement: &Statement) -> Made<'k> {
        if !self.names.shared {
            return alone(card);
        }
        let mut values = self.values();
        values.brief = true;
        let mut lines = vec![text::in_detail(card.summary.as_str().into()).into_owned()];
        for template in statement.text.why.iter().chain(&statement.text.courses) {
            let mut line = String::new();
            lines.extend(values.fill(template, &mut line).map(|()| line));
        }
        // The card that takes these lines in keeps the inputs of its own finding.
        self.printed.take();
        let lines = lines.into_iter().map(|says| Line {
            about: None,
            says: Cow::Owned(says),
        });
        Made {
            heading: self.own_names(),
            lines: lines.collect(),
            card,
        }
    }

    fn own_names(&self) -> String {
        text::joined(&self.names.text, self.knowledge.words.get("list.and"))
    }

    /// A card of the detail that was written last; what it prints is among its inputs.
    fn card(&self, topic: Topic, statement: &Statement, detail: String, mut basis: Basis<'k>) -> Card<'k> {
        let values = self.values();
        let summary = text::summary(&statement.text.summary, &|name| values.get(name), &|name| {
            values.shorter(name)
        });
        let mut printed = self.printed.take();
        printed.retain(|entry| !is_told(self.signals, *entry, &basis.inputs));
        for input in inputs_of(self.signals, &printed) {
            if !basis.inputs.contains(&input) {
                basis.inputs.push(input);
            }
        }
        Card {
            topic,
            indicator: statement.indicator,
            summary,
            detail,
            sources: statement.sources.clone(),
            basis,
            suggestions: Vec::new(),
        }
    }
}
