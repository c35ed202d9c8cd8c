//! `stepdown replay`: many saved requests, as `explain` takes one, with sums.
//!
//! Turns folders, files and NDJSON into what each request would be told, for committees that review silent mode
//! and for those who connect an EHR. It asks no server and writes nothing but its report. A patient is named only
//! on request; what cannot be read is named, counted, and makes the command fail.

use super::CommandError;
use super::offline::{Out, failed, knowledge, sites};
use crate::clock::Clock;
use crate::replay::{Found, Judging, Saved, Sums, Told, batches, map, requests};
use jiff::Timestamp;
use serde_json::json;
use std::io::{self, Write};
use std::path::PathBuf;

/// Arguments of `replay`.
#[derive(clap::Args)]
pub struct Arguments {
    /// Files or folders: hook requests (.json), one to a line (.ndjson, .jsonl), or requests that the service has
    /// kept. In a folder, everything below it.
    #[arg(required = true)]
    paths: Vec<PathBuf>,
    /// A site's own copy of hooks/.
    #[arg(long)]
    knowledge: Option<PathBuf>,
    /// Settings file: kept requests are judged with what it says of their client.
    #[arg(long)]
    config: Option<PathBuf>,
    /// The client whose settings hold for requests that name none.
    #[arg(long, requires = "config")]
    client: Option<String>,
    /// Instant of requests that have none of their own; the present unless given. A kept request has its own, and a
    /// file whose name begins with one, as 2026-11-22T08:00:00Z or 20261122T080000Z.
    #[arg(long)]
    now: Option<Timestamp>,
    /// Take every patient-view for one that was fired because orders were stopped.
    #[arg(long)]
    announced: bool,
    /// Name the patient of each request.
    #[arg(long)]
    patients: bool,
    /// One JSON object to a line; the last holds the sums.
    #[arg(long, conflicts_with = "csv")]
    json: bool,
    /// One line for each card, or for a request without one; the sums go to standard error.
    #[arg(long)]
    csv: bool,
    /// Write to this file, which only its owner can read, instead of standard output.
    #[arg(long)]
    out: Option<PathBuf>,
}

/// `Ok(false)` if something could not be read, or nothing was there.
pub(super) fn run(arguments: &Arguments) -> Result<bool, CommandError> {
    let knowledge = knowledge(arguments.knowledge.as_deref())?;
    let sites = sites(arguments.config.as_deref(), arguments.client.as_deref())?;
    let judging = Judging {
        sites: &sites,
        now: arguments.now.map_or(Clock::Real, Clock::Fixed).now(),
        always_now: false,
        announced: arguments.announced,
    };
    let told = |saved: &Saved| {
        let told = saved.judge(&knowledge, &judging)?;
        Ok(if arguments.patients {
            told
        } else {
            told.without_patient()
        })
    };
    let mut report = Report::new(arguments)?;
    let mut sums = Sums::default();
    for batch in batches(requests(&arguments.paths)) {
        let judged = map(&batch, |found| match found {
            Found::Request(saved) => Some(told(saved)),
            Found::Unreadable { says, .. } => Some(Err(says.clone())),
            Found::LeftOut { .. } => None,
        });
        for (found, judged) in batch.iter().zip(judged) {
            let name = name(found);
            match &judged {
                Some(Ok(told)) => sums.add(told),
                Some(Err(_)) => sums.unreadable += 1,
                None => sums.left_out += 1,
            }
            report.entry(name, judged.as_ref())?;
        }
    }
    report.end(&sums)?;
    Ok(sums.unreadable == 0 && sums.judged > 0)
}

fn name(found: &Found) -> &str {
    match found {
        Found::Request(saved) => &saved.name,
        Found::Unreadable { name, .. } | Found::LeftOut { name } => name,
    }
}

/// What a request was told, why it was not, or nothing for a file that is none.
type Judged<'a> = Option<&'a Result<Told, String>>;

enum Report {
    Text(Out),
    Json(Out),
    Csv(Box<csv::Writer<Out>>),
}

const COLUMNS: [&str; 13] = [
    "file",
    "at",
    "at-by",
    "door",
    "client",
    "patient",
    "outcome",
    "rule",
    "topic",
    "indicator",
    "withheld",
    "gaps",
    "says",
];

impl Report {
    fn new(arguments: &Arguments) -> Result<Self, CommandError> {
        let out = Out::open(arguments.out.as_deref())?;
        if !arguments.csv {
            return Ok(if arguments.json {
                Report::Json(out)
            } else {
                Report::Text(out)
            });
        }
        let mut table = csv::Writer::from_writer(out);
        table.write_record(COLUMNS).map_err(io::Error::from)?;
        Ok(Report::Csv(Box::new(table)))
    }

