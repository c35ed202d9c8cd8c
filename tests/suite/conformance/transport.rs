//! How callers reach the service: TLS of its own, certificates of clients, and pages of other origins.

use crate::helpers::app::{NOBODY, TestApp};
use crate::helpers::certificates::{Authority, tls};
use reqwest::Method;
use reqwest::header::HeaderMap;

const EHR: &str = "https://ehr.hospital.example";

/// cds-01b, cds-54a
#[tokio::test]
async fn tls_of_its_own_leaves_no_door_in_plain_text() {
    let (files, authority) = (tempfile::tempdir().unwrap(), Authority::new());
    authority.equips(files.path());
    let app = TestApp::secured(&tls(files.path(), ""), authority.trusting(None)).await;
    assert!(app.base().starts_with("https://"), "{}", app.base());
    let request = crate::helpers::Stop::tacrolimus()
        .with_kidney_transplant()
        .request();
    assert!(!app.trusted_ehr().hook(&request).await.cards().is_empty());
    for path in [
        "/cds-services",
        "/cds-services/x",
        "/cds-services/x/feedback",
        "/livez",
    ] {
        let plain = format!("{}{path}", app.base().replace("https://", "http://"));
        let answer = crate::helpers::app::http().get(plain).send().await;
        assert!(answer.is_err(), "{path} was answered in plain text");
    }
}

/// cds-54b
#[tokio::test]
async fn with_an_authority_for_clients_nobody_else_gets_in() {
    let (files, authority, other) = (tempfile::tempdir().unwrap(), Authority::new(), Authority::new());
    let more = format!("client-ca = '{}/ca.pem'", files.path().display());
    authority.equips(files.path());
    let ehr = authority.trusting(Some(authority.signs("ehr.hospital.example")));
    let app = TestApp::secured(&tls(files.path(), &more), ehr).await;
    for stranger in [None, Some(other.signs("ehr.hospital.example"))] {
        let client = authority.trusting(stranger);
        assert!(
            client
                .get(format!("{}/cds-services", app.base()))
                .send()
                .await
                .is_err()
        );
    }
}

async fn asks(app: &TestApp, method: Method, path: &str, origin: &str) -> (u16, HeaderMap) {
    let mut call = app.call(method.clone(), path).header("origin", origin);
    if method == Method::OPTIONS {
        call = call
            .header("access-control-request-method", "POST")
            .header("access-control-request-headers", "authorization,content-type");
    }
    let answer = call.send().await.unwrap();
    (answer.status().as_u16(), answer.headers().clone())
}

/// cds-61a
#[tokio::test]
async fn preflights_of_listed_origins_are_answered_without_a_token() {
    let app = TestApp::with(NOBODY, &format!("cors-origins = ['{EHR}']"), "").await;
    let service = app.path("medication-discontinue");
    for path in ["/cds-services", &service, &format!("{service}/feedback")] {
        let (status, headers) = asks(&app, Method::OPTIONS, path, EHR).await;
        assert_eq!(status, 200, "{path}");
        assert_eq!(headers["access-control-allow-origin"], EHR);
        let listed = |name: &str| headers[name].to_str().unwrap().to_ascii_uppercase();
        for method in ["GET", "POST", "OPTIONS"] {
            assert!(
                listed("access-control-allow-methods").contains(method),
                "{path} {method}"
            );
        }
        for header in ["AUTHORIZATION", "CONTENT-TYPE"] {
            assert!(
                listed("access-control-allow-headers").contains(header),
                "{path} {header}"
            );
        }
    }
    let (status, headers) = asks(&app, Method::GET, "/cds-services", EHR).await;
    assert_eq!(
        (status, headers["access-control-allow-origin"].as_bytes()),
        (200, EHR.as_bytes())
    );
    // A refusal can be read by the page as well.
    let (status, headers) = asks(&app, Method::POST, &service, EHR).await;
    assert_eq!(
        (status, headers["access-control-allow-origin"].as_bytes()),
        (415, EHR.as_bytes())
    );
}

/// cds-61b
#[tokio::test]
async fn other_origins_get_no_leave_and_none_gets_a_wildcard_or_credentials() {
    let listed = TestApp::with(NOBODY, &format!("cors-origins = ['{EHR}']"), "").await;
    let unset = TestApp::spawn().await;
    for app in [&listed, &unset] {
        let service = app.path("medication-discontinue");
        for origin in [
            "https://evil.example",
            "https://ehr.hospital.example.evil.example",
            "null",
        ] {
            for (method, path) in [(Method::OPTIONS, &*service), (Method::GET, "/cds-services")] {
                let (_, headers) = asks(app, method, path, origin).await;
                assert!(
                    headers.get("access-control-allow-origin").is_none(),
                    "{origin} {path}"
                );
            }
        }
    }
    for method in [Method::OPTIONS, Method::GET] {
        let (_, headers) = asks(&listed, method, "/cds-services", EHR).await;
        assert_ne!(headers["access-control-allow-origin"], "*");
        assert!(headers.get("access-control-allow-credentials").is_none());
    }
    let (_, headers) = asks(&unset, Method::GET, "/cds-services", EHR).await;
    assert!(headers.get("access-control-allow-origin").is_none());
}
