//! Writing the planned reduction as a draft order: shown whole, confirmed, written once, told whatever happens.

use super::authority::{Authority, Browser, form};
use crate::helpers::app::PUBLIC;
use crate::helpers::resources::{ENVARSUS_1_MG, lab, order};
use crate::helpers::{Answer, Stop, TestApp, days_ago};
use jiff::Timestamp;
use serde_json::{Value, json};
use stepdown::journal::{After, Archive, JournalAddress};

const SCOPES: &str = "launch patient/*.rs patient/MedicationRequest.c";

fn lupus() -> Stop {
    let upcr = |id: &str, value: &str, days| lab(id, "2890-2", value, "mg/g", &days_ago(days));
    Stop::tacrolimus()
        .in_lupus_nephritis()
        .with_result(upcr("upcr-a", "800", 90))
        .with_result(upcr("upcr-b", "2100", 7))
}

/// An EHR that grants the right to write, and the app that asks for it.
async fn writing(stop: &Stop) -> (Authority, TestApp) {
    let ehr = Authority::with(stop).await;
    ehr.script(|script| script.token = json!({"scope": SCOPES, "id_token": null}));
    let app = ehr.app_with("write-drafts = true").await;
    (ehr, app)
}

fn own() -> Option<&'static str> {
    PUBLIC.strip_suffix("/stepdown")
}

/// A field of the form on a page.
fn hidden(page: &str, name: &str) -> String {
    let at = format!("name=\"{name}\" value=\"");
    let (_, rest) = page
        .split_once(&at)
        .unwrap_or_else(|| panic!("no {name} on {page}"));
    rest.split('"').next().unwrap().to_owned()
}

/// What a page shows between two marks, as its reader sees it.
fn seen(page: &str, from: &str, to: &str) -> String {
    let (_, rest) = page.split_once(from).unwrap();
    let text = rest.split(to).next().unwrap();
    let text = text
        .replace("&#34;", "\"")
        .replace("&#39;", "'")
        .replace("&lt;", "<");
    text.replace("&gt;", ">")
        .replace("&amp;", "&")
        .replace("&#38;", "&")
}

/// What was asked to be created.
async fn created(ehr: &Authority) -> Vec<wiremock::Request> {
    let asked = ehr.asked("/fhir/MedicationRequest").await;
    asked
        .into_iter()
        .filter(|request| request.method == wiremock::http::Method::POST)
        .collect()
}

/// One chart with a plan under confirmation.
struct Confirming<'a> {
    browser: Browser<'a>,
    chart: String,
    fields: [String; 2],
    page: String,
}

impl<'a> Confirming<'a> {
    async fn open(ehr: &Authority, app: &'a TestApp, query: &str) -> Self {
        let browser = Browser::new(app);
        let chart = browser.open(ehr).await;
        let page = browser.get(&format!("{chart}/draft{query}")).await;
        assert_eq!(page.status, 200, "{}", page.text());
        let page = page.text();
        Self {
            browser,
            chart,
            fields: [hidden(&page, "form"), hidden(&page, "order")],
            page,
        }
    }

    async fn submit(&self, query: &str) -> Answer {
        let [form, order] = &self.fields;
        let path = format!("{}/draft{query}", self.chart);
        self.browser
            .submit(&path, own(), &[("form", form), ("order", order)])
            .await
    }

    /// Confirms, and reads the page that follows.
    async fn told(&self) -> String {
        let answer = self.submit("").await;
        self.browser.get(&super::authority::path(&answer)).await.text()
    }
}

async fn audited(app: &TestApp) -> Vec<(String, Option<String>, Vec<String>)> {
    let url = format!("sqlite:{}", app.folder().join("journal.db").display());
    let archive = Archive::open(&JournalAddress::new(&url, None)).await.unwrap();
    let (entries, _) = archive
        .audit(Timestamp::UNIX_EPOCH, After::default())
        .await
        .unwrap();
    let writes = entries.into_iter().filter(|entry| entry.hook == "app-write");
    writes
        .map(|entry| (entry.outcome, entry.user, entry.cards[0].orders.clone()))
        .collect()
}

