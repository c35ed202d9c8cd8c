//! Answers a FHIR search over the demonstration's records.
//!
//! In: a resource type and the parameters of the query. Out: the resources that match, in order, with what
//! `_include` adds. It implements what an EHR's R4 server offers a decision support service (FHIR R4
//! section 3.1.1): `patient`, `_id`, `code`, `category`, `status`, `clinical-status`, `date` and its
//! siblings, `_sort`, `_include`, `_count`. A parameter that it does not know is ignored and left out of the
//! `self` link, as lenient servers do. Dates are compared by day. It never looks at another patient's
//! record: without a patient or an id there is no search.

use super::filter::{Field, Filter, date, tokens};
use super::resource;
use serde_json::Value;
use std::sync::Arc;

/// Resource types of the demo's server; some have no data, which is an answer too.
pub(super) const TYPES: [&str; 10] = [
    "Patient",
    "Condition",
    "MedicationRequest",
    "Medication",
    "MedicationStatement",
    "MedicationDispense",
    "Observation",
    "AllergyIntolerance",
    "Procedure",
    "Encounter",
];

/// A search that was understood.
#[derive(Debug, Default, PartialEq)]
pub(super) struct Query {
    /// Type.
    pub(super) kind: String,
    /// The parameters that are applied, for the `self` link; without `_count` and the page.
    pub(super) applied: Vec<(String, String)>,
    /// `_count`.
    pub(super) count: Option<usize>,
    /// How many matches earlier pages held.
    pub(super) skip: usize,
    patient: Option<String>,
    filters: Vec<Filter>,
    newest_first: Option<bool>,
    include_medication: bool,
}

/// Why a search cannot be run.
#[derive(Debug, PartialEq, thiserror::Error)]
pub(super) enum BadQuery {
    /// The type is not served here.
    #[error("this server does not know the type")]
    UnknownType,
    /// Neither `patient` nor `_id`.
    #[error("a search names a patient or an _id")]
    NoPatient,
    /// A parameter cannot be read.
    #[error("the value of `{0}` cannot be read")]
    BadValue(&'static str),
}

impl Query {
    /// Reads the parameters of a search.
    pub(super) fn read(kind: &str, parameters: &[(String, String)]) -> Result<Self, BadQuery> {
        if !TYPES.contains(&kind) {
            return Err(BadQuery::UnknownType);
        }
        let mut query = Query {
            kind: kind.to_owned(),
            ..Query::default()
        };
        for (name, value) in parameters {
            if query.parameter(name, value)? {
                query.applied.push((name.clone(), value.clone()));
            }
        }
        let by_id = query.filters.iter().any(|filter| matches!(filter, Filter::Id(_)));
        if query.patient.is_none() && !by_id {
            return Err(BadQuery::NoPatient);
        }
        Ok(query)
    }

    /// Takes one parameter; false if it is not part of what is applied.
    fn parameter(&mut self, name: &str, value: &str) -> Result<bool, BadQuery> {
        let filter = match name {
            "patient" | "subject" => {
                self.patient = Some(value.rsplit('/').next().unwrap_or(value).to_owned());
                return Ok(true);
            }
            "_id" => Filter::Id(value.split(',').map(str::to_owned).collect()),
            "code" => Filter::Token(Field::Code, tokens(value)),
            "category" => Filter::Token(Field::Category, tokens(value)),
            "status" => Filter::Token(Field::Status, tokens(value)),
            "clinical-status" => Filter::Token(Field::ClinicalStatus, tokens(value)),
            "date" | "authoredon" | "onset-date" | "recorded-date" => date(value)?,
            "_sort" => {
                self.newest_first = Some(value.starts_with('-'));
                return Ok(true);
            }
            "_include" => {
                self.include_medication |= value == "MedicationRequest:medication";
                return Ok(self.include_medication);
            }
            "_count" => {
                self.count = Some(value.parse().map_err(|_| BadQuery::BadValue("_count"))?);
                return Ok(false);
            }
            "_page" => {
                self.skip = value.parse().map_err(|_| BadQuery::BadValue("_page"))?;
                return Ok(false);
            }
            _ => return Ok(false),
        };
        self.filters.push(filter);
        Ok(true)
    }

    /// All matches in order, and the resources that `_include` asks for.
    pub(super) fn run(&self, records: &[Arc<Value>]) -> (Vec<Arc<Value>>, Vec<Arc<Value>>) {
        let mut matches: Vec<_> = records
            .iter()
            .filter(|found| self.takes(found))
            .cloned()
            .collect();
        if let Some(newest_first) = self.newest_first {
            matches.sort_by(|a, b| resource::when(a).cmp(resource::when(b)));
            if newest_first {
                matches.reverse();
            }
        }
        let mut included = Vec::new();
        if self.include_medication {
            let pointed: Vec<_> = matches
                .iter()
                .map(|order| resource::text(order, "/medicationReference/reference"))
                .collect();
            let wanted = |found: &&Arc<Value>| {
                resource::kind(found) == "Medication"
                    && pointed
                        .iter()
                        .any(|at| at.strip_prefix("Medication/") == Some(resource::id(found)))
            };
            included = records.iter().filter(wanted).cloned().collect();
        }
        (matches, included)
    }

