//! A MedicationRequest that we wrote, in words: what somebody reads before it goes into the chart.
//!
//! Turns our own JSON into lines and into JSON with line breaks. The words are read out of the very bytes that are
//! sent, so that nothing is written that was not shown. It is not for what others wrote.
//! Follows FHIR R4, section 11.1 (MedicationRequest).

use serde_json::Value;

/// The order in words.
pub(crate) struct Told {
    /// Name and value of each element beside the doses.
    pub(crate) facts: Vec<(&'static str, String)>,
    /// The dosage instructions in order.
    pub(crate) doses: Vec<String>,
    /// The resource as it is sent, with line breaks.
    pub(crate) json: String,
}

/// Tells an order; `None` if it is not one.
pub(crate) fn told(json: &str) -> Option<Told> {
    let order: Value = serde_json::from_str(json).ok()?;
    let at = |pointer: &str| order.pointer(pointer).and_then(Value::as_str).unwrap_or_default();
    let coding = |part: &str| at(&format!("/medicationCodeableConcept/coding/0/{part}"));
    let code = format!(
        "{} ({} {})",
        at("/medicationCodeableConcept/text"),
        coding("system"),
        coding("code")
    );
    let all = [
        ("Resource", at("/resourceType").to_owned()),
        ("Status", at("/status").to_owned()),
        ("Intent", at("/intent").to_owned()),
        ("Patient", at("/subject/reference").to_owned()),
        ("Encounter", at("/encounter/reference").to_owned()),
        ("Medication", code),
        ("Follows", at("/priorPrescription/reference").to_owned()),
        ("Written on", at("/authoredOn").to_owned()),
        ("Note", at("/note/0/text").to_owned()),
        ("Identifier", at("/identifier/0/value").to_owned()),
    ];
    let facts = all.into_iter().filter(|(_, value)| !value.is_empty()).collect();
    let doses = order
        .get("dosageInstruction")?
        .as_array()?
        .iter()
        .map(dose)
        .collect();
    Some(Told {
        facts,
        doses,
        json: indented(json),
    })
}

/// `Step 2: 1.5 mg in the morning, 1 mg in the evening. 1.5 mg, once a day, morning, for 14 days`
fn dose(line: &Value) -> String {
    let at = |pointer: &str| line.pointer(pointer).cloned().unwrap_or_default();
    let plain = |pointer: &str| match at(pointer) {
        Value::String(text) => text,
        Value::Null => String::new(),
        other => other.to_string(),
    };
    let repeat = |part: &str| plain(&format!("/timing/repeat/{part}"));
    let often = match repeat("frequency").as_str() {
        "1" => "once a day".to_owned(),
        "2" => "twice a day".to_owned(),
        times => format!("{times} times a day"),
    };
    let when = match repeat("when/0").as_str() {
        "MORN" => ", morning",
        "NOON" => ", noon",
        "EVE" => ", evening",
        "NIGHT" => ", night",
        _ => "",
    };
    let quantity = |part: &str| plain(&format!("/doseAndRate/0/doseQuantity/{part}"));
    format!(
        "Step {}: {} {}, {often}{when}, for {} days. In words: {}",
        plain("/sequence"),
        quantity("value"),
        quantity("unit"),
        repeat("boundsDuration/value"),
        plain("/text"),
    )
}

/// JSON with line breaks and indents; nothing else of it is changed.
fn indented(json: &str) -> String {
    let mut out = String::with_capacity(json.len() * 2);
    let (mut depth, mut quoted, mut escaped) = (0_usize, false, false);
    let fresh = |out: &mut String, depth: usize| {
        out.push('\n');
        out.push_str(&"  ".repeat(depth));
    };
    for letter in json.chars() {
        if quoted {
            out.push(letter);
            quoted = escaped || letter != '"';
            escaped = !escaped && letter == '\\';
            continue;
        }
        match letter {
            '{' | '[' => {
                out.push(letter);
                depth += 1;
                fresh(&mut out, depth);
            }
            '}' | ']' => {
                depth = depth.saturating_sub(1);
                fresh(&mut out, depth);
                out.push(letter);
            }
            ',' => {
                out.push(letter);
                fresh(&mut out, depth);
            }
            ':' => out.push_str(": "),
            ' ' | '\n' | '\r' | '\t' => {}
            other => {
                quoted = other == '"';
                out.push(other);
            }
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    const ORDER: &str = r#"{"resourceType":"MedicationRequest","status":"draft","intent":"proposal","medicationCodeableConcept":{"coding":[{"system":"urn:x","code":"7"}],"text":"a \"b\": [c], {d}"},"subject":{"reference":"Patient/1"},"dosageInstruction":[{"sequence":2,"text":"in words","timing":{"repeat":{"boundsDuration":{"value":14},"frequency":1,"when":["MORN"]}},"doseAndRate":[{"doseQuantity":{"value":1.5,"unit":"mg"}}]}]}"#;

    #[test]
    fn what_is_shown_is_what_is_sent() {
        let told = told(ORDER).unwrap();
        let plain: Value = serde_json::from_str(ORDER).unwrap();
        assert_eq!(serde_json::from_str::<Value>(&told.json).unwrap(), plain);
        assert!(told.json.lines().count() > 20 && told.json.contains(r#""text": "a \"b\": [c], {d}""#));
        assert_eq!(
            told.doses,
            ["Step 2: 1.5 mg, once a day, morning, for 14 days. In words: in words"]
        );
        assert!(told.facts.contains(&("Status", "draft".to_owned())));
        assert!(
            told.facts
                .contains(&("Medication", "a \"b\": [c], {d} (urn:x 7)".to_owned()))
        );
        assert!(!told.facts.iter().any(|(name, _)| *name == "Encounter"));
    }

    #[test]
    fn what_is_no_order_is_not_told() {
        assert!(super::told("{}").is_none() && super::told("x").is_none());
    }
}
