//! Turns JSON that was written with placeholders into a shape, and a shape with other values into JSON.
//!
//! A shape only ever takes whole JSON values (a string with its quotes, a number, a list of objects), so what is
//! filled in cannot change the structure around it; strings are escaped by serde_json. It knows nothing about FHIR.

use std::sync::OnceLock;

use crate::OutError;
use crate::elements::{is_visible, words};

/// Placeholder texts: private-use characters, which samples contain nowhere else.
pub(crate) const TEXTS: [&str; 9] = [
    "\u{e000}", "\u{e001}", "\u{e002}", "\u{e003}", "\u{e004}", "\u{e005}", "\u{e006}", "\u{e007}",
    "\u{e008}",
];

/// The first so many placeholder texts as they stand in JSON.
pub(crate) fn quoted(count: usize) -> Vec<String> {
    TEXTS[..count].iter().map(|text| format!("\"{text}\"")).collect()
}

/// The index of the shape whose present parts are these.
pub(crate) fn key(parts: &[bool]) -> usize {
    parts.iter().fold(0, |key, part| key << 1 | usize::from(*part))
}

/// The shape in the cell, written now if it was not.
pub(crate) fn known(
    cell: &OnceLock<Shape>,
    write: impl FnOnce() -> Result<Shape, OutError>,
) -> Result<&Shape, OutError> {
    if let Some(shape) = cell.get() {
        return Ok(shape);
    }
    let shape = write()?;
    Ok(cell.get_or_init(|| shape))
}

/// JSON text cut at its placeholders.
pub(crate) struct Shape {
    /// What stands before each hole, and the number of the hole.
    holes: Vec<(String, usize)>,
    /// What stands after the last hole.
    tail: String,
}

impl Shape {
    /// Cuts the text at every occurrence of a placeholder; a placeholder's index is the number of its holes.
    pub(crate) fn cut(json: &str, placeholders: &[String]) -> Self {
        let mut found: Vec<(usize, usize)> = Vec::new();
        for (number, placeholder) in placeholders.iter().enumerate() {
            found.extend(json.match_indices(placeholder).map(|(at, _)| (at, number)));
        }
        found.sort_unstable();
        let mut holes = Vec::with_capacity(found.len());
        let mut from = 0;
        for (at, number) in found {
            holes.push((json[from..at].to_owned(), number));
            from = at + placeholders[number].len();
        }
        Self {
            holes,
            tail: json[from..].to_owned(),
        }
    }

    /// Writes the text, asking `put` for the value of each hole.
    #[inline]
    pub(crate) fn fill(
        &self,
        out: &mut Vec<u8>,
        mut put: impl FnMut(&mut Vec<u8>, usize) -> Result<(), OutError>,
    ) -> Result<(), OutError> {
        for (before, number) in &self.holes {
            out.extend_from_slice(before.as_bytes());
            put(out, *number)?;
        }
        out.extend_from_slice(self.tail.as_bytes());
        Ok(())
    }
}

/// Writes a text as a JSON string; a shape has no hole for a text that is not there.
#[inline]
pub(crate) fn put(out: &mut Vec<u8>, text: Option<&str>) -> Result<(), OutError> {
    let text = text.ok_or(OutError::Refused)?;
    if is_plain(text) && is_visible(text) {
        out.push(b'"');
        out.extend_from_slice(text.as_bytes());
        out.push(b'"');
        return Ok(());
    }
    let text = words(text).ok_or(OutError::Refused)?;
    serde_json::to_writer(out, &*text).map_err(|_| OutError::Refused)
}

/// Whether a text stands in JSON as it is. All of its bytes are looked at, many at once.
#[inline]
fn is_plain(text: &str) -> bool {
    let plain = |byte: u8| byte >= b' ' && byte != b'"' && byte != b'\\';
    text.bytes().fold(true, |all, byte| all & plain(byte))
}

/// Writes a count as a JSON number.
#[inline]
pub(crate) fn put_count(out: &mut Vec<u8>, count: u32) -> Result<(), OutError> {
    serde_json::to_writer(out, &count).map_err(|_| OutError::Refused)
}
