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

#[cfg(test)]
mod tests {
    use super::super::samples::object;
    use super::*;

    #[test]
    fn demographics_are_read_as_far_as_they_go() {
        let json = r#"{"id":"p","birthDate":"1990-05","gender":"female","deceasedBoolean":"false","name":[{"family":7.5}]}"#;
        let person = patient(&object(json));
        assert_eq!(person.birth.map(When::iso).as_deref(), Some("1990-05"));
        assert_eq!((person.sex, person.deceased), (Some(Sex::Female), false));
        assert!(patient(&object(r#"{"deceasedDateTime":"2026"}"#)).deceased);
        let odd = patient(&object(
            r#"{"birthDate":19900501,"gender":{},"deceasedBoolean":1}"#,
        ));
        assert!(odd.birth.is_none() && odd.sex.is_none() && !odd.deceased && odd.reference.is_none());
    }
}
