//! `stepdown check`: the tables, their cases, and whether the cases try everything.
//!
//! Turns a folder into one line per finding and a count. `FAIL` names what is wrong, `MISSING` what no
//! case tries; both make the check fail. The cases run through the same evaluation as a live call.

use super::case;
use super::coverage::{Coverage, rows};
use super::expectations::Answer;
use super::files::Files;
use super::load::{files, load};
use super::page::{Page, Problem, Problems};
use super::schema::cases::{Case, Expect};
use crate::clinical::evaluate::evaluate_for;
use crate::clinical::knowledge::Knowledge;
use crate::clinical::practice::Practice;
use std::collections::BTreeSet;
use std::io::{self, Write};
use std::path::Path;

/// Checks a folder, or without one the folder that is built in; `true` if nothing was found.
///
/// # Errors
/// When `out` cannot be written.
pub fn run(dir: Option<&Path>, out: &mut dyn Write) -> io::Result<bool> {
    let checked = files(dir).and_then(|files| check(&files));
    let report = checked.unwrap_or_else(|problems| Report {
        passed: 0,
        failed: problems.len(),
        lines: problems.iter().map(|problem| format!("FAIL {problem}")).collect(),
    });
    for line in &report.lines {
        writeln!(out, "{line}")?;
    }
    writeln!(out, "{} cases passed, {} failed", report.passed, report.failed)?;
    Ok(report.failed == 0)
}

/// What a check found.
pub(super) struct Report {
    /// One for each finding.
    pub(super) lines: Vec<String>,
    /// Cases that passed.
    pub(super) passed: usize,
    /// Cases that failed, and things that no case tries.
    pub(super) failed: usize,
}

/// Loads the tables and runs their cases.
pub(super) fn check(files: &Files) -> Result<Report, Vec<Problem>> {
    let knowledge = load(files)?;
    let known: BTreeSet<String> = knowledge.withdrawals.iter().flat_map(rows).collect();
    let mut report = Report {
        lines: Vec::new(),
        passed: 0,
        failed: 0,
    };
    let mut coverage = Coverage::default();
    for withdrawal in &knowledge.withdrawals {
        let folder = format!("withdrawals/{}/cases", withdrawal.key);
        for (path, _) in files.below(&folder) {
            let runner = Runner {
                knowledge: &knowledge,
                known: &known,
                key: &withdrawal.key,
            };
            let told = runner.run(files, path, &mut coverage);
            match told.is_empty() {
                true => report.passed += 1,
                false => report.failed += 1,
            }
            report
                .lines
                .extend(told.into_iter().map(|problem| format!("FAIL {problem}")));
        }
    }
    let missing = coverage.missing(&knowledge);
    report.failed += missing.len();
    report
        .lines
        .extend(missing.into_iter().map(|line| format!("MISSING {line}")));
    Ok(report)
}

/// Runs the cases of one withdrawal.
struct Runner<'a> {
    knowledge: &'a Knowledge,
    known: &'a BTreeSet<String>,
    key: &'a str,
}

impl Runner<'_> {
    /// What is wrong with a case; empty if it passes.
    fn run(&self, files: &Files, path: &str, coverage: &mut Coverage) -> Vec<Problem> {
        let problems = Problems::default();
        self.tell(files, path, &problems, coverage);
        problems.into_list()
    }

    fn tell(&self, files: &Files, path: &str, problems: &Problems, coverage: &mut Coverage) -> Option<()> {
        let page = Page::required(files, path, problems)?;
        let case: Case = page.toml()?;
        let (now, record) = case::record(&page, &case, self.knowledge)?;
        if !problems.is_empty() {
            return None;
        }
        self.note_row(&page, &case.expect, coverage);
        let practice = Practice {
            country: case.country.map(Into::into),
            ..Practice::default()
        };
        let evaluation = evaluate_for(&practice, &record, self.knowledge, now);
        let answer = Answer::of(&evaluation, self.knowledge);
        coverage.answers(&answer.signals, &record, now, self.knowledge);
        for difference in answer.differences(&case.expect, self.key) {
            page.refuse_file(difference);
        }
        Some(())
    }

    /// The row that a case expects must exist, and counts as tried.
    fn note_row(&self, page: &Page, expect: &Expect, coverage: &mut Coverage) {
        let silent = expect
            .silent
            .as_ref()
            .map(|row| format!("{}/gates/{row}", self.key));
        for row in expect.rule.iter().cloned().chain(silent) {
            if self.known.contains(&row) {
                coverage.expects(row);
            } else {
                page.refuse_file(format!("there is no row '{row}'"));
            }
        }
        if expect.rule.is_none() && expect.silent.is_none() && expect.topics.is_none() && !expect.refused {
            page.refuse_file("expects no rule, silence, topics or refusal");
        }
    }
}
