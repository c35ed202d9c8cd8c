//! The way back: which answers of an authorization server open a chart, and which do not.

use super::authority::{Authority, Browser, query};
use crate::helpers::Stop;
use serde_json::{Value, json};

async fn ehr() -> Authority {
    Authority::with(&Stop::tacrolimus().in_lupus_nephritis().with_upcr("2.1", "g/g", 7)).await
}

/// Nothing of the chart was asked for.
async fn nothing_was_read(ehr: &Authority) -> bool {
    let asked = ehr.asked("/fhir/").await;
    asked
        .iter()
        .all(|request| request.url.path().contains(".well-known"))
}

#[tokio::test]
async fn a_state_that_is_missing_unknown_or_used_opens_nothing() {
    let ehr = ehr().await;
    let app = ehr.app().await;
    let browser = Browser::new(&app);
    let back = ehr.consent(&browser.begin(&ehr).await);
    let code = back.split_once("code=").unwrap().1.split('&').next().unwrap();
    for wrong in [
        format!("code={code}"),
        format!("code={code}&state=guessed"),
        format!("code={code}&state=%0d%0aset-cookie:x"),
    ] {
        let answer = browser.get(&format!("/smart/callback?{wrong}")).await;
        assert_eq!(answer.status, 400, "{wrong}");
        assert!(!answer.text().contains("guessed"));
    }
    assert!(ehr.asked("/token").await.is_empty(), "no code was spent");
    assert_eq!(browser.get(&back).await.status, 303);
    assert_eq!(
        browser.get(&back).await.status,
        400,
        "a reload or the back button opens nothing twice"
    );
    assert_eq!(ehr.asked("/token").await.len(), 1);
}

#[tokio::test]
async fn a_code_that_is_carried_into_another_browser_opens_nothing() {
    let ehr = ehr().await;
    let app = ehr.app().await;
    let (attacker, victim) = (Browser::new(&app), Browser::new(&app));
    let back = ehr.consent(&attacker.begin(&ehr).await);
    assert_eq!(
        victim.get(&back).await.status,
        403,
        "the victim does not get the attacker's chart"
    );
    let own = victim.begin(&ehr).await;
    let stolen = ehr.consent(&own);
    assert_eq!(
        attacker.get(&stolen).await.status,
        403,
        "the attacker does not get the victim's"
    );
    let swapped = stolen.replace(
        &query(&own)["state"],
        &query(&attacker.begin(&ehr).await)["state"],
    );
    assert!(
        attacker.get(&swapped).await.status >= 400,
        "nor with a state of its own: the verifier is another"
    );
    assert!(nothing_was_read(&ehr).await);
}

#[tokio::test]
async fn a_refusal_of_the_server_is_told_in_our_own_words() {
    let ehr = ehr().await;
    let app = ehr.app().await;
    let browser = Browser::new(&app);
    let state = query(&browser.begin(&ehr).await)["state"].clone();
    let answer = browser
        .get(&format!(
            "/smart/callback?error=access_denied&error_description=%3Cb%3Eboo%3C%2Fb%3E&state={state}"
        ))
        .await;
    assert_eq!(answer.status, 403);
    assert!(!answer.text().contains("boo") && !answer.text().contains("access_denied"));
    ehr.script(|script| script.token_status = 400);
    let answer = browser.refused(&ehr).await;
    assert_eq!(answer.status, 502);
    assert!(!answer.text().contains("invalid_grant") && !answer.text().contains("<script"));
}

#[tokio::test]
async fn an_answer_of_another_server_is_refused() {
    let ehr = ehr().await;
    let app = ehr.app().await;
    let browser = Browser::new(&app);
    let back = ehr.consent(&browser.begin(&ehr).await);
    assert_eq!(
        browser
            .get(&format!("{back}&iss=https%3A%2F%2Fother.example"))
            .await
            .status,
        403
    );
    assert!(ehr.asked("/token").await.is_empty());
    let back = ehr.consent(&browser.begin(&ehr).await);
    let own: String = url::form_urlencoded::byte_serialize(ehr.origin().as_bytes()).collect();
    assert_eq!(browser.get(&format!("{back}&iss={own}")).await.status, 303);
}

