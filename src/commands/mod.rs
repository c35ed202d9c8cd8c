//! The commands of the binary (contract, section 5).
//!
//! Turns arguments into a run; whether it succeeded decides the exit code. Only this folder prints.
#![expect(
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "a command speaks to the terminal"
)]

mod explain;
mod export;

use crate::config::{Config, ConfigError};
use crate::content;
use crate::journal::Archive;
use crate::marks::Marks;
use crate::startup::{self, Clock, Demonstration, Running, StartError};
use clap::Subcommand;
use jiff::Timestamp;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;
use tracing_subscriber::EnvFilter;

/// What to do.
#[derive(Subcommand)]
pub enum Command {
    /// Everything on one machine with synthetic patients: an EHR page to click in. A demonstration, loopback only.
    Demo {
        /// Port to listen on.
        #[arg(long, default_value_t = 8080)]
        port: u16,
        /// Judge as of this instant instead of now, for example 2026-11-22T08:00:00Z.
        #[arg(long)]
        now: Option<Timestamp>,
    },
    /// Production: takes only calls with a token of a configured client.
    Serve {
        /// Settings file (TOML).
        #[arg(long)]
        config: PathBuf,
    },
    /// Checks the knowledge and runs its cases.
    Check {
        /// A site's own copy of hooks/; the one built in unless given.
        dir: Option<PathBuf>,
        /// Also write the whole knowledge to this file, as one HTML page for review.
        #[arg(long, value_name = "FILE")]
        report: Option<PathBuf>,
    },
    /// Cards and reasoning trail of one hook request, offline.
    Explain(explain::Arguments),
    /// What the journal holds, one JSON object to a line, on standard output.
    Export(export::Arguments),
    /// What the log calls a token whose issuer and jti are known to the EHR.
    Mark {
        /// Settings file (TOML) of the service.
        #[arg(long)]
        config: PathBuf,
        /// The token's iss, as in the settings of its client.
        #[arg(long)]
        issuer: String,
        /// The token's jti.
        jti: String,
    },
    /// Copies the journal (SQLite) to a new file while the service runs.
    Backup {
        /// Settings file (TOML) of the service.
        #[arg(long)]
        config: PathBuf,
        /// The new file.
        target: PathBuf,
    },
}

/// Why a command failed.
#[derive(Debug, thiserror::Error)]
pub enum CommandError {
    /// Settings.
    #[error(transparent)]
    Config(#[from] ConfigError),
    /// Start-up.
    #[error(transparent)]
    Start(#[from] StartError),
    /// Reading or writing.
    #[error(transparent)]
    Io(#[from] std::io::Error),
    /// The request to explain.
    #[error("{0}")]
    Request(String),
}

/// Runs a command. `Ok(false)` means that it ran and found failures.
///
/// # Errors
/// [`CommandError`].
pub fn run(command: Command) -> Result<bool, CommandError> {
    match command {
        Command::Check { dir, report } => {
            if let Some(file) = report {
                write_report(dir.as_deref(), &file)?;
            }
            Ok(content::check::run(
                dir.as_deref(),
                &mut std::io::stdout().lock(),
            )?)
        }
        Command::Explain(arguments) => explain::run(&arguments),
        Command::Export(arguments) => {
            let mut out = std::io::BufWriter::new(std::io::stdout().lock());
            export::run(&arguments, &mut out)
        }
        Command::Mark { config, issuer, jti } => mark(&config, &issuer, &jti),
        Command::Backup { config, target } => export::copy(&config, &target),
        Command::Demo { port, now } => {
            let clock = now.map_or(Clock::Real, Clock::Fixed);
            let how = Demonstration {
                port,
                clock,
                journal: None,
                workers: None,
            };
            until_stopped(startup::demonstrate(how), Duration::ZERO, |running| {
                println!("stepdown demonstration: synthetic patients, no token, this machine only");
                println!("open http://{} in a browser", running.address);
            })
        }
        Command::Serve { config } => {
            let config = Config::load(&config)?;
            log();
            let unready = config.unready;
            until_stopped(startup::serve(config), unready, |running| {
                tracing::info!(
                    event = "service.listening",
                    address = %running.address,
                    admin = running.admin.map(tracing::field::display),
                    content = &*running.live.current().knowledge.version
                );
            })
        }
    }
}

/// Prints the mark of a token.
fn mark(config: &Path, issuer: &str, jti: &str) -> Result<bool, CommandError> {
    let config = Config::load(config)?;
    let key = wait(async {
        let archive = Archive::open(&config.journal.address)
            .await
            .map_err(StartError::from)?;
        Ok(archive.digest_key().await.map_err(StartError::from)?)
    })?;
    let mark = Marks::with_key(&key).of_token(issuer, jti);
    println!("{}", mark.unwrap_or_default());
    Ok(true)
}

/// Runs work that needs a runtime and no server.
fn wait<T>(work: impl Future<Output = Result<T, CommandError>>) -> Result<T, CommandError> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    runtime.block_on(work)
}

/// Writes the page for review. A folder that is refused has none; the check then says why.
fn write_report(folder: Option<&Path>, file: &Path) -> Result<(), CommandError> {
    let Ok(page) = content::report(folder) else {
        return Ok(());
    };
    std::fs::write(file, page)
        .map_err(|error| std::io::Error::new(error.kind(), format!("{}: {error}", file.display())))?;
    println!("wrote {}", file.display());
    Ok(())
}

/// Prints why a command failed.
pub fn complain(error: &CommandError) {
    eprintln!("error: {error}");
}

fn until_stopped(
    start: impl Future<Output = Result<Running, StartError>>,
    unready: Duration,
    greet: impl FnOnce(&Running),
) -> Result<bool, CommandError> {
    actix_web::rt::System::new().block_on(async {
        let running = start.await?;
        let signals = startup::on_signal(Arc::clone(&running.live), running.server.handle(), unready);
        actix_web::rt::spawn(signals);
        greet(&running);
        let scheme = startup::scheme(running.secure);
        println!("listening on {scheme}://{}", running.address);
        running.server.await?;
        running.journal.close().await.map_err(StartError::from)?;
        tracing::info!(event = "service.ended");
        Ok(true)
    })
}

/// Structured events on standard error; `RUST_LOG` chooses how many.
fn log() {
    let filter = EnvFilter::try_from_default_env().unwrap_or_else(|_| EnvFilter::new("stepdown=info"));
    tracing_subscriber::fmt()
        .json()
        .with_writer(std::io::stderr)
        .with_env_filter(filter)
        .init();
}
