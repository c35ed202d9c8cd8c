//! What leaves on a hook call: cards as CDS Hooks 2.0.1 writes them, and the basis extension.
//!
//! Turns the judgement's cards into wire types: gives identifiers, writes the FHIR resources of the
//! suggestions, and leaves out every field without a value (never `null`, `""`, `[]` or `{}`).
//! It adds nothing to what the judgement said. CDS Hooks, "CDS Service Response".

mod repeat;
mod written;

use crate::clinical::compose::{Basis, Card, Input, Is, Proposal, Suggestion};
use crate::clinical::gap::Why;
use crate::clinical::knowledge::{Certainty, Coding, Indicator, Knowledge, Topic, UNDECIDED};
use crate::clinical::when::Dated;
use crate::config::SuggestionKind;
use crate::fhir::drafts::Drafts;
use crate::smart::AppLink;
use jiff::Timestamp;
use serde::Serialize;
use std::borrow::Cow;
use uuid::Uuid;
use written::{Exact, Shown};

pub use repeat::About;

/// Key of the machine-readable basis in a card's `extension`.
pub const BASIS: &str = "org.stepdown.basis";
/// System of card topics.
pub const TOPICS: &str = "urn:stepdown:card-topic";

/// The body of a 200 answer.
pub struct HookAnswer<'a> {
    /// Cards, the most urgent first; empty means: looked, and nothing to say.
    pub cards: Vec<CardOut<'a>>,
}

/// A card.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub struct CardOut<'a> {
    /// Identifier for feedback.
    pub uuid: Uuid,
    pub(super) summary: &'a str,
    #[serde(skip_serializing_if = "str::is_empty")]
    pub(super) detail: Cow<'a, str>,
    indicator: &'static str,
    source: SourceOut<'a>,
    /// Suggestions; written behind the rest of the card.
    #[serde(skip)]
    pub suggestions: Vec<SuggestionOut<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) selection_behavior: Option<&'static str>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    override_reasons: Vec<CodingOut<'a>>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(super) links: Vec<LinkOut<'a>>,
    extension: Extension<'a>,
    /// What `indicator` says, to be compared.
    #[serde(skip)]
    urgency: Indicator,
    #[serde(skip)]
    kind: Topic,
    /// Keyed digest of what makes it the same card again; only a warning with full force has one.
    #[serde(skip)]
    pub digest: Option<String>,
}

impl<'a> CardOut<'a> {
    /// Code of its topic.
    pub fn topic(&self) -> &'static str {
        self.kind.code()
    }

    /// Its own source, as a link.
    pub(super) fn own_source(&self) -> LinkOut<'a> {
        LinkOut {
            label: self.source.label,
            url: Cow::Borrowed(self.source.url),
            r#type: "absolute",
            app_context: None,
        }
    }

    /// Rule that fired.
    pub fn rule(&self) -> &str {
        self.extension.basis.rule
    }

    /// `info`, `warning` or `critical`.
    pub fn indicator(&self) -> &'static str {
        self.indicator
    }

    /// What was not known and why, as `need:why` with a space between two.
    pub fn gaps(&self) -> String {
        let gaps = &self.extension.basis.gaps;
        let mut text = String::with_capacity(32 * gaps.len());
        for gap in gaps {
            if !text.is_empty() {
                text.push(' ');
            }
            text.extend([gap.need, ":", gap.why]);
        }
        text
    }

    /// Whether it has less force than its rule says, because it was overridden a moment ago.
    pub fn is_softened(&self) -> bool {
        self.extension.basis.softened.is_some()
    }
}

#[derive(Serialize)]
struct SourceOut<'a> {
    label: &'a str,
    url: &'a str,
    topic: CodingOut<'a>,
}

#[derive(Serialize)]
struct CodingOut<'a> {
    system: &'a str,
    code: &'a str,
    display: &'a str,
}

/// A link.
#[derive(Clone, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct LinkOut<'a> {
    pub(super) label: &'a str,
    pub(super) url: Cow<'a, str>,
    pub(super) r#type: &'static str,
    /// What the app gets with its launch; on a smart link only.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) app_context: Option<String>,
}

impl<'a> HookAnswer<'a> {
    /// Adds the link to what the service says of itself to every card (45 CFR 170.315(b)(11)).
    pub fn link_basis(&mut self, url: &str, knowledge: &'a Knowledge) {
        for card in &mut self.cards {
            card.links.push(LinkOut {
                label: knowledge.words.get("link.basis"),
                url: Cow::Owned(url.to_owned()),
                r#type: "absolute",
                app_context: None,
            });
        }
    }

    /// Adds the link to the companion app to every card (CDS Hooks, "Link").
    pub fn link_app(&mut self, link: &AppLink, knowledge: &'a Knowledge) {
        for card in &mut self.cards {
            card.links.push(LinkOut {
                label: knowledge.words.get("link.app"),
                url: Cow::Owned(link.url.clone()),
                r#type: "smart",
                app_context: link.handle.clone(),
            });
        }
    }
}

