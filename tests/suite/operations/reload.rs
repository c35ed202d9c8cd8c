//! Other settings and tables while the service runs.

use crate::helpers::keys::private_key;
use crate::helpers::pure::knowledge;
use crate::helpers::{Ehr, Fault, SOON, Stop, TestApp, until};
use reqwest::Method;
use serde_json::Value;
use std::path::Path;

const TOP: &str = "knowledge = 'knowledge'\n[admin]\nlisten = '127.0.0.1:0'";
const NEWER: &str = "2026.11.77";

fn copy(from: &Path, to: &Path) {
    std::fs::create_dir_all(to).unwrap();
    for entry in std::fs::read_dir(from).unwrap() {
        let (from, to) = {
            let entry = entry.unwrap();
            (entry.path(), to.join(entry.file_name()))
        };
        if from.is_dir() {
            copy(&from, &to);
        } else {
            std::fs::copy(&from, &to).unwrap();
        }
    }
}

fn own_knowledge(folder: &Path) {
    copy(
        &Path::new(env!("CARGO_MANIFEST_DIR")).join("hooks"),
        &folder.join("knowledge"),
    );
}

fn change(file: &Path, change: impl Fn(&str) -> String) {
    let text = std::fs::read_to_string(file).unwrap();
    let changed = change(&text);
    assert_ne!(text, changed);
    std::fs::write(file, changed).unwrap();
}

fn newer(app: &TestApp) {
    change(&app.folder().join("knowledge/content.toml"), |text| {
        text.replace(&*knowledge().version, NEWER)
    });
}

fn content(card: &Value) -> &str {
    card["extension"]["org.stepdown.basis"]["content"]
        .as_str()
        .unwrap()
}

#[tokio::test]
async fn a_call_keeps_the_version_with_which_it_began() {
    let stop = Stop::tacrolimus().with_kidney_transplant();
    let ehr = Ehr::holding(&stop).await.failing("*", Fault::Slow).open().await;
    let app = TestApp::prepared(own_knowledge, &ehr.base(), TOP, "deadline-ms = 5000").await;
    let request = stop.granting(&ehr.base(), "token");
    let hospital = app.trusted_ehr();
    let reload = async {
        let begun = async || {
            let text = app.metrics().await;
            text.contains("\ncds_calls_in_flight 1\n").then_some(())
        };
        until(SOON, "a call in flight", begun).await;
        newer(&app);
        let reloaded = app.admin(Method::POST, "/reload").await;
        assert_eq!((reloaded.status, reloaded.text().trim()), (200, NEWER));
        assert!(
            app.metrics().await.contains("\ncds_calls_in_flight 1\n"),
            "it is still being answered"
        );
    };
    let (answer, ()) = tokio::join!(hospital.hook(&request), reload);
    assert_eq!(content(&answer.cards()[0]), &*knowledge().version);
    let next = app.trusted_ehr().hook(&stop.request()).await;
    assert_eq!(content(&next.cards()[0]), NEWER);
}

