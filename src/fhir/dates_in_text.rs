//! A date that people wrote into a text.
//!
//! Turns `2026-12-01`, `12/01/2026` (month first, unless only the other way lies ahead), `01.12.2026` (day first),
//! `1 Dec 2026`, `1-Dec-2026` and `Dec 1st, 2026` into a day. A year is always asked for, of two figures or four;
//! anything else is no date. It never fails.

use crate::clinical::when::When;
use jiff::civil::Date;

const MONTHS: [&str; 12] = [
    "jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec",
];

/// The first date in a text, which is lower case. Of a date that can be read in two ways, the way that is not before
/// `now` (seconds since 1970).
pub(crate) fn date_in(text: &str, now: i64) -> Option<When> {
    let words: Vec<&str> = text
        .split(|c: char| c.is_whitespace() || c == ',' || c == ';')
        .filter(|word| !word.is_empty() && *word != "of")
        .collect();
    let [first, second] = (0..words.len()).find_map(|at| {
        let readings = numeric(words[at]).or_else(|| {
            let hyphened: Vec<&str> = words[at].splitn(3, '-').collect();
            spelled(&words[at..])
                .or_else(|| spelled(&hyphened))
                .map(|day| [Some(day), None])
        })?;
        Some(readings.map(|day| day.map(When::day)))
    })?;
    let ahead = |when: &When| when.latest() >= now;
    first.filter(ahead).or(second.filter(ahead)).or(first).or(second)
}

/// A date in figures, in the ways in which it can be read, the likelier first.
fn numeric(word: &str) -> Option<[Option<Date>; 2]> {
    let word = word.trim_matches(|c: char| !c.is_ascii_digit());
    let word = word.split_once('t').map_or(word, |(day, _)| day);
    let parts = |mark: char| -> Option<[i16; 3]> {
        let mut numbers = word.split(mark).map(|part| part.parse::<i16>().ok());
        let found = [numbers.next()??, numbers.next()??, numbers.next()??];
        numbers.next().is_none().then_some(found)
    };
    let readings = if let Some([first, second, third]) = parts('-') {
        match first {
            1..=31 => [calendar(third, second, first), None],
            _ => [calendar(first, second, third), None],
        }
    } else if let Some([first, second, year]) = parts('/') {
        [calendar(year, first, second), calendar(year, second, first)]
    } else {
        let [day, month, year] = parts('.')?;
        [calendar(year, month, day), None]
    };
    (readings != [None, None]).then_some(readings)
}

/// `1 dec 2026`, `dec 1 2026` or `1-dec-2026`; full names of months and ordinals too.
fn spelled(words: &[&str]) -> Option<Date> {
    let [first, second, third, ..] = words else {
        return None;
    };
    let year = third.trim_matches(|c: char| !c.is_ascii_digit()).parse().ok()?;
    match (month(first), month(second)) {
        (Some(month), _) => calendar(year, month, day(second)?),
        (None, Some(month)) => calendar(year, month, day(first)?),
        (None, None) => None,
    }
}

fn day(word: &str) -> Option<i16> {
    let digits = word.trim_end_matches(['.', 's', 't', 'n', 'd', 'r', 'h']);
    digits.trim_start_matches('(').parse().ok()
}

fn month(word: &str) -> Option<i16> {
    let word = word.trim_matches(|c: char| !c.is_ascii_alphabetic());
    let place = MONTHS
        .iter()
        .position(|month| word.starts_with(month) && is_month(word))?;
    i16::try_from(place + 1).ok()
}

/// A month's name or a beginning of it, so that "mark" and "decrease" are none.
fn is_month(word: &str) -> bool {
    const NAMES: [&str; 12] = [
        "january",
        "february",
        "march",
        "april",
        "may",
        "june",
        "july",
        "august",
        "september",
        "october",
        "november",
        "december",
    ];
    word == "sept" || NAMES.iter().any(|name| *name == word || name[..3] == *word)
}

/// A day of this century, whose years may have two figures; other years are figures of another kind.
fn calendar(year: i16, month: i16, day: i16) -> Option<Date> {
    let year = if (10..100).contains(&year) {
        2000 + year
    } else {
        year
    };
    let century = (2000..2100).contains(&year);
    let (month, day) = (i8::try_from(month).ok()?, i8::try_from(day).ok()?);
    Date::new(year, month, day).ok().filter(|_| century)
}

#[cfg(test)]
mod tests {

    /// 22 November 2026.
    const NOW: i64 = 1_795_348_800;

    #[test]
    fn of_two_readings_the_one_ahead_counts() {
        let read = |text| super::date_in(text, NOW).map(|when| when.dated().to_string());
        assert_eq!(read("10/12/2026").as_deref(), Some("2026-12-10"));
        assert_eq!(read("12/10/26").as_deref(), Some("2026-12-10"));
        // Both lie ahead, or neither does: month first.
        assert_eq!(read("01/02/2027").as_deref(), Some("2027-01-02"));
        assert_eq!(read("03/04/2026").as_deref(), Some("2026-03-04"));
    }

    #[test]
    fn the_written_forms_of_a_day_are_read() {
        let date_in = |text| super::date_in(text, NOW);
        for text in [
            " on 2026-12-01.",
            "12/01/2026",
            "01.12.2026",
            "1 dec 2026",
            "dec 1, 2026",
            "december 1st, 2026",
            ": 1. december 2026 if well",
            "2026-12-01t08:00:00z",
            "1-dec-2026",
            "(01-december-2026)",
            "december 1st 2026",
            "the 1st of december 2026",
            "12/01/26",
            "01.12.26",
            "01-12-2026",
        ] {
            assert_eq!(
                date_in(text).map(|when| when.dated().to_string()).as_deref(),
                Some("2026-12-01"),
                "{text}"
            );
        }
        assert_eq!(
            date_in("13/12/2026")
                .map(|when| when.dated().to_string())
                .as_deref(),
            Some("2026-12-13")
        );
        for text in [
            "",
            "soon",
            "in 2 weeks",
            "dec 2026",
            "32.12.2026",
            "1.5 mg",
            "mark 1 2026",
            "\u{b5} 1/2/3",
            "1-2-3 tablets",
            "mark-1-2026",
        ] {
            assert!(date_in(text).is_none(), "{text}");
        }
    }
}
