//! Turns a proposed test into a FHIR R4 ServiceRequest: status `draft`, intent `proposal`.
//!
//! One test, at most one planned date; it never writes a recurring order. As with medication orders, the model writes
//! a sample of each shape, and later tests fill their values into it; a test compares both ways for every shape.
//! Follows FHIR R4, section 12.12 (ServiceRequest).

use std::sync::OnceLock;

use fhirbolt::model::r4::resources::{ServiceRequest, ServiceRequestOccurrence};

use crate::OutError;
use crate::elements::{CodeRef, concept, is_visible, notes, optional_reference, present, reference, words};
use crate::shape::{Shape, TEXTS, key, known, put, quoted};

/// Shapes of a test, by which of its five optional parts are there.
static TESTS: [OnceLock<Shape>; 1 << 5] = [const { OnceLock::new() }; 1 << 5];

/// A test to propose.
#[derive(Clone, Copy)]
pub struct TestOrder<'a> {
    /// Reference to the patient, such as `Patient/123`.
    pub patient: &'a str,
    /// Reference to the encounter, if the request named one.
    pub encounter: Option<&'a str>,
    /// The test.
    pub code: CodeRef<'a>,
    /// The test in the words a prescriber reads.
    pub text: &'a str,
    /// FHIR date, or dateTime with zone, on which the test is due.
    pub occurrence_date: Option<&'a str>,
    /// What the prescriber should know before signing.
    pub note: Option<&'a str>,
}

/// Writes the test as ServiceRequest JSON.
///
/// # Errors
/// [`OutError`] if a required text is empty.
#[inline]
pub fn service_request(order: &TestOrder<'_>) -> Result<String, OutError> {
    let order = checked(order)?;
    let parts = [
        order.encounter.is_some(),
        is_visible(order.code.display),
        is_visible(order.text),
        order.occurrence_date.is_some(),
        order.note.is_some(),
    ];
    let shape = known(&TESTS[key(&parts)], || shape(parts))?;
    let mut out = Vec::with_capacity(1024);
    shape.fill(&mut out, |out, hole| match hole {
        0 => put(out, Some(order.patient)),
        1 => put(out, order.encounter),
        2 => put(out, Some(order.code.display)),
        3 => put(out, Some(order.text)),
        4 => put(out, order.occurrence_date),
        5 => put(out, order.note),
        6 => put(out, Some(order.code.system)),
        _ => put(out, Some(order.code.code)),
    })?;
    String::from_utf8(out).map_err(|_| OutError::Refused)
}

/// Writes the test as [`service_request`] does, but through fhirbolt every time: what the shapes are tested against.
///
/// # Errors
/// As [`service_request`].
#[cfg(feature = "referee")]
pub fn service_request_afresh(order: &TestOrder<'_>) -> Result<String, OutError> {
    write(&checked(order)?)
}

/// The test with every empty optional text taken out, or why it cannot be written.
#[inline]
fn checked<'a>(order: &TestOrder<'a>) -> Result<TestOrder<'a>, OutError> {
    present(order.patient, "subject")?;
    present(order.code.system, "code")?;
    present(order.code.code, "code")?;
    order.encounter.map(|to| present(to, "encounter")).transpose()?;
    let visible = |text: &&str| is_visible(text);
    Ok(TestOrder {
        occurrence_date: order.occurrence_date.filter(visible),
        note: order.note.filter(visible),
        ..*order
    })
}

/// The shape of tests that have these parts; holes are numbered as in [`service_request`].
fn shape(parts: [bool; 5]) -> Result<Shape, OutError> {
    let [encounter, display, text, date, note] = parts;
    let json = write(&TestOrder {
        patient: TEXTS[0],
        encounter: encounter.then_some(TEXTS[1]),
        code: CodeRef {
            system: TEXTS[6],
            code: TEXTS[7],
            display: if display { TEXTS[2] } else { "" },
        },
        text: if text { TEXTS[3] } else { "" },
        occurrence_date: date.then_some(TEXTS[4]),
        note: note.then_some(TEXTS[5]),
    })?;
    Ok(Shape::cut(&json, &quoted(8)))
}

/// The test as JSON, built and written afresh.
fn write(order: &TestOrder<'_>) -> Result<String, OutError> {
    let resource = ServiceRequest {
        status: "draft".into(),
        intent: "proposal".into(),
        code: Some(concept(order.code, order.text, "code")?),
        subject: reference(order.patient, "subject")?,
        encounter: optional_reference(order.encounter, "encounter")?,
        occurrence: order
            .occurrence_date
            .and_then(words)
            .map(|date| ServiceRequestOccurrence::DateTime(date.into())),
        note: notes(order.note),
        ..Default::default()
    };
    fhirbolt::json::to_string(&resource, None).map_err(|_| OutError::Refused)
}
