//! One table as text, and the list of what is wrong with all of them.
//!
//! Turns a file into typed rows and a finding into `file:line: text`. Loading goes on after a problem,
//! so that an author sees all of them at once; a value that could not be built is `None`, and whoever
//! returns `None` has recorded why.

use super::files::Files;
use serde::de::DeserializeOwned;
use std::cell::RefCell;
use std::fmt;
use std::ops::Range;
use toml::Spanned;

/// Something in the tables that is refused.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Problem {
    /// The file.
    pub file: String,
    /// The line, from 1, where one is to blame.
    pub line: Option<usize>,
    /// What is wrong.
    pub says: String,
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.line {
            Some(line) => write!(f, "{}:{line}: {}", self.file, self.says),
            None => write!(f, "{}: {}", self.file, self.says),
        }
    }
}

/// Problems as they are found.
#[derive(Default)]
pub(super) struct Problems {
    list: RefCell<Vec<Problem>>,
    unread: RefCell<Vec<String>>,
}

impl Problems {
    /// Records one.
    pub(super) fn add(&self, file: String, line: Option<usize>, says: String) {
        self.list.borrow_mut().push(Problem { file, line, says });
    }

    /// All of them, by file and line, each once.
    pub(super) fn into_list(self) -> Vec<Problem> {
        let mut list = self.list.into_inner();
        list.sort();
        list.dedup();
        list
    }

    /// Whether there is none yet.
    pub(super) fn is_empty(&self) -> bool {
        self.list.borrow().is_empty()
    }
}

/// A table as text, with the place where its problems go.
#[derive(Clone, Copy)]
pub(super) struct Page<'a> {
    root: &'a str,
    /// Path below the folder.
    pub(super) path: &'a str,
    text: &'a str,
    problems: &'a Problems,
}

impl<'a> Page<'a> {
    /// The table at a path. A missing one is recorded.
    pub(super) fn required(files: &'a Files, path: &str, problems: &'a Problems) -> Option<Self> {
        let page = Page::optional(files, path, problems);
        if page.is_none() {
            problems.add(format!("{}/{path}", files.root()), None, "is missing".to_owned());
        }
        page
    }

    /// The table at a path, if it is there.
    pub(super) fn optional(files: &'a Files, path: &str, problems: &'a Problems) -> Option<Self> {
        let (path, text) = files.entry(path)?;
        Some(Page {
            root: files.root(),
            path,
            text,
            problems,
        })
    }

    /// Records a problem at a place in the text.
    pub(super) fn refuse(&self, place: Range<usize>, says: impl Into<String>) {
        self.refuse_line(self.line_of(place.start), says);
    }

    /// Records a problem on a line.
    pub(super) fn refuse_line(&self, line: usize, says: impl Into<String>) {
        self.problems.add(self.file(), Some(line), says.into());
    }

    /// Records a problem of the file as a whole.
    pub(super) fn refuse_file(&self, says: impl Into<String>) {
        self.problems.add(self.file(), None, says.into());
    }

    /// `file:line` of a line, for messages about another one.
    pub(super) fn place(&self, line: usize) -> String {
        format!("{}:{line}", self.file())
    }

    /// The line, from 1, of an offset into the text.
    pub(super) fn line_of(&self, offset: usize) -> usize {
        let before = &self.text.as_bytes()[..offset.min(self.text.len())];
        1 + memchr::memchr_iter(b'\n', before).count()
    }

    fn file(&self) -> String {
        format!("{}/{}", self.root, self.path)
    }

    /// Whether any table of that file name could not be read: its names are not unknown then.
    pub(super) fn is_unread(&self, name: &str) -> bool {
        self.problems
            .unread
            .borrow()
            .iter()
            .any(|path| path.ends_with(name))
    }

    /// Reads it as TOML.
    pub(super) fn toml<T: DeserializeOwned>(&self) -> Option<T> {
        match toml::from_str(self.text) {
            Ok(value) => Some(value),
            Err(error) => {
                let says = error.message().trim().to_owned();
                match error.span() {
                    Some(place) => self.refuse(place, says),
                    None => self.refuse_file(says),
                }
                self.problems.unread.borrow_mut().push(self.path.to_owned());
                None
            }
        }
    }

    /// Reads it as comma-separated rows below a line of headings, each with its line.
    pub(super) fn rows<T: DeserializeOwned>(&self) -> Vec<(usize, T)> {
        let mut reader = csv::ReaderBuilder::new()
            .trim(csv::Trim::All)
            .comment(Some(b'#'))
            .from_reader(self.text.as_bytes());
        let headings = match reader.headers() {
            Ok(headings) => headings.clone(),
            Err(error) => {
                self.refuse_file(error.to_string());
                return Vec::new();
            }
        };
        let mut rows = Vec::new();
        for record in reader.records() {
            let read = record.and_then(|record| {
                let line = record.position().map_or(1, csv::Position::line);
                Ok((
                    usize::try_from(line).unwrap_or(usize::MAX),
                    record.deserialize(Some(&headings))?,
                ))
            });
            match read {
                Ok(row) => rows.push(row),
                Err(error) => self.refuse_record(&error),
            }
        }
        rows
    }

    fn refuse_record(&self, error: &csv::Error) {
        let line = error
            .position()
            .and_then(|position| usize::try_from(position.line()).ok());
        let says = match error.kind() {
            csv::ErrorKind::Deserialize { err, .. } => err.to_string(),
            csv::ErrorKind::UnequalLengths {
                expected_len, len, ..
            } => {
                format!("the row has {len} fields, the headings are {expected_len}")
            }
            _ => error.to_string(),
        };
        self.problems.add(self.file(), line, says);
    }
}

/// A word with its place in the file.
pub(super) type Word = Spanned<String>;
