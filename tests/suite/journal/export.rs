//! What leaves the journal by command: AuditEvents that FHIR validators accept, plain lines, and a copy
//! from which a service starts again.

use crate::helpers::program::Program;
use crate::helpers::{Ehr, Fault, Stop, installed, now};
use crate::referee::judge;
use serde_json::{Value, json};
use std::path::Path;
use std::process::{Command, Output};
use stepdown::journal::Journal;

const PATH: &str = "/cds-services/stepdown-medication-discontinue";

fn stepdown(arguments: &[&str], folder: &Path) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_stepdown"));
    command.args(arguments).current_dir(folder).output().unwrap()
}

fn lines(what: &str, since: &str, folder: &Path) -> Vec<String> {
    let ended = stepdown(
        &[
            "export",
            "--config",
            "settings.toml",
            "--since",
            since,
            "--what",
            what,
        ],
        folder,
    );
    let said = String::from_utf8_lossy(&ended.stderr);
    assert!(ended.status.success(), "{said}");
    let text = String::from_utf8(ended.stdout).unwrap();
    text.lines().map(str::to_owned).collect()
}

/// A service in a folder that has answered a call and kept its feedback, and was killed.
async fn used(folder: &Path) -> Value {
    let program = Program::serve(folder, "info");
    let answer = program
        .post(PATH, &Stop::tacrolimus().with_kidney_transplant().request())
        .await;
    let card = answer.cards()[0].clone();
    let feedback = json!({"feedback": [{"card": card["uuid"], "outcome": "overridden",
        "outcomeTimestamp": now().to_string(), "overrideReason": {"reason": {"code": "patient-refuses"},
        "userComment": "canary-comment"}}]});
    let kept = program.post(&format!("{PATH}/feedback"), &feedback).await;
    assert_eq!(kept.status, 200);
    program.kill();
    card
}

#[tokio::test]
async fn the_audit_leaves_as_audit_events_that_validators_accept() {
    let folder = tempfile::tempdir().unwrap();
    let card = used(folder.path()).await;
    let events = lines("audit", "2026-01-01", folder.path());
    assert_eq!(events.len(), 1);
    fhir_out::read_strictly(&events[0]).unwrap();
    let event: Value = serde_json::from_str(&events[0]).unwrap();
    assert_eq!(event["resourceType"], "AuditEvent");
    assert!(events[0].contains(card["uuid"].as_str().unwrap()));
    assert!(
        event["entity"][0]["what"]["reference"]
            .as_str()
            .unwrap()
            .starts_with("Patient/")
    );
    assert!(
        event["agent"]
            .as_array()
            .unwrap()
            .iter()
            .any(|agent| agent["requestor"] == true)
    );
    if !installed::skipped() {
        let faults = judge(events.iter().map(String::as_str));
        assert!(faults.is_empty(), "{faults:?}: {}", events[0]);
    }
    assert!(lines("audit", "2126-01-01T00:00:00Z", folder.path()).is_empty());
}

#[tokio::test]
async fn feedback_and_evaluations_leave_as_plain_lines_without_the_patient() {
    let folder = tempfile::tempdir().unwrap();
    let card = used(folder.path()).await;
    let feedback = lines("feedback", "2026-01-01", folder.path());
    assert_eq!(feedback.len(), 1);
    let line: Value = serde_json::from_str(&feedback[0]).unwrap();
    assert_eq!(
        (&line["card"], &line["outcome"]),
        (&card["uuid"], &json!("overridden"))
    );
    assert_eq!(
        (&line["reasonCode"], &line["hadComment"]),
        (&json!("patient-refuses"), &json!(true))
    );
    let evaluations = lines("evaluations", "2026-01-01", folder.path());
    assert_eq!(evaluations.len(), 1);
    for line in feedback.iter().chain(&evaluations) {
        assert!(
            !line.contains("Patient/") && !line.contains("canary-comment"),
            "{line}"
        );
    }
}

#[tokio::test]
async fn a_copy_of_a_journal_in_use_is_whole() {
    let folder = tempfile::tempdir().unwrap();
    let program = Program::serve(folder.path(), "off");
    let request = Stop::tacrolimus().with_kidney_transplant().request();
    let answer = program.post(PATH, &request).await;
    let feedback = json!({"feedback": [{"card": answer.cards()[0]["uuid"], "outcome": "overridden",
        "outcomeTimestamp": now().to_string()}]});
    let kept = program.post(&format!("{PATH}/feedback"), &feedback).await;
    assert_eq!(kept.status, 200);
    // Nothing is stopped, and calls go on while it is copied.
    let (made, _) = tokio::join!(
        async { stepdown(&["backup", "--config", "settings.toml", "copy.db"], folder.path()) },
        program.post(PATH, &request)
    );
    assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
    program.kill();
    let copy = format!("sqlite:{}", folder.path().join("copy.db").display());
    let copy = Journal::open(&copy).await.unwrap();
    assert_eq!(copy.feedback_list(10).await.unwrap().len(), 1);
    assert!(
        folder.path().join("journal.db-wal").exists(),
        "the journal writes ahead"
    );
}

