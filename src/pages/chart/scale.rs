//! Maps values and days to positions in a drawing.
//!
//! In: numbers and dates. Out: positions to a tenth of a unit, and the months that label a time axis.

use jiff::{ToSpan, civil::Date};

/// Maps one range of numbers onto another, linearly.
#[derive(Clone, Copy, Debug)]
pub(super) struct Scale {
    from: (f64, f64),
    to: (f64, f64),
}

impl Scale {
    /// A scale from `from` to `to`; a range without extent is widened, so that a flat line lies in the middle.
    pub(super) fn new(from: (f64, f64), to: (f64, f64)) -> Self {
        let flat = (from.1 - from.0).abs() < f64::EPSILON;
        let half = if from.0 == 0.0 { 0.5 } else { from.0.abs() / 2.0 };
        let from = if flat {
            (from.0 - half, from.1 + half)
        } else {
            from
        };
        Scale { from, to }
    }

    /// Position of a value, to a tenth.
    pub(super) fn at(self, value: f64) -> f64 {
        let share = (value - self.from.0) / (self.from.1 - self.from.0);
        tenth(self.to.0 + share * (self.to.1 - self.to.0))
    }
}

/// A position to a tenth, so that drawings stay small.
pub(super) fn tenth(position: f64) -> f64 {
    (position * 10.0).round() / 10.0
}

/// Days between two dates.
pub(super) fn days(from: Date, to: Date) -> f64 {
    from.duration_until(to).as_secs_f64() / 86_400.0
}

/// First days of months, at most `most` of them, evenly apart.
pub(super) fn months(first: Date, today: Date, most: usize) -> Vec<Date> {
    for step in [1, 2, 3, 6, 12, 24, 60] {
        let mut found = Vec::new();
        let mut month = first.first_of_month();
        while month <= today && found.len() <= most {
            if month >= first && (i32::from(month.year()) * 12 + i32::from(month.month()) - 1) % step == 0 {
                found.push(month);
            }
            let Ok(next) = month.checked_add(1.month()) else {
                break;
            };
            month = next;
        }
        if found.len() <= most {
            return found;
        }
    }
    Vec::new()
}

#[cfg(test)]
mod tests {
    use super::*;
    use jiff::civil::date;

    #[test]
    fn a_scale_is_linear_and_may_point_up() {
        let scale = Scale::new((0.0, 10.0), (100.0, 0.0));
        assert_eq!((scale.at(0.0), scale.at(10.0), scale.at(2.5)), (100.0, 0.0, 75.0));
        assert_eq!(scale.at(3.333), 66.7);
    }

    #[test]
    fn a_scale_without_extent_puts_its_value_in_the_middle() {
        assert_eq!(Scale::new((4.0, 4.0), (0.0, 50.0)).at(4.0), 25.0);
        assert_eq!(Scale::new((0.0, 0.0), (0.0, 50.0)).at(0.0), 25.0);
    }

    #[test]
    fn an_axis_has_few_months() {
        for years in 0..6 {
            let found = months(date(2020, 11, 3), date(2020 + years, 12, 22), 8);
            assert!(!found.is_empty() && found.len() <= 8, "{years}: {}", found.len());
        }
    }
}
