//! Turns a proposed test into a FHIR R4 ServiceRequest: status `draft`, intent `proposal`.
//!
//! One test, at most one planned date; it never writes a recurring order.
//! Follows FHIR R4, section 12.12 (ServiceRequest).

use fhirbolt::model::r4::resources::{ServiceRequest, ServiceRequestOccurrence};

use crate::OutError;
use crate::elements::{CodeRef, concept, notes, optional_reference, reference, uncoded, words};

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
    /// Why the test is proposed.
    pub reason: Option<&'a str>,
    /// What the prescriber should know before signing.
    pub note: Option<&'a str>,
}

/// Writes the test as ServiceRequest JSON.
///
/// # Errors
/// [`OutError`] if a required text is empty.
pub fn service_request(order: &TestOrder<'_>) -> Result<String, OutError> {
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
        reason_code: uncoded(order.reason),
        note: notes(order.note),
        ..Default::default()
    };
    fhirbolt::json::to_string(&resource, None).map_err(|_| OutError::Refused)
}
