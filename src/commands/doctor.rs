//! `stepdown doctor`: looks at a live set-up; with `--registration`, the sheet for the team of the EHR.

use super::CommandError;
use crate::config::{ClientConfig, Config};
use crate::doctor::{self, Finding, Grade};
use serde::Serialize;
use std::io::Write;
use std::path::PathBuf;

/// Arguments of `doctor`.
#[derive(clap::Args)]
pub struct Arguments {
    /// Settings file (TOML) of the service.
    #[arg(long)]
    config: PathBuf,
    /// Only this client.
    #[arg(long)]
    client: Option<String>,
    /// Print a registration sheet for each client (Markdown) instead; asks no server.
    #[arg(long, conflicts_with = "json")]
    registration: bool,
    /// Print the findings as one JSON object.
    #[arg(long)]
    json: bool,
}

#[derive(Serialize)]
struct Report {
    problems: usize,
    warnings: usize,
    findings: Vec<Finding>,
}

/// Prints findings, or sheets. `Ok(true)` only without a problem.
///
/// # Errors
/// [`CommandError`] for an unknown client, settings without which there is no sheet, or output that fails.
pub(super) fn run(arguments: &Arguments, out: &mut impl Write) -> Result<bool, CommandError> {
    let config = Config::load(&arguments.config);
    if arguments.registration {
        return registration(&config?, arguments.client.as_deref(), out);
    }
    let findings = match config {
        Err(error) => doctor::refused(&error),
        Ok(config) => {
            clients(&config, arguments.client.as_deref())?;
            let (knowledge, only) = (doctor::knowledge(&config), arguments.client.as_deref());
            super::wait(async { Ok(doctor::examine(&config, knowledge.as_ref(), only).await) })?
        }
    };
    let count = |grade: Grade| findings.iter().filter(|finding| finding.grade == grade).count();
    let (problems, warnings) = (count(Grade::Problem), count(Grade::Warning));
    if arguments.json {
        let report = Report {
            problems,
            warnings,
            findings,
        };
        serde_json::to_writer_pretty(&mut *out, &report).map_err(std::io::Error::from)?;
        writeln!(out)?;
    } else {
        for finding in &findings {
            writeln!(out, "{finding}")?;
        }
        writeln!(out, "problems: {problems}, warnings: {warnings}")?;
    }
    Ok(problems == 0)
}

/// The clients to look at.
fn clients<'c>(config: &'c Config, only: Option<&str>) -> Result<Vec<&'c ClientConfig>, CommandError> {
    let chosen = config
        .clients
        .iter()
        .filter(|client| only.is_none_or(|name| client.name == name));
    let chosen: Vec<&ClientConfig> = chosen.collect();
    if chosen.is_empty() {
        let names: Vec<&str> = config.clients.iter().map(|client| client.name.as_str()).collect();
        let message = format!(
            "--client: there is none of that name; the settings have: {}",
            names.join(", ")
        );
        return Err(CommandError::Request(message));
    }
    Ok(chosen)
}

fn registration(config: &Config, only: Option<&str>, out: &mut impl Write) -> Result<bool, CommandError> {
    let knowledge = doctor::knowledge(config).map_err(CommandError::Request)?;
    for client in clients(config, only)? {
        let sheet = doctor::sheet(config, client, &knowledge).map_err(CommandError::Request)?;
        writeln!(out, "{}", sheet.trim_end())?;
        writeln!(out)?;
    }
    Ok(true)
}
