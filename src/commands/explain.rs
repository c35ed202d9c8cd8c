//! `stepdown explain`: one hook request, offline, with its reasoning.

use super::CommandError;
use crate::clinical::evaluate::{Evaluation, evaluate};
use crate::clinical::gap::Truth;
use crate::clinical::judge::Verdict;
use crate::clinical::knowledge::Knowledge;
use crate::clinical::occasion::Occasion;
use crate::content;
use crate::fhir::terms::LocalCodes;
use crate::gather::read_given;
use crate::pipeline::{respond, undecided};
use crate::protocol::request::{HookRequest, document};
use crate::startup::Clock;
use jiff::Timestamp;
use std::io::{ErrorKind, Read, Write};
use std::path::PathBuf;

/// Arguments of `explain`.
#[derive(clap::Args)]
pub struct Arguments {
    /// A hook request (JSON), or - for standard input.
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
    let body = read(arguments)?;
    let knowledge = content::from(arguments.knowledge.as_deref()).map_err(|problems| {
        CommandError::Request(
            problems
                .iter()
                .map(ToString::to_string)
                .collect::<Vec<_>>()
                .join("\n"),
        )
    })?;
    let now = arguments.now.map_or(Clock::Real, Clock::Fixed).now();
    let file = arguments.file.display();
    let listed = |hook: &str| knowledge.services.iter().any(|s| *s.hook == *hook);
    let wrong = |e| CommandError::Request(format!("{file}: {e}"));
    let body = document(&body).map_err(wrong)?;
    let mut request = HookRequest::read_for(&body, listed).map_err(wrong)?;
    if arguments.announced && request.occasion == Occasion::View {
        request.occasion = Occasion::Announced;
    }
    let record = read_given(&request, None, &knowledge, &LocalCodes::default(), now)
        .map_err(|e| CommandError::Request(format!("{file}: {e}")))?;
    let evaluation = evaluate(&record, &knowledge, now);
    if evaluation.undecided {
        return Err(CommandError::Request(format!("{file}: {}", undecided(&record))));
    }
    let mut out = std::io::stdout().lock();
    let written = if arguments.json {
        let answer = respond(&record, &knowledge, &evaluation, &request, now);
        let json = serde_json::to_string_pretty(&answer).map_err(|e| CommandError::Request(e.to_string()))?;
        writeln!(out, "{json}")
    } else {
        cards(&mut out, &evaluation, &knowledge).and_then(|()| trail(&mut out, &evaluation, &knowledge))
    };
    match written {
        // A reader that has seen enough, such as `head`, is no failure.
        Err(error) if error.kind() == ErrorKind::BrokenPipe => Ok(true),
        other => Ok(other.map(|()| true)?),
    }
}

fn read(arguments: &Arguments) -> Result<Vec<u8>, CommandError> {
    let mut body = Vec::new();
    if arguments.file.as_os_str() == "-" {
        std::io::stdin().lock().read_to_end(&mut body)?;
    } else {
        body = std::fs::read(&arguments.file)
            .map_err(|e| CommandError::Request(format!("{}: {e}", arguments.file.display())))?;
    }
    Ok(body)
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