#[tokio::test]
async fn an_identity_that_is_not_proven_opens_nothing() {
    let ehr = ehr().await;
    let app = ehr.app().await;
    let browser = Browser::new(&app);
    for wrong in [
        json!({"nonce": "another"}),
        json!({"nonce": null}),
        json!({"aud": "another-app"}),
        json!({"aud": null}),
        json!({"iss": "https://other.example"}),
        json!({"exp": 1_700_000_000}),
        json!({"exp": "9"}),
        json!({"exp": null}),
        json!({"sub": null}),
        json!({"azp": "another-app"}),
    ] {
        ehr.script(|script| script.claims = wrong.clone());
        assert_eq!(browser.refused(&ehr).await.status, 502, "{wrong}");
    }
    ehr.script(|script| (script.claims, script.forge) = (json!({}), true));
    assert_eq!(
        browser.refused(&ehr).await.status,
        502,
        "signed by a key that nobody publishes"
    );
    for token in [Value::Null, json!("a.b.c"), json!("eyJhbGciOiJub25lIn0.e30.")] {
        ehr.script(|script| (script.forge, script.token) = (false, json!({"id_token": token})));
        assert_eq!(browser.refused(&ehr).await.status, 502);
    }
    assert!(nothing_was_read(&ehr).await);
}

#[tokio::test]
async fn an_identity_that_was_not_granted_is_not_used() {
    let ehr = ehr().await;
    let app = ehr.app().await;
    ehr.script(|script| script.token = json!({"scope": "launch patient/*.rs", "id_token": null}));
    assert!(!Browser::new(&app).open(&ehr).await.is_empty());
}

#[tokio::test]
async fn a_token_without_a_patient_of_this_ehr_opens_nothing() {
    let ehr = ehr().await;
    let app = ehr.app().await;
    for patient in [
        Value::Null,
        json!(""),
        json!("../Patient/1"),
        json!("https://other.example/fhir/Patient/synthetic-1"),
    ] {
        ehr.script(|script| script.token = json!({"patient": patient}));
        assert_eq!(Browser::new(&app).refused(&ehr).await.status, 400, "{patient}");
    }
    ehr.script(|script| script.token = json!({"patient": "Patient/synthetic-1"}));
    let browser = Browser::new(&app);
    let chart = browser.open(&ehr).await;
    assert!(browser.get(&chart).await.text().contains("Synthia Quux"));
}

#[tokio::test]
async fn token_answers_of_another_kind_are_refused() {
    let ehr = ehr().await;
    let app = ehr.app().await;
    for wrong in [
        json!({"token_type": "mac"}),
        json!({"access_token": null}),
        json!({"access_token": ""}),
    ] {
        ehr.script(|script| script.token = wrong.clone());
        assert_eq!(Browser::new(&app).refused(&ehr).await.status, 502, "{wrong}");
    }
}

#[tokio::test]
async fn an_identity_is_proven_by_rs256_as_well() {
    let ehr = ehr().await;
    let app = ehr.app().await;
    let browser = Browser::new(&app);
    ehr.script(|script| script.rs256 = true);
    let page = browser.get(&browser.open(&ehr).await).await;
    assert!(page.text().contains("for Practitioner/prescriber-7"));
    for alg in ["none", "HS256", "HS384"] {
        let header = json!({"alg": alg, "typ": "JWT", "kid": "authority-rsa"});
        let forged = crate::helpers::keys::unsigned(&header, &json!({"sub": "user-7"}));
        ehr.script(|script| script.token = json!({"id_token": format!("{forged}.AAAA")}));
        assert_eq!(browser.refused(&ehr).await.status, 502, "{alg}");
    }
}

#[tokio::test]
async fn a_user_of_another_server_is_not_used() {
    let ehr = ehr().await;
    let app = ehr.app().await;
    for user in [
        json!("https://other.example/Practitioner/7"),
        json!("Device/1"),
        json!(null),
    ] {
        ehr.script(|script| script.claims = json!({"fhirUser": user}));
        let browser = Browser::new(&app);
        let page = browser.get(&browser.open(&ehr).await).await.text();
        assert!(
            !page.contains("other.example") && !page.contains(" for Practitioner"),
            "{user}"
        );
    }
    assert!(ehr.asked("/fhir/Practitioner").await.is_empty());
}

#[tokio::test]
async fn context_that_is_not_known_changes_nothing() {
    let ehr = ehr().await;
    let app = ehr.app().await;
    let browser = Browser::new(&app);
    let says = |page: String| {
        page.split_once("<div id=\"says\">")
            .unwrap()
            .1
            .split("<section")
            .next()
            .unwrap()
            .to_owned()
    };
    let plain = says(browser.get(&browser.open(&ehr).await).await.text());
    ehr.script(|script| {
        script.token = json!({
            "intent": "reconcile-everything", "tenant": "t-1", "smart_style_url": format!("{}/style.json", ehr.origin()),
            "fhirContext": [{"reference": "Patient/synthetic-2"}, {"canonical": "https://other.example"}],
            "expires_in": "3600", "token_type": "BEARER",
        });
    });
    let page = browser.get(&browser.open(&ehr).await).await.text();
    assert!(!page.contains("style.json"));
    assert_eq!(says(page), plain);
    assert!(ehr.asked("/style.json").await.is_empty());
}
