//! `signals.toml` as written.

use super::terms::Finding;
use super::{Certainty, Logic};
use crate::content::page::Word;
use crate::content::scalar::{Days, Number};
use serde::Deserialize;
use serde::de::{self, Deserializer, Visitor};
use std::collections::BTreeMap;
use std::fmt;
use toml::Spanned;

/// `signals.toml`.
pub(crate) type Signals = BTreeMap<Word, SignalRow>;

/// Declares the row with every key that any form has, and which of them were written.
macro_rules! signal_row {
    ($($key:literal $field:ident: $type:ty,)*) => {
        /// A signal: which keys belong together is for the form to say, which takes what it knows.
        #[derive(Deserialize)]
        #[serde(deny_unknown_fields)]
        pub(crate) struct SignalRow {
            pub(crate) says: Word,
            pub(crate) applies: Option<Spanned<Logic>>,
            pub(crate) source: Option<Word>,
            pub(crate) sure: Option<Certainty>,
            $(#[serde(rename = $key)] pub(crate) $field: Option<$type>,)*
        }

        impl SignalRow {
            /// Keys of forms that are still there.
            pub(crate) fn left_over(&self) -> Vec<&'static str> {
                let mut keys = Vec::new();
                $(if self.$field.is_some() { keys.push($key); })*
                keys
            }
        }
    };
}

signal_row! {
    "any" any: Vec<Spanned<Logic>>,
    "all" all: Vec<Spanned<Logic>>,
    "not" not: Spanned<Logic>,
    "of" of: Vec<Spanned<Logic>>,
    "latest" latest: Word,
    "change" change: Word,
    "stayed" stayed: Word,
    "at-least" at_least: CountOrQuantity,
    "above" above: Word,
    "at-most" at_most: Word,
    "below" below: Word,
    "at-least-upper-limit" at_least_upper_limit: Number,
    "above-upper-limit" above_upper_limit: Number,
    "within-upper-limit" within_upper_limit: Number,
    "below-lower-limit" below_lower_limit: Yes,
    "within-lower-limit" within_lower_limit: Yes,
    "is" is: Vec<Finding>,
    "trough" trough: Yes,
    "within" within: Days,
    "over" over: Days,
    "results" results: usize,
    "rise" rise: Word,
    "rise-above" rise_above: Word,
    "fall" fall: Word,
    "times" times: Number,
    "against" against: Days,
    "watch" watch: Word,
    "baseline" baseline: Baseline,
    "new" new: Yes,
    "apart" apart: Days,
    "from" from: Days,
    "until" until: Days,
    "since-stop" since_stop: Yes,
    "condition" condition: Vec<Word>,
    "procedure" procedure: Vec<Word>,
    "recent" recent: Days,
    "history" history: Yes,
    "age" age: Bounds,
    "sex" sex: Sex,
    "deceased" deceased: Yes,
    "stop-reason" stop_reason: StopReason,
    "also-stops" also_stops: Vec<Word>,
    "continues" continues: Vec<Word>,
    "starts" starts: Starts,
    "stopped-for-harm" stopped_for_harm: Vec<Word>,
    "taken-within" taken_within: TakenWithin,
    "supply-ended" supply_ended: Days,
    "said-not-taken" said_not_taken: Yes,
    "since-start" since_start: Bounds,
    "exposure" exposure: Exposure,
    "allergy" allergy: Allergy,
    "local-use" local_use: Yes,
    "hold" hold: Hold,
    "restart-date" restart_date: Yes,
    "replacement" replacement: Replacement,
}

/// `at-least`: how many of a list, or a quantity of a test.
pub(crate) enum CountOrQuantity {
    Count(usize),
    Quantity(String),
}

impl<'de> Deserialize<'de> for CountOrQuantity {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Either;
        impl Visitor<'_> for Either {
            type Value = CountOrQuantity;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a count, or a quantity with its unit")
            }

            fn visit_str<E: de::Error>(self, text: &str) -> Result<CountOrQuantity, E> {
                Ok(CountOrQuantity::Quantity(text.to_owned()))
            }

            fn visit_i64<E: de::Error>(self, count: i64) -> Result<CountOrQuantity, E> {
                usize::try_from(count)
                    .map(CountOrQuantity::Count)
                    .map_err(E::custom)
            }
        }
        deserializer.deserialize_any(Either)
    }
}

/// `true`; to write `false` would say nothing.
pub(crate) struct Yes;

impl<'de> Deserialize<'de> for Yes {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        match bool::deserialize(deserializer)? {
            true => Ok(Yes),
            false => Err(de::Error::custom(
                "only true may stand here; leave the key out instead",
            )),
        }
    }
}

/// `{ at-least = 12, below = 56 }`.
#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub(crate) struct Bounds {
    pub(crate) at_least: Option<u16>,
    pub(crate) below: Option<u16>,
}

/// `{ at-least = "0.5 g/g", below = "1 g/g", or-none = true }`.
#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub(crate) struct Baseline {
    pub(crate) at_least: Option<Word>,
    pub(crate) above: Option<Word>,
    pub(crate) at_most: Option<Word>,
    pub(crate) below: Option<Word>,
    #[serde(default)]
    pub(crate) or_none: bool,
    #[serde(default)]
    pub(crate) none: bool,
}

/// Sex, as pregnancy is asked by it.
#[derive(Clone, Copy, Deserialize, PartialEq, Eq)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Sex {
    Female,
    Male,
}

/// `stop-reason`.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct StopReason {
    #[serde(default)]
    pub(crate) codes: Vec<String>,
    #[serde(default)]
    pub(crate) words: Vec<String>,
    #[serde(default)]
    pub(crate) itself: bool,
}

/// `starts`.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Starts {
    pub(crate) set: Vec<Word>,
    pub(crate) before: Days,
    pub(crate) after: Days,
}

/// `taken-within`.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct TakenWithin {
    pub(crate) set: Vec<Word>,
    pub(crate) days: u32,
}

/// `exposure`.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Exposure {
    pub(crate) daily: Word,
    #[serde(rename = "for")]
    pub(crate) days: Days,
    pub(crate) within: Days,
}

/// `allergy`.
#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub(crate) struct Allergy {
    pub(crate) set: Vec<Word>,
    #[serde(default)]
    pub(crate) severe: bool,
    #[serde(default)]
    pub(crate) after_start: bool,
}

/// `hold`.
#[derive(Clone, Copy, Deserialize, PartialEq, Eq)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Hold {
    WithDate,
    WithoutDate,
}

/// `replacement`.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Replacement {
    pub(crate) formulation: FormulationMatch,
    pub(crate) ratio: Word,
    pub(crate) which: Which,
}

/// Which formulation a replacement has.
#[derive(Clone, Copy, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum FormulationMatch {
    Same,
    Other,
    Either,
}

/// Which orders count as a replacement.
#[derive(Clone, Copy, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Which {
    Any,
    New,
    Old,
    Several,
    WrittenTaper,
}
