//! Codes and names to meanings: what `hooks/terms` and the products of each withdrawal teach us.
//!
//! Turns a coding or a text into an ingredient, a product, an analyte, a finding or a group of
//! conditions. It never guesses: an unknown code is `None`, and text counts only where no code does.
//! Built once at start-up by `content`; immutable afterwards.

mod names;

use super::wording::Denials;
use rust_decimal::Decimal;
use rustc_hash::FxHashMap as HashMap;
use std::borrow::Borrow;
use std::hash::{Hash, Hasher};

pub use names::Names;

/// Index into [`Vocabulary::ingredients`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct IngredientId(pub u16);
/// Index into [`Vocabulary::products`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ProductId(pub u16);
/// Index into [`Vocabulary::analytes`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct AnalyteId(pub u16);
/// Index into [`Vocabulary::groups`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct GroupId(pub u16);
/// Index into [`Vocabulary::formulations`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct FormulationId(pub u16);

/// Everything that codes and names mean.
#[derive(Default)]
pub struct Vocabulary {
    /// Ingredients that any table speaks of.
    pub ingredients: Vec<Ingredient>,
    /// Market products with strength and form.
    pub products: Vec<Product>,
    /// Formulations, of which the strengths may be combined.
    pub formulations: Vec<Formulation>,
    /// Lower-case brand and form words that name a formulation of its ingredient, longest first; the
    /// same word may name formulations of several ingredients.
    pub formulation_words: Vec<(Box<str>, FormulationId)>,
    /// Laboratory and vital-sign quantities and coded results.
    pub analytes: Vec<Analyte>,
    /// The first of them that has a name as its key or in its gaps; made by [`Vocabulary::prepare`].
    pub analyte_names: HashMap<Box<str>, AnalyteId>,
    /// Names of groups of conditions and procedures.
    pub groups: Vec<Box<str>>,
    /// Canonical system address to a short key; also holds the aliases (`urn:oid:…`).
    pub systems: HashMap<Box<str>, u8>,
    /// Keys of the systems of which the drug codes below are all that name a known drug.
    pub whole_drug_lists: Vec<u8>,
    /// The same without what EHRs write in several ways; made by [`Vocabulary::prepare`].
    pub spellings: Vec<(Box<str>, u8)>,
    /// Systems with codes of analytes, and those with codes of groups; made by the same.
    pub lab_systems: Vec<u8>,
    /// As `lab_systems`.
    pub group_systems: Vec<u8>,
    /// (system key, code) to drug.
    pub drug_codes: HashMap<(u8, Box<str>), DrugCode>,
    /// Lower-case names and brands for the text fallback, longest first.
    pub drug_names: Names<DrugCode>,
    /// Lower-case words of a dosage form or route that tell systemic from local use.
    pub site_words: Names<Site>,
    /// (system key, code) to analyte with timing and assay.
    pub lab_codes: HashMap<(u8, Box<str>), LabCode>,
    /// (system key, code) to groups of conditions and procedures.
    pub group_codes: HashMap<(u8, Box<str>), Vec<GroupId>>,
    /// Ranges of three-character categories, for example of ICD-10-CM: (system, from, to, group).
    pub group_ranges: Vec<(u8, Box<str>, Box<str>, GroupId)>,
    /// Lower-case phrases that name a group in a text without a known code, longest first.
    pub group_names: Names<GroupId>,
    /// Those of them that also count beside a known code, because they say more than any code can.
    pub group_names_beside_codes: Names<GroupId>,
    /// (system key, code) to the meaning of a coded result.
    pub finding_codes: HashMap<(u8, Box<str>), Finding>,
    /// Lower-case result words (whole text) to their meaning.
    pub finding_words: HashMap<Box<str>, Finding>,
    /// (system key, code) to systemic or local route.
    pub route_codes: HashMap<(u8, Box<str>), Site>,
    /// (system key, code) of a timing to doses per day.
    pub timing_codes: HashMap<(u8, Box<str>), Decimal>,
    /// Lower-case timing phrases to doses per day, longest first.
    pub timing_words: Vec<(Box<str>, Decimal)>,
    /// Lower-case words for a counted unit (capsule, tablet) in dosage units and texts.
    pub unit_words: Vec<Box<str>>,
    /// Lower-case words after which a date in a text is a restart date.
    pub restart_words: Vec<Box<str>>,
    /// The same, of words that also mean it behind a denial: not until.
    pub until_words: Vec<Box<str>>,
    /// Words of notes on a level.
    pub level_words: LevelWords,
    /// Those of them that stand in the name of a test; made by [`LevelWords::of_names`].
    pub level_names: Names<LevelTiming>,
    /// Reactions that are severe whatever their severity says.
    pub severe_reactions: Told,
    /// Words that deny.
    pub denials: Denials,
    /// Codes of `statusReason` that say that an earlier order was stopped for harm.
    pub harm_codes: Vec<Box<str>>,
    /// Words of its text that say the same.
    pub harm_words: Vec<Box<str>>,
}

