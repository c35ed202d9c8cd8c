//! Demographics.
//!
//! Turns a Patient into a [`Person`]: birth date as precise as it is, sex as far as it is male or female, and
//! whether the record says that the patient has died. Sex is asked for the sake of pregnancy, so it is female
//! if the gender or the sex at birth is. No name or address is read. Follows FHIR R4 Patient and the extension
//! `us-core-birthsex`.

use super::json::{Flag, List, Object, Text, lens};
use crate::clinical::record::{Person, Sex};
use crate::clinical::when::When;

lens! {
    /// An extension of a Patient whose value is a code.
    struct Coded {
        url: Text<'a> = "url",
        code: Text<'a> = "valueCode",
    }
}

/// Reads a Patient.
pub(crate) fn patient(of: &Object<'_>) -> Person {
    let Flag(died) = of.get("deceasedBoolean");
    Person {
        reference: of.reference("Patient"),
        birth: of.text("birthDate").and_then(|text| When::parse(&text)),
        sex: match of.text("gender").as_deref() {
            Some("female") => Some(Sex::Female),
            _ if was_born_female(of) => Some(Sex::Female),
            Some("male") => Some(Sex::Male),
            _ => None,
        },
        deceased: died == Some(true) || of.text("deceasedDateTime").is_some(),
    }
}

fn was_born_female(of: &Object<'_>) -> bool {
    let extensions: List<Coded<'_>> = of.get("extension");
    let of_birth = |extension: &Coded<'_>| extension.url.or_empty().ends_with("/us-core-birthsex");
    extensions
        .0
        .iter()
        .any(|extension| of_birth(extension) && extension.code.is("F"))
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

    #[test]
    fn who_was_born_female_or_is_recorded_so_is_female() {
        let sex = |gender: &str, at_birth: &str| {
            let extension = format!(
                r#""extension":[{{"url":"http://hl7.org/fhir/us/core/StructureDefinition/us-core-birthsex","valueCode":"{at_birth}"}}]"#
            );
            patient(&object(&format!(r#"{{"gender":"{gender}",{extension}}}"#))).sex
        };
        assert_eq!(sex("male", "F"), Some(Sex::Female));
        assert_eq!(sex("other", "F"), Some(Sex::Female));
        assert_eq!(sex("female", "M"), Some(Sex::Female));
        assert_eq!(sex("male", "M"), Some(Sex::Male));
        assert_eq!(sex("male", "UNK"), Some(Sex::Male));
        assert_eq!(sex("other", "M"), None);
    }
}
