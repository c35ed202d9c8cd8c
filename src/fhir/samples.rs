//! A small vocabulary and short ways to read resources, for the tests of this folder.
//!
//! Names and codes are invented, so that no test leans on the knowledge of `hooks/`.

use super::json::{Document, Object, Read};
use super::medication::Shelf;
use super::order::{ReadOrder, Scope, order};
use super::terms::{LocalCodes, Terms};
use crate::clinical::record::Role;
use crate::clinical::vocabulary::*;
use crate::clinical::wording::Denials;
use rust_decimal::Decimal;
use rustc_hash::FxHashMap as HashMap;

/// 2026-11-22T12:00:00Z.
pub(crate) const NOW: i64 = 1_795_348_800;

pub(crate) fn dec(text: &str) -> Decimal {
    text.parse().unwrap()
}

fn drug(site: Option<Site>, product: Option<u16>) -> DrugCode {
    DrugCode {
        ingredient: IngredientId(0),
        product: product.map(ProductId),
        site,
    }
}

fn analyte(key: &str, unit: &str, units: &[(&str, &str, &str)], plausible: Option<(&str, &str)>) -> Analyte {
    let factor = |multiply: &str, divide: &str| Factor {
        multiply: dec(multiply),
        divide: dec(divide),
    };
    Analyte {
        key: key.into(),
        need: key.into(),
        name: key.into(),
        unit: unit.into(),
        units: units
            .iter()
            .map(|(unit, by, per)| ((*unit).into(), factor(by, per)))
            .collect(),
        plausible: plausible.map(|(low, high)| (dec(low), dec(high))),
        screen: false,
        timed: false,
        doses: false,
        limits: true,
        order: None,
        twin: None,
    }
}

fn boxed<T: Copy>(pairs: &[(&str, T)]) -> Vec<(Box<str>, T)> {
    pairs
        .iter()
        .map(|(word, value)| ((*word).into(), *value))
        .collect()
}

fn coded<T: Clone>(rows: &[(u8, &str, T)]) -> HashMap<(u8, Box<str>), T> {
    rows.iter()
        .map(|(system, code, value)| ((*system, (*code).into()), value.clone()))
        .collect()
}

fn products(vocabulary: &mut Vocabulary) {
    vocabulary.ingredients.push(Ingredient {
        key: "solvane".into(),
        name: "solvane".into(),
        system: "urn:rx".into(),
        code: "10".into(),
        family: "solvane".into(),
        classes: Vec::new(),
        route_required: true,
    });
    for (code, strength) in [("11", "1"), ("12", "0.5")] {
        vocabulary.products.push(Product {
            code: code.into(),
            name: format!("solvane {strength} MG").into(),
            ingredient: IngredientId(0),
            formulation: Some(FormulationId(0)),
            strength_mg: Some(dec(strength)),
            brand: "".into(),
            suggest: true,
        });
    }
    for key in ["ir-capsule", "er-tablet"] {
        vocabulary.formulations.push(Formulation {
            key: key.into(),
            name: key.into(),
            ingredient: IngredientId(0),
            doses_per_day: 1,
            countable: true,
            strengths_mg: vec![dec("1")],
        });
    }
}

pub(crate) fn vocabulary() -> Vocabulary {
    let mut vocabulary = Vocabulary::default();
    products(&mut vocabulary);
    for (address, key) in [
        ("urn:rx", 0),
        ("urn:lab", 1),
        ("urn:dx", 2),
        ("urn:ndc", 3),
        ("urn:oid:9.9", 1),
    ] {
        vocabulary.systems.insert(address.into(), key);
    }
    vocabulary.whole_drug_lists = vec![0];
    let systemic = Some(Site::Systemic);
    vocabulary.drug_codes = coded(&[
        (0, "10", drug(None, None)),
        (0, "11", drug(systemic, Some(0))),
        (0, "12", drug(systemic, Some(1))),
        (0, "19", drug(Some(Site::Local), None)),
        (3, "00123045601", drug(systemic, Some(0))),
    ]);
    vocabulary.drug_names =
        boxed(&[("solvane", drug(None, None)), ("longvane", drug(systemic, None))]).into();
    vocabulary.formulation_words =
        boxed(&[("longvane", FormulationId(1)), ("oral capsule", FormulationId(0))]);
    vocabulary.site_words = boxed(&[
        ("capsule", Site::Systemic),
        ("by mouth", Site::Systemic),
        ("po", Site::Systemic),
        ("ointment", Site::Local),
        ("apply", Site::Local),
        ("topical", Site::Local),
    ])
    .into();
    vocabulary.route_codes = coded(&[(2, "oral", Site::Systemic), (2, "skin", Site::Local)]);
    vocabulary.unit_words = ["capsule", "capsules", "caps", "cap", "tablet", "tab"]
        .map(Into::into)
        .to_vec();
    let words = |list: &[&str]| list.iter().map(|word| (*word).into()).collect();
    vocabulary.level_words = LevelWords {
        trough: words(&["trough", "pre-dose"]),
        peak: words(&["peak"]),
        dose: words(&["last dose"]),
        drawn: words(&["drawn"]),
        after: words(&["after the dose", "post dose"]),
        general: words(&["range", "should"]),
    };
    vocabulary.level_names = vocabulary.level_words.of_names();
    vocabulary.restart_words = boxed(&[
        ("restart on", true),
        ("restart", true),
        ("resume", true),
        ("until", false),
    ])
    .into();
    vocabulary.severe_reactions = Told {
        codes: words(&["SHOCK"]),
        words: words(&["collapse"]),
    };
    vocabulary.denials = Denials {
        before: words(&["no", "not", "rule out"]),
        others: words(&["family history", "fh"]),
        behind: words(&["ruled out"]),
        between: words(&["was"]),
        alone: words(&["negative"]),
        ends: words(&["after"]),
        lists: words(&["or"]),
        heads: words(&["rejection"]),
    };
    timings(&mut vocabulary);
    results(&mut vocabulary);
    vocabulary.groups = vec!["graft".into(), "nephritis".into(), "relapsing".into()];
    vocabulary.group_codes = coded(&[
        (2, "G1", vec![GroupId(0)]),
        (2, "N1", vec![GroupId(1)]),
        (2, "M32.14", vec![GroupId(1)]),
    ]);
    let relapsing = ("relapsing", GroupId(2));
    vocabulary.group_names = boxed(&[
        ("kidney transplant", GroupId(0)),
        ("nephritis", GroupId(1)),
        relapsing,
    ])
    .into();
    vocabulary.group_names_beside_codes = boxed(&[relapsing]).into();
    vocabulary
}

