//! What time it is: the machine's clock, or an instant that stands still.
//!
//! The only place where the clock is read for a judgement; everything behind it gets the time as an argument.

use jiff::Timestamp;

/// What time it is.
#[derive(Clone, Copy, Debug)]
pub enum Clock {
    /// The machine's clock.
    Real,
    /// Always the same instant, for demonstrations and tests.
    Fixed(Timestamp),
}

impl Clock {
    /// The instant to judge at.
    #[expect(
        clippy::disallowed_methods,
        reason = "the one place where the clock is read for a judgement"
    )]
    pub fn now(self) -> Timestamp {
        match self {
            Clock::Real => Timestamp::now(),
            Clock::Fixed(at) => at,
        }
    }
}
