//! Turns the order form into the orders as they will be after the change.
//!
//! In: the pairs of a posted form and the record. Out: the changed MedicationRequests, the drafts of a
//! switch, and the Medication resources to which they point. It is what an EHR does before it fires a hook:
//! nothing is written to the record here. FHIR R4 MedicationRequest: `stopped` or `on-hold` with
//! `statusReason`; drafts name the order that they replace in `priorPrescription`.

use super::choices::{Choices, Draft, ProductCoding, Switch};
use super::resource;
use jiff::{Timestamp, civil::Date, tz::TimeZone};
use serde_json::{Value, json};
use std::sync::Arc;

/// What the prescriber is about to sign.
#[derive(Debug, Default)]
pub(super) struct Change {
    /// Orders as they will be.
    pub(super) orders: Vec<Value>,
    /// Orders drafted in their place.
    pub(super) drafts: Vec<Value>,
    /// Medications to which the changed orders point.
    pub(super) medications: Vec<Value>,
}

/// A form that cannot be turned into a change.
#[derive(Debug, PartialEq, thiserror::Error)]
pub(super) enum BadForm {
    /// Every order was left as it is.
    #[error("No order was changed. Choose stop, hold or switch for one of them.")]
    NothingChanged,
    /// A switch without a product.
    #[error("Choose what to switch to.")]
    NoProduct,
    /// A restart date that is not a date.
    #[error("The restart date is not a date such as 2026-12-01.")]
    BadDate,
}

/// A posted form: names and values, names may repeat.
pub(super) type Form = [(String, String)];

/// First value of a field, or nothing.
pub(super) fn field<'a>(form: &'a Form, name: &str) -> &'a str {
    form.iter()
        .find(|(key, _)| key == name)
        .map_or("", |(_, value)| value.trim())
}

impl Change {
    /// Reads the form against the record.
    pub(super) fn read(
        form: &Form,
        record: &[Arc<Value>],
        choices: &Choices,
        now: Timestamp,
    ) -> Result<Self, BadForm> {
        let mut change = Change::default();
        for order in record
            .iter()
            .filter(|found| resource::kind(found) == "MedicationRequest")
        {
            let id = resource::id(order);
            match field(form, &format!("action-{id}")) {
                "stop" => change
                    .orders
                    .push(ended(order, "stopped", reason(form, id, choices))),
                "hold" => change.orders.push(held(order, form, choices)?),
                "switch" => {
                    let wanted = field(form, &format!("switch-{id}"));
                    let switch = choices
                        .switch
                        .iter()
                        .find(|known| known.id == wanted)
                        .ok_or(BadForm::NoProduct)?;
                    change
                        .orders
                        .push(ended(order, "stopped", reason(form, id, choices)));
                    change.drafts.extend(drafts(order, switch, choices, now));
                }
                _ => continue,
            }
            let target = resource::text(order, "/medicationReference/reference");
            let pointed = record
                .iter()
                .find(|found| target == format!("Medication/{}", resource::id(found)));
            change
                .medications
                .extend(pointed.map(|medication| (**medication).clone()));
        }
        if change.orders.is_empty() {
            Err(BadForm::NothingChanged)
        } else {
            Ok(change)
        }
    }
}

fn reason(form: &Form, id: &str, choices: &Choices) -> Option<Value> {
    let code = field(form, &format!("reason-{id}"));
    let known = choices.reason.iter().find(|known| known.code == code)?;
    let system = "http://terminology.hl7.org/CodeSystem/medicationrequest-status-reason";
    Some(
        json!({"coding": [{"system": system, "code": known.code, "display": known.display}], "text": known.display}),
    )
}

fn ended(order: &Value, status: &str, reason: Option<Value>) -> Value {
    let mut changed = order.clone();
    changed["status"] = status.into();
    if let Some(reason) = reason {
        changed["statusReason"] = reason;
    }
    changed
}

fn held(order: &Value, form: &Form, choices: &Choices) -> Result<Value, BadForm> {
    let id = resource::id(order);
    let mut changed = ended(order, "on-hold", reason(form, id, choices));
    let restart = field(form, &format!("restart-{id}"));
    if !restart.is_empty() {
        let day: Date = restart.parse().map_err(|_| BadForm::BadDate)?;
        changed["note"] = json!([{"text": format!("Restart on {day}")}]);
    }
    Ok(changed)
}

