//! The unit of a value and the code system of a drug change neither rule nor indicator nor topics.

use crate::helpers::answer::{basis, verdict};
use crate::helpers::resources::{lab, system};
use crate::helpers::{Stop, days_ago, pure};
use proptest::prelude::*;
use rust_decimal::Decimal;
use serde_json::{Value, json};

/// The canonical value of an input of the first card, as it is sent.
fn input(answer: &Value, name: &str) -> Option<Decimal> {
    let card = answer["cards"].as_array()?.first()?;
    let input = basis(card)["inputs"]
        .as_array()?
        .iter()
        .find(|input| input["name"] == name)?;
    input["value"].to_string().parse().ok()
}

/// Answers to the same chart with one result in several units; the first unit is the canonical one.
fn agree(chart: &Stop, name: &str, loinc: &str, forms: &[(Decimal, &str)]) -> Result<(), TestCaseError> {
    let answers: Vec<Value> = (forms.iter())
        .map(|(value, unit)| {
            let result = lab(
                "varied-1",
                loinc,
                &value.normalize().to_string(),
                unit,
                &days_ago(2),
            );
            pure::answer(&chart.clone().with_result(result).request())
        })
        .collect();
    for (answer, form) in answers.iter().zip(forms) {
        prop_assert_eq!(
            verdict(answer),
            verdict(&answers[0]),
            "{} as {:?} and as {:?}",
            name,
            form,
            forms[0]
        );
        let (value, canonical) = (input(answer, name), input(&answers[0], name));
        prop_assert_eq!(value.is_some(), canonical.is_some(), "{} as {:?}", name, form);
        if let (Some(value), Some(canonical)) = (value, canonical) {
            // Shown with three significant digits.
            let near = (value - canonical).abs() * Decimal::from(200) <= canonical;
            prop_assert!(near, "{} as {:?} is {}, not {}", name, form, value, canonical);
        }
    }
    Ok(())
}

fn lupus() -> Stop {
    Stop::tacrolimus_for(1900).in_lupus_nephritis()
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 24, failure_persistence: None, ..ProptestConfig::default() })]

    /// Steps of 0.1 mg/mmol, so that every form is exact; with the limit of 0.5 g/g in the middle.
    #[test]
    fn protein_to_creatinine(tenths in prop_oneof![1_i64..3000, 560_i64..570]) {
        let mg_per_mmol = Decimal::new(tenths, 1);
        let grams = mg_per_mmol * Decimal::new(884, 5);
        agree(&lupus(), "upcr", "2890-2", &[
            (grams, "g/g"), (grams, "mg/mg{creat}"), (grams * Decimal::from(1000), "mg/g"), (grams * Decimal::from(1000), "mg/g{creat}"),
            (mg_per_mmol, "mg/mmol"), (mg_per_mmol, "g/mol"),
        ])?;
    }

    #[test]
    fn creatinine(hundredths in 20_i64..600) {
        let mg_per_dl = Decimal::new(hundredths, 2);
        let umol = mg_per_dl * Decimal::new(884, 1);
        agree(&lupus().with_upcr("0.1", "g/g", 7), "creatinine", "2160-0", &[
            (mg_per_dl, "mg/dL"), (mg_per_dl, "mg/dl"), (umol, "umol/L"), (umol, "µmol/L"), (umol, "mcmol/L"),
        ])?;
    }

    /// The limit of 20 ng/mL is 24.88 nmol/L.
    #[test]
    fn tacrolimus_trough(tenths in prop_oneof![10_i64..600, 195_i64..205]) {
        let nanograms = Decimal::new(tenths, 1);
        agree(&lupus().with_upcr("0.1", "g/g", 7), "tacrolimus-level", "77348-1", &[
            (nanograms, "ng/mL"), (nanograms, "ug/L"), (nanograms, "µg/L"), (nanograms * Decimal::new(1244, 3), "nmol/L"),
        ])?;
    }

    #[test]
    fn complement(whole in 20_i64..200) {
        let mg_per_dl = Decimal::from(whole);
        agree(&lupus().with_upcr("0.1", "g/g", 7), "c3", "4485-9", &[
            (mg_per_dl, "mg/dL"), (mg_per_dl / Decimal::from(100), "g/L"), (mg_per_dl * Decimal::from(10), "mg/L"),
        ])?;
    }
}

