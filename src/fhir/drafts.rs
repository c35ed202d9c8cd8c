//! What we write as FHIR: the resources of suggestions.
//!
//! Turns a proposal of the judgement into draft R4 JSON through `fhir-out`. Whatever it creates is a
//! draft proposal for the patient of the request; it never changes more of a received order than its
//! status. Resources that cannot be written are left out with their suggestion.

use crate::clinical::compose::Proposal;
use crate::clinical::knowledge::Knowledge;
use crate::clinical::record::{Drug, PatientRecord};
use crate::clinical::taper::Step;
use crate::clinical::vocabulary::{Product, ProductId, Vocabulary};
use crate::clinical::when::When;
use crate::fhir::json::{Document, Object, Read};
use aws_lc_rs::digest;
use fhir_out::{
    Amount, CodeRef, DoseLine, Frequency, MedicationOrder, TestOrder, medication_request, service_request,
};
use rust_decimal::Decimal;
use uuid::{Builder, Uuid};

/// Code system of test orders.
const LABORATORY: &str = "http://loinc.org";

/// Writes resources for one request.
pub struct Drafts<'a> {
    /// The record that the proposals point into.
    pub record: &'a PatientRecord,
    /// The tables that they name.
    pub knowledge: &'a Knowledge,
    /// `Patient/id`.
    pub patient: &'a str,
    /// `Encounter/id`.
    pub encounter: Option<&'a str>,
    /// Seconds since 1970.
    pub now: i64,
}

