//! Turns `requirements.csv` and the sources of this folder into one verdict: is every requirement that we claim to
//! meet proven by a test that exists?
//!
//! It never runs those tests and never judges what they assert; it keeps the table and the sources from drifting apart.
//! The table follows CDS Hooks 2.0.1, one row for each sentence that binds a service, and SMART App Launch 2.2, one
//! row for each that binds an app; `cds-NN` and `smart-NN` are our own numbers.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

const COLUMNS: [&str; 8] = [
    "id",
    "section",
    "level",
    "actor",
    "requirement",
    "issue",
    "status",
    "test",
];
const LEVELS: [&str; 3] = ["MUST", "SHOULD", "P"];
const ACTORS: [&str; 2] = ["service", "client"];
const ISSUES: [&str; 4] = ["2", "4", "5", ""];
const STATUSES: [&str; 3] = ["tested", "open", "not-ours"];

/// One line of the table.
struct Row {
    line: u64,
    id: String,
    section: String,
    level: String,
    actor: String,
    requirement: String,
    issue: String,
    status: String,
    test: String,
}

#[test]
fn every_column_holds_one_of_its_allowed_values() {
    let mut wrong = Vec::new();
    for row in table() {
        let closed = [
            ("level", &row.level, &LEVELS[..]),
            ("actor", &row.actor, &ACTORS[..]),
            ("issue", &row.issue, &ISSUES[..]),
            ("status", &row.status, &STATUSES[..]),
        ];
        for (column, value, allowed) in closed {
            if !allowed.contains(&value.as_str()) {
                wrong.push(complaint(
                    &row,
                    &format!("{column} is {value:?}, not one of {allowed:?}"),
                ));
            }
        }
        for (column, value) in [("section", &row.section), ("requirement", &row.requirement)] {
            if value.is_empty() {
                wrong.push(complaint(&row, &format!("{column} is empty")));
            }
        }
    }
    assert_none(&wrong);
}

#[test]
fn every_id_is_well_formed_and_stands_once() {
    let mut seen = BTreeSet::new();
    let mut wrong = Vec::new();
    for row in table() {
        if !is_id(&row.id) {
            wrong.push(complaint(
                &row,
                "the id is not cds-NN or smart-NN with at most one letter behind it",
            ));
        }
        if !seen.insert(row.id.clone()) {
            wrong.push(complaint(&row, "the id stands twice"));
        }
    }
    assert_none(&wrong);
}

#[test]
fn nothing_that_is_ours_is_open() {
    let open = |row: &Row| !row.issue.is_empty() && row.status != "tested";
    let wrong: Vec<String> = table()
        .iter()
        .filter(|row| open(row))
        .map(|row| complaint(row, "is not proven"))
        .collect();
    assert_none(&wrong);
}

#[test]
fn only_duties_of_the_client_are_not_ours_and_have_no_issue() {
    let mut wrong = Vec::new();
    for row in table() {
        let ours = row.status != "not-ours";
        if ours && row.actor == "client" {
            wrong.push(complaint(&row, "a duty of the client is claimed as ours"));
        }
        if !ours && row.actor == "service" {
            wrong.push(complaint(&row, "a duty of a service is put aside as not ours"));
        }
        if ours == row.issue.is_empty() {
            wrong.push(complaint(
                &row,
                "a duty of ours names an issue, and no other row does",
            ));
        }
    }
    assert_none(&wrong);
}

#[test]
fn every_claim_names_a_test_that_exists() {
    let mut wrong = Vec::new();
    for row in table() {
        match (row.status.as_str(), row.test.as_str()) {
            ("tested", "") => wrong.push(complaint(&row, "is tested, but names no test")),
            ("tested", test) => {
                if let Err(why) = find_test(test) {
                    wrong.push(complaint(&row, &why));
                }
            }
            (_, "") => {}
            (status, _) => wrong.push(complaint(&row, &format!("is {status}, yet names a test"))),
        }
    }
    assert_none(&wrong);
}