/// One ingredient.
pub struct Ingredient {
    /// Key in the tables.
    pub key: Box<str>,
    /// Name as cards and `drugs` print it (RxNorm, lower case).
    pub name: Box<str>,
    /// Code system address of `code`.
    pub system: Box<str>,
    /// Code of the ingredient.
    pub code: Box<str>,
    /// Ingredients that count as the same agent (an ester and its acid, for example).
    pub family: Box<str>,
    /// Classes that tables name, for example `calcineurin-inhibitor`.
    pub classes: Vec<Box<str>>,
    /// Whether a code of the ingredient alone says nothing about systemic use (it has local products).
    pub route_required: bool,
}

/// Where a product acts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Site {
    /// Taken, infused or held under the tongue: the whole body.
    Systemic,
    /// On skin or eye.
    Local,
}

/// What a drug code or name means.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DrugCode {
    /// The ingredient.
    pub ingredient: IngredientId,
    /// The product, where the code is that precise.
    pub product: Option<ProductId>,
    /// Systemic or local, where the code alone says so.
    pub site: Option<Site>,
}

/// A product on the market.
pub struct Product {
    /// RxNorm code, the preferred one for suggestions.
    pub code: Box<str>,
    /// Name.
    pub name: Box<str>,
    /// Ingredient.
    pub ingredient: IngredientId,
    /// Formulation, where known.
    pub formulation: Option<FormulationId>,
    /// Amount of ingredient in one unit, in mg; `None` for form-level codes and liquids.
    pub strength_mg: Option<Decimal>,
    /// Brand, empty for generic products.
    pub brand: Box<str>,
    /// Whether it may be suggested (on the market, generic).
    pub suggest: bool,
}

/// Products whose strengths may be combined in one dose.
pub struct Formulation {
    /// Key, for example `ir-capsule`.
    pub key: Box<str>,
    /// Name on cards.
    pub name: Box<str>,
    /// Ingredient.
    pub ingredient: IngredientId,
    /// Doses a day by label: one for once-daily forms.
    pub doses_per_day: u8,
    /// Whether a stepwise reduction can be written in whole units of it (not for injections).
    pub countable: bool,
    /// Strengths on the market in mg, ascending.
    pub strengths_mg: Vec<Decimal>,
}

/// A quantity or coded result that tables speak of.
pub struct Analyte {
    /// Name in the tables, and in `inputs[].name` where the texts give no other.
    pub key: Box<str>,
    /// Name in `gaps[].need`.
    pub need: Box<str>,
    /// Name on cards.
    pub name: Box<str>,
    /// Canonical unit; empty for coded results.
    pub unit: Box<str>,
    /// Accepted units with the way to the canonical one.
    pub units: HashMap<Box<str>, Factor>,
    /// Numbers outside (in canonical units) are not readable.
    pub plausible: Option<(Decimal, Decimal)>,
    /// Whether it is a long look-back screen (prefetch key `screens`).
    pub screen: bool,
    /// Whether the time since the last dose matters (drug levels).
    pub timed: bool,
    /// Whether it is what the doses of weight-based agents depend on.
    pub doses: bool,
    /// Whether some sign compares it with the laboratory's own limits; else they are not read.
    pub limits: bool,
    /// Preferred code for a test order: (system, code, display).
    pub order: Option<(Box<str>, Box<str>, Box<str>)>,
    /// Another measure of the same thing.
    pub twin: Option<Twin>,
}

