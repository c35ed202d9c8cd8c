//! The loader on the invented drug of `fixtures/knowledge/toy`, whole and broken in every known way.

use super::files::Files;
use super::load::load;
use crate::clinical::knowledge::{Expr, Form, Knowledge, Shift, Test, Then};
use crate::clinical::vocabulary::Site;
use include_dir::{Dir, DirEntry, include_dir};
use rust_decimal::Decimal;

static TOY: Dir<'static> = include_dir!("$CARGO_MANIFEST_DIR/fixtures/knowledge/toy");

fn collect(dir: &'static Dir<'static>, into: &mut Vec<(String, String)>) {
    for entry in dir.entries() {
        match entry {
            DirEntry::Dir(inner) => collect(inner, into),
            DirEntry::File(file) => {
                let path = file.path().to_str().unwrap();
                if path.ends_with(".toml") || path.ends_with(".csv") {
                    into.push((path.to_owned(), file.contents_utf8().unwrap().to_owned()));
                }
            }
        }
    }
}

/// The invented tables, each as path and text; with the shared phrases as they are now, so that a new
/// phrase does not break every test here.
pub(super) fn toy() -> Vec<(String, String)> {
    let mut texts = Vec::new();
    collect(&TOY, &mut texts);
    let phrases = Files::embedded().text("texts/en.toml").unwrap().to_owned();
    texts.retain(|(path, _)| path != "texts/en.toml");
    texts.push(("texts/en.toml".to_owned(), phrases));
    texts
}

fn load_toy() -> Knowledge {
    load(&Files::from_texts("toy", toy())).unwrap_or_else(|problems| {
        let list: Vec<String> = problems.iter().map(ToString::to_string).collect();
        panic!("{}", list.join("\n"))
    })
}

#[test]
fn the_invented_drug_loads() {
    load_toy();
}

fn dec(text: &str) -> Decimal {
    text.parse().unwrap()
}

fn form<'a>(knowledge: &'a Knowledge, name: &str) -> &'a Form {
    &knowledge
        .signals
        .iter()
        .find(|signal| *signal.name == *name)
        .unwrap()
        .form
}

#[test]
fn a_threshold_arrives_in_the_canonical_unit() {
    let knowledge = load_toy();
    assert!(
        matches!(form(&knowledge, "fret-high"), Form::Latest { test: Test::AtLeast(number), within: 30, .. } if *number == dec("2"))
    );
    assert!(
        matches!(form(&knowledge, "fret-risen"), Form::Change { by: Shift::RisePercent(rise), within: 14, against: 90, .. } if *rise == dec("30"))
    );
}

#[test]
fn classes_and_families_are_expanded() {
    let knowledge = load_toy();
    let Form::Continues(set) = form(&knowledge, "covered") else {
        panic!("another form")
    };
    let names: Vec<&str> = set
        .ingredients
        .iter()
        .map(|id| &*knowledge.vocabulary.ingredient(*id).key)
        .collect();
    assert_eq!(names, ["serenamide", "serenic-acid"]);
    let excludes = &knowledge.withdrawals[0].rightful[0].excludes;
    assert!(excludes.itself);
    assert_eq!(excludes.ingredients.len(), 2);
}

