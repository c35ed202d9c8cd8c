//! Loads the synthetic patients and what the pages say about them.
//!
//! In: `fixtures/patients/` as it was when the binary was built. Out: one [`DemoPatient`] per story, with
//! its record's dates counted from the demo's clock. It never reads a
//! file at run time. The records are FHIR R4 collection Bundles.

use super::placeholder::{self, BadDate};
use super::resource;
use include_dir::{Dir, include_dir};
use jiff::Timestamp;
use serde::Deserialize;
use serde_json::Value;
use std::sync::{Arc, PoisonError, RwLock};

static FILES: Dir<'_> = include_dir!("$CARGO_MANIFEST_DIR/fixtures/patients");

/// The demonstration's own files are broken, or its settings are.
#[derive(Debug, thiserror::Error)]
pub enum DemoError {
    /// A file that a story names is not in `fixtures/patients`.
    #[error("fixtures/patients/{0} is missing or is not text")]
    NoFile(String),
    /// A table of the fixtures cannot be read.
    #[error("fixtures/patients/{file}: {error}")]
    BadTable {
        /// File name.
        file: &'static str,
        /// What the reader says, with the line.
        error: toml::de::Error,
    },
    /// A record is not JSON.
    #[error("fixtures/patients/{file}: {error}")]
    BadJson {
        /// File name.
        file: String,
        /// What the reader says, with the line.
        error: serde_json::Error,
    },
    /// A record holds a relative date that cannot be read.
    #[error("fixtures/patients/{file}: {error}")]
    BadDate {
        /// File name.
        file: String,
        /// Which one.
        error: BadDateText,
    },
    /// A record has no Patient.
    #[error("fixtures/patients/{0} has no Patient")]
    NoPatient(String),
}

/// A relative date that could not be read, as words.
#[derive(Debug, thiserror::Error)]
#[error(transparent)]
pub struct BadDateText(#[from] BadDate);

/// What the pages tell about one patient.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Story {
    /// Record beside the story.
    pub(super) file: String,
    /// Name as the record has it.
    pub(super) name: String,
    /// One line.
    pub(super) headline: String,
    /// Two or three sentences.
    pub(super) story: String,
    /// What to do, and what to look for.
    #[serde(rename = "try")]
    pub(super) advice: String,
    /// The hook that the page fires unless another is chosen.
    pub(super) hook: String,
    /// Whether the record travels with the request.
    pub(super) prefetch: bool,
    /// How the form is filled in when the page opens.
    #[serde(default)]
    pub(super) change: Vec<PlannedChange>,
}

/// One prepared change of an order.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct PlannedChange {
    /// Id of the MedicationRequest.
    pub(super) order: String,
    /// `stop`, `hold` or `switch`.
    pub(super) action: String,
    /// Code of a reason.
    #[serde(default)]
    pub(super) reason: String,
    /// Id of a switch.
    #[serde(default)]
    pub(super) switch: String,
}

#[derive(Deserialize)]
struct Stories {
    story: Vec<Story>,
}

/// One synthetic patient.
pub(super) struct DemoPatient {
    /// `Patient/id`.
    pub(super) id: String,
    /// What the pages tell.
    pub(super) story: Story,
    /// The record. Only "change anyway" on the page alters it, in memory.
    record: RwLock<Vec<Arc<Value>>>,
}

impl DemoPatient {
    /// The record as it is now.
    pub(super) fn record(&self) -> Vec<Arc<Value>> {
        self.record.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Puts changed and new resources into the record; one with a known type and id replaces the old one.
    pub(super) fn put(&self, resources: Vec<Value>) {
        let mut record = self.record.write().unwrap_or_else(PoisonError::into_inner);
        for new in resources {
            let same = |old: &&mut Arc<Value>| {
                resource::kind(old) == resource::kind(&new) && resource::id(old) == resource::id(&new)
            };
            match record.iter_mut().find(same) {
                Some(old) => *old = Arc::new(new),
                None => record.push(Arc::new(new)),
            }
        }
    }
}

/// Loads every patient, in the order of `stories.toml`.
pub(super) fn patients(now: Timestamp) -> Result<Vec<DemoPatient>, DemoError> {
    let stories: Stories = table("stories.toml")?;
    stories
        .story
        .into_iter()
        .map(|story| patient(story, now))
        .collect()
}

/// Reads a table of the fixtures.
pub(super) fn table<T: for<'de> Deserialize<'de>>(file: &'static str) -> Result<T, DemoError> {
    toml::from_str(contents(file)?).map_err(|error| DemoError::BadTable { file, error })
}

fn contents(file: &str) -> Result<&'static str, DemoError> {
    let found = FILES.get_file(file).and_then(|found| found.contents_utf8());
    found.ok_or_else(|| DemoError::NoFile(file.to_owned()))
}

