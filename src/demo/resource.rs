//! Reads single facts out of a FHIR resource of the demonstration.
//!
//! In: a JSON tree. Out: its type, id, words and codes (FHIR R4). It is for the demo's own fixtures and for
//! suggested resources on cards; what an EHR sends to the service is read elsewhere. It never fails: what is
//! not there is empty.

use serde_json::Value;

/// The text at a JSON pointer, or nothing.
pub(super) fn text<'a>(resource: &'a Value, pointer: &str) -> &'a str {
    resource
        .pointer(pointer)
        .and_then(Value::as_str)
        .unwrap_or_default()
}

/// `resourceType`.
pub(super) fn kind(resource: &Value) -> &str {
    text(resource, "/resourceType")
}

/// Logical id.
pub(super) fn id(resource: &Value) -> &str {
    text(resource, "/id")
}

/// The items of an array field, or nothing.
pub(super) fn items<'a>(resource: &'a Value, pointer: &str) -> &'a [Value] {
    resource
        .pointer(pointer)
        .and_then(Value::as_array)
        .map_or(&[], Vec::as_slice)
}

/// What a CodeableConcept says in words: its text, else a display, else a code.
pub(super) fn words(concept: Option<&Value>) -> &str {
    let Some(concept) = concept else { return "" };
    [
        text(concept, "/text"),
        text(concept, "/coding/0/display"),
        text(concept, "/coding/0/code"),
    ]
    .into_iter()
    .find(|words| !words.is_empty())
    .unwrap_or_default()
}

/// The codings of a CodeableConcept, as system and code.
pub(super) fn codings(concept: Option<&Value>) -> impl Iterator<Item = (&str, &str)> {
    concept
        .map_or(&[][..], |concept| items(concept, "/coding"))
        .iter()
        .map(|coding| (text(coding, "/system"), text(coding, "/code")))
}

/// The first ten characters of a date or instant: its day.
pub(super) fn day(value: &str) -> &str {
    value.get(..10).unwrap_or(value)
}

/// A FHIR date or instant as a day to read, such as `8 Nov 2026`; what cannot be read is left as it is.
pub(super) fn shown_day(value: &str) -> String {
    match day(value).parse::<jiff::civil::Date>() {
        Ok(date) => date.strftime("%-d %b %Y").to_string(),
        Err(_) => value.to_owned(),
    }
}

/// When the resource says that it was true: the first of the date elements of the types that the demo has.
pub(super) fn when(resource: &Value) -> &str {
    [
        "/effectiveDateTime",
        "/authoredOn",
        "/performedDateTime",
        "/onsetDateTime",
        "/recordedDate",
    ]
    .into_iter()
    .map(|pointer| text(resource, pointer))
    .find(|when| !when.is_empty())
    .unwrap_or_default()
}

/// The drug of an order: its concept, or that of the Medication to which it points.
pub(super) fn drug<'a>(order: &'a Value, medications: &'a [std::sync::Arc<Value>]) -> Option<&'a Value> {
    if let Some(concept) = order.get("medicationCodeableConcept") {
        return Some(concept);
    }
    let reference = text(order, "/medicationReference/reference");
    medications
        .iter()
        .find(|other| kind(other) == "Medication" && reference.strip_prefix("Medication/") == Some(id(other)))
        .and_then(|medication| medication.get("code"))
}
