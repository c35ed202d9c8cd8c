//! Dates as records give them: whole, partial or missing, and windows around an instant.
//!
//! Turns FHIR date text into the span of instants that it may mean, and answers whether that span lies
//! in a window: yes, no, or "it straddles the edge". It never rounds a partial date to its first day.
//! Follows FHIR R4 `date`, `dateTime` and `instant` (a date without zone is read as UTC).

use jiff::Timestamp;
use jiff::civil::Date;
use jiff::tz::Offset;
use std::fmt;

/// Seconds of a day.
pub(crate) const DAY: i64 = 86_400;
/// Dates of earlier years stand for "not known" (`0001-01-01`): nobody who lives was born before.
const FIRST_YEAR: u16 = 1900;
/// 2200-01-01 in seconds since 1970. Later dates stand for "open" (`9999-12-31`).
const OPEN_FROM: i64 = 7_258_118_400;
const MONTHS: [&str; 12] = [
    "Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec",
];

/// A date as it was recorded: the span of instants that it may mean.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct When {
    /// Seconds since 1970 of the first instant that it may mean.
    first: i64,
    /// Seconds since 1970 of the last instant that it may mean.
    last: i64,
}

/// A date as it was written, shown as ISO text: `2026`, `2026-11` or `2026-11-15`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Dated {
    /// A year.
    Year(i16),
    /// A month of a year.
    Month(i16, i8),
    /// A day.
    Day(Date),
}

impl fmt::Display for Dated {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Dated::Year(year) => write!(out, "{year:04}"),
            Dated::Month(year, month) => write!(out, "{year:04}-{month:02}"),
            Dated::Day(date) => date.fmt(out),
        }
    }
}

/// Where a date lies with respect to a window.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Placed {
    /// Certainly inside.
    Inside,
    /// Certainly outside.
    Outside,
    /// A partial date that straddles an edge of the window.
    Straddles,
}

impl When {
    /// An exact instant.
    pub fn instant(at: Timestamp) -> Self {
        let s = at.as_second();
        When { first: s, last: s }
    }

    /// A whole day (UTC).
    pub fn day(date: Date) -> Self {
        let first = Self::midnight(date);
        When {
            first,
            last: first + DAY - 1,
        }
    }

    /// Reads FHIR `date`, `dateTime` or `instant` text. `None` if it is none of them, or before 1900.
    pub fn parse(text: &str) -> Option<Self> {
        let text = text.trim();
        if text.len() > 40 || !text.is_ascii() {
            return None;
        }
        if text.get(..4)?.parse::<u16>().ok()? < FIRST_YEAR {
            return None;
        }
        match text.len() {
            4 => Self::year(text.parse().ok()?),
            7 => {
                let (year, month) = text.split_once('-')?;
                Self::month(year.parse().ok()?, month.parse().ok()?)
            }
            10 => Some(Self::day(text.parse().ok()?)),
            n if n > 10 => text
                .parse::<Timestamp>()
                .ok()
                .map(Self::instant)
                .or_else(|| Self::zoneless(text))
                .or_else(|| Self::last_day(text)),
            _ => None,
        }
    }

    /// `2026-11-15T08:30:00` without zone, which FHIR forbids and records hold: any zone may be meant.
    fn zoneless(text: &str) -> Option<Self> {
        let at: jiff::civil::DateTime = text.parse().ok()?;
        let utc = at.to_zoned(jiff::tz::TimeZone::UTC).ok()?.timestamp().as_second();
        Some(When {
            first: utc - 14 * 3600,
            last: utc + 12 * 3600,
        })
    }

    /// A time on the last day of the calendar, which no instant reaches in every zone.
    fn last_day(text: &str) -> Option<Self> {
        let date: Date = text.get(..10)?.parse().ok()?;
        (date == Date::MAX && text[10..].starts_with('T')).then(|| Self::day(date))
    }

    fn year(year: i16) -> Option<Self> {
        let first = Date::new(year, 1, 1).ok()?;
        Some(When {
            first: Self::midnight(first),
            last: Self::midnight(first.last_of_year()) + DAY - 1,
        })
    }

    fn month(year: i16, month: i8) -> Option<Self> {
        let first = Date::new(year, month, 1).ok()?;
        Some(When {
            first: Self::midnight(first),
            last: Self::midnight(first.last_of_month()) + DAY - 1,
        })
    }

    /// The last day of the calendar begins beyond the last instant, and is taken for it.
    fn midnight(date: Date) -> i64 {
        Offset::UTC
            .to_timestamp(date.at(0, 0, 0, 0))
            .unwrap_or(Timestamp::MAX)
            .as_second()
    }

    /// Whether it is less exact than a day.
    pub fn is_partial(self) -> bool {
        self.last - self.first > 2 * DAY
    }

