//! `stepdown explain`: one hook request, offline, with its reasoning.

use super::CommandError;
use crate::clinical::evaluate::{Evaluation, evaluate};
use crate::clinical::gap::Truth;
use crate::clinical::judge::Verdict;
use crate::clinical::knowledge::Knowledge;
use crate::content;
use crate::fhir::terms::LocalCodes;
use crate::gather::read_given;
use crate::pipeline::respond;
use crate::protocol::request::HookRequest;
use crate::startup::Clock;
use jiff::Timestamp;
use std::io::Read;
use std::path::PathBuf;

/// Arguments of `explain`.
#[derive(clap::Args)]
pub struct Arguments {
    /// A hook request (JSON), or - for standard input.
    file: PathBuf,
    /// Print the answer as it would be sent.
    #[arg(long)]
    json: bool,
    /// Judge as of this instant instead of now.
    #[arg(long)]
    now: Option<Timestamp>,
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
    let request =
        HookRequest::parse_for(&body, listed).map_err(|e| CommandError::Request(format!("{file}: {e}")))?;
    let record = read_given(&request, None, &knowledge, &LocalCodes::default(), now)
        .map_err(|e| CommandError::Request(format!("{file}: {e}")))?;
    let evaluation = evaluate(&record, &knowledge, now);
    if evaluation.undecided {
        return Err(CommandError::Request(format!(
            "{file}: the drug of the stopped order cannot be read"
        )));
    }
    if arguments.json {
        let answer = respond(&record, &knowledge, &evaluation, &request, now);
        let json = serde_json::to_string_pretty(&answer).map_err(|e| CommandError::Request(e.to_string()))?;
        println!("{json}");
    } else {
        print_cards(&evaluation, &knowledge);
        print_trail(&evaluation, &knowledge);
    }
    Ok(true)
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

fn print_cards(evaluation: &Evaluation<'_>, knowledge: &Knowledge) {
    if evaluation.cards.is_empty() {
        println!("No cards: looked, and nothing to say.");
    }
    for card in &evaluation.cards {
        println!(
            "[{}] {} ({})",
            card.indicator.code(),
            card.summary,
            card.topic.code()
        );
        println!();
        for line in card.detail.replace("**", "").lines() {
            println!("    {line}");
        }
        for suggestion in &card.suggestions {
            println!("    > {}", suggestion.label);
        }
        for source in &card.sources {
            let source = knowledge.source(*source);
            println!("    source: {} <{}>", source.label, source.url);
        }
        println!();
    }
}

fn print_trail(evaluation: &Evaluation<'_>, knowledge: &Knowledge) {
    println!("Reasoning (content {})", knowledge.version);
    for judgement in &evaluation.judgements {
        for step in &judgement.trail {
            println!(
                "    {} {}/{}/{}",
                mark(step.truth),
                judgement.withdrawal.key,
                step.table,
                step.row
            );
        }
        match &judgement.verdict {
            Verdict::Silent { row, why } => println!("    silent: {row}: {why}"),
            Verdict::Finding(finding) => {
                println!("    decided: {} ({})", finding.rule, finding.indicator.code())
            }
        }
    }
    println!("Signs that were asked");
    for (id, truth) in &evaluation.signals {
        let signal = knowledge.signal(*id);
        println!("    {} {}: {}", mark(*truth), signal.name, signal.says);
    }
}

fn mark(truth: Truth) -> &'static str {
    match truth {
        Truth::True => "yes       ",
        Truth::False => "no        ",
        Truth::Unknown => "unknown   ",
        Truth::Unreadable => "unreadable",
    }
}
