//! One withdrawal in the report: its tables in the order of decision, its signs, sources and cases.

use super::answers::Answers;
use super::grid::{Grid, Sign, facts, grids, is_list_of_tables, signs};
use super::words::{Lookup, Scope, Source, Word, flat, stem, table, template, text_of};
use crate::content::files::Files;
use std::collections::BTreeMap;
use toml::{Table, Value};

/// A withdrawal.
pub(super) struct Drug {
    pub(super) key: String,
    pub(super) name: String,
    pub(super) reviewers: Vec<String>,
    pub(super) next_review: String,
    pub(super) tables: Vec<Section>,
    pub(super) signs: Vec<Sign>,
    pub(super) sources: Vec<Source>,
    pub(super) cases: Vec<CaseView>,
}

impl Drug {
    /// How many rows decide.
    pub(super) fn rows(&self) -> usize {
        self.tables.iter().map(|table| table.rows.len()).sum()
    }
}

/// A file with rows and lists.
pub(super) struct Section {
    pub(super) title: String,
    pub(super) anchor: String,
    pub(super) path: String,
    pub(super) facts: Vec<(String, String)>,
    pub(super) rows: Vec<Row>,
    pub(super) grids: Vec<Grid>,
}

/// A row that decides.
pub(super) struct Row {
    pub(super) rule: String,
    pub(super) indicator: String,
    pub(super) evidence: String,
    pub(super) topic: String,
    pub(super) when: Vec<Word>,
    pub(super) facts: Vec<(String, String)>,
    pub(super) wording: Vec<(String, Vec<Vec<Word>>)>,
    pub(super) sources: Vec<Source>,
    pub(super) cases: Vec<(String, String)>,
    pub(super) example: Option<Example>,
}

/// How the card of a row looks in its first case.
pub(super) struct Example {
    pub(super) sentence: String,
    pub(super) indicator: &'static str,
    pub(super) summary: String,
    pub(super) detail: String,
}

/// A case as it is written, with the head of each card of its answer.
pub(super) struct CaseView {
    pub(super) anchor: String,
    pub(super) sentence: String,
    pub(super) rule: String,
    pub(super) written: String,
    pub(super) cards: Vec<(&'static str, &'static str, String)>,
}

/// Keys of a row that have a place of their own.
const OWN: [&str; 8] = [
    "row",
    "when",
    "indicator",
    "evidence",
    "topic",
    "text",
    "sources",
    "warn",
];

/// All withdrawals of a folder, by their rank.
pub(super) fn drugs(files: &Files, lookup: &Lookup, answers: &Answers) -> Vec<Drug> {
    let mut folders = files.folders("withdrawals");
    folders.sort_by_key(|key| {
        let drug = table(files, &format!("withdrawals/{key}/drug.toml"));
        drug.get("rank").and_then(Value::as_integer)
    });
    folders
        .into_iter()
        .map(|key| drug(files, lookup, answers, key))
        .collect()
}

fn drug(files: &Files, lookup: &Lookup, answers: &Answers, key: &str) -> Drug {
    let folder = format!("withdrawals/{key}");
    let approval = table(files, &format!("{folder}/approval.toml"));
    let texts = texts(files, &folder);
    let scope = lookup.scope(Some(key));
    let tables = decision_order(files, &folder)
        .into_iter()
        .map(|path| section(files, &scope, answers, &texts, key, path));
    let names = approval.get("reviewers").and_then(Value::as_array);
    let signs = files
        .below(&folder)
        .filter(|(path, _)| path.ends_with("/signals.toml") || path.contains("/signals/"))
        .flat_map(|(path, _)| signs(files, lookup, path, key));
    let case = |case: &super::answers::Answered| CaseView {
        anchor: case.anchor.clone(),
        sentence: case.sentence.clone(),
        rule: case.rule.clone(),
        written: files.text(&case.path).unwrap_or_default().to_owned(),
        cards: case
            .cards
            .iter()
            .map(|card| (card.indicator, card.topic, card.summary.clone()))
            .collect(),
    };
    Drug {
        name: key.replace('-', " "),
        reviewers: names
            .map(|names| names.iter().map(flat).collect())
            .unwrap_or_default(),
        next_review: text_of(&approval, "next-review"),
        tables: tables.collect(),
        signs: signs.collect(),
        sources: lookup.sources(files, &format!("{folder}/sources.toml")),
        cases: answers.of_drug(key).map(case).collect(),
        key: key.to_owned(),
    }
}

