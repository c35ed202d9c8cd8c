//! Room for one more call, or 503 before anything is read.
//!
//! Refuses in two cases: as many calls are in work as the settings allow (they may all be waiting for a FHIR server),
//! or several are in work and the calls before were slow to get past their token, which takes microseconds where
//! neither the workers nor the journal have a queue. The first bounds memory, the second the wait: without it,
//! more calls than a core can answer would queue up to the bound, and everybody would be late. It knows neither who
//! calls nor what is asked.

use super::error::Refused;
use crate::startup::App;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;
use tokio::sync::SemaphorePermit;

/// Calls in work up to which none is refused for being slow: somebody has to find out when the queue is gone.
const FEW: f64 = 32.0;
/// Longest time for a token. What is taken until the first slow one is through waits two or three times as long,
/// which is well below the usual deadline of two seconds.
const LONGEST: Duration = Duration::from_millis(250);

/// How long the last call took to get past its token.
#[derive(Default)]
pub struct Pace {
    micros: AtomicU64,
}

impl Pace {
    /// A call is past its token, or was refused there.
    pub(super) fn note(&self, took: Duration) {
        let micros = u64::try_from(took.as_micros()).unwrap_or(u64::MAX);
        self.micros.store(micros, Ordering::Relaxed);
    }

    /// Whether one more call, beside so many in work, would wait too long.
    fn is_too_slow(&self, in_work: f64) -> bool {
        in_work > FEW && Duration::from_micros(self.micros.load(Ordering::Relaxed)) > LONGEST
    }
}

/// Room for a call, kept until this is dropped.
///
/// # Errors
/// [`Refused::Busy`].
pub(super) fn room(app: &App) -> Result<SemaphorePermit<'_>, Refused> {
    if app.pace.is_too_slow(app.meters.in_flight.get()) {
        return Err(Refused::Busy);
    }
    app.slot().ok_or(Refused::Busy)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn many_slow_calls_leave_no_room_and_a_few_always_do() {
        let pace = Pace::default();
        assert!(!pace.is_too_slow(1_000.0), "nothing is known yet");
        pace.note(LONGEST + Duration::from_millis(1));
        assert!(pace.is_too_slow(FEW + 1.0));
        assert!(!pace.is_too_slow(FEW));
        pace.note(Duration::from_millis(2));
        assert!(!pace.is_too_slow(1_000.0), "the queue is gone");
    }
}
