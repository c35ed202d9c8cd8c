//! A part of a whole, which is never told without its numbers.

use std::fmt;

/// So many of so many.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Ratio {
    /// The part.
    pub(super) part: u64,
    /// The whole.
    pub(super) whole: u64,
}

impl Ratio {
    pub(super) fn of(part: u64, whole: u64) -> Self {
        Self { part, whole }
    }

    /// The share to four digits; `None` of nothing.
    pub(super) fn share(self) -> Option<f64> {
        let of = |number: u64| u32::try_from(number).map_or(f64::from(u32::MAX), f64::from);
        (self.whole > 0).then(|| (of(self.part) / of(self.whole) * 10_000.0).round() / 10_000.0)
    }

    /// The share in percent, for the length of a bar.
    pub(super) fn percent(self) -> f64 {
        self.share().unwrap_or_default() * 100.0
    }
}

impl fmt::Display for Ratio {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { part, whole } = self;
        match self.share() {
            // A share of less than ten says more than it knows.
            Some(_) if *whole < 10 => write!(f, "{part} of {whole}"),
            Some(share) => write!(f, "{part} of {whole} ({:.0} %)", share * 100.0),
            None => f.write_str("–"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_percentage_has_its_numbers_and_enough_of_them() {
        assert_eq!(Ratio::of(6, 10).to_string(), "6 of 10 (60 %)");
        assert_eq!(Ratio::of(3, 4).to_string(), "3 of 4");
        assert_eq!(Ratio::of(0, 0).to_string(), "–");
        assert_eq!(Ratio::of(2, 3).share(), Some(0.6667));
    }
}
