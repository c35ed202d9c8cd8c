//! What the doctor says about our own address and the journal, how the command ends, and the registration sheet.

use super::site::{KNOWLEDGE, Site, services, worse};
use crate::helpers::installed;
use crate::helpers::postgres::Postgres;
use serde_json::{Value, json};
use std::process::Command;
use stepdown::config::Config;
use stepdown::doctor::{examine, sheet};
use stepdown::journal::Journal;
use wiremock::ResponseTemplate;

#[tokio::test]
async fn our_own_address_is_looked_at_as_others_reach_it() {
    let site = Site::new().await;
    let origin = "https://ehr.hospital.example";
    let settings = site.settings(&format!("cors-origins = ['{origin}']"), "", "");
    let found = site.found_with(&settings).await;
    assert_eq!(worse(&found), ["Warning service.secure", "Problem service.cors"]);
    let allows = ResponseTemplate::new(200)
        .set_body_json(services())
        .insert_header("access-control-allow-origin", origin);
    site.answers("/cds-services", allows);
    assert_eq!(
        worse(&site.found_with(&settings).await),
        ["Warning service.secure"]
    );
    for (answer, expected) in [
        (ResponseTemplate::new(502), "Problem service.reachable"),
        (
            ResponseTemplate::new(200).set_body_string("<html>"),
            "Problem service.reachable",
        ),
        (
            ResponseTemplate::new(200).set_body_json(json!({"services": [{"id": "another"}]})),
            "Warning service.reachable",
        ),
    ] {
        site.answers("/cds-services", answer);
        let said = worse(&site.found().await);
        assert_eq!(said, ["Warning service.secure", expected]);
    }
    let settings = site.settings("", "", "");
    let plain = settings.replacen(&site.origin(), "http://cds.hospital.example", 1);
    let said = worse(&site.found_with(&plain).await);
    assert_eq!(said, ["Problem service.secure", "Problem service.reachable"]);
}

#[tokio::test]
async fn a_published_key_is_found_and_a_missing_one_is_told() {
    let site = Site::new().await;
    std::fs::write(site.folder().join("key.pem"), crate::helpers::keys::private_key()).unwrap();
    let settings = site
        .settings("", "", "")
        .replace("secret-file = 'secret'", "key-file = 'key.pem'");
    let said = worse(&site.found_with(&settings).await);
    assert!(said.contains(&"Problem service.keys".to_owned()), "{said:?}");
    let config = Config::from_toml(&settings, site.folder()).unwrap();
    let survey = stepdown::smart::survey::Survey::of(&config.clients[0])
        .unwrap()
        .unwrap();
    site.says(
        "/smart/jwks.json",
        &json!({"keys": [survey.public_key().unwrap()]}),
    );
    let said = worse(&site.found_with(&settings).await);
    assert!(!said.contains(&"Problem service.keys".to_owned()), "{said:?}");
}

fn about_the_journal(found: &[stepdown::doctor::Finding]) -> Vec<String> {
    let of = found.iter().filter(|of| of.about == "journal");
    of.map(|of| format!("{:?} {}", of.grade, of.check)).collect()
}

#[tokio::test]
async fn a_journal_is_looked_at_and_left_as_it_is() {
    let site = Site::new().await;
    let file = site.folder().join("journal.db");
    assert_eq!(about_the_journal(&site.found().await), ["Ok journal.open"]);
    assert!(!file.exists(), "the doctor makes nothing");
    let url = format!("sqlite:{}", file.display());
    Journal::open(&url).await.unwrap().close().await.unwrap();
    let whole = ["Ok journal.open", "Ok journal.tables", "Ok journal.writable"];
    assert_eq!(about_the_journal(&site.found().await), whole);

    let pool = sqlx::SqlitePool::connect(&url).await.unwrap();
    let newer = "INSERT INTO _sqlx_migrations VALUES (99, 'later', current_timestamp, true, x'00', 0)";
    sqlx::query(newer).execute(&pool).await.unwrap();
    let told = about_the_journal(&site.found().await);
    assert_eq!(
        told,
        ["Ok journal.open", "Problem journal.tables", "Ok journal.writable"]
    );
    sqlx::query("DELETE FROM _sqlx_migrations WHERE version > 1")
        .execute(&pool)
        .await
        .unwrap();
    assert_eq!(
        about_the_journal(&site.found().await),
        whole,
        "an older one is brought up to date at a start"
    );
    let mut held = pool.acquire().await.unwrap();
    sqlx::query("BEGIN IMMEDIATE").execute(&mut *held).await.unwrap();
    let told = about_the_journal(&site.found().await);
    assert_eq!(told.last().unwrap(), "Problem journal.writable");
    drop(held);
    pool.close().await;

    std::fs::write(
        &file,
        "this is no database, and long enough to be looked at as if it were one",
    )
    .unwrap();
    assert_eq!(about_the_journal(&site.found().await), ["Problem journal.open"]);
}

