//! An opened chart: who sees it, how long, and what never leaves it.

use super::authority::{Authority, Browser};
use crate::helpers::app::PUBLIC;
use crate::helpers::{Answer, Stop};
use serde_json::{Value, json};

async fn ehr() -> Authority {
    Authority::with(&Stop::tacrolimus().in_lupus_nephritis().with_upcr("2.1", "g/g", 7)).await
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
