//! Allergies and intolerances.
//!
//! Turns an AllergyIntolerance into one [`Allergy`] for each known ingredient that its code or the
//! substance of a reaction names. Other substances are dropped. Follows FHIR R4 AllergyIntolerance.

use super::elements::Concept;
use super::json::{List, Object, Text, lens};
use super::observation::About;
use super::terms::{Terms, Words};
use crate::clinical::record::Allergy;
use crate::clinical::vocabulary::{DrugCode, Site};
use crate::clinical::when::When;

lens! {
    /// `AllergyIntolerance.reaction`.
    struct Reaction {
        substance: Concept<'a> = "substance",
        manifestation: List<Concept<'a>> = "manifestation",
        severity: Text<'a> = "severity",
        route: Concept<'a> = "exposureRoute",
    }
}

/// Reads an AllergyIntolerance.
pub(crate) fn allergy(of: &Object<'_>, terms: Terms<'_>, into: &mut Vec<Allergy>) -> About {
    let code: Concept<'_> = of.get("code");
    let reactions: List<Reaction<'_>> = of.get("reaction");
    let concepts = || std::iter::once(&code).chain(reactions.0.iter().map(|reaction| &reaction.substance));
    if concepts().all(Concept::is_empty) {
        return About::Nothing;
    }
    let mut drugs: Vec<DrugCode> = Vec::new();
    for drug in concepts().filter_map(|concept| substance(concept, terms)) {
        match drugs.iter_mut().find(|known| known.ingredient == drug.ingredient) {
            Some(known) => known.site = known.site.or(drug.site),
            None => drugs.push(drug),
        }
    }
    if drugs.is_empty() {
        return About::Something;
    }
    let severe = of.text("criticality").as_deref() == Some("high")
        || reactions.0.iter().any(|reaction| is_severe(reaction, terms));
    let local = reactions
        .0
        .iter()
        .any(|reaction| is_local(&reaction.route, terms));
    for drug in drugs {
        into.push(Allergy {
            reference: of.reference("AllergyIntolerance"),
            ingredient: drug.ingredient,
            local_product: local || drug.site == Some(Site::Local),
            text: code.label().into(),
            severe,
            refuted: is_refuted(of),
            when: recorded(of),
        });
    }
    About::Something
}

/// Whether a reaction is called severe, or shows itself in a way that always is.
fn is_severe(reaction: &Reaction<'_>, terms: Terms<'_>) -> bool {
    let severe = &terms.vocabulary.severe_reactions;
    let shown = |concept: &Concept<'_>| {
        let texts = || concept.texts().map(str::to_lowercase);
        severe.codes.iter().any(|code| concept.says(code))
            || texts().any(|text| severe.words.iter().any(|w| terms.says(&Words::of(&text), w)))
    };
    reaction.severity.is("severe") || reaction.manifestation.0.iter().any(shown)
}

/// The known drug that a substance is: by code, else by a name that its text does not deny.
fn substance(concept: &Concept<'_>, terms: Terms<'_>) -> Option<DrugCode> {
    let coded = concept.coding.0.iter().find_map(|coding| terms.drug(coding));
    coded.or_else(|| {
        concept.texts().find_map(|text| {
            let text = text.to_lowercase();
            let words = Words::of(&text);
            let drug = terms.drug_said(&words)?;
            Some(DrugCode {
                site: terms.site_in(&words).or(drug.site),
                ..drug
            })
        })
    })
}

fn is_local(route: &Concept<'_>, terms: Terms<'_>) -> bool {
    let by_text = || {
        route
            .texts()
            .find_map(|text| terms.site_in(&Words::of(&text.to_lowercase())))
    };
    terms.route(route).or_else(by_text) == Some(Site::Local)
}

fn is_refuted(of: &Object<'_>) -> bool {
    let verification: Concept<'_> = of.get("verificationStatus");
    let clinical: Concept<'_> = of.get("clinicalStatus");
    verification.says("refuted") || verification.says("entered-in-error") || clinical.says("resolved")
}

fn recorded(of: &Object<'_>) -> Option<When> {
    let at = |name: &str| of.text(name).and_then(|text| When::parse(&text));
    at("recordedDate")
        .or_else(|| at("onsetDateTime"))
        .or_else(|| at("assertedDate"))
}

#[cfg(test)]
mod tests {
    use super::super::samples::{object, with_terms};
    use super::*;

    fn read(fields: &str) -> (Option<Allergy>, About) {
        let json = format!(r#"{{"resourceType":"AllergyIntolerance","id":"a",{fields}}}"#);
        let mut found = Vec::new();
        let about = with_terms(|terms| allergy(&object(&json), terms, &mut found));
        (found.pop(), about)
    }

    #[test]
    fn the_substance_comes_from_code_reaction_or_name() {
        for fields in [
            r#""code":{"coding":[{"system":"urn:rx","code":"11"}]}"#,
            r#""code":{"text":"SOLVANE"}"#,
            r#""code":{"text":"drug"},"reaction":[{"substance":{"coding":[{"system":"urn:rx","code":"10"}]}}]"#,
        ] {
            assert!(read(fields).0.is_some(), "{fields}");
        }
        let (denied, about) = read(r#""code":{"text":"No allergy to solvane"}"#);
        assert!(denied.is_none() && about == About::Something);
        let (other, about) = read(r#""code":{"text":"peanut"}"#);
        assert!(other.is_none() && about == About::Something);
        assert_eq!(read(r#""reaction":[{}]"#).1, About::Nothing);
    }

    #[test]
    fn severity_local_products_and_refutation_are_noted() {
        let of = |fields: &str| {
            read(&format!(r#""code":{{"text":"solvane"}},{fields}"#))
                .0
                .unwrap()
        };
        assert!(of(r#""criticality":"high""#).severe);
        assert!(of(r#""reaction":[{"severity":"severe"}]"#).severe);
        assert!(!of(r#""reaction":{"severity":"mild"}"#).severe);
        for shown in [
            r#"{"coding":[{"system":"urn:dx","code":"SHOCK"}]}"#,
            r#"{"text":"Collapse"}"#,
        ] {
            assert!(of(&format!(r#""reaction":[{{"manifestation":[{shown}]}}]"#)).severe);
        }
        assert!(!of(r#""reaction":[{"manifestation":[{"text":"No collapse"}]}]"#).severe);
        assert!(of(r#""reaction":[{"exposureRoute":{"text":"Topical"}}]"#).local_product);
        assert!(
            read(r#""code":{"text":"Solvane ointment"}"#)
                .0
                .unwrap()
                .local_product
        );
        assert!(of(r#""verificationStatus":{"coding":[{"code":"refuted"}]}"#).refuted);
        assert!(of(r#""clinicalStatus":{"coding":[{"code":"resolved"}]}"#).refuted);
        assert_eq!(
            of(r#""onsetDateTime":"2026""#)
                .when
                .map(|when| when.dated().to_string())
                .as_deref(),
            Some("2026")
        );
    }
}
