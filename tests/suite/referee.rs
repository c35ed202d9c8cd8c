//! Every resource that any case of the tables suggests, before two FHIR R4 validators and fhirbolt's strict reader.
//!
//! The validators (`tests/referee/`) are installed by npm from its public registry into the build folder.

use crate::helpers::installed;
use crate::helpers::pure::knowledge;
use fhir_out::read_strictly;
use std::collections::BTreeMap;
use std::io::Write;
use std::process::{Command, Stdio};
use stepdown::clinical::evaluate::evaluate;
use stepdown::content::{Files, situations};
use stepdown::fhir::drafts::Drafts;

/// Each distinct resource with the case that suggests it first.
fn suggested() -> BTreeMap<String, String> {
    let situations = situations(&Files::embedded(), knowledge()).expect("cases that can be told");
    let mut found = BTreeMap::new();
    for situation in &situations {
        let drafts = Drafts {
            record: &situation.record,
            knowledge: knowledge(),
            patient: "Patient/synthetic",
            encounter: Some("Encounter/synthetic"),
            now: situation.now.as_second(),
        };
        let evaluation = evaluate(&situation.record, knowledge(), situation.now);
        let suggestions = evaluation.cards.iter().flat_map(|card| &card.suggestions);
        for (_, resource) in suggestions.filter_map(|suggestion| drafts.resource(&suggestion.proposal)) {
            let name = situation.path.clone();
            found.entry(resource).or_insert(name);
        }
    }
    found
}

#[test]
fn every_suggested_resource_is_read_by_fhirbolt() {
    let resources = suggested();
    assert!(resources.len() > 100, "{} resources", resources.len());
    for (resource, case) in &resources {
        read_strictly(resource).unwrap_or_else(|why| panic!("{case}: {why}: {resource}"));
    }
}

#[test]
fn every_suggested_resource_passes_two_validators() {
    if installed::skipped() {
        return;
    }
    let resources = suggested();
    let judged = judge(resources.keys().map(String::as_str));
    let named: Vec<String> = judged
        .iter()
        .map(|(number, fault)| {
            let (resource, case) = resources.iter().nth(*number).unwrap();
            format!("{case}: {fault}: {resource}")
        })
        .collect();
    assert!(named.is_empty(), "{}", named.join("\n"));
}

/// A referee that never refuses would prove nothing.
#[test]
fn the_validators_refuse_what_is_wrong() {
    if installed::skipped() {
        return;
    }
    let resources = suggested();
    let order = resources
        .keys()
        .find(|resource| resource.contains("\"timing\"") && resource.contains("MedicationRequest"))
        .expect("a taper");
    let spoilt = [
        order.replace(r#""intent":"proposal""#, r#""intent":"hope""#),
        order.replace(r#""Patient/synthetic""#, r#""Medication/synthetic""#),
        order.replace(r#""periodUnit":"d""#, r#""periodUnit":"day""#),
        order.replace(r#""status":"draft""#, r#""status":"draft","invented":true"#),
    ];
    assert!(spoilt.iter().all(|spoilt| spoilt != order), "{order}");
    let judged = judge(spoilt.iter().map(String::as_str));
    for (number, resource) in spoilt.iter().enumerate() {
        assert!(judged.iter().any(|(of, _)| *of == number), "{resource}");
    }
}

/// What the validators find: the number of the resource, and the fault.
pub fn judge<'a>(resources: impl Iterator<Item = &'a str>) -> Vec<(usize, String)> {
    let files = ["package.json", "package-lock.json", "validate.js"];
    let script = installed::node_program("referee", &files).join("validate.js");
    let mut child = Command::new(installed::program("node", &["nodejs"]))
        .arg(script)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .expect("the validators start");
    let lines = resources.fold(String::new(), |lines, resource| lines + resource + "\n");
    child
        .stdin
        .take()
        .unwrap()
        .write_all(lines.as_bytes())
        .expect("the validators read");
    let output = child.wait_with_output().expect("the validators end");
    assert!(
        output.status.success(),
        "the validators ended with {}",
        output.status
    );
    let told = String::from_utf8(output.stdout).unwrap();
    told.lines()
        .map(|line| {
            let (number, fault) = line.split_once('\t').expect("a number and a fault");
            (number.parse().unwrap(), fault.to_owned())
        })
        .collect()
}
