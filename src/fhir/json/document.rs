//! JSON text, taken apart once.
//!
//! Turns a text into a flat list of its values in the order written, each with its key, its place in the text and
//! the place behind it, so that any value is found, skipped or given back as it came without reading it again. It
//! copies no string, keeps every number as it is written, builds no tree and does not recurse: nesting costs
//! memory, never stack. Text that is not JSON is refused as a whole. Follows RFC 8259; half a character in an
//! escape (`\ud83d` alone) is JSON, but no text.
//!
//! Why it is ours: an answer waits for it, and of the crates that keep numbers exact none reads foreign bytes
//! both fast and safely. For the request of the benchmarks (99 KB), in million instructions: `serde_json::Value`
//! 6.9, jiter 3.4, hifijson 2.9, the same list filled by serde_json 2.1, sonic-rs 1.1 (it recurses without a
//! limit, so that a body of brackets ends the process), this 0.5. A property test holds it to what serde_json
//! accepts and reads.

use super::scan::{Kind, NotJson, Slot, slots};
use std::borrow::Cow;

/// A JSON text with its values.
pub struct Document<'a> {
    text: &'a str,
    slots: Vec<Slot>,
}

impl<'a> Document<'a> {
    /// Takes a text apart.
    ///
    /// # Errors
    /// If it is not JSON, or longer than 2 GB.
    pub fn parse(text: &'a str) -> Result<Self, NotJson> {
        if i32::try_from(text.len()).is_err() {
            return Err(NotJson::Malformed);
        }
        Ok(Document {
            text,
            slots: slots(text)?,
        })
    }

    /// The value that the text is.
    pub fn root(&'a self) -> Node<'a> {
        Node { of: self, at: 0 }
    }

    /// The bytes of a key or a value, without the quotes of a string.
    #[inline]
    fn bytes(&self, start: u32, end: u32) -> &'a [u8] {
        &self.text.as_bytes()[start as usize..end as usize]
    }

    /// The string that a key or a value is; `None` for another type, or if an escape is no character.
    fn string(&self, kind: Kind, start: u32, end: u32) -> Option<Cow<'a, str>> {
        let (start, end) = (start as usize, end as usize);
        match kind {
            Kind::Plain => Some(Cow::Borrowed(&self.text[start..end])),
            Kind::Escaped => serde_json::from_str(&self.text[start - 1..end + 1])
                .ok()
                .map(Cow::Owned),
            _ => None,
        }
    }
}

/// A value of a document.
#[derive(Clone, Copy)]
pub struct Node<'a> {
    of: &'a Document<'a>,
    at: usize,
}

impl<'a> Node<'a> {
    #[inline]
    fn slot(self) -> Slot {
        self.of.slots[self.at]
    }

    /// Whether it is `null`.
    pub fn is_null(self) -> bool {
        self.slot().kind == Kind::Null
    }

    /// Whether it is an object.
    pub fn is_object(self) -> bool {
        self.slot().kind == Kind::Object
    }

    /// Whether it is a list.
    pub fn is_list(self) -> bool {
        self.slot().kind == Kind::List
    }

    /// How deep lists and objects are nested in it, itself counted.
    pub fn depth(self) -> usize {
        let (mut ends, mut deepest) = (Vec::new(), 0);
        for at in self.at..self.slot().next as usize {
            let slot = &self.of.slots[at];
            if matches!(slot.kind, Kind::List | Kind::Object) {
                while ends.last().is_some_and(|end| *end <= at) {
                    ends.pop();
                }
                ends.push(slot.next as usize);
                deepest = deepest.max(ends.len());
            }
        }
        deepest
    }