fn drafts(order: &Value, switch: &Switch, choices: &Choices, now: Timestamp) -> Vec<Value> {
    let today = now.to_zoned(TimeZone::UTC).date();
    let mut written: Vec<_> = switch
        .draft
        .iter()
        .map(|draft| drafted(order, draft, &choices.product, today))
        .collect();
    for (number, draft) in written.iter_mut().enumerate() {
        draft["id"] = format!("{}-draft-{}", resource::id(order), number + 1).into();
    }
    written
}

fn drafted(order: &Value, draft: &Draft, product: &ProductCoding, today: Date) -> Value {
    let id = resource::id(order);
    let times = if draft.frequency == 1 {
        "once daily"
    } else {
        "twice daily"
    };
    json!({
        "resourceType": "MedicationRequest",
        "meta": order["meta"],
        "status": "draft",
        "intent": "order",
        "medicationCodeableConcept": {
            "coding": [{"system": product.system, "code": draft.code, "display": draft.display}],
            "text": draft.display,
        },
        "subject": order["subject"],
        "authoredOn": today.to_string(),
        "priorPrescription": {"reference": format!("MedicationRequest/{id}")},
        "dosageInstruction": [{
            "sequence": 1,
            "text": format!("{} mg by mouth {times}", draft.dose),
            "timing": {"repeat": {"boundsPeriod": {"start": today.to_string()}, "frequency": draft.frequency, "period": 1, "periodUnit": "d"}},
            "route": {"coding": [{"system": product.route_system, "code": product.route_code, "display": product.route_display}]},
            "doseAndRate": [{"doseQuantity": {"value": draft.dose, "unit": "mg", "system": "http://unitsofmeasure.org", "code": "mg"}}],
        }],
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::demo::{choices, stories};

    /// Reads a form whose fields stand for the patient's orders in the sequence of its story or record.
    fn read(id: &str, form: &[(&str, usize, &str)]) -> Result<Change, BadForm> {
        let now = "2026-11-22T08:00:00Z".parse().unwrap();
        let patients = stories::patients(now).unwrap();
        let patient = patients.iter().find(|patient| patient.id == id).unwrap();
        let order = |n: usize| patient.story.change[n].order.as_str();
        let form: Vec<_> = form
            .iter()
            .map(|(name, n, value)| (format!("{name}-{}", order(*n)), (*value).to_owned()))
            .collect();
        Change::read(&form, &patient.record(), &choices::load().unwrap(), now)
    }

    #[test]
    fn several_orders_are_stopped_together() {
        let form = [
            ("action", 0, "stop"),
            ("reason", 0, "sintol"),
            ("action", 1, "stop"),
        ];
        let change = read("leni", &form).unwrap();
        assert_eq!(change.orders.len(), 2);
        assert!(change.orders.iter().all(|order| order["status"] == "stopped"));
        assert_eq!(change.orders[0]["statusReason"]["coding"][0]["code"], "sintol");
        assert!(change.drafts.is_empty());
    }

    #[test]
    fn a_hold_carries_its_restart_date_if_there_is_one() {
        let held = |date| read("mats", &[("action", 0, "hold"), ("restart", 0, date)]);
        assert_eq!(
            held("2026-12-01").unwrap().orders[0]["note"][0]["text"],
            "Restart on 2026-12-01"
        );
        assert!(held("").unwrap().orders[0].get("note").is_none());
        assert_eq!(held("soon").err(), Some(BadForm::BadDate));
    }

    #[test]
    fn a_switch_stops_the_order_and_drafts_its_products() {
        let product = choices::load()
            .unwrap()
            .switch
            .into_iter()
            .find(|known| known.draft.len() == 2)
            .unwrap();
        let change = read("gil", &[("action", 0, "switch"), ("switch", 0, &product.id)]).unwrap();
        assert_eq!((change.orders.len(), change.drafts.len()), (1, 2));
        let stopped = format!("MedicationRequest/{}", resource::id(&change.orders[0]));
        assert_eq!(
            change.drafts[0]["priorPrescription"]["reference"],
            stopped.as_str()
        );
        assert_ne!(change.drafts[0]["id"], change.drafts[1]["id"]);
        assert_eq!(
            read("gil", &[("action", 0, "switch")]).err(),
            Some(BadForm::NoProduct)
        );
    }

    #[test]
    fn a_medication_that_is_only_pointed_to_travels_along() {
        assert_eq!(
            read("edda", &[("action", 0, "stop")]).unwrap().medications.len(),
            1
        );
        assert_eq!(read("edda", &[]).err(), Some(BadForm::NothingChanged));
    }
}
