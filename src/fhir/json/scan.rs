//! The bytes of a JSON text, read once from the first to the last.
//!
//! Turns a text into the flat list of its values, or says that it is no JSON. It finds the ends of strings in 64
//! bytes at once and keeps the open lists and objects in a list of its own, so that it does not recurse. Follows
//! RFC 8259, sections 2 to 7.

use wide::u8x16;

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
    /// The first slot behind it and all that it holds; of a key, behind its value.
    pub(super) next: u32,
}

/// The values of a text in the order written.
pub(super) fn slots(text: &str) -> Result<Vec<Slot>, NotJson> {
    let bytes = text.as_bytes();
    let mut reader = Reader {
        bytes,
        marks: (0..=bytes.len() / BLOCK)
            .map(|n| marks_from(bytes, n * BLOCK))
            .collect(),
        // Resources have a value or a key for each ten bytes or so.
        slots: Vec::with_capacity(text.len() / 8),
        open: Vec::with_capacity(32),
    };
    reader.whole()?;
    Ok(reader.slots)
}

/// What was read so far. The place in the text is handed from step to step, so that it never leaves a register: each
/// step waits for it.
struct Reader<'b> {
    bytes: &'b [u8],
    /// Of each 64 bytes a bit for each that ends a string, begins an escape or may not stand in a string.
    marks: Vec<u64>,
    slots: Vec<Slot>,
    /// Places of the lists and objects that are not closed yet, and whether it is an object.
    open: Vec<(usize, bool)>,
}

/// The place behind what was read.
type Behind = Result<usize, NotJson>;

