//! `GET /cds-services`: who is there and what each of them wants to know.

use crate::helpers::app::NOBODY;
use crate::helpers::{Answer, Stop, TestApp, pure};
use reqwest::Method;
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};

/// Hooks that the outside contract promises.
const PROMISED: [&str; 2] = ["medication-discontinue", "order-discontinue"];

async fn discovery(app: &TestApp) -> Answer {
    Answer::of(app.call(Method::GET, "/cds-services").send().await.unwrap()).await
}

fn entries(answer: &Answer) -> &Vec<Value> {
    answer.json["services"].as_array().expect("a list of services")
}

/// cds-05a
#[tokio::test]
async fn answers_without_a_token() {
    let app = TestApp::spawn().await;
    let answer = discovery(&app).await;
    assert_eq!(answer.status, 200);
    assert!(answer.header("content-type").starts_with("application/json"));
    assert!(!entries(&answer).is_empty());
}

/// cds-05b, cds-07a
#[tokio::test]
async fn lists_a_service_for_each_hook_and_answers_at_its_id() {
    let app = TestApp::spawn().await;
    let answer = discovery(&app).await;
    let hooks: BTreeSet<&str> = entries(&answer)
        .iter()
        .filter_map(|entry| entry["hook"].as_str())
        .collect();
    for hook in PROMISED {
        assert!(hooks.contains(hook), "nobody listens to {hook}");
        let mut request = Stop::tacrolimus().with_kidney_transplant().request();
        request["hook"] = hook.into();
        assert!(
            !app.trusted_ehr().hook(&request).await.cards().is_empty(),
            "{hook}"
        );
    }
}

/// cds-06a, cds-06b, cds-06c, cds-06d, cds-06e
#[tokio::test]
async fn lists_services_with_required_fields() {
    let app = TestApp::spawn().await;
    let answer = discovery(&app).await;
    for entry in entries(&answer) {
        for field in ["hook", "description", "id", "title", "version"] {
            assert!(
                entry[field].as_str().is_some_and(|text| !text.trim().is_empty()),
                "{field} of {entry}"
            );
        }
        let prefetch = entry["prefetch"].as_object().expect("prefetch");
        assert!(
            !prefetch.is_empty() && prefetch.values().all(Value::is_string),
            "{prefetch:?}"
        );
        if let Some(version) = entry.get("hookVersion") {
            let definition = include_str!("../../../hooks/definitions/medication-discontinue.md");
            let stated = definition
                .lines()
                .find_map(|line| line.strip_prefix("| hookVersion |"))
                .unwrap();
            assert_eq!(version.as_str(), Some(stated.trim_matches(['|', ' '])), "{entry}");
        }
    }
}

/// cds-08
#[tokio::test]
async fn shares_an_id_only_where_later_cards_replace_earlier_ones() {
    let app = TestApp::spawn().await;
    let answer = discovery(&app).await;
    let mut hooks: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
    for entry in entries(&answer) {
        hooks
            .entry(entry["id"].as_str().unwrap())
            .or_default()
            .insert(entry["hook"].as_str().unwrap());
    }
    let replacing = BTreeSet::from(["order-select", "order-sign"]);
    for (id, hooks) in hooks {
        assert!(
            hooks.len() == 1 || hooks.is_subset(&replacing),
            "{id} answers {hooks:?}"
        );
    }
}

/// cds-09
#[tokio::test]
async fn is_stable_and_may_be_cached() {
    let (app, again) = (TestApp::spawn().await, TestApp::spawn().await);
    let (first, second) = (discovery(&app).await, discovery(&again).await);
    assert_eq!(first.bytes, second.bytes, "two processes with the same knowledge");
    assert!(!first.header("etag").is_empty() && first.header("etag") == second.header("etag"));
    assert!(first.header("cache-control").contains("max-age"));
    let call = app
        .call(Method::GET, "/cds-services")
        .header("if-none-match", first.header("etag"));
    let unchanged = Answer::of(call.send().await.unwrap()).await;
    assert_eq!((unchanged.status, unchanged.bytes.len()), (304, 0));
}

/// cds-09
#[tokio::test]
async fn the_tag_is_one_of_the_bytes_and_is_found_in_every_form_of_the_question() {
    let (plain, dated) = (
        TestApp::spawn().await,
        TestApp::with(NOBODY, "dated-templates = true", "").await,
    );
    let (first, other) = (discovery(&plain).await, discovery(&dated).await);
    let tag = first.header("etag").to_owned();
    assert_ne!(tag, other.header("etag"), "other bytes, another tag");
    let digest = aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA256, &first.bytes);
    let written: String = digest.as_ref().iter().map(|byte| format!("{byte:02x}")).collect();
    assert_eq!(tag, format!("\"{written}\""));
    let asked = async |question: &str| {
        let call = plain
            .call(Method::GET, "/cds-services")
            .header("if-none-match", question);
        Answer::of(call.send().await.unwrap()).await
    };
    for same in [
        tag.clone(),
        format!("W/{tag}"),
        format!("\"other\", {tag}"),
        format!("\"other\",W/{tag} , \"third\""),
        "*".to_owned(),
    ] {
        let unchanged = asked(&same).await;
        assert_eq!((unchanged.status, unchanged.bytes.len()), (304, 0), "{same}");
        for header in ["etag", "cache-control"] {
            assert_eq!(unchanged.header(header), first.header(header), "{header}: {same}");
        }
    }
    for another in ["\"other\"", "W/\"other\"", "", tag.trim_matches('"'), "\"*\""] {
        let whole = asked(another).await;
        assert_eq!((whole.status, &whole.bytes), (200, &first.bytes), "{another}");
    }
}

