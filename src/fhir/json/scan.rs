//! The bytes of a JSON text, read once from the first to the last.
//!
//! Turns a text into the flat list of its values, or says that it is no JSON. The ends of strings are marked first,
//! so that no string is looked into, and the open lists and objects are chained through the list
//! itself, so that it does not recurse. Follows RFC 8259, sections 2 to 7.

use super::marks::{Marks, marks};

/// Why a text is no JSON.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NotJson {
    /// It ends too early.
    Short,
    /// Something stands where it may not.
    Malformed,
}

/// What a value is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
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

/// One value with the key before it. A string lies between its quotes.
#[derive(Clone, Copy)]
pub(super) struct Slot {
    /// Of a value that stands in no object, the key means nothing.
    pub(super) key: Kind,
    pub(super) key_start: u32,
    pub(super) key_end: u32,
    pub(super) kind: Kind,
    pub(super) start: u32,
    pub(super) end: u32,
    /// The first slot behind it and all that it holds.
    pub(super) next: u32,
}

/// The values of a text in the order written.
pub(super) fn slots(text: &str) -> Result<Vec<Slot>, NotJson> {
    let bytes = text.as_bytes();
    let marks = marks(bytes);
    let reader = Reader {
        bytes,
        marks: Marks::new(&marks),
        // Resources have a value for each twenty bytes or so.
        slots: Vec::with_capacity(text.len() / 20),
    };
    reader.whole()
}

/// What was read so far. Each step waits for it and for the place in the text, so both have to stay in registers: steps
/// are inlined, and what is called instead, because it is seldom, gets what it needs by value.
struct Reader<'b> {
    bytes: &'b [u8],
    marks: Marks<'b>,
    slots: Vec<Slot>,
}

/// A key or a value.
struct Found {
    kind: Kind,
    start: usize,
    end: usize,
}

impl Found {
    #[inline(always)]
    fn new(kind: Kind, start: usize, end: usize) -> Self {
        Found { kind, start, end }
    }
}

/// The innermost list or object that is open: its slot, and the byte that ends it, or zero if none is open.
struct Open {
    place: usize,
    end: u8,
}

/// The place behind what was read.
type Behind = Result<usize, NotJson>;

