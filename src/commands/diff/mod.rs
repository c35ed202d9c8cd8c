//! `stepdown diff`: what two versions of the tables would answer differently.
//!
//! Turns two folders into the cases, and the saved requests, that they answer differently, each with what was and
//! what would be. It changes nothing and asks no server. Ends as diff(1) does: 0 if nothing differs, 1 if
//! something does, 2 if the comparison failed or something could not be read, so that 0 is never said of what was
//! not compared.

mod cases;
mod markdown;
mod summary;
mod text;

use super::CommandError;
use super::offline::{Out, sites, tables};
use crate::clinical::knowledge::Knowledge;
use crate::clock::Clock;
use crate::config::Config;
use crate::content::Files;
use crate::replay::{Difference, Found, Judging, Kind, Saved, batches, differences, map, requests};
use jiff::Timestamp;
use serde::Serialize;
use serde_json::json;
use std::io::Write;
use std::path::{Path, PathBuf};
use summary::Summary;

/// The name of the tables that are built into the program.
const BUILT_IN: &str = "built-in";

/// Arguments of `diff`.
#[derive(clap::Args)]
pub struct Arguments {
    /// The tables that answer now: a folder in the form of hooks/, or `built-in`.
    old: PathBuf,
    /// The tables that would answer: a folder, or `built-in`.
    new: PathBuf,
    /// Saved requests, as `replay` reads them, for example a folder in which the service keeps them.
    #[arg(long, num_args = 1..)]
    requests: Vec<PathBuf>,
    /// Settings file: the requests that the service keeps are compared as well, each with what the settings say of
    /// its client.
    #[arg(long)]
    config: Option<PathBuf>,
    /// The client whose settings hold for requests that name none.
    #[arg(long, requires = "config")]
    client: Option<String>,
    /// Instant of requests that have none of their own; the present unless given.
    #[arg(long)]
    now: Option<Timestamp>,
    /// Print one JSON object.
    #[arg(long, conflicts_with = "markdown")]
    json: bool,
    /// Print Markdown, to be attached to an approval.
    #[arg(long)]
    markdown: bool,
    /// Write to this file, which only its owner can read, instead of standard output.
    #[arg(long)]
    out: Option<PathBuf>,
}

/// How a comparison ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Compared {
    /// Nothing differs.
    Same,
    /// Something differs.
    Different,
    /// Something could not be read.
    Incomplete,
}

/// One set of tables.
struct Side {
    name: String,
    files: Files,
    knowledge: Knowledge,
}

impl Side {
    fn open(path: &Path) -> Result<Self, CommandError> {
        let folder = (path != Path::new(BUILT_IN)).then_some(path);
        let (files, knowledge) = tables(folder)?;
        let name = path.display().to_string();
        Ok(Self {
            name,
            files,
            knowledge,
        })
    }
}

/// One case, or one request, that both sides were asked about.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Asked {
    /// Path of the case, or file of the request.
    name: String,
    /// Why it was not compared, if so.
    #[serde(skip_serializing_if = "Option::is_none")]
    unreadable: Option<String>,
    /// What differs; empty if nothing does.
    differences: Vec<Difference>,
}

/// Everything that was compared.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Comparison {
    old: Version,
    new: Version,
    cases: Summary,
    only_in_old: Vec<String>,
    only_in_new: Vec<String>,
    requests: Summary,
    left_out: Vec<String>,
    notes: Vec<String>,
    different_cases: Vec<Asked>,
    different_requests: Vec<Asked>,
}

/// Which tables.
#[derive(Serialize)]
struct Version {
    name: String,
    content: String,
}

/// Compares, and prints.
pub(super) fn run(arguments: &Arguments) -> Result<Compared, CommandError> {
    let (old, new) = (Side::open(&arguments.old)?, Side::open(&arguments.new)?);
    let compared = compare(&old, &new, arguments)?;
    let mut out = Out::open(arguments.out.as_deref())?;
    if arguments.json {
        writeln!(out, "{}", json!(compared))?;
    } else if arguments.markdown {
        markdown::write(&mut out, &compared)?;
    } else {
        text::write(&mut out, &compared)?;
    }
    out.finish()?;
    Ok(compared.result())
}

fn compare(old: &Side, new: &Side, arguments: &Arguments) -> Result<Comparison, CommandError> {
    let cases = cases::compare(old, new);
    let version = |side: &Side| Version {
        name: side.name.clone(),
        content: side.knowledge.version.to_string(),
    };
    let mut compared = Comparison {
        old: version(old),
        new: version(new),
        cases: Summary::default(),
        only_in_old: cases.only_in_old,
        only_in_new: cases.only_in_new,
        requests: Summary::default(),
        left_out: Vec::new(),
        notes: Vec::new(),
        different_cases: Vec::new(),
        different_requests: Vec::new(),
    };
    for asked in cases.asked {
        compared.cases.add(&asked);
        compared.different_cases.extend(asked.worth_telling());
    }
    replayed(old, new, arguments, &mut compared)?;
    compared.note_version();
    Ok(compared)
}

