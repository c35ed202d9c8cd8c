//! Leaving a FHIR server alone that does not answer.
//!
//! Turns the outcomes of reads into a yes or no for the next one: after so many failures in a row the
//! server is not asked for a while, so that a call neither waits for it nor adds to its load; then one
//! read tries, and its outcome decides. A refused read is the same gap as a failed one (`fetch-failed`).
//! It never retries, and it knows neither address nor patient.

use crate::config::BreakerConfig;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Instant;

/// The state of one FHIR server, shared by all workers.
#[derive(Debug)]
pub struct Breaker {
    settings: BreakerConfig,
    state: Mutex<State>,
}

#[derive(Debug, Clone, Copy)]
enum State {
    /// It is asked; so many reads in a row have failed.
    Closed(u32),
    /// It is not asked before this instant.
    Open(Instant),
    /// One read is trying.
    Trying,
}

/// Leave to ask once. Dropped without a verdict, it counts as a failure: whoever gave up was waiting.
#[derive(Debug)]
pub struct Leave<'b> {
    breaker: &'b Breaker,
    answered: bool,
}

impl Breaker {
    /// For a server of which nothing is known yet.
    #[must_use]
    pub fn new(settings: BreakerConfig) -> Self {
        Self {
            settings,
            state: Mutex::new(State::Closed(0)),
        }
    }

    /// Leave to ask now; `None` while the server is left alone.
    pub fn leave(&self) -> Option<Leave<'_>> {
        let mut state = self.state();
        match *state {
            State::Closed(_) => {}
            State::Open(until) if Instant::now() >= until => *state = State::Trying,
            State::Open(_) | State::Trying => return None,
        }
        Some(Leave {
            breaker: self,
            answered: false,
        })
    }

    /// Whether the server is left alone.
    pub fn is_open(&self) -> bool {
        !matches!(*self.state(), State::Closed(_))
    }

    /// A panic while it was held leaves a whole state behind: every change is one assignment.
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Leave<'_> {
    /// The server answered, whatever it said.
    pub fn answered(mut self) {
        self.answered = true;
    }
}

impl Drop for Leave<'_> {
    fn drop(&mut self) {
        let settings = self.breaker.settings;
        let mut state = self.breaker.state();
        *state = match *state {
            // Answers to older reads do not shorten the pause.
            State::Open(until) => State::Open(until),
            _ if self.answered => State::Closed(0),
            State::Closed(failures) if failures + 1 < settings.failures => State::Closed(failures + 1),
            State::Closed(_) | State::Trying => {
                tracing::warn!(event = "fhir.left-alone", millis = settings.pause.as_millis());
                State::Open(Instant::now() + settings.pause)
            }
        };
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    fn breaker(pause: Duration) -> Breaker {
        Breaker::new(BreakerConfig { failures: 3, pause })
    }

    #[test]
    fn it_opens_after_failures_in_a_row_only() {
        let breaker = breaker(Duration::from_secs(60));
        for _ in 0..2 {
            drop(breaker.leave().unwrap());
        }
        breaker.leave().unwrap().answered();
        for _ in 0..3 {
            drop(breaker.leave().unwrap());
        }
        assert!(breaker.leave().is_none());
    }

    #[test]
    fn after_the_pause_one_read_tries_and_decides() {
        let breaker = breaker(Duration::ZERO);
        for _ in 0..3 {
            drop(breaker.leave().unwrap());
        }
        let first = breaker.leave().unwrap();
        assert!(breaker.leave().is_none(), "a second read while one is trying");
        drop(first);
        let second = breaker.leave().unwrap();
        second.answered();
        let (one, two) = (breaker.leave(), breaker.leave());
        assert!(one.is_some() && two.is_some(), "closed again");
    }
}
