//! Turns the relative dates of the fixtures into dates.
//!
//! In: a JSON tree in which a string such as `@-14d`, `@-8mo`, `@-34y-70d` or `@-1dT08:00` stands for a
//! date counted from today. Out: the same tree with FHIR dates (`2026-11-08`) and instants
//! (`2026-11-21T08:00:00Z`, UTC). It reads no clock: the caller says what today is. A string that begins
//! with `@` and cannot be read is an error, because a fixture with a wrong date tells a wrong story.

use jiff::{Span, Timestamp, civil::Date, tz::TimeZone};
use serde_json::Value;

/// A relative date that could not be read.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
#[error("cannot read the relative date `{0}`")]
pub(super) struct BadDate(String);

/// Replaces every relative date in the tree.
pub(super) fn resolve(tree: &mut Value, now: Timestamp) -> Result<(), BadDate> {
    let today = now.to_zoned(TimeZone::UTC).date();
    walk(tree, today)
}

fn walk(tree: &mut Value, today: Date) -> Result<(), BadDate> {
    match tree {
        Value::String(text) if text.starts_with('@') => {
            *text = date(text, today).ok_or_else(|| BadDate(text.clone()))?;
            Ok(())
        }
        Value::Array(items) => items.iter_mut().try_for_each(|item| walk(item, today)),
        Value::Object(fields) => fields.values_mut().try_for_each(|field| walk(field, today)),
        _ => Ok(()),
    }
}

/// Reads `@` spans `[T hh:mm]`.
fn date(text: &str, today: Date) -> Option<String> {
    let text = text.strip_prefix('@')?;
    let (spans, time) = match text.split_once('T') {
        Some((spans, time)) => (spans, Some(time)),
        None => (text, None),
    };
    let mut day = today;
    let mut rest = spans;
    while !rest.is_empty() {
        let (span, after) = span(rest)?;
        day = day.checked_add(span).ok()?;
        rest = after;
    }
    match time {
        None => Some(day.to_string()),
        Some(time) => {
            let clock: jiff::civil::Time = format!("{time}:00").parse().ok()?;
            Some(format!("{day}T{clock}Z"))
        }
    }
}

/// Takes one signed number with its unit from the front.
fn span(text: &str) -> Option<(Span, &str)> {
    let negative = match text.as_bytes().first()? {
        b'-' => true,
        b'+' => false,
        _ => return None,
    };
    let digits = text[1..].bytes().take_while(u8::is_ascii_digit).count();
    let number: i32 = text.get(1..=digits)?.parse().ok()?;
    let number = if negative { -number } else { number };
    let after = &text[1 + digits..];
    let unit = after.bytes().take_while(u8::is_ascii_lowercase).count();
    let span = Span::new();
    let span = match &after[..unit] {
        "d" => span.try_days(number),
        "w" => span.try_weeks(number),
        "mo" => span.try_months(number),
        "y" => span.try_years(number),
        _ => return None,
    };
    Some((span.ok()?, &after[unit..]))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn now() -> Timestamp {
        "2026-11-22T08:00:00Z".parse().unwrap()
    }

    #[test]
    fn dates_and_instants_are_counted_from_today() {
        let mut tree =
            json!({"a": "@-14d", "b": ["@-8mo", "@+2w"], "c": {"d": "@-1dT08:30"}, "e": "@-34y-70d", "f": 3});
        resolve(&mut tree, now()).unwrap();
        let wanted = json!({"a": "2026-11-08", "b": ["2026-03-22", "2026-12-06"], "c": {"d": "2026-11-21T08:30:00Z"}, "e": "1992-09-13", "f": 3});
        assert_eq!(tree, wanted);
    }

    #[test]
    fn a_month_that_is_too_short_ends_on_its_last_day() {
        let mut tree = json!("@-1mo");
        resolve(&mut tree, "2026-03-31T00:00:00Z".parse().unwrap()).unwrap();
        assert_eq!(tree, json!("2026-02-28"));
    }

    #[test]
    fn what_cannot_be_read_is_an_error() {
        for text in [
            "@",
            "@-",
            "@14d",
            "@-14",
            "@-14h",
            "@-1dT25:00",
            "@-1d-",
            "@-99999999999d",
            "@-é",
        ] {
            let mut tree = json!([text]);
            let outcome = resolve(&mut tree, now());
            assert_eq!(outcome.is_err(), text != "@", "{text}");
        }
    }
}
