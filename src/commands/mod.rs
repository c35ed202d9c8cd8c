//! The commands of the binary (contract, section 5).
//!
//! Turns arguments into a run; whether it succeeded decides the exit code. Only this folder prints.
#![expect(
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "a command speaks to the terminal"
)]

mod diff;
mod doctor;
mod explain;
mod export;
mod offline;
mod replay;

use crate::clock::Clock;
use crate::config::{Config, ConfigError, TracesConfig};
use crate::content;
use crate::journal::Archive;
use crate::marks::Marks;
use crate::startup::{self, Demonstration, Running, Signals, StartError};
use crate::traces::{self, Exporting};
use clap::Subcommand;
use diff::Compared;
use jiff::Timestamp;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;
use tracing::Subscriber;
use tracing_subscriber::filter::{FromEnvError, Targets};
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::registry::LookupSpan;
use tracing_subscriber::util::SubscriberInitExt;
use tracing_subscriber::{EnvFilter, Layer};

/// Exit code of a comparison that failed, as that of diff(1).
const TROUBLE: u8 = 2;

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
    /// Many saved hook requests, offline: what each would be told, and sums.
    Replay(replay::Arguments),
    /// What other tables would answer differently: cases, and saved requests. Ends with 0 if nothing differs, 1 if
    /// something does, 2 if the comparison failed.
    Diff(diff::Arguments),
    /// Looks at a live set-up: settings, servers of the clients, keys, clocks, our own address, the journal. One line per
    /// finding; exit 0 only without a problem.
    Doctor(doctor::Arguments),
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
    /// How much is to be logged.
    #[error("RUST_LOG cannot be used: {0}")]
    Level(#[from] FromEnvError),
    /// Sending of traces.
    #[error(transparent)]
    Traces(#[from] traces::SetupError),
    /// Reading or writing.
    #[error(transparent)]
    Io(#[from] std::io::Error),
    /// The request to explain.
    #[error("{0}")]
    Request(String),
    /// A comparison in which something could not be read; what could be is in its report.
    #[error("something could not be read and was not compared")]
    Incomplete,
}

/// Runs a command, and says why it failed. 0 only on success; 1 on failure, and for `diff` if something differs; 2
/// for a comparison that failed (and, from the reader of arguments, for a wrong one).
pub fn run(command: Command) -> ExitCode {
    let compares = matches!(command, Command::Diff(_));
    match done(command) {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            complain(&error);
            ExitCode::from(if compares { TROUBLE } else { 1 })
        }
    }
}

/// `Ok(false)` means that it ran and found failures, or differences.
fn done(command: Command) -> Result<bool, CommandError> {
    match command {
        Command::Diff(arguments) => match diff::run(&arguments)? {
            Compared::Same => Ok(true),
            Compared::Different => Ok(false),
            Compared::Incomplete => Err(CommandError::Incomplete),
        },
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
        Command::Replay(arguments) => replay::run(&arguments),
        Command::Export(arguments) => {
            let mut out = std::io::BufWriter::new(std::io::stdout().lock());
            export::run(&arguments, &mut out)
        }
        Command::Doctor(arguments) => doctor::run(&arguments, &mut std::io::stdout().lock()),
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
            let traces = log(config.traces.as_ref())?;
            let unready = config.unready;
            let ended = until_stopped(startup::serve(config), unready, |running| {
                tracing::info!(
                    event = "service.listening",
                    address = %running.address,
                    admin = running.admin.map(tracing::field::display),
                    content = &*running.live.current().knowledge.version
                );
            });
            if let Some(traces) = traces {
                traces.finish();
            }
            ended
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
fn complain(error: &CommandError) {
    eprintln!("error: {error}");
}

fn until_stopped(
    start: impl Future<Output = Result<Running, StartError>>,
    unready: Duration,
    greet: impl FnOnce(&Running),
) -> Result<bool, CommandError> {
    actix_web::rt::System::new().block_on(async {
        let running = start.await?;
        let signals = Signals::listen()?;
        actix_web::rt::spawn(signals.obey(Arc::clone(&running.live), running.server.handle(), unready));
        greet(&running);
        let scheme = startup::scheme(running.secure);
        println!("listening on {scheme}://{}", running.address);
        let served = running.server.await;
        // Whatever went wrong, what waits to be written is written.
        let closed = running.journal.close().await;
        if let Some(capture) = running.capture {
            capture.finish();
        }
        served?;
        closed.map_err(StartError::from)?;
        tracing::info!(event = "service.ended");
        Ok(true)
    })
}

/// Structured events on standard error; `RUST_LOG` chooses how many, and one that cannot be read is an error: whoever set
/// it is waiting for what it was to show. Spans go to the collector, if there is one,
/// and never to the log.
fn log(traces: Option<&TracesConfig>) -> Result<Option<Exporting>, CommandError> {
    let usual = "stepdown=info".parse().map_err(FromEnvError::from)?;
    let filter = EnvFilter::builder().with_default_directive(usual).from_env()?;
    let filter = match format!("{}=off", traces::TARGET).parse() {
        Ok(no_spans) => filter.add_directive(no_spans),
        Err(_) => filter,
    };
    let Some(config) = traces else {
        tracing_subscriber::registry().with(filter).with(events()).init();
        return Ok(None);
    };
    let exporting = traces::start(config)?;
    let spans = tracing_opentelemetry::layer()
        .with_tracer(exporting.tracer())
        .with_context_activation(false)
        .with_location(false)
        .with_threads(false)
        .with_target(false)
        .with_level(false)
        .with_tracked_inactivity(false)
        .with_filter(Targets::new().with_target(traces::TARGET, tracing::Level::INFO));
    tracing_subscriber::registry()
        .with(events().with_filter(filter))
        .with(spans)
        .init();
    Ok(Some(exporting))
}

fn events<S: Subscriber + for<'a> LookupSpan<'a>>() -> impl Layer<S> {
    tracing_subscriber::fmt::layer()
        .json()
        .with_writer(std::io::stderr)
}
