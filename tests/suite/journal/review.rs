//! The operator's page through HTTP: who may look, what the pages say, and what a review leaves, on both engines.

use crate::helpers::command::{copied, edit};
use crate::helpers::postgres::Postgres;
use crate::helpers::pure::knowledge;
use crate::helpers::{SOON, Stop, TestApp, installed, now, until};
use reqwest::Method;
use reqwest::header::{CONTENT_DISPOSITION, CONTENT_SECURITY_POLICY, COOKIE, LOCATION, SET_COOKIE};
use serde_json::{Value, json};
use stepdown::journal::{After, Archive, JournalAddress, Period};

const HOOK: &str = "medication-discontinue";
const TOKEN: &str = "an-operator-token-of-forty-characters-00";
const OWN: &str = "the-token-of-a-reviewer-with-a-name-0000";

/// A service with an operator, and a reviewer of the name `ward`.
async fn operated(journal: &str) -> (TestApp, tempfile::TempDir) {
    let folder = tempfile::tempdir().unwrap();
    let file = |name: &str, token: &str| {
        let path = folder.path().join(name);
        std::fs::write(&path, token).unwrap();
        path.display().to_string()
    };
    let (all, own) = (file("token", TOKEN), file("own", OWN));
    let operator = format!(
        "{journal}\n[operator]\ntoken-file = '{all}'\n[[operator.person]]\nname = 'ward'\ntoken-file = '{own}'"
    );
    (TestApp::keeping(&operator).await, folder)
}

/// What came back.
struct Page {
    status: u16,
    location: String,
    cookie: String,
    policy: String,
    file: String,
    text: String,
}

async fn send(call: reqwest::RequestBuilder) -> Page {
    let answer = call.send().await.unwrap();
    let header = |name| {
        let value = answer.headers().get(name);
        value.map_or("", |value| value.to_str().unwrap()).to_owned()
    };
    Page {
        status: answer.status().as_u16(),
        location: header(LOCATION),
        cookie: header(SET_COOKIE),
        policy: header(CONTENT_SECURITY_POLICY),
        file: header(CONTENT_DISPOSITION),
        // Where a long name may be broken is no part of it.
        text: answer.text().await.unwrap().replace("<wbr>", ""),
    }
}

fn form(fields: &[(&str, &str)]) -> String {
    let mut body = url::form_urlencoded::Serializer::new(String::new());
    body.extend_pairs(fields);
    body.finish()
}

/// A browser that is signed in.
struct Browser<'a> {
    app: &'a TestApp,
    cookie: String,
}

impl<'a> Browser<'a> {
    async fn sign_in(app: &'a TestApp, token: &str) -> Result<Self, Page> {
        let stranger = Browser {
            app,
            cookie: String::new(),
        };
        let answer = stranger.post("sign-in", &[("token", token)]).await;
        if answer.status != 303 {
            return Err(answer);
        }
        let cookie = answer.cookie.split(';').next().unwrap().to_owned();
        for of in ["HttpOnly", "SameSite=Strict", "Secure", "Max-Age=1800"] {
            assert!(answer.cookie.contains(of), "{}", answer.cookie);
        }
        Ok(Browser { app, cookie })
    }

    async fn get(&self, page: &str) -> Page {
        let call = self.app.call(Method::GET, &format!("/operator/{page}"));
        send(call.header(COOKIE, &self.cookie)).await
    }

    async fn post(&self, page: &str, fields: &[(&str, &str)]) -> Page {
        let call = self.app.call(Method::POST, &format!("/operator/{page}"));
        let call = call.header("content-type", "application/x-www-form-urlencoded");
        send(call.header(COOKIE, &self.cookie).body(form(fields))).await
    }

    /// The value of a hidden field of a page.
    async fn field(&self, page: &str, name: &str) -> String {
        let text = self.get(page).await.text;
        let after = text.split_once(&format!("name=\"{name}\" value=\"")).unwrap().1;
        after.split('"').next().unwrap().to_owned()
    }
}

fn overridden(card: &Value, code: &str) -> Value {
    json!({"feedback": [{"card": card["uuid"], "outcome": "overridden", "outcomeTimestamp": now().to_string(),
        "overrideReason": {"reason": {"code": code, "system": "urn:reasons"}, "userComment": "canary-comment"}}]})
}

