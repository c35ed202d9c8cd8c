//! Demographics.
//!
//! Turns a Patient into a [`Person`]: birth date as precise as it is, gender as far as it is male or
//! female, and whether the record says that the patient has died. No name or address is read.
//! Follows FHIR R4 Patient.

use super::json::{Flag, Object};
use crate::clinical::record::{Person, Sex};
use crate::clinical::when::When;

/// Reads a Patient.
pub(crate) fn patient(of: &Object<'_>) -> Person {
    let Flag(died) = of.get("deceasedBoolean");
    Person {
        reference: of.reference("Patient"),
        birth: of.text("birthDate").and_then(|text| When::parse(&text)),
        sex: match of.text("gender").as_deref() {
            Some("female") => Some(Sex::Female),
            Some("male") => Some(Sex::Male),
            _ => None,
        },
        deceased: died == Some(true) || of.text("deceasedDateTime").is_some(),
    }
}
