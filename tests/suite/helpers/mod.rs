//! What the tests share: the application, callers with and without a right to call, charts, and an EHR.

pub mod answer;
pub mod app;
pub mod certificates;
pub mod chart;
pub mod command;
pub mod doors;
pub mod ehr;
pub mod entrance;
pub mod forger;
pub mod installed;
pub mod keys;
pub mod postgres;
pub mod program;
pub mod pure;
pub mod replicas;
pub mod resources;
pub mod stories;

pub use answer::Answer;
pub use app::{Demo, TestApp};
pub use chart::Stop;
pub use ehr::{Ehr, Fault};

use jiff::Timestamp;
use std::sync::LazyLock;
use stepdown::startup::Clock;

/// The day of the suite: read once, so that every chart and every judgement means the same one.
static NOW: LazyLock<Timestamp> =
    LazyLock::new(|| Timestamp::from_second(Clock::Real.now().as_second()).unwrap());

/// When the suite runs.
pub fn now() -> Timestamp {
    *NOW
}

/// A moment between two looks at something that has to happen.
pub async fn pause() {
    tokio::time::sleep(std::time::Duration::from_millis(20)).await;
}

/// An instant so many days back, as FHIR writes it.
pub fn days_ago(days: i64) -> String {
    hours_ago(24 * days)
}

/// An instant so many hours back, as FHIR writes it; less than zero is to come.
pub fn hours_ago(hours: i64) -> String {
    Timestamp::from_second(now().as_second() - 3600 * hours)
        .unwrap()
        .to_string()
}
