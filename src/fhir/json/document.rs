//! JSON text, taken apart once.
//!
//! Turns a text into a flat list of its values in the order written, each with its place in the text and the
//! place behind it, so that any value is found, skipped or given back as it came without reading it again. It
//! copies no string, keeps every number as it is written, builds no tree and does not recurse: nesting costs
//! memory, never stack. Text that is not JSON is refused as a whole. Follows RFC 8259; half a character in an
//! escape (`\ud83d` alone) is JSON, but no text.
//!
//! Why it is ours: an answer waits for it, and of the crates that keep numbers exact none reads foreign bytes
//! both fast and safely. For the request of the benchmarks (99 KB), in million instructions: `serde_json::Value`
//! 6.9, jiter 3.4, hifijson 2.9, the same list filled by serde_json 2.1, sonic-rs 1.1 (it recurses without a
//! limit, so that a body of brackets ends the process), this 1.0. A property test holds it to what serde_json
//! accepts and reads.

use std::borrow::Cow;

/// Why a text is no JSON.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NotJson {
    /// It ends too early.
    Short,
    /// Something stands where it may not.
    Malformed,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Null,
    False,
    True,
    Number,
    /// A string without escapes.
    Plain,
    /// A string with escapes.
    Escaped,
    List,
    Object,
}

/// One value, or the key before it. A string lies between its quotes.
#[derive(Clone, Copy)]
struct Slot {
    kind: Kind,
    start: u32,
    end: u32,
    /// The first slot behind it and all that it holds.
    next: u32,
}

/// A JSON text with its values.
pub struct Document<'a> {
    text: &'a str,
    slots: Vec<Slot>,
}

impl<'a> Document<'a> {
    /// Takes a text apart.
    ///
    /// # Errors
    /// If it is not JSON, or longer than 4 GB.
    pub fn parse(text: &'a str) -> Result<Self, NotJson> {
        if u32::try_from(text.len()).is_err() {
            return Err(NotJson::Malformed);
        }
        let mut reader = Reader {
            bytes: text.as_bytes(),
            at: 0,
            // Resources have a value or key for each ten bytes or so.
            slots: Vec::with_capacity(text.len() / 8),
            open: Vec::with_capacity(32),
        };
        reader.whole()?;
        Ok(Document {
            text,
            slots: reader.slots,
        })
    }

    /// The value that the text is.
    pub fn root(&'a self) -> Node<'a> {
        Node { of: self, at: 0 }
    }
}

/// A value of a document.
#[derive(Clone, Copy)]
pub struct Node<'a> {
    of: &'a Document<'a>,
    at: usize,
}

impl<'a> Node<'a> {
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

    /// As it came.
    pub fn raw(self) -> &'a str {
        let slot = self.slot();
        let quote = usize::from(matches!(slot.kind, Kind::Plain | Kind::Escaped));
        &self.of.text[slot.start as usize - quote..slot.end as usize + quote]
    }

    /// The string that it is; `None` for another type, or if an escape is no character.
    pub fn text(self) -> Option<Cow<'a, str>> {
        let slot = self.slot();
        match slot.kind {
            Kind::Plain => Some(Cow::Borrowed(
                &self.of.text[slot.start as usize..slot.end as usize],
            )),
            Kind::Escaped => serde_json::from_str(self.raw()).ok().map(Cow::Owned),
            _ => None,
        }
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

    /// Keys and values in the order written; nothing if it is no object. A key that is no text is empty.
    pub fn members(self) -> impl Iterator<Item = (Cow<'a, str>, Node<'a>)> {
        let mut inside = self.inside(Kind::Object);
        std::iter::from_fn(move || {
            let key = inside.next()?;
            Some((key.text().unwrap_or_default(), inside.next()?))
        })
    }

    /// Values in the order written; nothing if it is no list.
    pub fn items(self) -> impl Iterator<Item = Node<'a>> {
        self.inside(Kind::List)
    }

    fn inside(self, kind: Kind) -> Inside<'a> {
        let slot = self.slot();
        let first = self.at + 1;
        let end = if slot.kind == kind {
            slot.next as usize
        } else {
            first
        };
        Inside {
            of: self.of,
            at: first,
            end,
        }
    }
}

