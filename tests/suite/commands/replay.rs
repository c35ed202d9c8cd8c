//! `stepdown replay`: the saved requests of many EHRs, one after the other.

use crate::helpers::command::stepdown;
use serde_json::Value;
use std::collections::BTreeMap;

const NOW: &str = "2026-11-22T08:00:00Z";

fn lines(out: &str) -> Vec<Value> {
    out.lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect()
}

#[test]
fn explain_says_in_which_line_a_file_stops_being_json() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("broken.json");
    std::fs::write(&file, "{\n  \"hook\": \"order-sign\",\n  oops\n}").unwrap();
    let file = file.to_str().unwrap();
    let explained = stepdown(&["explain", file]);
    assert_eq!(explained.code, 1);
    assert!(
        explained.err.contains(&format!("{file}:3: ")),
        "{}",
        explained.err
    );
}

#[test]
fn each_request_is_answered_as_explain_answers_it() {
    let ran = stepdown(&["replay", "fixtures/ehr", "--now", NOW, "--json"]);
    let all = lines(&ran.out);
    let mut compared = 0;
    for entry in &all[..all.len() - 1] {
        let file = entry["file"].as_str().unwrap();
        let explained = stepdown(&["explain", file, "--now", NOW, "--json"]);
        let Some(answer) = entry["answer"].as_object() else {
            assert!(entry["leftOut"] == true || explained.code == 1, "{file}");
            continue;
        };
        if answer["outcome"] == "undecided" {
            assert_eq!(explained.code, 1, "{file}");
            continue;
        }
        compared += 1;
        let explained: Value = serde_json::from_str(&explained.out).unwrap();
        let told = |card: &Value| [&card["summary"], &card["indicator"], &card["detail"]].map(Value::clone);
        let cards = |of: &Value| of.as_array().unwrap().iter().map(told).collect::<Vec<_>>();
        assert_eq!(
            cards(&entry["answer"]["cards"]),
            cards(&explained["cards"]),
            "{file}"
        );
    }
    assert!(compared > 12, "{compared}");
}

#[test]
fn what_cannot_be_read_is_named_with_its_field_and_fails_the_command() {
    let ran = stepdown(&["replay", "fixtures/ehr", "--now", NOW]);
    assert_eq!(ran.code, 1);
    assert!(
        ran.out
            .contains("sandbox-hook-without-orders.json\n    UNREADABLE context.toBeDiscontinued is missing"),
        "{}",
        ran.out
    );
    assert!(ran.out.contains("fixtures/ehr/shapes.toml\n    left out"));
    assert!(ran.out.ends_with(" requests judged, 1 unreadable, 1 left out\n"));
    let nothing = tempfile::tempdir().unwrap();
    let ran = stepdown(&["replay", nothing.path().to_str().unwrap()]);
    assert_eq!(ran.code, 1, "nothing was judged");
}

#[test]
fn sums_count_what_was_said() {
    let ran = stepdown(&["replay", "fixtures/ehr", "--now", NOW, "--json"]);
    let all = lines(&ran.out);
    let sums = &all.last().unwrap()["sums"];
    let mut doors: BTreeMap<&str, u64> = BTreeMap::new();
    let (mut judged, mut with_level) = (0, 0);
    for answer in all.iter().filter_map(|entry| entry.get("answer")) {
        judged += 1;
        *doors.entry(answer["hook"].as_str().unwrap()).or_default() += 1;
        let cards = answer["cards"].as_array().unwrap();
        let gaps = cards.iter().filter_map(|card| card["gaps"].as_array()).flatten();
        with_level += u64::from(gaps.into_iter().any(|gap| gap == "tacrolimus-level absent"));
    }
    assert_eq!(sums["judged"], judged);
    assert_eq!(sums["byDoor"], serde_json::to_value(doors).unwrap());
    assert_eq!(sums["byGap"]["tacrolimus-level absent"], with_level);
    assert_eq!(sums["byInstant"]["now"], judged);
    let by = |name: &str| {
        sums[name]
            .as_object()
            .unwrap()
            .values()
            .map(|n| n.as_u64().unwrap())
            .sum::<u64>()
    };
    assert_eq!((by("byOutcome"), by("byUrgency")), (judged, judged));
}

#[test]
fn a_patient_is_named_only_on_request_and_a_report_is_its_owners_alone() {
    let folder = tempfile::tempdir().unwrap();
    let report = folder.path().join("report.csv");
    let file = "fixtures/ehr/stop-in-lupus-nephritis.json";
    for arguments in [&["--json"][..], &["--csv"], &[]] {
        let ran = stepdown(&[&["replay", file, "--now", NOW], arguments].concat());
        assert_eq!(ran.code, 0, "{}", ran.err);
        assert!(!ran.out.contains("synthetic-ln-1"), "{}", ran.out);
    }
    let out = report.to_str().unwrap();
    let ran = stepdown(&["replay", file, "--now", NOW, "--csv", "--patients", "--out", out]);
    assert_eq!((ran.code, ran.out.as_str()), (0, ""));
    let mut table = csv::Reader::from_path(&report).unwrap();
    let rows: Vec<BTreeMap<String, String>> = table.deserialize().map(Result::unwrap).collect();
    assert!(
        rows.iter()
            .all(|row| row["patient"] == "synthetic-ln-1" && row["at"] == NOW),
        "{rows:?}"
    );
    assert_eq!(rows[0]["rule"], "tacrolimus/lupus-nephritis/active-disease");
    use std::os::unix::fs::PermissionsExt;
    assert_eq!(
        std::fs::metadata(&report).unwrap().permissions().mode() & 0o777,
        0o600
    );
}

#[test]
fn lines_of_ndjson_keep_their_number_and_a_name_its_instant() {
    let folder = tempfile::tempdir().unwrap();
    let request: Value = serde_json::from_str(
        &std::fs::read_to_string(concat!(
            env!("CARGO_MANIFEST_DIR"),
            "/fixtures/ehr/stop-in-lupus-nephritis.json"
        ))
        .unwrap(),
    )
    .unwrap();
    // More than one portion, so that the order has to be kept across them.
    let many = format!("{request}\n\n").repeat(300);
    std::fs::write(
        folder.path().join("many.ndjson"),
        format!("{many}{{\"hook\": 1}}\n"),
    )
    .unwrap();
    std::fs::write(folder.path().join("20261101T080000Z-a.json"), request.to_string()).unwrap();
    let ran = stepdown(&["replay", folder.path().to_str().unwrap(), "--now", NOW, "--json"]);
    let all = lines(&ran.out);
    assert_eq!(all.len(), 1 + 300 + 1 + 1);
    assert_eq!(all[0]["answer"]["at"], "2026-11-01T08:00:00Z");
    assert_eq!(all[0]["answer"]["atBy"], "name");
    for (at, entry) in all[1..301].iter().enumerate() {
        let name = entry["file"].as_str().unwrap();
        assert!(name.ends_with(&format!("many.ndjson:{}", 2 * at + 1)), "{name}");
    }
    assert!(all[301]["file"].as_str().unwrap().ends_with("many.ndjson:601"));
    assert_eq!(all[301]["error"], "hook must be a string");
    assert_eq!(ran.code, 1);
}