/// A value given in words for its unit, or with the unit only in `code` or only in `unit`.
#[test]
fn the_unit_may_stand_in_either_place() {
    let chart = |change: &dyn Fn(&mut Value)| {
        let mut result = lab("upcr-1", "2890-2", "2100", "mg/g", &days_ago(7));
        change(&mut result["valueQuantity"]);
        verdict(&pure::answer(&lupus().with_result(result).request()))
    };
    let whole = chart(&|_| {});
    let remove = |names: &'static [&'static str]| {
        move |quantity: &mut Value| {
            names
                .iter()
                .for_each(|name| drop(quantity.as_object_mut().unwrap().remove(*name)))
        }
    };
    assert_eq!(chart(&remove(&["unit"])), whole, "code and system");
    assert_eq!(chart(&remove(&["code", "system"])), whole, "unit alone");
    assert_eq!(whole[0][1], "critical");
}

/// The stopped drug in every code system that EHRs use.
#[test]
fn the_drug_may_be_coded_in_any_system() {
    let coding = |system: &str, code: &str| json!({"coding": [{"system": system, "code": code}]});
    let drugs = [
        coding(system::RXNORM, "198377"),
        coding(system::RXNORM, "42316"),
        coding("urn:oid:2.16.840.1.113883.6.88", "198377"),
        coding(system::SNOMED, "386975001"),
        coding(system::ATC, "L04AD02"),
        coding(system::ATC, "L04AA05"),
        coding(system::NDC, "00469-0617-73"),
        coding(system::NDC, "00469061773"),
        json!({"text": "Prograf 1 mg capsule"}),
        json!({"text": "PROGRAF"}),
        json!({"text": "tacrolimus 1 mg capsules"}),
        json!({"coding": [{"system": "urn:oid:1.2.840.114350.1.13", "code": "900123", "display": "tacrolimus (PROGRAF) 1 mg capsule"}]}),
        json!({"coding": [{"display": "tacrolimus 1 MG Oral Capsule"}]}),
    ];
    for chart in [
        lupus().with_upcr("2.1", "g/g", 7),
        Stop::tacrolimus().with_kidney_transplant(),
    ] {
        let expected = verdict(&pure::answer(&chart.request()));
        for drug in &drugs {
            let recoded = chart
                .clone()
                .with_stopped(|order| order["medicationCodeableConcept"] = drug.clone());
            let found = match pure::judge(recoded.request().to_string().as_bytes()) {
                pure::Judged::Answer(answer) => verdict(&answer),
                other => panic!("{drug}: {other:?}"),
            };
            let same = |rows: &[[String; 3]]| {
                rows.iter()
                    .map(|[_, indicator, rule]| (indicator.clone(), rule.clone()))
                    .next()
            };
            assert_eq!(same(&found), same(&expected), "{drug}");
        }
    }
}

/// The problem in ICD-10-CM, WHO ICD-10, SNOMED CT, by OID, or in words.
#[test]
fn the_indication_may_be_coded_in_any_system() {
    let coding = |system: &str, code: &str| json!({"coding": [{"system": system, "code": code}]});
    let problems = [
        coding(system::ICD_10_CM, "Z94.0"),
        coding("http://hl7.org/fhir/sid/icd-10", "Z94.0"),
        coding("urn:oid:2.16.840.1.113883.6.90", "Z94.0"),
        coding(system::SNOMED, "161665007"),
        coding("urn:oid:2.16.840.1.113883.6.96", "161665007"),
        json!({"text": "Status post kidney transplant"}),
        json!({"coding": [{"system": "urn:local", "code": "77", "display": "Renal transplant recipient"}]}),
    ];
    let chart = Stop::tacrolimus().with_kidney_transplant().request();
    let expected = verdict(&pure::answer(&chart));
    for problem in problems {
        let mut request = chart.clone();
        request["prefetch"]["conditions"]["entry"][0]["resource"]["code"] = problem.clone();
        assert_eq!(verdict(&pure::answer(&request)), expected, "{problem}");
    }
}
