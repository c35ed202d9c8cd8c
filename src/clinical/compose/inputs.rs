//! The inputs of the machine-readable basis: what a card rests on, with date, unit and source.

use crate::clinical::compose::text;
use crate::clinical::knowledge::Kind;
use crate::clinical::record::{Said, Sex, Value};
use crate::clinical::signal::{Entry, Signals, ages};
use crate::clinical::therapy::Start;
use rust_decimal::Decimal;

/// One input (contract, machine-readable basis).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Input {
    /// Name.
    pub name: String,
    /// Number or text.
    pub is: Is,
    /// ISO date, as precise as recorded.
    pub date: Option<String>,
    /// `Type/id`.
    pub source: Option<String>,
    /// Recorded form, where the number was converted.
    pub as_recorded: Option<String>,
}

/// What an input says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Is {
    /// A number in the canonical unit.
    Number(Decimal, String),
    /// Words.
    Text(String),
}

/// The inputs of some entries, each once.
pub fn inputs_of(signals: &Signals<'_>, entries: &[Entry]) -> Vec<Input> {
    let mut inputs: Vec<Input> = Vec::new();
    for entry in entries {
        if let Some(input) = input_of(signals, *entry)
            && !inputs.contains(&input)
        {
            inputs.push(input);
        }
    }
    inputs
}

/// The evidence for an indication: named `indication`, for a transplant also `transplant`.
pub fn evidence_of(signals: &Signals<'_>, evidence: &[Entry], kind: Kind) -> Vec<Input> {
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
                name: "transplant".to_owned(),
                ..found.clone()
            });
        }
        inputs.push(Input {
            name: "indication".to_owned(),
            ..found
        });
    }
    inputs
}

/// For an order that is evidence by its reason: the reason's text.
fn reason_text(signals: &Signals<'_>, entry: Entry) -> Option<String> {
    match entry {
        Entry::Order(i) => signals.record.orders[i]
            .reasons
            .first()
            .map(|(_, words)| text::plain(words)),
        _ => None,
    }
}

fn input_of(signals: &Signals<'_>, entry: Entry) -> Option<Input> {
    let record = signals.record;
    let words =
        |name: &str, said: String, when: Option<crate::clinical::when::When>, source: Option<&str>| Input {
            name: name.to_owned(),
            is: Is::Text(said),
            date: when.map(crate::clinical::when::When::iso),
            source: source.map(str::to_owned),
            as_recorded: None,
        };
    match entry {
        Entry::Result(i) => result(signals, i),
        Entry::Condition(i) => {
            let c = &record.conditions[i];
            let named = c
                .groups
                .iter()
                .find_map(|g| input_name(signals, signals.knowledge.vocabulary.group(*g)));
            Some(words(
                named.unwrap_or("condition"),
                text::plain(&c.text),
                c.when,
                c.reference.as_deref(),
            ))
        }
        Entry::Procedure(i) => {
            let p = &record.procedures[i];
            Some(words(
                "condition",
                text::plain(&p.text),
                p.when,
                p.reference.as_deref(),
            ))
        }
        Entry::Allergy(i) => {
            let a = &record.allergies[i];
            Some(words(
                "allergy",
                text::plain(&a.text),
                a.when,
                a.reference.as_deref(),
            ))
        }
        Entry::Order(i) => {
            let o = &record.orders[i];
            Some(words(
                "co-medication",
                text::plain(&o.drug_text),
                o.authored,
                o.reference.as_deref(),
            ))
        }
        Entry::StopReason(i) => {
            let o = &record.orders[i];
            let said = if o.status_reason_text.is_empty() {
                o.status_reason_codes.join(", ")
            } else {
                o.status_reason_text.to_string()
            };
            Some(words(
                "stop-reason",
                text::plain(&said),
                None,
                o.reference.as_deref(),
            ))
        }
        Entry::Supply(i) => {
            let s = &record.supplies[i];
            let said = match s.says {
                Said::NotTaken => "supply.not-taken",
                Said::Ended | Said::Taken => "supply.ended",
            };
            Some(words(
                "co-medication",
                signals.knowledge.words.get(said).to_owned(),
                s.until,
                s.reference.as_deref(),
            ))
        }
        Entry::TherapyStart => match signals.therapy.start {
            Start::On(start) => Some(words("therapy-start", start.human(), Some(start), None)),
            Start::Unknown | Start::Hidden => None,
        },
        Entry::Age => {
            let (years, _) = ages(record.person.birth?, signals.now);
            Some(words(
                "age",
                format!("{years}"),
                record.person.birth,
                record.person.reference.as_deref(),
            ))
        }
        Entry::Sex => {
            let said = match record.person.sex? {
                Sex::Female => "female",
                Sex::Male => "male",
            };
            Some(words(
                "sex",
                said.to_owned(),
                None,
                record.person.reference.as_deref(),
            ))
        }
    }
}

fn result(signals: &Signals<'_>, index: usize) -> Option<Input> {
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
                Is::Number(shown, analyte.unit.to_string()),
                n.as_recorded.as_deref().map(str::to_owned),
            )
        }
        Value::Coded(_, said) => (Is::Text(text::plain(said)), None),
        Value::Unusable(_) => return None,
    };
    Some(Input {
        name: input_name(signals, &analyte.key)
            .unwrap_or(&analyte.key)
            .to_owned(),
        is,
        date: r.when.map(crate::clinical::when::When::iso),
        source: r.reference.as_deref().map(str::to_owned),
        as_recorded,
    })
}

/// The contract's name for a group or analyte, where `hooks/texts` gives another than its key.
fn input_name<'a>(signals: &'a Signals<'_>, key: &str) -> Option<&'a str> {
    signals
        .knowledge
        .words
        .phrases
        .get(format!("input.{key}").as_str())
        .map(|name| &**name)
}