    fn entry(&mut self, name: &str, judged: Judged<'_>) -> io::Result<()> {
        match self {
            Report::Text(out) => text(out, name, judged),
            Report::Json(out) => {
                let object = match judged {
                    Some(Ok(told)) => json!({"file": name, "answer": told}),
                    Some(Err(says)) => json!({"file": name, "error": says}),
                    None => json!({"file": name, "leftOut": true}),
                };
                writeln!(out, "{object}")
            }
            Report::Csv(table) => rows(table, name, judged),
        }
    }

    fn end(self, sums: &Sums) -> Result<(), CommandError> {
        match self {
            Report::Text(mut out) => {
                writeln!(out)?;
                write_sums(&mut out, sums)?;
                out.finish()
            }
            Report::Json(mut out) => {
                writeln!(out, "{}", json!({"sums": sums}))?;
                out.finish()
            }
            Report::Csv(table) => {
                let out = table.into_inner().map_err(|error| failed(error.to_string()))?;
                out.finish()?;
                write_sums(&mut io::stderr().lock(), sums)?;
                Ok(())
            }
        }
    }
}

fn text(out: &mut Out, name: &str, judged: Judged<'_>) -> io::Result<()> {
    let told = match judged {
        Some(Ok(told)) => told,
        Some(Err(says)) => return writeln!(out, "{name}\n    UNREADABLE {says}"),
        None => return writeln!(out, "{name}\n    left out: neither .json nor .ndjson nor .jsonl"),
    };
    let or_empty = |text: &Option<String>| text.as_deref().map_or(String::new(), |text| format!("  {text}"));
    let (at, by) = (
        told.at.as_deref().unwrap_or_default(),
        told.at_by.unwrap_or_default(),
    );
    let (client, patient) = (or_empty(&told.client), or_empty(&told.patient));
    writeln!(
        out,
        "{name}  {}{client}{patient}  as of {at} ({by})",
        told.hook.as_deref().unwrap_or_default()
    )?;
    if let Some(says) = told.undecided {
        writeln!(out, "    undecided: {says}")?;
    }
    for row in &told.silenced_by {
        writeln!(out, "    silent: {row}")?;
    }
    if told.outcome == "silent" && told.silenced_by.is_empty() {
        writeln!(out, "    silent: nothing that the tables review ends")?;
    }
    for card in &told.cards {
        let withheld = if card.withheld { " (withheld)" } else { "" };
        writeln!(
            out,
            "    {:8} {}{withheld}  {}",
            card.indicator, card.topic, card.rule
        )?;
        writeln!(out, "             {}", card.summary)?;
        if !card.gaps.is_empty() {
            writeln!(out, "             missing: {}", card.gaps.join(", "))?;
        }
    }
    Ok(())
}

fn rows(table: &mut csv::Writer<Out>, name: &str, judged: Judged<'_>) -> io::Result<()> {
    let none = "";
    let told = match judged {
        Some(Ok(told)) => told,
        Some(Err(says)) => {
            let mut row = [none; COLUMNS.len()];
            (row[0], row[6], row[12]) = (name, "unreadable", says);
            return Ok(table.write_record(row)?);
        }
        None => {
            let mut row = [none; COLUMNS.len()];
            (row[0], row[6]) = (name, "left-out");
            return Ok(table.write_record(row)?);
        }
    };
    let of = |text: &'_ Option<String>| text.clone().unwrap_or_default();
    let head = [
        name.to_owned(),
        of(&told.at),
        told.at_by.unwrap_or_default().to_owned(),
        of(&told.hook),
        of(&told.client),
        of(&told.patient),
        told.outcome.to_owned(),
    ];
    if told.cards.is_empty() {
        let rule = told.silenced_by.join(" ");
        let rest = [&rule, none, none, none, none, told.undecided.unwrap_or_default()];
        return Ok(table.write_record(head.iter().map(String::as_str).chain(rest))?);
    }
    for card in &told.cards {
        let (withheld, gaps) = (if card.withheld { "yes" } else { "no" }, card.gaps.join("; "));
        let rest = [
            &card.rule,
            card.topic,
            card.indicator,
            withheld,
            &gaps,
            &card.summary,
        ];
        table.write_record(head.iter().map(String::as_str).chain(rest))?;
    }
    Ok(())
}

fn write_sums(out: &mut impl Write, sums: &Sums) -> io::Result<()> {
    let Sums {
        judged,
        unreadable,
        left_out,
        ..
    } = sums;
    for (name, counts) in sums.tables() {
        writeln!(out, "by {name}")?;
        if counts.is_empty() {
            writeln!(out, "         none")?;
        }
        for (key, count) in counts {
            writeln!(out, "  {count:6} {key}")?;
        }
    }
    writeln!(
        out,
        "{judged} requests judged, {unreadable} unreadable, {left_out} left out"
    )
}