/// The tables of a drug as the judgement asks them; those of the indications in their rank.
fn decision_order<'a>(files: &'a Files, folder: &str) -> Vec<&'a str> {
    let drug = table(files, &format!("{folder}/drug.toml"));
    let rank: Vec<String> = match drug.get("indications") {
        Some(Value::Array(list)) => list.iter().map(flat).collect(),
        _ => Vec::new(),
    };
    let place = |path: &str| {
        let file = &path[folder.len() + 1..];
        match file {
            "right-to-stop.toml" => Some(0),
            "gates.toml" => Some(1),
            "drug.toml" => Some(1000),
            _ => {
                let key = file.strip_prefix("indications/");
                let rank = key.and_then(|key| rank.iter().position(|known| *known == stem(key)));
                let single = !file.contains('/') && file.ends_with(".toml");
                let other = ["signals.toml", "sources.toml", "approval.toml"].contains(&file);
                rank.map(|place| place + 2)
                    .or_else(|| (single && !other).then_some(900))
            }
        }
    };
    let mut found: Vec<(usize, &str)> = files
        .iter()
        .filter(|(path, _)| path.starts_with(folder) && path.as_bytes().get(folder.len()) == Some(&b'/'))
        .filter_map(|(path, _)| Some((place(path)?, path)))
        .collect();
    found.sort_unstable();
    found.into_iter().map(|(_, path)| path).collect()
}

/// The texts of a drug by key.
fn texts(files: &Files, folder: &str) -> BTreeMap<String, Table> {
    let below = format!("{folder}/texts");
    let all = files.below(&below).flat_map(|(path, _)| table(files, path));
    all.filter_map(|(key, value)| match value {
        Value::Table(text) => Some((key, text)),
        _ => None,
    })
    .collect()
}

fn section(
    files: &Files,
    scope: &Scope,
    answers: &Answers,
    texts: &BTreeMap<String, Table>,
    drug: &str,
    path: &str,
) -> Section {
    let written = table(files, path);
    let key = stem(path);
    let mut rows = Vec::new();
    for entry in written.values().filter(|value| is_list_of_tables(value)) {
        let entries = entry.as_array().into_iter().flatten().filter_map(Value::as_table);
        for entry in entries.filter(|entry| entry.contains_key("row")) {
            let rule = format!("{drug}/{key}/{}", text_of(entry, "row"));
            rows.push(row(scope, answers, texts, rule, entry));
        }
    }
    let name = text_of(&written, "name");
    Section {
        title: if name.is_empty() {
            key.replace('-', " ")
        } else {
            name
        },
        anchor: format!("table-{drug}-{key}"),
        path: path.to_owned(),
        facts: facts(&written, &["name"]),
        rows,
        grids: grids(&written, scope),
    }
}

fn row(
    scope: &Scope,
    answers: &Answers,
    texts: &BTreeMap<String, Table>,
    rule: String,
    entry: &Table,
) -> Row {
    let indicator = ["indicator", "warn"]
        .iter()
        .map(|key| text_of(entry, key))
        .find(|text| !text.is_empty());
    let text = texts.get(&text_of(entry, "text"));
    let example = answers.decided_by(&rule).find_map(|case| {
        let card = case.leading()?;
        Some(Example {
            sentence: case.sentence.clone(),
            indicator: card.indicator,
            summary: card.summary.clone(),
            detail: card.detail.clone(),
        })
    });
    let cases = answers.decided_by(&rule);
    Row {
        indicator: indicator.unwrap_or_default(),
        evidence: text_of(entry, "evidence"),
        topic: text_of(entry, "topic"),
        when: entry
            .get("when")
            .map(|when| scope.logic(when))
            .unwrap_or_default(),
        facts: facts(entry, &OWN),
        wording: text.map(wording).unwrap_or_default(),
        sources: scope.sources(entry, "sources"),
        cases: cases
            .map(|case| (case.anchor.clone(), case.sentence.clone()))
            .collect(),
        example,
        rule,
    }
}

fn wording(text: &Table) -> Vec<(String, Vec<Vec<Word>>)> {
    let lines = |value: &Value| match value {
        Value::Array(lines) => lines.iter().map(|line| template(&flat(line))).collect(),
        other => vec![template(&flat(other))],
    };
    text.iter()
        .map(|(part, value)| (part.clone(), lines(value)))
        .collect()
}
