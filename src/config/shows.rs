//! What a client can show and take: a ready-made profile, and single lines that a site has changed.
//!
//! Turns `profile` and `[client.shows]` into [`Shows`], which `protocol::render` obeys. The profiles are
//! data, in `profiles.toml` beside this file. It knows no card.

use super::check::Source;
use super::{ConfigError, file};
use serde::Deserialize;
use std::collections::BTreeMap;
use std::path::Path;
use toml::Spanned;

const PROFILES: &str = include_str!("profiles.toml");
/// Most cards that there are in one answer (contract, section 2).
const MOST_CARDS: usize = 4;

/// What a client can show and take. By default all that the standard has and we send.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Shows {
    /// Most cards of an answer; the text of those beyond is added to the last one.
    pub max_cards: usize,
    /// Most suggestions of a card; `None` for any number.
    pub max_suggestions: Option<usize>,
    /// Kinds of suggestions that it can take.
    pub suggestions: Vec<SuggestionKind>,
    /// How many suggestions of one card may be taken.
    pub selection_behavior: Selection,
    /// Whether the doses of a suggested order arrive.
    pub suggested_doses: bool,
    /// Whether links of type `smart` can be followed.
    pub smart_links: bool,
    /// Whether `appContext` reaches the app.
    pub app_context: bool,
    /// Beginnings of the addresses that links may have; `None` for any.
    pub links: Option<Vec<String>>,
    /// How `detail` is written.
    pub detail: Detail,
    /// What to answer where the question cannot be decided.
    pub when_data_missing: WhenDataMissing,
}

/// A kind of suggestion.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum SuggestionKind {
    /// An update of a stopped order that keeps it.
    KeepOrder,
    /// A new order that goes down in steps.
    Taper,
    /// A new order for another drug.
    Agents,
    /// A new order for a test.
    Tests,
}

/// `selectionBehavior` of cards with suggestions.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Selection {
    /// Any number may be taken.
    Any,
    /// One or none.
    AtMostOne,
}

/// How `detail` is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Detail {
    /// GitHub Flavored Markdown, as the standard has it.
    Markdown,
    /// Lines of text without markup.
    Plain,
}

/// What to answer where the question cannot be decided.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
pub enum WhenDataMissing {
    /// 412, which the EHR handles.
    #[serde(rename = "412")]
    Refuse,
    /// A card that says so, which the prescriber reads.
    #[serde(rename = "card")]
    Card,
}

impl Default for Shows {
    fn default() -> Self {
        use SuggestionKind::{Agents, KeepOrder, Taper, Tests};
        Self {
            max_cards: MOST_CARDS,
            max_suggestions: None,
            suggestions: vec![KeepOrder, Taper, Agents, Tests],
            selection_behavior: Selection::Any,
            suggested_doses: true,
            smart_links: true,
            app_context: true,
            links: None,
            detail: Detail::Markdown,
            when_data_missing: WhenDataMissing::Refuse,
        }
    }
}

/// The profile that a client names, with the lines that it has changed.
pub(super) fn read(source: &Source<'_>, client: &file::Client) -> Result<Shows, ConfigError> {
    let mut shows = Shows::default();
    if let Some(name) = &client.profile {
        let place = Source::new(PROFILES, Path::new("profiles.toml"), Path::new("/"));
        let profiles: BTreeMap<String, file::Shows> =
            toml::from_str(PROFILES).map_err(|error| place.unreadable(&error))?;
        let Some(profile) = profiles.get(name.get_ref()) else {
            let known: Vec<&str> = profiles.keys().map(String::as_str).collect();
            let message = format!("is none of the profiles: {}", known.join(", "));
            return Err(source.invalid(&name.span(), "profile", message));
        };
        shows.change(&place, profile)?;
    }
    if let Some(own) = &client.shows {
        shows.change(source, own)?;
    }
    Ok(shows)
}

impl Shows {
    fn change(&mut self, source: &Source<'_>, by: &file::Shows) -> Result<(), ConfigError> {
        self.max_cards = source.number(by.max_cards.as_ref(), "max-cards", self.max_cards, 1..=MOST_CARDS)?;
        if let Some(most) = &by.max_suggestions {
            self.max_suggestions = Some(source.number(Some(most), "max-suggestions", 0, 0..=100)?);
        }
        if let Some(links) = &by.links {
            for link in links {
                begins_an_address(source, link)?;
            }
            self.links = Some(links.iter().map(|link| link.get_ref().clone()).collect());
        }
        set(&mut self.suggestions, by.suggestions.as_ref());
        set(&mut self.selection_behavior, by.selection_behavior.as_ref());
        set(&mut self.suggested_doses, by.suggested_doses.as_ref());
        set(&mut self.smart_links, by.smart_links.as_ref());
        set(&mut self.app_context, by.app_context.as_ref());
        set(&mut self.detail, by.detail.as_ref());
        set(&mut self.when_data_missing, by.when_data_missing.as_ref());
        Ok(())
    }
}

fn set<T: Clone>(value: &mut T, by: Option<&T>) {
    if let Some(by) = by {
        value.clone_from(by);
    }
}

/// A prefix without a `/` after the host would also allow hosts that only begin like it.
fn begins_an_address(source: &Source<'_>, link: &Spanned<String>) -> Result<(), ConfigError> {
    let rest = link.get_ref().strip_prefix("https://");
    if rest
        .and_then(|rest| rest.split_once('/'))
        .is_some_and(|(host, _)| !host.is_empty())
    {
        return Ok(());
    }
    let message = "must begin with https:// and a host, with a / behind it";
    Err(source.invalid(&link.span(), "links", message))
}
