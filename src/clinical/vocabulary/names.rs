//! Names that are looked for in free texts.
//!
//! Turns a list of phrases into one that can tell at once that a text holds none of them. It judges no text: what a
//! phrase means where it stands, and whether it is denied, is said elsewhere.

use rustc_hash::FxHashSet as HashSet;
use std::ops::Deref;

/// Lower-case names with what they mean, longest first. They are asked of every text, and most texts hold no word
/// that begins like one of them: those need no search.
pub struct Names<T> {
    longest_first: Vec<(Box<str>, T)>,
    /// How they begin: their first four bytes, filled up with zeros.
    starts: HashSet<[u8; 4]>,
}

impl<T> Default for Names<T> {
    fn default() -> Self {
        Vec::new().into()
    }
}

impl<T> From<Vec<(Box<str>, T)>> for Names<T> {
    fn from(longest_first: Vec<(Box<str>, T)>) -> Self {
        let starts = longest_first.iter().map(|(name, _)| start_of(name, 4)).collect();
        Names {
            longest_first,
            starts,
        }
    }
}

impl<T> Deref for Names<T> {
    type Target = [(Box<str>, T)];

    fn deref(&self) -> &Self::Target {
        &self.longest_first
    }
}

impl<T> Names<T> {
    /// Whether one of them may stand at the beginning of a text.
    pub fn may_begin(&self, text: &str) -> bool {
        (1..=4).any(|length| self.starts.contains(&start_of(text, length)))
    }
}

/// The first bytes of a text, filled up with zeros.
fn start_of(text: &str, length: usize) -> [u8; 4] {
    let mut start = [0; 4];
    for (to, from) in start.iter_mut().zip(text.bytes().take(length)) {
        *to = from;
    }
    start
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_begins_a_text_or_nothing_like_it_does() {
        let names: Names<u8> = vec![("placidone".into(), 1), ("tac".into(), 2)].into();
        for text in ["placidone 5 mg", "placid", "tac", "tac 1 mg", "tacrine"] {
            assert!(names.may_begin(text), "{text}");
        }
        for text in ["", "pl", "xplacidone", "ta", "5 mg"] {
            assert!(!names.may_begin(text), "{text}");
        }
        assert_eq!(names.len(), 2);
    }
}