#[tokio::test]
async fn what_cannot_be_used_is_refused_with_its_problems_and_changes_nothing() {
    let app = TestApp::prepared(own_knowledge, "http://127.0.0.1:9/fhir", TOP, "").await;
    let stop = Stop::tacrolimus().with_kidney_transplant().request();
    newer(&app);
    let gates = app.folder().join("knowledge/withdrawals/tacrolimus/gates.toml");
    let good = std::fs::read_to_string(&gates).unwrap();
    change(&gates, |text| format!("{text}\nnonsense = 1\n"));
    let refused = app.admin(Method::POST, "/reload").await;
    assert_eq!(refused.status, 422);
    assert!(
        refused.text().contains("tacrolimus/gates.toml:"),
        "{}",
        refused.text()
    );
    assert_eq!(
        content(&app.trusted_ehr().hook(&stop).await.cards()[0]),
        &*knowledge().version
    );
    std::fs::write(&gates, good).unwrap();

    let settings = app.folder().join("settings.toml");
    change(&settings, |text| text.replace("public-url", "publik-url"));
    let refused = app.admin(Method::POST, "/reload").await;
    assert!(
        refused.status == 422 && refused.text().contains("publik-url"),
        "{}",
        refused.text()
    );

    change(&settings, |text| {
        text.replace("publik-url", "public-url")
            .replace("name = 'hospital'", "name = 'hospital'\nsilent = ['*']")
    });
    assert_eq!(app.admin(Method::POST, "/reload").await.status, 200);
    assert!(
        app.trusted_ehr().hook(&stop).await.cards().is_empty(),
        "the client is in silent mode now"
    );
    assert_eq!(content(&app.other_client().hook(&stop).await.cards()[0]), NEWER);
    let text = app.metrics().await;
    assert!(text.contains(r#"cds_reload_total{result="refused"} 2"#), "{text}");
    assert!(
        text.contains(&format!(
            "cds_knowledge_info{{package=\"own\",version=\"{NEWER}\"}} 1"
        )),
        "{text}"
    );
}

/// What a scrape holds, but for what goes on by itself and the count of reloads.
fn standing(metrics: &str) -> Vec<String> {
    let own = |line: &&str| !line.starts_with("cds_reload_total") && !line.contains("heartbeat");
    metrics
        .lines()
        .filter(own)
        .filter(|line| !line.contains("mode=\"synthetic\""))
        .map(str::to_owned)
        .collect()
}

#[tokio::test]
async fn a_reload_that_is_refused_late_leaves_every_metric_as_it_was() {
    let prepare = |folder: &Path| {
        own_knowledge(folder);
        std::fs::write(folder.join("app.pem"), private_key()).unwrap();
    };
    let client = "deadline-ms = 700\n[client.smart]\nclient-id = 'app'\nkey-file = 'app.pem'";
    let app = TestApp::prepared(prepare, "http://127.0.0.1:9/fhir", TOP, client).await;
    let before = standing(&app.metrics().await);
    newer(&app);
    change(&app.folder().join("settings.toml"), |text| {
        text.replace("deadline-ms = 700", "deadline-ms = 900")
            .replace("name = 'clinic'", "name = 'other-clinic'")
    });
    std::fs::write(app.folder().join("app.pem"), "no key").unwrap();
    let refused = app.admin(Method::POST, "/reload").await;
    assert_eq!(refused.status, 422);
    assert!(refused.text().contains("key file"), "{}", refused.text());
    assert_eq!(standing(&app.metrics().await), before);
    std::fs::write(app.folder().join("app.pem"), private_key()).unwrap();
    assert_eq!(app.admin(Method::POST, "/reload").await.status, 200);
    let after = app.metrics().await;
    for series in [
        format!("cds_knowledge_info{{package=\"own\",version=\"{NEWER}\"}} 1"),
        "cds_deadline_seconds{client=\"hospital\",hook=\"medication-discontinue\"} 0.9".to_owned(),
    ] {
        assert!(after.contains(&series), "{series}\n{after}");
    }
}

#[tokio::test]
async fn a_heartbeat_that_does_not_find_its_rule_fails() {
    let expect_else = |folder: &Path| {
        let fixtures = Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures");
        let text = std::fs::read_to_string(fixtures.join("heartbeat.toml")).unwrap();
        let request = fixtures.join("ehr/stop-in-lupus-nephritis.json");
        std::fs::copy(request, folder.join("request.json")).unwrap();
        let text = text
            .replace("active-disease", "another-row")
            .replace("ehr/stop-in-lupus-nephritis.json", "request.json");
        std::fs::write(folder.join("heartbeat.toml"), text).unwrap();
    };
    let top = "[admin]\nlisten = '127.0.0.1:0'\n[heartbeat]\nevery-seconds = 1\nfile = 'heartbeat.toml'";
    let app = TestApp::prepared(expect_else, "http://127.0.0.1:9/fhir", top, "").await;
    let beaten = async || {
        let text = app.metrics().await;
        text.contains("\ncds_heartbeat_ok ").then_some(text)
    };
    let text = until(SOON, "a heartbeat", beaten).await;
    assert!(text.contains("\ncds_heartbeat_ok 0\n"), "{text}");
    assert!(!text.contains("mode=\"synthetic\""), "{text}");
}
