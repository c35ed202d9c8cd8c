//! The synthetic patient: one request that goes through the service again and again.
//!
//! Turns the bytes of a request into the bytes of its answer, with the tables in use and as of a fixed instant,
//! and compares the rule that decides with the expected one. It shows what no error rate does: that the warning
//! still comes. It writes nothing to the journal, asks no server, and its rule is counted apart from real calls.

use crate::app::App;
use crate::clinical::evaluate::evaluate;
use crate::clock::Clock;
use crate::config::HeartbeatConfig;
use crate::fhir::terms::LocalCodes;
use crate::gather::read_given;
use crate::pipeline::respond;
use crate::protocol::request::{HookRequest, document};
use crate::startup::Live;
use jiff::Timestamp;
use serde::Deserialize;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

/// A patient and what has to be said.
pub struct Heartbeat {
    every: Duration,
    as_of: Timestamp,
    rule: String,
    request: Vec<u8>,
}

/// Why the synthetic patient cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum HeartbeatError {
    /// A file cannot be read.
    #[error("heartbeat: {}: {source}", file.display())]
    Unreadable {
        /// The file.
        file: PathBuf,
        /// Cause.
        source: std::io::Error,
    },
    /// The expectation cannot be used.
    #[error("heartbeat: {}: {message}", file.display())]
    Invalid {
        /// The file.
        file: PathBuf,
        /// Cause.
        message: String,
    },
}

/// What the synthetic patient got instead.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
enum Fault {
    #[error("the request is refused")]
    Refused,
    #[error("nothing is said")]
    Nothing,
    #[error("another rule decides: {0}")]
    Other(String),
    #[error("the answer cannot be written")]
    Unwritable,
}

#[derive(Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
struct Written {
    as_of: String,
    rule: String,
    request: String,
}

/// The patient that the settings name, or the one built in.
///
/// # Errors
/// [`HeartbeatError`] if a file cannot be read or used.
pub fn heartbeat(config: &HeartbeatConfig) -> Result<Heartbeat, HeartbeatError> {
    let (expected, request) = match &config.file {
        None => {
            let built_in = include_str!("../../fixtures/heartbeat.toml");
            let request = include_bytes!("../../fixtures/ehr/stop-in-lupus-nephritis.json");
            (read(built_in, Path::new("heartbeat.toml"))?, request.to_vec())
        }
        Some(file) => {
            let text = String::from_utf8(load(file)?).map_err(|_| HeartbeatError::Invalid {
                file: file.clone(),
                message: "is not UTF-8".to_owned(),
            })?;
            let expected = read(&text, file)?;
            let request = file.parent().unwrap_or(Path::new(".")).join(&expected.request);
            let request = load(&request)?;
            (expected, request)
        }
    };
    let as_of = expected.as_of.parse().map_err(|_| HeartbeatError::Invalid {
        file: config.file.clone().unwrap_or_default(),
        message: "as-of must be an instant such as 2026-11-22T08:00:00Z".to_owned(),
    })?;
    Ok(Heartbeat {
        every: config.every,
        as_of,
        rule: expected.rule,
        request,
    })
}

fn read(text: &str, file: &Path) -> Result<Written, HeartbeatError> {
    toml::from_str(text).map_err(|error| HeartbeatError::Invalid {
        file: file.to_owned(),
        message: error.message().to_owned(),
    })
}

fn load(file: &Path) -> Result<Vec<u8>, HeartbeatError> {
    std::fs::read(file).map_err(|source| HeartbeatError::Unreadable {
        file: file.to_owned(),
        source,
    })
}

impl Heartbeat {
    /// Tries the patient now and again after each interval.
    pub async fn run(self, live: Arc<Live>) {
        let mut beat = tokio::time::interval(self.every);
        beat.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        loop {
            beat.tick().await;
            self.beat(&live.current());
        }
    }

    /// Tries the patient once, and counts what came of it.
    fn beat(&self, app: &App) {
        #[expect(clippy::cast_precision_loss, reason = "seconds of this millennium are exact")]
        let now = Clock::Real.now().as_second() as f64;
        let tried = self.try_once(app);
        let meters = &app.meters;
        meters.heartbeat_at.with(&[]).set(now);
        meters
            .heartbeat_ok
            .with(&[])
            .set(if tried.is_ok() { 1.0 } else { 0.0 });
        match tried {
            Ok(()) => {
                meters.last_fired.with(&[&self.rule, "synthetic"]).set(now);
                tracing::debug!(event = "heartbeat.ok", rule = self.rule);
            }
            Err(fault) => tracing::error!(
                event = "heartbeat.failed",
                expected = self.rule,
                content = &*app.knowledge.version,
                %fault
            ),
        }
    }

    fn try_once(&self, app: &App) -> Result<(), Fault> {
        let knowledge = &*app.knowledge;
        let listed = |hook: &str| knowledge.services.iter().any(|service| *service.hook == *hook);
        let body = document(&self.request).map_err(|_| Fault::Refused)?;
        let request = HookRequest::read_for(&body, listed).map_err(|_| Fault::Refused)?;
        let record = read_given(&request, None, knowledge, &LocalCodes::default(), self.as_of)
            .map_err(|_| Fault::Refused)?;
        let evaluation = evaluate(&record, knowledge, self.as_of);
        let answer = respond(&record, knowledge, &evaluation, &request, self.as_of);
        answer.to_json().map_err(|_| Fault::Unwritable)?;
        let finding = evaluation.leading().ok_or(Fault::Nothing)?;
        if finding.rule != self.rule {
            return Err(Fault::Other(finding.rule.clone()));
        }
        if answer.cards.is_empty() {
            return Err(Fault::Nothing);
        }
        Ok(())
    }
}
