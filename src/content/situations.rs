//! The cases of a folder as patients, for all who want to evaluate them without their expectations.
//!
//! Turns `withdrawals/*/cases/` into [`Situation`]s in the order of their paths. It judges nothing; whether a
//! case is answered as expected is the business of [`super::check`].

use super::case;
use super::files::Files;
use super::page::{Page, Problem, Problems};
use super::schema::cases::Case;
use crate::clinical::knowledge::Knowledge;
use crate::clinical::record::PatientRecord;
use jiff::Timestamp;

/// The patient of a case at its instant.
pub struct Situation {
    /// Path of the case in the folder; its last part is a sentence.
    pub path: String,
    /// When the case is evaluated.
    pub now: Timestamp,
    /// What is known of the patient.
    pub record: PatientRecord,
}

/// All cases of a folder that was loaded into `knowledge`.
///
/// # Errors
/// What is wrong with the cases, by file and line.
pub fn situations(files: &Files, knowledge: &Knowledge) -> Result<Vec<Situation>, Vec<Problem>> {
    let problems = Problems::default();
    let mut found = Vec::new();
    for (path, _) in files.below("withdrawals") {
        if !path.split('/').any(|part| part == "cases") {
            continue;
        }
        let Some(page) = Page::required(files, path, &problems) else {
            continue;
        };
        let patient = page
            .toml::<Case>()
            .and_then(|case| case::record(&page, &case, knowledge));
        found.extend(patient.map(|(now, record)| Situation {
            path: path.to_owned(),
            now,
            record,
        }));
    }
    if problems.is_empty() {
        Ok(found)
    } else {
        Err(problems.into_list())
    }
}