impl Reader<'_> {
    fn whole(mut self) -> Result<Vec<Slot>, NotJson> {
        let mut at = 0;
        let mut first = self.visible(&mut at);
        let mut open = Open { place: 0, end: 0 };
        'values: loop {
            at = 'value: {
                let mut key = Found::new(Kind::Null, 0, 0);
                if open.end == b'}' {
                    if first != b'"' {
                        return Err(wrong(self.bytes, at));
                    }
                    let (mut start, mut mark) = (at + 1, self.marks.after_next());
                    // Most members are strings without spaces and escapes, with a member behind them.
                    while self.are(mark, *b"\":\"") {
                        let key = Found::new(Kind::Plain, start, mark);
                        (start, mark) = (mark + 3, self.marks.after_next());
                        if !self.are(mark, *b"\",\"") {
                            let value = self.string(start, mark)?;
                            break 'value self.put(key, value) + 1;
                        }
                        self.put(key, Found::new(Kind::Plain, start, mark));
                        (start, mark) = (mark + 3, self.marks.after_next());
                    }
                    key = self.string(start, mark)?;
                    at = key.end + 1;
                    if self.visible(&mut at) != b':' {
                        return Err(wrong(self.bytes, at));
                    }
                    at += 1;
                    first = self.visible(&mut at);
                }
                match first {
                    b'"' => {
                        let mark = self.marks.after_next();
                        let value = self.string(at + 1, mark)?;
                        self.put(key, value) + 1
                    }
                    b'{' | b'[' => {
                        open = self.open(key, first, at, open);
                        at += 1;
                        first = self.visible(&mut at);
                        if first != open.end {
                            continue 'values;
                        }
                        at
                    }
                    b'-' | b'0'..=b'9' => {
                        let end = number(self.bytes, at)?;
                        self.put(key, Found::new(Kind::Number, at, end))
                    }
                    b't' => self.word(key, at, b"true", Kind::True)?,
                    b'f' => self.word(key, at, b"false", Kind::False)?,
                    b'n' => self.word(key, at, b"null", Kind::Null)?,
                    _ => return Err(wrong(self.bytes, at)),
                }
            };
            // Behind a value: the next one, or the end of what holds it.
            loop {
                let next = self.visible(&mut at);
                if open.end == 0 {
                    let ended = at == self.bytes.len();
                    return ended.then_some(self.slots).ok_or(NotJson::Malformed);
                }
                if next == b',' {
                    at += 1;
                    first = self.visible(&mut at);
                    continue 'values;
                }
                if next != open.end {
                    return Err(wrong(self.bytes, at));
                }
                at += 1;
                open = self.close(open, at);
            }
        }
    }

    /// Begins a list or an object. Until it ends, its slot keeps what is open around it.
    #[inline(always)]
    fn open(&mut self, key: Found, first: u8, at: usize, around: Open) -> Open {
        let kind = if first == b'{' { Kind::Object } else { Kind::List };
        let place = self.slots.len();
        self.push(key, Found::new(kind, at, around.place), around.end.into());
        Open {
            place,
            end: first + 2,
        }
    }

    /// Ends a list or an object before a place. Gives what is open around it.
    #[inline(always)]
    fn close(&mut self, open: Open, at: usize) -> Open {
        let next = index(self.slots.len());
        let slot = &mut self.slots[open.place];
        let around = Open {
            place: slot.end as usize,
            end: slot.next as u8,
        };
        (slot.end, slot.next) = (index(at), next);
        around
    }

    /// Adds a value, and gives its end.
    #[inline(always)]
    fn put(&mut self, key: Found, value: Found) -> usize {
        let end = value.end;
        self.push(key, value, index(self.slots.len() + 1));
        end
    }

    #[inline(always)]
    fn push(&mut self, key: Found, value: Found, next: u32) {
        if self.slots.len() == self.slots.capacity() {
            self.slots = grown(std::mem::take(&mut self.slots));
            // Without this, `push` could grow the list, and it would have to lie in memory for that.
            assert!(self.slots.len() < self.slots.capacity());
        }
        self.slots.push(Slot {
            key: key.kind,
            key_start: index(key.start),
            key_end: index(key.end),
            kind: value.kind,
            start: index(value.start),
            end: index(value.end),
            next,
        });
    }

    /// Whether these bytes stand at a place, and another behind them.
    #[inline(always)]
    fn are(&self, at: usize, [a, b, c]: [u8; 3]) -> bool {
        let four = self.bytes.get(at..at + 4).and_then(|four| four.first_chunk());
        // As one number, because this is asked for each string.
        four.is_some_and(|four| u32::from_le_bytes(*four) & 0xff_ffff == u32::from_le_bytes([a, b, c, 0]))
    }

    /// The next byte that is no space, of which there is seldom any between machines; moves `at` to it.
    #[inline(always)]
    fn visible(&mut self, at: &mut usize) -> u8 {
        let byte = peek(self.bytes, *at);
        if byte > b' ' {
            return byte;
        }
        // A single space, behind a colon or a comma, has no mark to be passed.
        if let Some(&[b' ', byte]) = self.bytes.get(*at..*at + 2)
            && byte > b' '
        {
            *at += 1;
            return byte;
        }
        *at = spaces(self.bytes, *at);
        self.marks.pass(*at);
        peek(self.bytes, *at)
    }

    /// The string that begins at a place and has its first mark at another, mostly its end.
    #[inline(always)]
    fn string(&mut self, start: usize, mark: usize) -> Result<Found, NotJson> {
        let (mut kind, mut end) = (Kind::Plain, mark);
        if peek(self.bytes, mark) != b'"' {
            (end, self.marks) = escaped(self.bytes, mark, self.marks)?;
            kind = Kind::Escaped;
        }
        Ok(Found::new(kind, start, end))
    }

    #[inline(always)]
    fn word(&mut self, key: Found, start: usize, word: &[u8], kind: Kind) -> Behind {
        let end = behind(self.bytes, start, word)?;
        Ok(self.put(key, Found::new(kind, start, end)))
    }
}

