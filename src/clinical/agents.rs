//! Alternatives screened against the record.
//!
//! Turns the agents of an indication into a status each: offered, check first, excluded, already taking,
//! with the reasons. What is not known is asked for, never assumed; it never ranks by anything but the
//! order of the table.

use super::gap::{Gap, Truth, Why};
use super::knowledge::{Agent, AgentUse, Expr, Indication, Kind, Knowledge, Requirement, Rightful};
use super::record::{Drug, OrderStatus, PatientRecord, Role};
use super::signal::{Entry, Signals};
use super::vocabulary::IngredientId;

/// Status of an agent for this patient.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Status {
    /// Nothing known speaks against it, and what must be known is.
    Offered,
    /// Something must be known first.
    CheckFirst,
    /// Something speaks against it.
    Excluded,
    /// Taken now.
    AlreadyTaking,
}

impl Status {
    /// The code in the basis.
    pub fn code(self) -> &'static str {
        match self {
            Status::Offered => "offered",
            Status::CheckFirst => "check-first",
            Status::Excluded => "excluded",
            Status::AlreadyTaking => "already-taking",
        }
    }
}

/// An agent with its status.
pub struct Screened<'k> {
    /// The agent.
    pub agent: &'k Agent,
    /// Its use for the indication.
    pub of: &'k AgentUse,
    /// Status.
    pub status: Status,
    /// Why excluded, or what to check.
    pub reasons: Vec<&'k str>,
    /// Notes that apply.
    pub notes: Vec<&'k str>,
}

/// The screening of all agents of an indication.
#[derive(Default)]
pub struct Screening<'k> {
    /// In the order of the table.
    pub agents: Vec<Screened<'k>>,
    /// What must be known first.
    pub gaps: Vec<Gap>,
    /// What the statuses rest on.
    pub entries: Vec<Entry>,
}

/// Screens the agents of an indication. Empty for transplants and an unknown indication.
pub fn screen<'k>(
    record: &PatientRecord,
    knowledge: &'k Knowledge,
    indication: &'k Indication,
    rightful: Option<&'k Rightful>,
    signals: &mut Signals<'_>,
) -> Screening<'k> {
    let mut screening = Screening::default();
    if indication.kind != Kind::Disease {
        return screening;
    }
    for of in &indication.agents {
        let agent = knowledge.agent(of.agent);
        let mut screened = Screened {
            agent,
            of,
            status: Status::Offered,
            reasons: Vec::new(),
            notes: Vec::new(),
        };
        exclusions(&mut screened, rightful, signals, &mut screening.entries);
        let (taken, stopping) = use_of(record, knowledge, agent.ingredient);
        if stopping {
            screened.status = Status::Excluded;
            screened.reasons.push(knowledge.words.get("agent.stopped-now"));
        }
        if harmed(record, knowledge, agent.ingredient) {
            screened.status = Status::Excluded;
            screened
                .reasons
                .push(knowledge.words.get("agent.stopped-for-harm"));
        }
        requirements(&mut screened, signals, &mut screening);
        if taken && screened.status != Status::Excluded {
            screened.status = Status::AlreadyTaking;
            screened.reasons.clear();
        } else if screened.status == Status::Offered && of.situation.is_some() {
            screened.status = Status::CheckFirst;
        }
        if screened.status == Status::CheckFirst
            && let Some(situation) = &of.situation
        {
            screened.reasons.insert(0, situation);
        }
        let notes = agent
            .notes
            .iter()
            .filter(|note| signals.truth(&note.when) == Truth::True);
        screened.notes = notes.map(|note| &*note.says).collect();
        screening.agents.push(screened);
    }
    screening
}

fn exclusions<'k>(
    screened: &mut Screened<'k>,
    rightful: Option<&'k Rightful>,
    signals: &mut Signals<'_>,
    entries: &mut Vec<Entry>,
) {
    for exclusion in &screened.agent.excludes {
        if signals.truth(&exclusion.when) == Truth::True {
            screened.status = Status::Excluded;
            screened.reasons.push(&exclusion.because);
            entries.extend(grounds(&exclusion.when, signals));
        }
    }
    if let Some((right, ingredient)) = rightful.zip(screened.agent.ingredient)
        && right.excludes.ingredients.binary_search(&ingredient).is_ok()
    {
        screened.status = Status::Excluded;
        screened.reasons.push(&right.because);
    }
}

fn requirements<'k>(screened: &mut Screened<'k>, signals: &mut Signals<'_>, screening: &mut Screening<'k>) {
    for requirement in &screened.agent.requires {
        if requirement
            .applies
            .as_ref()
            .is_some_and(|who| signals.truth(who) == Truth::False)
        {
            continue;
        }
        match (signals.truth(&requirement.know), &requirement.otherwise) {
            (Truth::True, _) => {}
            (Truth::False, Some(because)) => {
                screened.status = Status::Excluded;
                screened.reasons.push(because);
                screening.entries.extend(grounds(&requirement.know, signals));
            }
            (Truth::False, None) | (Truth::Unknown | Truth::Unreadable, _) => {
                if screened.status != Status::Excluded {
                    screened.status = Status::CheckFirst;
                    screened.reasons.push(&requirement.ask);
                }
                screening.gaps.extend(gap_of(requirement, signals));
            }
        }
    }
}

/// The gap of a requirement, with the reason that its signs give.
fn gap_of(requirement: &Requirement, signals: &Signals<'_>) -> Option<Gap> {
    let need = requirement.need.as_ref()?;
    let mut leaves = Vec::new();
    signals.leaves(&requirement.know, &mut leaves);
    let why = leaves
        .iter()
        .filter_map(|id| signals.reading(*id))
        .flat_map(|r| &r.gaps)
        .map(|gap| gap.why)
        .next();
    Some(Gap::new(need.to_string(), why.unwrap_or(Why::Absent)))
}

fn grounds(expr: &Expr, signals: &Signals<'_>) -> Vec<Entry> {
    let mut leaves = Vec::new();
    signals.leaves(expr, &mut leaves);
    leaves
        .iter()
        .filter_map(|id| signals.reading(*id))
        .flat_map(|r| r.entries.iter().copied())
        .collect()
}

/// Whether an agent's family is taken and goes on, and whether it is stopped in the same request.
fn use_of(record: &PatientRecord, knowledge: &Knowledge, ingredient: Option<IngredientId>) -> (bool, bool) {
    let Some(ingredient) = ingredient else {
        return (false, false);
    };
    let ours = || {
        record
            .orders
            .iter()
            .filter(|o| is_of(knowledge, o.drug, ingredient))
    };
    let taken = ours().any(|o| o.role == Role::Recorded && o.status == OrderStatus::Active);
    let stopping = ours().any(|o| o.role == Role::Stopping && super::signal::counts_as_stop(o.status));
    (taken && !stopping, stopping)
}

/// Whether an earlier order of the agent's family was stopped for harm.
fn harmed(record: &PatientRecord, knowledge: &Knowledge, ingredient: Option<IngredientId>) -> bool {
    let harm = &knowledge.vocabulary.harm_codes;
    ingredient.is_some_and(|ingredient| {
        record.orders.iter().any(|o| {
            matches!(o.status, OrderStatus::Stopped | OrderStatus::Cancelled)
                && o.status_reason_codes.iter().any(|code| harm.contains(code))
                && is_of(knowledge, o.drug, ingredient)
        })
    })
}

fn is_of(knowledge: &Knowledge, drug: Drug, ingredient: IngredientId) -> bool {
    matches!(drug, Drug::Known { ingredient: i, .. } if knowledge.vocabulary.same_family(i, ingredient))
}
