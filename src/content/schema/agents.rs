//! `agents/*.toml` as written.

use super::{CodingRow, Logic};
use crate::content::page::Word;
use serde::Deserialize;
use toml::Spanned;

/// A file of an agent.
#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub(crate) struct AgentFile {
    pub(crate) name: Word,
    pub(crate) ingredient: Option<Word>,
    pub(crate) code: Option<CodingRow>,
    #[serde(default)]
    pub(crate) weight_based: bool,
    pub(crate) sources: Spanned<Vec<Word>>,
    #[serde(default)]
    pub(crate) exclude: Vec<ExcludeRow>,
    #[serde(default)]
    pub(crate) require: Vec<RequireRow>,
    #[serde(default)]
    pub(crate) note: Vec<NoteRow>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct ExcludeRow {
    pub(crate) when: Spanned<Logic>,
    pub(crate) because: Word,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct RequireRow {
    pub(crate) know: Spanned<Logic>,
    pub(crate) applies: Option<Spanned<Logic>>,
    pub(crate) ask: Word,
    pub(crate) otherwise: Option<Word>,
    pub(crate) need: Option<Word>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct NoteRow {
    pub(crate) when: Spanned<Logic>,
    pub(crate) says: Word,
}
