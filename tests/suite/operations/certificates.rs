//! Certificates: others while the service runs, and those that a client's own servers ask for.

use crate::helpers::app::{hospital_key, settings};
use crate::helpers::certificates::{Authority, Guarded, tls};
use crate::helpers::{Stop, TestApp};
use reqwest::{Client, Method};
use serde_json::json;

const ADMIN: &str = "[admin]\nlisten = '127.0.0.1:0'\n";

/// Whether discovery is answered on a new connection.
async fn lets_in(app: &TestApp, client: &Client) -> bool {
    client
        .get(format!("{}/cds-services", app.base()))
        .send()
        .await
        .is_ok()
}

#[tokio::test]
async fn a_renewed_certificate_is_shown_after_a_reload_and_a_broken_one_is_refused() {
    let files = tempfile::tempdir().unwrap();
    let (old, new) = (Authority::new(), Authority::new());
    old.equips(files.path());
    let settings = format!("{ADMIN}{}", tls(files.path(), ""));
    let app = TestApp::secured(&settings, old.trusting(None)).await;
    assert!(lets_in(&app, &old.trusting(None)).await && !lets_in(&app, &new.trusting(None)).await);

    new.equips(files.path());
    let key = std::fs::read(files.path().join("server.key")).unwrap();
    std::fs::write(files.path().join("server.key"), old.signs("127.0.0.1").1).unwrap();
    let refused = app.admin(Method::POST, "/reload").await;
    assert_eq!(refused.status, 422, "the key is not that of the certificate");
    assert!(refused.text().contains("private-key"), "{}", refused.text());
    assert!(lets_in(&app, &old.trusting(None)).await, "the old goes on");

    std::fs::write(files.path().join("server.key"), key).unwrap();
    assert_eq!(app.admin(Method::POST, "/reload").await.status, 200);
    assert!(lets_in(&app, &new.trusting(None)).await && !lets_in(&app, &old.trusting(None)).await);
    let standing = app.call(Method::GET, "/livez").send().await;
    assert_eq!(
        standing.unwrap().status(),
        200,
        "a connection that stands goes on"
    );
}

#[tokio::test]
async fn another_authority_for_those_who_connect_counts_after_a_reload() {
    let files = tempfile::tempdir().unwrap();
    let (server, old, new) = (Authority::new(), Authority::new(), Authority::new());
    server.equips(files.path());
    let authority = files.path().join("clients.pem");
    std::fs::write(&authority, old.pem()).unwrap();
    let more = format!("client-ca = '{}'", authority.display());
    let settings = format!("{ADMIN}{}", tls(files.path(), &more));
    let of = |authority: &Authority| server.trusting(Some(authority.signs("ehr.hospital.example")));
    let (before, after) = (of(&old), of(&new));
    let app = TestApp::secured(&settings, of(&old)).await;
    assert!(lets_in(&app, &before).await && !lets_in(&app, &after).await);
    std::fs::write(&authority, new.pem()).unwrap();
    assert_eq!(app.admin(Method::POST, "/reload").await.status, 200);
    assert!(lets_in(&app, &after).await && !lets_in(&app, &server.trusting(None)).await);
    // No session of before is taken up again without another look.
    assert!(!lets_in(&app, &of(&old)).await);
}

#[tokio::test]
async fn a_clients_own_servers_are_asked_with_the_certificate_of_its_settings() {
    let (files, authority) = (tempfile::tempdir().unwrap(), Authority::new());
    let keys = json!({"keys": [hospital_key().public()]});
    let ehr = Guarded::with(&authority, authority.signs("127.0.0.1"), keys);
    let (certificate, key) = authority.signs("cds.hospital.example");
    for (name, content) in [
        ("own.pem", &certificate),
        ("own.key", &key),
        ("ca.pem", &authority.pem()),
    ] {
        std::fs::write(files.path().join(name), content).unwrap();
    }
    let at = files.path().display();
    let own = format!("certificate = '{at}/own.pem'\nprivate-key = '{at}/own.key'\n");
    let authority = format!("server-ca = '{at}/ca.pem'\n");
    let fhir = format!("{}/fhir", ehr.base);
    let request = Stop::tacrolimus().granting(&fhir, "token");
    for (tls, let_in) in [
        (format!("[client.tls]\n{own}{authority}"), true),
        (format!("[client.tls]\n{authority}"), false),
        (format!("[client.tls]\n{own}"), false),
        (String::new(), false),
    ] {
        let app = TestApp::with(&fhir, "", &format!("deadline-ms = 5000\n{tls}")).await;
        ehr.asked.lock().unwrap().clear();
        let answer = app.trusted_ehr().hook(&request).await;
        assert_eq!(answer.status, 200);
        let asked = ehr
            .asked
            .lock()
            .unwrap()
            .iter()
            .any(|path| path.starts_with("/fhir/"));
        assert_eq!(asked, let_in, "{tls}");
    }
    // The key set is fetched in the same way.
    for (tls, status) in [
        (format!("[client.tls]\n{own}{authority}"), 200),
        (String::new(), 401),
    ] {
        let folder = tempfile::tempdir().unwrap();
        let url = format!("jwks-url = '{}/jwks.json'", ehr.base);
        let settings =
            settings(folder.path(), &fhir, "", &tls).replacen("jwks-file = 'hospital.json'", &url, 1);
        let app = TestApp::on(folder, &settings).await;
        assert_eq!(app.trusted_ehr().hook(&request).await.status, status, "{tls}");
    }
}
