//! Demographics.
//!
//! Turns a Patient into a [`Person`]: birth date as precise as it is, sex as far as it is male or female, and
//! whether the record says that the patient has died. Sex is asked for the sake of pregnancy, so it is female
//! if the gender or the sex at birth is. A date of death that cannot be so says nothing, but that something there
//! cannot be read. No name or address is read. Follows FHIR R4 Patient and the extension `us-core-birthsex`.

use super::json::{Flag, List, Object, Text, lens};
use super::observation::About;
use crate::clinical::record::{Person, Sex};
use crate::clinical::when::When;

lens! {
    /// An extension of a Patient whose value is a code.
    struct Coded {
        url: Text<'a> = "url",
        code: Text<'a> = "valueCode",
    }
}

/// Reads a Patient; and whether all that is told of a death could be read. `now` is in seconds since 1970.
pub(crate) fn patient(of: &Object<'_>, now: i64) -> (Person, About) {
    let Flag(died) = of.get("deceasedBoolean");
    let birth = of.text("birthDate").and_then(|text| When::parse(&text));
    let birth = birth.filter(|birth| !birth.is_future(now));
    let died_on = of.raw("deceasedDateTime").map(|_| death(of, birth, now));
    let person = Person {
        reference: of.reference("Patient"),
        birth,
        sex: match of.text("gender").as_deref() {
            Some("female") => Some(Sex::Female),
            _ if was_born_female(of) => Some(Sex::Female),
            Some("male") => Some(Sex::Male),
            _ => None,
        },
        deceased: died == Some(true) || died_on == Some(true),
    };
    let unreadable = died_on == Some(false) || died.is_none() && of.has("deceasedBoolean");
    let about = if unreadable {
        About::Nothing
    } else {
        About::Something
    };
    (person, about)
}

/// Whether the date of death is a date, not in the future and not before birth.
fn death(of: &Object<'_>, birth: Option<When>, now: i64) -> bool {
    let date = of.text("deceasedDateTime").and_then(|text| When::parse(&text));
    date.is_some_and(|date| {
        !date.is_future(now) && birth.is_none_or(|birth| date.latest() >= birth.earliest())
    })
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
    use super::super::samples::{NOW, object};
    use super::*;

    #[test]
    fn demographics_are_read_as_far_as_they_go() {
        let json = r#"{"id":"p","birthDate":"1990-05","gender":"female","deceasedBoolean":"false","name":[{"family":7.5}]}"#;
        let (person, about) = patient(&object(json), NOW);
        assert_eq!(about, About::Something);
        assert_eq!(
            person.birth.map(|when| when.dated().to_string()).as_deref(),
            Some("1990-05")
        );
        assert_eq!((person.sex, person.deceased), (Some(Sex::Female), false));
        let odd = r#"{"birthDate":19900501,"gender":{},"deceasedBoolean":1}"#;
        let (odd, about) = patient(&object(odd), NOW);
        assert_eq!(about, About::Nothing);
        assert!(odd.birth.is_none() && odd.sex.is_none() && !odd.deceased && odd.reference.is_none());
    }

    #[test]
    fn who_was_born_female_or_is_recorded_so_is_female() {
        let sex = |gender: &str, at_birth: &str| {
            let extension = format!(
                r#""extension":[{{"url":"http://hl7.org/fhir/us/core/StructureDefinition/us-core-birthsex","valueCode":"{at_birth}"}}]"#
            );
            patient(&object(&format!(r#"{{"gender":"{gender}",{extension}}}"#)), NOW)
                .0
                .sex
        };
        assert_eq!(sex("male", "F"), Some(Sex::Female));
        assert_eq!(sex("other", "F"), Some(Sex::Female));
        assert_eq!(sex("female", "M"), Some(Sex::Female));
        assert_eq!(sex("male", "M"), Some(Sex::Male));
        assert_eq!(sex("male", "UNK"), Some(Sex::Male));
        assert_eq!(sex("other", "M"), None);
    }

    #[test]
    fn only_a_date_that_can_be_one_of_death_says_that_the_patient_has_died() {
        let died = |on: &str| {
            let json = format!(r#"{{"birthDate":"1990-05","deceasedDateTime":{on}}}"#);
            let (person, about) = patient(&object(&json), NOW);
            (person.deceased, about)
        };
        for on in ["\"2026\"", "\"2026-11-01\"", "\"1990-05-01\""] {
            assert_eq!(died(on), (true, About::Something), "{on}");
        }
        for on in [
            "\"garbage\"",
            "\"2099\"",
            "\"9999-12-31\"",
            "\"0001-01-01\"",
            "\"1989-12\"",
            "5",
            "{}",
            "\"\"",
        ] {
            assert_eq!(died(on), (false, About::Nothing), "{on}");
        }
        assert_eq!(died("null"), (false, About::Something));
        assert!(patient(&object(r#"{"birthDate":"9999"}"#), NOW).0.birth.is_none());
    }
}
