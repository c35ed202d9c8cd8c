//! An opened chart: who sees it, how long, and what never leaves it.

use super::authority::{Authority, Browser, CLIENT_ID, Line};
use crate::helpers::app::PUBLIC;
use crate::helpers::{Answer, Stop, TestApp};
use reqwest::Method;
use serde_json::{Value, json};

async fn ehr() -> Authority {
    Authority::with(&Stop::tacrolimus().in_lupus_nephritis().with_upcr("2.1", "g/g", 7)).await
}

/// The application with the app set up for this EHR, which can be told to reload.
async fn reloadable(ehr: &Authority) -> TestApp {
    let client = format!("[client.smart]\nclient-id = '{CLIENT_ID}'\n");
    TestApp::with(&ehr.base(), "[admin]\nlisten = '127.0.0.1:0'", &client).await
}

/// Reads the settings anew, after lines were added to those of the hospital.
async fn reloaded(app: &TestApp, lines: &str) -> u16 {
    let file = app.folder().join("settings.toml");
    let text = std::fs::read_to_string(&file).unwrap();
    let text = text.replace("name = 'hospital'", &format!("name = 'hospital'\n{lines}"));
    std::fs::write(&file, text).unwrap();
    app.admin(Method::POST, "/reload").await.status
}

#[tokio::test]
async fn a_rule_that_a_reload_silences_says_nothing_in_a_chart_that_is_open() {
    let ehr = ehr().await;
    let app = reloadable(&ehr).await;
    let browser = Browser::new(&app);
    let chart = browser.open(&ehr).await;
    let rule = "tacrolimus/lupus-nephritis/active-disease";
    let before = browser.get(&chart).await;
    assert!(before.text().contains(rule) && before.text().contains("<article class=\"card"));
    assert_eq!(reloaded(&app, "silent = ['*']").await, 200);
    let (after, plan) = (
        browser.get(&chart).await,
        browser.get(&format!("{chart}/plan")).await,
    );
    assert_eq!((after.status, plan.status), (200, 200));
    assert!(!after.text().contains(rule) && !after.text().contains("<article class=\"card"));
    assert!(!after.text().contains("class=\"planner\"") && !plan.text().contains("Published scheme"));
}

#[tokio::test]
async fn a_chart_of_an_ehr_that_the_settings_no_longer_name_shows_nothing() {
    let ehr = ehr().await;
    let app = reloadable(&ehr).await;
    let browser = Browser::new(&app);
    let chart = browser.open(&ehr).await;
    assert_eq!(browser.get(&chart).await.status, 200);
    let file = app.folder().join("settings.toml");
    let text = std::fs::read_to_string(&file).unwrap();
    let from = text.find("[[client]]").unwrap();
    let to = text.rfind("[[client]]").unwrap();
    std::fs::write(&file, format!("{}{}", &text[..from], &text[to..])).unwrap();
    assert_eq!(app.admin(Method::POST, "/reload").await.status, 200);
    let gone = browser.get(&chart).await;
    assert_eq!(gone.status, 403);
    assert!(!gone.text().contains("Synthia"));
}

/// The same chart of somebody else.
fn of_another(records: &[Value]) -> Vec<Value> {
    let text = json!(records).to_string();
    let text = text
        .replace("synthetic-1", "synthetic-2")
        .replace("Synthia", "Ophelia");
    serde_json::from_str(&text.replace("-1\"", "-1b\"")).unwrap()
}

#[tokio::test]
async fn two_charts_side_by_side_never_mix() {
    let ehr = ehr().await;
    ehr.script(|script| {
        let other = of_another(&script.records);
        script.records.extend(other);
    });
    let app = ehr.app().await;
    let browser = Browser::new(&app);
    let one = browser.open(&ehr).await;
    ehr.script(|script| script.token = json!({"patient": "synthetic-2"}));
    let other = browser.open(&ehr).await;
    assert_ne!(one, other);
    for _ in 0..2 {
        let (first, second) = (browser.get(&one).await, browser.get(&other).await);
        assert!(first.text().contains("Synthia Quux") && !first.text().contains("Ophelia"));
        assert!(second.text().contains("Ophelia Quux") && !second.text().contains("Synthia"));
    }
}