/// A suggestion with its one action, whose resource is JSON already.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub struct SuggestionOut<'a> {
    label: &'a str,
    /// Identifier for feedback.
    pub uuid: Uuid,
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    is_recommended: bool,
    /// Written behind the rest.
    #[serde(skip)]
    pub(super) action: ActionOut<'a>,
    #[serde(skip)]
    pub(super) kind: SuggestionKind,
}

#[derive(Serialize)]
pub(super) struct ActionOut<'a> {
    r#type: &'static str,
    description: &'a str,
    /// JSON that our own readers took apart or `fhir_out` wrote; copied as it is, because reading all of it once more
    /// to be sure (`RawValue`) took a twentieth of a call.
    #[serde(skip)]
    pub(super) resource: String,
}

#[derive(Serialize)]
struct Extension<'a> {
    #[serde(rename = "org.stepdown.basis")]
    basis: BasisOut<'a>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct BasisOut<'a> {
    rule: &'a str,
    content: &'a str,
    evaluated_at: Shown<Timestamp>,
    drugs: Cow<'a, [&'a str]>,
    indication: &'a str,
    evidence: &'static str,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    inputs: Vec<InputOut<'a>>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    gaps: Vec<GapOut<'a>>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    agents: Vec<AgentOut<'a>>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    schedule: Vec<StepOut>,
    #[serde(skip_serializing_if = "Option::is_none")]
    softened: Option<repeat::SoftenedOut>,
}

#[derive(Serialize)]
#[serde(rename_all = "kebab-case")]
struct InputOut<'a> {
    name: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    value: Option<Exact>,
    #[serde(skip_serializing_if = "Option::is_none")]
    unit: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    text: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    date: Option<Shown<Dated>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    source: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    as_recorded: Option<&'a str>,
}

#[derive(Serialize)]
struct GapOut<'a> {
    need: &'a str,
    why: &'static str,
}

#[derive(Serialize)]
struct AgentOut<'a> {
    code: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    system: Option<&'a str>,
    name: &'a str,
    status: &'static str,
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    reasons: &'a [&'a str],
}

#[derive(Serialize)]
struct StepOut {
    step: usize,
    days: u32,
    doses: Vec<AmountOut>,
    daily: AmountOut,
}

#[derive(Serialize)]
struct AmountOut {
    value: Exact,
    unit: &'static str,
}

/// Writes the answer.
pub fn answer<'a>(
    cards: &'a [Card<'a>],
    knowledge: &'a Knowledge,
    drafts: &Drafts<'_>,
    now: Timestamp,
) -> HookAnswer<'a> {
    let at = instant(now);
    let cards = cards.iter().map(|card| card_out(card, knowledge, drafts, at));
    HookAnswer {
        cards: cards.collect(),
    }
}

fn card_out<'a>(
    card: &'a Card<'a>,
    knowledge: &'a Knowledge,
    drafts: &Drafts<'_>,
    at: Shown<Timestamp>,
) -> CardOut<'a> {
    // The loader refuses a statement without a source.
    let first = knowledge.source(card.sources[0]);
    let suggestions: Vec<SuggestionOut<'a>> = card
        .suggestions
        .iter()
        .filter_map(|s| suggestion_out(s, drafts))
        .collect();
    let reasons = if card.indicator >= Indicator::Warning {
        &knowledge.override_reasons[..]
    } else {
        &[]
    };
    let link = |id| {
        let source = knowledge.source(id);
        LinkOut {
            label: &source.label,
            url: Cow::Borrowed(&*source.url),
            r#type: "absolute",
            app_context: None,
        }
    };
    CardOut {
        // In order of time, so that the journal's key grows at its end.
        uuid: Uuid::now_v7(),
        summary: &card.summary,
        detail: Cow::Borrowed(&card.detail),
        indicator: card.indicator.code(),
        source: SourceOut {
            label: &first.label,
            url: &first.url,
            topic: topic_out(card.topic, knowledge),
        },
        selection_behavior: (!suggestions.is_empty()).then_some("any"),
        suggestions,
        override_reasons: reasons.iter().map(coding_out).collect(),
        links: card.sources.iter().skip(1).map(|id| link(*id)).collect(),
        extension: Extension {
            basis: basis_out(&card.basis, knowledge, at),
        },
        urgency: card.indicator,
        kind: card.topic,
        digest: None,
    }
}

