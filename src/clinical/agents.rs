//! Alternatives screened against the record.
//!
//! Turns the agents of an indication into a status each: offered, check first, excluded, already taking,
//! with the reasons. What is not known is asked for, never assumed; it never ranks by anything but the
//! order of the table.

use super::gap::{Gap, Truth, Why};
use super::knowledge::{Agent, AgentUse, Expr, Indication, Kind, Knowledge, Requirement, Rightful};
use super::record::{Drug, OrderStatus, PatientRecord, Role, Source};
use super::signal::{Entry, Leaves, Signals};
use super::vocabulary::{IngredientId, Site};

/// Status of an agent for this patient.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Status {
    /// Nothing known speaks against it, and what must be known is.
    Offered,
    /// Something must be known first.
    CheckFirst,
    /// Something speaks against it.
    Excluded,
    /// Taken now, or drafted in the same session: nothing to draft.
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
    pub gaps: Vec<Gap<'k>>,
    /// What the statuses rest on.
    pub entries: Vec<Entry>,
}

/// Screens the agents of an indication. Empty for transplants and an unknown indication.
pub fn screen<'k>(
    record: &PatientRecord,
    knowledge: &'k Knowledge,
    indication: &'k Indication,
    rightful: Option<&'k Rightful>,
    signals: &mut Signals<'_, '_>,
) -> Screening<'k> {
    let mut screening = Screening::default();
    if indication.kind != Kind::Disease {
        return screening;
    }
    screening.agents.reserve(indication.agents.len());
    for of in &indication.agents {
        let agent = knowledge.agent(of.agent);
        let mut screened = Screened {
            agent,
            of,
            status: Status::Offered,
            reasons: Vec::new(),
            notes: Vec::new(),
        };
        let mut gaps = Vec::new();
        exclusions(&mut screened, rightful, signals, &mut screening.entries);
        let history = History::of(record, knowledge, agent.ingredient);
        for (harm, words) in [
            (history.stopping, "agent.stopped-now"),
            (history.harmed, "agent.stopped-for-harm"),
        ] {
            if harm {
                screened.exclude(knowledge.words.get(words));
            }
        }
        requirements(&mut screened, signals, &mut gaps, &mut screening.entries);
        unread_exclusions(&mut screened, knowledge, signals);
        if history.taken && screened.status != Status::Excluded {
            screened.status = Status::AlreadyTaking;
            screened.reasons.clear();
        } else if history.drafted && screened.status != Status::Excluded {
            screened.status = Status::AlreadyTaking;
            screened
                .reasons
                .insert(0, knowledge.words.get("agent.drafted-now"));
            screening.gaps.append(&mut gaps);
        } else if screened.status == Status::Offered && of.situation.is_some() {
            screened.status = Status::CheckFirst;
        }
        if screened.status == Status::CheckFirst {
            screened.reasons.splice(0..0, of.situation.as_deref());
            screening.gaps.extend(gaps);
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

impl<'k> Screened<'k> {
    fn exclude(&mut self, because: &'k str) {
        if self.status != Status::Excluded {
            self.reasons.clear();
        }
        self.status = Status::Excluded;
        self.reasons.push(because);
    }

    fn check(&mut self, what: &'k str) {
        if self.status != Status::Excluded {
            self.status = Status::CheckFirst;
            if !self.reasons.contains(&what) {
                self.reasons.push(what);
            }
        }
    }
}

fn exclusions<'k>(
    screened: &mut Screened<'k>,
    rightful: Option<&'k Rightful>,
    signals: &mut Signals<'_, '_>,
    entries: &mut Vec<Entry>,
) {
    for exclusion in &screened.agent.excludes {
        if signals.truth(&exclusion.when) == Truth::True {
            screened.exclude(&exclusion.because);
            entries.extend(grounds(&exclusion.when, signals));
        }
    }
    if let Some((right, ingredient)) = rightful.zip(screened.agent.ingredient)
        && right.excludes.ingredients.binary_search(&ingredient).is_ok()
    {
        screened.exclude(&right.because);
    }
}

/// An exclusion that rests on a source that was not had: that source is what to check first.
fn unread_exclusions<'k>(
    screened: &mut Screened<'k>,
    knowledge: &'k Knowledge,
    signals: &mut Signals<'_, '_>,
) {
    for exclusion in &screened.agent.excludes {
        if !matches!(signals.truth(&exclusion.when), Truth::Unknown | Truth::Unreadable) {
            continue;
        }
        for source in signals.lost_sources(&exclusion.when) {
            let key = match source {
                Source::Medications => "need.medications",
                Source::Conditions => "need.conditions",
                Source::Allergies => "need.allergies",
                Source::Procedures => "need.procedures",
                Source::Patient | Source::Observations | Source::Screens => continue,
            };
            screened.check(knowledge.words.get(key));
        }
    }
}

