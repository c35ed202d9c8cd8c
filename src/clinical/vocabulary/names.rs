//! Names that are looked for in free texts.
//!
//! Turns a list of phrases into one that gives at once the few that may stand at a place. It judges no text: what a
//! phrase means where it stands, and whether it is denied, is said elsewhere.

use rustc_hash::FxHashMap as HashMap;
use smallvec::SmallVec;
use std::ops::Deref;

/// Lower-case names with what they mean, in an order of their own, mostly the longest first. They are asked of every text, and most words begin like none
/// of them.
pub struct Names<T> {
    names: Vec<(Box<str>, T)>,
    /// Their places, by how they begin: their first four bytes, filled up with zeros.
    starts: HashMap<[u8; 4], SmallVec<[u32; 2]>>,
    /// How long the shortest of these beginnings is.
    shortest: usize,
}

impl<T> Default for Names<T> {
    fn default() -> Self {
        Vec::new().into()
    }
}

impl<T> From<Vec<(Box<str>, T)>> for Names<T> {
    fn from(names: Vec<(Box<str>, T)>) -> Self {
        let mut starts: HashMap<_, SmallVec<_>> = HashMap::default();
        for (place, (name, _)) in (0..).zip(&names) {
            starts.entry(start_of(name, 4)).or_default().push(place);
        }
        let lengths = names.iter().map(|(name, _)| name.len().min(4));
        let shortest = lengths.min().unwrap_or(4);
        Names {
            names,
            starts,
            shortest,
        }
    }
}

impl<T> Deref for Names<T> {
    type Target = [(Box<str>, T)];

    fn deref(&self) -> &Self::Target {
        &self.names
    }
}

impl<T> Names<T> {
    /// Places of those that may stand at the beginning of a text; no other does.
    pub fn beginning(&self, text: &str) -> impl Iterator<Item = u32> {
        let lengths = self.shortest..=4;
        let alike = lengths.filter_map(move |length| self.starts.get(&start_of(text, length)));
        alike.flatten().copied()
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
            assert!(names.beginning(text).next().is_some(), "{text}");
        }
        for text in ["", "pl", "xplacidone", "ta", "5 mg"] {
            assert!(names.beginning(text).next().is_none(), "{text}");
        }
        assert_eq!(names.len(), 2);
    }
}
