//! A date that people wrote into a text.
//!
//! Turns `2026-12-01`, `12/01/2026` (month first), `01.12.2026` (day first), `1 Dec 2026` and
//! `Dec 1, 2026` into a day. A year is always asked for; anything else is no date. It never fails.

use crate::clinical::when::When;
use jiff::civil::Date;

const MONTHS: [&str; 12] = [
    "jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec",
];

/// The first date in a text, which is lower case.
pub(crate) fn date_in(text: &str) -> Option<When> {
    let words: Vec<&str> = text
        .split(|c: char| c.is_whitespace() || c == ',' || c == ';')
        .collect();
    let words: Vec<&str> = words.into_iter().filter(|word| !word.is_empty()).collect();
    (0..words.len())
        .find_map(|at| numeric(words[at]).or_else(|| spelled(&words[at..])))
        .map(When::day)
}

/// A date in figures.
fn numeric(word: &str) -> Option<Date> {
    let word = word.trim_matches(|c: char| !c.is_ascii_digit());
    let word = word.split_once('t').map_or(word, |(day, _)| day);
    let parts = |mark: char| -> Option<[i16; 3]> {
        let mut numbers = word.split(mark).map(|part| part.parse::<i16>().ok());
        let found = [numbers.next()??, numbers.next()??, numbers.next()??];
        numbers.next().is_none().then_some(found)
    };
    if let Some([year, month, day]) = parts('-') {
        return calendar(year, month, day);
    }
    if let Some([first, second, year]) = parts('/') {
        return calendar(year, first, second).or_else(|| calendar(year, second, first));
    }
    let [day, month, year] = parts('.')?;
    calendar(year, month, day)
}

/// `1 dec 2026` or `dec 1 2026`; full names of months and ordinals too.
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

/// A day of this century; other years are figures of another kind.
fn calendar(year: i16, month: i16, day: i16) -> Option<Date> {
    let century = (2000..2100).contains(&year);
    let (month, day) = (i8::try_from(month).ok()?, i8::try_from(day).ok()?);
    Date::new(year, month, day).ok().filter(|_| century)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_written_forms_of_a_day_are_read() {
        for text in [
            " on 2026-12-01.",
            "12/01/2026",
            "01.12.2026",
            "1 dec 2026",
            "dec 1, 2026",
            "december 1st, 2026",
            ": 1. december 2026 if well",
            "2026-12-01t08:00:00z",
        ] {
            assert_eq!(
                date_in(text).map(When::iso).as_deref(),
                Some("2026-12-01"),
                "{text}"
            );
        }
        assert_eq!(
            date_in("13/12/2026").map(When::iso).as_deref(),
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
        ] {
            assert!(date_in(text).is_none(), "{text}");
        }
    }
}