/// Signs in, reads every page, judges a card twice, looks up whom it was about, and signs out.
async fn review(url: &str) {
    let (app, _folder) = operated(&format!("url = '{url}'")).await;
    let stop = Stop::tacrolimus().with_kidney_transplant().request();
    let patient = stop["context"]["patientId"].as_str().unwrap().to_owned();
    let answer = app.trusted_ehr().hook(&stop).await;
    let first = &answer.cards()[0];
    let card = first["uuid"].as_str().unwrap();
    let rule = first["extension"]["org.stepdown.basis"]["rule"].as_str().unwrap();
    let kept = app.trusted_ehr().feedback(HOOK, &overridden(first, "=1+1")).await;
    assert_eq!(kept.status, 200);

    let browser = Browser::sign_in(&app, OWN).await.ok().unwrap();
    let overview = browser.get("overview").await;
    assert_eq!(overview.status, 200);
    for said in [rule, "1 of 1", "=1+1", "hospital", "ward"] {
        assert!(overview.text.contains(said), "{said}\n{}", overview.text);
    }
    let policy = &overview.policy;
    assert!(
        policy.starts_with("default-src 'none'") && !policy.contains("script") && !policy.contains("inline"),
        "{policy}"
    );
    let list = browser.get("cards?verdict=none").await;
    assert!(list.text.contains(&format!("card?card={card}")), "{}", list.text);
    let one = browser.get(&format!("card?card={card}")).await;
    assert!(
        one.text.contains(rule) && one.text.contains("overridden"),
        "{}",
        one.text
    );

    // Nobody's name is on a page until it is asked for, and then who asked is on disk.
    for page in [&overview, &list, &one] {
        for private in [&*patient, "canary-comment", "MedicationRequest/", "Practitioner/"] {
            assert!(!page.text.contains(private), "{private}");
        }
    }
    let token = browser.field(&format!("card?card={card}"), "form").await;
    let whom = browser.post("reveal", &[("form", &token), ("card", card)]).await;
    assert_eq!(whom.status, 200);
    assert!(whom.text.contains(&format!("Patient/{patient}")), "{}", whom.text);
    let archive = Archive::open(&JournalAddress::new(url, None)).await.unwrap();
    let (views, _) = archive.views(Period::ALL.from, After::default()).await.unwrap();
    assert_eq!(views.len(), 1);
    assert_eq!((&*views[0].who, &*views[0].card), ("ward", card));

    judge_and_change(&browser, card).await;
    leave(browser, &token).await;
}

async fn judge_and_change(browser: &Browser<'_>, card: &str) {
    let page = format!("card?card={card}");
    let (token, key) = (
        browser.field(&page, "form").await,
        browser.field(&page, "key").await,
    );
    let say = async |verdict: &str, key: &str| {
        let fields = [
            ("form", &*token),
            ("card", card),
            ("key", key),
            ("verdict", verdict),
            ("note", "canary-note"),
        ];
        let answer = browser.post("verdict", &fields).await;
        (answer.status, answer.location)
    };
    let back = (303, format!("card?card={card}&kept=1"));
    assert_eq!(say("wrong", &key).await, back);
    assert_eq!(
        say("wrong", &key).await,
        back,
        "a form that is sent twice counts once"
    );
    let other = uuid::Uuid::new_v4().to_string();
    assert_eq!(say("not-useful", &other).await, back);
    assert_eq!(say("perhaps", &key).await.0, 400);
    let text = browser.get(&page).await.text;
    let history = text.split_once("History").unwrap().1;
    let (newest, oldest) = (history.find("not useful"), history.find("wrong"));
    assert!(newest.is_some() && newest < oldest, "{history}");
    assert_eq!(history.matches("<td>ward</td>").count(), 2, "{history}");
    assert!(!text.contains("canary-note"), "notes are not kept unless set");
    let sheet = browser.get("export?of=verdicts").await;
    assert!(
        sheet
            .file
            .starts_with("attachment; filename=\"stepdown-verdicts-")
    );
    assert!(
        sheet.text.contains(",abrupt-withdrawal,1,0,0,1\n"),
        "{}",
        sheet.text
    );
    let history = browser.get("export?of=history").await.text;
    assert!(
        history.contains(",ward,wrong\n") && history.contains(",ward,not-useful\n"),
        "{history}"
    );
    let reasons = browser.get("export?of=reasons").await.text;
    assert!(reasons.contains("urn:reasons,'=1+1,1"), "{reasons}");
    for of in ["calls", "days", "fired", "outcomes", "cards"] {
        let sheet = browser.get(&format!("export?of={of}")).await;
        assert_eq!(sheet.status, 200, "{of}");
        assert!(sheet.text.lines().count() > 1, "{of}: {}", sheet.text);
        assert!(!sheet.text.contains("Patient/") && !sheet.text.contains("canary"));
    }
}