#[tokio::test]
async fn a_service_starts_again_from_a_copy_of_its_journal() {
    let folder = tempfile::tempdir().unwrap();
    let card = used(folder.path()).await;
    let copy = |folder: &Path| stepdown(&["backup", "--config", "settings.toml", "copy.db"], folder);
    let made = copy(folder.path());
    assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
    assert!(
        !copy(folder.path()).status.success(),
        "a copy is never written over"
    );

    // The drill: the journal is lost, and the copy takes its place.
    for name in ["journal.db", "journal.db-wal", "journal.db-shm"] {
        drop(std::fs::remove_file(folder.path().join(name)));
    }
    std::fs::rename(folder.path().join("copy.db"), folder.path().join("journal.db")).unwrap();
    let program = Program::serve(folder.path(), "info");
    let feedback = json!({"feedback": [{"card": card["uuid"], "outcome": "accepted",
        "outcomeTimestamp": now().to_string(), "acceptedSuggestions": [{"id": card["suggestions"][0]["uuid"]}]}]});
    let kept = program.post(&format!("{PATH}/feedback"), &feedback).await;
    assert_eq!(kept.status, 200);
    program.kill();
    assert_eq!(
        lines("feedback", "2026-01-01", folder.path()).len(),
        2,
        "old and new feedback"
    );
    assert_eq!(lines("audit", "2026-01-01", folder.path()).len(), 1);
}

#[tokio::test]
async fn a_journal_that_is_not_there_is_an_error_and_is_not_made() {
    let folder = tempfile::tempdir().unwrap();
    Program::serve(folder.path(), "info").kill();
    for name in ["journal.db", "journal.db-wal", "journal.db-shm"] {
        drop(std::fs::remove_file(folder.path().join(name)));
    }
    for command in [
        vec!["export", "--config", "settings.toml", "--since", "2026-01-01"],
        vec!["backup", "--config", "settings.toml", "copy.db"],
    ] {
        let ended = stepdown(&command, folder.path());
        assert!(!ended.status.success());
        assert!(String::from_utf8_lossy(&ended.stderr).contains("journal.db"));
    }
    assert!(!folder.path().join("journal.db").exists());
}

/// What was read for a call is audited, whether or not the call could be decided.
#[tokio::test]
async fn each_read_of_an_ehr_leaves_as_an_audit_event_of_its_own() {
    let folder = tempfile::tempdir().unwrap();
    let stop = Stop::tacrolimus().with_kidney_transplant();
    let ehr = Ehr::holding(&stop)
        .await
        .failing("Condition", Fault::Status(403))
        .open()
        .await;
    let program = Program::reading(folder.path(), "info", &ehr.base(), "");
    let mut request = stop.granting(&ehr.base(), "token");
    request.as_object_mut().unwrap().remove("prefetch");
    assert_eq!(program.post(PATH, &request).await.status, 200);
    // Without the server nothing else is found, and what is stopped cannot be told.
    for name in ["fhirServer", "fhirAuthorization"] {
        request.as_object_mut().unwrap().remove(name);
    }
    request["context"]["toBeDiscontinued"]["entry"][0]["resource"]["medicationCodeableConcept"] =
        json!({"text": ""});
    assert_eq!(program.post(PATH, &request).await.status, 412);
    let nothing = json!({"feedback": []});
    assert_eq!(
        program.post(&format!("{PATH}/feedback"), &nothing).await.status,
        200
    );
    program.kill();
    let events: Vec<Value> = lines("audit", "2026-01-01", folder.path())
        .iter()
        .map(|line| {
            fhir_out::read_strictly(line).unwrap();
            serde_json::from_str(line).unwrap()
        })
        .collect();
    let calls: Vec<&Value> = events
        .iter()
        .filter(|event| event["subtype"][0]["code"] == "operation")
        .collect();
    assert_eq!(calls.len(), 2, "a call that could not be decided is audited too");
    assert_eq!(calls[1]["outcomeDesc"], "undecided");
    let asked = |event: &Value| {
        let detail = event["entity"]
            .as_array()
            .unwrap()
            .iter()
            .find(|entity| entity["detail"].is_array());
        detail.map(|entity| entity["detail"][0]["valueString"].as_str().unwrap().to_owned())
    };
    for kind in [
        "Patient",
        "MedicationRequest",
        "Observation",
        "Condition",
        "AllergyIntolerance",
        "Procedure",
    ] {
        let of: Vec<&Value> = events
            .iter()
            .filter(|event| {
                event["subtype"][0]["code"] != "operation" && asked(event).as_deref() == Some(kind)
            })
            .collect();
        assert_eq!(of.len(), 1, "{kind}");
        for event in of {
            assert_eq!(
                event["entity"][0]["what"]["reference"],
                calls[0]["entity"][0]["what"]["reference"]
            );
            let expected = match kind {
                "Condition" => ["4", "not-permitted"],
                _ => ["0", "ok"],
            };
            assert_eq!(
                [&event["outcome"], &event["outcomeDesc"]],
                [&json!(expected[0]), &json!(expected[1])]
            );
            let code = if kind == "Patient" { "read" } else { "search-type" };
            assert_eq!(event["subtype"][0]["code"], code);
        }
    }
    if !installed::skipped() {
        let texts: Vec<String> = events.iter().map(ToString::to_string).collect();
        let faults = judge(texts.iter().map(String::as_str));
        assert!(faults.is_empty(), "{faults:?}: {}", texts[1]);
    }
}
