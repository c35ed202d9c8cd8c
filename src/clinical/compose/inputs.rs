//! The inputs of the machine-readable basis: what a card rests on, with date, unit and source.

use crate::clinical::compose::text;
use crate::clinical::knowledge::Kind;
use crate::clinical::record::{Drug, Order, OrderStatus, Role, Said, Sex, Value};
use crate::clinical::signal::{Entry, Signals, ages};
use crate::clinical::therapy::Start;
use crate::clinical::when::{Dated, When};
use rust_decimal::Decimal;
use std::borrow::Cow;

/// One input (contract, machine-readable basis).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Input<'k> {
    /// Name.
    pub name: &'k str,
    /// Number or text.
    pub is: Is<'k>,
    /// As recorded.
    pub date: Option<Dated>,
    /// `Type/id`.
    pub source: Option<&'k str>,
    /// Recorded form, where the number was converted.
    pub as_recorded: Option<&'k str>,
}

/// What an input says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Is<'k> {
    /// A number in the canonical unit; of what has none, an empty one.
    Number(Decimal, &'k str),
    /// Words.
    Text(Cow<'k, str>),
}

/// The inputs of some entries, each once.
pub fn inputs_of<'k>(signals: &Signals<'_, 'k>, entries: &[Entry]) -> Vec<Input<'k>> {
    let mut inputs: Vec<Input<'k>> = Vec::new();
    for entry in entries {
        if let Some(input) = input_of(signals, *entry)
            && !inputs.contains(&input)
        {
            inputs.push(input);
        }
    }
    inputs
}

/// Whether a result certainly is among some inputs; found without making an input of it.
pub(super) fn is_told(signals: &Signals<'_, '_>, entry: Entry, inputs: &[Input<'_>]) -> bool {
    let Some(result) = result_at(entry).map(|index| &signals.record.results[index]) else {
        return false;
    };
    let name = &*signals.knowledge.vocabulary.analyte(result.analyte).key;
    result.reference.is_some()
        && inputs
            .iter()
            .any(|input| input.source == result.reference.as_deref() && input.name == name)
}

/// The evidence for an indication: named `indication`, for a transplant also `transplant`.
pub fn evidence_of<'k>(signals: &Signals<'_, 'k>, evidence: &[Entry], kind: Kind) -> Vec<Input<'k>> {
    let mut inputs = Vec::new();
    for entry in evidence {
        let Some(found) = input_of(signals, *entry) else {
            continue;
        };
        let found = Input {
            is: reason_text(signals, *entry).map_or(found.is.clone(), Is::Text),
            ..found
        };
        if kind == Kind::Transplant {
            inputs.push(Input {
                name: "transplant",
                ..found.clone()
            });
        }
        inputs.push(Input {
            name: "indication",
            ..found
        });
    }
    inputs
}

/// For an order that is evidence by its reason: the reason's text.
fn reason_text<'k>(signals: &Signals<'_, 'k>, entry: Entry) -> Option<Cow<'k, str>> {
    let (_, words) = signals.record.orders[order_at(entry)?].reasons.first()?;
    Some(text::plain(words))
}

/// The place of the result that an entry is.
pub(super) fn result_at(entry: Entry) -> Option<usize> {
    match entry {
        Entry::Result(index) => Some(index),
        Entry::Condition(_)
        | Entry::Procedure(_)
        | Entry::Allergy(_)
        | Entry::Order(_)
        | Entry::StopReason(_)
        | Entry::Supply(_)
        | Entry::TherapyStart
        | Entry::Age
        | Entry::Sex => None,
    }
}

/// The place of the order that an entry is; not where only its reason counts.
pub(super) fn order_at(entry: Entry) -> Option<usize> {
    match entry {
        Entry::Order(index) => Some(index),
        Entry::Result(_)
        | Entry::Condition(_)
        | Entry::Procedure(_)
        | Entry::Allergy(_)
        | Entry::StopReason(_)
        | Entry::Supply(_)
        | Entry::TherapyStart
        | Entry::Age
        | Entry::Sex => None,
    }
}

fn input_of<'k>(signals: &Signals<'_, 'k>, entry: Entry) -> Option<Input<'k>> {
    match entry {
        Entry::Result(index) => result(signals, index),
        Entry::Condition(index) => Some(condition(signals, index)),
        Entry::Procedure(index) => Some(procedure(signals, index)),
        Entry::Allergy(index) => Some(allergy(signals, index)),
        Entry::Order(index) => Some(order(signals, index)),
        Entry::StopReason(index) => Some(stop_reason(signals, index)),
        Entry::Supply(index) => Some(supply(signals, index)),
        Entry::TherapyStart => therapy_start(signals),
        Entry::Age => age(signals),
        Entry::Sex => sex(signals),
    }
}

/// An input that says words.
fn words<'k>(
    name: &'k str,
    said: impl Into<Cow<'k, str>>,
    when: Option<When>,
    source: Option<&'k str>,
) -> Input<'k> {
    Input {
        name,
        is: Is::Text(said.into()),
        date: when.map(When::dated),
        source,
        as_recorded: None,
    }
}

