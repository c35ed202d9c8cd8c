//! Texts of rows and shared phrases.
//!
//! Turns `texts/en/*.toml` into templates, and holds them to their limits: a summary stays below 140
//! characters, and its last form needs nothing but the drug's name.

use super::files::{Files, built_in_text};
use super::names::{Desk, Scope};
use super::page::{Page, Problems, Word};
use super::schema::{TextRow, Texts as Written};
use crate::clinical::knowledge::{Piece, Template, Text, Words};
use crate::clinical::vocabulary::Vocabulary;
use rustc_hash::FxHashMap as HashMap;
use std::collections::BTreeSet;

/// CDS Hooks: a summary has fewer than 140 characters.
const SUMMARY_LIMIT: usize = 140;

/// Placeholders that are not those of an analyte.
const PLACEHOLDERS: [&str; 17] = [
    "drug",
    "dose",
    "daily",
    "months",
    "indication",
    "stop-reason",
    "restart",
    "age",
    "cover",
    "also-stopped",
    "replacement",
    "ratio",
    "transplant-age",
    "stopped",
    "since-stop",
    "next-card",
    "next-cards",
];

/// Texts of a withdrawal by key.
pub(super) struct Texts(HashMap<String, TextRow>);

impl Texts {
    /// Reads and checks the files below `folder`; a key stands in one of them only.
    pub(super) fn read(files: &Files, problems: &Problems, scope: Scope, folder: &str) -> Self {
        let mut texts = HashMap::default();
        for (path, _) in files.below(folder) {
            let Some(page) = Page::required(files, path, problems) else {
                continue;
            };
            let desk = Desk { page, scope };
            for (key, row) in desk.page.toml::<Written>().unwrap_or_default() {
                check(&desk, &key, &row);
                if texts.contains_key(key.get_ref()) {
                    desk.page.refuse(
                        key.span(),
                        format!("the text '{}' is written twice", key.get_ref()),
                    );
                }
                texts.insert(key.into_inner(), row);
            }
        }
        Texts(texts)
    }

    /// The text of a key, named on the desk's page.
    pub(super) fn text(&self, desk: &Desk, key: &Word) -> Option<Text> {
        let Some(row) = self.0.get(key.get_ref()) else {
            desk.page
                .refuse(key.span(), format!("there is no text '{}'", key.get_ref()));
            return None;
        };
        let templates = |lines: &[Word]| {
            lines
                .iter()
                .filter_map(|line| pieces(line.get_ref()).ok())
                .map(Template)
                .collect()
        };
        Some(Text {
            key: key.get_ref().as_str().into(),
            summary: templates(&row.summary),
            why: templates(&row.why),
            misleading: templates(&row.misleading),
            sure: templates(&row.sure),
            courses: templates(&row.courses),
        })
    }
}

fn check(desk: &Desk, key: &Word, row: &TextRow) {
    let vocabulary = desk.scope.vocabulary;
    for line in [&row.why, &row.misleading, &row.sure, &row.courses]
        .into_iter()
        .flatten()
    {
        template(&desk.page, vocabulary, line);
    }
    let Some((last, _)) = row.summary.split_last() else {
        return desk
            .page
            .refuse(key.span(), format!("the text '{}' has no summary", key.get_ref()));
    };
    for line in &row.summary {
        let Some(Template(pieces)) = template(&desk.page, vocabulary, line) else {
            continue;
        };
        let length: usize = pieces
            .iter()
            .map(|piece| match piece {
                Piece::Literal(text) => text.chars().count(),
                Piece::Value(_) => 0,
            })
            .sum();
        if length >= SUMMARY_LIMIT {
            desk.page.refuse(
                line.span(),
                format!("a summary stays below {SUMMARY_LIMIT} characters; this one has {length}"),
            );
        }
        let needs_more = pieces
            .iter()
            .any(|piece| matches!(piece, Piece::Value(name) if **name != *"drug"));
        if needs_more && line.span() == last.span() {
            desk.page
                .refuse(line.span(), "the last summary has no placeholder but {drug}");
        }
    }
}

