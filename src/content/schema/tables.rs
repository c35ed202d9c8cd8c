//! `withdrawals/*/` as written: the drug, its gates, the rows of its indications.

use super::{Certainty, Indicator, Logic};
use crate::content::page::Word;
use crate::content::scalar::{Days, Number};
use serde::Deserialize;
use toml::Spanned;

/// `drug.toml`.
#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub(crate) struct DrugFile {
    pub(crate) ingredient: Word,
    pub(crate) rank: Spanned<u16>,
    pub(crate) level: Option<Word>,
    pub(crate) adult_years: u16,
    pub(crate) switch_before: Days,
    pub(crate) switch_after: Days,
    pub(crate) chain_gap: Days,
    pub(crate) superseded_after: Days,
    pub(crate) trough_hours: Option<u16>,
    #[serde(default)]
    pub(crate) dose_held_minutes: u16,
    pub(crate) level_void: Option<LevelVoidRow>,
    #[serde(default)]
    pub(crate) companions: Vec<Word>,
    pub(crate) indications: Spanned<Vec<Word>>,
    #[serde(default)]
    pub(crate) formulation: Vec<FormulationRow>,
    #[serde(default)]
    pub(crate) conversion: Vec<ConversionRow>,
}

/// Drugs that make a level mean nothing while they start or stop.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct LevelVoidRow {
    pub(crate) by: Vec<Word>,
    pub(crate) within: Days,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub(crate) struct FormulationRow {
    pub(crate) key: Word,
    pub(crate) ingredient: Option<Word>,
    pub(crate) name: Word,
    pub(crate) doses_per_day: Spanned<u8>,
    pub(crate) countable: bool,
    #[serde(default)]
    pub(crate) words: Vec<Word>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct ConversionRow {
    pub(crate) from: Word,
    pub(crate) to: Word,
    pub(crate) country: Option<Country>,
    pub(crate) low: Spanned<Number>,
    pub(crate) high: Number,
    pub(crate) source: Word,
}

/// `country`: whose label gives a range.
#[derive(Clone, Copy, Debug, Deserialize, PartialEq, Eq)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Country {
    Us,
    Eu,
}

impl From<Country> for crate::clinical::practice::Country {
    fn from(word: Country) -> Self {
        match word {
            Country::Us => Self::Us,
            Country::Eu => Self::Eu,
        }
    }
}

/// `gates.toml`.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Gates {
    #[serde(default)]
    pub(crate) gate: Vec<GateRow>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct GateRow {
    pub(crate) row: Word,
    pub(crate) when: Spanned<Logic>,
    pub(crate) silent: Option<Word>,
    pub(crate) topic: Option<Topic>,
    pub(crate) indicator: Option<Indicator>,
    pub(crate) warn: Option<Indicator>,
    pub(crate) text: Option<Word>,
    pub(crate) unsure: Option<Word>,
    pub(crate) evidence: Option<Certainty>,
    pub(crate) sources: Option<Spanned<Vec<Word>>>,
    #[serde(default, rename = "right-first")]
    pub(crate) right_first: bool,
}

/// A card topic of the contract.
#[derive(Clone, Copy, Debug, Deserialize, PartialEq, Eq, PartialOrd, Ord)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Topic {
    AbruptWithdrawal,
    StopMayBeRight,
    Rebound,
    HoldAndRestart,
    ConversionCheck,
    Taper,
    AlternativeAgents,
    Monitoring,
}

/// `right-to-stop.toml`.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct RightToStop {
    #[serde(default)]
    pub(crate) row: Vec<RightfulRow>,
    #[serde(default)]
    pub(crate) line: Vec<LineRow>,
}

