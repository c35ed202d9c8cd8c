//! `watch.toml` of a withdrawal: what to look for after a stop, how long, and for whom.
//!
//! A row names its indications; each of them must be one of `drug.toml` and have a window.

use super::expressions::{expr, optional};
use super::names::Desk;
use super::page::Word;
use super::schema::tables::{self as written, WatchFile};
use super::tables::{Earlier, check_courses, name, statement};
use super::texts::Texts;
use crate::clinical::knowledge::{Statement, Watch, WatchRow, Window};

/// Names of rows that the table has anyway.
const RESERVED: [&str; 3] = ["unchecked", "undated", "quiet"];

/// Reads the table; `None` where a problem was recorded.
pub(super) fn watch(desk: &Desk, texts: &Texts, rank: &[Word]) -> Option<Watch> {
    let file: WatchFile = desk.page.toml()?;
    let windows = windows(desk, &file, rank);
    let otherwise = otherwise(desk, texts, &file);
    let mut earlier = Earlier::default();
    let mut rows = Vec::new();
    for row in &file.row {
        let whom: Vec<&str> = row
            .indications
            .get_ref()
            .iter()
            .map(|word| word.get_ref().as_str())
            .collect();
        earlier.check_for(&desk.page, &row.row, &row.when, &whom);
        if RESERVED.contains(&row.row.get_ref().as_str()) {
            let says = format!("'{}' is the name of another row", row.row.get_ref());
            desk.page.refuse(row.row.span(), says);
        }
        rows.extend(watch_row(desk, texts, row, &windows));
    }
    let unless = optional(desk, file.unless.as_ref());
    let otherwise = otherwise?;
    Some(Watch {
        continued_by: desk.drug_set(&file.continued_by),
        before: file.baseline.before.0,
        after: file.baseline.after.0,
        windows,
        rows,
        unless: unless?,
        unchecked: otherwise.unchecked,
        undated: otherwise.undated,
        quiet: otherwise.quiet,
    })
}

fn windows(desk: &Desk, file: &WatchFile, rank: &[Word]) -> Vec<Window> {
    let mut windows: Vec<Window> = Vec::new();
    for row in &file.window {
        if row.within.get_ref().0 == 0 {
            desk.page.refuse(row.within.span(), "a window has at least a day");
        }
        for word in &row.indications {
            let key = word.get_ref();
            if rank.iter().all(|known| known.get_ref() != key) {
                desk.page
                    .refuse(word.span(), format!("there is no indication '{key}'"));
            }
            if windows.iter().any(|window| has(&window.indications, key)) {
                desk.page
                    .refuse(word.span(), format!("'{key}' has a window already"));
            }
        }
        windows.push(Window {
            indications: row.indications.iter().map(name).collect(),
            within: row.within.get_ref().0,
        });
    }
    windows
}

fn has(keys: &[Box<str>], key: &str) -> bool {
    keys.iter().any(|known| **known == *key)
}

fn watch_row(desk: &Desk, texts: &Texts, row: &written::WatchRow, windows: &[Window]) -> Option<WatchRow> {
    if row.indications.get_ref().is_empty() {
        desk.page
            .refuse(row.indications.span(), "a row is about at least one indication");
    }
    for word in row.indications.get_ref() {
        let key = word.get_ref();
        if !windows.iter().any(|window| has(&window.indications, key)) {
            desk.page
                .refuse(word.span(), format!("the indication '{key}' has no window"));
        }
    }
    let when = expr(desk, &row.when);
    let urgency = (row.indicator, row.evidence);
    let statement = statement(desk, texts, urgency, &row.text, &row.sources);
    check_courses(desk, &row.text, statement.as_ref());
    Some(WatchRow {
        row: name(&row.row),
        indications: row.indications.get_ref().iter().map(name).collect(),
        when: when?,
        statement: statement?,
    })
}

/// What is said where no row is true.
struct Otherwise {
    unchecked: Statement,
    undated: Statement,
    quiet: Box<str>,
}

fn otherwise(desk: &Desk, texts: &Texts, file: &WatchFile) -> Option<Otherwise> {
    let rows = file.otherwise.get_ref();
    let [unchecked, undated, quiet] = RESERVED.map(|name| rows.iter().find(|row| row.row.get_ref() == name));
    let (Some(unchecked), Some(undated), Some(quiet), 3) = (unchecked, undated, quiet, rows.len()) else {
        let says = format!("[[otherwise]] has the rows {}, each once", RESERVED.join(", "));
        desk.page.refuse(file.otherwise.span(), says);
        return None;
    };
    let (unchecked, undated) = (said(desk, texts, unchecked), said(desk, texts, undated));
    let silent = quiet.silent.as_ref().filter(|_| quiet.text.is_none());
    if silent.is_none() {
        desk.page
            .refuse(quiet.row.span(), "this row is silent: it says why");
    }
    Some(Otherwise {
        unchecked: unchecked?,
        undated: undated?,
        quiet: name(silent?),
    })
}

fn said(desk: &Desk, texts: &Texts, row: &written::OtherwiseRow) -> Option<Statement> {
    let written = (row.indicator, row.evidence, &row.text, &row.sources, &row.silent);
    let (Some(indicator), Some(evidence), Some(text), Some(sources), None) = written else {
        let says = "this row has indicator, evidence, text and sources";
        desk.page.refuse(row.row.span(), says);
        return None;
    };
    let statement = statement(desk, texts, (indicator, evidence), text, sources);
    check_courses(desk, text, statement.as_ref());
    statement
}
