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
    let by_code = terms.groups(&code, &mut groups);
    let unreadable = code.is_empty() || !by_code && terms.may_be_of_a_group(&code);
    let says_nothing = unreadable && !refuted;
    if groups.is_empty() && !says_nothing {
        return About::Something;
    }
    into.push(Condition {
        reference: of.reference("Condition"),
        groups,
        text: code.label().into(),
        active: is_active(of),
        refuted,
        when: onset(of).or_else(|| recorded(of)),
        recorded: onset(of).and_then(|_| recorded(of)),
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
    let says = |word: &str| {
        let mut texts = status.texts();
        status.says(word) || texts.any(|text| text.eq_ignore_ascii_case(word))
    };
    if ["inactive", "remission", "resolved"].into_iter().any(says) {
        return false;
    }
    // Without a status, or with one that is none, it is active unless it has abated.
    ["active", "recurrence", "relapse"].into_iter().any(says)
        || ![
            "abatementDateTime",
            "abatementPeriod",
            "abatementAge",
            "abatementString",
        ]
        .iter()
        .any(|name| of.has(name))
}

fn onset(of: &Object<'_>) -> Option<When> {
    date_at(of, "onsetDateTime").or_else(|| of.get::<Period<'_>>("onsetPeriod").starts())
}

fn recorded(of: &Object<'_>) -> Option<When> {
    date_at(of, "recordedDate").or_else(|| date_at(of, "assertedDate"))
}

fn date_at(of: &Object<'_>, name: &str) -> Option<When> {
    of.text(name).and_then(|text| When::parse(&text))
}

/// Whether a resource belongs to an encounter.
pub(super) fn is_in(of: &Object<'_>, encounter: &str) -> bool {
    // STU3 calls it `context`.
    ["encounter", "context"].into_iter().any(|name| {
        let reference: Reference<'_> = of.get(name);
        let target = reference.reference.get().unwrap_or_default();
        target.rsplit('/').next() == Some(encounter)
    })
}

fn categories<'a>(of: &Object<'a>) -> Vec<Concept<'a>> {
    of.get::<List<Concept<'a>>>("category").0
}