fn patient(story: Story, now: Timestamp) -> Result<DemoPatient, DemoError> {
    let file = || story.file.clone();
    let mut bundle: Value = serde_json::from_str(contents(&story.file)?)
        .map_err(|error| DemoError::BadJson { file: file(), error })?;
    placeholder::resolve(&mut bundle, now).map_err(|error| DemoError::BadDate {
        file: file(),
        error: error.into(),
    })?;
    let entries = resource::items(&bundle, "/entry");
    let record: Vec<Arc<Value>> = entries
        .iter()
        .filter_map(|entry| entry.get("resource"))
        .cloned()
        .map(Arc::new)
        .collect();
    let person = record.iter().find(|found| resource::kind(found) == "Patient");
    let id = person
        .map(|found| resource::id(found).to_owned())
        .ok_or_else(|| DemoError::NoPatient(file()))?;
    Ok(DemoPatient {
        id,
        story,
        record: RwLock::new(record),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::demo::choices::{self, Reason, Switch};
    use std::collections::BTreeSet;

    fn now() -> Timestamp {
        "2026-11-22T08:00:00Z".parse().unwrap()
    }

    #[test]
    fn every_story_has_its_record_and_every_record_its_story() {
        let told: BTreeSet<_> = patients(now())
            .unwrap()
            .into_iter()
            .map(|patient| patient.story.file)
            .collect();
        let files = FILES.files().filter_map(|file| file.path().to_str());
        let there: BTreeSet<_> = files
            .filter(|file| file.ends_with(".json"))
            .map(str::to_owned)
            .collect();
        assert_eq!(told, there);
        assert!(told.len() >= 12);
    }

    #[test]
    fn prepared_changes_name_orders_reasons_and_products_that_exist() {
        let choices = choices::load().unwrap();
        for patient in patients(now()).unwrap() {
            let record = patient.record();
            for change in &patient.story.change {
                assert!(
                    record.iter().any(|found| resource::id(found) == change.order),
                    "{}",
                    change.order
                );
                assert!(["stop", "hold", "switch"].contains(&change.action.as_str()));
                let reason = |known: &Reason| known.code == change.reason;
                assert!(change.reason.is_empty() || choices.reason.iter().any(reason));
                let switch = |known: &Switch| known.id == change.switch;
                assert_eq!(change.action == "switch", choices.switch.iter().any(switch));
            }
        }
    }

    #[test]
    fn every_resource_says_that_it_is_test_data_and_whose_it_is() {
        for patient in patients(now()).unwrap() {
            let wanted = format!("Patient/{}", patient.id);
            for found in patient.record() {
                assert_eq!(resource::text(&found, "/meta/tag/0/code"), "HTEST");
                let of = [
                    resource::text(&found, "/subject/reference"),
                    resource::text(&found, "/patient/reference"),
                ];
                let own = ["Patient", "Medication"].contains(&resource::kind(&found));
                assert!(own || of.contains(&wanted.as_str()), "{}", resource::id(&found));
            }
        }
    }

    #[test]
    fn no_result_lies_in_the_future() {
        for patient in patients(now()).unwrap() {
            for found in patient
                .record()
                .iter()
                .filter(|found| resource::kind(found) == "Observation")
            {
                assert!(resource::text(found, "/effectiveDateTime") < "2026-11-22T08:00:00Z");
            }
        }
    }
}