#[tokio::test]
async fn two_launches_under_way_in_one_browser_both_arrive() {
    let ehr = ehr().await;
    let app = ehr.app().await;
    let browser = Browser::new(&app);
    let (one, other) = (browser.begin(&ehr).await, browser.begin(&ehr).await);
    for to in [one, other] {
        assert_eq!(browser.get(&ehr.consent(&to)).await.status, 303);
    }
}

#[tokio::test]
async fn an_address_opens_nothing_without_its_cookie_and_a_cookie_nothing_else() {
    let ehr = ehr().await;
    let app = ehr.app().await;
    let (owner, stranger) = (Browser::new(&app), Browser::new(&app));
    let chart = owner.open(&ehr).await;
    let own = stranger.open(&ehr).await;
    let inside = chart.strip_prefix("/stepdown").unwrap();
    let with = async |cookie: String| {
        let call = app.call(reqwest::Method::GET, inside).header("cookie", cookie);
        Answer::of(call.send().await.unwrap()).await.status
    };
    assert_eq!(stranger.get(&chart).await.status, 404);
    for cookie in stranger.cookies() {
        assert_eq!(with(format!("stepdown-session={cookie}")).await, 404);
    }
    assert_eq!(with("stepdown-session=".to_owned()).await, 404);
    assert_eq!(owner.get(&chart).await.status, 200);
    assert_eq!(stranger.get(&own).await.status, 200);
    assert_eq!(owner.get("/smart/s/nothing").await.status, 404);
}

#[tokio::test]
async fn a_token_that_ends_is_refreshed_once_and_then_the_page_says_so() {
    let ehr = ehr().await;
    let app = ehr.app().await;
    let browser = Browser::new(&app);
    let chart = browser.open(&ehr).await;
    assert_eq!(browser.get(&chart).await.status, 200);
    ehr.script(|script| script.ended = vec!["access-secret-1".to_owned()]);
    let again = format!("{chart}?again=1");
    assert!(browser.get(&again).await.text().contains("Synthia Quux"));
    let sent = super::authority::form(&ehr.asked("/token").await[1]);
    assert_eq!(
        (sent["grant_type"].as_str(), sent["refresh_token"].as_str()),
        ("refresh_token", "refresh-secret-1")
    );
    assert!(!sent.contains_key("scope"));
    ehr.script(|script| {
        script.ended.push("access-secret-2".to_owned());
        script.token_status = 400;
    });
    let over = browser.get(&again).await;
    assert_eq!(over.status, 401);
    assert!(!over.text().contains("Synthia"));
    assert_eq!(browser.get(&again).await.status, 401);
    assert_eq!(
        ehr.asked("/token").await.len(),
        3,
        "a refresh token is not tried twice"
    );
}

#[tokio::test]
async fn a_refresh_token_outlives_a_token_endpoint_that_does_not_answer() {
    let ehr = ehr().await;
    let line = Line::to(&ehr.origin());
    ehr.script(|script| script.discovery = json!({"token_endpoint": format!("{}/token", line.address)}));
    let app = ehr.app().await;
    let browser = Browser::new(&app);
    let chart = browser.open(&ehr).await;
    let again = format!("{chart}?again=1");
    ehr.script(|script| script.ended = vec!["access-secret-1".to_owned()]);
    line.cut(true);
    let cut = browser.get(&again).await;
    assert_eq!(cut.status, 502, "{}", cut.text());
    line.cut(false);
    ehr.script(|script| script.token_status = 503);
    assert_eq!(browser.get(&again).await.status, 502, "its proxy answers for it");
    ehr.script(|script| script.token_status = 200);
    let back = browser.get(&again).await;
    assert_eq!(back.status, 200);
    assert!(back.text().contains("Synthia Quux"));
}

#[tokio::test]
async fn without_a_refresh_token_the_page_says_that_it_is_over() {
    let ehr = ehr().await;
    let app = ehr.app().await;
    ehr.script(|script| script.token = json!({"refresh_token": null}));
    let browser = Browser::new(&app);
    let chart = browser.open(&ehr).await;
    ehr.script(|script| script.ended = vec!["access-secret-1".to_owned()]);
    assert_eq!(browser.get(&chart).await.status, 401);
    assert_eq!(ehr.asked("/token").await.len(), 1);
}

