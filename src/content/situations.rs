//! The cases of a folder as patients, for all who want to evaluate them without their expectations.
//!
//! Turns `withdrawals/*/cases/` into [`Situation`]s in the order of their paths. It judges nothing; whether a
//! case is answered as expected is the business of [`super::check`].

use super::case;
use super::files::Files;
use super::page::{Page, Problem, Problems};
use super::schema::cases::Case;
use crate::clinical::knowledge::Knowledge;
use crate::clinical::practice::Practice;
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
    /// What the site of the case has decided.
    pub practice: Practice,
}

/// Paths of all cases of a folder, in order.
pub fn case_paths(files: &Files) -> impl Iterator<Item = &str> {
    let paths = files.below("withdrawals").map(|(path, _)| path);
    paths.filter(|path| path.split('/').any(|part| part == "cases"))
}

/// One case of a folder, in the words of tables that need not be its own.
///
/// # Errors
/// What is wrong with the case, by file and line.
pub fn situation(files: &Files, path: &str, knowledge: &Knowledge) -> Result<Situation, Vec<Problem>> {
    let problems = Problems::default();
    let told = tell(files, path, knowledge, &problems);
    match told {
        Some(situation) if problems.is_empty() => Ok(situation),
        _ => Err(problems.into_list()),
    }
}

/// All cases of a folder that was loaded into `knowledge`.
///
/// # Errors
/// What is wrong with the cases, by file and line.
pub fn situations(files: &Files, knowledge: &Knowledge) -> Result<Vec<Situation>, Vec<Problem>> {
    let problems = Problems::default();
    let found = case_paths(files).filter_map(|path| tell(files, path, knowledge, &problems));
    let found = found.collect();
    if problems.is_empty() {
        Ok(found)
    } else {
        Err(problems.into_list())
    }
}

fn tell(files: &Files, path: &str, knowledge: &Knowledge, problems: &Problems) -> Option<Situation> {
    let page = Page::required(files, path, problems)?;
    let case = page.toml::<Case>()?;
    let (now, record) = case::record(&page, &case, knowledge)?;
    Some(Situation {
        path: path.to_owned(),
        now,
        record,
        practice: Practice {
            country: case.country.map(Into::into),
            ..Practice::default()
        },
    })
}

/// Whether a case describes the same patient in two folders: all but its expectations.
pub fn same_patient(one: &Files, other: &Files, path: &str) -> bool {
    let patient = |files: &Files| -> Option<toml::Table> {
        let mut case: toml::Table = files.text(path)?.parse().ok()?;
        case.remove("expect");
        Some(case)
    };
    one.text(path) == other.text(path) || patient(one).is_some_and(|one| Some(one) == patient(other))
}