fn timings(vocabulary: &mut Vocabulary) {
    let words = [
        ("in the morning and evening", "2"),
        ("every other day", "0.5"),
        ("every 12 hours", "2"),
        ("in the morning", "1"),
        ("in the evening", "1"),
        ("2 times daily", "2"),
        ("twice daily", "2"),
        ("at bedtime", "1"),
        ("once daily", "1"),
        ("daily", "1"),
        ("q12h", "2"),
        ("bid", "2"),
        ("am", "1"),
        ("pm", "1"),
    ];
    vocabulary.timing_words = words
        .iter()
        .map(|(word, per_day)| ((*word).into(), dec(per_day)))
        .collect();
    vocabulary.timing_codes = coded(&[(2, "BID", dec("2")), (2, "QOD", dec("0.5"))]);
}

fn results(vocabulary: &mut Vocabulary) {
    let ratio = [
        ("g/g", "1", "1"),
        ("mg/g", "1", "1000"),
        ("mg/mmol", "8.84", "1000"),
    ];
    let level = [("ng/mL", "1", "1"), ("\u{b5}g/L", "1", "1")];
    vocabulary.analytes = vec![
        analyte("ratio", "g/g", &ratio, Some(("0", "100"))),
        Analyte {
            timed: true,
            ..analyte("level", "ng/mL", &level, Some(("0.1", "200")))
        },
        Analyte {
            screen: true,
            ..analyte("virus", "", &[], None)
        },
        analyte("upper-pressure", "mm[Hg]", &[("mm[Hg]", "1", "1")], None),
    ];
    let lab = |analyte: u16, timing: LevelTiming, assay: &str| LabCode {
        analyte: AnalyteId(analyte),
        timing,
        assay: assay.into(),
    };
    vocabulary.lab_codes = coded(&[
        (1, "R", lab(0, LevelTiming::Unstated, "")),
        (1, "L", lab(1, LevelTiming::Unstated, "")),
        (1, "LT", lab(1, LevelTiming::Trough, "lcms")),
        (1, "V", lab(2, LevelTiming::Unstated, "")),
        (1, "SYS", lab(3, LevelTiming::Unstated, "")),
    ]);
    vocabulary.prepare();
    vocabulary.finding_codes = coded(&[(2, "POS", Finding::Positive), (2, "NEG", Finding::Negative)]);
    for (word, finding) in [
        ("positive", Finding::Positive),
        ("non-reactive", Finding::Negative),
    ] {
        vocabulary.finding_words.insert(word.into(), finding);
    }
}

/// Calls `then` with the terms of the small vocabulary.
pub(crate) fn with_terms<T>(then: impl FnOnce(Terms<'_>) -> T) -> T {
    let (vocabulary, mut local) = (vocabulary(), LocalCodes::default());
    local.insert("urn:site", "TACRO", ("urn:lab", "L"));
    local.insert("", "loose", ("urn:rx", "11"));
    then(Terms {
        vocabulary: &vocabulary,
        local: &local,
    })
}

/// A resource that lives as long as the tests: a document has to outlive what is read from it.
pub(crate) fn object(json: &str) -> Object<'static> {
    let text: &'static str = Box::leak(json.into());
    Object::read(Box::leak(Box::new(Document::parse(text).unwrap())).root())
}

/// Reads an order of the record, with the Medications that came beside it.
pub(crate) fn read_order(json: &str, medications: &[(&str, &str)]) -> ReadOrder {
    read_order_as(Role::Recorded, json, medications)
}

pub(crate) fn read_order_as(role: Role, json: &str, medications: &[(&str, &str)]) -> ReadOrder {
    with_terms(|terms| {
        let medications: Vec<_> = medications
            .iter()
            .map(|(url, json)| (*url, object(json)))
            .collect();
        let mut shelf = Shelf::default();
        for (url, medication) in &medications {
            shelf.put("Medication", Some(url), medication);
        }
        order(
            &object(json),
            role,
            &shelf,
            Scope {
                terms,
                base: None,
                now: NOW,
            },
        )
    })
}
