//! Dispenses and statements about use.
//!
//! Turns MedicationDispense and MedicationStatement into a [`Supply`]: which drug, until when, and
//! whether it is said not to be taken. Follows FHIR R4.

use super::elements::{Period, Quantity};
use super::json::Object;
use super::medication::{Shelf, identify};
use super::order::Scope;
use crate::clinical::record::Supply;
use crate::clinical::when::When;
use rust_decimal::prelude::ToPrimitive;

/// Seconds of a day.
const DAY: i64 = 86_400;

/// Reads a MedicationStatement; `None` if it was entered in error.
pub(crate) fn statement(of: &Object<'_>, shelf: &Shelf<'_>, scope: Scope<'_>) -> Option<Supply> {
    let status = of.text("status");
    if status.as_deref() == Some("entered-in-error") {
        return None;
    }
    let period: Period<'_> = of.get("effectivePeriod");
    let at = |name: &str| of.text(name).and_then(|text| When::parse(&text));
    let denied = of.text("taken").as_deref() == Some("n");
    Some(Supply {
        reference: of.reference("MedicationStatement"),
        drug: identify(of, shelf, scope.base, scope.terms).drug,
        until: period
            .ends()
            .or_else(|| at("effectiveDateTime"))
            .or_else(|| at("dateAsserted")),
        not_taken: denied || matches!(status.as_deref(), Some("not-taken" | "stopped")),
    })
}

/// Reads a MedicationDispense that was handed over; `None` for one that was not, or is an error.
pub(crate) fn dispense(of: &Object<'_>, shelf: &Shelf<'_>, scope: Scope<'_>) -> Option<Supply> {
    let status = of.text("status");
    let void = ["entered-in-error", "cancelled", "declined", "stopped"];
    if status.as_deref().is_some_and(|status| void.contains(&status)) {
        return None;
    }
    let at = |name: &str| of.text(name).and_then(|text| When::parse(&text));
    let handed = at("whenHandedOver").or_else(|| at("whenPrepared"));
    let supply: Quantity<'_> = of.get("daysSupply");
    let days = supply
        .value
        .value()
        .and_then(|days| days.trunc().to_i64())
        .filter(|days| (0..=400).contains(days));
    let until = handed.map(|when| match days {
        Some(days) => When::day(When::date_of(when.latest() + days * DAY)),
        None => when,
    });
    Some(Supply {
        reference: of.reference("MedicationDispense"),
        drug: identify(of, shelf, scope.base, scope.terms).drug,
        until,
        not_taken: false,
    })
}

#[cfg(test)]
mod tests {
    use super::super::samples::{NOW, object, with_terms};
    use super::*;
    use crate::clinical::record::Drug;

    fn read(json: &str, as_statement: bool) -> Option<Supply> {
        with_terms(|terms| {
            let (shelf, scope) = (
                Shelf::default(),
                Scope {
                    terms,
                    base: None,
                    now: NOW,
                },
            );
            if as_statement {
                statement(&object(json), &shelf, scope)
            } else {
                dispense(&object(json), &shelf, scope)
            }
        })
    }

    #[test]
    fn supplies_say_until_when_and_whether_they_are_taken() {
        let drug = r#""medicationCodeableConcept":{"text":"solvane"}"#;
        let handed = read(
            &format!(r#"{{{drug},"whenHandedOver":"2026-11-01","daysSupply":{{"value":30}}}}"#),
            false,
        )
        .unwrap();
        assert_eq!(handed.until.map(When::iso).as_deref(), Some("2026-12-01"));
        assert!(matches!(handed.drug, Drug::Known { .. }));
        assert!(read(&format!(r#"{{{drug},"status":"cancelled"}}"#), false).is_none());
        let statement = read(
            &format!(r#"{{{drug},"status":"not-taken","effectivePeriod":{{"end":"2026-10-01"}}}}"#),
            true,
        )
        .unwrap();
        assert!(statement.not_taken);
        assert_eq!(statement.until.map(When::iso).as_deref(), Some("2026-10-01"));
        assert!(read(r#"{"status":"entered-in-error"}"#, true).is_none());
    }
}
