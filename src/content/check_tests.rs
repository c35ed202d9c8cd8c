//! `stepdown check` on the cases of the invented drug: they pass, and what is wrong with a case is told.

use super::check::check;
use super::files::Files;
use super::load_tests::toy;

const CASES: &str = "withdrawals/placidone/cases/restless-kidney/";

/// Findings after a change of one file (its first occurrence of a text).
fn findings(path: &str, from: &str, to: &str) -> Vec<String> {
    let mut texts = toy();
    let text = &mut texts.iter_mut().find(|(known, _)| known == path).unwrap().1;
    assert!(text.contains(from), "{path} does not contain {from}");
    *text = text.replacen(from, to, 1);
    check(&Files::from_texts("toy", texts)).unwrap().lines
}

#[test]
fn the_cases_of_the_invented_drug_pass_and_try_everything() {
    let report = check(&Files::from_texts("toy", toy())).unwrap();
    assert_eq!(report.lines, Vec::<String>::new());
    assert_eq!((report.passed, report.failed), (15, 0));
}

#[test]
fn each_difference_to_what_is_expected_is_told() {
    let case = format!("{CASES}fret-that-rose-by-a-third-is-fretful.toml");
    let told = |from: &str, to: &str| findings(&case, from, to);
    let fail = |says: &str| format!("FAIL toy/{case}: {says}");
    assert!(told("kidney/fretful", "kidney/calm").contains(&fail(
        "expected placidone/restless-kidney/calm, found placidone/restless-kidney/fretful"
    )));
    assert!(
        told("kidney/fretful", "kidney/serene")
            .contains(&fail("there is no row 'placidone/restless-kidney/serene'"))
    );
    assert_eq!(
        told("\"critical\"", "\"warning\""),
        [fail("expected abrupt-withdrawal at warning, found critical")]
    );
    assert_eq!(
        told("taper = \"info\", ", ""),
        [fail("expected no card taper, found one at info")]
    );
    assert_eq!(
        told("topics", "agents = { serenamide = \"offered\" }\ntopics"),
        [fail("expected agent serenamide offered, found check-first")]
    );
    assert_eq!(
        told("topics", "gaps = { fret = \"stale\" }\ntopics"),
        [fail("expected gap fret stale, found none")]
    );
    assert_eq!(
        told("topics", "not-gaps = [\"hepatitis-c\"]\ntopics"),
        [fail("expected no gap hepatitis-c, found absent")]
    );
    assert_eq!(
        told("topics", "never = [\"FLARE\"]\ntopics"),
        [fail("expected no card that says 'FLARE'")]
    );
    assert_eq!(
        told("topics", "says = [\"all is well\"]\ntopics"),
        [fail("expected a card that says 'all is well'")]
    );
}

#[test]
fn a_case_that_cannot_be_told_names_its_line() {
    let case = format!("{CASES}fret-that-rose-by-a-third-is-fretful.toml");
    let told = |from: &str, to: &str, line: usize, says: &str| {
        let expected = format!("FAIL toy/{case}:{line}: {says}");
        let found = findings(&case, from, to);
        assert!(found.contains(&expected), "expected {expected}\nfound {found:#?}");
    };
    told(
        "\"restless-kidney\"",
        "\"calm-kidney\"",
        2,
        "there is no group 'calm-kidney'",
    );
    told(
        "1.5 mg twice daily",
        "a little",
        3,
        "'a little' is not a dose (1.5 mg twice daily, 2 mg morning and 1 mg evening)",
    );
    told(
        "14 mo ago",
        "lately",
        3,
        "'lately' is not a date (14 mo ago, in 5 d, 2026-11-15)",
    );
    told(
        "stops = true",
        "stops = true, draft = true",
        3,
        "an order is one of stops (or hold), draft, stopped",
    );
    told("\"fret\"", "\"frets\"", 4, "there is no analyte 'frets'");
    told("0.9 mg/dL", "much", 4, "'much' is not a number with a unit");
    told(
        "labs",
        "missing = { letters = \"absent\" }\nlabs",
        4,
        "there is no source 'letters'",
    );
    told(
        "labs",
        "missing = { allergies = \"lost\" }\nlabs",
        4,
        "'lost' is no reason for a gap",
    );
    told(
        "labs",
        "allergies = [{ to = \"cats\" }]\nlabs",
        4,
        "no table speaks of 'cats'",
    );
}

#[test]
fn a_row_and_a_threshold_without_a_case_are_missing() {
    let path = "withdrawals/placidone/signals.toml";
    let moved = findings(path, r#"above = "20 ng/mL""#, r#"above = "30 ng/mL""#);
    let missing = |says: &str| format!("MISSING {says}");
    assert!(
        moved.contains(&missing("signal level-toxic: it is true in no case")),
        "{moved:#?}"
    );
    assert!(
        moved.contains(&missing(
            "signal level-toxic: no case makes it false within a tenth of the threshold"
        )),
        "{moved:#?}"
    );

    let mut texts = toy();
    texts.retain(|(path, _)| !path.contains("cases/unknown"));
    let report = check(&Files::from_texts("toy", texts)).unwrap();
    assert_eq!(
        report.lines,
        [missing("placidone/unknown/otherwise: no case expects this row")]
    );
    assert_eq!((report.passed, report.failed), (14, 1));
}

#[test]
fn the_last_line_counts() {
    let mut out = Vec::new();
    let folder = tempfile::tempdir().unwrap();
    for (path, text) in toy() {
        let path = folder.path().join(path);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, text).unwrap();
    }
    assert!(super::check::run(Some(folder.path()), &mut out).unwrap());
    assert_eq!(String::from_utf8(out).unwrap(), "15 cases passed, 0 failed\n");

    let mut out = Vec::new();
    assert!(!super::check::run(Some("/nowhere/at/all".as_ref()), &mut out).unwrap());
    let text = String::from_utf8(out).unwrap();
    assert!(
        text.starts_with("FAIL /nowhere/at/all: ") && text.ends_with("\n0 cases passed, 1 failed\n"),
        "{text}"
    );
}
