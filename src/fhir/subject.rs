//! Whether a resource is about the patient of the hook.
//!
//! Turns `Patient/123`, `123` and the absolute form on the client's FHIR base into one [`PatientRef`], and
//! compares the subject of a resource with it. Another patient's resource is never read further.
//! Follows FHIR R4 section 2.1.3.0.1 (references) and the outside contract, section 3.

use super::elements::Reference;
use super::json::{Object, Read};
use std::collections::HashMap;
use url::Url;

/// The patient of a hook. It has no `Debug`: an identifier must not be printed.
#[derive(Clone)]
pub struct PatientRef {
    id: Box<str>,
    base: Option<Box<str>>,
}

impl PatientRef {
    /// Reads `Patient/id`, `id` or an absolute address of a Patient. `None` if it is none of them.
    pub fn parse(text: &str) -> Option<Self> {
        let (base, id) = match text.rsplit_once('/') {
            None => (None, text),
            Some(("Patient", id)) => (None, id),
            Some((path, id)) => (Some(path.strip_suffix("/Patient")?), id),
        };
        if let Some(base) = base {
            let url = Url::parse(base).ok()?;
            if !matches!(url.scheme(), "http" | "https") || !url.has_host() || url.query().is_some() {
                return None;
            }
        }
        is_id(id).then(|| PatientRef {
            id: id.into(),
            base: base.map(Into::into),
        })
    }

    /// The identifier alone.
    pub fn id(&self) -> &str {
        &self.id
    }

    /// Whether it may be read as a patient of this FHIR base: it was written without a base, or with this one.
    pub fn is_on(&self, base: &Url) -> bool {
        self.base.as_deref().is_none_or(|own| same_base(own, base))
    }
}

/// Whether it is a FHIR `id`.
pub fn is_id(text: &str) -> bool {
    (1..=64).contains(&text.len())
        && text
            .bytes()
            .all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'.')
}

/// Whether a text ends with a type and an id.
pub(crate) fn is_reference(text: &str) -> bool {
    let mut parts = text.rsplit('/');
    let (id, kind) = (parts.next().unwrap_or_default(), parts.next().unwrap_or_default());
    is_type(kind) && is_id(id)
}

/// Whether a text is written like the name of a type of resource.
pub(crate) fn is_type(text: &str) -> bool {
    text.starts_with(|c: char| c.is_ascii_uppercase())
        && text.len() <= 64
        && text.chars().all(|c| c.is_ascii_alphabetic())
}

fn same_base(text: &str, base: &Url) -> bool {
    let bare = |text: &str| text.trim_end_matches('/').to_owned();
    bare(text) == bare(base.as_str())
        || Url::parse(text).is_ok_and(|url| bare(url.as_str()) == bare(base.as_str()))
}

/// Compares subjects with the patient of the hook.
pub(crate) struct Subjects<'r> {
    patient: &'r PatientRef,
    base: Option<&'r Url>,
    addresses: HashMap<String, Option<String>>,
    /// How most EHRs write the reference to the patient, to be recognised without reading it.
    usual: String,
}

