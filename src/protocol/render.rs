//! The same judgement, as a client can show it.
//!
//! Turns the cards of an answer and the [`Shows`] of a client into what is sent. This is the only place
//! where an answer depends on the client. It takes away and joins, and never changes what is advised: the
//! most urgent card always stays; the text and the sources of a card that does not fit move to the last one
//! that does; a suggestion that would not arrive whole is left out, because the text says the same. For a
//! client without a profile it changes nothing. CDS Hooks, "CDS Service Response".

use super::response::{CardOut, HookAnswer, LinkOut, SuggestionOut};
use crate::config::{Detail, Selection, Shows, SuggestionKind};
use pulldown_cmark::{Event, Parser, Tag, TagEnd};
use serde_json::value::RawValue;
use std::collections::BTreeMap;

/// Between the text of a card and that of one which did not fit.
const RULE: &str = "\n\n---\n\n";
/// `type` of links that launch an app.
const SMART: &str = "smart";
/// The element that holds the doses of an order.
const DOSAGE: &str = "dosageInstruction";

/// Fits an answer to a client.
#[must_use]
pub fn render<'a>(answer: HookAnswer<'a>, shows: &Shows) -> HookAnswer<'a> {
    let mut cards = joined(answer.cards, shows.max_cards);
    for card in &mut cards {
        card.suggestions = suggestions(std::mem::take(&mut card.suggestions), shows);
        card.selection_behavior = behavior(&card.suggestions, shows);
        card.links.retain(|link| may_follow(link, shows));
        if !shows.app_context {
            card.links.iter_mut().for_each(|link| link.app_context = None);
        }
        if shows.detail == Detail::Plain {
            card.detail = plain(&card.detail).into();
        }
    }
    HookAnswer { cards }
}

/// At most so many cards; the last one takes in what the others say, each under its summary.
fn joined(mut cards: Vec<CardOut<'_>>, most: usize) -> Vec<CardOut<'_>> {
    let beyond = cards.split_off(most.min(cards.len()));
    let Some(last) = cards.last_mut() else {
        return cards;
    };
    for card in beyond {
        let detail = last.detail.to_mut();
        if !detail.is_empty() {
            detail.push_str(RULE);
        }
        detail.push_str(&format!(
            "**{}**",
            crate::clinical::compose::text::in_detail(card.summary.into())
        ));
        if !card.detail.is_empty() {
            detail.push_str("\n\n");
            detail.push_str(&card.detail);
        }
        let own = card.own_source();
        for link in std::iter::once(own).chain(card.links) {
            if link.url != last.own_source().url && last.links.iter().all(|known| known.url != link.url) {
                last.links.push(link);
            }
        }
    }
    cards
}

fn suggestions<'a>(all: Vec<SuggestionOut<'a>>, shows: &Shows) -> Vec<SuggestionOut<'a>> {
    let arrives = |suggestion: &SuggestionOut<'a>| {
        let whole = shows.suggested_doses || suggestion.kind != SuggestionKind::Taper;
        whole && shows.suggestions.contains(&suggestion.kind)
    };
    let fitting = all
        .into_iter()
        .filter(arrives)
        .take(shows.max_suggestions.unwrap_or(usize::MAX));
    fitting
        .map(|mut suggestion| {
            if !shows.suggested_doses && suggestion.kind == SuggestionKind::Agents {
                without_dosage(&mut suggestion.action.resource);
            }
            suggestion
        })
        .collect()
}

/// An order whose doses the client replaces is sent without them, so that nobody relies on them.
fn without_dosage(resource: &mut String) {
    let Ok(mut fields) = serde_json::from_str::<BTreeMap<&str, &RawValue>>(resource) else {
        return;
    };
    if fields.remove(DOSAGE).is_none() {
        return;
    }
    if let Ok(left) = serde_json::to_string(&fields) {
        *resource = left;
    }
}

fn behavior(suggestions: &[SuggestionOut<'_>], shows: &Shows) -> Option<&'static str> {
    let behavior = match shows.selection_behavior {
        Selection::Any => "any",
        Selection::AtMostOne => "at-most-one",
    };
    (!suggestions.is_empty()).then_some(behavior)
}

fn may_follow(link: &LinkOut<'_>, shows: &Shows) -> bool {
    let listed = |allowed: &[String]| allowed.iter().any(|start| link.url.starts_with(start.as_str()));
    (shows.smart_links || link.r#type != SMART) && shows.links.as_deref().is_none_or(listed)
}

/// The text of GFM without its marks: one line for each paragraph and item.
fn plain(markdown: &str) -> String {
    let mut text = String::with_capacity(markdown.len());
    for event in Parser::new(markdown) {
        match event {
            Event::Text(piece) | Event::Code(piece) => text.push_str(&piece),
            Event::SoftBreak | Event::HardBreak => text.push('\n'),
            Event::Start(Tag::Item) => {
                begin_line(&mut text);
                text.push_str("- ");
            }
            Event::End(TagEnd::Paragraph | TagEnd::Heading(_) | TagEnd::List(_)) => {
                begin_line(&mut text);
                text.push('\n');
            }
            _ => {}
        }
    }
    text.trim_end().to_owned()
}

fn begin_line(text: &mut String) {
    if !text.is_empty() && !text.ends_with('\n') {
        text.push('\n');
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn link(r#type: &'static str, url: &'static str) -> LinkOut<'static> {
        LinkOut {
            label: "l",
            url: url.into(),
            r#type,
            app_context: None,
        }
    }

    #[test]
    fn links_are_kept_by_kind_and_beginning() {
        let (smart, doi) = (
            link("smart", "https://app.example/launch"),
            link("absolute", "https://doi.org/x"),
        );
        let mut shows = Shows::default();
        assert!(may_follow(&smart, &shows) && may_follow(&doi, &shows));
        shows.smart_links = false;
        assert!(!may_follow(&smart, &shows) && may_follow(&doi, &shows));
        shows.links = Some(vec!["https://app.example/".to_owned()]);
        assert!(!may_follow(&smart, &shows) && !may_follow(&doi, &shows));
        shows.smart_links = true;
        assert!(may_follow(&smart, &shows) && !may_follow(&doi, &shows));
    }

    #[test]
    fn plain_text_keeps_words_and_lines() {
        let text = plain("**Why**\n\n- 240 10\\*9/L\n- a **bold** word\n\nlast\n\n---\n\nother");
        assert_eq!(text, "Why\n\n- 240 10*9/L\n- a bold word\n\nlast\n\nother");
    }

    #[test]
    fn an_order_loses_its_doses_and_nothing_else() {
        let json = r#"{"resourceType":"MedicationRequest","dosageInstruction":[{"text":"1"}],"note":[{"text":"n"}]}"#;
        let mut resource = json.to_owned();
        without_dosage(&mut resource);
        let left: serde_json::Value = serde_json::from_str(&resource).unwrap();
        assert_eq!(
            left,
            serde_json::json!({"resourceType": "MedicationRequest", "note": [{"text": "n"}]})
        );
    }
}