/// A template whose placeholders are known; else a problem was recorded.
pub(super) fn template(page: &Page, vocabulary: &Vocabulary, line: &Word) -> Option<Template> {
    let pieces = match pieces(line.get_ref()) {
        Ok(pieces) => pieces,
        Err(says) => {
            page.refuse(line.span(), says);
            return None;
        }
    };
    let mut sound = !pieces.is_empty();
    if pieces.is_empty() {
        page.refuse(line.span(), "the line is empty");
    }
    for piece in &pieces {
        if let Piece::Value(name) = piece
            && !is_placeholder(vocabulary, name)
        {
            page.refuse(line.span(), format!("there is no placeholder '{{{name}}}'"));
            sound = false;
        }
    }
    sound.then_some(Template(pieces))
}

fn is_placeholder(vocabulary: &Vocabulary, name: &str) -> bool {
    let analyte = name
        .strip_suffix(".date")
        .or_else(|| name.strip_suffix(".before"))
        .or_else(|| name.strip_suffix(".baseline"))
        .unwrap_or(name);
    PLACEHOLDERS.contains(&name) || vocabulary.analytes.iter().any(|known| *known.key == *analyte)
}

/// A text split at its braces.
fn pieces(text: &str) -> Result<Vec<Piece>, String> {
    let mut pieces = Vec::new();
    let mut rest = text;
    while let Some((before, after)) = rest.split_once('{') {
        let Some((name, behind)) = after.split_once('}') else {
            return Err("a brace is not closed".to_owned());
        };
        literal(before, &mut pieces)?;
        pieces.push(Piece::Value(name.into()));
        rest = behind;
    }
    literal(rest, &mut pieces)?;
    Ok(pieces)
}

fn literal(text: &str, pieces: &mut Vec<Piece>) -> Result<(), String> {
    if text.contains('}') {
        return Err("a brace is closed that was not opened".to_owned());
    }
    if !text.is_empty() {
        pieces.push(Piece::Literal(text.into()));
    }
    Ok(())
}

/// Reads `hooks/texts/en.toml`: phrases by key; those of a table by `table.key`. A folder that lacks a
/// phrase of the built-in one is refused: cards would print the phrase's key. The names of needs are the contract's:
/// no folder adds one.
pub(super) fn read_words(page: &Page) -> Option<Words> {
    let mut phrases = HashMap::default();
    flatten(page, "", page.toml::<toml::Table>()?, &mut phrases);
    let mut built_in = HashMap::default();
    if let Some(table) = built_in_text(page.path).and_then(|text| toml::from_str(text).ok()) {
        flatten(page, "", table, &mut built_in);
    }
    let missing: BTreeSet<&Box<str>> = built_in
        .keys()
        .filter(|key| !phrases.contains_key(*key))
        .collect();
    for key in missing {
        page.refuse_file(format!("the phrase '{key}' is missing"));
    }
    let added: BTreeSet<&Box<str>> = phrases
        .keys()
        .filter(|key| !built_in.contains_key(*key))
        .collect();
    for key in added.into_iter().filter(|key| key.starts_with("need.")) {
        page.refuse_file(format!("the contract has no need for the phrase '{key}'"));
    }
    Some(Words::new(phrases))
}

fn flatten(page: &Page, prefix: &str, table: toml::Table, phrases: &mut HashMap<Box<str>, Box<str>>) {
    for (key, value) in table {
        let name = format!("{prefix}{key}");
        match value {
            toml::Value::String(text) => {
                phrases.insert(name.into(), text.into());
            }
            toml::Value::Table(inner) => flatten(page, &format!("{name}."), inner, phrases),
            _ => page.refuse_file(format!("the phrase '{name}' is not a text")),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_is_split_at_its_braces() {
        let value = |name: &str| Piece::Value(name.into());
        let text = |text: &str| Piece::Literal(text.into());
        assert_eq!(pieces("{drug} stops").unwrap(), [value("drug"), text(" stops")]);
        assert_eq!(
            pieces("at {upcr} on {upcr.date}").unwrap(),
            [text("at "), value("upcr"), text(" on "), value("upcr.date")]
        );
        assert!(pieces("{drug").is_err());
        assert!(pieces("drug}").is_err());
        assert!(pieces("").unwrap().is_empty());
    }
}