    /// Whether it is less exact than a month.
    pub fn is_a_year(self) -> bool {
        self.last - self.first > 31 * DAY
    }

    /// Whether it is so far ahead that it stands for an end that nobody set.
    pub fn is_open_end(self) -> bool {
        self.first >= OPEN_FROM
    }

    /// The first instant that it may mean.
    pub fn earliest(self) -> i64 {
        self.first
    }

    /// The last instant that it may mean, in seconds since 1970.
    pub fn latest(self) -> i64 {
        self.last
    }

    /// Whether it certainly lies after `now` (in seconds since 1970), with a day's grace for zones.
    pub fn is_future(self, now: i64) -> bool {
        self.first > now + DAY
    }

    /// Where it lies in the window that starts `days` before `now` and is open to the future.
    pub fn within(self, days: u32, now: i64) -> Placed {
        let from = now - i64::from(days) * DAY;
        self.between(from, i64::MAX)
    }

    /// Where it lies between two instants (seconds since 1970, both inclusive).
    pub fn between(self, from: i64, to: i64) -> Placed {
        if self.first >= from && self.last <= to {
            Placed::Inside
        } else if self.last < from || self.first > to {
            Placed::Outside
        } else {
            Placed::Straddles
        }
    }

    /// Whole days from it to `now`, counted from the last instant that it may mean.
    pub fn days_ago(self, now: i64) -> i64 {
        (now - self.last).div_euclid(DAY)
    }

    /// The recorded date, as precise as it was.
    pub fn dated(self) -> Dated {
        let date = Self::date_of(self.first);
        let days = (self.last - self.first) / DAY;
        if days > 31 {
            Dated::Year(date.year())
        } else if days > 2 {
            Dated::Month(date.year(), date.month())
        } else {
            Dated::Day(date)
        }
    }

    /// The recorded date as people write it: `15 Nov 2026`, `Nov 2026` or `2026`.
    pub fn human(self) -> String {
        let date = Self::date_of(self.first);
        let days = (self.last - self.first) / DAY;
        let month = usize::try_from(date.month() - 1)
            .ok()
            .and_then(|m| MONTHS.get(m))
            .copied()
            .unwrap_or_default();
        if days > 31 {
            format!("{}", date.year())
        } else if days > 2 {
            format!("{month} {}", date.year())
        } else {
            format!("{} {month} {}", date.day(), date.year())
        }
    }

    /// The calendar day (UTC) of an instant in seconds since 1970.
    pub fn date_of(seconds: i64) -> Date {
        let (least, most) = (Timestamp::MIN.as_second(), Timestamp::MAX.as_second());
        let at = Timestamp::from_second(seconds.clamp(least, most)).unwrap_or(Timestamp::MAX);
        Offset::UTC.to_datetime(at).date()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_partial_date_straddles_the_window_that_cuts_it() {
        let now = When::parse("2026-11-22T12:00:00Z").unwrap().latest();
        assert_eq!(When::parse("2026-11").unwrap().within(7, now), Placed::Straddles);
        assert_eq!(When::parse("2026-11").unwrap().within(60, now), Placed::Inside);
        assert_eq!(When::parse("2025").unwrap().within(30, now), Placed::Outside);
    }

    #[test]
    fn recorded_precision_is_kept() {
        assert_eq!(When::parse("2024").unwrap().dated().to_string(), "2024");
        assert_eq!(When::parse("2024-02").unwrap().dated().to_string(), "2024-02");
        assert_eq!(When::parse("2024-02-01").unwrap().human(), "1 Feb 2024");
        assert_eq!(
            When::parse("2024-02-01T23:30:00-05:00")
                .unwrap()
                .dated()
                .to_string(),
            "2024-02-02"
        );
        assert!(When::parse("yesterday").is_none());
        assert!(When::parse("2024-13").is_none());
    }

    #[test]
    fn a_date_that_stands_for_open_is_far_ahead_and_one_that_stands_for_unknown_is_none() {
        let now = When::parse("2026-11-22").unwrap().latest();
        for open in [
            "9999",
            "9999-12",
            "9999-12-31",
            "9999-12-31T23:59:59",
            "9999-12-31T23:59:59Z",
            "9999-12-31T00:00:00+14:00",
            "2999-12-31",
        ] {
            let when = When::parse(open).unwrap_or_else(|| panic!("{open}"));
            assert!(when.is_future(now) && when.is_open_end(), "{open}");
            assert!(when.dated().to_string().starts_with(&open[..4]), "{open}");
        }
        assert!(!When::parse("2099-12-31").unwrap().is_open_end());
        for unknown in [
            "0001-01-01",
            "0001-01-01T00:00:00Z",
            "1899-12-31",
            "0000",
            "9999-12-32",
        ] {
            assert!(When::parse(unknown).is_none(), "{unknown}");
        }
        assert!(When::parse("1900-01-01").is_some());
    }
}
