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
use std::time::{Duration, Instant};
use stepdown::clock::Clock;

/// The day of the suite: read once, so that every chart and every judgement means the same one.
static NOW: LazyLock<Timestamp> =
    LazyLock::new(|| Timestamp::from_second(Clock::Real.now().as_second()).unwrap());

/// When the suite runs.
pub fn now() -> Timestamp {
    *NOW
}

/// How long a test waits for what happens within a moment, on a machine that runs all tests at once.
pub const SOON: Duration = Duration::from_secs(30);

/// What `look` finds at last, after looks with a moment between them.
///
/// # Panics
/// If it has found nothing within that time, with what was waited for.
pub async fn until<T>(within: Duration, what: &str, mut look: impl AsyncFnMut() -> Option<T>) -> T {
    let begun = Instant::now();
    loop {
        if let Some(found) = look().await {
            return found;
        }
        assert!(begun.elapsed() < within, "waited {within:?} in vain for {what}");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
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