impl Drafts<'_> {
    /// The order of a reduction as it would be written into the record: the order of the card's suggestion, with
    /// a note and the day on which it is written, and with an identifier that is made of all of it. `None` if
    /// the proposal is no reduction.
    pub fn reduction(&self, proposal: &Proposal<'_>, note: &str) -> Option<Identified> {
        let Proposal::Taper {
            after, text, steps, ..
        } = proposal
        else {
            return None;
        };
        let said = Said {
            note: Some(note),
            authored_on: Some(&When::date_of(self.now).to_string()),
        };
        Identified::new(&self.taper(*after, text, steps, said)?)
    }

    /// Whether whole units of one product make every dose of a reduction. So it is counted where the order that
    /// it follows names no product: nothing then says which strength is taken.
    pub fn is_of_one_product(&self, proposal: &Proposal<'_>) -> bool {
        let Proposal::Taper { after, steps, .. } = proposal else {
            return false;
        };
        match self.record.orders[*after].drug {
            Drug::Known {
                product: Some(product),
                ..
            } => {
                let doses = || steps.iter().flat_map(|(step, _)| &step.doses);
                dispensable(&self.knowledge.vocabulary, product, doses).is_some()
            }
            Drug::Known { product: None, .. } => true,
            _ => false,
        }
    }

    /// The action's type and its resource as JSON.
    pub fn resource(&self, proposal: &Proposal<'_>) -> Option<(&'static str, String)> {
        // An EHR of STU3 would lose the doses of an R4 order without a word; the text of the card holds them.
        let of_stu3 = || self.record.orders.iter().any(|order| order.is_stu3);
        if !matches!(proposal, Proposal::Keep(_)) && of_stu3() {
            return None;
        }
        let (kind, json) = match proposal {
            Proposal::Keep(order) => ("update", kept(self.record.orders[*order].received.as_deref()?)?),
            Proposal::Taper {
                after, text, steps, ..
            } => ("create", self.taper(*after, text, steps, Said::default())?),
            Proposal::Agent { agent, dose, note } => {
                let agent = self.knowledge.agent(*agent);
                let line = dose.map(|text| DoseLine {
                    sequence: 1,
                    text,
                    dose: None,
                    frequency: None,
                    when: None,
                    bounds_days: None,
                });
                let code = CodeRef {
                    system: &agent.code.system,
                    code: &agent.code.code,
                    display: &agent.code.display,
                };
                (
                    "create",
                    self.order(
                        code,
                        &agent.name,
                        None,
                        Said {
                            note: Some(note),
                            authored_on: None,
                        },
                        line.as_slice(),
                    )?,
                )
            }
            Proposal::Test {
                analyte,
                in_days,
                says,
            } => {
                let (system, code, display) = self.knowledge.vocabulary.analyte(*analyte).order.as_ref()?;
                debug_assert_eq!(&**system, LABORATORY);
                let day = When::date_of(self.now + i64::from(*in_days) * 86_400).to_string();
                let order = TestOrder {
                    patient: self.patient,
                    encounter: self.encounter,
                    code: CodeRef {
                        system,
                        code,
                        display,
                    },
                    text: display,
                    occurrence_date: Some(&day),
                    note: Some(says),
                };
                ("create", service_request(&order).ok()?)
            }
        };
        Some((kind, json))
    }

    fn order(
        &self,
        medication: CodeRef<'_>,
        text: &str,
        prior: Option<&str>,
        said: Said<'_>,
        dosage: &[DoseLine<'_>],
    ) -> Option<String> {
        medication_request(&MedicationOrder {
            patient: self.patient,
            encounter: self.encounter,
            medication,
            text,
            prior_prescription: prior,
            note: said.note.filter(|n| !n.is_empty()),
            dosage,
            authored_on: said.authored_on,
        })
        .ok()
    }

    /// One instruction for each dose of a step; doses that are the same share one.
    fn taper(&self, after: usize, text: &str, steps: &[(Step, String)], said: Said<'_>) -> Option<String> {
        let order = &self.record.orders[after];
        let vocabulary = &self.knowledge.vocabulary;
        let Drug::Known { ingredient, product } = order.drug else {
            return None;
        };
        let doses = || steps.iter().flat_map(|(step, _)| &step.doses);
        let (medication, text) = match product.and_then(|p| dispensable(vocabulary, p, doses)) {
            Some(product) => {
                let system = self.knowledge.preferred_drug_system();
                let (code, display) = (&*product.code, &*product.name);
                (
                    CodeRef {
                        system,
                        code,
                        display,
                    },
                    display,
                )
            }
            None => {
                let known = vocabulary.ingredient(ingredient);
                let (system, code, display) = (&*known.system, &*known.code, &*known.name);
                (
                    CodeRef {
                        system,
                        code,
                        display,
                    },
                    text,
                )
            }
        };
        let amounts: Vec<Vec<String>> = steps
            .iter()
            .map(|(s, _)| s.doses.iter().map(|d| d.normalize().to_string()).collect())
            .collect();
        let mut lines = Vec::new();
        for (n, ((step, words), doses)) in steps.iter().zip(&amounts).enumerate() {
            let sequence = u32::try_from(n + 1).ok()?;
            let all_same = doses.windows(2).all(|w| w[0] == w[1]);
            let parts: Vec<(&String, u32, Option<&str>)> = if all_same {
                vec![(&doses[0], u32::try_from(doses.len()).ok()?, None)]
            } else {
                doses
                    .iter()
                    .zip(times_of_day(doses.len())?)
                    .map(|(d, when)| (d, 1, Some(*when)))
                    .collect()
            };
            lines.extend(parts.into_iter().map(|(value, times, when)| DoseLine {
                sequence,
                text: words,
                dose: Some(Amount { value, unit: "mg" }),
                frequency: Some(Frequency {
                    times,
                    period: 1,
                    unit: "d",
                }),
                when,
                bounds_days: Some(step.days),
            }));
        }
        self.order(medication, text, order.reference.as_deref(), said, &lines)
    }
}

/// What an order says beside its doses.
#[derive(Clone, Copy, Default)]
struct Said<'a> {
    note: Option<&'a str>,
    /// FHIR date.
    authored_on: Option<&'a str>,
}

/// A resource with an identifier that is made of its content: the same content, written twice, is the same one.
pub struct Identified {
    /// FHIR JSON.
    pub json: String,
    /// Value of the identifier, a UUID; its system is [`IDENTIFIER_SYSTEM`].
    pub identifier: Uuid,
}

/// System of the identifiers of what we write.
pub const IDENTIFIER_SYSTEM: &str = "urn:stepdown:draft";

impl Identified {
    /// Puts the identifier behind the type, where FHIR has it.
    fn new(json: &str) -> Option<Self> {
        let digest = digest::digest(&digest::SHA256, json.as_bytes());
        let identifier = Builder::from_custom_bytes(*digest.as_ref().first_chunk()?).into_uuid();
        let (kind, rest) = json.split_once(',')?;
        let json = format!(
            "{kind},\"identifier\":[{{\"system\":\"{IDENTIFIER_SYSTEM}\",\"value\":\"{identifier}\"}}],{rest}"
        );
        kind.contains("resourceType")
            .then_some(Identified { json, identifier })
    }
}