impl Analyte {
    /// The unit as it stands behind a number: none behind a ratio.
    pub fn printed_unit(&self) -> &str {
        if &*self.unit == "1" { "" } else { &self.unit }
    }
}

/// What tells one thing: codes of any system, or lower-case words.
#[derive(Default)]
pub struct Told {
    /// Codes.
    pub codes: Vec<Box<str>>,
    /// Words.
    pub words: Vec<Box<str>>,
}

/// Lower-case words of notes on a level.
#[derive(Default)]
pub struct LevelWords {
    /// Whole notes that call it a trough.
    pub trough: Vec<Box<str>>,
    /// Whole notes that say that it is none.
    pub peak: Vec<Box<str>>,
    /// Before hours or a time: the last dose.
    pub dose: Vec<Box<str>>,
    /// Before hours after the dose: the sample.
    pub drawn: Vec<Box<str>>,
    /// Of which one must stand behind those.
    pub after: Vec<Box<str>>,
    /// A note with one of these speaks of levels in general.
    pub general: Vec<Box<str>>,
}

impl LevelWords {
    /// What they say of a level where they stand in the name of a test; a general word says that nothing is said.
    pub fn of_names(&self) -> Names<LevelTiming> {
        let said = [
            (&self.trough, LevelTiming::Trough),
            (&self.peak, LevelTiming::NotTrough),
            (&self.general, LevelTiming::Unstated),
        ];
        let words = said
            .into_iter()
            .flat_map(|(words, timing)| words.iter().map(move |word| (word.clone(), timing)));
        words.collect::<Vec<_>>().into()
    }
}

/// Another measure of the same thing, in a canonical unit with the same numbers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Twin {
    /// Which.
    pub analyte: AnalyteId,
    /// Days between the samples within which they are compared.
    pub apart: u32,
    /// Values that differ by more than so many times disagree.
    pub times: Decimal,
    /// So do values of which one is below and the other is not.
    pub side: Decimal,
}

/// Exact conversion of a number into the canonical unit: times `multiply`, divided by `divide`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Factor {
    /// Numerator.
    pub multiply: Decimal,
    /// Denominator, not zero.
    pub divide: Decimal,
}

/// What a laboratory code says beyond the analyte.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LabCode {
    /// The analyte.
    pub analyte: AnalyteId,
    /// When a level was drawn, as far as the code says.
    pub timing: LevelTiming,
    /// Assay, empty if the code does not say; results of different assays are not compared.
    pub assay: Box<str>,
}

/// When a level was drawn.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum LevelTiming {
    /// Before the next dose.
    Trough,
    /// At a stated time after a dose, or an area under the curve: not a trough.
    NotTrough,
    /// The code does not say.
    #[default]
    Unstated,
}

/// The meaning of a coded result.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Finding {
    /// Positive, reactive, detected, present.
    Positive,
    /// Negative, non-reactive, not detected, absent.
    Negative,
    /// Indeterminate, equivocal.
    Indeterminate,
    /// Poor metabolizer, deficient activity.
    Poor,
    /// Intermediate metabolizer.
    Intermediate,
    /// Normal metabolizer or activity.
    Normal,
}

/// The systems of codes, each once.
fn distinct<'k>(codes: impl Iterator<Item = &'k (u8, Box<str>)>) -> Vec<u8> {
    let mut systems: Vec<u8> = codes.map(|(system, _)| *system).collect();
    systems.sort_unstable();
    systems.dedup();
    systems
}

/// The address of a system without what EHRs write in several ways, apart from capitals.
fn bare(address: &str) -> &str {
    let mut bare = address.trim_end_matches('/');
    for prefix in ["https://", "http://", "urn:oid:", "www."] {
        let start = bare.get(..prefix.len()).unwrap_or_default();
        if start.eq_ignore_ascii_case(prefix) {
            bare = &bare[prefix.len()..];
        }
    }
    bare
}

