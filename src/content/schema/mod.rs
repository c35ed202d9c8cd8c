//! The files of `hooks/` as they are written, field by field.
//!
//! Turns TOML and CSV into rows of words with their places. Nothing is looked up here: a name is still a
//! name. Unknown keys are refused by every struct; `hooks/FORMAT.md` says the same in prose.

pub(super) mod agents;
pub(super) mod cases;
pub(super) mod signals;
pub(super) mod tables;
pub(super) mod terms;

use super::page::Word;
use super::scalar::Days;
use crate::clinical::knowledge as model;
use serde::Deserialize;
use serde::de::{self, Deserializer, MapAccess, Visitor};
use std::collections::BTreeMap;
use std::fmt;
use toml::Spanned;

/// Logic over signals, as written.
#[derive(Clone, Debug)]
pub(super) enum Logic {
    Always,
    Signal(String),
    Not(Box<Spanned<Logic>>),
    Any(Vec<Spanned<Logic>>),
    All(Vec<Spanned<Logic>>),
    AtLeast(usize, Vec<Spanned<Logic>>),
}

impl Logic {
    /// A text that is the same for logic that means the same by order and grouping of its words.
    pub(super) fn shape(&self) -> String {
        let sorted = |parts: &[Spanned<Logic>]| {
            let mut shapes: Vec<String> = parts.iter().map(|part| part.get_ref().shape()).collect();
            shapes.sort();
            shapes.dedup();
            shapes
        };
        let join = |word: &str, parts: &[Spanned<Logic>]| match &sorted(parts)[..] {
            [only] => only.clone(),
            several => format!("{word}({})", several.join(",")),
        };
        match self {
            Logic::Always => "always".to_owned(),
            Logic::Signal(name) => name.clone(),
            Logic::Not(part) => format!("not({})", part.get_ref().shape()),
            Logic::Any(parts) => join("any", parts),
            Logic::All(parts) => join("all", parts),
            Logic::AtLeast(count, parts) => {
                format!("at-least({count};{})", sorted(parts).join(","))
            }
        }
    }
}

impl<'de> Deserialize<'de> for Logic {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(LogicVisitor)
    }
}

struct LogicVisitor;

impl<'de> Visitor<'de> for LogicVisitor {
    type Value = Logic;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a signal's name or one of { any }, { all }, { not }, { at-least, of }")
    }

    fn visit_str<E: de::Error>(self, text: &str) -> Result<Logic, E> {
        Ok(match text.strip_prefix("not ") {
            _ if text == "always" => Logic::Always,
            // The place of the inner name is that of the whole word: the reader looks at the line.
            Some(name) => Logic::Not(Box::new(Spanned::new(
                0..0,
                Logic::Signal(name.trim().to_owned()),
            ))),
            None => Logic::Signal(text.to_owned()),
        })
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Logic, A::Error> {
        let (mut found, mut count, mut of) = (None, None, None);
        while let Some(key) = map.next_key::<String>()? {
            let part = match key.as_str() {
                "any" => Logic::Any(map.next_value()?),
                "all" => Logic::All(map.next_value()?),
                "not" => Logic::Not(Box::new(map.next_value()?)),
                "at-least" => {
                    count = Some(map.next_value()?);
                    continue;
                }
                "of" => {
                    of = Some(map.next_value()?);
                    continue;
                }
                other => {
                    return Err(de::Error::unknown_field(
                        other,
                        &["any", "all", "not", "at-least", "of"],
                    ));
                }
            };
            if found.replace(part).is_some() {
                return Err(de::Error::custom("only one of any, all and not may stand here"));
            }
        }
        match (found, count, of) {
            (Some(logic), None, None) => Ok(logic),
            (None, Some(count), Some(of)) => Ok(Logic::AtLeast(count, of)),
            _ => Err(de::Error::custom(
                "expected one of any, all, not, or at-least with of",
            )),
        }
    }
}

/// `sure` and `evidence`.
#[derive(Clone, Copy, Debug, Deserialize, PartialEq, Eq)]
#[serde(rename_all = "kebab-case")]
pub(super) enum Certainty {
    Guideline,
    Label,
    Trial,
    Cohort,
    Indirect,
    Opinion,
}

impl From<Certainty> for model::Certainty {
    fn from(word: Certainty) -> Self {
        match word {
            Certainty::Guideline => model::Certainty::Guideline,
            Certainty::Label => model::Certainty::Label,
            Certainty::Trial => model::Certainty::Trial,
            Certainty::Cohort => model::Certainty::Cohort,
            Certainty::Indirect => model::Certainty::Indirect,
            Certainty::Opinion => model::Certainty::Opinion,
        }
    }
}

/// `indicator`.
#[derive(Clone, Copy, Debug, Deserialize, PartialEq, Eq)]
#[serde(rename_all = "kebab-case")]
pub(super) enum Indicator {
    Info,
    Warning,
    Critical,
}

impl From<Indicator> for model::Indicator {
    fn from(word: Indicator) -> Self {
        match word {
            Indicator::Info => model::Indicator::Info,
            Indicator::Warning => model::Indicator::Warning,
            Indicator::Critical => model::Indicator::Critical,
        }
    }
}

/// `content.toml`.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Content {
    pub(super) version: Word,
    pub(super) released: Word,
    #[serde(rename = "chart-days")]
    pub(super) chart_days: Option<Spanned<u32>>,
}

/// `source-attributes.toml`.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct SourceAttributes {
    pub(super) attribute: Vec<SourceAttributeRow>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct SourceAttributeRow {
    pub(super) code: Word,
    pub(super) name: String,
    pub(super) says: Option<String>,
    pub(super) from: Option<AttributeFrom>,
}

/// What fills an attribute from the tables.
#[derive(Clone, Copy, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(super) enum AttributeFrom {
    Citations,
    Dates,
}

/// `sources.toml`.
pub(super) type Sources = BTreeMap<Word, SourceRow>;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct SourceRow {
    pub(super) label: Word,
    pub(super) url: Word,
    pub(super) year: u16,
    pub(super) supports: Word,
    #[serde(rename = "seen")]
    pub(super) _seen: Seen,
}

/// Whether the text was seen when the table was written; for reviewers, not for cards.
#[derive(Deserialize)]
pub(super) enum Seen {
    V,
    M,
}

/// `services.toml`.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Services {
    pub(super) service: Vec<ServiceRow>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub(super) struct ServiceRow {
    pub(super) id: Word,
    pub(super) hook: Word,
    pub(super) title: String,
    pub(super) description: String,
    #[serde(default)]
    pub(super) usage: String,
    pub(super) stopped_within: Option<Days>,
}

/// `override-reasons.toml`.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct OverrideReasons {
    pub(super) reason: Vec<CodingRow>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct CodingRow {
    pub(super) system: Word,
    pub(super) code: Word,
    pub(super) display: String,
}

/// `repeats.toml`.
#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub(super) struct Repeats {
    pub(super) after_override: AfterOverride,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct AfterOverride {
    pub(super) hours: Spanned<u32>,
    pub(super) sure: Spanned<Certainty>,
    pub(super) source: Option<Word>,
}

/// `withdrawals/*/texts/en/*.toml`.
pub(super) type Texts = BTreeMap<Word, TextRow>;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct TextRow {
    pub(super) summary: Vec<Word>,
    #[serde(default)]
    pub(super) why: Vec<Word>,
    #[serde(default)]
    pub(super) misleading: Vec<Word>,
    #[serde(default)]
    pub(super) sure: Vec<Word>,
    #[serde(default)]
    pub(super) courses: Vec<Word>,
}