/// Reads a Procedure that was done, is being done, or has no status. A status that is `unknown`, or none of R4, could
/// be any.
pub(crate) fn procedure(of: &Object<'_>, terms: Terms<'_>, into: &mut Vec<Procedure>) -> About {
    let status = of.text("status").map(|status| status.to_ascii_lowercase());
    let status = status.as_deref();
    if matches!(
        status,
        Some("preparation" | "not-done" | "on-hold" | "stopped" | "entered-in-error")
    ) {
        return About::Something;
    }
    let code: Concept<'_> = of.get("code");
    let mut groups = Vec::new();
    let by_code = terms.groups(&code, &mut groups);
    let done = matches!(status, Some("completed" | "in-progress")) || status.is_none() && !of.has("status");
    if code.is_empty() || !done && !groups.is_empty() {
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
    if !by_code && terms.may_be_of_a_group(&code) {
        return About::Nothing;
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

#[cfg(test)]
mod tests {
    use super::super::samples::{object, with_terms};
    use super::*;
    use crate::clinical::vocabulary::GroupId;

    fn read(fields: &str) -> (Option<Condition>, About) {
        let json = format!(r#"{{"resourceType":"Condition","id":"c",{fields}}}"#);
        let mut found = Vec::new();
        let about = with_terms(|terms| condition(&object(&json), terms, Some("e1"), &mut found));
        (found.pop(), about)
    }

    #[test]
    fn groups_come_from_codes_and_from_text_only_without_them() {
        let groups = |code: &str| {
            read(&format!(r#""code":{code}"#))
                .0
                .map(|condition| condition.groups)
        };
        let nephritis = Some(vec![GroupId(1)]);
        assert_eq!(
            groups(r#"{"coding":[{"system":"urn:dx","code":"N1"}],"text":"kidney transplant"}"#),
            nephritis
        );
        assert_eq!(
            groups(r#"{"coding":[{"system":"urn:dx","code":"M3214"}]}"#),
            nephritis
        );
        assert_eq!(
            groups(r#"{"coding":[{"system":"urn:x","code":"1","display":"Lupus Nephritis"}]}"#),
            nephritis
        );
        let both = Some(vec![GroupId(1), GroupId(2)]);
        assert_eq!(
            groups(r#"{"coding":[{"system":"urn:dx","code":"N1"}],"text":"Relapsing kidney transplant"}"#),
            both
        );
        assert_eq!(
            groups(r#"{"coding":[{"system":"urn:dx","code":"N1","display":"Not relapsing"}]}"#),
            nephritis
        );
        assert_eq!(groups(r#"{"text":"Family history of nephritis"}"#), None);
        assert_eq!(groups(r#"{"text":"no nephritis"}"#), None);
        assert_eq!(
            groups(r#"{"text":"Nephritis, not otherwise specified"}"#),
            nephritis
        );
        for denied in [
            "Nephritis ruled out",
            "Nephritis: negative",
            "FH: nephritis",
            "no fever or nephritis",
        ] {
            assert_eq!(groups(&format!(r#"{{"text":"{denied}"}}"#)), None, "{denied}");
        }
        for said in [
            "No known allergies. Nephritis",
            "Nephritis; not relapsing",
            "Not well after nephritis",
        ] {
            assert_eq!(groups(&format!(r#"{{"text":"{said}"}}"#)), nephritis, "{said}");
        }
        assert_eq!(groups(r#"{"text":"pyelonephritis"}"#), None);
        assert_eq!(groups(r#""nephritis""#), nephritis);
    }

    #[test]
    fn statuses_dates_and_encounter_are_kept() {
        let n1 = r#""code":{"coding":[{"system":"urn:dx","code":"N1"}]}"#;
        let of = |fields: &str| read(&format!("{n1},{fields}")).0.unwrap();
        assert!(of(r#""clinicalStatus":{"coding":[{"code":"active"}]}"#).active);
        assert!(of(r#""clinicalStatus":"active""#).active);
        assert!(of(r#""id2":1"#).active);
        assert!(!of(r#""clinicalStatus":{"coding":[{"code":"resolved"}]}"#).active);
        assert!(!of(r#""abatementDateTime":"2020""#).active);
        for active in [
            r#"{"text":"Active"}"#,
            r#"{"coding":[{"code":"ACTIVE"}]}"#,
            r#"{"coding":[{"code":"1","display":"Active"}]}"#,
            "5",
        ] {
            assert!(of(&format!(r#""clinicalStatus":{active}"#)).active, "{active}");
        }
        assert!(!of(r#""clinicalStatus":{"text":"Resolved"}"#).active);
        assert!(!of(r#""clinicalStatus":{"text":"over"},"abatementDateTime":"2020""#).active);
        assert!(of(r#""verificationStatus":{"coding":[{"code":"refuted"}]}"#).refuted);
        assert!(!of(r#""verificationStatus":{"coding":[{"code":"provisional"}]}"#).refuted);
        assert_eq!(
            of(r#""onsetPeriod":{"start":"2024-02"},"recordedDate":"2025"}"#.trim_end_matches('}'))
                .when
                .map(|when| when.dated().to_string())
                .as_deref(),
            Some("2024-02")
        );
        let recorded = |fields: &str| {
            let condition = of(fields);
            [condition.when, condition.recorded].map(|when| when.map(|when| when.dated().to_string()))
        };
        assert_eq!(recorded(r#""recordedDate":"2025""#), [Some("2025".into()), None]);
        let both = [Some("2024".into()), Some("2025".into())];
        assert_eq!(recorded(r#""onsetDateTime":"2024","recordedDate":"2025""#), both);
        assert!(of(r#""encounter":{"reference":"https://x/Encounter/e1"}"#).in_encounter);
        assert!(!of(r#""encounter":{"reference":"Encounter/e2"}"#).in_encounter);
        assert!(of(r#""category":{"coding":[{"code":"encounter-diagnosis"}]}"#).encounter_diagnosis);
    }

    #[test]
    fn a_condition_that_says_nothing_is_kept_as_unreadable() {
        let (condition, about) = read(r#""code":7"#);
        assert_eq!(about, About::Nothing);
        assert!(condition.is_some_and(|condition| condition.groups.is_empty()));
        let (refuted, about) = read(r#""verificationStatus":{"coding":[{"code":"entered-in-error"}]}"#);
        assert!(refuted.is_none() && about == About::Something);
        let (other, about) = read(r#""code":{"text":"a cold"}"#);
        assert!(other.is_none() && about == About::Something);
    }

    #[test]
    fn a_procedure_counts_unless_it_was_not_done() {
        let read = |status: &str| {
            let json = format!(
                r#"{{"resourceType":"Procedure",{status}"code":{{"text":"Kidney transplant"}},"performedPeriod":{{"start":"2020-01-01"}}}}"#
            );
            let mut found = Vec::new();
            let about = with_terms(|terms| procedure(&object(&json), terms, &mut found));
            (
                found
                    .pop()
                    .and_then(|procedure| procedure.when)
                    .map(|when| when.dated().to_string()),
                about,
            )
        };
        for status in ["", r#""status":"completed","#, r#""status":"in-progress","#] {
            assert_eq!(read(status).0.as_deref(), Some("2020-01-01"), "{status}");
        }
        for status in [r#""status":"not-done","#, r#""status":"entered-in-error","#] {
            assert_eq!(read(status), (None, About::Something));
        }
        assert_eq!(read(r#""status":"unknown","#), (None, About::Nothing));
        assert_eq!(read(r#""status":"Completed","#).0.as_deref(), Some("2020-01-01"));
    }
}