#[tokio::test]
async fn an_order_is_written_as_it_was_shown_and_the_journal_says_so() {
    let (ehr, app) = writing(&lupus()).await;
    ehr.script(|script| {
        script.token = json!({"scope": format!("{SCOPES} openid fhirUser")});
    });
    let confirming = Confirming::open(&ehr, &app, "").await;
    let page = &confirming.page;
    for words in [
        "draft",
        "proposal",
        "MedicationRequest/tac-1",
        "tacrolimus 0.5 MG Oral Capsule",
        &ehr.base(),
    ] {
        assert!(page.contains(words), "{words}: {page}");
    }
    assert!(
        created(&ehr).await.is_empty(),
        "a page that is read writes nothing"
    );
    assert!(confirming.told().await.contains("The draft order was written"));
    let sent = created(&ehr).await;
    let written: Value = serde_json::from_slice(&sent[0].body).unwrap();
    let shown: Value = serde_json::from_str(&seen(page, "as it is sent\">", "</pre>")).unwrap();
    assert_eq!(written, shown);
    assert_eq!(
        (
            &written["status"],
            &written["intent"],
            &written["subject"]["reference"]
        ),
        (&json!("draft"), &json!("proposal"), &json!("Patient/synthetic-1"))
    );
    assert!(written.get("id").is_none() && written["authoredOn"].is_string());
    let value = written["identifier"][0]["value"].as_str().unwrap();
    let header = |name: &str| sent[0].headers[name].to_str().unwrap().to_owned();
    assert_eq!(
        header("if-none-exist"),
        format!("identifier=urn:stepdown:draft|{value}")
    );
    assert_eq!(header("content-type"), "application/fhir+json");
    assert_eq!(header("authorization"), "Bearer access-secret-1");
    let orders = |of: &[&str]| {
        of.iter()
            .map(|of| format!("MedicationRequest/{of}"))
            .collect::<Vec<_>>()
    };
    let made = &audited(&app).await[1].2[1];
    let user = Some("Practitioner/prescriber-7".to_owned());
    assert_eq!(
        audited(&app).await,
        [
            ("write-intended".to_owned(), user.clone(), orders(&["tac-1"])),
            (
                "write-created".to_owned(),
                user,
                vec![orders(&["tac-1"])[0].clone(), made.clone()]
            ),
        ]
    );
}

/// The same steps as in the suggestion of the card: there is one way to make them.
#[tokio::test]
async fn the_order_is_that_of_the_cards_suggestion() {
    let (ehr, app) = writing(&lupus()).await;
    let answer = app.trusted_ehr().hook(&lupus().request()).await;
    let card = answer.card("taper");
    let suggested = &card["suggestions"][0]["actions"][0]["resource"];
    Confirming::open(&ehr, &app, "").await.told().await;
    let written: Value = serde_json::from_slice(&created(&ehr).await[0].body).unwrap();
    for element in [
        "medicationCodeableConcept",
        "dosageInstruction",
        "priorPrescription",
        "subject",
    ] {
        assert_eq!(written[element], suggested[element], "{element}");
    }
}

#[tokio::test]
async fn a_second_submit_never_writes_twice() {
    let (ehr, app) = writing(&lupus()).await;
    let confirming = Confirming::open(&ehr, &app, "").await;
    let (one, other) = tokio::join!(confirming.submit(""), confirming.submit(""));
    let again = confirming.submit("").await;
    for answer in [one, other, again] {
        let page = confirming.browser.get(&super::authority::path(&answer)).await;
        assert!(page.text().contains("The draft order was written"));
    }
    let shown_again = Confirming {
        page: confirming
            .browser
            .get(&format!("{}/draft", confirming.chart))
            .await
            .text(),
        ..confirming
    };
    assert_eq!(
        hidden(&shown_again.page, "order"),
        shown_again.fields[1],
        "the same plan is the same order"
    );
    assert_eq!(created(&ehr).await.len(), 1);
    // Another launch, which knows nothing of the first: the server finds it by its identifier.
    let other = Confirming::open(&ehr, &app, "").await;
    assert!(other.told().await.contains("was there already"));
    let kept = |script: &mut super::authority::Script| {
        script
            .records
            .iter()
            .filter(|record| record["identifier"][0]["system"] == "urn:stepdown:draft")
            .count()
    };
    let mut count = 0;
    ehr.script(|script| count = kept(script));
    assert_eq!(count, 1);
}

#[tokio::test]
async fn without_settings_or_scope_a_plan_can_only_be_printed() {
    let ehr = Authority::with(&lupus()).await;
    for (settings, scope, words) in [
        ("", SCOPES, "does not write orders"),
        (
            "write-drafts = true",
            "launch patient/*.rs",
            "did not give the app the right",
        ),
        (
            "write-drafts = true",
            "launch patient/*.rs patient/MedicationRequest.u",
            "did not give the app the right",
        ),
    ] {
        ehr.script(|script| script.token = json!({"scope": scope, "id_token": null}));
        let app = ehr.app_with(settings).await;
        let browser = Browser::new(&app);
        let chart = browser.open(&ehr).await;
        let page = browser.get(&chart).await.text();
        assert!(page.contains("to print") && !page.contains("/draft?"), "{scope}");
        assert_eq!(
            page.contains("did not give the app the right"),
            !settings.is_empty()
        );
        let page = browser.get(&format!("{chart}/draft")).await.text();
        assert!(page.contains(words) && !page.contains("<form"), "{page}");
        let sent = browser
            .submit(&format!("{chart}/draft"), own(), &[("form", "x"), ("order", "x")])
            .await;
        assert!(sent.status >= 400);
    }
    assert!(created(&ehr).await.is_empty());
}

