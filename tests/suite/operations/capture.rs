//! Requests that are kept, and what can be done with them: an answer is repeated exactly, whatever the FHIR server
//! gave or refused, and other tables are tried on it.

use crate::helpers::answer::assert_same_advice;
use crate::helpers::command::{copied, edit, stepdown};
use crate::helpers::{Ehr, Fault, SOON, Stop, TestApp, until};
use serde_json::Value;
use std::path::{Path, PathBuf};

const CAPTURE: &str = "[capture]\nfolder = 'kept'";
const SECRET: &str = "canary-access-token";

fn active() -> Stop {
    Stop::tacrolimus().in_lupus_nephritis().with_upcr("2.1", "g/g", 7)
}

/// The files that were kept, as soon as there are so many.
async fn kept(folder: &Path, number: usize) -> Vec<PathBuf> {
    let look = async || {
        let entries = std::fs::read_dir(folder.join("kept")).unwrap();
        let paths = entries.map(|entry| entry.unwrap().path());
        let mut whole: Vec<PathBuf> = paths
            .filter(|p| p.extension().is_some_and(|e| e == "json"))
            .collect();
        whole.sort();
        (whole.len() >= number).then_some(whole)
    };
    until(SOON, &format!("{number} kept requests"), look).await
}

#[tokio::test]
async fn a_kept_request_is_answered_again_word_for_word_with_what_the_server_gave_and_refused() {
    let ehr = Ehr::holding(&active()).await.in_pages_of(2).open().await;
    let app = TestApp::with(&ehr.base(), CAPTURE, "capture = true").await;
    let mut answers = Vec::new();
    for faults in [
        &[][..],
        &[
            ("Procedure", Fault::Status(403)),
            ("AllergyIntolerance", Fault::Status(500)),
        ],
        &[("Condition", Fault::OtherPatient), ("screens", Fault::Html)],
    ] {
        ehr.turn(&active(), faults);
        let answer = app
            .trusted_ehr()
            .hook(&active().granting(&ehr.base(), SECRET))
            .await;
        assert!(!answer.cards().is_empty());
        answers.push(answer.json);
    }
    let files = kept(app.folder(), answers.len()).await;
    for (file, answer) in files.iter().zip(&answers) {
        let text = std::fs::read_to_string(file).unwrap();
        assert!(!text.contains(SECRET), "the token is kept");
        let explained = stepdown(&["explain", file.to_str().unwrap(), "--json"]);
        let again: Value = serde_json::from_str(&explained.out).expect(&explained.err);
        assert_same_advice(answer, &again, &file.display().to_string());
    }
    let settings = app.folder().join("settings.toml");
    let edited = copied("hooks", &app.folder().join("edited"));
    let table = edited.join("withdrawals/tacrolimus/indications/lupus-nephritis.toml");
    let read = std::fs::read_to_string(&table).unwrap();
    let row = read
        .split("[[hazard]]")
        .find(|row| row.contains("\"active-disease\""))
        .unwrap();
    edit(&table, row, &row.replace("\"critical\"", "\"warning\""));
    let ran = stepdown(&[
        "diff",
        "built-in",
        edited.to_str().unwrap(),
        "--config",
        settings.to_str().unwrap(),
        "--json",
    ]);
    let compared: Value = serde_json::from_str(&ran.out).expect(&ran.err);
    let requests = &compared["requests"];
    assert_eq!(requests["byKind"]["indicator"], 1, "{requests}");
    let (same, different) = (&requests["same"], &requests["different"]);
    assert_eq!(
        (same, different),
        (&1.into(), &2.into()),
        "without the conditions the row is not reached: {requests}"
    );
}

#[tokio::test]
async fn nothing_is_kept_of_a_client_that_does_not_ask_for_it() {
    let app = TestApp::with("http://127.0.0.1:9/fhir", CAPTURE, "capture = true").await;
    let request = active().request();
    assert_eq!(app.other_client().hook(&request).await.status, 200);
    assert_eq!(app.trusted_ehr().hook(&request).await.status, 200);
    let files = kept(app.folder(), 1).await;
    assert_eq!(files.len(), 1);
    let told = stepdown(&["replay", files[0].to_str().unwrap(), "--json"]);
    let line: Value = serde_json::from_str(told.out.lines().next().unwrap()).unwrap();
    assert_eq!(line["answer"]["client"], "hospital");
    assert_eq!(line["answer"]["atBy"], "kept");
}

#[tokio::test]
async fn requests_in_silent_mode_are_replayed_as_withheld_with_the_settings_of_their_client() {
    let client = "capture = true\nsilent = ['*']";
    let app = TestApp::with("http://127.0.0.1:9/fhir", CAPTURE, client).await;
    assert!(
        app.trusted_ehr()
            .hook(&active().request())
            .await
            .cards()
            .is_empty()
    );
    kept(app.folder(), 1).await;
    let (folder, settings) = (app.folder().join("kept"), app.folder().join("settings.toml"));
    let (folder, settings) = (folder.to_str().unwrap(), settings.to_str().unwrap());
    let with = stepdown(&["replay", folder, "--config", settings]);
    assert_eq!(with.code, 0, "{}", with.err);
    assert!(
        with.out.contains("critical abrupt-withdrawal (withheld)"),
        "{}",
        with.out
    );
    let without = stepdown(&["replay", folder]);
    assert!(!without.out.contains("(withheld)"), "{}", without.out);
}