/// What a list or an object holds.
struct Inside<'a> {
    of: &'a Document<'a>,
    at: usize,
    end: usize,
}

impl<'a> Iterator for Inside<'a> {
    type Item = Node<'a>;

    fn next(&mut self) -> Option<Node<'a>> {
        if self.at >= self.end {
            return None;
        }
        let node = Node {
            of: self.of,
            at: self.at,
        };
        self.at = node.slot().next as usize;
        Some(node)
    }
}

struct Reader<'b> {
    bytes: &'b [u8],
    at: usize,
    slots: Vec<Slot>,
    /// Places of the lists and objects that are not closed yet.
    open: Vec<u32>,
}

impl Reader<'_> {
    fn whole(&mut self) -> Result<(), NotJson> {
        self.space();
        loop {
            let opened = match self.peek()? {
                b'"' => self.string().map(|()| false),
                b'{' => self.opens(Kind::Object, b'}'),
                b'[' => self.opens(Kind::List, b']'),
                b'-' | b'0'..=b'9' => self.number().map(|()| false),
                b't' => self.word(b"true", Kind::True),
                b'f' => self.word(b"false", Kind::False),
                b'n' => self.word(b"null", Kind::Null),
                _ => Err(NotJson::Malformed),
            }?;
            if !opened && self.closes()? {
                return Ok(());
            }
        }
    }

    /// Begins a list or an object; whether a value follows.
    fn opens(&mut self, kind: Kind, end: u8) -> Result<bool, NotJson> {
        let (start, place) = (self.at, self.slots.len());
        self.put(kind, start, start);
        self.at += 1;
        self.space();
        if self.peek()? == end {
            self.at += 1;
            self.close(place);
            return Ok(false);
        }
        self.open.push(index(place));
        if kind == Kind::Object {
            self.key()?;
        }
        Ok(true)
    }

    /// Goes on behind a value, to the next one; whether the whole text has ended.
    fn closes(&mut self) -> Result<bool, NotJson> {
        loop {
            self.space();
            let Some(place) = self.open.last().map(|place| *place as usize) else {
                return if self.at == self.bytes.len() {
                    Ok(true)
                } else {
                    Err(NotJson::Malformed)
                };
            };
            let is_object = self.slots[place].kind == Kind::Object;
            match (self.peek()?, is_object) {
                (b',', _) => {
                    self.at += 1;
                    self.space();
                    if is_object {
                        self.key()?;
                    }
                    return Ok(false);
                }
                (b'}', true) | (b']', false) => {
                    self.at += 1;
                    self.open.pop();
                    self.close(place);
                }
                _ => return Err(NotJson::Malformed),
            }
        }
    }

    fn close(&mut self, place: usize) {
        let (end, next) = (index(self.at), index(self.slots.len()));
        let slot = &mut self.slots[place];
        (slot.end, slot.next) = (end, next);
    }

    fn put(&mut self, kind: Kind, start: usize, end: usize) {
        let next = index(self.slots.len() + 1);
        self.slots.push(Slot {
            kind,
            start: index(start),
            end: index(end),
            next,
        });
    }

    fn peek(&self) -> Result<u8, NotJson> {
        self.bytes.get(self.at).copied().ok_or(NotJson::Short)
    }

    #[inline]
    fn space(&mut self) {
        while let Some(b' ' | b'\n' | b'\r' | b'\t') = self.bytes.get(self.at) {
            self.at += 1;
        }
    }

    /// A key with its colon.
    fn key(&mut self) -> Result<(), NotJson> {
        if self.peek()? != b'"' {
            return Err(NotJson::Malformed);
        }
        self.string()?;
        self.space();
        if self.peek()? != b':' {
            return Err(NotJson::Malformed);
        }
        self.at += 1;
        self.space();
        Ok(())
    }

    #[inline]
    fn string(&mut self) -> Result<(), NotJson> {
        let start = self.at + 1;
        let (mut at, mut kind) = (start, Kind::Plain);
        loop {
            at = plain(self.bytes, at);
            match self.bytes.get(at) {
                Some(b'"') => break,
                Some(b'\\') => {
                    kind = Kind::Escaped;
                    at += escape(&self.bytes[at + 1..])?;
                }
                Some(_) => return Err(NotJson::Malformed),
                None => return Err(NotJson::Short),
            }
        }
        self.put(kind, start, at);
        self.at = at + 1;
        Ok(())
    }

    fn number(&mut self) -> Result<(), NotJson> {
        let start = self.at;
        self.skip(b"-");
        if !self.skip(b"0") {
            self.digits()?;
        }
        if self.skip(b".") {
            self.digits()?;
        }
        if self.skip(b"eE") {
            self.skip(b"+-");
            self.digits()?;
        }
        self.put(Kind::Number, start, self.at);
        Ok(())
    }

    /// Skips one byte if it is one of these.
    fn skip(&mut self, any: &[u8]) -> bool {
        let found = self.bytes.get(self.at).is_some_and(|byte| any.contains(byte));
        self.at += usize::from(found);
        found
    }

    fn digits(&mut self) -> Result<(), NotJson> {
        if !self.peek()?.is_ascii_digit() {
            return Err(NotJson::Malformed);
        }
        while self.bytes.get(self.at).is_some_and(u8::is_ascii_digit) {
            self.at += 1;
        }
        Ok(())
    }

    fn word(&mut self, word: &[u8], kind: Kind) -> Result<bool, NotJson> {
        let rest = &self.bytes[self.at..];
        if !rest.starts_with(word) {
            return Err(if word.starts_with(rest) {
                NotJson::Short
            } else {
                NotJson::Malformed
            });
        }
        self.put(kind, self.at, self.at + word.len());
        self.at += word.len();
        Ok(false)
    }
}

