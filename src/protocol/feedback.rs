//! What arrives as feedback: outcomes of cards, as CDS Hooks 2.0.1 defines them and as EHRs send them.
//!
//! Turns the body into well-formed entries and a list of malformed fields, so that one bad entry loses
//! nothing of the batch. Tolerates the spelling `overrideReasons`, a reason in an `extension` and one without a system.
//! It never repeats a value in a message: comments may speak of a patient.

use crate::journal::{FeedbackEntry, FeedbackOutcome, OverrideReason};
use jiff::Timestamp;
use serde::Deserialize;
use serde_json::value::RawValue;
use std::borrow::Cow;
use std::collections::BTreeMap;
use uuid::Uuid;

/// Most entries in one batch.
const MOST_ENTRIES: usize = 10_000;

/// A batch of feedback.
pub struct Feedback {
    /// Entries that can be kept.
    pub entries: Vec<FeedbackEntry>,
    /// Fields that are malformed, for example `feedback[2].outcome`.
    pub malformed: Vec<String>,
}

#[derive(Deserialize)]
struct Body<'a> {
    #[serde(borrow, default)]
    feedback: Option<&'a RawValue>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Entry<'a> {
    #[serde(borrow, default)]
    card: Option<&'a RawValue>,
    #[serde(borrow, default)]
    outcome: Option<&'a RawValue>,
    #[serde(borrow, default)]
    outcome_timestamp: Option<&'a RawValue>,
    #[serde(borrow, default)]
    accepted_suggestions: Option<&'a RawValue>,
    #[serde(borrow, default)]
    override_reason: Option<&'a RawValue>,
    #[serde(borrow, default)]
    override_reasons: Option<&'a RawValue>,
    #[serde(borrow, default)]
    extension: Option<&'a RawValue>,
}

#[derive(Deserialize)]
struct Suggestion<'a> {
    #[serde(borrow)]
    id: Cow<'a, str>,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Reason<'a> {
    #[serde(borrow, default)]
    reason: Option<Code<'a>>,
    #[serde(borrow, default)]
    user_comment: Option<Cow<'a, str>>,
    /// Where some systems put a reason of their own.
    #[serde(borrow, default)]
    extension: Option<&'a RawValue>,
}

#[derive(Deserialize)]
struct Code<'a> {
    #[serde(borrow, default)]
    system: Option<Cow<'a, str>>,
    #[serde(borrow)]
    code: Cow<'a, str>,
    #[serde(borrow, default)]
    display: Option<Cow<'a, str>>,
}

impl Feedback {
    /// Reads a body.
    ///
    /// # Errors
    /// The name of the field that keeps the whole body from being read.
    pub fn parse(body: &[u8]) -> Result<Feedback, &'static str> {
        let text = std::str::from_utf8(body).map_err(|_| "body")?;
        let body: Body<'_> = serde_json::from_str(text).map_err(|_| "body")?;
        let list = body.feedback.ok_or("feedback")?;
        let list: Vec<&RawValue> = serde_json::from_str(list.get()).map_err(|_| "feedback")?;
        if list.len() > MOST_ENTRIES {
            return Err("feedback");
        }
        let mut feedback = Feedback {
            entries: Vec::new(),
            malformed: Vec::new(),
        };
        for (index, raw) in list.iter().enumerate() {
            match entry(raw) {
                Ok(entry) => feedback.entries.push(entry),
                Err("") => feedback.malformed.push(format!("feedback[{index}]")),
                Err(field) => feedback.malformed.push(format!("feedback[{index}].{field}")),
            }
        }
        Ok(feedback)
    }
}

fn entry(raw: &RawValue) -> Result<FeedbackEntry, &'static str> {
    let entry: Entry<'_> = serde_json::from_str(raw.get()).map_err(|_| "")?;
    let card = read::<Cow<'_, str>>(entry.card, "card")?;
    let card = Uuid::parse_str(&card).map_err(|_| "card")?;
    let at = read::<Cow<'_, str>>(entry.outcome_timestamp, "outcomeTimestamp")?;
    let at: Timestamp = at.parse().map_err(|_| "outcomeTimestamp")?;
    let outcome = match &*read::<Cow<'_, str>>(entry.outcome, "outcome")? {
        "accepted" => FeedbackOutcome::Accepted {
            suggestions: accepted(entry.accepted_suggestions)?,
        },
        "overridden" => overridden(entry.override_reason.or(entry.override_reasons), entry.extension)?,
        _ => return Err("outcome"),
    };
    Ok(FeedbackEntry { card, outcome, at })
}

fn read<'a, T: Deserialize<'a>>(raw: Option<&'a RawValue>, field: &'static str) -> Result<T, &'static str> {
    serde_json::from_str(raw.ok_or(field)?.get()).map_err(|_| field)
}

