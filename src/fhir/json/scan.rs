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
    let reader = Reader {
        bytes,
        marks: Marks {
            bytes,
            block: 0,
            left: marks_from(bytes, 0),
        },
        // Resources have a value or a key for each ten bytes or so.
        slots: Vec::with_capacity(text.len() / 8),
        open: Vec::with_capacity(32),
    };
    reader.whole()
}

/// What was read so far. The place in the text is handed from step to step, so that it never leaves a register: each
/// step waits for it.
struct Reader<'b> {
    bytes: &'b [u8],
    marks: Marks<'b>,
    slots: Vec<Slot>,
    /// Places of the lists and objects that are not closed yet.
    open: Vec<u32>,
}

/// The place behind what was read.
type Behind = Result<usize, NotJson>;

impl Reader<'_> {
    fn whole(mut self) -> Result<Vec<Slot>, NotJson> {
        let (mut at, mut in_object) = (0, false);
        loop {
            if in_object {
                at = self.key(at)?;
            }
            at = match self.visible(&mut at) {
                b'"' => self.string(at, 1)?,
                first @ (b'{' | b'[') => {
                    in_object = first == b'{';
                    self.open(at, in_object);
                    at += 1;
                    if self.visible(&mut at) != first + 2 {
                        continue;
                    }
                    at
                }
                b'-' | b'0'..=b'9' => self.number(at)?,
                b't' => self.word(at, b"true", Kind::True)?,
                b'f' => self.word(at, b"false", Kind::False)?,
                b'n' => self.word(at, b"null", Kind::Null)?,
                _ => return Err(self.wrong(at)),
            };
            // Behind a value: the next one, or the end of what holds it.
            loop {
                let next = self.visible(&mut at);
                let Some(&place) = self.open.last() else {
                    let ended = at == self.bytes.len();
                    return ended.then_some(self.slots).ok_or(NotJson::Malformed);
                };
                let end = if in_object { b'}' } else { b']' };
                if next != b',' && next != end {
                    return Err(self.wrong(at));
                }
                at += 1;
                if next == b',' {
                    break;
                }
                in_object = self.close(place, at);
            }
        }
    }

    /// Begins a list or an object.
    #[inline(always)]
    fn open(&mut self, at: usize, is_object: bool) {
        let kind = if is_object { Kind::Object } else { Kind::List };
        self.open.push(index(self.slots.len()));
        self.put(1, kind, at, at);
    }

    /// Ends the innermost list or object before a place, and tells whether it stands in an object; there, the slot
    /// before it is its key.
    #[inline(always)]
    fn close(&mut self, place: u32, at: usize) -> bool {
        self.open.pop();
        let (place, next) = (place as usize, index(self.slots.len()));
        let slot = &mut self.slots[place];
        (slot.end, slot.next) = (index(at), next);
        let around = self.open.last().map(|&around| self.slots[around as usize].kind);
        let in_object = around == Some(Kind::Object);
        if in_object {
            self.slots[place - 1].next = next;
        }
        in_object
    }

    /// Adds a value or a key; the next of its list or object is so many `slots` from here.
    #[inline(always)]
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
    #[inline(always)]
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

    /// The next byte that is no space, of which there is seldom any between machines; moves `at` to it.
    #[inline(always)]
    fn visible(&self, at: &mut usize) -> u8 {
        let byte = self.peek(*at);
        if byte > b' ' {
            return byte;
        }
        *at = spaces(self.bytes, *at);
        self.peek(*at)
    }

    /// A key with its colon.
    #[inline(always)]
    fn key(&mut self, mut at: usize) -> Behind {
        if self.visible(&mut at) != b'"' {
            return Err(self.wrong(at));
        }
        at = self.string(at, 2)?;
        if self.visible(&mut at) != b':' {
            return Err(self.wrong(at));
        }
        Ok(at + 1)
    }

    /// A string; the next of its list or object is so many `slots` from here.
    #[inline(always)]
    fn string(&mut self, at: usize, slots: usize) -> Behind {
        let end = self.marks.not_before(at + 1);
        if self.peek(end) != b'"' {
            return self.escaped(at + 1, end, slots);
        }
        self.put(slots, Kind::Plain, at + 1, end);
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
            at = self.marks.not_before(at);
        }
        self.put(slots, Kind::Escaped, start, at);
        Ok(at + 1)
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

#[inline(never)]
fn spaces(bytes: &[u8], at: usize) -> usize {
    let is_space = |byte: &&u8| matches!(byte, b' ' | b'\n' | b'\r' | b'\t');
    at + bytes[at..].iter().take_while(is_space).count()
}

/// Places fit, because a document is no longer than what `u32` counts and has no more values than bytes.
fn index(place: usize) -> u32 {
    place as u32
}

/// Bytes that are looked at together.
const BLOCK: usize = 64;

/// The places that end a string, begin an escape or may not stand in a string, one after the other.
struct Marks<'b> {
    bytes: &'b [u8],
    /// Where the block begins whose marks are given out.
    block: usize,
    /// A bit for each of them that is left.
    left: u64,
}

impl Marks<'_> {
    /// The first of them at a place or behind it, or the end of the text. What was passed over or given out does not
    /// come again.
    #[inline(always)]
    fn not_before(&mut self, at: usize) -> usize {
        loop {
            while self.left == 0 {
                if self.block + BLOCK >= self.bytes.len() {
                    return self.bytes.len();
                }
                self.block += BLOCK;
                self.left = marks_from(self.bytes, self.block);
            }
            let place = self.block + self.left.trailing_zeros() as usize;
            self.left &= self.left - 1;
            if place >= at {
                return place;
            }
        }
    }
}

/// A bit for each of the 64 bytes from `at` on that ends a string, begins an escape or may not stand in a string. No
/// byte behind the text has one.
#[inline(always)]
fn marks_from(bytes: &[u8], at: usize) -> u64 {
    let rest = bytes.get(at..).unwrap_or_default();
    if let Some(block) = rest.first_chunk() {
        return marks(block);
    }
    let mut block = [b' '; BLOCK];
    block[..rest.len()].copy_from_slice(rest);
    marks(&block)
}

#[inline(always)]
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
