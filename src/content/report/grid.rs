//! Plain tables of the report: signs, lists of tests, agents, formulations, and single settings.

use super::words::{Lookup, Scope, Source, Word, flat, table, text_of};
use crate::content::files::Files;
use toml::{Table, Value};

/// Keys whose value is logic.
const LOGIC: [&str; 4] = ["when", "applies", "know", "certain"];

/// A list of equal entries.
pub(super) struct Grid {
    pub(super) title: String,
    pub(super) columns: Vec<String>,
    pub(super) rows: Vec<Vec<Vec<Word>>>,
}

/// A sign with its number, window and source.
pub(super) struct Sign {
    pub(super) anchor: String,
    pub(super) name: String,
    pub(super) says: String,
    /// The form as written: `latest upcr`, `at-least 0.5 g/g`, `within 30 d`.
    pub(super) form: Vec<(String, Vec<Word>)>,
    pub(super) sure: String,
    pub(super) sources: Vec<Source>,
}

/// The signs of a file; `owner` is `shared` or a drug.
pub(super) fn signs(files: &Files, lookup: &Lookup, path: &str, owner: &str) -> Vec<Sign> {
    let scope = lookup.scope((owner != "shared").then_some(owner));
    let sign = |(name, row): (String, Value)| {
        let Value::Table(row) = row else { return None };
        let sure = text_of(&row, "sure");
        let form = row
            .iter()
            .filter(|(key, _)| !["says", "source", "sure"].contains(&key.as_str()))
            .map(|(key, value)| (key.clone(), cell(&scope, key, value, true)))
            .collect();
        Some(Sign {
            anchor: format!("sign-{owner}-{name}"),
            says: text_of(&row, "says"),
            form,
            sure: if sure.is_empty() {
                "opinion".to_owned()
            } else {
                sure
            },
            sources: scope.sources(&row, "source"),
            name,
        })
    };
    table(files, path).into_iter().filter_map(sign).collect()
}

/// The settings of a table that are neither lists of entries nor named in `without`; those of a table within
/// it behind its name.
pub(super) fn facts(table: &Table, without: &[&str]) -> Vec<(String, String)> {
    let own = table
        .iter()
        .filter(|(key, value)| !without.contains(&key.as_str()) && !is_list_of_tables(value));
    own.flat_map(|(key, value)| {
        let name = key.replace('-', " ");
        match value {
            Value::Table(inner) => inner
                .iter()
                .map(|(key, value)| (format!("{name}: {}", key.replace('-', " ")), flat(value)))
                .collect(),
            other => vec![(name, flat(other))],
        }
    })
    .collect()
}

/// The lists of entries of a table, those of named rows left out.
pub(super) fn grids(table: &Table, scope: &Scope) -> Vec<Grid> {
    let lists = table.iter().filter_map(|(key, value)| {
        let rows: Vec<&Table> = value.as_array()?.iter().filter_map(Value::as_table).collect();
        let named = rows.iter().any(|row| row.contains_key("row"));
        (!rows.is_empty() && !named).then(|| grid(key, &rows, scope))
    });
    lists.collect()
}

fn grid(title: &str, rows: &[&Table], scope: &Scope) -> Grid {
    let mut columns: Vec<String> = Vec::new();
    for key in rows.iter().flat_map(|row| row.keys()) {
        if !columns.contains(key) {
            columns.push(key.clone());
        }
    }
    let line = |row: &&Table| {
        let cells = columns.iter().map(|key| match row.get(key) {
            Some(value) => cell(scope, key, value, false),
            None => Vec::new(),
        });
        cells.collect()
    };
    Grid {
        title: title.to_owned(),
        rows: rows.iter().map(line).collect(),
        columns,
    }
}

/// A value in words: logic with links, anything else as it is. Signs are logic also under `any`, `all`, `not`
/// and `of`.
fn cell(scope: &Scope, key: &str, value: &Value, of_sign: bool) -> Vec<Word> {
    let logic = LOGIC.contains(&key) || of_sign && ["any", "all", "of"].contains(&key);
    if logic {
        return match value {
            Value::Array(_) => {
                let mut inner = Table::new();
                inner.insert(if key == "all" { "all" } else { "any" }.to_owned(), value.clone());
                scope.logic(&Value::Table(inner))
            }
            other => scope.logic(other),
        };
    }
    if of_sign && key == "not" {
        return scope.logic(value);
    }
    vec![Word {
        text: flat(value),
        anchor: String::new(),
        placeholder: false,
    }]
}

/// Whether a value is a list of entries.
pub(super) fn is_list_of_tables(value: &Value) -> bool {
    value
        .as_array()
        .is_some_and(|list| !list.is_empty() && list.iter().all(Value::is_table))
}