impl<'r> Subjects<'r> {
    /// For a patient, the client's FHIR base if it is known, and the addresses of Patients in the same data.
    pub(crate) fn new(
        patient: &'r PatientRef,
        base: Option<&'r Url>,
        addresses: HashMap<String, Option<String>>,
    ) -> Self {
        let usual = format!(r#"{{"reference":"Patient/{}""#, patient.id);
        Subjects {
            patient,
            base,
            addresses,
            usual,
        }
    }

    /// Whether a resource is about the patient. One that names nobody is.
    pub(crate) fn owns(&self, resource: &Object<'_>) -> bool {
        let raw = resource.raw("subject").or_else(|| resource.raw("patient"));
        let Some(raw) = raw else { return true };
        if raw.raw().starts_with(&self.usual) {
            return true;
        }
        let subject = Reference::read(raw);
        subject
            .reference
            .get()
            .is_none_or(|reference| self.is_patient(reference))
    }

    /// Whether a resource does not tell whom it is about: by an address of its own that is not here, or by what is no
    /// reference at all.
    pub(crate) fn does_not_tell(&self, resource: &Object<'_>) -> bool {
        let raw = resource.raw("subject").or_else(|| resource.raw("patient"));
        let subject = raw.map(Reference::read).unwrap_or_default();
        let Some(reference) = subject.reference.get() else {
            return true;
        };
        let reference = reference
            .split_once("/_history/")
            .map_or(reference, |(current, _)| current);
        match reference.strip_prefix("urn:") {
            Some(_) => !self.addresses.contains_key(reference),
            None => !is_reference(reference),
        }
    }

    /// Whether a Patient resource is the patient.
    pub(crate) fn is(&self, patient: &Object<'_>) -> bool {
        patient.id().is_none_or(|id| *id == *self.patient.id)
    }

    fn is_patient(&self, reference: &str) -> bool {
        let reference = reference
            .split_once("/_history/")
            .map_or(reference, |(current, _)| current);
        if let Some(id) = reference.strip_prefix("Patient/") {
            return *id == *self.patient.id;
        }
        if reference == &*self.patient.id || reference.starts_with('#') {
            return true;
        }
        if let Some(known) = self.addresses.get(reference) {
            return known.as_deref().is_none_or(|id| *id == *self.patient.id);
        }
        if let Some(urn) = reference.strip_prefix("urn:uuid:") {
            return *urn == *self.patient.id;
        }
        match reference.rsplit_once("/Patient/") {
            Some((base, id)) => *id == *self.patient.id && self.base.is_none_or(|own| same_base(base, own)),
            None => false,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::samples::object;
    use super::*;

    fn owns(subject: &str, base: Option<&str>) -> bool {
        let patient = PatientRef::parse("123").unwrap();
        let base = base.map(|base| Url::parse(base).unwrap());
        let addresses = HashMap::from([
            ("urn:uuid:aa".to_owned(), Some("123".to_owned())),
            ("urn:uuid:bb".to_owned(), Some("999".to_owned())),
        ]);
        let json = format!(r#"{{"resourceType":"X","subject":{subject}}}"#);
        Subjects::new(&patient, base.as_ref(), addresses).owns(&object(&json))
    }

    #[test]
    fn the_written_forms_of_a_patient_are_one() {
        for text in ["123", "Patient/123", "https://ehr.example/fhir/Patient/123"] {
            assert_eq!(PatientRef::parse(text).unwrap().id(), "123");
        }
        for text in [
            "",
            "Patient/",
            "Patient/a b",
            "Group/123",
            "ftp://x/Patient/1",
            "../Patient/1",
            "Patient/1/2",
        ] {
            assert!(PatientRef::parse(text).is_none(), "{text}");
        }
        assert!(PatientRef::parse(&"a".repeat(65)).is_none());
        let absolute = PatientRef::parse("https://ehr.example/fhir/Patient/123").unwrap();
        assert!(absolute.is_on(&Url::parse("https://ehr.example/fhir/").unwrap()));
        assert!(!absolute.is_on(&Url::parse("https://other.example/fhir").unwrap()));
    }

    #[test]
    fn subjects_are_compared_by_meaning() {
        let base = Some("https://ehr.example/fhir/");
        for own in [
            r#"{"reference":"Patient/123"}"#,
            r#"{"reference":"Patient/123/_history/4"}"#,
            r#"{"reference":"123"}"#,
            r#"{"reference":"https://ehr.example/fhir/Patient/123"}"#,
            r#"{"reference":"https://EHR.example:443/fhir/Patient/123"}"#,
            r#"{"reference":"urn:uuid:aa"}"#,
            r#"{"reference":"urn:uuid:123"}"#,
            r##"{"reference":"#pat"}"##,
            r#"{"display":"somebody"}"#,
            "null",
        ] {
            assert!(owns(own, base), "{own}");
        }
        for other in [
            r#"{"reference":"Patient/124"}"#,
            r#"{"reference":"https://other.example/fhir/Patient/123"}"#,
            r#"{"reference":"urn:uuid:bb"}"#,
            r#"{"reference":"urn:uuid:cc"}"#,
            r#"{"reference":"Group/123"}"#,
        ] {
            assert!(!owns(other, base), "{other}");
        }
    }
}
