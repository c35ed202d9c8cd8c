//! What the app reads of a chart is in the audit, read by read, as the reads of a hook call are.

use super::authority::{Authority, Browser};
use crate::helpers::{SOON, Stop, TestApp, installed, until};
use crate::referee::judge;
use serde_json::{Value, json};
use std::collections::BTreeSet;
use std::process::Command;
use std::time::Duration;
use stepdown::journal::{After, Archive, AuditEntry, JournalAddress};

/// Type of a resource and how its read went.
type Reads = Vec<(String, String)>;

async fn ehr() -> Authority {
    Authority::with(&Stop::tacrolimus().in_lupus_nephritis().with_upcr("2.1", "g/g", 7)).await
}

/// So many readings, and no more of them: they are written within a moment, and nobody waits for them.
async fn readings(app: &TestApp, number: usize) -> Vec<AuditEntry> {
    let url = format!("sqlite:{}", app.folder().join("journal.db").display());
    let archive = Archive::open(&JournalAddress::new(&url, None)).await.unwrap();
    let look = async || {
        let since = jiff::Timestamp::UNIX_EPOCH;
        let (mut found, _) = archive.audit(since, After::default()).await.unwrap();
        found.retain(|entry| entry.hook == "app-read");
        assert!(found.len() <= number, "{} readings", found.len());
        (found.len() == number).then_some(found)
    };
    until(SOON, &format!("{number} readings in the audit"), look).await
}

fn reads(entry: &AuditEntry) -> Reads {
    let reads = entry.reads.iter();
    reads
        .map(|read| (read.kind.clone(), read.outcome.clone()))
        .collect()
}

/// Types that the EHR was asked for.
async fn asked(ehr: &Authority) -> BTreeSet<String> {
    let asked = ehr.asked("/fhir/").await.into_iter();
    let kinds = asked.filter_map(|request| {
        let kind = request.url.path().split('/').nth(2)?.to_owned();
        (!kind.starts_with('.')).then_some(kind)
    });
    kinds.collect()
}

/// smart-43
#[tokio::test]
async fn every_read_of_a_chart_is_audited_and_a_page_that_reads_nothing_is_not() {
    let ehr = ehr().await;
    let app = ehr.app().await;
    let browser = Browser::new(&app);
    let chart = browser.open(&ehr).await;
    assert_eq!(browser.get(&chart).await.status, 200);
    let entry = readings(&app, 1).await.remove(0);
    assert_eq!(entry.client, "hospital");
    assert_eq!(entry.patient, "Patient/synthetic-1");
    assert_eq!(entry.user.as_deref(), Some("Practitioner/prescriber-7"));
    assert!(entry.cards.is_empty() && !entry.content_version.is_empty());
    let kinds: BTreeSet<String> = entry.reads.iter().map(|read| read.kind.clone()).collect();
    assert_eq!(kinds, asked(&ehr).await);
    assert_eq!(kinds.len(), entry.reads.len(), "each once");
    assert!(entry.reads.iter().all(|read| read.outcome == "ok"));

    for path in ["?units=recorded", "/plan", "?cut=25&every=14"] {
        assert_eq!(browser.get(&format!("{chart}{path}")).await.status, 200);
    }
    assert_eq!(browser.get(&format!("{chart}?again=1")).await.status, 200);
    let again = readings(&app, 2).await.remove(1);
    assert_eq!(reads(&again), reads(&entry));
    assert_ne!(again.hook_instance, entry.hook_instance);
    let counts = app.journal().counts().await.unwrap();
    assert_eq!((counts.evaluations, counts.cards), (0, 0), "no call was answered");
}

#[tokio::test]
async fn a_read_that_was_refused_is_audited_as_refused() {
    let ehr = ehr().await;
    ehr.script(|script| script.forbidden = vec!["Condition"]);
    let app = ehr.app().await;
    let browser = Browser::new(&app);
    let chart = browser.open(&ehr).await;
    assert_eq!(browser.get(&chart).await.status, 200);
    for (kind, outcome) in reads(&readings(&app, 1).await[0]) {
        let expected = if kind == "Condition" {
            "not-permitted"
        } else {
            "ok"
        };
        assert_eq!(outcome, expected, "{kind}");
    }

    // The token has ended and is refreshed; then there is nothing left to refresh it with.
    ehr.script(|script| script.ended = vec!["access-secret-1".to_owned()]);
    assert_eq!(browser.get(&format!("{chart}?again=1")).await.status, 200);
    let person = |outcome: &str| ("Patient".to_owned(), outcome.to_owned());
    let refreshed = reads(&readings(&app, 2).await[1]);
    assert_eq!(refreshed[..2], [person("not-permitted"), person("ok")]);
    ehr.script(|script| {
        script.ended.push("access-secret-2".to_owned());
        script.token_status = 400;
    });
    assert!(browser.get(&format!("{chart}?again=1")).await.status >= 400);
    assert_eq!(reads(&readings(&app, 3).await[2]), [person("not-permitted")]);
}

#[tokio::test]
async fn a_browser_that_goes_away_takes_no_read_out_of_the_audit() {
    let ehr = ehr().await;
    let app = ehr.app().await;
    let browser = Browser::new(&app);
    let chart = browser.open(&ehr).await;
    ehr.script(|script| script.slow = Duration::from_millis(300));
    let impatient = tokio::time::timeout(Duration::from_millis(450), browser.get(&chart));
    assert!(impatient.await.is_err(), "the chart takes two rounds");
    let entry = readings(&app, 1).await.remove(0);
    let kinds: BTreeSet<String> = entry.reads.iter().map(|read| read.kind.clone()).collect();
    assert_eq!(kinds, asked(&ehr).await);
    assert!(kinds.len() > 3, "{kinds:?}");
}

#[tokio::test]
async fn each_read_leaves_as_an_audit_event_of_its_own() {
    let ehr = ehr().await;
    let app = ehr.app().await;
    let browser = Browser::new(&app);
    let chart = browser.open(&ehr).await;
    assert_eq!(browser.get(&chart).await.status, 200);
    let entry = readings(&app, 1).await.remove(0);
    let mut command = Command::new(env!("CARGO_BIN_EXE_stepdown"));
    let command = command.args(["export", "--config", "settings.toml", "--since", "2026-01-01"]);
    let ended = command.current_dir(app.folder()).output().unwrap();
    assert!(
        ended.status.success(),
        "{}",
        String::from_utf8_lossy(&ended.stderr)
    );
    let text = String::from_utf8(ended.stdout).unwrap();
    let events: Vec<Value> = text
        .lines()
        .map(|line| {
            fhir_out::read_strictly(line).unwrap();
            serde_json::from_str(line).unwrap()
        })
        .collect();
    assert_eq!(
        events.len(),
        entry.reads.len(),
        "reads, and no call that was answered"
    );
    for (event, read) in events.iter().zip(&entry.reads) {
        let code = match read.kind.as_str() {
            "Patient" | "Medication" => "read",
            _ => "search-type",
        };
        assert_eq!(event["subtype"][0]["code"], code);
        assert_eq!(event["entity"][0]["what"]["reference"], "Patient/synthetic-1");
        assert_eq!(
            event["entity"][1]["what"]["identifier"]["value"],
            json!(entry.hook_instance)
        );
        assert_eq!(event["entity"][2]["detail"][0]["valueString"], json!(read.kind));
        assert_eq!(event["agent"][2]["who"]["reference"], "Practitioner/prescriber-7");
    }
    if !installed::skipped() {
        let faults = judge(text.lines());
        assert!(faults.is_empty(), "{faults:?}");
    }
}