#[tokio::test]
async fn a_refreshed_token_for_another_patient_ends_the_page() {
    let ehr = ehr().await;
    let app = ehr.app().await;
    let browser = Browser::new(&app);
    let chart = browser.open(&ehr).await;
    ehr.script(|script| {
        script.ended = vec!["access-secret-1".to_owned()];
        script.token = json!({"patient": "synthetic-2"});
    });
    assert_eq!(browser.get(&chart).await.status, 403);
}

#[tokio::test]
async fn a_scope_that_was_not_granted_is_a_gap_and_not_an_empty_list() {
    let ehr = ehr().await;
    let app = ehr.app().await;
    let granted = "launch patient/Patient.r patient/MedicationRequest.rs patient/Condition.rs patient/AllergyIntolerance.rs patient/Procedure.rs";
    ehr.script(|script| {
        script.token = json!({"scope": granted, "id_token": null});
        script
            .records
            .retain(|record| record["resourceType"] != "Observation");
    });
    let browser = Browser::new(&app);
    let page = browser.get(&browser.open(&ehr).await).await;
    assert!(page.text().contains("not permitted"), "{}", page.text());
    ehr.script(|script| {
        script.token = json!({});
        script.forbidden = vec!["Patient", "Condition"];
    });
    let page = browser.get(&browser.open(&ehr).await).await;
    assert_eq!(page.status, 200);
    assert!(page.text().contains("not permitted"));
}

#[tokio::test]
async fn a_server_that_gives_no_patient_is_said_to_be_unreadable() {
    let ehr = ehr().await;
    let app = ehr.app().await;
    ehr.script(|script| script.token = json!({"patient": "nobody"}));
    let browser = Browser::new(&app);
    assert_eq!(browser.get(&browser.open(&ehr).await).await.status, 502);
}

#[tokio::test]
async fn pages_allow_nothing_foreign_and_only_the_ehr_frames_them() {
    let ehr = ehr().await;
    let app = ehr.app().await;
    let browser = Browser::new(&app);
    let chart = browser.open(&ehr).await;
    for path in [
        chart.as_str(),
        &format!("{chart}/plan"),
        "/smart/s/x",
        "/smart/launch",
    ] {
        let page = browser.get(path).await;
        let header = |name: &str| page.headers[name].to_str().unwrap().to_owned();
        let policy = header("content-security-policy");
        assert!(
            policy.starts_with("default-src 'none'; style-src 'self'; img-src 'self'; "),
            "{policy}"
        );
        assert!(
            policy.ends_with(&format!("frame-ancestors {}", ehr.origin())),
            "{path}: {policy}"
        );
        assert!(!policy.contains(concat!("un", "safe")) && !policy.contains("script"));
        assert_eq!(header("cache-control"), "no-store");
        assert_eq!(header("referrer-policy"), "no-referrer");
        assert_eq!(header("x-content-type-options"), "nosniff");
        let text = page.text();
        assert!(
            !text.contains("<script") && !text.contains(" style=") && !text.contains(" onclick"),
            "{path}"
        );
    }
}

#[tokio::test]
async fn no_token_and_no_code_stands_in_any_page_header_or_cookie() {
    let ehr = ehr().await;
    let app = ehr.app().await;
    let browser = Browser::new(&app);
    let arrived = browser.get(&ehr.consent(&browser.begin(&ehr).await)).await;
    let chart = super::authority::path(&arrived);
    let mut answers = vec![arrived];
    for path in ["", "?units=recorded", "?again=1", "?cut=25&every=14", "/plan"] {
        answers.push(browser.get(&format!("{chart}{path}")).await);
    }
    answers.push(
        browser
            .post(&format!("{chart}/logout"), Some("https://cds.hospital.example"))
            .await,
    );
    for answer in &answers {
        let headers: Vec<String> = answer
            .headers
            .iter()
            .map(|(name, value)| format!("{name}: {}", value.to_str().unwrap()))
            .collect();
        for secret in ["access-secret", "refresh-secret", "code-0", "eyJ"] {
            assert!(
                !answer.text().contains(secret) && !headers.join("\n").contains(secret),
                "{secret}"
            );
        }
    }
}