#[cold]
fn grown(mut slots: Vec<Slot>) -> Vec<Slot> {
    slots.reserve(1);
    slots
}

/// The byte at a place; zero, which begins nothing, at the end.
#[inline(always)]
fn peek(bytes: &[u8], at: usize) -> u8 {
    bytes.get(at).copied().unwrap_or_default()
}

/// What is wrong where nothing that may follow follows.
#[cold]
fn wrong(bytes: &[u8], at: usize) -> NotJson {
    if at >= bytes.len() {
        NotJson::Short
    } else {
        NotJson::Malformed
    }
}

/// Behind the spaces at a place: mostly a line break and an indentation.
#[inline(never)]
fn spaces(bytes: &[u8], mut at: usize) -> usize {
    let breaks = |byte: &&u8| matches!(byte, b'\n' | b'\r' | b'\t');
    at += bytes[at..].iter().take_while(breaks).count();
    for some in [b"        ".as_slice(), b"  "] {
        while bytes.get(at..at + some.len()) == Some(some) {
            at += some.len();
        }
    }
    let is_space = |byte: &&u8| matches!(byte, b' ' | b'\n' | b'\r' | b'\t');
    at + bytes[at..].iter().take_while(is_space).count()
}

/// The end of a string that does not end at the first mark in it, and the marks behind it.
#[cold]
fn escaped<'b>(bytes: &[u8], mark: usize, mut marks: Marks<'b>) -> Result<(usize, Marks<'b>), NotJson> {
    let mut at = mark;
    loop {
        match bytes.get(at) {
            Some(b'"') => return Ok((at, marks)),
            Some(b'\\') => escape(&bytes[at + 1..])?,
            Some(_) => return Err(NotJson::Malformed),
            None => return Err(NotJson::Short),
        }
        if let Some(b'"' | b'\\') = bytes.get(at + 1) {
            marks.next();
        }
        at = marks.next();
    }
}

/// Whether what follows a backslash makes it an escape.
fn escape(rest: &[u8]) -> Result<(), NotJson> {
    match rest.first().ok_or(NotJson::Short)? {
        b'"' | b'\\' | b'/' | b'b' | b'f' | b'n' | b'r' | b't' => Ok(()),
        b'u' => {
            let digits = &rest[1..rest.len().min(5)];
            match digits.iter().all(u8::is_ascii_hexdigit) {
                true if digits.len() == 4 => Ok(()),
                true => Err(NotJson::Short),
                false => Err(NotJson::Malformed),
            }
        }
        _ => Err(NotJson::Malformed),
    }
}

fn number(bytes: &[u8], start: usize) -> Behind {
    let mut at = skip(bytes, start, b"-");
    let zero = skip(bytes, at, b"0");
    at = if zero > at { zero } else { digits(bytes, at)? };
    let point = skip(bytes, at, b".");
    if point > at {
        at = digits(bytes, point)?;
    }
    let exponent = skip(bytes, at, b"eE");
    if exponent > at {
        at = digits(bytes, skip(bytes, exponent, b"+-"))?;
    }
    Ok(at)
}

/// Behind one byte if it is one of these.
#[inline]
fn skip(bytes: &[u8], at: usize, any: &[u8]) -> usize {
    at + usize::from(any.contains(&peek(bytes, at)))
}

#[inline]
fn digits(bytes: &[u8], start: usize) -> Behind {
    let mut at = start;
    while peek(bytes, at).is_ascii_digit() {
        at += 1;
    }
    if at == start {
        return Err(wrong(bytes, at));
    }
    Ok(at)
}

/// Behind a word.
fn behind(bytes: &[u8], at: usize, word: &[u8]) -> Behind {
    let rest = &bytes[at..];
    if !rest.starts_with(word) {
        return Err(if word.starts_with(rest) {
            NotJson::Short
        } else {
            NotJson::Malformed
        });
    }
    Ok(at + word.len())
}

/// Places fit, because a document is no longer than 2 GB and has no more values than bytes.
#[inline(always)]
pub(super) fn index(place: usize) -> u32 {
    place as u32
}