    fn takes(&self, found: &Value) -> bool {
        resource::kind(found) == self.kind
            && self
                .patient
                .as_deref()
                .is_none_or(|patient| of_patient(found, patient))
            && self.filters.iter().all(|filter| filter.takes(found))
    }
}

fn of_patient(found: &Value, patient: &str) -> bool {
    if resource::kind(found) == "Patient" {
        return resource::id(found) == patient;
    }
    ["/subject/reference", "/patient/reference"]
        .iter()
        .any(|at| resource::text(found, at).strip_prefix("Patient/") == Some(patient))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::demo::stories;
    use serde_json::json;

    fn records() -> Vec<Arc<Value>> {
        let patients = stories::patients("2026-11-22T08:00:00Z".parse().unwrap()).unwrap();
        patients.iter().flat_map(|patient| patient.record()).collect()
    }

    fn read(kind: &str, query: &str) -> Result<Query, BadQuery> {
        let pairs: Vec<_> = url::form_urlencoded::parse(query.as_bytes())
            .into_owned()
            .collect();
        Query::read(kind, &pairs)
    }

    fn found(kind: &str, query: &str) -> Vec<Arc<Value>> {
        read(kind, query).unwrap().run(&records()).0
    }

    #[test]
    fn a_patient_may_be_named_in_three_ways() {
        for patient in ["alma", "Patient/alma", "http://127.0.0.1:8080/fhir/Patient/alma"] {
            assert_eq!(
                found("MedicationRequest", &format!("patient={patient}")).len(),
                4,
                "{patient}"
            );
        }
        assert!(found("MedicationRequest", "patient=nobody").is_empty());
    }

    #[test]
    fn a_search_needs_a_patient_or_an_id() {
        assert_eq!(read("Observation", "code=a"), Err(BadQuery::NoPatient));
        assert_eq!(found("Patient", "_id=alma").len(), 1);
        assert_eq!(read("Practitioner", "_id=x"), Err(BadQuery::UnknownType));
    }

    /// Results of a made-up patient, with codes of a made-up system.
    fn results() -> Vec<Arc<Value>> {
        let result = |(code, when): (&str, &str)| {
            Arc::new(
                json!({"resourceType": "Observation", "subject": {"reference": "Patient/p"}, "effectiveDateTime": when,
                "code": {"coding": [{"system": "urn:x", "code": code}]}}),
            )
        };
        let made = [
            ("a", "2026-03-22T08:00:00Z"),
            ("b", "2026-04-22"),
            ("a", "2026-09-22"),
            ("c", "2026-10-22"),
            ("a", "2026-11-01"),
        ];
        made.into_iter().map(result).collect()
    }

    fn days(query: &str) -> Vec<String> {
        let found = read("Observation", query).unwrap().run(&results()).0;
        found
            .iter()
            .map(|found| resource::day(resource::when(found)).to_owned())
            .collect()
    }

    #[test]
    fn codes_match_with_and_without_their_system() {
        assert_eq!(days("patient=p&code=urn:x|a,urn:x|b").len(), 4);
        assert_eq!(days("patient=p&code=a,b").len(), 4);
        assert_eq!(days("patient=p&code=urn:x|").len(), 5);
        assert!(days("patient=p&code=urn:y|a").is_empty());
    }

    #[test]
    fn dates_bound_on_both_sides_and_sort_newest_first() {
        assert_eq!(
            days("patient=p&code=a&date=ge2026-03-22&date=lt2026-11-01&_sort=-date"),
            ["2026-09-22", "2026-03-22"]
        );
        assert_eq!(days("patient=p&date=2026-04"), ["2026-04-22"]);
        assert_eq!(
            read("Observation", "patient=p&date=gelast").err(),
            Some(BadQuery::BadValue("date"))
        );
    }

    #[test]
    fn status_category_and_include_are_applied() {
        assert_eq!(
            found("MedicationRequest", "patient=ines&status=stopped,on-hold").len(),
            1
        );
        assert_eq!(found("Condition", "patient=ines&clinical-status=active").len(), 2);
        assert_eq!(found("Observation", "patient=ines&category=vital-signs").len(), 3);
        let query = read(
            "MedicationRequest",
            "patient=edda&_include=MedicationRequest:medication",
        )
        .unwrap();
        assert_eq!(query.run(&records()).1.len(), 1);
    }

    #[test]
    fn the_self_link_shows_only_what_was_applied() {
        let query = read("Condition", "patient=alma&colour=red&_count=5&_page=10").unwrap();
        assert_eq!(query.applied, [("patient".to_owned(), "alma".to_owned())]);
        assert_eq!((query.count, query.skip), (Some(5), 10));
    }
}