#[tokio::test]
async fn the_right_to_write_is_asked_for_only_where_the_settings_say_so() {
    let ehr = Authority::with(&lupus()).await;
    let asked = async |settings: &str| {
        let app = ehr.app_with(settings).await;
        super::authority::query(&Browser::new(&app).begin(&ehr).await)["scope"].clone()
    };
    assert!(!asked("").await.contains("MedicationRequest.c"));
    assert!(
        asked("write-drafts = true")
            .await
            .ends_with(" patient/MedicationRequest.c")
    );
    ehr.script(|script| script.discovery = json!({"capabilities": ["permission-v1"]}));
    assert!(
        asked("write-drafts = true")
            .await
            .ends_with(" patient/MedicationRequest.write")
    );
    ehr.script(|script| {
        script.token = json!({"scope": "patient/*.read patient/MedicationRequest.write", "id_token": null})
    });
    let app = ehr.app_with("write-drafts = true").await;
    assert!(
        Confirming::open(&ehr, &app, "")
            .await
            .told()
            .await
            .contains("was written")
    );
}

#[tokio::test]
async fn only_the_form_of_this_session_in_this_browser_writes() {
    let (ehr, app) = writing(&lupus()).await;
    let confirming = Confirming::open(&ehr, &app, "").await;
    let other = Confirming::open(&ehr, &app, "").await;
    let [form, order] = &confirming.fields;
    let path = format!("{}/draft", confirming.chart);
    let refused = async |browser: &Browser<'_>, origin: Option<&str>, form: &str| {
        let answer = browser
            .submit(&path, origin, &[("form", form), ("order", order)])
            .await;
        assert!(matches!(answer.status, 403 | 404), "{}", answer.status);
    };
    refused(&confirming.browser, Some("https://evil.example"), form).await;
    refused(&confirming.browser, Some("null"), form).await;
    refused(&confirming.browser, own(), "").await;
    refused(&confirming.browser, own(), &other.fields[0]).await;
    refused(&other.browser, own(), form).await;
    refused(&Browser::new(&app), own(), form).await;
    let bare = confirming.browser.post(&path, own()).await;
    assert!(bare.status >= 400);
    assert!(created(&ehr).await.is_empty() && audited(&app).await.is_empty());
}

#[tokio::test]
async fn what_the_checks_forbid_is_not_written() {
    let no_dose = |text: &str| text.to_owned();
    let mut child = lupus();
    child = child.with_stopped(|_| ());
    let transplant = Stop::tacrolimus().with_kidney_transplant();
    for (stop, query, words) in [
        (transplant, "", no_dose("None is offered")),
        (child, "?cut=100&most=50", no_dose("beyond the scheme")),
        (lupus(), "?every=3", no_dose("beyond the scheme")),
        (lupus(), "?start=1999-01-01", no_dose("beyond the scheme")),
        (lupus(), "?cut=abc", no_dose("beyond the scheme")),
    ] {
        let (ehr, app) = writing(&stop).await;
        let browser = Browser::new(&app);
        let chart = browser.open(&ehr).await;
        let page = browser.get(&format!("{chart}/draft{query}")).await.text();
        assert!(
            page.contains(&words) && !page.contains("<form"),
            "{query}: {page}"
        );
        let page = browser.get(&format!("{chart}{query}")).await.text();
        assert!(!page.contains("/draft?"), "{query}");
    }
}

#[tokio::test]
async fn a_child_has_no_order() {
    let (ehr, app) = writing(&lupus()).await;
    ehr.script(|script| {
        for record in &mut script.records {
            if record["resourceType"] == "Patient" {
                record["birthDate"] = json!(days_ago(9 * 365)[..10]);
            }
        }
    });
    let browser = Browser::new(&app);
    let chart = browser.open(&ehr).await;
    let page = browser.get(&format!("{chart}/draft")).await.text();
    assert!(
        page.contains("None is offered") && !page.contains("<form"),
        "{page}"
    );
}

/// Extended-release tablets of 1 mg only make 3 mg, 2 mg and 1 mg of one product; 0.75 mg is another one.
#[tokio::test]
async fn steps_that_need_several_products_are_not_one_order() {
    let stop = lupus();
    let (ehr, app) = writing(&stop).await;
    ehr.script(|script| {
        script.records.retain(|record| record["id"] != "tac-1");
        script
            .records
            .push(order("tac-1", "active", ENVARSUS_1_MG, (5.0, 1), &days_ago(420)));
    });
    let browser = Browser::new(&app);
    let chart = browser.open(&ehr).await;
    let page = browser.get(&format!("{chart}/draft")).await.text();
    assert!(
        page.contains("no single product") && !page.contains("<form"),
        "{page}"
    );
}

