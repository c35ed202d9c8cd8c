//! The cases of two folders, each of them asked of both.
//!
//! A case whose patient is the same in both folders is asked once; one that was edited, as each folder has it; one
//! that only one folder has is named, and asked of both as well, because it shows what changes.

use super::{Asked, Side, one_sided, unreadable};
use crate::clinical::evaluate::evaluate_for;
use crate::content::{Files, Problem, case_paths, same_patient, situation};
use crate::replay::{Told, differences, map};
use std::collections::BTreeSet;

/// What came of the cases.
pub(super) struct Cases {
    pub(super) asked: Vec<Asked>,
    pub(super) only_in_old: Vec<String>,
    pub(super) only_in_new: Vec<String>,
}

/// A case of one of the folders.
struct Case<'a> {
    files: &'a Files,
    path: &'a str,
    name: String,
}

/// Asks both sides about every case.
pub(super) fn compare(old: &Side, new: &Side) -> Cases {
    let paths = |side: &'_ Side| -> BTreeSet<String> { case_paths(&side.files).map(str::to_owned).collect() };
    let (before, after) = (paths(old), paths(new));
    let all: BTreeSet<&str> = before.iter().chain(&after).map(String::as_str).collect();
    let mut cases = Vec::new();
    for path in all {
        let edited = match (before.contains(path), after.contains(path)) {
            (true, true) => !same_patient(&old.files, &new.files, path),
            (in_old, _) => {
                let (files, only) = match in_old {
                    true => (&old.files, "only in OLD"),
                    false => (&new.files, "only in NEW"),
                };
                cases.push(Case {
                    files,
                    path,
                    name: format!("{path} ({only})"),
                });
                continue;
            }
        };
        if edited {
            cases.push(Case {
                files: &old.files,
                path,
                name: format!("{path} (as OLD has it)"),
            });
        }
        let name = if edited {
            format!("{path} (as NEW has it)")
        } else {
            path.to_owned()
        };
        cases.push(Case {
            files: &new.files,
            path,
            name,
        });
    }
    Cases {
        asked: map(&cases, |case| case.asked(old, new)),
        only_in_old: before.difference(&after).cloned().collect(),
        only_in_new: after.difference(&before).cloned().collect(),
    }
}

impl Case<'_> {
    fn asked(&self, old: &Side, new: &Side) -> Asked {
        match (self.told(old), self.told(new)) {
            (Ok(before), Ok(after)) => Asked {
                name: self.name.clone(),
                unreadable: None,
                differences: differences(&before, &after),
            },
            (Err(before), Err(_)) => unreadable(&self.name, before),
            (before, after) => one_sided(&self.name, before.err(), after.err()),
        }
    }

    fn told(&self, side: &Side) -> Result<Told, String> {
        let situation = situation(self.files, self.path, &side.knowledge).map_err(|problems| {
            let lines: Vec<String> = problems.iter().map(Problem::to_string).collect();
            lines.join("; ")
        })?;
        let knowledge = &side.knowledge;
        let evaluation = evaluate_for(&situation.practice, &situation.record, knowledge, situation.now);
        Ok(Told::of(&situation.record, &evaluation, knowledge))
    }
}
