//! Names in the tables, to words with links: logic, signs, sources, templates.
//!
//! What a table calls `"not upcr-above-0.5"` is printed as what the sign says, with a link to its number.

use crate::content::files::Files;
use std::collections::BTreeMap;
use toml::{Table, Value};

/// A piece of a line: plain, a link within the page, or a placeholder.
pub(super) struct Word {
    pub(super) text: String,
    /// Anchor on the page; empty if there is none.
    pub(super) anchor: String,
    pub(super) placeholder: bool,
}

impl Word {
    fn plain(text: impl Into<String>) -> Self {
        Word {
            text: text.into(),
            anchor: String::new(),
            placeholder: false,
        }
    }
}

/// An entry of a `sources.toml`.
#[derive(Clone)]
pub(super) struct Source {
    pub(super) anchor: String,
    pub(super) label: String,
    pub(super) url: String,
    pub(super) supports: String,
    /// Whether its text was read when the table was written.
    pub(super) read: bool,
}

/// Signs and sources by owner (`shared` or a drug) and name.
#[derive(Default)]
pub(super) struct Lookup {
    signs: BTreeMap<(String, String), String>,
    sources: BTreeMap<(String, String), Source>,
}

/// What a table of one drug, or of all, can name.
pub(super) struct Scope<'a> {
    lookup: &'a Lookup,
    drug: Option<&'a str>,
}

impl Lookup {
    /// Reads all names of a folder.
    pub(super) fn of(files: &Files) -> Self {
        let mut lookup = Lookup::default();
        for (path, _) in files.iter() {
            let parts: Vec<&str> = path.split('/').collect();
            let owner = match parts.as_slice() {
                [_] => "shared",
                ["withdrawals", drug, ..] => drug,
                _ => continue,
            };
            let key = |name: &str| (owner.to_owned(), name.to_owned());
            match parts.as_slice() {
                [.., "signals.toml"] | [_, _, "signals", _] => {
                    for (name, row) in table(files, path) {
                        lookup.signs.insert(key(&name), text(row.get("says")));
                    }
                }
                [.., "sources.toml"] => {
                    for (name, row) in table(files, path) {
                        lookup.sources.insert(key(&name), source(owner, &name, &row));
                    }
                }
                _ => {}
            }
        }
        lookup
    }

    /// What the tables of a drug, or without one the shared tables, can name.
    pub(super) fn scope<'a>(&'a self, drug: Option<&'a str>) -> Scope<'a> {
        Scope { lookup: self, drug }
    }

    /// The sources of a file, in its order.
    pub(super) fn sources(&self, files: &Files, path: &str) -> Vec<Source> {
        let owner = match path.split('/').collect::<Vec<_>>().as_slice() {
            ["withdrawals", drug, ..] => (*drug).to_owned(),
            _ => "shared".to_owned(),
        };
        table(files, path)
            .keys()
            .filter_map(|name| self.sources.get(&(owner.clone(), name.clone())).cloned())
            .collect()
    }
}