#[test]
fn a_class_may_leave_a_family_out() {
    let mut texts = toy();
    let (_, signals) = texts
        .iter_mut()
        .find(|(path, _)| path.ends_with("placidone/signals.toml"))
        .unwrap();
    *signals = signals.replace(r#"["cover"]"#, r#"["calmer", "cover", "not serenic-acid"]"#);
    let knowledge = load(&Files::from_texts("toy", texts)).unwrap();
    let Form::Continues(set) = form(&knowledge, "covered") else {
        panic!("another form")
    };
    let names: Vec<&str> = set
        .ingredients
        .iter()
        .map(|id| &*knowledge.vocabulary.ingredient(*id).key)
        .collect();
    assert_eq!(names, ["placidone", "halcyone"]);
}

#[test]
fn tables_keep_their_order_and_their_ends() {
    let knowledge = load_toy();
    let withdrawal = &knowledge.withdrawals[0];
    assert!(matches!(withdrawal.gates[0].then, Then::Silent(_)));
    let keys: Vec<&str> = withdrawal.indications.iter().map(|one| &*one.key).collect();
    assert_eq!(keys, ["restless-kidney", "unknown"]);
    let hazards = &withdrawal.indications[0].hazards;
    assert!(matches!(hazards[1].when, Expr::AtLeast(2, _)));
    assert!(matches!(hazards[2].when, Expr::Always));
    assert_eq!(withdrawal.indications[0].agents.len(), 1);
}

#[test]
fn needs_follow_from_the_tables() {
    let knowledge = load_toy();
    let name = |id: &crate::clinical::vocabulary::AnalyteId| &*knowledge.vocabulary.analyte(*id).key;
    let observations: Vec<&str> = knowledge.needs.observations.iter().map(name).collect();
    assert_eq!(observations, ["fret", "calm", "placidone-level"]);
    assert_eq!(
        knowledge.needs.screens.iter().map(name).collect::<Vec<_>>(),
        ["sleepwort"]
    );
    assert_eq!(
        knowledge.needs.observation_days, 104,
        "14 days of the latest and 90 of its baseline"
    );
}

#[test]
fn codes_and_names_lead_to_the_same_drug() {
    let vocabulary = load_toy().vocabulary;
    let rxnorm = vocabulary
        .system("http://www.nlm.nih.gov/research/umls/rxnorm")
        .unwrap();
    assert_eq!(vocabulary.system("urn:oid:2.16.840.1.113883.6.88"), Some(rxnorm));
    let ingredient = vocabulary.drug_codes[&(rxnorm, "9900001".into())];
    assert_eq!(
        (ingredient.product, ingredient.site),
        (None, None),
        "it has local products"
    );
    let ndc = vocabulary.system("http://hl7.org/fhir/sid/ndc").unwrap();
    let product = vocabulary.drug_codes[&(ndc, "00999001101".into())];
    assert_eq!(
        vocabulary.product(product.product.unwrap()).strength_mg,
        Some(dec("1"))
    );
    let named = |name: &str| {
        vocabulary
            .drug_names
            .iter()
            .find(|(known, _)| **known == *name)
            .unwrap()
            .1
    };
    assert_eq!(named("placidone"), ingredient);
    assert_eq!(named("placiderm").site, Some(Site::Local));
    let brand = vocabulary.product(named("placidor").product.unwrap());
    assert_eq!(
        &*vocabulary.formulation(brand.formulation.unwrap()).key,
        "capsule"
    );
    assert!(
        vocabulary
            .drug_names
            .windows(2)
            .all(|pair| pair[0].0.len() >= pair[1].0.len())
    );
}

#[test]
fn formulations_know_their_words_and_strengths() {
    let vocabulary = load_toy().vocabulary;
    assert_eq!(vocabulary.formulations[0].strengths_mg, [dec("0.5"), dec("1")]);
    assert_eq!(vocabulary.formulations[1].strengths_mg, [dec("0.75")]);
    let words: Vec<&str> = vocabulary
        .formulation_words
        .iter()
        .map(|(word, _)| &**word)
        .collect();
    assert_eq!(words, ["placidor slow", "slow tablet", "placidor", "capsule"]);
}

#[test]
fn ranges_and_phrases_of_groups_are_kept_apart() {
    let vocabulary = load_toy().vocabulary;
    let (_, from, to, group) = &vocabulary.group_ranges[0];
    assert_eq!(
        (&**from, &**to, vocabulary.group(*group)),
        ("C00", "C96", "tumour")
    );
    assert_eq!(&*vocabulary.group_names[0].0, "restless kidney");
}
