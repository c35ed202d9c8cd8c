//! When a level was drawn with respect to the last dose.
//!
//! Turns a component, an extension or a note of an Observation into hours, and the sample's own time into
//! the minute of the day at the place where it was drawn; where nothing else tells, the name of the test counts. A note that speaks of ranges in general says nothing
//! about this sample. A time in UTC (`Z`) does not tell which clock hung on the wall there.

use super::elements::{Extension, Note, Quantity, date};
use super::json::{List, Text, decimal};
use super::measurement::Measurement;
use super::terms::{Terms, Words};
use crate::clinical::vocabulary::LevelTiming;
use crate::clinical::when::When;
use rust_decimal::Decimal;

/// So many letters after its word a note's number or time must stand.
const REACH: usize = 48;

/// When a level was drawn.
#[derive(Default)]
pub(crate) struct Drawn {
    /// By the code or a note.
    pub(crate) timing: LevelTiming,
    /// Hours after the last dose.
    pub(crate) hours: Option<Decimal>,
    /// Minute of the day at the place where it was drawn.
    pub(crate) at: Option<u16>,
}

/// Reads it. `code` is what the laboratory's code says.
pub(crate) fn drawn(
    of: &Measurement<'_>,
    components: &[Measurement<'_>],
    sampled: Option<When>,
    code: LevelTiming,
    terms: Terms<'_>,
) -> Drawn {
    let taken = of.effective.get().or_else(|| of.effective_instant.get());
    let at = taken.and_then(minute_of_day);
    let hours = stated(of, components, sampled);
    if hours.is_some() || code != LevelTiming::Unstated {
        return Drawn {
            timing: code,
            hours,
            at,
        };
    }
    let notes: List<Note<'_>> = of.note.read();
    let notes = notes.0.iter().filter_map(|note| note.text.get());
    let (timing, hours) = notes
        .filter_map(|note| in_note(note, sampled, at, terms))
        .next()
        .unwrap_or_else(|| (in_name(of, terms), None));
    Drawn { timing, hours, at }
}

/// What the name of the test says, where its code does not.
fn in_name(of: &Measurement<'_>, terms: Terms<'_>) -> LevelTiming {
    let known = &terms.vocabulary.level_names;
    let (mut said, mut before) = (Vec::new(), "");
    for text in of.code.texts() {
        // The text is most often the display of a code again.
        if std::mem::replace(&mut before, text) == text {
            continue;
        }
        let text = text.to_lowercase();
        let words = Words::of(&text);
        said.extend(words.held(known).map(|(_, timing)| *timing));
    }
    let first = said.first().copied().unwrap_or_default();
    let agree = said.iter().all(|timing| *timing == first);
    if agree { first } else { LevelTiming::Unstated }
}

/// `2026-11-20T07:30:00-05:00`: half past seven by the clock of the place. Without an offset of its own, none.
fn minute_of_day(text: &str) -> Option<u16> {
    let (date, rest) = text.trim().split_once('T')?;
    let offset = rest.rfind(['+', '-'])?;
    let well_formed = date.len() == 10 && rest.get(offset + 1..).is_some_and(|zone| zone.len() == 5);
    well_formed.then(|| minutes(rest)).flatten()
}

/// `7:30` or `07:30:00` at the start of a text, in minutes.
fn minutes(text: &str) -> Option<u16> {
    let (hour, rest) = text.split_once(':')?;
    let minute: u16 = rest.get(..2)?.parse().ok()?;
    let hour: u16 = hour.parse().ok()?;
    (hour < 24 && minute < 60).then_some(hour * 60 + minute)
}

/// What a note says of this sample.
fn in_note(
    note: &str,
    sampled: Option<When>,
    at: Option<u16>,
    terms: Terms<'_>,
) -> Option<(LevelTiming, Option<Decimal>)> {
    let lower = note.trim().trim_end_matches('.').to_lowercase();
    let known = &terms.vocabulary.level_words;
    let is_one_of = |list: &[Box<str>]| list.iter().any(|word| **word == *lower);
    if is_one_of(&known.trough) {
        return Some((LevelTiming::Trough, None));
    }
    if is_one_of(&known.peak) {
        return Some((LevelTiming::NotTrough, None));
    }
    let words = Words::of(&lower);
    if known.general.iter().any(|word| words.has(word)) {
        return None;
    }
    let behind = |phrase: &str| words.after(phrase).map(|rest| rest.get(..REACH).unwrap_or(rest));
    let after_dose = known.dose.iter().find_map(|phrase| {
        let rest = behind(phrase)?;
        hours_in(rest).or_else(|| time_in(rest, sampled, at))
    });
    let hours = after_dose.or_else(|| {
        known.drawn.iter().find_map(|phrase| {
            let rest = behind(phrase)?;
            let after = known.after.iter().any(|word| Words::of(rest).has(word));
            after.then(|| hours_in(rest)).flatten()
        })
    })?;
    Some((LevelTiming::Unstated, Some(hours)))
}

/// `2 hours`, `2.5 h`, `12h`.
fn hours_in(text: &str) -> Option<Decimal> {
    let mut parts = text
        .split([' ', ',', ';', '(', ')'])
        .filter(|part| !part.is_empty())
        .peekable();
    while let Some(part) = parts.next() {
        let digits = part.trim_end_matches(|c: char| c.is_ascii_alphabetic() || c == '.');
        let unit = part[digits.len()..].trim_end_matches('.');
        let unit = if unit.is_empty() {
            parts.peek().copied().unwrap_or("")
        } else {
            unit
        };
        let is_hours = matches!(unit.trim_end_matches('.'), "h" | "hr" | "hrs" | "hour" | "hours");
        if let (true, Some(number)) = (is_hours, decimal(digits)) {
            return Some(number);
        }
    }
    None
}

/// A date with its time, or a time of the day before the sample.
fn time_in(text: &str, sampled: Option<When>, at: Option<u16>) -> Option<Decimal> {
    let mut parts = text
        .split([' ', ',', ';', '(', ')'])
        .map(|part| part.trim_end_matches('.'))
        .filter(|part| part.starts_with(|c: char| c.is_ascii_digit()) && part.contains(':'));
    let part = parts.next()?;
    if part.len() > 10 {
        return between(When::parse(&part.to_uppercase())?, sampled?);
    }
    let (dose, drawn) = (minutes(part)?, at?);
    Some(Decimal::from((drawn + 1440 - dose) % 1440) / Decimal::from(60))
}

/// Hours between the last dose and the sample, where a component or an extension gives them or the time of
/// the last dose.
fn stated(of: &Measurement<'_>, components: &[Measurement<'_>], sampled: Option<When>) -> Option<Decimal> {
    let by_component = components.iter().find_map(|component| {
        let speaks_of_it = component.code.texts().any(speaks_of_last_dose);
        speaks_of_it
            .then(|| component_hours(component, sampled))
            .flatten()
    });
    by_component.or_else(|| {
        let extensions: List<Extension<'_>> = of.extension.read();
        extensions
            .0
            .iter()
            .filter(|extension| speaks_of_last_dose(extension.url.or_empty()))
            .find_map(|extension| {
                let quantity = || hours(&extension.quantity.read());
                let time = || date(&extension.date_time).or_else(|| date(&extension.instant));
                quantity()
                    .or_else(|| extension.decimal.value())
                    .or_else(|| extension.integer.value())
                    .or_else(|| between(time()?, sampled?))
            })
    })
}