/// After a sign-out the cookie is worth nothing, wherever it is sent.
async fn leave(browser: Browser<'_>, token: &str) {
    let out = browser.post("sign-out", &[("form", token)]).await;
    assert_eq!((out.status, &*out.location), (303, "sign-in"));
    assert!(out.cookie.contains("Max-Age=0"), "{}", out.cookie);
    let after = browser.get("overview").await;
    assert_eq!((after.status, &*after.location), (303, "sign-in"));
}

#[tokio::test]
async fn a_review_in_a_file() {
    let folder = tempfile::tempdir().unwrap();
    review(&format!("sqlite:{}", folder.path().join("journal.db").display())).await;
}

#[tokio::test]
async fn a_review_on_a_server() {
    if installed::skipped() {
        return;
    }
    let server = Postgres::start();
    review(&server.database("journal")).await;
    for attempt in [
        "UPDATE verdict SET says = 'right'",
        "DELETE FROM verdict",
        "DELETE FROM card",
        "TRUNCATE verdict",
        "UPDATE audit_view SET who = 'other'",
        "DELETE FROM audit_view",
        "TRUNCATE audit_view",
    ] {
        let said = server.execute("journal", attempt).unwrap_err();
        assert!(
            said.contains("verdicts are") || said.contains("audit entries are"),
            "{attempt}: {said}"
        );
    }
}

#[tokio::test]
async fn a_session_is_good_at_every_replica_until_it_is_signed_out_at_one() {
    let folder = tempfile::tempdir().unwrap();
    let shared = format!("url = 'sqlite:{}'", folder.path().join("shared.db").display());
    let ((one, _a), (other, _b)) = (operated(&shared).await, operated(&shared).await);
    let here = Browser::sign_in(&one, TOKEN).await.ok().unwrap();
    let there = Browser {
        app: &other,
        cookie: here.cookie.clone(),
    };
    assert_eq!(there.get("overview").await.status, 200);
    let token = there.field("overview", "form").await;
    leave(there, &token).await;
    assert_eq!(here.get("overview").await.status, 303);
}

#[tokio::test]
async fn nobody_looks_or_judges_without_a_session_of_their_own() {
    let (app, _folder) = operated("url = 'sqlite:journal.db'").await;
    let stranger = Browser {
        app: &app,
        cookie: "stepdown-operator=e30.e30".into(),
    };
    let card = uuid::Uuid::new_v4().to_string();
    for page in [
        "overview",
        "cards",
        "export?of=cards",
        &format!("card?card={card}"),
    ] {
        let answer = stranger.get(page).await;
        assert_eq!((answer.status, &*answer.location), (303, "sign-in"), "{page}");
    }
    let (one, other) = (
        Browser::sign_in(&app, TOKEN).await.ok().unwrap(),
        Browser::sign_in(&app, OWN).await.ok().unwrap(),
    );
    let foreign = other.field("overview", "form").await;
    let own = one.field("overview", "form").await;
    for token in ["", "x", &foreign] {
        for page in ["reveal", "sign-out"] {
            let answer = one.post(page, &[("form", token), ("card", &card)]).await;
            assert_eq!(answer.status, 403, "{page}");
        }
        let key = uuid::Uuid::new_v4().to_string();
        let fields = [
            ("form", token),
            ("card", &card),
            ("key", &key),
            ("verdict", "right"),
        ];
        assert_eq!(one.post("verdict", &fields).await.status, 403);
    }
    // A form that another site sends, with everything right in it.
    let call = app
        .call(Method::POST, "/operator/sign-out")
        .header(COOKIE, &one.cookie);
    let call = call
        .header("sec-fetch-site", "cross-site")
        .header("content-type", "application/x-www-form-urlencoded");
    assert_eq!(send(call.body(form(&[("form", &own)]))).await.status, 403);
    assert_eq!(one.get("overview").await.status, 200);
    assert_eq!(
        one.post("reveal", &[("form", &own), ("card", &card)])
            .await
            .status,
        404,
        "no such card"
    );
    for query in ["from=yesterday", "cards=some", "from=2026-11-03&to=2026-11-02"] {
        assert_eq!(one.get(&format!("cards?{query}")).await.status, 400, "{query}");
    }
    assert_eq!(one.get("export?of=everything").await.status, 400);
    assert_eq!(one.get("card?card=1").await.status, 404);
}