/// A card for a question that could not be decided, for clients that want no 412. It is no advice.
pub fn undecided<'a>(knowledge: &'a Knowledge, (need, why): (&'a str, Why), now: Timestamp) -> CardOut<'a> {
    let words = &knowledge.words;
    let gap = GapOut {
        need,
        why: why.code(),
    };
    CardOut {
        uuid: Uuid::now_v7(),
        summary: words.get("undecided.summary"),
        detail: Cow::Borrowed(words.get("undecided.detail")),
        indicator: Indicator::Info.code(),
        source: SourceOut {
            label: words.get("undecided.source"),
            url: words.get("undecided.url"),
            topic: topic_out(Topic::AbruptWithdrawal, knowledge),
        },
        suggestions: Vec::new(),
        selection_behavior: None,
        override_reasons: Vec::new(),
        links: Vec::new(),
        extension: Extension {
            basis: BasisOut {
                rule: UNDECIDED,
                content: &knowledge.version,
                evaluated_at: instant(now),
                drugs: Cow::Borrowed(&["unknown"]),
                indication: "unknown",
                evidence: Certainty::Opinion.code(),
                inputs: Vec::new(),
                gaps: vec![gap],
                agents: Vec::new(),
                schedule: Vec::new(),
                softened: None,
            },
        },
        urgency: Indicator::Info,
        kind: Topic::AbruptWithdrawal,
        digest: None,
    }
}

/// FHIR `instant`, to the second.
fn instant(at: Timestamp) -> Shown<Timestamp> {
    Shown(Timestamp::from_second(at.as_second()).unwrap_or(at))
}

fn topic_out(topic: Topic, knowledge: &Knowledge) -> CodingOut<'_> {
    CodingOut {
        system: TOPICS,
        code: topic.code(),
        display: knowledge.words.get(topic_display(topic)),
    }
}

fn coding_out(coding: &Coding) -> CodingOut<'_> {
    CodingOut {
        system: &coding.system,
        code: &coding.code,
        display: &coding.display,
    }
}

fn suggestion_out<'a>(suggestion: &'a Suggestion<'a>, drafts: &Drafts<'_>) -> Option<SuggestionOut<'a>> {
    let (kind, resource) = drafts.resource(&suggestion.proposal)?;
    Some(SuggestionOut {
        label: &suggestion.label,
        uuid: Uuid::new_v4(),
        is_recommended: suggestion.recommended,
        action: ActionOut {
            r#type: kind,
            description: &suggestion.description,
            resource,
        },
        kind: match suggestion.proposal {
            Proposal::Keep(_) => SuggestionKind::KeepOrder,
            Proposal::Taper { .. } => SuggestionKind::Taper,
            Proposal::Agent { .. } => SuggestionKind::Agents,
            Proposal::Test { .. } => SuggestionKind::Tests,
        },
    })
}

fn basis_out<'a>(basis: &'a Basis<'a>, knowledge: &'a Knowledge, at: Shown<Timestamp>) -> BasisOut<'a> {
    let agents = basis.agents.iter().map(|status| {
        let agent = knowledge.agent(status.agent);
        let foreign = &*agent.code.system != knowledge.preferred_drug_system();
        AgentOut {
            code: &agent.code.code,
            system: foreign.then_some(&*agent.code.system),
            name: &agent.name,
            status: status.status.code(),
            reasons: &status.reasons,
        }
    });
    let amount = |value| AmountOut {
        value: Exact(value),
        unit: "mg",
    };
    let steps = basis.schedule.iter().enumerate().map(|(n, step)| StepOut {
        step: n + 1,
        days: step.days,
        doses: step.doses.iter().map(|dose| amount(*dose)).collect(),
        daily: amount(step.daily()),
    });
    BasisOut {
        rule: &basis.rule,
        content: &knowledge.version,
        evaluated_at: at,
        drugs: Cow::Borrowed(&basis.drugs),
        indication: basis.indication,
        evidence: basis.evidence.code(),
        inputs: basis.inputs.iter().map(input_out).collect(),
        gaps: basis
            .gaps
            .iter()
            .map(|g| GapOut {
                need: g.need,
                why: g.why.code(),
            })
            .collect(),
        agents: agents.collect(),
        schedule: steps.collect(),
        softened: None,
    }
}

fn input_out<'a>(input: &'a Input<'a>) -> InputOut<'a> {
    let (value, unit, text) = match &input.is {
        Is::Number(value, unit) => (Some(Exact(*value)), Some(*unit), None),
        Is::Text(text) => (None, None, Some(&**text)),
    };
    InputOut {
        name: input.name,
        value,
        unit: unit.filter(|u| !u.is_empty()),
        text,
        date: input.date.map(Shown),
        source: input.source,
        as_recorded: input.as_recorded,
    }
}

/// Key of the words of a topic.
pub(crate) fn topic_display(topic: Topic) -> &'static str {
    match topic {
        Topic::AbruptWithdrawal => "topic.abrupt-withdrawal",
        Topic::StopMayBeRight => "topic.stop-may-be-right",
        Topic::Rebound => "topic.rebound",
        Topic::HoldAndRestart => "topic.hold-and-restart",
        Topic::ConversionCheck => "topic.conversion-check",
        Topic::Taper => "topic.taper",
        Topic::AlternativeAgents => "topic.alternative-agents",
        Topic::Monitoring => "topic.monitoring",
    }
}
