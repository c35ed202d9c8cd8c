//! The places in a JSON text that end a string, begin an escape or may not stand in a string.
//!
//! Turns a text into a bit for each of its bytes, 64 at once and all of them first, and the bits into places, one after
//! the other. It does not know what stands between them.

use super::scan::index;
use wide::u8x16;

/// Bytes that are looked at together.
const BLOCK: u32 = 64;

/// The places that end a string, begin an escape or may not stand in a string, one after the other. In front of a
/// string its quote is the next of them, because between strings there are only line breaks and tabs, which are passed.
#[derive(Clone, Copy)]
pub(super) struct Marks<'b> {
    all: &'b [u64],
    /// Where the block begins whose marks are given out.
    block: u32,
    /// A bit for each of them that is left.
    left: u64,
}

impl<'b> Marks<'b> {
    /// Those of a text, from its beginning on.
    pub(super) fn new(all: &'b [u64]) -> Self {
        Marks {
            all,
            block: 0,
            left: all[0],
        }
    }

    /// The next of them; a place behind the text if there is none.
    #[inline(always)]
    pub(super) fn next(&mut self) -> usize {
        self.find();
        self.take()
    }

    /// The one after the next: in front of a string, the first behind its quote.
    #[inline(always)]
    pub(super) fn after_next(&mut self) -> usize {
        let left = without_first(self.left);
        if left == 0 {
            self.find();
            self.left = without_first(self.left);
            self.find();
        } else {
            self.left = left;
        }
        self.take()
    }

    /// Goes on to those from a place on.
    #[inline(always)]
    pub(super) fn pass(&mut self, at: usize) {
        let behind = index(at) % BLOCK;
        self.block = index(at) - behind;
        self.left = self.all[(self.block / BLOCK) as usize] >> behind << behind;
    }

    /// Goes on to the block that has the next.
    #[inline(always)]
    fn find(&mut self) {
        while self.left == 0 {
            self.block += BLOCK;
            let Some(&left) = self.all.get((self.block / BLOCK) as usize) else {
                break;
            };
            self.left = left;
        }
    }

    #[inline(always)]
    fn take(&mut self) -> usize {
        let place = self.block + self.left.trailing_zeros();
        self.left = without_first(self.left);
        place as usize
    }
}

#[inline(always)]
fn without_first(marks: u64) -> u64 {
    marks & marks.wrapping_sub(1)
}

/// For each 64 bytes, and for what is left behind them, a bit for each byte that ends a string, begins an escape or may
/// not stand in a string.
#[inline(never)]
pub(super) fn marks(bytes: &[u8]) -> Vec<u64> {
    let (blocks, rest) = bytes.as_chunks();
    let mut last = [b' '; BLOCK as usize];
    last[..rest.len()].copy_from_slice(rest);
    blocks.iter().chain([&last]).map(marks_of).collect()
}

#[inline(always)]
fn marks_of(block: &[u8; BLOCK as usize]) -> u64 {
    let (two, space, backslash) = (u8x16::splat(2), u8x16::splat(b' '), u8x16::splat(b'\\'));
    let (sixteens, _) = block.as_chunks::<16>();
    let mut marks = 0;
    for (place, sixteen) in sixteens.iter().enumerate() {
        let bytes = u8x16::new(*sixteen);
        // With this bit turned, quotes and control characters are not above the space, and all else is.
        let ends = (bytes ^ two).max(space).simd_eq(space) | bytes.simd_eq(backslash);
        marks |= u64::from(ends.to_bitmask()) << (16 * place);
    }
    marks
}
