//! `stepdown check --report`: the whole knowledge as one HTML page to read, print and discuss.
//!
//! Turns the tables as they are written, and the answers to their cases, into a page: every row with its
//! wording, its sources and the cases that expect it; every sign with its number, window and source; what still
//! waits for a signature. It reads the tables a second time as plain TOML, so that a reader sees what the file
//! says and not what the loader made of it; a folder that the loader refuses has no page. It changes nothing and
//! decides nothing.

mod answers;
mod drug;
mod grid;
#[cfg(test)]
mod tests;
mod words;

use super::check::{self, Report};
use super::files::Files;
use super::load::{files, load};
use super::page::Problem;
use answers::Answers;
use askama::Template;
use drug::{Drug, drugs};
use grid::{Grid, Sign};
use std::path::Path;
use words::{Lookup, Source, text_of};

/// The page.
#[derive(Template)]
#[template(path = "content/report/page.html")]
struct Page {
    version: String,
    released: String,
    passed: usize,
    rows: usize,
    signs: usize,
    /// What the check found; empty on a sound folder.
    found: Vec<String>,
    /// What a person still has to do before the content is used.
    waiting: Vec<String>,
    drugs: Vec<Drug>,
    shared: Vec<Sign>,
    agents: Vec<Agent>,
    sources: Vec<Source>,
}

/// A possible replacement.
struct Agent {
    name: String,
    anchor: String,
    grids: Vec<Grid>,
    facts: Vec<(String, String)>,
    sources: Vec<Source>,
}

/// Writes the page of a folder, or without one of the folder that is built in.
///
/// # Errors
/// What is wrong with the tables, by file and line.
pub fn report(directory: Option<&Path>) -> Result<String, Vec<Problem>> {
    let files = files(directory)?;
    let knowledge = load(&files)?;
    let report = check::check(&files)?;
    let answers = Answers::of(&files, &knowledge)?;
    let page = page(&files, report, &answers);
    page.render().map_err(|error| {
        vec![Problem {
            file: files.root().to_owned(),
            line: None,
            says: error.to_string(),
        }]
    })
}

fn page(files: &Files, report: Report, answers: &Answers) -> Page {
    let lookup = Lookup::of(files);
    let content = words::table(files, "content.toml");
    let drugs = drugs(files, &lookup, answers);
    let shared = grid::signs(files, &lookup, "signals.toml", "shared");
    let sources = lookup.sources(files, "sources.toml");
    let signs = shared.len() + drugs.iter().map(|drug| drug.signs.len()).sum::<usize>();
    Page {
        version: text_of(&content, "version"),
        released: text_of(&content, "released"),
        passed: report.passed,
        rows: drugs.iter().map(Drug::rows).sum(),
        signs,
        found: report.lines,
        waiting: waiting(&drugs, &sources),
        agents: agents(files, &lookup),
        drugs,
        shared,
        sources,
    }
}

fn agents(files: &Files, lookup: &Lookup) -> Vec<Agent> {
    let agent = |path: &str| {
        let table = words::table(files, path);
        let scope = lookup.scope(None);
        Agent {
            name: text_of(&table, "name"),
            anchor: format!("agent-{}", words::stem(path)),
            facts: grid::facts(&table, &["name", "sources"]),
            grids: grid::grids(&table, &scope),
            sources: scope.sources(&table, "sources"),
        }
    };
    files.below("agents").map(|(path, _)| agent(path)).collect()
}

/// Signatures and readings that are missing.
fn waiting(drugs: &[Drug], shared: &[Source]) -> Vec<String> {
    let unsigned = drugs.iter().filter(|drug| drug.reviewers.is_empty()).map(|drug| {
        format!(
            "{}: nobody has signed it; next review {}",
            drug.name, drug.next_review
        )
    });
    let own = drugs.iter().flat_map(|drug| &drug.sources);
    let unread = shared
        .iter()
        .chain(own)
        .filter(|source| !source.read)
        .map(|source| format!("source to be opened and read: {}", source.label));
    unsigned.chain(unread).collect()
}
