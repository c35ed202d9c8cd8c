//! `stepdown explain`: one hook request, offline, with its reasoning.

use super::CommandError;
use super::offline::knowledge;
use crate::clinical::evaluate::Evaluation;
use crate::clinical::gap::Truth;
use crate::clinical::judge::Verdict;
use crate::clinical::knowledge::Knowledge;
use crate::clock::Clock;
use crate::pipeline::{respond, undecided};
use crate::replay::{Judging, Saved, Sites};
use jiff::Timestamp;
use std::io::{ErrorKind, Read, Write};
use std::path::PathBuf;

/// Arguments of `explain`.
#[derive(clap::Args)]
pub struct Arguments {
    /// A hook request (JSON), or one that the service has kept; - for standard input.
    file: PathBuf,
    /// Print the answer as it would be sent to a client that has overridden nothing.
    #[arg(long)]
    json: bool,
    /// Judge as of this instant instead of now.
    #[arg(long)]
    now: Option<Timestamp>,
    /// Take a patient-view for one that the client's own trigger fired because orders were stopped.
    #[arg(long)]
    announced: bool,
    /// A site's own copy of hooks/.
    #[arg(long)]
    knowledge: Option<PathBuf>,
}

pub(super) fn run(arguments: &Arguments) -> Result<bool, CommandError> {
    let knowledge = knowledge(arguments.knowledge.as_deref())?;
    let file = arguments.file.display();
    let wrong = |says: String| CommandError::Request(format!("{file}: {says}"));
    let (saved, sites) = (saved(arguments)?, Sites::default());
    let judging = Judging {
        sites: &sites,
        now: arguments.now.map_or(Clock::Real, Clock::Fixed).now(),
        always_now: arguments.now.is_some(),
        announced: arguments.announced,
    };
    let read = saved.read().map_err(|says| match line_of_fault(&saved.body) {
        Some(line) => CommandError::Request(format!("{file}:{line}: {says}")),
        None => wrong(says),
    })?;
    let opened = read.open(&knowledge, &judging).map_err(wrong)?;
    let (request, now) = (&opened.request, opened.at);
    let record = opened.record(&knowledge, &judging).map_err(wrong)?;
    let evaluation = opened.evaluate(&record, &knowledge, &judging);
    if evaluation.undecided {
        return Err(CommandError::Request(format!("{file}: {}", undecided(&record))));
    }
    let mut out = std::io::stdout().lock();
    let written = if arguments.json {
        let answer = respond(&record, &knowledge, &evaluation, request, now);
        let mut json = answer
            .to_json()
            .map_err(|e| CommandError::Request(e.to_string()))?;
        json.push(b'\n');
        out.write_all(&json)
    } else {
        cards(&mut out, &evaluation, &knowledge).and_then(|()| trail(&mut out, &evaluation, &knowledge))
    };
    match written {
        // A reader that has seen enough, such as `head`, is no failure.
        Err(error) if error.kind() == ErrorKind::BrokenPipe => Ok(true),
        other => Ok(other.map(|()| true)?),
    }
}

/// The line at which a text stops being JSON, if it does.
fn line_of_fault(body: &[u8]) -> Option<usize> {
    let read: Result<serde::de::IgnoredAny, _> = serde_json::from_slice(body);
    read.err().map(|error| error.line())
}

fn saved(arguments: &Arguments) -> Result<Saved, CommandError> {
    let mut body = Vec::new();
    if arguments.file.as_os_str() == "-" {
        std::io::stdin().lock().read_to_end(&mut body)?;
    } else {
        body = std::fs::read(&arguments.file)
            .map_err(|e| CommandError::Request(format!("{}: {e}", arguments.file.display())))?;
    }
    let name = String::new();
    Ok(Saved { name, body })
}

fn cards(out: &mut impl Write, evaluation: &Evaluation<'_>, knowledge: &Knowledge) -> std::io::Result<()> {
    if evaluation.cards.is_empty() {
        writeln!(out, "No cards: looked, and nothing to say.")?;
    }
    for card in &evaluation.cards {
        writeln!(
            out,
            "[{}] {} ({})",
            card.indicator.code(),
            card.summary,
            card.topic.code()
        )?;
        writeln!(out)?;
        for line in card.detail.replace("**", "").replace("\\*", "*").lines() {
            writeln!(out, "    {line}")?;
        }
        for suggestion in &card.suggestions {
            writeln!(out, "    > {}", suggestion.label)?;
        }
        for source in &card.sources {
            let source = knowledge.source(*source);
            writeln!(out, "    source: {} <{}>", source.label, source.url)?;
        }
        writeln!(out)?;
    }
    Ok(())
}

fn trail(out: &mut impl Write, evaluation: &Evaluation<'_>, knowledge: &Knowledge) -> std::io::Result<()> {
    writeln!(out, "Reasoning (content {})", knowledge.version)?;
    for judgement in &evaluation.judgements {
        for step in &judgement.trail {
            writeln!(
                out,
                "    {} {}/{}/{}",
                mark(step.truth),
                judgement.withdrawal.key,
                step.table,
                step.row
            )?;
        }
        match &judgement.verdict {
            Verdict::Silent { row, why, .. } => writeln!(out, "    silent: {row}: {why}")?,
            Verdict::Finding(finding) => writeln!(
                out,
                "    decided: {} ({})",
                finding.rule,
                finding.indicator.code()
            )?,
        }
    }
    writeln!(out, "Signs that were asked")?;
    for (id, truth) in &evaluation.signals {
        let signal = knowledge.signal(*id);
        writeln!(out, "    {} {}: {}", mark(*truth), signal.name, signal.says)?;
    }
    Ok(())
}

fn mark(truth: Truth) -> &'static str {
    match truth {
        Truth::True => "yes       ",
        Truth::False => "no        ",
        Truth::Unknown => "unknown   ",
        Truth::Unreadable => "unreadable",
    }
}