#[tokio::test]
async fn a_postgresql_that_is_away_or_empty_is_told() {
    let site = Site::new().await;
    let with = |url: &str| site.settings("", "", "").replace("sqlite:journal.db", url);
    let away = with("postgres://canary-user:canary@127.0.0.1:9/journal");
    let found = site.found_with(&away).await;
    assert_eq!(about_the_journal(&found), ["Problem journal.open"]);
    assert!(!format!("{found:?}").contains("canary"), "{found:?}");
    if installed::skipped() {
        return;
    }
    let server = Postgres::start();
    let whole = ["Ok journal.open", "Ok journal.tables", "Ok journal.writable"];
    let url = server.database("doctor");
    assert_eq!(about_the_journal(&site.found_with(&with(&url)).await), whole);
    Journal::open(&url).await.unwrap().close().await.unwrap();
    let found = site.found_with(&with(&url)).await;
    assert_eq!(about_the_journal(&found), whole);
    assert!(found.iter().any(|of| of.says.contains("those of this version")));
}

fn doctor(site: &Site, settings: &str, more: &[&str]) -> (bool, String) {
    let file = site.folder().join("settings.toml");
    std::fs::write(&file, settings).unwrap();
    let mut program = Command::new(env!("CARGO_BIN_EXE_stepdown"));
    let ran = program
        .arg("doctor")
        .arg("--config")
        .arg(&file)
        .args(more)
        .output()
        .unwrap();
    let text = [ran.stdout, ran.stderr].concat();
    (ran.status.success(), String::from_utf8(text).unwrap())
}

#[tokio::test]
async fn the_command_succeeds_only_without_a_problem() {
    let site = Site::new().await;
    let settings = site.settings("", "", "");
    let (well, said) = doctor(&site, &settings, &["--client", "hospital"]);
    assert!(well && said.ends_with("problems: 0, warnings: 1\n"), "{said}");
    assert!(
        said.lines()
            .any(|line| line.starts_with("ok       hospital: fhir.version: FHIR 4.0.1.")),
        "{said}"
    );
    let (well, said) = doctor(&site, &settings, &["--json"]);
    let report: Value = serde_json::from_str(&said).unwrap();
    assert!(
        well && report["problems"] == 0 && report["findings"][0]["grade"] == "ok",
        "{said}"
    );
    site.answers("/jwks.json", ResponseTemplate::new(404));
    let (well, said) = doctor(&site, &settings, &[]);
    assert!(
        !well && said.contains("problem  hospital: keys.reachable: ") && said.contains(" Do: "),
        "{said}"
    );
    let (well, said) = doctor(&site, &settings, &["--client", "nobody"]);
    assert!(!well && said.contains("the settings have: hospital"), "{said}");
    let (well, said) = doctor(&site, &settings.replace("client-id", "client-idea"), &[]);
    assert!(
        !well && said.contains("problem  settings: settings.read: ") && said.contains("client-idea"),
        "{said}"
    );
}

#[tokio::test]
async fn the_sheet_holds_what_is_set_and_asks_for_the_rest() {
    let site = Site::new().await;
    let settings = site.settings("", "[client.prefetch]\nmedications = 'meds'", "");
    let (well, said) = doctor(&site, &settings, &["--registration"]);
    assert!(well, "{said}");
    let origin = site.origin();
    for service in &KNOWLEDGE.services {
        assert!(
            said.contains(&format!("<{origin}/cds-services/{}>", service.id)),
            "{said}"
        );
    }
    for expected in [
        format!("<{origin}/smart/launch>"),
        format!("<{origin}/smart/callback>"),
        "`stepdown-1`".to_owned(),
        "`iss` exactly `https://ehr.hospital.example`".to_owned(),
        "`medications` (you send it as `meds`): `MedicationRequest?patient={{context.patientId}}".to_owned(),
        "| `patient/Observation.rs` | `patient/Observation.read` | results of the last".to_owned(),
        "shared secret".to_owned(),
        "## 4. What we need from you".to_owned(),
    ] {
        assert!(said.contains(&expected), "{expected} is missing in\n{said}");
    }
    assert!(!said.contains("canary") && !said.contains("jwks.json>"), "{said}");
    assert!(
        site.asked("/fhir/metadata").await.is_empty(),
        "no server is asked"
    );

    let bare = settings.split("[client.smart]").next().unwrap();
    let config = Config::from_toml(bare, site.folder()).unwrap();
    let text = sheet(&config, &config.clients[0], &KNOWLEDGE).unwrap();
    assert!(
        text.contains("Not set up") && !text.contains("/smart/launch"),
        "{text}"
    );
    let found = examine(&config, Ok(&*KNOWLEDGE), Some("hospital")).await;
    assert!(found.iter().any(|of| of.check == "smart.set-up"), "{found:?}");
}
