//! `cases/*/*.toml` as written: one patient in plain words, and what is expected.

use super::Indicator;
use super::signals::Sex;
use super::tables::{Country, Topic};
use crate::content::page::Word;
use serde::Deserialize;
use serde::de::value::MapAccessDeserializer;
use serde::de::{self, Deserializer, MapAccess, Visitor};
use std::collections::BTreeMap;
use std::fmt;
use toml::Spanned;

/// A case.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Case {
    pub(crate) now: Option<Word>,
    pub(crate) hook: Option<Word>,
    pub(crate) country: Option<Country>,
    #[serde(default)]
    pub(crate) patient: PatientRow,
    #[serde(default)]
    pub(crate) conditions: Vec<Spanned<ConditionEntry>>,
    #[serde(default)]
    pub(crate) procedures: Vec<ProcedureRow>,
    #[serde(default)]
    pub(crate) allergies: Vec<AllergyRow>,
    #[serde(default)]
    pub(crate) orders: Vec<OrderRow>,
    #[serde(default)]
    pub(crate) supplies: Vec<SupplyRow>,
    #[serde(default)]
    pub(crate) labs: Vec<LabRow>,
    #[serde(default)]
    pub(crate) missing: BTreeMap<Word, Word>,
    pub(crate) expect: Expect,
}

#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct PatientRow {
    pub(crate) sex: Option<Sex>,
    pub(crate) age: Option<i16>,
    pub(crate) birth: Option<Word>,
    #[serde(default)]
    pub(crate) deceased: bool,
}

/// A condition: the name of its group, or a table.
pub(crate) enum ConditionEntry {
    Group(String),
    Full(ConditionRow),
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub(crate) struct ConditionRow {
    pub(crate) is: String,
    pub(crate) onset: Option<String>,
    pub(crate) recorded: Option<String>,
    #[serde(default)]
    pub(crate) status: ConditionStatus,
    #[serde(default)]
    pub(crate) in_encounter: bool,
}

/// FHIR's clinical status, or `refuted`.
#[derive(Clone, Copy, Default, Deserialize, PartialEq, Eq)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum ConditionStatus {
    #[default]
    Active,
    Recurrence,
    Relapse,
    Inactive,
    Remission,
    Resolved,
    Refuted,
}

impl<'de> Deserialize<'de> for ConditionEntry {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Entries;
        impl<'de> Visitor<'de> for Entries {
            type Value = ConditionEntry;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("the name of a group, or a table with 'is'")
            }

            fn visit_str<E: de::Error>(self, text: &str) -> Result<ConditionEntry, E> {
                Ok(ConditionEntry::Group(text.to_owned()))
            }

            fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<ConditionEntry, A::Error> {
                ConditionRow::deserialize(MapAccessDeserializer::new(map)).map(ConditionEntry::Full)
            }
        }
        deserializer.deserialize_any(Entries)
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct ProcedureRow {
    pub(crate) is: Word,
    pub(crate) done: Option<Word>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub(crate) struct AllergyRow {
    pub(crate) to: Word,
    #[serde(default)]
    pub(crate) severe: bool,
    pub(crate) recorded: Option<Word>,
    #[serde(default)]
    pub(crate) local_product: bool,
    #[serde(default)]
    pub(crate) refuted: bool,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub(crate) struct OrderRow {
    pub(crate) drug: Word,
    pub(crate) dose: Option<Word>,
    #[serde(default)]
    pub(crate) at: Vec<Word>,
    pub(crate) since: Option<Word>,
    /// The end of use that the order itself gives.
    pub(crate) until: Option<Word>,
    #[serde(default)]
    pub(crate) stops: bool,
    #[serde(default)]
    pub(crate) hold: bool,
    #[serde(default)]
    pub(crate) draft: bool,
    pub(crate) stopped: Option<Word>,
    #[serde(rename = "for")]
    pub(crate) stopped_for: Option<String>,
    pub(crate) reason: Option<String>,
    pub(crate) reason_text: Option<String>,
    pub(crate) restart: Option<Word>,
    #[serde(default)]
    pub(crate) treats: Vec<Word>,
    pub(crate) site: Option<super::terms::Site>,
    #[serde(default)]
    pub(crate) route_unknown: bool,
    #[serde(default)]
    pub(crate) written_taper: bool,
    #[serde(default)]
    pub(crate) entered_in_error: bool,
    /// An order not to give the drug.
    #[serde(default)]
    pub(crate) not_to_give: bool,
    #[serde(default)]
    pub(crate) completed: bool,
    #[serde(default)]
    pub(crate) unreadable: bool,
    /// Parts of it that are there and cannot be read.
    #[serde(default)]
    pub(crate) unreadable_start: bool,
    #[serde(default)]
    pub(crate) unreadable_end: bool,
    #[serde(default)]
    pub(crate) unreadable_dose: bool,
}

/// A dispense or a statement.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct SupplyRow {
    pub(crate) drug: Word,
    pub(crate) says: SaidRow,
    pub(crate) until: Option<Word>,
}

/// What a dispense or a statement says.
#[derive(Clone, Copy, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum SaidRow {
    Ended,
    Taken,
    NotTaken,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub(crate) struct LabRow {
    pub(crate) is: Word,
    pub(crate) value: Option<Word>,
    pub(crate) taken: Option<Word>,
    pub(crate) upper: Option<Word>,
    pub(crate) lower: Option<Word>,
    pub(crate) trough: Option<bool>,
    pub(crate) hours_after_dose: Option<crate::content::scalar::Number>,
    pub(crate) drawn_at: Option<Word>,
    #[serde(default)]
    pub(crate) assay: String,
    #[serde(default)]
    pub(crate) preliminary: bool,
    #[serde(default)]
    pub(crate) unreadable: bool,
}

/// What the answer must be.
#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub(crate) struct Expect {
    pub(crate) rule: Option<String>,
    pub(crate) silent: Option<String>,
    #[serde(default)]
    pub(crate) refused: bool,
    pub(crate) topics: Option<BTreeMap<Topic, Indicator>>,
    #[serde(default)]
    pub(crate) agents: BTreeMap<String, String>,
    #[serde(default)]
    pub(crate) gaps: BTreeMap<String, String>,
    #[serde(default)]
    pub(crate) not_gaps: Vec<String>,
    pub(crate) schedule: Option<Vec<Word>>,
    #[serde(default)]
    pub(crate) says: Vec<String>,
    #[serde(default)]
    pub(crate) never: Vec<String>,
}