fn condition<'k>(signals: &Signals<'_, 'k>, index: usize) -> Input<'k> {
    let found = &signals.record.conditions[index];
    let vocabulary = &signals.knowledge.vocabulary;
    let mut groups = found.groups.iter();
    let named = groups.find_map(|group| input_name(signals, vocabulary.group(*group)));
    words(
        named.unwrap_or("condition"),
        text::plain(&found.text),
        found.when,
        found.reference.as_deref(),
    )
}

fn procedure<'k>(signals: &Signals<'_, 'k>, index: usize) -> Input<'k> {
    let done = &signals.record.procedures[index];
    words(
        "condition",
        text::plain(&done.text),
        done.when,
        done.reference.as_deref(),
    )
}

fn allergy<'k>(signals: &Signals<'_, 'k>, index: usize) -> Input<'k> {
    let known = &signals.record.allergies[index];
    words(
        "allergy",
        text::plain(&known.text),
        known.when,
        known.reference.as_deref(),
    )
}

fn order<'k>(signals: &Signals<'_, 'k>, index: usize) -> Input<'k> {
    let order = &signals.record.orders[index];
    words(
        "co-medication",
        text::plain(&order.drug_text),
        order.authored,
        order.reference.as_deref(),
    )
}

/// As it was written; where no words say why, the codes.
fn stop_reason<'k>(signals: &Signals<'_, 'k>, index: usize) -> Input<'k> {
    let order = &signals.record.orders[index];
    let said = if order.status_reason_written.is_empty() {
        text::plain(&order.status_reason_codes.join(", "))
            .into_owned()
            .into()
    } else {
        text::plain(&order.status_reason_written)
    };
    words("stop-reason", said, None, order.reference.as_deref())
}

fn supply<'k>(signals: &Signals<'_, 'k>, index: usize) -> Input<'k> {
    let supply = &signals.record.supplies[index];
    let said = match supply.says {
        Said::NotTaken => "supply.not-taken",
        Said::Ended | Said::Taken => "supply.ended",
    };
    words(
        "co-medication",
        signals.knowledge.words.get(said),
        supply.until,
        supply.reference.as_deref(),
    )
}

/// The start of the therapy, with the order that says so.
fn therapy_start<'k>(signals: &Signals<'_, 'k>) -> Option<Input<'k>> {
    let Start::On(start) = signals.therapy.start else {
        return None;
    };
    let (vocabulary, drug) = (&signals.knowledge.vocabulary, signals.withdrawal.ingredient);
    let says = |order: &&Order| {
        order.role != Role::Draft
            && order.status != OrderStatus::Void
            && (order.starts == Some(start) || order.authored == Some(start))
            && matches!(order.drug, Drug::Known { ingredient, .. } if vocabulary.same_family(ingredient, drug))
    };
    let orders = signals.record.orders.iter().filter(says);
    let source = orders.filter_map(|order| order.reference.as_deref()).min();
    Some(words("therapy-start", start.human(), Some(start), source))
}

fn age<'k>(signals: &Signals<'_, 'k>) -> Option<Input<'k>> {
    let person = &signals.record.person;
    let (years, _) = ages(person.birth?, signals.now);
    Some(words(
        "age",
        years.to_string(),
        person.birth,
        person.reference.as_deref(),
    ))
}

fn sex<'k>(signals: &Signals<'_, 'k>) -> Option<Input<'k>> {
    let person = &signals.record.person;
    let said = match person.sex? {
        Sex::Female => "sex.female",
        Sex::Male => "sex.male",
    };
    let said = signals.knowledge.words.get(said);
    Some(words("sex", said, None, person.reference.as_deref()))
}

fn result<'k>(signals: &Signals<'_, 'k>, index: usize) -> Option<Input<'k>> {
    let r = &signals.record.results[index];
    let analyte = signals.knowledge.vocabulary.analyte(r.analyte);
    let (is, as_recorded) = match &r.value {
        Value::Number(n) => {
            let shown = if n.as_recorded.is_some() {
                text::rounded(n.value)
            } else {
                n.value.normalize()
            };
            (
                Is::Number(shown, analyte.printed_unit()),
                n.as_recorded.as_deref(),
            )
        }
        Value::Coded(_, said) => (Is::Text(text::plain(said)), None),
        Value::Unusable(_) => return None,
    };
    Some(Input {
        name: input_name(signals, &analyte.key).unwrap_or(&analyte.key),
        is,
        date: r.when.map(When::dated),
        source: r.reference.as_deref(),
        as_recorded,
    })
}

/// The contract's name for a group or analyte, where `hooks/texts` gives another than its key.
fn input_name<'k>(signals: &Signals<'_, 'k>, key: &str) -> Option<&'k str> {
    signals.knowledge.words.input(key)
}
