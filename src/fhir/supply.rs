//! Dispenses and statements about use.
//!
//! Turns MedicationDispense and MedicationStatement into a [`Supply`]: which drug, until when, and
//! whether it is said not to be taken. A dispense without days of supply has no end, and a statement of
//! use without the end of its period has none either. Follows FHIR R4.

use super::elements::{Period, Quantity};
use super::json::Object;
use super::medication::{Shelf, identify};
use super::order::Scope;
use super::terms::Words;
use crate::clinical::record::{Drug, Said, Supply};
use crate::clinical::vocabulary::Site;
use crate::clinical::when::{DAY, When};
use rust_decimal::prelude::ToPrimitive;

/// Seconds of a day.
/// Reads a MedicationStatement; `None` if it was entered in error.
pub(crate) fn statement(of: &Object<'_>, shelf: &Shelf<'_>, scope: Scope<'_>) -> Option<Supply> {
    let status = of.text("status");
    if status.as_deref() == Some("entered-in-error") {
        return None;
    }
    let period: Period<'_> = of.get("effectivePeriod");
    let at = |name: &str| of.text(name).and_then(|text| When::parse(&text));
    let denied = of.text("taken").as_deref() == Some("n") || status.as_deref() == Some("not-taken");
    let over = period.ends().is_some() || matches!(status.as_deref(), Some("stopped" | "completed"));
    Some(Supply {
        reference: of.reference("MedicationStatement"),
        drug: systemic(of, shelf, scope),
        says: match (denied, over) {
            (true, _) => Said::NotTaken,
            (false, true) => Said::Ended,
            (false, false) => Said::Taken,
        },
        until: period
            .ends()
            .or_else(|| at("effectiveDateTime"))
            .or_else(|| at("dateAsserted")),
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
    let until = handed.and_then(|when| Some(When::day(When::date_of(when.latest() + days? * DAY))));
    Some(Supply {
        reference: of.reference("MedicationDispense"),
        drug: systemic(of, shelf, scope),
        says: Said::Ended,
        until,
    })
}

/// The drug; one for local use says nothing about systemic use.
fn systemic(of: &Object<'_>, shelf: &Shelf<'_>, scope: Scope<'_>) -> Drug {
    let found = identify(of, shelf, scope.base, scope.terms);
    let by_words = scope.terms.site_in(&Words::of(&found.words));
    let sites = [found.coded_site, found.form_site, by_words];
    if sites.contains(&Some(Site::Local)) {
        Drug::Other
    } else {
        found.drug
    }
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
        assert_eq!(
            handed.until.map(|when| when.dated().to_string()).as_deref(),
            Some("2026-12-01")
        );
        assert!(matches!(handed.drug, Drug::Known { .. }));
        assert!(read(&format!(r#"{{{drug},"status":"cancelled"}}"#), false).is_none());
        let statement = read(
            &format!(r#"{{{drug},"status":"not-taken","effectivePeriod":{{"end":"2026-10-01"}}}}"#),
            true,
        )
        .unwrap();
        assert_eq!(statement.says, Said::NotTaken);
        assert_eq!(
            statement.until.map(|when| when.dated().to_string()).as_deref(),
            Some("2026-10-01")
        );
        assert!(read(r#"{"status":"entered-in-error"}"#, true).is_none());
    }

    #[test]
    fn what_names_no_end_has_none() {
        let drug = r#""medicationCodeableConcept":{"text":"solvane"}"#;
        let open = read(&format!(r#"{{{drug},"whenHandedOver":"2026-03-01"}}"#), false).unwrap();
        assert_eq!((open.says, open.until), (Said::Ended, None));
        let taken = read(
            &format!(r#"{{{drug},"status":"active","dateAsserted":"2026-03-01"}}"#),
            true,
        )
        .unwrap();
        assert_eq!(taken.says, Said::Taken);
        let stopped = read(
            &format!(r#"{{{drug},"status":"stopped","dateAsserted":"2026-03-01"}}"#),
            true,
        )
        .unwrap();
        assert_eq!(stopped.says, Said::Ended);
    }
}
