//! `hooks/terms/` and `products.csv` as written.

use crate::clinical::vocabulary as model;
use crate::content::page::Word;
use crate::content::scalar::Number;
use serde::Deserialize;
use std::collections::BTreeMap;
use toml::Spanned;

/// `systems.toml`.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Systems {
    pub(crate) system: Vec<SystemRow>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct SystemRow {
    pub(crate) uri: Word,
    #[serde(default)]
    pub(crate) aliases: Vec<Word>,
    #[serde(default, rename = "whole-drug-list")]
    pub(crate) whole_drug_list: bool,
}

/// `ingredients.toml`.
pub(crate) type Ingredients = BTreeMap<Word, IngredientRow>;

#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub(crate) struct IngredientRow {
    pub(crate) name: Word,
    pub(crate) system: Word,
    pub(crate) code: Word,
    pub(crate) family: Option<Word>,
    #[serde(default)]
    pub(crate) classes: Vec<Word>,
    #[serde(default)]
    pub(crate) route_required: bool,
    #[serde(default)]
    pub(crate) names: Vec<Word>,
}

/// `drugs.csv`.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct DrugRow {
    pub(crate) system: String,
    pub(crate) code: String,
    pub(crate) display: String,
    pub(crate) ingredient: String,
    pub(crate) strength_mg: Option<Number>,
}

/// `withdrawals/*/products.csv`.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct ProductRow {
    pub(crate) system: String,
    pub(crate) code: String,
    pub(crate) name: String,
    pub(crate) ingredient_only: YesNo,
    pub(crate) site: Option<Site>,
    pub(crate) formulation: Option<String>,
    pub(crate) strength_mg: Option<Number>,
    pub(crate) brand: String,
    pub(crate) suggest: YesNo,
    #[serde(default)]
    pub(crate) ingredient: Option<String>,
}

/// `yes`, or `no`, or empty for no.
#[derive(Clone, Copy, Deserialize, PartialEq, Eq)]
pub(crate) enum YesNo {
    #[serde(rename = "yes", alias = "true")]
    Yes,
    #[serde(rename = "no", alias = "false", alias = "")]
    No,
}

/// `systemic` or `local`.
#[derive(Clone, Copy, Deserialize, PartialEq, Eq)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Site {
    Systemic,
    Local,
}

impl From<Site> for model::Site {
    fn from(word: Site) -> Self {
        match word {
            Site::Systemic => model::Site::Systemic,
            Site::Local => model::Site::Local,
        }
    }
}

/// `analytes.toml`.
pub(crate) type Analytes = BTreeMap<Word, AnalyteRow>;

#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub(crate) struct AnalyteRow {
    pub(crate) name: Word,
    pub(crate) need: Option<Word>,
    pub(crate) unit: Option<Word>,
    #[serde(default)]
    pub(crate) units: BTreeMap<String, Word>,
    pub(crate) plausible: Option<Word>,
    #[serde(default)]
    pub(crate) screen: bool,
    #[serde(default)]
    pub(crate) timed: bool,
    #[serde(default)]
    pub(crate) coded: bool,
    #[serde(default)]
    pub(crate) doses: bool,
    pub(crate) order: Option<super::CodingRow>,
    pub(crate) twin: Option<TwinRow>,
}

/// Words of notes on a level.
#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct LevelWordsRow {
    pub(crate) trough: Vec<Word>,
    pub(crate) peak: Vec<Word>,
    pub(crate) dose: Vec<Word>,
    pub(crate) drawn: Vec<Word>,
    pub(crate) after: Vec<Word>,
    pub(crate) general: Vec<Word>,
}

/// Another measure of the same thing.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct TwinRow {
    pub(crate) analyte: Word,
    pub(crate) apart: crate::content::scalar::Days,
    pub(crate) times: crate::content::scalar::Number,
    pub(crate) side: crate::content::scalar::Number,
}

/// `labs.csv`.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct LabRow {
    pub(crate) system: String,
    pub(crate) code: String,
    #[serde(rename = "display")]
    pub(crate) _display: String,
    pub(crate) analyte: String,
    pub(crate) timing: Option<Timing>,
    pub(crate) assay: String,
}

/// `trough` or `not-trough`.
#[derive(Clone, Copy, Deserialize, PartialEq, Eq)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Timing {
    Trough,
    NotTrough,
}

/// `groups.csv`.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct GroupRow {
    pub(crate) system: String,
    pub(crate) code: String,
    pub(crate) display: String,
    pub(crate) group: String,
}

/// `findings.csv`.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct FindingRow {
    pub(crate) system: String,
    pub(crate) code: String,
    pub(crate) display: String,
    pub(crate) finding: Finding,
}

/// The meaning of a coded result.
#[derive(Clone, Copy, Deserialize, PartialEq, Eq)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Finding {
    Positive,
    Negative,
    Indeterminate,
    Poor,
    Intermediate,
    Normal,
}

impl From<Finding> for model::Finding {
    fn from(word: Finding) -> Self {
        match word {
            Finding::Positive => model::Finding::Positive,
            Finding::Negative => model::Finding::Negative,
            Finding::Indeterminate => model::Finding::Indeterminate,
            Finding::Poor => model::Finding::Poor,
            Finding::Intermediate => model::Finding::Intermediate,
            Finding::Normal => model::Finding::Normal,
        }
    }
}

/// `routes.csv`.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct RouteRow {
    pub(crate) system: String,
    pub(crate) code: String,
    pub(crate) display: String,
    pub(crate) site: Site,
}

/// `timings.csv`.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct TimingRow {
    pub(crate) system: String,
    pub(crate) code: String,
    pub(crate) display: String,
    pub(crate) per_day: Number,
}

/// What tells one thing.
#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct ToldRow {
    pub(crate) codes: Vec<String>,
    pub(crate) words: Vec<Word>,
}

/// Words that deny.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct DenialRow {
    pub(crate) before: Vec<Word>,
    pub(crate) others: Vec<Word>,
    pub(crate) behind: Vec<Word>,
    pub(crate) between: Vec<Word>,
    pub(crate) alone: Vec<Word>,
    pub(crate) ends: Vec<Word>,
    pub(crate) lists: Vec<Word>,
    pub(crate) heads: Vec<Word>,
}

/// `words.toml`.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Words {
    pub(crate) units: Vec<Word>,
    pub(crate) restart: Vec<Word>,
    #[serde(default)]
    pub(crate) until: Vec<Word>,
    #[serde(default)]
    pub(crate) level: LevelWordsRow,
    pub(crate) denial: DenialRow,
    #[serde(default, rename = "severe-reaction")]
    pub(crate) severe_reaction: ToldRow,
    pub(crate) harm: Vec<String>,
    #[serde(default, rename = "harm-words")]
    pub(crate) harm_words: Vec<Word>,
    pub(crate) aggregators: Spanned<Vec<String>>,
}