/// Looks for `<folder>::<module>::<name>` as a `#[...test]` function in `<module>.rs` of that folder of the suite; for
/// `trust`, which counts what nobody outside can see, of its own tests.
pub fn find_test(test: &str) -> Result<(), String> {
    let parts: Vec<&str> = test.split("::").collect();
    let [area @ ("conformance" | "api" | "smart" | "trust"), module, name] = parts[..] else {
        return Err(format!(
            "{test} is not of the form conformance::<module>::<name>, api::…, smart::… or trust::…"
        ));
    };
    let tests = match area {
        "trust" => Path::new(env!("CARGO_MANIFEST_DIR")).join("src/trust/tests"),
        area => folder().with_file_name(area),
    };
    let file = tests.join(format!("{module}.rs"));
    let source =
        fs::read_to_string(&file).map_err(|why| format!("{test}: {module}.rs cannot be read: {why}"))?;
    match declares_test(&source, name) {
        true => Ok(()),
        false => Err(format!("{test}: {module}.rs has no test function {name}")),
    }
}

/// True if `source` holds `fn name(` and an attribute that ends in `test` between it and the item before it.
fn declares_test(source: &str, name: &str) -> bool {
    let mut attributed = false;
    for line in source.lines().map(str::trim) {
        let attribute = line
            .strip_prefix("#[")
            .and_then(|rest| rest.split([']', '(']).next());
        if attribute.is_some_and(|path| path.rsplit("::").next() == Some("test")) {
            attributed = true;
        } else if let Some(function) = function_name(line) {
            if attributed && function == name {
                return true;
            }
            attributed = false;
        }
    }
    false
}

/// The name of the function that a line declares, if it declares one.
fn function_name(line: &str) -> Option<&str> {
    let declaration = line
        .trim_start_matches("pub ")
        .trim_start_matches("async ")
        .strip_prefix("fn ")?;
    declaration.split(['(', '<']).next()
}

/// `cds-01`, or `cds-01a` where one item of the standard holds several requirements; `smart-01` likewise.
fn is_id(id: &str) -> bool {
    let Some(number) = id.strip_prefix("cds-").or_else(|| id.strip_prefix("smart-")) else {
        return false;
    };
    let digits = number.trim_end_matches(|last: char| last.is_ascii_lowercase());
    digits.len() == 2
        && digits.bytes().all(|digit| digit.is_ascii_digit())
        && number.len() - digits.len() <= 1
}

/// Reads the table; a wrong header or a short line fails the test that asked.
fn table() -> Vec<Row> {
    let mut reader =
        csv::Reader::from_path(folder().join("requirements.csv")).expect("the table can be read");
    assert_eq!(
        reader.headers().expect("a header"),
        &COLUMNS[..],
        "the columns of requirements.csv"
    );
    let rows: Vec<Row> = reader
        .records()
        .map(|record| row(&record.expect("a whole line")))
        .collect();
    assert!(!rows.is_empty(), "requirements.csv has no rows");
    rows
}

/// One record, its fields in the order of the header.
fn row(record: &csv::StringRecord) -> Row {
    let field = |column: usize| record[column].to_owned();
    Row {
        line: record.position().map_or(0, csv::Position::line),
        id: field(0),
        section: field(1),
        level: field(2),
        actor: field(3),
        requirement: field(4),
        issue: field(5),
        status: field(6),
        test: field(7),
    }
}

/// The folder of the table and of the modules that it names.
fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/suite/conformance")
}

/// Says where a row stands and what is wrong with it.
fn complaint(row: &Row, what: &str) -> String {
    format!("requirements.csv:{}: {}: {what}", row.line, row.id)
}

/// Fails with all complaints at once, one per line.
fn assert_none(wrong: &[String]) {
    assert!(wrong.is_empty(), "\n{}", wrong.join("\n"));
}

#[test]
fn a_function_without_the_attribute_is_no_test() {
    assert!(declares_test(
        "#[actix_web::test]\nasync fn answers() {",
        "answers"
    ));
    assert!(declares_test("#[test]\n#[cfg(unix)]\nfn answers() {", "answers"));
    assert!(!declares_test("fn answers() {", "answers"));
    assert!(!declares_test(
        "#[test]\nfn other() {}\nfn answers() {",
        "answers"
    ));
    assert!(!declares_test("// #[test]\nfn answers() {", "answers"));
}

#[test]
fn an_id_has_two_digits_and_at_most_one_letter() {
    for good in ["cds-01", "cds-36c", "smart-07"] {
        assert!(is_id(good), "{good}");
    }
    for bad in ["cds-1", "cds-01ab", "cds-1a", "01", "cds-", "cds-0é"] {
        assert!(!is_id(bad), "{bad}");
    }
}