#[tokio::test]
async fn leaving_forgets_the_chart_and_only_our_own_page_may_ask_for_it() {
    let ehr = ehr().await;
    let app = ehr.app().await;
    let browser = Browser::new(&app);
    let chart = browser.open(&ehr).await;
    let out = format!("{chart}/logout");
    assert_eq!(browser.post(&out, Some("https://evil.example")).await.status, 403);
    assert_eq!(Browser::new(&app).post(&out, None).await.status, 404);
    assert_eq!(browser.get(&chart).await.status, 200);
    let origin = PUBLIC.trim_end_matches("/stepdown");
    assert_eq!(browser.post(&out, Some(origin)).await.status, 200);
    assert!(browser.cookies().is_empty());
    assert_eq!(browser.get(&chart).await.status, 404);
}

/// A page of another site that holds our form: whatever a browser may send with it, nothing happens.
#[tokio::test]
async fn a_foreign_site_cannot_close_a_chart() {
    let ehr = ehr().await;
    let app = ehr.app().await;
    let browser = Browser::new(&app);
    let chart = browser.open(&ehr).await;
    let out = format!("{}/logout", chart.strip_prefix("/stepdown").unwrap());
    let own = PUBLIC.trim_end_matches("/stepdown");
    let cookie = format!("stepdown-session={}", browser.cookies()[0]);
    let sent = async |headers: &[(&str, &str)]| {
        let call = app.call(reqwest::Method::POST, &out);
        let call = headers
            .iter()
            .fold(call, |call, (name, value)| call.header(*name, *value));
        Answer::of(call.send().await.unwrap()).await.status
    };
    for foreign in [
        &[("sec-fetch-site", "cross-site"), ("origin", own)][..],
        &[("sec-fetch-site", "same-site")],
        &[("sec-fetch-site", "none")],
        &[("origin", "null")],
        &[("origin", "https://evil.example")],
        &[("origin", "https://cds.hospital.example.evil.example")],
        &[("origin", "http://cds.hospital.example")],
    ] {
        let with_cookie = [foreign, &[("cookie", cookie.as_str())]].concat();
        assert_eq!(sent(&with_cookie).await, 403, "{foreign:?}");
    }
    // SameSite keeps the cookie back where a browser knows nothing else.
    assert_eq!(sent(&[]).await, 404);
    assert_eq!(browser.get(&chart).await.status, 200, "the chart is still open");
    assert_eq!(
        sent(&[("sec-fetch-site", "same-origin"), ("cookie", &cookie)]).await,
        200
    );
    assert_eq!(browser.get(&chart).await.status, 404);
}

/// The address of the only button on a page.
fn button(page: &str) -> String {
    assert_eq!(page.matches("class=\"button\"").count(), 1, "{page}");
    let (_, rest) = page.split_once("class=\"button\" href=\"").unwrap();
    rest.split('"')
        .next()
        .unwrap()
        .replace("&#38;", "&")
        .replace("&amp;", "&")
}

/// Two processes of one service: what one of them held is lost with it.
#[tokio::test]
async fn a_chart_of_a_lost_replica_is_opened_again_with_one_click_and_the_same_plan() {
    let ehr = ehr().await;
    let (one, other) = (ehr.app().await, ehr.app().await);
    let before = Browser::new(&one);
    let chart = before.open(&ehr).await;
    assert!(
        before
            .get(&format!("{chart}?every=21&units=recorded"))
            .await
            .text()
            .contains("value=\"21\"")
    );
    let after = Browser::new(&other);
    for path in [
        format!("{chart}?every=21&units=recorded"),
        format!("{chart}/plan?every=21&units=recorded"),
    ] {
        let lost = after.get(&path).await;
        assert_eq!(lost.status, 404);
        assert!(lost.text().contains("Sign in again at hospital") && !lost.text().contains("Synthia"));
        let to = super::authority::location(&after.get(&button(&lost.text())).await);
        let asked = super::authority::query(&to);
        assert!(asked["scope"].starts_with("launch/patient ") && asked["aud"] == ehr.base());
        let arrived = after.get(&ehr.consent(&to)).await;
        let again = super::authority::path(&arrived);
        assert!(again.ends_with("?units=recorded&every=21"), "{again}");
        let page = after.get(&again).await.text();
        assert!(page.contains("Synthia Quux") && page.contains("value=\"21\"") && page.contains("UPCR, "));
    }
    assert_eq!(
        before.get(&chart).await.status,
        200,
        "the other process knows its own"
    );
}

