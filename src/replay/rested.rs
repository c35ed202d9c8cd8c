//! What one card of a kept call rested on.
//!
//! Turns a kept call and the name of one of its cards into the inputs of that card, by judging the call again as it
//! was: as of its own instant, with the answers that came then and the settings of its client. The tables are those
//! in use now, so the card may no longer be there; that is said, and nothing is put in its place. It asks nobody and
//! writes nothing. Inputs are what the contract calls so (machine-readable basis): values, dates and references of a
//! patient, without the patient.

use super::saved::{Judging, Saved, Site, Sites};
use crate::clinical::compose::{Card, Input, Is};
use crate::clinical::knowledge::{Knowledge, UNDECIDED};
use uuid::Uuid;

/// A card as the journal knows it.
pub struct Wanted<'a> {
    /// The call's `hookInstance`: several may have come in the same microsecond.
    pub call: &'a str,
    /// Name of the client that asked.
    pub client: &'a str,
    /// Code of its topic.
    pub topic: &'a str,
    /// Rule that fired.
    pub rule: &'a str,
}

/// What a kept call says of a card.
#[derive(Debug, PartialEq, Eq)]
pub enum Rested {
    /// It is another call.
    Elsewhere,
    /// Judged again, the call has no such card.
    NoLonger,
    /// The inputs of the card; none for a card that rests on no value.
    On(Vec<InputTold>),
}

/// One input in words.
#[derive(Debug, PartialEq, Eq)]
pub struct InputTold {
    /// Name.
    pub name: String,
    /// The value with its unit, unrounded, or the text.
    pub says: String,
    /// ISO date, as precise as recorded; empty without one.
    pub date: String,
    /// `Type/id` of the resource; empty where it has none.
    pub source: String,
    /// The value as it was recorded, where it was converted; else empty.
    pub as_recorded: String,
}

impl Saved {
    /// The inputs of a card of this call.
    ///
    /// # Errors
    /// What cannot be read; never a value of it.
    pub fn rested(&self, wanted: &Wanted<'_>, site: Site, knowledge: &Knowledge) -> Result<Rested, String> {
        let sites = Sites::always(site);
        let judging = Judging {
            sites: &sites,
            now: jiff::Timestamp::UNIX_EPOCH,
            always_now: false,
            announced: false,
        };
        let read = self.read()?;
        let opened = read.open(knowledge, &judging)?;
        let called = wanted.call.parse::<Uuid>().ok();
        if opened.client != Some(wanted.client) || called != Some(opened.request.instance) {
            return Ok(Rested::Elsewhere);
        }
        let record = opened.record(knowledge, &judging)?;
        let evaluation = opened.evaluate(&record, knowledge, &judging);
        let is_it = |card: &&Card<'_>| card.topic.code() == wanted.topic && card.basis.rule == wanted.rule;
        let mut cards = evaluation.cards.iter().chain(&evaluation.withheld);
        Ok(match cards.find(is_it) {
            Some(card) => Rested::On(card.basis.inputs.iter().map(told).collect()),
            // The card that says that it could not be decided rests on what was not there.
            None if evaluation.undecided && wanted.rule == UNDECIDED => Rested::On(Vec::new()),
            None => Rested::NoLonger,
        })
    }
}

fn told(input: &Input<'_>) -> InputTold {
    InputTold {
        name: input.name.to_owned(),
        says: match &input.is {
            Is::Number(value, unit) => format!("{} {unit}", value.normalize()).trim_end().to_owned(),
            Is::Text(text) => text.to_string(),
        },
        date: input.date.map(|date| date.to_string()).unwrap_or_default(),
        source: input.source.unwrap_or_default().to_owned(),
        as_recorded: input.as_recorded.unwrap_or_default().to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::content;
    use crate::replay::Envelope;

    const CALL: &str = "0b1f7c1e-3a0e-4a6c-9d9f-7c2f5c1a0001";

    fn kept() -> Saved {
        let request = include_str!("../../fixtures/ehr/stop-in-lupus-nephritis.json");
        let mut request: serde_json::Value = serde_json::from_str(request).unwrap();
        request["hookInstance"] = CALL.into();
        let call = Envelope {
            at: "2026-11-22T08:00:00Z".parse().unwrap(),
            client: "hospital".to_owned(),
            content: "1".to_owned(),
            body: request.to_string().into_bytes(),
            fetched: Vec::new(),
        };
        Saved {
            name: "kept.json".to_owned(),
            body: call.write().unwrap(),
        }
    }

    #[test]
    fn only_the_card_of_that_call_client_and_rule_has_inputs() {
        let knowledge = content::from(None).unwrap();
        let told = kept().judge(
            &knowledge,
            &Judging {
                sites: &Sites::default(),
                now: jiff::Timestamp::UNIX_EPOCH,
                always_now: false,
                announced: false,
            },
        );
        let told = told.unwrap();
        let (rule, topic) = (told.cards[0].rule.clone(), told.cards[0].topic);
        let rested = |call: &str, client: &str, rule: &str| {
            let wanted = Wanted {
                call,
                client,
                topic,
                rule,
            };
            kept().rested(&wanted, Site::default(), &knowledge).unwrap()
        };
        let Rested::On(inputs) = rested(CALL, "hospital", &rule) else {
            panic!("no inputs");
        };
        assert!(
            inputs
                .iter()
                .any(|input| !input.says.is_empty() && !input.date.is_empty())
        );
        assert_eq!(rested(CALL, "hospital", "a/b/c"), Rested::NoLonger);
        assert_eq!(rested(CALL, "clinic", &rule), Rested::Elsewhere);
        let another = "0b1f7c1e-3a0e-4a6c-9d9f-7c2f5c1a0002";
        assert_eq!(rested(another, "hospital", &rule), Rested::Elsewhere);
        let broken = Saved {
            name: String::new(),
            body: b"{\"stepdown-capture\": \"canary\"}".to_vec(),
        };
        let wanted = Wanted {
            call: CALL,
            client: "hospital",
            topic,
            rule: &rule,
        };
        let said = broken.rested(&wanted, Site::default(), &knowledge).unwrap_err();
        assert!(!said.contains("canary"), "{said}");
    }
}