impl Reader<'_> {
    fn whole(&mut self) -> Result<(), NotJson> {
        let mut at = 0;
        loop {
            at = self.space(at);
            at = match self.peek(at) {
                b'"' => self.string(at, 1)?,
                first @ (b'{' | b'[') => {
                    let is_object = first == b'{';
                    let inside = self.opens(at, is_object);
                    let end = if is_object { b'}' } else { b']' };
                    if self.peek(inside) == end {
                        self.close(inside + 1)
                    } else {
                        at = if is_object { self.key(inside)? } else { inside };
                        continue;
                    }
                }
                b'-' | b'0'..=b'9' => self.number(at)?,
                b't' => self.word(at, b"true", Kind::True)?,
                b'f' => self.word(at, b"false", Kind::False)?,
                b'n' => self.word(at, b"null", Kind::Null)?,
                _ => return Err(self.wrong(at)),
            };
            // Behind a value: the next one, or the end of what holds it.
            loop {
                at = self.space(at);
                let Some(&(_, is_object)) = self.open.last() else {
                    let ended = at == self.bytes.len();
                    return ended.then_some(()).ok_or(NotJson::Malformed);
                };
                match (self.peek(at), is_object) {
                    (b',', true) => {
                        at = self.space(at + 1);
                        at = self.key(at)?;
                        break;
                    }
                    (b',', false) => {
                        at += 1;
                        break;
                    }
                    (b'}', true) | (b']', false) => at = self.close(at + 1),
                    _ => return Err(self.wrong(at)),
                }
            }
        }
    }

    /// Begins a list or an object; the place of what it holds.
    #[inline]
    fn opens(&mut self, at: usize, is_object: bool) -> usize {
        let kind = if is_object { Kind::Object } else { Kind::List };
        self.open.push((self.slots.len(), is_object));
        self.put(1, kind, at, at);
        self.space(at + 1)
    }

    /// Ends the innermost list or object before a place. In an object, the slot before it is its key.
    #[inline]
    fn close(&mut self, at: usize) -> usize {
        let Some((place, _)) = self.open.pop() else {
            return at;
        };
        let next = index(self.slots.len());
        let slot = &mut self.slots[place];
        (slot.end, slot.next) = (index(at), next);
        if matches!(self.open.last(), Some((_, true))) {
            self.slots[place - 1].next = next;
        }
        at
    }

    /// Adds a value or a key; the next of its list or object is so many `slots` from here.
    #[inline]
    fn put(&mut self, slots: usize, kind: Kind, start: usize, end: usize) {
        let next = index(self.slots.len() + slots);
        self.slots.push(Slot {
            kind,
            start: index(start),
            end: index(end),
            next,
        });
    }

    /// The byte at a place; zero, which begins nothing, at the end.
    #[inline]
    fn peek(&self, at: usize) -> u8 {
        self.bytes.get(at).copied().unwrap_or_default()
    }

    /// What is wrong where nothing that may follow follows.
    #[cold]
    fn wrong(&self, at: usize) -> NotJson {
        if at >= self.bytes.len() {
            NotJson::Short
        } else {
            NotJson::Malformed
        }
    }

    #[inline]
    fn space(&self, at: usize) -> usize {
        // Between machines there is seldom any.
        if self.peek(at) > b' ' {
            return at;
        }
        self.spaces(at)
    }

    #[inline(never)]
    fn spaces(&self, at: usize) -> usize {
        let is_space = |byte: &&u8| matches!(byte, b' ' | b'\n' | b'\r' | b'\t');
        at + self.bytes[at..].iter().take_while(is_space).count()
    }

    /// A key with its colon.
    #[inline]
    fn key(&mut self, at: usize) -> Behind {
        if self.peek(at) != b'"' {
            return Err(self.wrong(at));
        }
        let behind = self.string(at, 2)?;
        let behind = self.space(behind);
        if self.peek(behind) != b':' {
            return Err(self.wrong(behind));
        }
        Ok(behind + 1)
    }

    /// A string; the next of its list or object is so many `slots` from here.
    #[inline]
    fn string(&mut self, at: usize, slots: usize) -> Behind {
        let start = at + 1;
        let end = self.marked(start);
        if self.peek(end) != b'"' {
            return self.escaped(start, end, slots);
        }
        self.put(slots, Kind::Plain, start, end);
        Ok(end + 1)
    }

    /// A string that does not end at the first mark in it.
    #[inline(never)]
    fn escaped(&mut self, start: usize, mark: usize, slots: usize) -> Behind {
        let mut at = mark;
        loop {
            match self.bytes.get(at) {
                Some(b'"') => break,
                Some(b'\\') => at += escape(&self.bytes[at + 1..])?,
                Some(_) => return Err(NotJson::Malformed),
                None => return Err(NotJson::Short),
            }
            at = self.marked(at);
        }
        self.put(slots, Kind::Escaped, start, at);
        Ok(at + 1)
    }

    /// The first place from `at` on that is marked, or the end of the text.
    #[inline]
    fn marked(&self, at: usize) -> usize {
        let behind = at % BLOCK;
        let mut block = at / BLOCK;
        let mut marks = self.marks.get(block).map(|marks| marks >> behind << behind);
        while marks == Some(0) {
            block += 1;
            marks = self.marks.get(block).copied();
        }
        let place = |marks: u64| block * BLOCK + marks.trailing_zeros() as usize;
        marks.map_or(self.bytes.len(), place)
    }

    fn number(&mut self, start: usize) -> Behind {
        let mut at = self.skip(start, b"-");
        let zero = self.skip(at, b"0");
        at = if zero > at { zero } else { self.digits(at)? };
        let point = self.skip(at, b".");
        if point > at {
            at = self.digits(point)?;
        }
        let exponent = self.skip(at, b"eE");
        if exponent > at {
            at = self.digits(self.skip(exponent, b"+-"))?;
        }
        self.put(1, Kind::Number, start, at);
        Ok(at)
    }

    /// Behind one byte if it is one of these.
    #[inline]
    fn skip(&self, at: usize, any: &[u8]) -> usize {
        at + usize::from(any.contains(&self.peek(at)))
    }

    #[inline]
    fn digits(&self, start: usize) -> Behind {
        let mut at = start;
        while self.peek(at).is_ascii_digit() {
            at += 1;
        }
        if at == start {
            return Err(self.wrong(at));
        }
        Ok(at)
    }

    fn word(&mut self, at: usize, word: &[u8], kind: Kind) -> Behind {
        let rest = &self.bytes[at..];
        if !rest.starts_with(word) {
            return Err(if word.starts_with(rest) {
                NotJson::Short
            } else {
                NotJson::Malformed
            });
        }
        self.put(1, kind, at, at + word.len());
        Ok(at + word.len())
    }
}

/// Places fit, because a document is no longer than what `u32` counts and has no more values than bytes.
fn index(place: usize) -> u32 {
    place as u32
}

/// Bytes that are looked at together.
const BLOCK: usize = 64;

/// A bit for each of the 64 bytes from `at` on that ends a string, begins an escape or may not stand in a string. No
/// byte behind the text has one.
fn marks_from(bytes: &[u8], at: usize) -> u64 {
    let rest = &bytes[at..];
    if let Some(block) = rest.first_chunk() {
        return marks(block);
    }
    let mut block = [b' '; BLOCK];
    block[..rest.len()].copy_from_slice(rest);
    marks(&block)
}

#[inline]
fn marks(block: &[u8; BLOCK]) -> u64 {
    let quote = u8x16::splat(b'"');
    let backslash = u8x16::splat(b'\\');
    let control = u8x16::splat(0x1f);
    let (sixteens, _) = block.as_chunks::<16>();
    let mut marks = 0;
    for (place, sixteen) in sixteens.iter().enumerate() {
        let bytes = u8x16::new(*sixteen);
        // Not above the last control character, without a sign.
        let ends = bytes.simd_eq(quote) | bytes.simd_eq(backslash) | bytes.max(control).simd_eq(control);
        marks |= u64::from(ends.to_bitmask()) << (16 * place);
    }
    marks
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
