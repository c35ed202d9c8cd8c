//! Turns the machine-readable basis of a card into tables for reading.
//!
//! In: the card's extension `org.stepdown.basis`. Out: facts, inputs, gaps, agents and schedule, each value
//! as it was sent. A field that is not there is empty.

use super::cards::pretty;
use super::resource;
use serde_json::Value;

/// The basis as tables.
pub(super) struct BasisView {
    /// Single facts: name and value.
    pub(super) facts: Vec<(&'static str, String)>,
    /// Inputs.
    pub(super) inputs: Vec<InputView>,
    /// Gaps: need and why.
    pub(super) gaps: Vec<(String, String)>,
    /// Agents: name, status, reasons.
    pub(super) agents: Vec<(String, String, String)>,
    /// Schedule: step, days, doses, daily.
    pub(super) schedule: Vec<[String; 4]>,
    /// All of it as JSON.
    pub(super) json: String,
}

/// One input of the basis, each field as it was sent or empty.
pub(super) struct InputView {
    /// Name.
    pub(super) name: String,
    /// Number or words.
    pub(super) value: String,
    /// Unit of a number.
    pub(super) unit: String,
    /// Date.
    pub(super) date: String,
    /// The resource.
    pub(super) source: String,
    /// The form in which the value was recorded.
    pub(super) recorded: String,
}

/// Reads a basis.
pub(super) fn basis(found: &Value) -> BasisView {
    let fact = |name, at| (name, resource::text(found, at).to_owned());
    let mut facts = vec![
        fact("Rule", "/rule"),
        fact("Content", "/content"),
        fact("Evaluated", "/evaluatedAt"),
        fact("Indication", "/indication"),
        fact("Evidence", "/evidence"),
    ];
    facts.insert(3, ("Drugs", joined(found, "/drugs")));
    facts.retain(|(_, value)| !value.is_empty());
    let gap = |gap: &Value| (scalar(gap, "need"), scalar(gap, "why").replace('-', " "));
    let agent = |agent: &Value| {
        (
            scalar(agent, "name"),
            scalar(agent, "status").replace('-', " "),
            joined(agent, "/reasons"),
        )
    };
    BasisView {
        facts,
        inputs: resource::items(found, "/inputs").iter().map(input).collect(),
        gaps: resource::items(found, "/gaps").iter().map(gap).collect(),
        agents: resource::items(found, "/agents").iter().map(agent).collect(),
        schedule: resource::items(found, "/schedule").iter().map(step).collect(),
        json: pretty(found),
    }
}

fn input(input: &Value) -> InputView {
    InputView {
        name: scalar(input, "name"),
        value: scalar(
            input,
            if input.get("value").is_some() {
                "value"
            } else {
                "text"
            },
        ),
        unit: scalar(input, "unit"),
        date: scalar(input, "date"),
        source: scalar(input, "source"),
        recorded: scalar(input, "as-recorded"),
    }
}

fn step(step: &Value) -> [String; 4] {
    let dose = |dose: &Value| format!("{} {}", scalar(dose, "value"), scalar(dose, "unit"));
    let doses: Vec<_> = resource::items(step, "/doses").iter().map(dose).collect();
    let daily = step.get("daily").map(dose).unwrap_or_default();
    [
        scalar(step, "step"),
        scalar(step, "days"),
        doses.join(" + "),
        daily,
    ]
}

/// A string or a number as it was sent.
fn scalar(found: &Value, field: &str) -> String {
    match found.get(field) {
        Some(Value::String(text)) => text.clone(),
        Some(Value::Number(number)) => number.to_string(),
        _ => String::new(),
    }
}

fn joined(found: &Value, pointer: &str) -> String {
    resource::items(found, pointer)
        .iter()
        .filter_map(Value::as_str)
        .collect::<Vec<_>>()
        .join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_basis_becomes_tables_with_numbers_as_they_were_sent() {
        let sent: Value = serde_json::from_str(
            r#"{"rule": "a/b/c",
                "inputs": [{"name": "upcr", "value": 2.10, "unit": "g/g", "date": "2026-11-15"}, {"name": "indication", "text": "x"}],
                "schedule": [{"step": 1, "days": 14, "doses": [{"value": 1.5, "unit": "mg"}, {"value": 1, "unit": "mg"}], "daily": {"value": 2.5, "unit": "mg"}}]}"#,
        )
        .unwrap();
        let basis = basis(&sent);
        assert_eq!(basis.facts, [("Rule", "a/b/c".to_owned())]);
        assert_eq!(basis.inputs[0].name, "upcr");
        assert_eq!(basis.inputs[1].value, "x");
        assert_eq!(basis.schedule[0], ["1", "14", "1.5 mg + 1 mg", "2.5 mg"]);
    }
}
