//! `stepdown diff`: two small folders of an invented drug, and the tables of the program against an edited copy.

use crate::helpers::command::{copied, edit, stepdown};
use serde_json::Value;
use std::path::{Path, PathBuf};
use tempfile::TempDir;

const NOW: &str = "2026-11-22T08:00:00Z";

/// The invented drug twice, with the shared phrases as they are now.
fn toys() -> (TempDir, PathBuf, PathBuf) {
    let folder = tempfile::tempdir().unwrap();
    let both = ["old", "new"].map(|name| {
        let toy = copied("fixtures/knowledge/toy", &folder.path().join(name));
        let phrases = Path::new(env!("CARGO_MANIFEST_DIR")).join("hooks/texts/en.toml");
        std::fs::copy(phrases, toy.join("texts/en.toml")).unwrap();
        toy
    });
    let [old, new] = both;
    (folder, old, new)
}

fn text(path: &Path) -> &str {
    path.to_str().unwrap()
}

fn compared(old: &Path, new: &Path) -> (i32, Value) {
    let ran = stepdown(&["diff", text(old), text(new), "--json"]);
    let json = serde_json::from_str(&ran.out).unwrap_or_else(|_| panic!("{}{}", ran.out, ran.err));
    (ran.code, json)
}

#[test]
fn two_folders_that_say_the_same_end_with_0() {
    let (_folder, old, new) = toys();
    let (code, json) = compared(&old, &new);
    assert_eq!((code, &json["cases"]["different"]), (0, &Value::from(0)));
    assert_eq!(json["cases"]["same"], 15);
}

#[test]
fn each_changed_answer_is_told_with_what_was_and_what_would_be() {
    let (_folder, old, new) = toys();
    let drug = new.join("withdrawals/placidone");
    edit(
        &drug.join("indications/restless-kidney.toml"),
        "\"critical\"",
        "\"warning\"",
    );
    edit(
        &drug.join("texts/en/all.toml"),
        "\"Go on.\"",
        "\"Go on, and ask.\"",
    );
    edit(
        &drug.join("indications/restless-kidney.toml"),
        "\"14 d\"",
        "\"28 d\"",
    );
    let (code, json) = compared(&old, &new);
    assert_eq!(code, 1);
    let cases = json["differentCases"].as_array().unwrap();
    let fretful = cases
        .iter()
        .find(|case| {
            case["name"]
                .as_str()
                .unwrap()
                .ends_with("/fret-at-the-threshold-is-fretful.toml")
        })
        .unwrap();
    let of = |kind: &str, topic: &str| {
        let all = fretful["differences"].as_array().unwrap();
        all.iter()
            .find(|one| one["kind"] == kind && one["topic"] == topic)
            .unwrap_or_else(|| panic!("{kind} of {topic} in {fretful}"))
            .clone()
    };
    let indicator = of("indicator", "abrupt-withdrawal");
    assert_eq!(
        (&indicator["before"][0], &indicator["after"][0]),
        (&"critical".into(), &"warning".into())
    );
    let detail = of("detail", "abrupt-withdrawal");
    assert!(
        detail["after"].to_string().contains("Go on, and ask."),
        "{detail}"
    );
    assert!(
        !detail["before"].to_string().contains("Go on, and ask."),
        "{detail}"
    );
    let schedule = of("schedule", "taper");
    assert!(
        schedule["before"][0].as_str().unwrap().starts_with("14 days: "),
        "{schedule}"
    );
    assert!(
        schedule["after"][0].as_str().unwrap().starts_with("28 days: "),
        "{schedule}"
    );
    let (same, differ) = (
        json["cases"]["same"].as_u64().unwrap(),
        json["cases"]["different"].as_u64().unwrap(),
    );
    assert_eq!((same + differ, differ), (15, cases.len() as u64));
    assert!(
        json["notes"][0]
            .as_str()
            .unwrap()
            .contains("a version of their own"),
        "{}",
        json["notes"]
    );
}

#[test]
fn cases_that_only_one_folder_has_are_named_and_asked_of_both() {
    let (_folder, old, new) = toys();
    let cases = "withdrawals/placidone/cases";
    std::fs::rename(
        new.join(cases).join("gates/an-ointment-is-silent.toml"),
        new.join(cases).join("gates/a-salve-is-silent.toml"),
    )
    .unwrap();
    edit(
        &new.join(cases)
            .join("restless-kidney/low-fret-under-cover-is-calm.toml"),
        "[expect]",
        "# Another opinion of the same patient.\n[expect]",
    );
    let (code, json) = compared(&old, &new);
    assert_eq!(code, 1, "a set of cases that changed is a difference");
    assert_eq!(
        json["onlyInOld"][0],
        format!("{cases}/gates/an-ointment-is-silent.toml")
    );
    assert_eq!(
        json["onlyInNew"][0],
        format!("{cases}/gates/a-salve-is-silent.toml")
    );
    assert_eq!(
        (&json["cases"]["same"], &json["cases"]["different"]),
        (&16.into(), &0.into())
    );
}

#[test]
fn a_folder_that_is_refused_is_trouble() {
    let (_folder, old, new) = toys();
    edit(&new.join("withdrawals/placidone/gates.toml"), "row", "raw");
    let ran = stepdown(&["diff", text(&old), text(&new)]);
    assert_eq!(ran.code, 2);
    assert!(ran.err.contains("gates.toml:"), "{}", ran.err);
    assert_eq!(stepdown(&["diff", "built-in", "/nowhere"]).code, 2);
    assert_eq!(stepdown(&["diff", "built-in"]).code, 2, "arguments");
}

#[test]
fn an_edited_copy_of_the_built_in_tables_is_compared_on_cases_and_saved_requests() {
    let folder = tempfile::tempdir().unwrap();
    let edited = copied("hooks", folder.path());
    let table = edited.join("withdrawals/tacrolimus/indications/lupus-nephritis.toml");
    let read = std::fs::read_to_string(&table).unwrap();
    let active = read
        .split("[[hazard]]")
        .find(|row| row.contains("\"active-disease\""))
        .unwrap();
    edit(&table, active, &active.replace("\"critical\"", "\"warning\""));
    let saved = "fixtures/ehr/stop-in-lupus-nephritis.json";
    let arguments = [
        "diff",
        "built-in",
        text(&edited),
        "--requests",
        saved,
        "--now",
        NOW,
    ];
    let ran = stepdown(&arguments);
    assert_eq!(ran.code, 1, "{}", ran.err);
    let told = format!("\n{saved}\n  indicator of abrupt-withdrawal\n    - critical\n    + warning\n");
    assert!(ran.out.contains(&told), "{}", ran.out);
    assert!(ran.out.contains("\ndiffer "));
    let markdown = stepdown(&[&arguments[..], &["--markdown"]].concat());
    assert_eq!(markdown.code, 1);
    for part in [
        "| different in: indicator |",
        "- **indicator** of `abrupt-withdrawal`\n  - before: critical\n  - after: warning\n",
        "\n## Review\n",
    ] {
        assert!(markdown.out.contains(part), "{part}\n{}", markdown.out);
    }
    let broken = [
        &arguments[..3],
        &["--requests", "fixtures/ehr/sandbox-hook-without-orders.json"],
    ]
    .concat();
    let ran = stepdown(&broken);
    assert_eq!(ran.code, 2, "what could not be compared is trouble");
    assert!(ran.out.contains("UNREADABLE context.toBeDiscontinued is missing"));
}
