//! `stepdown export`: the audit as FHIR AuditEvents, or feedback, evaluations or views as plain JSON; one
//! to a line, oldest first. `stepdown backup`: a copy of the journal's file.
//!
//! Reads the journal of a settings file and changes nothing in it. What it writes names patients where the
//! audit does.

use std::io::Write;
use std::path::{Path, PathBuf};

use clap::{Args, ValueEnum};
use fhir_out::{AuditRecord, AuditedAct, AuditedCard, AuditedEnd, ReadRecord, audit_event, audit_read};
use jiff::Timestamp;
use serde_json::json;

use super::CommandError;
use crate::config::Config;
use crate::journal::{
    After, Archive, AuditEntry, CHART_READ, CHART_WRITE, EvaluationLine, FeedbackLine, JournalAddress,
    ViewLine, backup,
};
use crate::startup::StartError;

/// What to read, and since when.
#[derive(Args)]
pub struct Arguments {
    /// Settings file (TOML) of the service.
    #[arg(long)]
    config: PathBuf,
    /// Day (UTC) or instant from which to read, for example 2026-11-01 or 2026-11-01T08:00:00Z.
    #[arg(long, value_parser = since)]
    since: Timestamp,
    /// What to read.
    #[arg(long, value_enum, default_value_t = What::Audit)]
    what: What,
}

/// What an export holds.
#[derive(Clone, Copy, ValueEnum)]
enum What {
    /// FHIR R4 AuditEvents (IHE BALP); they name patients and users.
    Audit,
    /// Feedback with the rule and version of each card.
    Feedback,
    /// Answered calls, without the patient.
    Evaluations,
    /// Who looked up the patient of which card on the operator's page.
    Views,
}

fn since(text: &str) -> Result<Timestamp, String> {
    if let Ok(instant) = text.parse() {
        return Ok(instant);
    }
    let day: jiff::civil::Date = text
        .parse()
        .map_err(|_| "is neither a day nor an instant".to_owned())?;
    let midnight = day.to_zoned(jiff::tz::TimeZone::UTC);
    midnight
        .map(|at| at.timestamp())
        .map_err(|error| error.to_string())
}

/// Writes the export to `out`.
///
/// # Errors
/// [`CommandError`].
pub(super) fn run(arguments: &Arguments, out: &mut impl Write) -> Result<bool, CommandError> {
    let config = Config::load(&arguments.config)?;
    super::wait(lines(&config.journal.address, arguments, out))?;
    Ok(true)
}

async fn lines(
    address: &JournalAddress,
    arguments: &Arguments,
    out: &mut impl Write,
) -> Result<(), CommandError> {
    let archive = Archive::open(address).await.map_err(StartError::from)?;
    let (since, mut after) = (arguments.since, After::default());
    loop {
        let page: Vec<String>;
        (page, after) = match arguments.what {
            What::Audit => {
                let (entries, last) = archive.audit(since, after).await.map_err(StartError::from)?;
                let events = entries.iter().map(events).collect::<Result<Vec<_>, _>>();
                let events = events.map_err(|error| CommandError::Request(error.to_string()))?;
                (events.concat(), last)
            }
            What::Feedback => {
                let (entries, last) = archive.feedback(since, after).await.map_err(StartError::from)?;
                (entries.iter().map(feedback).collect(), last)
            }
            What::Evaluations => {
                let (entries, last) = archive
                    .evaluations(since, after)
                    .await
                    .map_err(StartError::from)?;
                (entries.iter().map(evaluation).collect(), last)
            }
            What::Views => {
                let (entries, last) = archive.views(since, after).await.map_err(StartError::from)?;
                (entries.iter().map(view).collect(), last)
            }
        };
        if page.is_empty() {
            out.flush()?;
            return Ok(());
        }
        for line in page {
            writeln!(out, "{line}")?;
        }
    }
}

/// The call or write, and each read that was done for it; of what the companion app read, the reads alone.
fn events(entry: &AuditEntry) -> Result<Vec<String>, fhir_out::OutError> {
    let recorded = entry.at.to_string();
    let reads = entry.reads.iter().map(|read| {
        audit_read(&ReadRecord {
            recorded: &recorded,
            client: &entry.client,
            user: entry.user.as_deref(),
            patient: &entry.patient,
            hook_instance: &entry.hook_instance,
            kind: &read.kind,
            outcome: &read.outcome,
        })
    });
    let own = (entry.hook != CHART_READ).then(|| event(entry));
    own.into_iter().chain(reads).collect()
}

fn event(entry: &AuditEntry) -> Result<String, fhir_out::OutError> {
    let cards: Vec<AuditedCard<'_>> = entry
        .cards
        .iter()
        .map(|card| AuditedCard {
            uuid: &card.card,
            topic: &card.topic,
            rule: &card.rule,
            indicator: &card.indicator,
            withheld: card.withheld,
            softened: card.softened,
        })
        .collect();
    let act = act(entry);
    audit_event(&AuditRecord {
        act,
        recorded: &entry.at.to_string(),
        client: &entry.client,
        user: entry.user.as_deref(),
        patient: &entry.patient,
        hook: &entry.hook,
        hook_instance: &entry.hook_instance,
        content_version: &entry.content_version,
        outcome: &entry.outcome,
        orders: entry.cards.first().map_or(&[], |card| &card.orders),
        // Of a write only the orders are of interest: it gave no card.
        cards: if act == AuditedAct::Answered { &cards } else { &[] },
    })
}

fn act(entry: &AuditEntry) -> AuditedAct {
    match (entry.hook.as_str(), entry.outcome.as_str()) {
        (CHART_WRITE, "write-refused") => AuditedAct::Created(AuditedEnd::Refused),
        (CHART_WRITE, "write-unknown") => AuditedAct::Created(AuditedEnd::Unknown),
        (CHART_WRITE, _) => AuditedAct::Created(AuditedEnd::Well),
        _ => AuditedAct::Answered,
    }
}

fn feedback(line: &FeedbackLine) -> String {
    json!({
        "received": line.received.to_string(),
        "at": line.at.to_string(),
        "card": line.card,
        "client": line.client,
        "service": line.service,
        "topic": line.topic,
        "rule": line.rule,
        "content": line.content_version,
        "outcome": if line.accepted { "accepted" } else { "overridden" },
        "suggestions": line.suggestions,
        "reasonSystem": line.reason.as_ref().and_then(|reason| reason.system.as_deref()),
        "reasonCode": line.reason.as_ref().map(|reason| &reason.code),
        "hadComment": line.had_comment,
        "comment": line.comment,
    })
    .to_string()
}

fn evaluation(line: &EvaluationLine) -> String {
    json!({
        "at": line.at.to_string(),
        "client": line.client,
        "service": line.service,
        "hook": line.hook,
        "content": line.content_version,
        "outcome": line.outcome,
        "durationUs": line.duration_us,
        "cards": line.cards,
    })
    .to_string()
}

fn view(line: &ViewLine) -> String {
    json!({"at": line.at.to_string(), "who": line.who, "card": line.card}).to_string()
}

/// Copies the journal of a settings file to a new file.
///
/// # Errors
/// [`CommandError`].
pub(super) fn copy(config: &Path, target: &Path) -> Result<bool, CommandError> {
    let config = Config::load(config)?;
    let copied = async {
        backup(&config.journal.address, target)
            .await
            .map_err(StartError::from)
    };
    super::wait(async { Ok(copied.await?) })?;
    Ok(true)
}
