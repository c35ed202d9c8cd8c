//! Who may call, and what everybody else is told.

use crate::helpers::entrance::Entrance;
use crate::helpers::{Ehr, Stop, TestApp};
use reqwest::Method;
use serde_json::{Value, json};

/// cds-11b, cds-34a, cds-34e, cds-54b
#[tokio::test]
async fn every_missing_or_bad_token_gets_the_same_empty_401() {
    let door = Entrance::new().await;
    let good = door.app.trusted_ehr().token(&door.path);
    let tampered = good.replace('.', "A.");
    let cut = good[..good.len() - 8].to_owned();
    let bearers = [
        String::new(),
        "x".to_owned(),
        "..".to_owned(),
        tampered,
        cut,
        "A".repeat(20_000),
        door.app.stranger().token(&door.path),
        door.app.expired_token().token(&door.path),
    ];
    let mut values: Vec<Option<String>> = bearers
        .into_iter()
        .map(|token| Some(format!("Bearer {token}")))
        .collect();
    values.extend([
        None,
        Some(good.clone()),
        Some(format!("Basic {good}")),
        Some("Bearer".to_owned()),
    ]);
    let mut heads = Vec::new();
    for value in values {
        let answer = door.knock(value.clone()).await;
        assert_eq!((answer.status, answer.bytes.len()), (401, 0), "{value:?}");
        assert_eq!(answer.header("www-authenticate"), "Bearer", "{value:?}");
        let mut names: Vec<String> = answer
            .headers
            .iter()
            .filter(|(name, _)| *name != "date")
            .map(|(name, value)| format!("{name}: {value:?}"))
            .collect();
        names.sort();
        heads.push(names);
    }
    assert!(heads.windows(2).all(|pair| pair[0] == pair[1]), "{heads:?}");
}

/// cds-34b
#[tokio::test]
async fn a_known_client_without_the_right_gets_403() {
    let app = TestApp::spawn().await;
    let mut request = Stop::tacrolimus().request();
    request["fhirServer"] = json!("https://fhir.somebody-else.example/r4");
    app.trusted_ehr().hook(&request).await.refuses(403, "fhirServer");
    let mut request = Stop::tacrolimus().granting("http://127.0.0.1:9/fhir", "t");
    request["fhirAuthorization"]["patient"] = json!("somebody-else");
    app.trusted_ehr()
        .hook(&request)
        .await
        .refuses(403, "fhirAuthorization.patient");
}

/// cds-60
#[tokio::test]
async fn never_takes_the_access_token_for_the_callers() {
    let door = Entrance::new().await;
    let good = door.app.trusted_ehr().token(&door.path);
    let mut request = Stop::tacrolimus().granting("http://127.0.0.1:9/fhir", &good);
    let call = |request: &Value| {
        let call = door
            .app
            .call(Method::POST, &door.path)
            .header("content-type", "application/json");
        call.body(request.to_string())
    };
    let without = call(&request).send().await.unwrap();
    assert_eq!(
        without.status().as_u16(),
        401,
        "a good token in the body opens nothing"
    );
    request["fhirAuthorization"]["access_token"] = json!("opaque");
    let opaque = call(&request).bearer_auth("opaque").send().await.unwrap();
    assert_eq!(opaque.status().as_u16(), 401);

    let ehr = Ehr::holding(&Stop::tacrolimus()).await.open().await;
    let app = TestApp::reading(&ehr.base()).await;
    app.trusted_ehr()
        .hook(&Stop::tacrolimus().granting(&ehr.base(), "opaque"))
        .await
        .cards();
    for read in ehr.requests().await {
        assert_eq!(
            read.headers["authorization"], "Bearer opaque",
            "the caller's token goes nowhere"
        );
    }
}