#[tokio::test]
async fn whoever_guesses_has_to_wait() {
    let (app, _folder) = operated("url = 'sqlite:journal.db'").await;
    for _ in 0..10 {
        let refused = Browser::sign_in(&app, "canary-guess").await.err().unwrap();
        assert_eq!(refused.status, 403);
        assert!(!refused.text.contains("canary"));
    }
    assert_eq!(Browser::sign_in(&app, TOKEN).await.err().unwrap().status, 429);
    let read = app.call(Method::GET, "/operator/feedback").bearer_auth(TOKEN);
    assert_eq!(send(read).await.status, 429, "one bound for both doors");
}

#[tokio::test]
async fn nothing_is_there_without_an_operator() {
    let app = TestApp::spawn().await;
    let nobody = Browser {
        app: &app,
        cookie: String::new(),
    };
    for page in ["overview", "sign-in", "cards", "export?of=cards"] {
        assert_eq!(nobody.get(page).await.status, 404, "{page}");
    }
    assert_eq!(nobody.post("sign-in", &[("token", "")]).await.status, 404);
}

#[tokio::test]
async fn a_journal_that_is_away_is_said_and_nothing_is_shown() {
    let (app, _folder) = operated("url = 'sqlite:journal.db'").await;
    let stop = Stop::tacrolimus().with_kidney_transplant().request();
    let answer = app.trusted_ehr().hook(&stop).await;
    let card = answer.cards()[0]["uuid"].as_str().unwrap().to_owned();
    let kept = app
        .trusted_ehr()
        .feedback(HOOK, &overridden(&answer.cards()[0], "x"))
        .await;
    assert_eq!(kept.status, 200);
    let browser = Browser::sign_in(&app, TOKEN).await.ok().unwrap();
    let page = format!("card?card={card}");
    let (token, key) = (
        browser.field(&page, "form").await,
        browser.field(&page, "key").await,
    );
    app.journal().close().await.unwrap();
    for page in ["overview", "cards", "export?of=cards", &page] {
        assert_eq!(browser.get(page).await.status, 503, "{page}");
    }
    let fields = [
        ("form", &*token),
        ("card", &card),
        ("key", &key),
        ("verdict", "right"),
    ];
    for page in ["verdict", "reveal"] {
        let answer = browser.post(page, &fields).await;
        assert_eq!(answer.status, 503, "{page}");
        assert!(!answer.text.contains("Patient/"));
    }
}

#[tokio::test]
async fn the_silent_cards_are_found_by_rule_and_page_by_page() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("token");
    std::fs::write(&file, TOKEN).unwrap();
    let top = format!(
        "silent = ['tacrolimus/kidney-transplant/*']\n[operator]\ntoken-file = '{}'",
        file.display()
    );
    let app = TestApp::with("http://127.0.0.1:9/fhir", &top, "").await;
    let stop = Stop::tacrolimus().with_kidney_transplant().request();
    for _ in 0..30 {
        assert!(app.trusted_ehr().hook(&stop).await.cards().is_empty());
    }
    app.journal().spend_jti("settle", "1", now()).await.unwrap();
    let browser = Browser::sign_in(&app, TOKEN).await.ok().unwrap();
    // Evaluations are written within a moment.
    let written = async || {
        let text = browser.get("cards?cards=withheld").await.text;
        assert!(!text.contains("<td>shown"));
        let counts = app.journal().counts().await.unwrap();
        (counts.evaluations == 30).then_some(())
    };
    until(SOON, "30 evaluations", written).await;
    let text = browser.get("cards?cards=withheld").await.text;
    let linked = |text: &str| {
        let links = text.split("card?card=").skip(1);
        links.map(|link| link[..36].to_owned()).collect::<Vec<_>>()
    };
    let mut seen = linked(&text);
    assert_eq!(seen.len(), 50, "one page");
    let next = text
        .split("href=\"cards?")
        .filter(|link| link.contains("before="));
    let next = next
        .last()
        .unwrap()
        .split('"')
        .next()
        .unwrap()
        .replace("&#38;", "&");
    seen.extend(linked(&browser.get(&format!("cards?{next}")).await.text));
    let all = seen.len();
    seen.sort();
    seen.dedup();
    assert_eq!(seen.len(), all, "no card stands on two pages");
    assert!(
        browser
            .get("cards?cards=shown")
            .await
            .text
            .contains("No card matches")
    );
    let other = browser.get("cards?rule=another%2Frule%2Fthan").await.text;
    assert!(other.contains("No card matches"));
}