#[tokio::test]
async fn another_plan_than_the_one_that_was_shown_is_shown_and_not_written() {
    let (ehr, app) = writing(&lupus()).await;
    let confirming = Confirming::open(&ehr, &app, "").await;
    let answer = confirming.submit("?every=21").await;
    assert_eq!(answer.status, 409);
    assert!(answer.text().contains("Nothing was written"));
    assert!(created(&ehr).await.is_empty());
    let shown = [hidden(&answer.text(), "form"), hidden(&answer.text(), "order")];
    assert_ne!(shown[1], confirming.fields[1]);
    let now = Confirming {
        fields: shown,
        ..confirming
    };
    assert_eq!(now.submit("?every=21").await.status, 303);
    assert_eq!(created(&ehr).await.len(), 1);
}

#[tokio::test]
async fn every_refusal_of_the_server_is_told_and_may_be_tried_again() {
    let told = json!({"resourceType": "OperationOutcome", "issue": [{"severity": "error", "code": "required",
        "expression": ["MedicationRequest.requester"], "diagnostics": "Synthia Quux has no requester",
        "details": {"text": "MRN-481516"}}]});
    for (status, words) in [
        (
            400,
            "something that it requires is missing: MedicationRequest.requester",
        ),
        (403, "does not let you, or the app, write this order"),
        (404, "does not take new orders"),
        (405, "does not take new orders"),
        (412, "may be there more than once"),
        (
            422,
            "something that it requires is missing: MedicationRequest.requester",
        ),
        (429, "no more calls now"),
    ] {
        let (ehr, app) = writing(&lupus()).await;
        ehr.script(|script| {
            script.creating.status = status;
            script.creating.body = told.clone();
            script.creating.keeps = false;
        });
        let confirming = Confirming::open(&ehr, &app, "").await;
        let page = confirming.told().await;
        assert!(
            page.contains("Nothing was written") && page.contains(words),
            "{status}: {page}"
        );
        assert!(!page.contains("has no requester") && !page.contains("urn:oid"));
        assert_eq!(audited(&app).await.last().unwrap().0, "write-refused");
        ehr.script(|script| script.creating.status = 201);
        assert!(
            confirming.told().await.contains("The draft order was written"),
            "{status}"
        );
    }
}

#[tokio::test]
async fn a_token_that_ended_is_renewed_once_and_the_order_written_once() {
    let (ehr, app) = writing(&lupus()).await;
    let confirming = Confirming::open(&ehr, &app, "").await;
    ehr.script(|script| script.ended = vec!["access-secret-1".to_owned()]);
    assert!(confirming.told().await.contains("The draft order was written"));
    assert_eq!(created(&ehr).await.len(), 2, "the first was refused with 401");
    assert_eq!(form(&ehr.asked("/token").await[1])["grant_type"], "refresh_token");
    let (ehr, app) = writing(&lupus()).await;
    ehr.script(|script| script.token["refresh_token"] = json!(null));
    let confirming = Confirming::open(&ehr, &app, "").await;
    ehr.script(|script| script.ended = vec!["access-secret-1".to_owned()]);
    let page = confirming.told().await;
    assert!(
        page.contains("Nothing was written") && page.contains("Open the app again"),
        "{page}"
    );
}

#[tokio::test]
async fn an_outcome_that_is_not_known_is_said_and_looked_for_and_never_sent_again() {
    for keeps in [true, false] {
        let (ehr, app) = writing(&lupus()).await;
        ehr.script(|script| {
            script.creating.status = 504;
            script.creating.keeps = keeps;
        });
        let confirming = Confirming::open(&ehr, &app, "").await;
        let page = confirming.told().await;
        if keeps {
            assert!(
                page.contains("The draft order was written"),
                "it was found: {page}"
            );
        } else {
            assert!(
                page.contains("not known whether") && page.contains("may have been written"),
                "{page}"
            );
        }
        assert_eq!(audited(&app).await.last().unwrap().0, "write-unknown");
        ehr.script(|script| script.creating.status = 201);
        confirming.told().await;
        assert_eq!(created(&ehr).await.len(), 1, "it is not sent a second time");
    }
}

#[tokio::test]
async fn a_draft_on_record_does_not_change_what_the_page_says() {
    let (ehr, app) = writing(&lupus()).await;
    let confirming = Confirming::open(&ehr, &app, "").await;
    let says = |page: String| seen(&page, "<div id=\"says\">", "<section");
    let before = says(confirming.browser.get(&confirming.chart).await.text());
    confirming.told().await;
    let after = says(
        confirming
            .browser
            .get(&format!("{}?again=1", confirming.chart))
            .await
            .text(),
    );
    assert_eq!(before, after);
}