/// Names of the field differ; all that were seen hold these two words.
fn speaks_of_last_dose(name: &str) -> bool {
    let name: String = name.chars().filter(char::is_ascii_alphabetic).collect();
    name.to_ascii_lowercase().contains("lastdose")
}

fn component_hours(component: &Measurement<'_>, sampled: Option<When>) -> Option<Decimal> {
    let quantity: Quantity<'_> = component.quantity.read();
    let time: Text<'_> = component.date_time.read();
    hours(&quantity).or_else(|| between(date(&time)?, sampled?))
}

/// Hours of a duration.
fn hours(quantity: &Quantity<'_>) -> Option<Decimal> {
    let value = quantity.value.value()?;
    let unit = quantity.code.get().or_else(|| quantity.unit.get())?;
    match unit.to_ascii_lowercase().as_str() {
        "h" | "hr" | "hrs" | "hour" | "hours" => Some(value),
        "min" | "minute" | "minutes" => value.checked_div(Decimal::from(60)),
        _ => None,
    }
}

/// Hours from one exact time to a later one.
fn between(dose: When, sample: When) -> Option<Decimal> {
    let exact = |when: When| (when.earliest() == when.latest()).then(|| when.latest());
    let seconds = exact(sample)?.checked_sub(exact(dose)?)?;
    let hours = Decimal::from(seconds).checked_div(decimal("3600")?)?;
    (seconds >= 0).then(|| hours.round_dp(2).normalize())
}
