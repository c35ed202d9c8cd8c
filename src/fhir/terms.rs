//! What codes and texts of a record mean, by the vocabulary and the client's own codes.
//!
//! Turns codings and concepts into drugs, analytes, groups and findings. Codes come first; texts count
//! only where no code does, and only as whole words. An unknown code stays unknown.

use super::elements::{Coding, Concept};
use crate::clinical::vocabulary::{
    DrugCode, Finding, FormulationId, GroupId, LabCode, LevelTiming, Names, Site, Vocabulary,
};
use rust_decimal::Decimal;
use smallvec::SmallVec;
use std::borrow::Cow;
use std::collections::HashMap;

/// System and code of a standard coding.
type Standard = (Box<str>, Box<str>);

/// A client's own codes, each with the standard coding that it stands for.
#[derive(Clone, Debug, Default)]
pub struct LocalCodes {
    by_system: HashMap<Box<str>, HashMap<Box<str>, Standard>>,
}

impl LocalCodes {
    /// Adds a code; `to` is system and code of the standard coding. An empty system stands for codings
    /// that are sent without one.
    pub fn insert(&mut self, system: &str, code: &str, to: (&str, &str)) {
        let codes = self.by_system.entry(system.into()).or_default();
        codes.insert(code.into(), (to.0.into(), to.1.into()));
    }

    /// The standard coding of a code.
    pub fn standard(&self, system: &str, code: &str) -> Option<(&str, &str)> {
        let (system, code) = self.by_system.get(system)?.get(code)?;
        Some((system, code))
    }

    /// Every local coding as system, code and the standard coding.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &str, (&str, &str))> {
        self.by_system.iter().flat_map(|(system, codes)| {
            codes
                .iter()
                .map(move |(code, (to, standard))| (&**system, &**code, (&**to, &**standard)))
        })
    }
}

/// The vocabulary with the client's own codes.
#[derive(Clone, Copy)]
pub(crate) struct Terms<'v> {
    pub(crate) vocabulary: &'v Vocabulary,
    pub(crate) local: &'v LocalCodes,
}

impl<'v> Terms<'v> {
    /// System and code of a coding, in standard terms where the client's map has it.
    fn standard<'c>(&self, coding: &'c Coding<'_>) -> Option<(&'c str, &'c str)>
    where
        'v: 'c,
    {
        let (system, code) = (coding.system.or_empty(), coding.code.get()?);
        Some(self.local.standard(system, code).unwrap_or((system, code)))
    }

    /// Whether the coding is of a system that the vocabulary speaks.
    pub(crate) fn speaks(&self, coding: &Coding<'_>) -> bool {
        self.standard(coding)
            .is_some_and(|(system, _)| self.vocabulary.system(system).is_some())
    }

    /// Whether the coding is of a system of which every code of a known drug is on our lists.
    pub(crate) fn knows_every_drug(&self, coding: &Coding<'_>) -> bool {
        let system = |(system, _)| self.vocabulary.system(system);
        let key = self.standard(coding).and_then(system);
        key.is_some_and(|key| self.vocabulary.whole_drug_lists.contains(&key))
    }

    /// The drug of a coding; package codes also without their hyphens and in their long form.
    pub(crate) fn drug(&self, coding: &Coding<'_>) -> Option<DrugCode> {
        let (system, code) = self.standard(coding)?;
        let direct = self.vocabulary.drug_code(system, code);
        direct
            .or_else(|| {
                let parts: Vec<&str> = code.split('-').collect();
                let [labeler, product, package] = parts[..] else {
                    return None;
                };
                self.vocabulary.drug_code(system, &parts.concat()).or_else(|| {
                    self.vocabulary
                        .drug_code(system, &format!("{labeler:0>5}{product:0>4}{package:0>2}"))
                })
            })
            .copied()
    }