/// cds-25a, cds-25b, cds-26a, cds-26b
#[tokio::test]
async fn templates_are_portable_and_use_allowed_tokens() {
    let app = TestApp::spawn().await;
    let answer = discovery(&app).await;
    for entry in entries(&answer) {
        for (key, template) in entry["prefetch"].as_object().unwrap() {
            check_template(key, template.as_str().unwrap());
        }
    }
}

fn check_template(key: &str, template: &str) {
    for token in template.split("{{").skip(1) {
        let (token, _) = token
            .split_once("}}")
            .unwrap_or_else(|| panic!("{key}: a token is not closed"));
        let allowed = [
            "context.patientId",
            "context.userId",
            "context.encounterId",
            "userPractitionerId",
        ];
        assert!(allowed.contains(&token), "{key}: {token}");
    }
    let path = template.split('?').next().unwrap_or_default();
    assert!(
        !path.starts_with('/') && !path.contains("://"),
        "{key}: {template}"
    );
    let Some((kind, query)) = template.split_once('?') else {
        return assert!(
            template.split('/').count() == 2,
            "{key}: neither a read nor a search: {template}"
        );
    };
    assert!(kind.chars().all(char::is_alphabetic), "{key}: {kind}");
    for parameter in query.split('&') {
        let (name, value) = parameter
            .split_once('=')
            .unwrap_or_else(|| panic!("{key}: {parameter}"));
        let known = [
            "patient", "subject", "code", "category", "status", "date", "intent", "_count", "_sort",
        ];
        assert!(
            known.contains(&name) || name == "_include",
            "{key}: {name} is not portable"
        );
        assert!(name != "_sort" || value == "-date", "{key}: {parameter}");
    }
}

/// cds-27
#[tokio::test]
async fn dates_in_templates_stand_in_entries_of_their_own_that_a_site_chooses() {
    let plain = discovery(&TestApp::spawn().await).await;
    assert!(!plain.text().contains("today()"), "nobody gets FHIRPath unasked");
    let app = TestApp::with(NOBODY, "dated-templates = true", "").await;
    let chosen = discovery(&app).await;
    let dated = |entry: &&Value| entry["id"].as_str().unwrap().ends_with("-dated");
    let (with, without): (Vec<_>, Vec<_>) = entries(&chosen).iter().partition(dated);
    assert_eq!(
        without,
        entries(&plain).iter().collect::<Vec<_>>(),
        "the plain entries stay as they are"
    );
    assert_eq!(with.len(), without.len());
    for entry in &with {
        let template = entry["prefetch"]["observations"].as_str().unwrap();
        assert!(
            template.contains("&date=ge{{today() - ") && template.ends_with(" days}}"),
            "{template}"
        );
        let others = |key: &str| !entry["prefetch"][key].as_str().unwrap().contains("today()");
        assert!(
            ["patient", "medications", "conditions", "screens"]
                .into_iter()
                .all(others)
        );
        let request = Stop::tacrolimus().with_kidney_transplant().request();
        if entry["hook"] == request["hook"] {
            let path = format!("/cds-services/{}", entry["id"].as_str().unwrap());
            let answer = app.trusted_ehr().post(&path, request.to_string()).await;
            assert_eq!(answer.topics()[0], "abrupt-withdrawal", "same hook, same advice");
        }
    }
}

/// cds-63
#[tokio::test]
async fn a_page_says_in_plain_words_what_the_service_does_and_what_not() {
    let app = TestApp::spawn().await;
    let listed = discovery(&app).await;
    for path in ["/about", "/"] {
        let page = Answer::of(app.call(Method::GET, path).send().await.unwrap()).await;
        assert_eq!(page.status, 200);
        assert!(page.header("content-type").starts_with("text/html"));
        assert!(
            page.header("content-security-policy")
                .contains("default-src 'none'")
        );
        let text = page.text();
        assert!(!text.contains("<script") && !text.contains("http://") && !text.contains("https://"));
        for entry in entries(&listed) {
            let id = entry["id"].as_str().unwrap();
            assert!(text.contains(&format!("cds-services/{id}/basis")), "{id}");
            assert!(text.contains(entry["title"].as_str().unwrap()));
        }
        let knowledge = pure::knowledge();
        for withdrawal in &knowledge.withdrawals {
            assert!(text.contains(&*knowledge.vocabulary.ingredient(withdrawal.ingredient).name));
        }
        assert!(text.contains("Lupus nephritis") || text.contains("lupus nephritis"));
        assert!(text.contains("What it does not do"));
    }
    let id = entries(&listed)[0]["id"].as_str().unwrap();
    let basis = app.call(Method::GET, &format!("/cds-services/{id}/basis"));
    let basis = Answer::of(basis.header("accept", "text/html").send().await.unwrap()).await;
    assert!(
        basis.text().contains("href=\"../../about\""),
        "every basis leads to it"
    );
}
