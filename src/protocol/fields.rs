//! Fields of one object of a request, asked for by name.
//!
//! Turns an object into the raw values of the fields that are known, and each of them into text, Bundle
//! or "required and not there". Its errors carry the path of the field and never a value.

use super::request::RequestError;
use crate::fhir::json::{Text, read, string};
use serde::de::{DeserializeSeed, Deserializer, IgnoredAny, MapAccess, Visitor};
use serde_json::value::RawValue;
use std::borrow::Cow;
use std::fmt;

/// The known fields of an object that were sent.
pub(super) struct Fields<'a> {
    path: &'static str,
    sent: Vec<(&'static str, &'a RawValue)>,
}

impl<'a> Fields<'a> {
    /// From fields that were read already; one that was sent twice is an error.
    pub(super) fn new(
        path: &'static str,
        sent: Vec<(&'static str, &'a RawValue)>,
        twice: Option<&'static str>,
    ) -> Result<Self, RequestError> {
        let of = Fields { path, sent };
        match twice {
            Some(field) => Err(of.wrong(field, "is there twice")),
            None => Ok(of),
        }
    }

    /// An error about one of the fields.
    pub(super) fn wrong(&self, field: &str, says: &'static str) -> RequestError {
        RequestError::new(format!("{}{field}", self.path), says)
    }

    /// The value of a field; `null` counts as not sent.
    pub(super) fn optional(&self, field: &str) -> Option<&'a RawValue> {
        let (_, raw) = self.sent.iter().find(|(name, _)| *name == field)?;
        (raw.get() != "null").then_some(*raw)
    }

    /// The value of a field that must be there.
    pub(super) fn required(&self, field: &str) -> Result<&'a RawValue, RequestError> {
        match self.optional(field) {
            Some(raw) => Ok(raw),
            None if self.sent.iter().any(|(name, _)| *name == field) => {
                Err(self.wrong(field, "must not be null"))
            }
            None => Err(self.wrong(field, "is missing")),
        }
    }

    /// Text that may be there.
    pub(super) fn optional_text(&self, field: &str) -> Result<Option<Cow<'a, str>>, RequestError> {
        self.optional(field).map(|raw| self.text(field, raw)).transpose()
    }

    /// Text that must be there.
    pub(super) fn required_text(&self, field: &str) -> Result<Cow<'a, str>, RequestError> {
        self.text(field, self.required(field)?)
    }

    fn text(&self, field: &str, raw: &'a RawValue) -> Result<Cow<'a, str>, RequestError> {
        let text = string(raw).ok_or_else(|| self.wrong(field, "must be a string"))?;
        if text.trim().is_empty() {
            return Err(self.wrong(field, "must not be empty"));
        }
        Ok(text)
    }

    /// A Bundle that may be there.
    pub(super) fn optional_bundle(&self, field: &str) -> Result<Option<&'a RawValue>, RequestError> {
        let Some(raw) = self.optional(field) else {
            return Ok(None);
        };
        let bundle = raw.get().starts_with('{') && read::<Peek<'a>>(raw).kind.is("Bundle");
        bundle
            .then_some(Some(raw))
            .ok_or_else(|| self.wrong(field, "must be a Bundle"))
    }
}

crate::fhir::json::lens! {
    /// The type of a resource.
    struct Peek {
        kind: Text<'a> = "resourceType",
    }
}

/// Reads the known fields of an object.
pub(super) fn fields<'a>(
    path: &'static str,
    raw: &'a RawValue,
    known: &[&'static str],
) -> Result<Fields<'a>, RequestError> {
    let mut from = serde_json::Deserializer::from_str(raw.get());
    let wrong = || RequestError::new(path.trim_end_matches('.'), "must be an object");
    if !raw.get().starts_with('{') {
        return Err(wrong());
    }
    let (sent, twice) = Known(known).deserialize(&mut from).map_err(|_| wrong())?;
    Fields::new(path, sent, twice)
}

struct Known<'k>(&'k [&'static str]);

type Sent<'a> = (Vec<(&'static str, &'a RawValue)>, Option<&'static str>);

impl<'a> DeserializeSeed<'a> for Known<'_> {
    type Value = Sent<'a>;

    fn deserialize<D: Deserializer<'a>>(self, from: D) -> Result<Sent<'a>, D::Error> {
        from.deserialize_map(self)
    }
}

impl<'a> Visitor<'a> for Known<'_> {
    type Value = Sent<'a>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<M: MapAccess<'a>>(self, mut map: M) -> Result<Sent<'a>, M::Error> {
        let (mut sent, mut twice) = (Vec::with_capacity(self.0.len()), None);
        while let Some(key) = map.next_key::<Text<'a>>()? {
            let key = key.0.as_deref().unwrap_or_default();
            let Some(known) = self.0.iter().find(|known| **known == key) else {
                map.next_value::<IgnoredAny>()?;
                continue;
            };
            if sent.iter().any(|(name, _)| name == known) {
                twice = Some(*known);
            }
            sent.push((*known, map.next_value()?));
        }
        Ok((sent, twice))
    }
}