    /// What people call a drug: its product, or its ingredient.
    pub(crate) fn name_of(&self, drug: DrugCode) -> &'v str {
        match drug.product {
            Some(product) => &self.vocabulary.product(product).name,
            None => &self.vocabulary.ingredient(drug.ingredient).name,
        }
    }

    /// The drug that a lower-case text names, by the longest name in it.
    pub(crate) fn drug_named(&self, text: &Words<'_>) -> Option<DrugCode> {
        let mut named = text.held(&self.vocabulary.drug_names);
        named.next().map(|(_, drug)| *drug)
    }

    /// The drug that a lower-case text names and does not deny.
    pub(crate) fn drug_said(&self, text: &Words<'_>) -> Option<DrugCode> {
        let mut named = text.held(&self.vocabulary.drug_names);
        named.find_map(|(name, drug)| self.says(text, name).then_some(*drug))
    }

    /// The analyte of a concept. Among codes of one analyte the one that says more about timing or assay counts.
    pub(crate) fn lab(&self, concept: &Concept<'_>) -> Option<&'v LabCode> {
        let mut found: Option<&'v LabCode> = None;
        for coding in &concept.coding.0 {
            let Some((system, code)) = self.standard(coding) else {
                continue;
            };
            let Some(lab) = self.vocabulary.lab_code(system, code) else {
                continue;
            };
            let says_more = |old: &LabCode| {
                old.analyte == lab.analyte
                    && old.timing == LevelTiming::Unstated
                    && (lab.timing != LevelTiming::Unstated || old.assay.is_empty())
            };
            if found.is_none_or(says_more) {
                found = Some(lab);
            }
        }
        found
    }

    /// The analyte that a concept perhaps means: its code is one of an analyte, and its system is missing or unknown.
    pub(crate) fn lab_perhaps(&self, concept: &Concept<'_>) -> Option<&'v LabCode> {
        concept.coding.0.iter().find_map(|coding| {
            let (system, code) = self.standard(coding)?;
            let unknown = self.vocabulary.system(system).is_none();
            unknown.then(|| self.vocabulary.lab_code_anywhere(code)).flatten()
        })
    }

    /// Whether a concept may belong to a group that its codes do not tell: a coding lacks its code, or it has no system
    /// and its code is one of a group. A code of a system that the vocabulary does not speak is a code of its own.
    pub(crate) fn may_be_of_a_group(&self, concept: &Concept<'_>) -> bool {
        let mut codings = concept.coding.0.iter();
        self.lacks_code(concept)
            || codings.any(|coding| {
                self.standard(coding).is_some_and(|(system, code)| {
                    system.is_empty() && self.vocabulary.is_group_anywhere(code)
                })
            })
    }

    /// Whether a concept has a coding of a system that the vocabulary speaks without a code in it, or one that says
    /// nothing.
    pub(crate) fn lacks_code(&self, concept: &Concept<'_>) -> bool {
        let is_code = |code: &str| code.bytes().all(|byte| byte.is_ascii_graphic() || byte == b' ');
        let mut codings = concept.coding.0.iter();
        codings.any(|coding| match coding.code.get() {
            Some(code) => !is_code(code),
            None if coding.system.get().is_none() => coding.display.get().is_none(),
            None => self.vocabulary.system(coding.system.or_empty()).is_some(),
        })
    }

    /// Groups of a concept: by its codes; by its texts only where no code has a group, apart from the
    /// phrases that say more than a code can. Says whether a code has one.
    pub(crate) fn groups(&self, concept: &Concept<'_>, into: &mut Vec<GroupId>) -> bool {
        let before = into.len();
        for coding in &concept.coding.0 {
            let Some((system, code)) = self.standard(coding) else {
                continue;
            };
            let found = into.len();
            self.vocabulary.groups_of(system, code, into);
            if into.len() == found
                && let Some(dotted) = dotted(code)
            {
                self.vocabulary.groups_of(system, &dotted, into);
            }
        }
        let by_code = into.len() > before;
        let names = if !by_code {
            &self.vocabulary.group_names
        } else {
            &self.vocabulary.group_names_beside_codes
        };
        if !names.is_empty() {
            concept
                .texts()
                .for_each(|text| self.groups_named(names, text, into));
        }
        by_code
    }

    /// Groups that a free text names, and does not deny.
    fn groups_named(&self, names: &Names<GroupId>, text: &str, into: &mut Vec<GroupId>) {
        let text = text.to_lowercase();
        let words = Words::of(&text);
        for (name, group) in words.held(names) {
            if !into.contains(group) && self.says(&words, name) {
                into.push(*group);
            }
        }
    }

    /// Whether a lower-case text holds a phrase where it does not deny it.
    pub(crate) fn says(&self, text: &Words<'_>, phrase: &str) -> bool {
        let denials = &self.vocabulary.denials;
        text.places(phrase)
            .any(|at| !denials.denies(text.text, at, phrase))
    }

    /// The finding that a concept is: by code, else by its whole text.
    pub(crate) fn finding(&self, concept: &Concept<'_>) -> Option<Finding> {
        let coded = concept.coding.0.iter().find_map(|coding| {
            let (system, code) = self.standard(coding)?;
            self.vocabulary.finding(system, code)
        });
        coded.or_else(|| concept.texts().find_map(|text| self.finding_word(text)))
    }

    /// The finding that a whole text is.
    pub(crate) fn finding_word(&self, text: &str) -> Option<Finding> {
        let words = &self.vocabulary.finding_words;
        words
            .get(text.trim().trim_end_matches('.').to_lowercase().as_str())
            .copied()
    }

    /// Doses per day of a coded timing.
    pub(crate) fn timing(&self, coding: &Coding<'_>) -> Option<Decimal> {
        let (system, code) = self.standard(coding)?;
        self.vocabulary.timing(system, code)
    }

    /// Systemic or local by the codes of a route or form.
    pub(crate) fn route(&self, concept: &Concept<'_>) -> Option<Site> {
        concept.coding.0.iter().find_map(|coding| {
            let (system, code) = self.standard(coding)?;
            self.vocabulary.route(system, code)
        })
    }

    /// Systemic or local by the words of a lower-case text; `None` if it says neither or both.
    pub(crate) fn site_in(&self, text: &Words<'_>) -> Option<Site> {
        let mut said = text.held(&self.vocabulary.site_words).map(|(_, site)| *site);
        let first = said.next()?;
        said.all(|site| site == first).then_some(first)
    }

    /// The formulation of a drug that a lower-case text names.
    pub(crate) fn formulation_in(&self, text: &Words<'_>, drug: DrugCode) -> Option<FormulationId> {
        let of_drug = |id: FormulationId| self.vocabulary.formulation(id).ingredient == drug.ingredient;
        let words = self.vocabulary.formulation_words.iter();
        words
            .filter(|(_, id)| of_drug(*id))
            .find_map(|(word, id)| text.has(word).then_some(*id))
    }
}

/// A category code written without its dot.
fn dotted(code: &str) -> Option<Cow<'static, str>> {
    let plain = code.len() > 3 && code.is_ascii() && !code.contains('.');
    let shaped = code.as_bytes().first().is_some_and(u8::is_ascii_uppercase)
        && code.as_bytes().get(1).is_some_and(u8::is_ascii_digit);
    (plain && shaped).then(|| Cow::Owned(format!("{}.{}", &code[..3], &code[3..])))
}