impl Scope<'_> {
    fn owners(&self) -> impl Iterator<Item = &str> {
        self.drug.into_iter().chain(["shared"])
    }

    /// Logic in words.
    pub(super) fn logic(&self, value: &Value) -> Vec<Word> {
        match value {
            Value::String(name) if name == "always" => vec![Word::plain("in all other cases")],
            Value::String(name) => self.sign(name),
            Value::Table(table) => self.combined(table),
            other => vec![Word::plain(flat(other))],
        }
    }

    fn sign(&self, name: &str) -> Vec<Word> {
        let (negated, name) = match name.strip_prefix("not ") {
            Some(name) => (true, name),
            None => (false, name),
        };
        let found = self.owners().find_map(|owner| {
            let says = self.lookup.signs.get(&(owner.to_owned(), name.to_owned()))?;
            Some((owner, says.clone()))
        });
        let (anchor, text) = match found {
            Some((owner, says)) => (format!("sign-{owner}-{name}"), says),
            None => (String::new(), name.to_owned()),
        };
        let mut words = Vec::new();
        if negated {
            words.push(Word::plain("not: "));
        }
        words.push(Word {
            text,
            anchor,
            placeholder: false,
        });
        words
    }

    fn combined(&self, table: &Table) -> Vec<Word> {
        let list = |key: &str| table.get(key).and_then(Value::as_array);
        if let Some(all) = list("all") {
            return self.joined(all, " and ");
        }
        if let Some(any) = list("any") {
            return self.joined(any, " or ");
        }
        if let (Some(count), Some(of)) = (table.get("at-least"), list("of")) {
            let mut words = vec![Word::plain(format!("at least {} of: ", flat(count)))];
            words.extend(self.joined(of, "; "));
            return words;
        }
        if let Some(inner) = table.get("not") {
            let mut words = vec![Word::plain("not: ")];
            words.extend(self.logic(inner));
            return words;
        }
        vec![Word::plain(flat(&Value::Table(table.clone())))]
    }

    fn joined(&self, list: &[Value], between: &str) -> Vec<Word> {
        let mut words = Vec::new();
        for (place, value) in list.iter().enumerate() {
            if place > 0 {
                words.push(Word::plain(between));
            }
            let nested = value.is_table();
            words.extend(nested.then(|| Word::plain("(")));
            words.extend(self.logic(value));
            words.extend(nested.then(|| Word::plain(")")));
        }
        words
    }

    /// The sources that a row names, one or several.
    pub(super) fn sources(&self, row: &Table, key: &str) -> Vec<Source> {
        let named = match row.get(key) {
            Some(Value::Array(list)) => list.iter().map(|name| text(Some(name))).collect(),
            Some(Value::String(name)) => vec![name.clone()],
            _ => Vec::new(),
        };
        let find = |name: &String| {
            self.owners().find_map(|owner| {
                self.lookup
                    .sources
                    .get(&(owner.to_owned(), name.clone()))
                    .cloned()
            })
        };
        named.iter().filter_map(find).collect()
    }
}

fn source(owner: &str, name: &str, row: &Value) -> Source {
    let field = |key: &str| text(row.get(key));
    Source {
        anchor: format!("source-{owner}-{name}"),
        label: field("label"),
        url: field("url"),
        supports: field("supports"),
        read: field("seen") == "V",
    }
}

/// A line of a text with its placeholders told apart.
pub(super) fn template(line: &str) -> Vec<Word> {
    let mut words = Vec::new();
    let mut rest = line;
    while let Some((before, (name, after))) = rest
        .split_once('{')
        .and_then(|(before, after)| Some((before, after.split_once('}')?)))
    {
        if !before.is_empty() {
            words.push(Word::plain(before));
        }
        words.push(Word {
            text: name.to_owned(),
            anchor: String::new(),
            placeholder: true,
        });
        rest = after;
    }
    if !rest.is_empty() {
        words.push(Word::plain(rest));
    }
    words
}

/// A table that the loader has accepted.
pub(super) fn table(files: &Files, path: &str) -> Table {
    files
        .text(path)
        .and_then(|text| toml::from_str(text).ok())
        .unwrap_or_default()
}

/// A field as text.
pub(super) fn text_of(table: &Table, key: &str) -> String {
    text(table.get(key))
}

fn text(value: Option<&Value>) -> String {
    value.map(flat).unwrap_or_default()
}

/// A value on one line.
pub(super) fn flat(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        Value::Array(list) => list.iter().map(flat).collect::<Vec<_>>().join(", "),
        Value::Table(table) => table
            .iter()
            .map(|(key, value)| format!("{key} {}", flat(value)))
            .collect::<Vec<_>>()
            .join(", "),
        other => other.to_string(),
    }
}

/// The name of a file without folder and ending.
pub(super) fn stem(path: &str) -> &str {
    let name = path.rsplit('/').next().unwrap_or(path);
    name.split('.').next().unwrap_or(name)
}
