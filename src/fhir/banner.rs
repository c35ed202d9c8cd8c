//! Who a chart is of, for the eyes of the one who opened it.
//!
//! Turns a Patient into the words of a banner: a name in use, the gender as it is recorded, one identifier.
//! The judgement never sees it, and it has no `Debug`. Follows FHIR R4 Patient, HumanName and Identifier.

use super::elements::Concept;
use super::json::{Document, List, Object, Read, Text, lens};

lens! {
    struct Name {
        usage: Text<'a> = "use",
        text: Text<'a> = "text",
        family: Text<'a> = "family",
        given: List<Text<'a>> = "given",
    }

    struct Identifier {
        value: Text<'a> = "value",
        kind: Concept<'a> = "type",
    }
}

/// The words of a banner; empty where the record has none.
#[derive(Default)]
pub(crate) struct Banner {
    /// Name.
    pub(crate) name: String,
    /// Administrative gender.
    pub(crate) gender: String,
    /// First identifier that is a medical record number, else the first.
    pub(crate) number: String,
}

/// Reads a Patient as it came.
pub(crate) fn banner(json: &str) -> Banner {
    let Ok(document) = Document::parse(json) else {
        return Banner::default();
    };
    let patient = Object::read(document.root());
    let List(names): List<Name<'_>> = patient.get("name");
    let rank = |name: &&Name<'_>| match name.usage.get() {
        Some("official") => 0,
        Some("usual") => 1,
        None => 2,
        Some("old" | "maiden") => 4,
        Some(_) => 3,
    };
    let List(numbers): List<Identifier<'_>> = patient.get("identifier");
    let number = numbers
        .iter()
        .find(|number| number.kind.says("MR"))
        .or(numbers.first());
    Banner {
        name: names.iter().min_by_key(rank).map(written).unwrap_or_default(),
        gender: patient
            .text("gender")
            .map(|text| text.into_owned())
            .unwrap_or_default(),
        number: number
            .and_then(|number| number.value.get())
            .unwrap_or_default()
            .to_owned(),
    }
}

fn written(name: &Name<'_>) -> String {
    if let Some(text) = name.text.get() {
        return text.to_owned();
    }
    let parts = name.given.0.iter().filter_map(Text::get).chain(name.family.get());
    parts.collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_name_in_use_is_shown_and_anything_else_is_survived() {
        let shown = banner(
            r#"{"resourceType":"Patient","gender":"female","name":[{"use":"maiden","family":"Old"},
            {"use":"official","given":["Alma","B."],"family":"Test"}],
            "identifier":[{"value":"1"},{"type":{"coding":[{"code":"MR"}]},"value":"2"}]}"#,
        );
        assert_eq!(
            (shown.name.as_str(), shown.number.as_str()),
            ("Alma B. Test", "2")
        );
        for odd in ["{}", "[]", r#"{"name":"x","identifier":7}"#, "nothing"] {
            assert_eq!(banner(odd).number, "");
        }
    }
}