fn accepted(raw: Option<&RawValue>) -> Result<Vec<Uuid>, &'static str> {
    const FIELD: &str = "acceptedSuggestions";
    let list: Vec<Suggestion<'_>> = read(raw, FIELD)?;
    list.iter()
        .map(|s| Uuid::parse_str(&s.id).map_err(|_| FIELD))
        .collect()
}

/// One reason; of a list the first that says something. A reason that stands in an extension, of the reason or of
/// the entry, counts where none stands in its own place.
fn overridden(raw: Option<&RawValue>, beside: Option<&RawValue>) -> Result<FeedbackOutcome, &'static str> {
    const FIELD: &str = "overrideReason";
    let said: Vec<Reason<'_>> = match raw.map(RawValue::get) {
        None | Some("null") => Vec::new(),
        Some(list) if list.starts_with('[') => serde_json::from_str(list).map_err(|_| FIELD)?,
        Some(one) => vec![serde_json::from_str(one).map_err(|_| FIELD)?],
    };
    let says_something =
        |said: &Reason<'_>| said.reason.is_some() || said.user_comment.is_some() || said.extension.is_some();
    if !said.is_empty() && !said.iter().any(says_something) {
        return Err(FIELD);
    }
    let said = said.into_iter().find(says_something).unwrap_or_default();
    let in_extension = || [said.extension, beside].into_iter().flatten().find_map(extended);
    Ok(FeedbackOutcome::Overridden {
        reason: match said.reason {
            Some(code) => Some(code.into()),
            None => in_extension(),
        },
        comment: said.user_comment.map(Cow::into_owned),
    })
}

/// The reason in an `extension`: one member that is the coding, or one each for its parts, under names of the
/// client's that end in `overrideReason` and the part. What has another form says nothing.
fn extended(raw: &RawValue) -> Option<OverrideReason> {
    let members: BTreeMap<Cow<'_, str>, &RawValue> = serde_json::from_str(raw.get()).ok()?;
    let part = |names: &[&str]| {
        let is_named = |key: &str| {
            key.split_once("overrideReason")
                .is_some_and(|(_, rest)| names.contains(&rest.trim_start_matches('.')))
        };
        members
            .iter()
            .find_map(|(key, value)| is_named(key).then_some(*value))
    };
    let text = |names: &[&str]| serde_json::from_str::<String>(part(names)?.get()).ok();
    let whole =
        part(&["", "reason", "coding"]).and_then(|value| serde_json::from_str::<Code<'_>>(value.get()).ok());
    match whole {
        Some(code) => Some(code.into()),
        None => Some(OverrideReason {
            code: text(&["code", "reason", "id", ""])?,
            system: text(&["system"]),
            display: text(&["display", "text", "title"]),
        }),
    }
}

impl From<Code<'_>> for OverrideReason {
    fn from(code: Code<'_>) -> Self {
        OverrideReason {
            system: code.system.map(Cow::into_owned),
            code: code.code.into_owned(),
            display: code.display.map(Cow::into_owned),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const CARD: &str = "6a1e7a0e-9d1e-4b5c-8f2f-2f5e1d1c0a01";

    fn parse(entries: &str) -> Feedback {
        Feedback::parse(format!("{{\"feedback\":[{entries}]}}").as_bytes()).unwrap()
    }

    #[test]
    fn a_malformed_entry_is_named_and_loses_no_other() {
        let good = format!(
            r#"{{"card":"{CARD}","outcome":"overridden","outcomeTimestamp":"2026-11-22T08:00:00Z"}}"#
        );
        let bad =
            format!(r#"{{"card":"{CARD}","outcome":"ignored","outcomeTimestamp":"2026-11-22T08:00:00Z"}}"#);
        let feedback = parse(&format!("{good},{bad},5"));
        assert_eq!(feedback.entries.len(), 1);
        assert_eq!(feedback.malformed, ["feedback[1].outcome", "feedback[2]"]);
    }

    #[test]
    fn spellings_of_real_systems_are_read() {
        let entry = format!(
            r#"{{"card":"{CARD}","outcome":"overridden","outcomeTimestamp":"2026-11-22T08:00:00+01:00",
            "overrideReasons":[{{"reason":{{"code":"x"}},"userComment":"seen"}}],"unknown":{{}}}}"#
        );
        let feedback = parse(&entry);
        assert!(matches!(&feedback.entries[0].outcome,
            FeedbackOutcome::Overridden { reason: Some(r), comment: Some(_) } if r.code == "x"));
    }

    #[test]
    fn a_body_without_a_list_is_refused() {
        assert_eq!(Feedback::parse(b"{}").err(), Some("feedback"));
        assert_eq!(Feedback::parse(b"{\"feedback\":{}}").err(), Some("feedback"));
        assert_eq!(Feedback::parse(b"<html>").err(), Some("body"));
    }
}