/// A sign that adds a line.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct LineRow {
    pub(crate) when: Spanned<Logic>,
    pub(crate) says: Word,
    pub(crate) sources: Spanned<Vec<Word>>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct RightfulRow {
    pub(crate) row: Word,
    pub(crate) when: Spanned<Logic>,
    pub(crate) indicator: Spanned<Indicator>,
    pub(crate) evidence: Certainty,
    pub(crate) text: Word,
    pub(crate) sources: Spanned<Vec<Word>>,
    #[serde(default)]
    pub(crate) excludes: Vec<Word>,
    #[serde(default)]
    pub(crate) because: String,
    pub(crate) alternatives: Option<bool>,
    pub(crate) partial: Option<PartialRow>,
    #[serde(default)]
    pub(crate) monitor: Vec<MonitorRow>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct PartialRow {
    pub(crate) certain: Spanned<Logic>,
    pub(crate) open: Spanned<Logic>,
    pub(crate) cap: Indicator,
    pub(crate) opens: Word,
    pub(crate) tests: Vec<Word>,
    pub(crate) sources: Spanned<Vec<Word>>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct MonitorRow {
    pub(crate) need: Word,
    pub(crate) first: Days,
    pub(crate) says: Word,
}

/// `watch.toml`.
#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub(crate) struct WatchFile {
    pub(crate) continued_by: Vec<Word>,
    pub(crate) baseline: WatchBaseline,
    pub(crate) unless: Option<Spanned<Logic>>,
    pub(crate) otherwise: Spanned<Vec<OtherwiseRow>>,
    pub(crate) window: Vec<WindowRow>,
    pub(crate) row: Vec<WatchRow>,
}

/// Days around the stop from which a baseline comes.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct WatchBaseline {
    pub(crate) before: Days,
    pub(crate) after: Days,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct OtherwiseRow {
    pub(crate) row: Word,
    pub(crate) silent: Option<Word>,
    pub(crate) indicator: Option<Indicator>,
    pub(crate) evidence: Option<Certainty>,
    pub(crate) text: Option<Word>,
    pub(crate) sources: Option<Spanned<Vec<Word>>>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct WindowRow {
    pub(crate) indications: Vec<Word>,
    pub(crate) within: Spanned<Days>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct WatchRow {
    pub(crate) row: Word,
    pub(crate) indications: Spanned<Vec<Word>>,
    pub(crate) when: Spanned<Logic>,
    pub(crate) indicator: Indicator,
    pub(crate) evidence: Certainty,
    pub(crate) text: Word,
    pub(crate) sources: Spanned<Vec<Word>>,
}

/// `indications/*.toml`.
#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub(crate) struct IndicationFile {
    pub(crate) name: Word,
    pub(crate) kind: Spanned<Kind>,
    #[serde(default)]
    pub(crate) evidence: Vec<Word>,
    #[serde(default)]
    pub(crate) procedures: Vec<Word>,
    #[serde(default)]
    pub(crate) yields_to: Vec<Word>,
    #[serde(default)]
    pub(crate) anywhere: bool,
    #[serde(default)]
    pub(crate) hazard: Vec<HazardRow>,
    #[serde(default)]
    pub(crate) check: Vec<CheckRow>,
    pub(crate) taper: Option<TaperRow>,
    #[serde(default)]
    pub(crate) taper_instead: Vec<TaperRow>,
    pub(crate) no_taper: Option<Word>,
    pub(crate) monitoring: Option<StatementRow>,
    #[serde(default)]
    pub(crate) monitor: Vec<MonitorRow>,
    pub(crate) alternatives: Option<StatementRow>,
    #[serde(default)]
    pub(crate) agent: Vec<AgentRow>,
}

/// What an indication is about.
#[derive(Clone, Copy, Debug, Deserialize, PartialEq, Eq)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Kind {
    Transplant,
    Disease,
    Unknown,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct HazardRow {
    pub(crate) row: Word,
    pub(crate) when: Spanned<Logic>,
    pub(crate) indicator: Spanned<Indicator>,
    pub(crate) evidence: Certainty,
    pub(crate) text: Word,
    pub(crate) sources: Spanned<Vec<Word>>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct CheckRow {
    pub(crate) need: Word,
    pub(crate) within: Days,
    pub(crate) applies: Option<Spanned<Logic>>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct TaperRow {
    pub(crate) when: Option<Spanned<Logic>>,
    pub(crate) cut: Word,
    #[serde(default)]
    pub(crate) of: CutOf,
    pub(crate) max: Option<Word>,
    pub(crate) highest: Option<Word>,
    pub(crate) coarsest: Option<Word>,
    pub(crate) every: Spanned<Days>,
    pub(crate) until: Option<Word>,
    pub(crate) hold: Option<Days>,
    pub(crate) over: Option<Spanned<Days>>,
    pub(crate) floor: Days,
    pub(crate) published: bool,
    pub(crate) text: Word,
    pub(crate) evidence: Certainty,
    pub(crate) sources: Spanned<Vec<Word>>,
}

/// The dose of which a share is cut.
#[derive(Clone, Copy, Debug, Default, Deserialize, PartialEq, Eq)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum CutOf {
    #[default]
    Current,
    Start,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct StatementRow {
    pub(crate) text: Word,
    pub(crate) evidence: Certainty,
    pub(crate) sources: Spanned<Vec<Word>>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub(crate) struct AgentRow {
    pub(crate) key: Word,
    pub(crate) dose: Word,
    pub(crate) situation: Option<Word>,
    #[serde(default)]
    pub(crate) weight_based: bool,
    pub(crate) source: Word,
}

/// `approval.toml`.
#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub(crate) struct ApprovalFile {
    pub(crate) reviewers: Vec<String>,
    pub(crate) next_review: Word,
}
