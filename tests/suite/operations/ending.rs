//! Signals to the program itself.

use crate::helpers::app::{NOBODY, http, settings};
use crate::helpers::program::Program;
use crate::helpers::{SOON, Stop, until};
use std::io::Read;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};
use stepdown::journal::Journal;

#[tokio::test]
async fn on_sigterm_it_is_unready_then_ends_well_with_everything_written_down() {
    let folder = tempfile::tempdir().unwrap();
    let program = Program::reading(folder.path(), "stepdown=info", NOBODY, "unready-seconds = 5");
    let list = http()
        .get(format!("{}/cds-services", program.base()))
        .send()
        .await
        .unwrap();
    let list: serde_json::Value = serde_json::from_str(&list.text().await.unwrap()).unwrap();
    let services = list["services"].as_array().unwrap();
    let service = services
        .iter()
        .find(|s| s["hook"] == "medication-discontinue")
        .unwrap();
    let path = format!("/cds-services/{}", service["id"].as_str().unwrap());
    let stop = Stop::tacrolimus().with_kidney_transplant().request();
    assert_eq!(program.post(&path, &stop).await.status, 200);
    program.signal("HUP");
    // Of two signals that wait, the program may take either first.
    program.logged("reload.done").await;
    program.signal("TERM");
    let ready = format!("{}/readyz", program.base());
    let unready = async || {
        let status = http().get(&ready).send().await.unwrap().status();
        (status == 503).then_some(())
    };
    until(SOON, "a service that is not ready", unready).await;
    let late = program.post(&path, &stop).await;
    assert_eq!(late.status, 200, "calls are taken until the balancer has noticed");
    let (well, log) = program.ended();
    assert!(well, "{log}");
    for event in ["reload.done", "service.ending", "service.ended"] {
        assert!(log.contains(&format!("\"event\":\"{event}\"")), "{event}\n{log}");
    }
    let file = format!("sqlite:{}", folder.path().join("journal.db").display());
    let counts = Journal::open(&file).await.unwrap().counts().await.unwrap();
    assert_eq!(counts.evaluations, 2);
}

#[tokio::test]
async fn a_second_signal_ends_it_at_once_while_it_says_that_it_is_not_ready() {
    let folder = tempfile::tempdir().unwrap();
    let program = Program::reading(folder.path(), "stepdown=info", NOBODY, "unready-seconds = 60");
    let begun = Instant::now();
    program.signal("TERM");
    program.logged("service.ending").await;
    program.signal("INT");
    let (well, log) = program.ended();
    assert!(well && log.contains("\"event\":\"service.ended\""), "{log}");
    assert!(begun.elapsed() < Duration::from_secs(30), "it slept on");
}

#[tokio::test]
async fn a_log_level_that_cannot_be_read_is_told_at_the_start() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("settings.toml");
    std::fs::write(&file, settings(folder.path(), NOBODY, "", "")).unwrap();
    let mut program = Command::new(env!("CARGO_BIN_EXE_stepdown"));
    let program = program.args(["serve", "--config"]).arg(&file);
    let mut program = program
        .env("RUST_LOG", "stepdown=louder")
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let ended = async || program.try_wait().unwrap();
    let ended = until(SOON, "the end of the program", ended).await;
    let mut said = String::new();
    program.stderr.take().unwrap().read_to_string(&mut said).unwrap();
    assert_eq!(ended.code(), Some(1), "{said}");
    assert!(said.contains("RUST_LOG"), "{said}");
}