/// Places fit: a document is no longer than what `u32` counts, and has no more values than bytes.
fn index(place: usize) -> u32 {
    u32::try_from(place).unwrap_or(u32::MAX)
}

/// The place of the first byte from `at` on that ends a string, begins an escape or may not stand in a string.
#[inline]
fn plain(bytes: &[u8], mut at: usize) -> usize {
    const ONES: u64 = u64::from_ne_bytes([1; 8]);
    const HIGH: u64 = u64::from_ne_bytes([0x80; 8]);
    // Eight bytes at a time: subtracting borrows into the high bit of a byte that is zero (the quote and the
    // backslash, after exclusive or) or below 32, unless the high bit was set before. A borrow can only mark
    // bytes behind a marked one, and the first mark counts.
    while let Some(eight) = bytes.get(at..).and_then(|rest| rest.first_chunk()) {
        let eight = u64::from_le_bytes(*eight);
        let zero = |word: u64| word.wrapping_sub(ONES) & !word;
        let quote = zero(eight ^ ONES * u64::from(b'"'));
        let backslash = zero(eight ^ ONES * u64::from(b'\\'));
        let control = eight.wrapping_sub(ONES * 0x20) & !eight;
        let marks = (quote | backslash | control) & HIGH;
        if marks != 0 {
            return at + marks.trailing_zeros() as usize / 8;
        }
        at += 8;
    }
    let ends = |byte: &u8| matches!(byte, b'"' | b'\\' | 0..=0x1f);
    let rest = &bytes[at..];
    at + rest.iter().position(ends).unwrap_or(rest.len())
}

/// Length of an escape with its backslash, from what follows it.
fn escape(rest: &[u8]) -> Result<usize, NotJson> {
    match rest.first().ok_or(NotJson::Short)? {
        b'"' | b'\\' | b'/' | b'b' | b'f' | b'n' | b'r' | b't' => Ok(2),
        b'u' => {
            let digits = &rest[1..rest.len().min(5)];
            match digits.iter().all(u8::is_ascii_hexdigit) {
                true if digits.len() == 4 => Ok(6),
                true => Err(NotJson::Short),
                false => Err(NotJson::Malformed),
            }
        }
        _ => Err(NotJson::Malformed),
    }
}

#[cfg(test)]
#[path = "document_tests.rs"]
mod tests;
