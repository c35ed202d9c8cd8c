//! Turns the cards of an answer into what an EHR's panel shows.
//!
//! In: the JSON of a CDS Hooks response (2.0.1, "CDS Service Response"). Out: view models for the template.
//! The panel trusts nothing: text is escaped, details go through [`crate::markdown`], links must be http or
//! https. It shows what a service sent and adds no advice of its own.

use super::basis::{BasisView, basis};
use super::resource;
use crate::markdown;
use serde_json::Value;

/// One card.
pub(super) struct CardView {
    /// `info`, `warning` or `critical`.
    pub(super) indicator: &'static str,
    /// The indicator as a word.
    pub(super) word: &'static str,
    /// Summary.
    pub(super) summary: String,
    /// Detail as safe HTML.
    pub(super) detail: String,
    /// Card uuid, for feedback.
    pub(super) uuid: String,
    /// Words of the topic.
    pub(super) topic: String,
    /// The source and the further links.
    pub(super) links: Vec<LinkView>,
    /// Suggestions.
    pub(super) suggestions: Vec<SuggestionView>,
    /// Reasons for not following it.
    pub(super) reasons: Vec<ReasonView>,
    /// The machine-readable basis, if there is one.
    pub(super) basis: Option<BasisView>,
}

/// A link of a card.
pub(super) struct LinkView {
    /// Words.
    pub(super) label: String,
    /// Target; empty if it may not be followed.
    pub(super) url: String,
    /// `Source`, `More`, or `App` for a SMART launch.
    pub(super) kind: &'static str,
    /// Launch address of an app, to be launched by this EHR and not to be followed.
    pub(super) launch: String,
    /// What the card hands to the app.
    pub(super) context: String,
}

/// A suggestion of a card.
pub(super) struct SuggestionView {
    /// Words.
    pub(super) label: String,
    /// Suggestion uuid, for feedback.
    pub(super) uuid: String,
    /// Whether the service prefers it.
    pub(super) recommended: bool,
    /// What accepting it would do: words and the resource as JSON.
    pub(super) actions: Vec<(String, String)>,
}

/// An override reason.
pub(super) struct ReasonView {
    /// System and code, joined by `|`.
    pub(super) token: String,
    /// Words.
    pub(super) display: String,
}

/// The cards of an answer, in its order; nothing if it is not an answer with cards.
pub(super) fn cards(answer: &Value) -> Option<Vec<CardView>> {
    Some(answer.get("cards")?.as_array()?.iter().map(card).collect())
}

fn card(card: &Value) -> CardView {
    let (indicator, word) = match resource::text(card, "/indicator") {
        "critical" => ("critical", "Critical"),
        "warning" => ("warning", "Warning"),
        _ => ("info", "Information"),
    };
    CardView {
        indicator,
        word,
        summary: resource::text(card, "/summary").to_owned(),
        detail: markdown::html(resource::text(card, "/detail")),
        uuid: resource::text(card, "/uuid").to_owned(),
        topic: resource::text(card, "/source/topic/display").to_owned(),
        links: links(card),
        suggestions: resource::items(card, "/suggestions")
            .iter()
            .map(suggestion)
            .collect(),
        reasons: resource::items(card, "/overrideReasons")
            .iter()
            .map(reason)
            .collect(),
        basis: card.pointer("/extension/org.stepdown.basis").map(basis),
    }
}

fn links(card: &Value) -> Vec<LinkView> {
    let source = link(
        resource::text(card, "/source/label"),
        resource::text(card, "/source/url"),
        "Source",
    );
    let more = resource::items(card, "/links").iter().map(|found| {
        let kind = if resource::text(found, "/type") == "smart" {
            "App"
        } else {
            "More"
        };
        let made = link(
            resource::text(found, "/label"),
            resource::text(found, "/url"),
            kind,
        );
        LinkView {
            context: resource::text(found, "/appContext").to_owned(),
            ..made
        }
    });
    std::iter::once(source)
        .chain(more)
        .filter(|link| !link.label.is_empty())
        .collect()
}

fn link(label: &str, address: &str, kind: &'static str) -> LinkView {
    let url = if kind != "App" && markdown::may_link(address) {
        address.to_owned()
    } else {
        String::new()
    };
    LinkView {
        label: label.to_owned(),
        url,
        kind,
        launch: if kind == "App" {
            address.to_owned()
        } else {
            String::new()
        },
        context: String::new(),
    }
}

fn suggestion(found: &Value) -> SuggestionView {
    let action = |action: &Value| {
        let kind = resource::text(action, "/type");
        let target = action.get("resource").map_or("", resource::kind);
        let words = format!("{kind} {target}: {}", resource::text(action, "/description"));
        (words, action.get("resource").map(pretty).unwrap_or_default())
    };
    SuggestionView {
        label: resource::text(found, "/label").to_owned(),
        uuid: resource::text(found, "/uuid").to_owned(),
        recommended: found
            .get("isRecommended")
            .and_then(Value::as_bool)
            .unwrap_or_default(),
        actions: resource::items(found, "/actions").iter().map(action).collect(),
    }
}

fn reason(found: &Value) -> ReasonView {
    ReasonView {
        token: format!(
            "{}|{}",
            resource::text(found, "/system"),
            resource::text(found, "/code")
        ),
        display: resource::text(found, "/display").to_owned(),
    }
}

/// JSON for reading.
pub(super) fn pretty(value: &Value) -> String {
    serde_json::to_string_pretty(value).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn no_cards_is_an_empty_list_and_another_body_is_none() {
        assert!(cards(&json!({"cards": []})).is_some_and(|cards| cards.is_empty()));
        assert!(cards(&json!({"resourceType": "OperationOutcome"})).is_none());
    }

    #[test]
    fn links_of_other_schemes_are_named_and_not_linked() {
        let view = card(
            &json!({"source": {"label": "s", "url": "javascript:alert(1)"}, "links": [
            {"label": "paper", "url": "https://doi.org/10.1000/1", "type": "absolute"},
            {"label": "app", "url": "https://example.org/launch", "type": "smart"}]}),
        );
        let urls: Vec<_> = view
            .links
            .iter()
            .map(|link| (link.kind, link.url.as_str()))
            .collect();
        assert_eq!(
            urls,
            [("Source", ""), ("More", "https://doi.org/10.1000/1"), ("App", "")]
        );
    }
}
