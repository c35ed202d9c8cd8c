//! Fields of one object of a request, asked for by name.
//!
//! Turns an object into the values of the fields that are known, and each of them into text, Bundle
//! or "required and not there". Its errors carry the path of the field and never a value.

use super::request::RequestError;
use crate::fhir::json::{Node, Read, Text};
use std::borrow::Cow;

/// The known fields of an object that were sent.
pub(super) struct Fields<'a> {
    path: &'static str,
    sent: Vec<(&'static str, Node<'a>)>,
}

impl<'a> Fields<'a> {
    /// From fields that were read already; one that was sent twice is an error.
    pub(super) fn new(
        path: &'static str,
        sent: Vec<(&'static str, Node<'a>)>,
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
    pub(super) fn optional(&self, field: &str) -> Option<Node<'a>> {
        let (_, value) = self.sent.iter().find(|(name, _)| *name == field)?;
        Some(*value).filter(|value| !value.is_null())
    }

    /// The value of a field that must be there.
    pub(super) fn required(&self, field: &str) -> Result<Node<'a>, RequestError> {
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

    fn text(&self, field: &str, raw: Node<'a>) -> Result<Cow<'a, str>, RequestError> {
        let text = raw.text().ok_or_else(|| self.wrong(field, "must be a string"))?;
        if text.trim().is_empty() {
            return Err(self.wrong(field, "must not be empty"));
        }
        Ok(text)
    }

    /// A Bundle that may be there.
    pub(super) fn optional_bundle(&self, field: &str) -> Result<Option<Node<'a>>, RequestError> {
        let Some(raw) = self.optional(field) else {
            return Ok(None);
        };
        let bundle = raw.is_object() && Peek::read(raw).kind.is("Bundle");
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
    node: Node<'a>,
    known: &[&'static str],
) -> Result<Fields<'a>, RequestError> {
    if !node.is_object() {
        return Err(RequestError::new(path.trim_end_matches('.'), "must be an object"));
    }
    let (mut sent, mut twice) = (Vec::with_capacity(known.len()), None);
    for (key, value) in node.members() {
        let Some(known) = known.iter().find(|known| known.as_bytes() == &*key.bytes()) else {
            continue;
        };
        if sent.iter().any(|(name, _)| name == known) {
            twice = Some(*known);
        }
        sent.push((*known, value));
    }
    Fields::new(path, sent, twice)
}
