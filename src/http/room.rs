//! Room for one more call, or 503 before anything is read.
//!
//! Refuses in three cases: as many calls are in work as the settings allow (they may all be waiting for a FHIR server);
//! or several are in work and this worker takes long to come round to each of them; or several are in work and the
//! journal was slow to take the last token as used, which takes microseconds where it has no queue. The first
//! bounds memory, the others the wait: without them, more calls than a core or the journal can answer would queue up
//! to the bound, and everybody would be late. It knows neither who calls nor what is asked.

use super::error::Refused;
use crate::app::App;
use std::cell::Cell;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};
use tokio::sync::SemaphorePermit;

/// Calls in work up to which none is refused for being slow: somebody has to find out when the queue is gone.
const FEW: f64 = 32.0;
/// Longest time in which a token is taken as used.
const LONGEST: Duration = Duration::from_millis(250);
/// Longest time in which a worker comes round to every call that has something to do. A call needs four or five
/// rounds from its first byte to its answer, which is well below the usual deadline of two seconds.
const LONGEST_ROUND: Duration = Duration::from_millis(50);
/// Longest time of two rounds in a row; a single one may be that of one large request. In one round a worker takes at
/// most 128 new connections (the budget of its channel); a refused call leaves its body unsent and comes back on a new
/// one, so where rounds stay longer, calls queue up for being refused.
const LONG_TWICE: Duration = Duration::from_millis(20);
/// How often a worker looks how late it is.
const LOOK: Duration = Duration::from_millis(10);

thread_local! {
    static ROUND: Round = Round::new(Instant::now());
}

/// How long a worker takes to come round, told by a task that wants to run every [`LOOK`].
struct Round {
    looked: Cell<Instant>,
    late: Cell<Duration>,
    /// How late the round before was.
    before: Cell<Duration>,
}

impl Round {
    fn new(now: Instant) -> Self {
        Self {
            looked: Cell::new(now),
            late: Cell::default(),
            before: Cell::default(),
        }
    }

    fn look(&self, now: Instant) {
        self.before.set(self.late.replace(self.late_at(now)));
        self.looked.set(now);
    }

    /// By how much the task that should have run by now is late.
    fn late_at(&self, now: Instant) -> Duration {
        now.duration_since(self.looked.get()).saturating_sub(LOOK)
    }

    /// Whether the last round was too long, or the one that is under way is already, or the last two were long.
    fn is_too_long(&self, now: Instant) -> bool {
        let last = self.late.get();
        last.max(self.late_at(now)) > LONGEST_ROUND || last.min(self.before.get()) > LONG_TWICE
    }
}

/// Watches how long this worker takes to come round, for as long as it runs.
pub(crate) async fn watch() {
    ROUND.with(|round| round.look(Instant::now()));
    loop {
        tokio::time::sleep(LOOK).await;
        ROUND.with(|round| round.look(Instant::now()));
    }
}

/// How long the journal took for the last token. A key set that has to be fetched says nothing about our own queue.
#[derive(Default)]
pub struct Pace {
    micros: AtomicU64,
}

impl Pace {
    /// A token was taken as used, or could not be.
    pub(super) fn note(&self, took: Duration) {
        let micros = u64::try_from(took.as_micros()).unwrap_or(u64::MAX);
        self.micros.store(micros, Ordering::Relaxed);
    }

    fn is_too_slow(&self) -> bool {
        Duration::from_micros(self.micros.load(Ordering::Relaxed)) > LONGEST
    }
}

/// Room for a call, kept until this is dropped.
///
/// # Errors
/// [`Refused::Busy`].
pub(super) fn room(app: &App) -> Result<SemaphorePermit<'_>, Refused> {
    let several = app.meters.in_flight.get() > FEW;
    if several && (app.pace.is_too_slow() || ROUND.with(|round| round.is_too_long(Instant::now()))) {
        return Err(Refused::Busy);
    }
    app.slot().ok_or(Refused::Busy)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_slow_token_is_noticed_and_forgotten() {
        let pace = Pace::default();
        assert!(!pace.is_too_slow(), "nothing is known yet");
        pace.note(LONGEST + Duration::from_millis(1));
        assert!(pace.is_too_slow());
        pace.note(Duration::from_millis(2));
        assert!(!pace.is_too_slow(), "the queue is gone");
    }

    #[test]
    fn a_long_round_is_noticed_while_it_lasts_and_until_a_short_one_is_over() {
        let begun = Instant::now();
        let round = Round::new(begun);
        let (in_time, late) = (begun + LOOK, begun + LOOK + LONGEST_ROUND + LOOK);
        assert!(!round.is_too_long(in_time));
        assert!(round.is_too_long(late), "the round is still under way");
        round.look(late);
        assert!(round.is_too_long(late), "the last one was too long");
        round.look(late + LOOK);
        assert!(!round.is_too_long(late + LOOK), "the queue is gone");
    }

    #[test]
    fn one_long_round_may_be_that_of_a_large_request_and_two_are_a_queue() {
        let begun = Instant::now();
        let round = Round::new(begun);
        let long = LOOK + LONG_TWICE + Duration::from_millis(1);
        round.look(begun + long);
        assert!(!round.is_too_long(begun + long));
        round.look(begun + 2 * long);
        assert!(round.is_too_long(begun + 2 * long));
        round.look(begun + 2 * long + LOOK);
        assert!(!round.is_too_long(begun + 2 * long + LOOK));
    }
}