    /// As it came.
    pub fn raw(self) -> &'a str {
        let slot = self.slot();
        let quote = usize::from(matches!(slot.kind, Kind::Plain | Kind::Escaped));
        &self.of.text[slot.start as usize - quote..slot.end as usize + quote]
    }

    /// The string that it is; `None` for another type, or if an escape is no character.
    pub fn text(self) -> Option<Cow<'a, str>> {
        let slot = self.slot();
        self.of.string(slot.kind, slot.start, slot.end)
    }

    /// The number that it is, as it is written.
    pub fn number(self) -> Option<&'a str> {
        (self.slot().kind == Kind::Number).then(|| self.raw())
    }

    /// The boolean that it is.
    pub fn flag(self) -> Option<bool> {
        match self.slot().kind {
            Kind::True => Some(true),
            Kind::False => Some(false),
            _ => None,
        }
    }

    /// The value under a key; the first, if the key is there twice.
    pub fn member(self, name: &str) -> Option<Node<'a>> {
        let Inside { of, mut at, end } = self.inside(Kind::Object);
        while at < end {
            let slot = &of.slots[at];
            let is_it = match slot.key {
                // Most keys differ in their length already.
                Kind::Plain => {
                    (slot.key_end - slot.key_start) as usize == name.len()
                        && *of.bytes(slot.key_start, slot.key_end) == *name.as_bytes()
                }
                _ => *Key(Node { of, at }).bytes() == *name.as_bytes(),
            };
            if is_it {
                return Some(Node { of, at });
            }
            at = slot.next as usize;
        }
        None
    }

    /// Keys and values in the order written; nothing if it is no object.
    pub fn members(self) -> Members<'a> {
        Members(self.inside(Kind::Object))
    }

    /// Values in the order written; nothing if it is no list.
    pub fn items(self) -> Items<'a> {
        Items(self.inside(Kind::List))
    }

    fn inside(self, kind: Kind) -> Inside<'a> {
        let slot = self.slot();
        let at = self.at + 1;
        let end = if slot.kind == kind { slot.next as usize } else { at };
        Inside { of: self.of, at, end }
    }
}

/// The key of a member, which lies with its value.
#[derive(Clone, Copy)]
pub struct Key<'a>(Node<'a>);

impl<'a> Key<'a> {
    /// Its text in bytes; empty if an escape in it is no character.
    #[inline]
    pub fn bytes(self) -> Cow<'a, [u8]> {
        let slot = self.0.slot();
        if slot.key == Kind::Plain {
            return Cow::Borrowed(self.0.of.bytes(slot.key_start, slot.key_end));
        }
        self.escaped()
    }

    #[cold]
    fn escaped(self) -> Cow<'a, [u8]> {
        Cow::Owned(self.text().into_owned().into_bytes())
    }

    /// Its text; empty if an escape in it is no character.
    pub fn text(self) -> Cow<'a, str> {
        let slot = self.0.slot();
        let text = self.0.of.string(slot.key, slot.key_start, slot.key_end);
        text.unwrap_or_default()
    }
}

/// Places of what a list or an object holds.
struct Inside<'a> {
    of: &'a Document<'a>,
    at: usize,
    end: usize,
}

impl<'a> Inside<'a> {
    fn node(&self, at: usize) -> Node<'a> {
        Node { of: self.of, at }
    }
}

/// Members of an object.
pub struct Members<'a>(Inside<'a>);

impl<'a> Iterator for Members<'a> {
    type Item = (Key<'a>, Node<'a>);

    #[inline]
    fn next(&mut self) -> Option<Self::Item> {
        let Members(inside) = self;
        if inside.at >= inside.end {
            return None;
        }
        let value = inside.node(inside.at);
        inside.at = value.slot().next as usize;
        Some((Key(value), value))
    }
}

/// Values of a list.
pub struct Items<'a>(Inside<'a>);

impl<'a> Iterator for Items<'a> {
    type Item = Node<'a>;

    fn next(&mut self) -> Option<Node<'a>> {
        let Items(inside) = self;
        if inside.at >= inside.end {
            return None;
        }
        let value = inside.node(inside.at);
        inside.at = value.slot().next as usize;
        Some(value)
    }
}

#[cfg(test)]
#[path = "document_tests.rs"]
mod tests;