/// The saved requests under both sides.
fn replayed(
    old: &Side,
    new: &Side,
    arguments: &Arguments,
    compared: &mut Comparison,
) -> Result<(), CommandError> {
    let sites = sites(arguments.config.as_deref(), arguments.client.as_deref())?;
    let judging = Judging {
        sites: &sites,
        now: arguments.now.map_or(Clock::Real, Clock::Fixed).now(),
        always_now: false,
        announced: false,
    };
    for batch in batches(requests(&paths(arguments)?)) {
        let both = map(&batch, |found| match found {
            Found::Request(saved) => Some(asked(saved, old, new, &judging)),
            Found::Unreadable { name, says } => Some((unreadable(name, says.clone()), None)),
            Found::LeftOut { .. } => None,
        });
        for (found, both) in batch.iter().zip(both) {
            match (found, both) {
                (_, Some((asked, client))) => {
                    let unknown = client.filter(|client| !sites.knows(client));
                    compared.note_unknown(unknown.as_deref());
                    compared.requests.add(&asked);
                    compared.different_requests.extend(asked.worth_telling());
                }
                (Found::LeftOut { name }, None) => compared.left_out.push(name.clone()),
                (_, None) => {}
            }
        }
    }
    Ok(())
}

/// Where the requests lie: as named, and where the settings keep them.
fn paths(arguments: &Arguments) -> Result<Vec<PathBuf>, CommandError> {
    let mut paths = arguments.requests.clone();
    if let Some(config) = &arguments.config {
        paths.extend(Config::load(config)?.capture.map(|capture| capture.folder));
    }
    Ok(paths)
}

fn unreadable(name: &str, says: String) -> Asked {
    Asked {
        name: name.to_owned(),
        unreadable: Some(says),
        differences: Vec::new(),
    }
}

/// A request under both sides, and the client that it came from.
fn asked(saved: &Saved, old: &Side, new: &Side, judging: &Judging<'_>) -> (Asked, Option<String>) {
    let told = |side: &Side| saved.judge(&side.knowledge, judging);
    let (before, after) = (told(old), told(new));
    let client = before.as_ref().ok().and_then(|told| told.client.clone());
    let asked = match (before, after) {
        (Ok(before), Ok(after)) => Asked {
            name: saved.name.clone(),
            unreadable: None,
            differences: differences(&before, &after),
        },
        (Err(before), Err(_)) => unreadable(&saved.name, before),
        (before, after) => one_sided(&saved.name, before.err(), after.err()),
    };
    (asked, client)
}

/// Something that only one side can read; the other says why not.
fn one_sided(name: &str, before: Option<String>, after: Option<String>) -> Asked {
    let says = |error: Option<String>| vec![error.unwrap_or_else(|| "is answered".to_owned())];
    Asked {
        name: name.to_owned(),
        unreadable: None,
        differences: vec![Difference {
            kind: Kind::Unreadable,
            topic: None,
            before: says(before),
            after: says(after),
        }],
    }
}

impl Asked {
    /// Itself, if there is something to tell of it.
    fn worth_telling(self) -> Option<Self> {
        (self.unreadable.is_some() || !self.differences.is_empty()).then_some(self)
    }
}

impl Comparison {
    /// Notes that two different sets of tables carry the same number: what a card says it rests on is then unclear.
    fn note_version(&mut self) {
        if self.old.content == self.new.content && self.result() != Compared::Same {
            let note = "Both carry the same content version: give the new tables a version of their own.";
            self.notes.push(note.to_owned());
        }
    }

    /// Notes once that a client's requests are judged without its settings.
    fn note_unknown(&mut self, client: Option<&str>) {
        let Some(client) = client else { return };
        let note = format!(
            "Requests of client {client} were judged without its country, local codes and silent rules: \
             give --config with its settings."
        );
        if !self.notes.contains(&note) {
            self.notes.push(note);
        }
    }

    fn result(&self) -> Compared {
        let sets = [&self.cases, &self.requests];
        if sets.iter().any(|set| set.unreadable > 0) {
            return Compared::Incomplete;
        }
        let differ = sets.iter().any(|set| set.different > 0);
        let alone = !self.only_in_old.is_empty() || !self.only_in_new.is_empty();
        if differ || alone {
            Compared::Different
        } else {
            Compared::Same
        }
    }
}