impl Vocabulary {
    /// Prepares that systems are found in other spellings, codes without their system, and analytes by name.
    pub fn prepare(&mut self) {
        let spelled = self
            .systems
            .iter()
            .map(|(address, key)| (bare(address).into(), *key));
        self.spellings = spelled.collect();
        self.lab_systems = distinct(self.lab_codes.keys());
        self.group_systems = distinct(self.group_codes.keys());
        self.analyte_names.clear();
        for (id, analyte) in (0u16..).zip(&self.analytes) {
            for name in [&analyte.key, &analyte.need] {
                self.analyte_names.entry(name.clone()).or_insert(AnalyteId(id));
            }
        }
    }

    /// Whether a code is one of a group in some system.
    pub fn is_group_anywhere(&self, code: &str) -> bool {
        let mut systems = self.group_systems.iter();
        systems.any(|system| lookup(&self.group_codes, *system, code).is_some())
    }

    /// Key of a code system address or alias; also of one that differs in its scheme, in capitals, in `www.` or in
    /// a slash at the end, and of an OID without its prefix.
    pub fn system(&self, address: &str) -> Option<u8> {
        let exact = self.systems.get(address).copied();
        exact.or_else(|| {
            let own = bare(address);
            let mut spellings = self.spellings.iter();
            spellings.find_map(|(known, key)| known.eq_ignore_ascii_case(own).then_some(*key))
        })
    }

    /// Whether a code is one of an analyte in some system.
    pub fn lab_code_anywhere(&self, code: &str) -> Option<&LabCode> {
        let mut systems = self.lab_systems.iter();
        systems.find_map(|system| lookup(&self.lab_codes, *system, code))
    }

    /// The drug that a coding names.
    pub fn drug_code(&self, system: &str, code: &str) -> Option<&DrugCode> {
        self.coded(&self.drug_codes, system, code)
    }

    /// The analyte that a coding names.
    pub fn lab_code(&self, system: &str, code: &str) -> Option<&LabCode> {
        self.coded(&self.lab_codes, system, code)
    }

    /// The meaning of a coded result.
    pub fn finding(&self, system: &str, code: &str) -> Option<Finding> {
        self.coded(&self.finding_codes, system, code).copied()
    }

    /// Systemic or local, for a coded route.
    pub fn route(&self, system: &str, code: &str) -> Option<Site> {
        self.coded(&self.route_codes, system, code).copied()
    }

    /// Doses per day of a coded timing.
    pub fn timing(&self, system: &str, code: &str) -> Option<Decimal> {
        self.coded(&self.timing_codes, system, code).copied()
    }

    /// Adds the groups of conditions and procedures that a coding belongs to, by its code or by the range
    /// of its three-character category.
    pub fn groups_of(&self, system: &str, code: &str, into: &mut Vec<GroupId>) {
        let Some(key) = self.system(system) else { return };
        let listed = lookup(&self.group_codes, key, code).map_or(&[][..], |groups| groups);
        let ranged = code.get(..3).map(|category| {
            let inside = move |(of, from, to, group): &(u8, Box<str>, Box<str>, GroupId)| {
                (*of == key && &**from <= category && category <= &**to).then_some(*group)
            };
            self.group_ranges.iter().filter_map(inside)
        });
        for group in listed.iter().copied().chain(ranged.into_iter().flatten()) {
            if !into.contains(&group) {
                into.push(group);
            }
        }
    }

    /// Whether the reason of an earlier stop says that it was for harm: by a code, or by words that it does not deny.
    pub fn tells_harm(&self, codes: &[Box<str>], text: &str) -> bool {
        codes.iter().any(|code| self.harm_codes.contains(code))
            || self.harm_words.iter().any(|words| self.denials.says(text, words))
    }