fn requirements<'k>(
    screened: &mut Screened<'k>,
    signals: &mut Signals<'_, '_>,
    gaps: &mut Vec<Gap<'k>>,
    entries: &mut Vec<Entry>,
) {
    for requirement in &screened.agent.requires {
        if requirement
            .applies
            .as_ref()
            .is_some_and(|who| signals.truth(who) == Truth::False)
        {
            continue;
        }
        let truth = signals.truth(&requirement.know);
        match (truth, &requirement.otherwise) {
            (Truth::True, _) => {}
            (Truth::False, Some(because)) => {
                screened.exclude(because);
                entries.extend(grounds(&requirement.know, signals));
            }
            (Truth::False, None) => {
                screened.check(&requirement.ask);
                let known = grounds(&requirement.know, signals);
                // What is on record and speaks for a look is a reason, not a gap.
                if known.is_empty() || only_asks(requirement, signals) {
                    gaps.extend(gap_of(requirement, signals));
                } else {
                    entries.extend(known);
                }
            }
            (Truth::Unknown | Truth::Unreadable, _) => {
                screened.check(&requirement.ask);
                gaps.extend(gap_of(requirement, signals));
            }
        }
    }
}

/// Whether a requirement rests on nothing but for whom it is: no record can answer it, it has to be asked.
fn only_asks(requirement: &Requirement, signals: &Signals<'_, '_>) -> bool {
    let leaves = |expr: &Expr| {
        let mut found = Leaves::new();
        signals.leaves(expr, &mut found);
        found
    };
    requirement
        .applies
        .as_ref()
        .is_some_and(|who| leaves(who) == leaves(&requirement.know))
}

/// The gap of a requirement, with the reason that its signs give.
fn gap_of<'k>(requirement: &'k Requirement, signals: &Signals<'_, '_>) -> Option<Gap<'k>> {
    let need = requirement.need.as_deref()?;
    let mut leaves = Leaves::new();
    signals.leaves(&requirement.know, &mut leaves);
    let why = leaves
        .iter()
        .filter_map(|id| signals.reading(*id))
        .flat_map(|r| &r.gaps)
        .map(|gap| gap.why)
        .next();
    Some(Gap::new(need, why.unwrap_or(Why::Absent)))
}

fn grounds(expr: &Expr, signals: &Signals<'_, '_>) -> Vec<Entry> {
    let mut leaves = Leaves::new();
    signals.leaves(expr, &mut leaves);
    leaves
        .iter()
        .filter_map(|id| signals.reading(*id))
        .flat_map(|r| r.entries.iter().copied())
        .collect()
}

/// What the record says of an agent's own family.
#[derive(Default)]
struct History {
    /// Taken now, and not stopped in this request.
    taken: bool,
    /// Drafted in the same session.
    drafted: bool,
    /// Stopped in this request.
    stopping: bool,
    /// Stopped for harm earlier.
    harmed: bool,
}

impl History {
    fn of(record: &PatientRecord, knowledge: &Knowledge, ingredient: Option<IngredientId>) -> History {
        let Some(ingredient) = ingredient else {
            return History::default();
        };
        let is_it = |drug: Drug| matches!(drug, Drug::Known { ingredient: i, .. } if knowledge.vocabulary.same_family(i, ingredient));
        let vocabulary = &knowledge.vocabulary;
        let mut history = History::default();
        for order in record
            .orders
            .iter()
            .filter(|o| is_it(o.drug) && o.site != Some(Site::Local))
        {
            let ended = matches!(order.status, OrderStatus::Stopped | OrderStatus::Cancelled);
            history.taken |= order.role == Role::Recorded && order.status == OrderStatus::Active;
            history.drafted |= order.role == Role::Draft && order.status != OrderStatus::Void;
            history.stopping |= order.role == Role::Stopping && order.status.counts_as_stop();
            history.harmed |=
                ended && vocabulary.tells_harm(&order.status_reason_codes, &order.status_reason_text);
        }
        history.taken &= !history.stopping;
        history
    }
}