/// A product of which whole units make every dose: the stopped one, else the strongest of its formulation that may
/// be suggested.
fn dispensable<'v, 'd, D: Iterator<Item = &'d Decimal>>(
    vocabulary: &'v Vocabulary,
    stopped: ProductId,
    doses: impl Fn() -> D,
) -> Option<&'v Product> {
    let stopped = vocabulary.product(stopped);
    let whole = |product: &&Product| match product.strength_mg {
        Some(strength) if !strength.is_zero() => doses().all(|dose| (dose % strength).is_zero()),
        Some(_) | None => false,
    };
    let others = vocabulary.products.iter().filter(|other| {
        other.suggest && other.ingredient == stopped.ingredient && other.formulation == stopped.formulation
    });
    Some(stopped)
        .filter(whole)
        .or_else(|| others.filter(whole).max_by_key(|other| other.strength_mg))
}

/// Times of the day of so many unequal doses, in the order taken. `None` for more than have names.
fn times_of_day(doses: usize) -> Option<&'static [&'static str]> {
    match doses {
        1 => Some(&["MORN"]),
        2 => Some(&["MORN", "EVE"]),
        3 => Some(&["MORN", "NOON", "EVE"]),
        4 => Some(&["MORN", "NOON", "EVE", "NIGHT"]),
        _ => None,
    }
}

/// The order as it was received, active again and without a reason for its end. `None` if it holds an escape
/// that is no character: skipping reads over it, but no client could read the answer.
fn kept(received: &str) -> Option<String> {
    let document = Document::parse(received).ok()?;
    let order = Object::read(document.root());
    let mut out = String::with_capacity(received.len() + 20);
    out.push_str("{\"resourceType\":\"MedicationRequest\",\"status\":\"active\"");
    let left_out = [
        "resourceType",
        "status",
        "_status",
        "statusReason",
        "_statusReason",
    ];
    for (key, raw) in order.fields().filter(|(key, _)| !left_out.contains(&&**key)) {
        out.push(',');
        out.push_str(&serde_json::to_string(&key).ok()?);
        out.push(':');
        out.push_str(raw.raw());
    }
    out.push('}');
    let readable = !out.contains("\\u") || serde_json::from_str::<serde_json::Value>(&out).is_ok();
    readable.then_some(out)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_kept_order_is_the_received_one_but_active() {
        let received = r#"{"resourceType":"MedicationRequest","id":"a","status":"stopped","statusReason":{"text":"x"},
            "note":[{"text":"1.50"}],"dispenseRequest":null}"#;
        let kept = kept(received).unwrap();
        assert_eq!(
            kept,
            r#"{"resourceType":"MedicationRequest","status":"active","id":"a","note":[{"text":"1.50"}]}"#
        );
    }

    #[test]
    fn the_same_content_has_the_same_identifier() {
        let of = |text: &str| Identified::new(&format!(r#"{{"resourceType":"X","note":"{text}"}}"#)).unwrap();
        let (one, again, other) = (of("a"), of("a"), of("b"));
        assert_eq!((one.identifier, &one.json), (again.identifier, &again.json));
        assert_ne!(one.identifier, other.identifier);
        let read: serde_json::Value = serde_json::from_str(&one.json).unwrap();
        assert_eq!(read["identifier"][0]["system"], IDENTIFIER_SYSTEM);
        assert_eq!(read["identifier"][0]["value"], one.identifier.to_string());
        assert!(Identified::new("{}").is_none());
    }

    #[test]
    fn every_unequal_dose_has_its_time_in_the_order_of_the_day() {
        let day = ["MORN", "NOON", "EVE", "NIGHT"];
        for count in 1..=4 {
            let times = times_of_day(count).unwrap();
            let places: Vec<usize> = times
                .iter()
                .filter_map(|time| day.iter().position(|known| known == time))
                .collect();
            assert_eq!(places.len(), count);
            assert!(places.is_sorted(), "{times:?}");
        }
        assert_eq!(times_of_day(5), None);
    }

    #[test]
    fn an_order_with_half_a_character_is_not_sent_back() {
        assert_eq!(kept(r#"{"id":"a","note":"\ud83d x"}"#), None);
        assert!(kept(r#"{"id":"a","note":"\u00e9"}"#).is_some());
    }
}