#[tokio::test]
async fn a_sign_in_that_comes_back_to_another_replica_begins_anew() {
    let ehr = ehr().await;
    let (one, other) = (ehr.app().await, ehr.app().await);
    let back = ehr.consent(&Browser::new(&one).begin(&ehr).await);
    let browser = Browser::new(&other);
    let lost = browser.get(&back).await;
    assert_eq!(lost.status, 400);
    let to = super::authority::location(&browser.get(&button(&lost.text())).await);
    assert_eq!(browser.get(&ehr.consent(&to)).await.status, 303);
}

#[tokio::test]
async fn a_token_that_ended_leads_back_to_the_same_ehr_and_nothing_else_does() {
    let ehr = ehr().await;
    let app = ehr.app().await;
    ehr.script(|script| script.token = json!({"refresh_token": null}));
    let browser = Browser::new(&app);
    let chart = browser.open(&ehr).await;
    ehr.script(|script| script.ended = vec!["access-secret-1".to_owned()]);
    let over = browser.get(&format!("{chart}?every=14")).await;
    assert_eq!(over.status, 401);
    assert!(button(&over.text()).ends_with("resume=every%3D14"));
    for strange in [
        "/smart/s/nothing",
        "/smart/s/x.y?every=1",
        "/smart/s/%22%3E.%3Cscript%3E",
    ] {
        let page = browser.get(strange).await.text();
        assert!(
            !page.contains("Sign in again") && !page.contains("<script"),
            "{page}"
        );
    }
    let evil = format!(
        "/smart/launch?iss={}&resume=https%3A%2F%2Fevil.example%3Fevery%3D1%26next%3Devil",
        ehr.base()
    );
    let to = super::authority::location(&browser.get(&evil).await);
    let arrived = browser.get(&ehr.consent(&to)).await;
    assert!(!super::authority::path(&arrived).contains("evil"));
}

#[tokio::test]
async fn a_401_in_mid_session_shows_nothing_of_what_was_read() {
    let ehr = ehr().await;
    let app = ehr.app().await;
    ehr.script(|script| script.token = json!({"refresh_token": null, "expires_in": 1}));
    let browser = Browser::new(&app);
    let chart = browser.open(&ehr).await;
    assert_eq!(
        browser.get(&chart).await.status,
        200,
        "the EHR decides when a token is over"
    );
    ehr.script(|script| script.ended = vec!["access-secret-1".to_owned()]);
    let over = browser.get(&format!("{chart}?again=1")).await;
    assert_eq!(over.status, 401);
    assert!(!over.text().contains("Synthia") && !over.text().contains("UPCR"));
}

#[tokio::test]
async fn the_token_goes_only_to_the_ehr_and_only_in_the_header() {
    let ehr = ehr().await;
    let stranger = Authority::with(&Stop::tacrolimus()).await;
    ehr.script(|script| {
        // References that a server may hold: absolute ones lead elsewhere.
        let elsewhere = format!("{}/Medication/1", stranger.base());
        let mut order = script
            .records
            .iter()
            .find(|record| record["id"] == "tac-1")
            .unwrap()
            .clone();
        order["id"] = json!("tac-elsewhere");
        order.as_object_mut().unwrap().remove("medicationCodeableConcept");
        order["medicationReference"] = json!({"reference": elsewhere});
        script.records.push(order);
    });
    let app = ehr.app().await;
    let browser = Browser::new(&app);
    let chart = browser.open(&ehr).await;
    assert_eq!(browser.get(&chart).await.status, 200);
    assert!(stranger.asked("/").await.is_empty());
    let asked = ehr.asked("/fhir/").await;
    let read: Vec<_> = asked
        .iter()
        .filter(|request| !request.url.path().contains(".well-known"))
        .collect();
    assert!(read.len() > 5);
    for request in read {
        assert_eq!(request.headers["authorization"], "Bearer access-secret-1");
        assert!(!request.url.as_str().contains("secret") && request.body.is_empty());
    }
}
