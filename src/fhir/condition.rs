//! Conditions and procedures.
//!
//! Turns Condition and Procedure into the groups that the tables speak of, by code, or by text where no
//! code is known. What belongs to no group is dropped; a condition that says nothing stays as an
//! unreadable one. Follows FHIR R4 Condition and Procedure.

use super::elements::{Concept, Period, Reference};
use super::json::{List, Object};
use super::observation::About;
use super::terms::Terms;
use crate::clinical::record::{Condition, Procedure};
use crate::clinical::when::When;

/// Reads a Condition. `encounter` is the id of the hook's encounter.
pub(crate) fn condition(
    of: &Object<'_>,
    terms: Terms<'_>,
    encounter: Option<&str>,
    into: &mut Vec<Condition>,
) -> About {
    let verification: Concept<'_> = of.get("verificationStatus");
    let refuted = verification.says("refuted") || verification.says("entered-in-error");
    let code: Concept<'_> = of.get("code");
    let mut groups = Vec::new();
    terms.groups(&code, &mut groups);
    let says_nothing = code.is_empty() && !refuted;
    if groups.is_empty() && !says_nothing {
        return About::Something;
    }
    into.push(Condition {
        reference: of.reference("Condition"),
        groups,
        text: code.label().into(),
        active: is_active(of),
        refuted,
        when: onset(of),
        in_encounter: encounter.is_some_and(|id| is_in(of, id)),
        encounter_diagnosis: categories(of)
            .iter()
            .any(|category| category.says("encounter-diagnosis")),
    });
    if says_nothing {
        About::Nothing
    } else {
        About::Something
    }
}

fn is_active(of: &Object<'_>) -> bool {
    let status: Concept<'_> = of.get("clinicalStatus");
    if status.is_empty() {
        return ![
            "abatementDateTime",
            "abatementPeriod",
            "abatementAge",
            "abatementString",
        ]
        .iter()
        .any(|name| of.has(name));
    }
    ["active", "recurrence", "relapse"]
        .iter()
        .any(|code| status.says(code))
}

fn onset(of: &Object<'_>) -> Option<When> {
    let at = |name: &str| of.text(name).and_then(|text| When::parse(&text));
    at("onsetDateTime")
        .or_else(|| of.get::<Period<'_>>("onsetPeriod").starts())
        .or_else(|| at("recordedDate"))
        .or_else(|| at("assertedDate"))
}

fn is_in(of: &Object<'_>, encounter: &str) -> bool {
    let reference: Reference<'_> = of.get("encounter");
    let target = reference.reference.get().unwrap_or_default();
    target.rsplit('/').next() == Some(encounter)
}

fn categories<'a>(of: &Object<'a>) -> Vec<Concept<'a>> {
    of.get::<List<Concept<'a>>>("category").0
}

/// Reads a Procedure that was done, is being done, or has no status.
pub(crate) fn procedure(of: &Object<'_>, terms: Terms<'_>, into: &mut Vec<Procedure>) -> About {
    let status = of.text("status");
    if !matches!(status.as_deref(), None | Some("completed" | "in-progress")) {
        return About::Something;
    }
    let code: Concept<'_> = of.get("code");
    let mut groups = Vec::new();
    terms.groups(&code, &mut groups);
    if code.is_empty() {
        return About::Nothing;
    }
    if !groups.is_empty() {
        into.push(Procedure {
            reference: of.reference("Procedure"),
            groups,
            text: code.label().into(),
            when: performed(of),
        });
    }
    About::Something
}

/// `performed[x]` of R4, `occurrence[x]` of R5.
fn performed(of: &Object<'_>) -> Option<When> {
    let at = |name: &str| of.text(name).and_then(|text| When::parse(&text));
    let during = |name: &str| {
        let period: Period<'_> = of.get(name);
        period.ends().or_else(|| period.starts())
    };
    at("performedDateTime")
        .or_else(|| during("performedPeriod"))
        .or_else(|| at("occurrenceDateTime"))
        .or_else(|| during("occurrencePeriod"))
}
