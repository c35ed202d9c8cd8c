//! Codes and names to meanings: what `hooks/terms` and the products of each withdrawal teach us.
//!
//! Turns a coding or a text into an ingredient, a product, an analyte, a finding or a group of
//! conditions. It never guesses: an unknown code is `None`, and text counts only where no code does.
//! Built once at start-up by `content`; immutable afterwards.

mod codes;
mod names;

use super::wording::Denials;
use rust_decimal::Decimal;
use rustc_hash::FxHashMap as HashMap;

pub use codes::Spelling;
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
    pub spellings: HashMap<Spelling, u8>,
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
    /// Lower-case words after which a date in a text is a restart date, and whether a denial before them counts; it
    /// does not before "until".
    pub restart_words: Names<bool>,
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

impl Vocabulary {
    /// Prepares what is looked up otherwise than it is written: systems in other spellings, codes without their system,
    /// analytes by name. To be called once everything is there.
    pub fn prepare(&mut self) {
        self.prepare_codes();
        self.analyte_names.clear();
        for (id, analyte) in (0u16..).zip(&self.analytes) {
            for name in [&analyte.key, &analyte.need] {
                self.analyte_names.entry(name.clone()).or_insert(AnalyteId(id));
            }
        }
    }

    /// Whether the reason of an earlier stop says that it was for harm: by a code, or by words that it does not deny.
    pub fn tells_harm(&self, codes: &[Box<str>], text: &str) -> bool {
        codes.iter().any(|code| self.harm_codes.contains(code))
            || self.harm_words.iter().any(|words| self.denials.says(text, words))
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
