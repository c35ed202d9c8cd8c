//! The knowledge: complete, every case as expected, and every pointer of its pages leads somewhere.

use std::fs;
use std::path::{Path, PathBuf};

use stepdown::content;

#[test]
fn every_case_of_the_embedded_knowledge_passes() {
    let mut report = Vec::new();
    let passed = content::check::run(None, &mut report).expect("writing to memory");
    assert!(passed, "{}", String::from_utf8_lossy(&report));
}

#[test]
fn what_the_page_of_claims_points_at_exists() {
    let folder = withdrawals().join("tacrolimus");
    let page = fs::read_to_string(folder.join("seeds.md")).unwrap();
    let tables = texts_below(&folder, &|path| !path.starts_with(folder.join("cases")));
    let cases = texts_below(&withdrawals(), &|path| {
        path.components().any(|c| c.as_os_str() == "cases")
    });
    let claims: Vec<&str> = page.lines().filter(|line| starts_with_number(line)).collect();
    assert_eq!(claims.len(), 55, "one line for each claim");
    for (claim, pointer) in claims
        .iter()
        .flat_map(|claim| quoted(claim).map(move |p| (claim, p)))
    {
        let found = if let Some(row) = pointer.strip_prefix("tacrolimus/") {
            row_exists(&tables, row)
        } else if pointer.contains('/') || pointer.ends_with(".toml") || pointer.ends_with(".md") {
            folder.join(pointer).exists() || withdrawals().join("..").join(pointer).exists()
        } else if let Some(texts) = pointer.strip_suffix('*') {
            tables
                .iter()
                .any(|(_, text)| text.contains(&format!("\n[\"{texts}")))
        } else {
            cases.iter().any(|(path, _)| path.file_stem().unwrap() == pointer)
                || tables.iter().any(|(_, text)| text.contains(pointer))
        };
        assert!(found, "'{pointer}' does not exist: {claim}");
    }
}

#[test]
fn each_vignette_of_the_readme_is_a_case_that_names_it() {
    let page = fs::read_to_string(withdrawals().join("tacrolimus/README.md")).unwrap();
    let vignettes: Vec<&str> = page.lines().filter(|line| line.starts_with("| T")).collect();
    assert!(vignettes.len() >= 32, "only {} vignettes", vignettes.len());
    for line in vignettes {
        let name = line.split('|').nth(1).unwrap().trim();
        let path = quoted(line).next().unwrap();
        let case =
            fs::read_to_string(withdrawals().join(path)).unwrap_or_else(|_| panic!("there is no {path}"));
        let first = case.lines().next().unwrap().trim_start_matches('#').trim();
        assert!(
            first.split(|c: char| !c.is_alphanumeric()).next() == Some(name),
            "{path} does not name {name}"
        );
    }
}

/// An agent goes to the cards of many diseases, so the guideline of one of them may not go with it.
#[test]
fn no_agent_carries_the_source_of_one_disease_to_another() {
    let guidelines: Vec<String> = texts_below(&withdrawals(), &|path| {
        path.components().any(|c| c.as_os_str() == "indications")
    })
    .iter()
    .filter_map(|(_, text)| text.split_once("\n[alternatives]"))
    .filter_map(|(_, rest)| rest.lines().find(|line| line.starts_with("sources")))
    .flat_map(|line| {
        line.split('"')
            .skip(1)
            .step_by(2)
            .map(str::to_owned)
            .collect::<Vec<_>>()
    })
    .filter(|source| !source.ends_with("-label"))
    .collect();
    assert!(guidelines.len() > 10);
    for (path, text) in texts_below(&withdrawals().join("../agents"), &|_| true) {
        let own = text.lines().find(|line| line.starts_with("sources")).unwrap();
        for source in own.split('"').skip(1).step_by(2) {
            assert!(
                !guidelines.iter().any(|g| g == source),
                "{}: {source}",
                path.display()
            );
        }
    }
}

fn withdrawals() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("hooks/withdrawals")
}

/// The tables below a folder that pass a filter, with their text.
fn texts_below(folder: &Path, wanted: &dyn Fn(&Path) -> bool) -> Vec<(PathBuf, String)> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            found.extend(texts_below(&path, wanted));
        } else if wanted(&path) && path.extension().is_some_and(|kind| kind == "toml") {
            let text = fs::read_to_string(&path).unwrap();
            found.push((path, text));
        }
    }
    found
}

/// Whether a table of that name has the row: `table/row`.
fn row_exists(tables: &[(PathBuf, String)], name: &str) -> bool {
    let Some((table, row)) = name.split_once('/') else {
        return false;
    };
    let is_row = |line: &str| {
        line.strip_prefix("row")
            .is_some_and(|rest| rest.trim_start_matches([' ', '=']) == format!("\"{row}\""))
    };
    tables
        .iter()
        .filter(|(path, _)| {
            path.file_stem().unwrap() == table && !path.components().any(|c| c.as_os_str() == "texts")
        })
        .any(|(_, text)| text.lines().any(is_row))
}

fn starts_with_number(line: &str) -> bool {
    line.strip_prefix("| ")
        .is_some_and(|rest| rest.starts_with(|c: char| c.is_ascii_digit()))
}

/// What stands between backticks.
fn quoted(line: &str) -> impl Iterator<Item = &str> {
    line.split('`').skip(1).step_by(2)
}

/// The names that the contract allows in `gaps[].need`: those of inputs, further ones, and whole sources.
const NEEDS: &str = "tacrolimus-level creatinine egfr upcr urine-protein-24h c3 c4 anti-dsdna alt ast bilirubin igg inr \
    albumin wbc neutrophils platelets hemoglobin ldh haptoglobin potassium magnesium glucose crp systolic-bp \
    diastolic-bp weight indication transplant pregnancy schistocytes allergy co-medication age sex therapy-start \
    stop-reason condition \
    hepatitis-b hepatitis-c hiv tuberculosis pregnancy-test contraception tpmt nudt15 urine-sediment birth-date drug \
    dose formulation route stop-date restart-date \
    patient medications observations conditions allergies procedures";

#[test]
fn the_phrases_of_needs_are_the_list_of_the_contract() {
    let texts = fs::read_to_string(withdrawals().join("../texts/en.toml")).unwrap();
    let texts: toml::Table = texts.parse().unwrap();
    let mut phrases: Vec<&str> = texts.keys().filter_map(|key| key.strip_prefix("need.")).collect();
    let mut needs: Vec<&str> = NEEDS.split_whitespace().collect();
    phrases.sort_unstable();
    needs.sort_unstable();
    assert_eq!(phrases, needs);
}
