//! Code systems, and maps from codes to meanings that hold each code once.
//!
//! Turns the `system` and `code` columns of a row into a key as the FHIR reader forms it, and refuses a
//! code that is listed twice with different meanings.

use super::page::{Page, Word};
use super::schema::terms as written;
use crate::clinical::vocabulary::Vocabulary;
use rustc_hash::FxHashMap as HashMap;

/// The word in the `system` column for a phrase of free text.
pub(super) const TEXT: &str = "text";

/// What the first columns of a row name.
pub(super) enum Named {
    /// A code of a known system.
    Code(Key),
    /// A lower-case phrase of free text.
    Phrase(Box<str>),
}

/// A code with the key of its system.
pub(super) type Key = (u8, Box<str>);

/// Code systems by address and alias.
#[derive(Default)]
pub(super) struct Systems {
    keys: HashMap<Box<str>, u8>,
    ndc: Option<u8>,
    categories: Vec<u8>,
    whole_drug_lists: Vec<u8>,
}

impl Systems {
    /// Reads `terms/systems.toml`.
    pub(super) fn read(page: &Page) -> Option<Self> {
        let mut systems = Systems::default();
        let rows = page.toml::<written::Systems>()?.system;
        for (index, row) in rows.iter().enumerate() {
            let Ok(key) = u8::try_from(index) else {
                page.refuse(row.uri.span(), "there are more than 256 systems");
                break;
            };
            let uri = row.uri.get_ref();
            if uri.ends_with("/ndc") {
                systems.ndc = Some(key);
            }
            if uri.contains("icd-10") {
                systems.categories.push(key);
            }
            if row.whole_drug_list {
                systems.whole_drug_lists.push(key);
            }
            for address in std::iter::once(&row.uri).chain(&row.aliases) {
                systems.name(page, address, key);
            }
        }
        Some(systems)
    }

    fn name(&mut self, page: &Page, address: &Word, key: u8) {
        let text = address.get_ref().as_str();
        if text == TEXT || self.keys.insert(text.into(), key).is_some() {
            page.refuse(
                address.span(),
                format!("the system '{text}' is listed twice or reserved"),
            );
        }
    }

    /// Key of an address.
    pub(super) fn key(&self, address: &str) -> Option<u8> {
        self.keys.get(address).copied()
    }

    /// Whether codes of the system have three-character categories that may be given as a range.
    pub(super) fn has_categories(&self, key: u8) -> bool {
        self.categories.contains(&key)
    }

    /// What a row names: a code, or with the system `text` the phrase in its code (or display) column.
    pub(super) fn named(&self, page: &Page, line: usize, columns: [&str; 3]) -> Option<Named> {
        let [system, code, display] = columns;
        if system == TEXT {
            let phrase = if code.is_empty() { display } else { code };
            if phrase.is_empty() {
                page.refuse_line(line, "the phrase is empty");
                return None;
            }
            return Some(Named::Phrase(phrase.to_lowercase().into()));
        }
        self.code(system, code)
            .map(Named::Code)
            .map_err(|says| page.refuse_line(line, says))
            .ok()
    }

    /// A code of a named system, in the form in which it is looked up.
    pub(super) fn code(&self, system: &str, code: &str) -> Result<Key, String> {
        let key = self
            .key(system)
            .ok_or_else(|| format!("the system '{system}' is not in systems.toml"))?;
        if code.is_empty() {
            return Err("the code is empty".to_owned());
        }
        if self.ndc != Some(key) {
            return Ok((key, code.into()));
        }
        match eleven_digits(code) {
            Some(digits) => Ok((key, digits.into())),
            None => Err(format!("'{code}' is not an NDC of 11 digits or with its hyphens")),
        }
    }

    /// Gives the vocabulary the map of addresses, and the systems of which it has the whole list of drugs.
    pub(super) fn into_vocabulary(self, vocabulary: &mut Vocabulary) {
        vocabulary.systems = self.keys;
        vocabulary.whole_drug_lists = self.whole_drug_lists;
    }
}

/// An NDC in its 11-digit form without hyphens: segments of 5, 4 and 2 digits, padded with zeros.
fn eleven_digits(code: &str) -> Option<String> {
    let segments: Vec<&str> = code.split('-').collect();
    let digits = match segments[..] {
        [whole] => whole.to_owned(),
        [labeler, product, package] => format!("{labeler:0>5}{product:0>4}{package:0>2}"),
        _ => return None,
    };
    (digits.len() == 11 && digits.bytes().all(|byte| byte.is_ascii_digit())).then_some(digits)
}

/// A map from codes to meanings that remembers where each came from.
pub(super) struct Codes<V>(HashMap<Key, (V, String)>);

impl<V> Default for Codes<V> {
    fn default() -> Self {
        Codes(HashMap::default())
    }
}

impl<V: PartialEq> Codes<V> {
    /// Adds a code; one that is there already with another meaning is refused.
    pub(super) fn add(&mut self, page: &Page, line: usize, key: Key, meaning: V) {
        if let Some((before, place)) = self.0.get(&key) {
            if *before != meaning {
                let code = &key.1;
                page.refuse_line(
                    line,
                    format!("the code '{code}' is listed twice with different meanings; first at {place}"),
                );
            }
            return;
        }
        self.0.insert(key, (meaning, page.place(line)));
    }

    /// The meanings, for the vocabulary.
    pub(super) fn into_map(self) -> HashMap<Key, V> {
        self.0
            .into_iter()
            .map(|(key, (meaning, _))| (key, meaning))
            .collect()
    }
}

/// Phrases with their meanings, each once.
pub(super) struct Phrases<V>(HashMap<Box<str>, V>);

impl<V> Default for Phrases<V> {
    fn default() -> Self {
        Phrases(HashMap::default())
    }
}

impl<V: PartialEq> Phrases<V> {
    /// Adds a phrase; one that is there already with another meaning is refused.
    pub(super) fn add(&mut self, page: &Page, line: usize, phrase: Box<str>, meaning: V) {
        match self.0.get(&phrase) {
            Some(before) if *before != meaning => {
                page.refuse_line(
                    line,
                    format!("the phrase '{phrase}' is listed twice with different meanings"),
                );
            }
            Some(_) => {}
            None => {
                self.0.insert(phrase, meaning);
            }
        }
    }

    /// The phrases as a map.
    pub(super) fn into_map(self) -> HashMap<Box<str>, V> {
        self.0
    }

    /// The phrases, longest first, so that the more precise one is found before its part.
    pub(super) fn into_longest_first(self) -> Vec<(Box<str>, V)> {
        let mut list: Vec<(Box<str>, V)> = self.0.into_iter().collect();
        list.sort_by(|(a, _), (b, _)| longest_first(a, b));
        list
    }
}

/// Order of phrases: longest first, then by their letters.
pub(super) fn longest_first(a: &str, b: &str) -> std::cmp::Ordering {
    b.len().cmp(&a.len()).then_with(|| a.cmp(b))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_ndc_has_eleven_digits_whatever_its_hyphens() {
        assert_eq!(eleven_digits("0469-0617-73").as_deref(), Some("00469061773"));
        assert_eq!(eleven_digits("16729-041-01").as_deref(), Some("16729004101"));
        assert_eq!(eleven_digits("68992-3075-1").as_deref(), Some("68992307501"));
        assert_eq!(eleven_digits("00469061773").as_deref(), Some("00469061773"));
        assert_eq!(eleven_digits("0469061773"), None);
        assert_eq!(eleven_digits("0469-x617-73"), None);
    }
}