    fn coded<'v, T>(
        &'v self,
        map: &'v HashMap<(u8, Box<str>), T>,
        system: &str,
        code: &str,
    ) -> Option<&'v T> {
        lookup(map, self.system(system)?, code)
    }

    /// The analyte of that key.
    pub fn analyte(&self, id: AnalyteId) -> &Analyte {
        &self.analytes[usize::from(id.0)]
    }

    /// The ingredient.
    pub fn ingredient(&self, id: IngredientId) -> &Ingredient {
        &self.ingredients[usize::from(id.0)]
    }

    /// The product.
    pub fn product(&self, id: ProductId) -> &Product {
        &self.products[usize::from(id.0)]
    }

    /// The formulation.
    pub fn formulation(&self, id: FormulationId) -> &Formulation {
        &self.formulations[usize::from(id.0)]
    }

    /// The group's name.
    pub fn group(&self, id: GroupId) -> &str {
        &self.groups[usize::from(id.0)]
    }

    /// Whether two ingredients count as the same agent.
    pub fn same_family(&self, a: IngredientId, b: IngredientId) -> bool {
        a == b || self.ingredient(a).family == self.ingredient(b).family
    }
}

/// A key of the code maps, owned or borrowed: lets a map be asked without building an owned key.
trait CodeKey {
    fn parts(&self) -> (u8, &str);
}

impl CodeKey for (u8, Box<str>) {
    fn parts(&self) -> (u8, &str) {
        (self.0, &self.1)
    }
}

impl CodeKey for (u8, &str) {
    fn parts(&self) -> (u8, &str) {
        (self.0, self.1)
    }
}

impl<'k> Borrow<dyn CodeKey + 'k> for (u8, Box<str>) {
    fn borrow(&self) -> &(dyn CodeKey + 'k) {
        self
    }
}

impl PartialEq for dyn CodeKey + '_ {
    fn eq(&self, other: &Self) -> bool {
        self.parts() == other.parts()
    }
}

impl Eq for dyn CodeKey + '_ {}

impl Hash for dyn CodeKey + '_ {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.parts().hash(state);
    }
}

/// Value of a (system key, code) pair.
fn lookup<'m, T>(map: &'m HashMap<(u8, Box<str>), T>, system: u8, code: &str) -> Option<&'m T> {
    let key: &dyn CodeKey = &(system, code);
    map.get(key)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_code_is_found_by_system_alias_and_only_in_its_system() {
        let mut vocabulary = Vocabulary::default();
        vocabulary.systems.insert("http://routes.example".into(), 3);
        vocabulary.systems.insert("urn:oid:1.2.3".into(), 3);
        vocabulary.systems.insert("http://other.example".into(), 4);
        vocabulary.route_codes.insert((3, "oral".into()), Site::Systemic);
        assert_eq!(
            vocabulary.route("http://routes.example", "oral"),
            Some(Site::Systemic)
        );
        assert_eq!(vocabulary.route("urn:oid:1.2.3", "oral"), Some(Site::Systemic));
        assert_eq!(vocabulary.route("http://other.example", "oral"), None);
        assert_eq!(vocabulary.route("http://routes.example", "Oral"), None);
        vocabulary.prepare();
        for other in [
            "https://routes.example",
            "http://www.routes.example/",
            "HTTP://Routes.Example",
            "routes.example",
            "1.2.3",
            "URN:OID:1.2.3",
        ] {
            assert_eq!(vocabulary.system(other), Some(3), "{other}");
        }
        for none in [
            "",
            "http://",
            "http://routes.example/oral",
            "urn:oid:1.2.3.4",
            "\u{b5}\u{b5}\u{b5}\u{b5}",
        ] {
            assert_eq!(vocabulary.system(none), None, "{none}");
        }
    }

    #[test]
    fn groups_come_from_codes_and_from_ranges_of_categories() {
        let mut vocabulary = Vocabulary::default();
        vocabulary.systems.insert("icd".into(), 0);
        vocabulary
            .group_codes
            .insert((0, "C50.1".into()), vec![GroupId(1)]);
        vocabulary
            .group_ranges
            .push((0, "C00".into(), "C96".into(), GroupId(2)));
        let mut groups = Vec::new();
        vocabulary.groups_of("icd", "C50.1", &mut groups);
        assert_eq!(groups, [GroupId(1), GroupId(2)]);
        groups.clear();
        vocabulary.groups_of("icd", "C97", &mut groups);
        vocabulary.groups_of("icd", "C5", &mut groups);
        vocabulary.groups_of("icd", "\u{b5}\u{b5}", &mut groups);
        assert!(groups.is_empty());
    }
}