/// The card of an answer for a patient with lupus nephritis, as a reviewer sees it before and after it is written
/// down that they asked for the patient.
async fn looked_up(browser: &Browser<'_>, card: &str) -> (String, String) {
    let page = format!("card?card={card}");
    let before = browser.get(&page).await.text;
    let token = browser.field(&page, "form").await;
    let after = browser.post("reveal", &[("form", &token), ("card", card)]).await;
    assert_eq!(after.status, 200);
    (before, after.text)
}

#[tokio::test]
async fn what_a_card_rested_on_is_shown_with_the_patient_where_requests_are_kept() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("token");
    std::fs::write(&file, TOKEN).unwrap();
    let edited = copied("hooks", &folder.path().join("edited"));
    let top = format!(
        "[admin]\nlisten = '127.0.0.1:0'\n[capture]\nfolder = 'kept'\n[operator]\ntoken-file = '{}'",
        file.display()
    );
    let app = TestApp::with("http://127.0.0.1:9/fhir", &top, "capture = true").await;
    let stop = Stop::tacrolimus()
        .in_lupus_nephritis()
        .with_upcr("2.1", "g/g", 7)
        .request();
    let card = async |caller: crate::helpers::app::Caller<'_>| {
        let answer = caller.hook(&stop).await;
        let feedback = overridden(&answer.cards()[0], "x");
        // Feedback comes after the evaluation of its card: then it is in the journal.
        assert_eq!(caller.feedback(HOOK, &feedback).await.status, 200);
        answer.cards()[0]["uuid"].as_str().unwrap().to_owned()
    };
    let kept = app.folder().join("kept");
    let files = || {
        let entries = std::fs::read_dir(&kept)
            .unwrap()
            .map(|entry| entry.unwrap().path());
        let whole = entries.filter(|path| path.extension().is_some_and(|of| of == "json"));
        whole.collect::<Vec<_>>()
    };
    let (shown, other) = (card(app.trusted_ehr()).await, card(app.other_client()).await);
    let captured = async || (!files().is_empty()).then_some(());
    until(SOON, "a kept request", captured).await;
    let browser = Browser::sign_in(&app, TOKEN).await.ok().unwrap();

    let (before, after) = looked_up(&browser, &shown).await;
    for value in ["upcr", "2.1 g/g", "Observation/"] {
        assert!(!before.contains(value), "{value} before anybody asked\n{before}");
        assert!(after.contains(value), "{value}\n{after}");
    }
    assert!(
        before.contains("with the values that the card rested on"),
        "{before}"
    );
    assert!(!after.contains("with the tables"), "the same tables\n{after}");

    let (before, after) = looked_up(&browser, &other).await;
    for page in [before, after] {
        assert!(page.contains("no requests of this client are kept"), "{page}");
        assert!(!page.contains("2.1"), "{page}");
    }

    // Other tables are in use now, and say so.
    edit(
        &edited.join("content.toml"),
        &format!("version = \"{}\"", knowledge().version),
        "version = \"2099.1.0\"",
    );
    let settings = app.folder().join("settings.toml");
    let text = std::fs::read_to_string(&settings).unwrap();
    std::fs::write(&settings, format!("knowledge = '{}'\n{text}", edited.display())).unwrap();
    assert_eq!(app.admin(Method::POST, "/reload").await.status, 200);
    let (_, after) = looked_up(&browser, &shown).await;
    assert!(
        after.contains("with the tables 2099.1.0 that are in use now"),
        "{after}"
    );

    for file in files() {
        std::fs::write(file, "{\"stepdown-capture\": 9}").unwrap();
    }
    let (_, after) = looked_up(&browser, &shown).await;
    assert!(after.contains("cannot be judged again"), "{after}");
    for file in files() {
        std::fs::remove_file(file).unwrap();
    }
    let (_, after) = looked_up(&browser, &shown).await;
    assert!(after.contains("not in the folder of kept requests"), "{after}");
}
