//! A card that was overridden a moment ago: recognised, and sent with less force.
//!
//! Turns a `warning` that the same client overrode with the same topic, rule, orders and findings into an `info`
//! that says so, above its text; its basis stays whole and says it too. It never drops a card, never touches a
//! `critical` one, and never softens where the orders cannot be told apart. An override of the softened card
//! does not prolong the time: the card comes back with full force when the time has passed.

use super::{AgentOut, CardOut, GapOut, HookAnswer, InputOut, Shown, StepOut, instant};
use crate::clinical::compose::text::in_detail;
use crate::clinical::knowledge::{Coding, Indicator, Knowledge};
use crate::overrides::{Overridden, Overrides};
use jiff::{SignedDuration, Timestamp};
use serde::Serialize;

/// What a card is about beside its findings.
pub struct About<'a> {
    /// Name of the client.
    pub client: &'a str,
    /// Reference to the patient.
    pub patient: &'a str,
    /// References of the orders, in any order; without one nothing is recognised.
    pub orders: &'a [String],
}

/// What makes a card the same card again: everything that it says but the words and the time.
#[derive(Serialize)]
struct Same<'a> {
    client: &'a str,
    patient: &'a str,
    orders: &'a [&'a str],
    topic: &'a str,
    rule: &'a str,
    content: &'a str,
    drugs: &'a [&'a str],
    indication: &'a str,
    evidence: &'a str,
    inputs: &'a [InputOut<'a>],
    gaps: &'a [GapOut<'a>],
    agents: &'a [AgentOut<'a>],
    schedule: &'a [StepOut],
}

/// In the basis of a card that has less force than its rule says.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct SoftenedOut {
    from: &'static str,
    overridden_at: Shown<Timestamp>,
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<ReasonOut>,
}

#[derive(Serialize)]
struct ReasonOut {
    system: String,
    code: String,
}

impl<'a> HookAnswer<'a> {
    /// Gives each warning its digest, and less force where it was overridden a moment ago. Returns how many were
    /// softened.
    pub fn recognise(
        &mut self,
        about: &About<'_>,
        overrides: &Overrides,
        knowledge: &Knowledge,
        now: Timestamp,
    ) -> u64 {
        let mut orders: Vec<&str> = about.orders.iter().map(String::as_str).collect();
        orders.sort_unstable();
        orders.dedup();
        let within = SignedDuration::from_hours(i64::from(knowledge.repeats.hours));
        if orders.is_empty() || within.is_zero() {
            return 0;
        }
        let mut softened = 0;
        let warnings = self
            .cards
            .iter_mut()
            .filter(|card| card.urgency == Indicator::Warning);
        for card in warnings {
            let Some(digest) = overrides.digest(&same(card, about, &orders)) else {
                continue;
            };
            match overrides.last(&digest, within, now) {
                Some(last) => {
                    soften(card, last, knowledge);
                    softened += 1;
                }
                None => card.digest = Some(digest),
            }
        }
        if softened > 0 {
            let most_urgent = |card: &CardOut<'a>| (std::cmp::Reverse(card.urgency), card.kind);
            self.cards.sort_by_key(most_urgent);
        }
        softened
    }
}

fn same<'c>(card: &'c CardOut<'_>, about: &'c About<'_>, orders: &'c [&'c str]) -> Same<'c> {
    let basis = &card.extension.basis;
    Same {
        client: about.client,
        patient: about.patient,
        orders,
        topic: card.source.topic.code,
        rule: basis.rule,
        content: basis.content,
        drugs: &basis.drugs,
        indication: basis.indication,
        evidence: basis.evidence,
        inputs: &basis.inputs,
        gaps: &basis.gaps,
        agents: &basis.agents,
        schedule: &basis.schedule,
    }
}

fn soften(card: &mut CardOut<'_>, last: Overridden, knowledge: &Knowledge) {
    let date = last.at.strftime("%Y-%m-%d").to_string();
    let time = last.at.strftime("%H:%M").to_string();
    let values = [("date", &*date), ("time", &*time)];
    let mut phrase = knowledge.words.with("softened.overridden", &values);
    let offered = last.reason.as_ref().and_then(|(system, code)| {
        let ours = |known: &&Coding| {
            *known.code == **code && system.as_deref().is_none_or(|system| *known.system == *system)
        };
        knowledge.override_reasons.iter().find(ours)
    });
    // Words of another system are not ours to repeat.
    if let Some(reason) = offered {
        let words = in_detail((&*reason.display).into());
        phrase.push(' ');
        phrase.push_str(&knowledge.words.with("softened.reason", &[("reason", &words)]));
    }
    card.detail = format!("{phrase}\n\n{}", card.detail).into();
    card.extension.basis.softened = Some(SoftenedOut {
        from: card.indicator,
        overridden_at: instant(last.at),
        reason: offered.map(|reason| ReasonOut {
            system: reason.system.to_string(),
            code: reason.code.to_string(),
        }),
    });
    card.urgency = Indicator::Info;
    card.indicator = Indicator::Info.code();
    card.override_reasons.clear();
}
