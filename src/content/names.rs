//! What the names in a table mean: lookups that record what they do not find.
//!
//! Turns words of a page into identifiers. A signal or source is looked up among the withdrawal's own
//! first, then among the shared ones.

use super::drugs::DrugKeys;
use super::page::{Page, Word};
use super::scalar;
use super::terms::TermKeys;
use crate::clinical::knowledge::{DrugSet, SignalId, SourceId};
use crate::clinical::vocabulary::{AnalyteId, GroupId, IngredientId, Vocabulary};
use rust_decimal::Decimal;
use rustc_hash::FxHashMap as HashMap;
use toml::Spanned;

/// Signals and sources of one folder by name.
#[derive(Default)]
pub(super) struct Listed {
    /// Signals.
    pub(super) signals: HashMap<String, SignalId>,
    /// Sources.
    pub(super) sources: HashMap<String, SourceId>,
}

/// Everything that a name may mean, from inside one folder.
#[derive(Clone, Copy)]
pub(super) struct Scope<'a> {
    /// Codes and names.
    pub(super) vocabulary: &'a Vocabulary,
    /// Keys of analytes and groups.
    pub(super) terms: &'a TermKeys,
    /// Keys and classes of ingredients.
    pub(super) drugs: &'a DrugKeys,
    /// Signals and sources of all.
    pub(super) shared: &'a Listed,
    /// Signals and sources of the withdrawal.
    pub(super) own: Option<&'a Listed>,
}

/// A page and what its names mean.
#[derive(Clone, Copy)]
pub(super) struct Desk<'a> {
    /// The page.
    pub(super) page: Page<'a>,
    /// The names.
    pub(super) scope: Scope<'a>,
}

impl Desk<'_> {
    /// What a word of the page means, from a table of the given name. Where that table could not be
    /// read, its own problem is told, and the word may well be right.
    fn known<T>(&self, found: Option<T>, word: &Word, what: &str, table: &str) -> Option<T> {
        if found.is_none() && !self.page.is_unread(table) {
            self.page
                .refuse(word.span(), format!("there is no {what} '{}'", word.get_ref()));
        }
        found
    }

    /// The analyte of that key.
    pub(super) fn analyte(&self, word: &Word) -> Option<AnalyteId> {
        self.known(
            self.scope.terms.analytes.get(word.get_ref()).copied(),
            word,
            "analyte",
            "terms/analytes.toml",
        )
    }

    /// The analytes of a list.
    pub(super) fn analytes(&self, words: &[Word]) -> Vec<AnalyteId> {
        words.iter().filter_map(|word| self.analyte(word)).collect()
    }

    /// The groups of a list.
    pub(super) fn groups(&self, words: &[Word]) -> Vec<GroupId> {
        let group = |word| {
            self.known(
                self.scope.terms.groups.get(Spanned::get_ref(word)).copied(),
                word,
                "group",
                "terms/groups.csv",
            )
        };
        words.iter().filter_map(group).collect()
    }

    /// The ingredient of a key.
    pub(super) fn ingredient(&self, word: &Word) -> Option<IngredientId> {
        self.known(
            self.scope.drugs.ingredients.get(word.get_ref()).copied(),
            word,
            "ingredient",
            "terms/ingredients.toml",
        )
    }

    /// The source of a key.
    pub(super) fn source(&self, word: &Word) -> Option<SourceId> {
        let named = |listed: &Listed| listed.sources.get(word.get_ref()).copied();
        let found = self
            .scope
            .own
            .and_then(named)
            .or_else(|| named(self.scope.shared));
        self.known(found, word, "source", "sources.toml")
    }

    /// The sources of a statement: at least one.
    pub(super) fn sources(&self, words: &Spanned<Vec<Word>>) -> Vec<SourceId> {
        if words.get_ref().is_empty() {
            self.page
                .refuse(words.span(), "a statement has at least one source");
        }
        words
            .get_ref()
            .iter()
            .filter_map(|word| self.source(word))
            .collect()
    }

    /// The signal of a name.
    pub(super) fn signal(&self, name: &str, place: std::ops::Range<usize>) -> Option<SignalId> {
        let named = |listed: &Listed| listed.signals.get(name).copied();
        let found = self
            .scope
            .own
            .and_then(named)
            .or_else(|| named(self.scope.shared));
        if found.is_none() && !self.page.is_unread("signals.toml") {
            self.page.refuse(place, format!("there is no signal '{name}'"));
        }
        found
    }

    /// A set of drugs: ingredients and classes, families expanded, less what stands behind `not`.
    pub(super) fn drug_set(&self, words: &[Word]) -> DrugSet {
        let mut set = DrugSet {
            ingredients: Vec::new(),
            itself: false,
        };
        let mut left_out = Vec::new();
        for word in words {
            let name = word.get_ref().as_str();
            if name == "itself" {
                set.itself = true;
            } else if let Some(name) = name.strip_prefix("not ") {
                left_out.extend(self.members(word, name));
            } else {
                set.ingredients.extend(self.members(word, name));
            }
        }
        set.ingredients.retain(|id| !left_out.contains(id));
        set.ingredients.sort();
        set.ingredients.dedup();
        if set.ingredients.is_empty() && !left_out.is_empty() && !set.itself {
            let place = words.first().map_or(0..0, Word::span);
            self.page.refuse(place, "nothing is left of this set of drugs");
        }
        set
    }

    /// The ingredients of a family or a class.
    fn members(&self, word: &Word, name: &str) -> Vec<IngredientId> {
        if let Some(&id) = self.scope.drugs.ingredients.get(name) {
            self.family(id).collect()
        } else if let Some(members) = self.scope.drugs.classes.get(name) {
            members.clone()
        } else {
            self.page
                .refuse(word.span(), format!("there is no ingredient or class '{name}'"));
            Vec::new()
        }
    }

    fn family(&self, of: IngredientId) -> impl Iterator<Item = IngredientId> {
        let vocabulary = self.scope.vocabulary;
        (0u16..)
            .map(IngredientId)
            .take(vocabulary.ingredients.len())
            .filter(move |id| vocabulary.same_family(*id, of))
    }

    /// A quantity of an analyte in its canonical unit.
    pub(super) fn quantity(
        &self,
        analyte: AnalyteId,
        text: &str,
        place: std::ops::Range<usize>,
    ) -> Option<Decimal> {
        let known = self.scope.vocabulary.analyte(analyte);
        let Some((number, unit)) = scalar::quantity(text) else {
            self.page
                .refuse(place, format!("'{text}' is not a number with a unit"));
            return None;
        };
        if known.units.is_empty() {
            self.page.refuse(
                place,
                format!("'{}' is a coded result and has no numbers", known.key),
            );
            return None;
        }
        let Some(factor) = known.units.get(unit) else {
            let says = if unit.is_empty() {
                format!("'{text}' has no unit")
            } else {
                format!("'{}' does not know the unit '{unit}'", known.key)
            };
            self.page.refuse(place, says);
            return None;
        };
        scalar::convert(number, *factor)
    }
}