/// A lower-case text with the places where its words begin, to be asked for many phrases.
pub(crate) struct Words<'t> {
    text: &'t str,
    starts: Starts,
}

/// Most texts have a few words.
type Starts = SmallVec<[usize; 16]>;

impl<'t> Words<'t> {
    /// Of a text that is lower case already.
    pub(crate) fn of(text: &'t str) -> Self {
        let starts = match text.is_ascii() {
            true => starts(text.bytes().map(|byte| byte.is_ascii_alphanumeric()).enumerate()),
            false => starts(text.char_indices().map(|(at, c)| (at, c.is_alphanumeric()))),
        };
        Words { text, starts }
    }

    /// The names that it holds, in their order. A word is compared with those that begin like it.
    pub(crate) fn held<'n, T>(&self, names: &'n Names<T>) -> impl Iterator<Item = &'n (Box<str>, T)> {
        let mut held: SmallVec<[u32; 8]> = SmallVec::new();
        for start in &self.starts {
            let alike = names.beginning(&self.text[*start..]);
            held.extend(alike.filter(|place| self.is_at(*start, &names[*place as usize].0)));
        }
        held.sort_unstable();
        held.dedup();
        held.into_iter().map(|place| &names[place as usize])
    }

    /// Whether it holds a phrase, which begins with a letter or digit, as whole words.
    pub(crate) fn has(&self, phrase: &str) -> bool {
        self.after(phrase).is_some()
    }

    /// The text behind the first place where it holds a phrase as whole words.
    pub(crate) fn after(&self, phrase: &str) -> Option<&'t str> {
        let at = self.places(phrase).next()?;
        Some(&self.text[at + phrase.len()..])
    }

    /// Every place where it holds a phrase as whole words.
    pub(crate) fn places(&self, phrase: &str) -> impl Iterator<Item = usize> {
        self.starts
            .iter()
            .copied()
            .filter(move |start| self.is_at(*start, phrase))
    }

    /// Whether a phrase stands at a place as whole words.
    fn is_at(&self, start: usize, phrase: &str) -> bool {
        let rest = self.text[start..].strip_prefix(phrase);
        let bounded = || phrase.ends_with(char::is_alphanumeric);
        let whole = rest.is_some_and(|rest| !rest.starts_with(char::is_alphanumeric) || !bounded());
        whole && !phrase.is_empty()
    }
}

/// The places where a word begins, of places with whether a letter or digit stands there.
fn starts(places: impl Iterator<Item = (usize, bool)>) -> Starts {
    let mut inside = false;
    let begins = |(at, word): (usize, bool)| {
        let begins = word && !inside;
        inside = word;
        begins.then_some(at)
    };
    places.filter_map(begins).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn phrases_are_whole_words() {
        assert!(Words::of("take by mouth, daily").has("by mouth"));
        assert!(!Words::of("carpool").has("po"));
        assert!(!Words::of("5po").has("po"));
        assert!(Words::of("p.o. daily").has("p.o."));
        assert_eq!(Words::of("ab restart on x").after("restart on"), Some(" x"));
        assert!(!Words::of("a").has("") && !Words::of("").has("a"));
    }

    #[test]
    fn local_codes_stand_for_standard_ones() {
        let mut local = LocalCodes::default();
        local.insert("urn:lab", "TAC", ("http://lab.example", "1"));
        assert_eq!(
            local.standard("urn:lab", "TAC"),
            Some(("http://lab.example", "1"))
        );
        assert_eq!(local.standard("urn:lab", "tac"), None);
        assert_eq!(local.iter().count(), 1);
    }
}
