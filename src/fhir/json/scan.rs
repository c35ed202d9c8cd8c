//! The bytes of a JSON text, read once from the first to the last.
//!
//! Turns a text into the flat list of its values, or says that it is no JSON. It looks at eight bytes of a string
//! at a time and keeps the open lists and objects in a list of its own, so that it does not recurse. Follows
//! RFC 8259, sections 2 to 7.

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

/// One value, or the key before it. A string lies between its quotes.
#[derive(Clone, Copy)]
pub(super) struct Slot {
    pub(super) kind: Kind,
    pub(super) start: u32,
    pub(super) end: u32,
    /// The first slot behind it and all that it holds.
    pub(super) next: u32,
}

/// The values of a text in the order written.
pub(super) fn slots(text: &str) -> Result<Vec<Slot>, NotJson> {
    let mut reader = Reader {
        bytes: text.as_bytes(),
        at: 0,
        // Resources have a value or a key for each ten bytes or so.
        slots: Vec::with_capacity(text.len() / 8),
        open: Vec::with_capacity(32),
    };
    reader.whole()?;
    Ok(reader.slots)
}

struct Reader<'b> {
    bytes: &'b [u8],
    at: usize,
    slots: Vec<Slot>,
    /// Places of the lists and objects that are not closed yet, and whether it is an object.
    open: Vec<(usize, bool)>,
}

impl Reader<'_> {
    fn whole(&mut self) -> Result<(), NotJson> {
        loop {
            self.space();
            match self.peek() {
                b'"' => self.string()?,
                b'{' | b'[' => {
                    if self.opens()? {
                        continue;
                    }
                }
                b'-' | b'0'..=b'9' => self.number()?,
                b't' => self.word(b"true", Kind::True)?,
                b'f' => self.word(b"false", Kind::False)?,
                b'n' => self.word(b"null", Kind::Null)?,
                _ => return Err(self.wrong()),
            }
            if self.closes()? {
                return Ok(());
            }
        }
    }

    /// Begins a list or an object; whether a value follows.
    fn opens(&mut self) -> Result<bool, NotJson> {
        let place = self.slots.len();
        let is_object = self.bytes[self.at] == b'{';
        let (kind, end) = if is_object {
            (Kind::Object, b'}')
        } else {
            (Kind::List, b']')
        };
        self.put(kind, self.at, self.at);
        self.at += 1;
        self.space();
        if self.peek() == end {
            self.at += 1;
            self.close(place);
            return Ok(false);
        }
        self.open.push((place, is_object));
        if is_object {
            self.key()?;
        }
        Ok(true)
    }

    /// Goes on behind a value, to the next one; whether the whole text has ended.
    #[inline]
    fn closes(&mut self) -> Result<bool, NotJson> {
        loop {
            self.space();
            let Some(&(place, is_object)) = self.open.last() else {
                let ended = self.at == self.bytes.len();
                return ended.then_some(true).ok_or(NotJson::Malformed);
            };
            match (self.peek(), is_object) {
                (b',', true) => {
                    self.at += 1;
                    self.space();
                    self.key()?;
                    return Ok(false);
                }
                (b',', false) => {
                    self.at += 1;
                    return Ok(false);
                }
                (b'}', true) | (b']', false) => {
                    self.at += 1;
                    self.open.pop();
                    self.close(place);
                }
                _ => return Err(self.wrong()),
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

    /// The next byte; zero, which begins nothing, at the end.
    fn peek(&self) -> u8 {
        self.bytes.get(self.at).copied().unwrap_or_default()
    }

    /// What is wrong where nothing that may follow follows.
    #[cold]
    fn wrong(&self) -> NotJson {
        if self.at >= self.bytes.len() {
            NotJson::Short
        } else {
            NotJson::Malformed
        }
    }

    #[inline]
    fn space(&mut self) {
        // Between machines there is seldom any.
        if self.peek() <= b' ' {
            self.spaces();
        }
    }

    fn spaces(&mut self) {
        while matches!(self.peek(), b' ' | b'\n' | b'\r' | b'\t') {
            self.at += 1;
        }
    }

    /// A key with its colon.
    #[inline]
    fn key(&mut self) -> Result<(), NotJson> {
        if self.peek() != b'"' {
            return Err(self.wrong());
        }
        self.string()?;
        self.space();
        if self.peek() != b':' {
            return Err(self.wrong());
        }
        self.at += 1;
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
        let found = any.contains(&self.peek());
        self.at += usize::from(found);
        found
    }

    fn digits(&mut self) -> Result<(), NotJson> {
        if !self.peek().is_ascii_digit() {
            return Err(self.wrong());
        }
        while self.peek().is_ascii_digit() {
            self.at += 1;
        }
        Ok(())
    }

    fn word(&mut self, word: &[u8], kind: Kind) -> Result<(), NotJson> {
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
        Ok(())
    }
}

/// Places fit, because a document is no longer than what `u32` counts and has no more values than bytes.
fn index(place: usize) -> u32 {
    place as u32
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
        let quote = zero(eight ^ (ONES * u64::from(b'"')));
        let backslash = zero(eight ^ (ONES * u64::from(b'\\')));
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
