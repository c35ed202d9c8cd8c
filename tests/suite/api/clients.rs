//! What differs from client to client: the form of an answer, what is shown at all, and names of its own.
//!
//! The judgement never differs; `Both` holds the answer of the standard beside that of a client with settings.

use crate::helpers::answer::{basis, differences, suggestions, topic_of};
use crate::helpers::{Answer, Ehr, Fault, Stop, TestApp};
use serde_json::{Value, json};
use std::time::{Duration, Instant};

const HOOK: &str = "medication-discontinue";

async fn with(settings: &str) -> TestApp {
    TestApp::with(crate::helpers::app::NOBODY, "", settings).await
}

/// Lupus nephritis in remission: warning, taper, agents and monitoring.
fn lupus() -> Stop {
    Stop::tacrolimus().in_lupus_nephritis().with_upcr("0.3", "g/g", 6)
}

/// The answer that the standard allows, and that of a client with settings, for the same chart.
struct Both {
    usual: Answer,
    own: Answer,
}

impl Both {
    async fn with(settings: &str) -> Self {
        let (plain, own) = (with("").await, with(settings).await);
        let request = lupus().request();
        let both = Both {
            usual: plain.trusted_ehr().hook(&request).await,
            own: own.trusted_ehr().hook(&request).await,
        };
        assert_eq!(both.usual.cards().len(), 4, "{:?}", both.usual.topics());
        both
    }

    /// What was sent of the answer but for these members of cards is the same.
    fn differ_only_in(&self, members: &[&str]) {
        let without = |answer: &Answer| {
            let mut json = crate::helpers::answer::advice(&answer.json);
            for card in json["cards"].as_array_mut().unwrap() {
                members
                    .iter()
                    .for_each(|member| drop(card.as_object_mut().unwrap().remove(*member)));
            }
            json
        };
        let found = differences(&without(&self.usual), &without(&self.own));
        assert!(found.is_empty(), "{found}");
    }
}

fn kinds(answer: &Value) -> Vec<String> {
    let of = |suggestion: &Value| {
        let action = &suggestion["actions"][0];
        format!(
            "{} {}",
            action["type"].as_str().unwrap(),
            action["resource"]["resourceType"].as_str().unwrap()
        )
    };
    suggestions(answer).map(of).collect()
}

#[tokio::test]
async fn a_client_without_settings_is_sent_what_the_standard_allows() {
    let both =
        Both::with("[client.shows]\nmax-cards = 4\nselection-behavior = 'any'\ndetail = 'markdown'").await;
    both.differ_only_in(&[]);
    assert!(kinds(&both.usual.json).contains(&"update MedicationRequest".to_owned()));
}

#[tokio::test]
async fn one_card_says_what_four_would() {
    let both = Both::with("profile = 'lowest'").await;
    let [card] = both.own.cards() else {
        panic!("{:?}", both.own.topics());
    };
    let first = &both.usual.cards()[0];
    assert_eq!(topic_of(card), topic_of(first));
    for same in ["summary", "indicator", "source", "extension", "overrideReasons"] {
        assert_eq!(card[same].get("url"), first[same].get("url"), "{same}");
    }
    assert_eq!(basis(card)["rule"], basis(first)["rule"]);
    let detail = card["detail"].as_str().unwrap();
    let mut links: Vec<&Value> = card["links"]
        .as_array()
        .unwrap()
        .iter()
        .map(|link| &link["url"])
        .collect();
    links.push(&card["source"]["url"]);
    for other in both.usual.cards() {
        assert!(
            detail.contains(other["detail"].as_str().unwrap()),
            "{}",
            topic_of(other)
        );
        assert!(links.contains(&&other["source"]["url"]), "{}", topic_of(other));
        for link in other["links"].as_array().into_iter().flatten() {
            assert!(links.contains(&&link["url"]), "{link}");
        }
    }
    assert_eq!(suggestions(&both.own.json).count(), 0);
    assert!(card.get("selectionBehavior").is_none() && card.get("suggestions").is_none());
}

#[tokio::test]
async fn cards_beyond_the_limit_join_the_last_one() {
    let both = Both::with("[client.shows]\nmax-cards = 2").await;
    assert_eq!(both.own.topics(), both.usual.topics()[..2]);
    let (last, usual) = (&both.own.cards()[1], both.usual.cards());
    let detail = last["detail"].as_str().unwrap();
    assert!(detail.starts_with(usual[1]["detail"].as_str().unwrap()));
    assert!(
        detail.contains(&format!("**{}**", usual[3]["summary"].as_str().unwrap())),
        "{detail}"
    );
    assert_eq!(both.own.cards()[0]["detail"], usual[0]["detail"]);
}

#[tokio::test]
async fn an_ehr_that_sets_its_own_doses_is_suggested_no_taper_and_no_dose() {
    let both = Both::with("profile = 'epic'").await;
    both.differ_only_in(&["suggestions", "selectionBehavior"]);
    assert!(!kinds(&both.own.json).is_empty());
    for suggestion in suggestions(&both.own.json) {
        let action = &suggestion["actions"][0];
        assert_eq!(action["type"], "create");
        assert_eq!(action["resource"]["resourceType"], "MedicationRequest");
        assert!(action["resource"].get("dosageInstruction").is_none(), "{action}");
        assert!(action["resource"]["medicationCodeableConcept"].is_object());
    }
    let taper = both.own.card("taper");
    assert!(taper.get("suggestions").is_none() && taper.get("selectionBehavior").is_none());
    assert!(
        !basis(taper)["schedule"].as_array().unwrap().is_empty(),
        "the text and the basis keep it"
    );
}

#[tokio::test]
async fn suggestions_follow_kind_number_and_behavior() {
    let both = Both::with("[client.shows]\nsuggestions = ['tests', 'keep-order']\nmax-suggestions = 1").await;
    both.differ_only_in(&["suggestions", "selectionBehavior"]);
    let mut left = kinds(&both.own.json);
    left.sort();
    assert_eq!(left, ["create ServiceRequest", "update MedicationRequest"]);
    let both = Both::with("profile = 'athenahealth'").await;
    both.differ_only_in(&["selectionBehavior"]);
    let behaviors = |answer: &Answer| -> Vec<Value> {
        answer
            .cards()
            .iter()
            .filter_map(|card| card.get("selectionBehavior").cloned())
            .collect()
    };
    assert!(behaviors(&both.usual).iter().all(|behavior| behavior == "any"));
    assert!(
        behaviors(&both.own)
            .iter()
            .all(|behavior| behavior == "at-most-one")
    );
    assert_eq!(behaviors(&both.own).len(), behaviors(&both.usual).len());
}

#[tokio::test]
async fn links_off_the_list_are_not_sent_and_text_may_be_plain() {
    let both = Both::with("[client.shows]\nlinks = ['https://doi.org/']\ndetail = 'plain'").await;
    both.differ_only_in(&["links", "detail"]);
    for card in both.own.cards() {
        for link in card["links"].as_array().into_iter().flatten() {
            assert!(
                link["url"].as_str().unwrap().starts_with("https://doi.org/"),
                "{link}"
            );
        }
        let detail = card["detail"].as_str().unwrap();
        assert!(!detail.contains("**") && !detail.contains("\\*"), "{detail}");
    }
}

#[tokio::test]
async fn a_silent_rule_is_evaluated_and_journalled_and_not_shown() {
    for (top, client) in [
        ("silent = ['tacrolimus/*']", ""),
        ("", "silent = ['tacrolimus/lupus-nephritis/*']"),
    ] {
        let app = TestApp::with(crate::helpers::app::NOBODY, top, client).await;
        let answer = app.trusted_ehr().hook(&lupus().request()).await;
        assert_eq!((answer.status, &answer.json), (200, &json!({"cards": []})));
        app.journal().close().await.unwrap();
        let (outcome, cards, withheld) = journalled(&app).await;
        assert_eq!(
            (outcome.as_str(), cards, withheld),
            ("withheld", 4, 4),
            "{top}{client}"
        );
    }
}

#[tokio::test]
async fn silence_is_kept_to_its_rule_and_its_client() {
    let app = with("silent = ['tacrolimus/lupus-nephritis/*']").await;
    let other = app.other_client().hook(&lupus().request()).await;
    assert_eq!(other.cards().len(), 4);
    let transplant = Stop::tacrolimus().with_kidney_transplant().request();
    assert!(!app.trusted_ehr().hook(&transplant).await.cards().is_empty());
    app.journal().close().await.unwrap();
    let (_, _, withheld) = journalled(&app).await;
    assert_eq!(withheld, 0);
}

#[tokio::test]
async fn a_silent_drug_hides_no_other_that_stops_with_it() {
    let both = lupus().stopping_also("mmf-1").request();
    let app = with("silent = ['tacrolimus/*']").await;
    let answer = app.trusted_ehr().hook(&both).await;
    assert!(!answer.cards().is_empty());
    for card in answer.cards() {
        let rule = basis(card)["rule"].as_str().unwrap();
        assert!(!rule.starts_with("tacrolimus/"), "{rule}");
    }
}

/// Outcome of the last call, cards of all calls, and how many of them were withheld.
async fn journalled(app: &TestApp) -> (String, i64, i64) {
    let file = app.folder().join("journal.db");
    let options = sqlx::sqlite::SqliteConnectOptions::new().filename(file);
    let mut connection = sqlx::ConnectOptions::connect(&options).await.unwrap();
    sqlx::query_as(
        "SELECT (SELECT outcome FROM evaluation ORDER BY id DESC LIMIT 1), count(*), coalesce(sum(withheld), 0) FROM card",
    )
    .fetch_one(&mut connection)
    .await
    .unwrap()
}

#[tokio::test]
async fn a_country_narrows_the_conversion() {
    let draft = |dose: f64| {
        let mut order = lupus().request()["context"]["toBeDiscontinued"]["entry"][0]["resource"].clone();
        order["id"] = json!("new");
        order["status"] = json!("draft");
        order["medicationCodeableConcept"] = json!({"coding": [{"system":
            "http://www.nlm.nih.gov/research/umls/rxnorm", "code": "1664463"}], "text": "Envarsus"});
        order["dosageInstruction"] = json!([{"timing": {"repeat": {"frequency": 1, "period": 1, "periodUnit": "d"}},
            "doseAndRate": [{"doseQuantity": {"value": dose, "unit": "mg",
                "system": "http://unitsofmeasure.org", "code": "mg"}}]}]);
        order
    };
    // From 3 mg a day to 2: 0.67, by the label of the European Union.
    let request = lupus().drafting(draft(2.0)).request();
    for (settings, expected) in [
        ("", vec![]),
        ("country = 'eu'", vec![]),
        ("country = 'us'", vec!["conversion-check"]),
    ] {
        let app = with(settings).await;
        assert_eq!(
            app.trusted_ehr().hook(&request).await.topics(),
            expected,
            "{settings}"
        );
    }
}

#[tokio::test]
async fn what_cannot_be_decided_is_refused_or_said_on_a_card() {
    let unreadable = Stop::tacrolimus().with_stopped(|order| {
        order.as_object_mut().unwrap().remove("medicationCodeableConcept");
        order["medicationReference"] = json!({"reference": "Medication/not-there"});
    });
    let request = unreadable.without_prefetch();
    with("")
        .await
        .trusted_ehr()
        .hook(&request)
        .await
        .refuses(412, "drug");
    let app = with("[client.shows]\nwhen-data-missing = 'card'").await;
    let answer = app.trusted_ehr().hook(&request).await;
    let card = answer.card("abrupt-withdrawal");
    assert_eq!((answer.cards().len(), &card["indicator"]), (1, &json!("info")));
    assert_eq!(basis(card)["drugs"], json!(["unknown"]));
    answer.states_gap("drug", "not-readable");
    assert!(card["source"]["url"].as_str().unwrap().starts_with("https://"));
}

#[tokio::test]
async fn a_site_may_name_its_prefetch_keys() {
    let mut request = lupus().request();
    let prefetch = request["prefetch"].as_object_mut().unwrap();
    let allergies = prefetch.remove("allergies").unwrap();
    prefetch.insert("-allergies".to_owned(), Value::Null);
    assert!(allergies.is_object());
    let asked = |settings| {
        let request = request.clone();
        async move { with(settings).await.trusted_ehr().hook(&request).await }
    };
    assert!(asked("").await.has_gap("allergies", "fetch-failed"));
    let named = asked("[client.prefetch]\nallergies = '-allergies'").await;
    assert!(!named.has_gap("allergies", "fetch-failed"), "{:?}", named.gaps());
}

#[tokio::test]
async fn a_hook_may_have_a_deadline_of_its_own() {
    let stop = Stop::tacrolimus().with_kidney_transplant();
    let ehr = Ehr::holding(&stop).await.failing("*", Fault::Slow).open().await;
    let settings = format!("deadline-ms = 60000\n[client.deadlines-ms]\n{HOOK} = 300");
    let app = TestApp::with(&ehr.base(), "", &settings).await;
    let started = Instant::now();
    let answer = app.trusted_ehr().hook(&stop.granting(&ehr.base(), "t")).await;
    assert!(
        started.elapsed() < Duration::from_secs(3),
        "{:?}",
        started.elapsed()
    );
    answer.states_gap("observations", "fetch-failed");
}

#[test]
fn a_silent_rule_that_does_not_exist_keeps_the_service_from_starting() {
    for (top, client, named) in [
        (
            "silent = ['tacrolimus/lupus-nephritis/renamed']",
            "",
            "tacrolimus/lupus-nephritis/renamed",
        ),
        (
            "",
            "silent = ['tacrolimus/lupus-nefritis/*']",
            "tacrolimus/lupus-nefritis/*",
        ),
    ] {
        let folder = tempfile::tempdir().unwrap();
        let settings = crate::helpers::app::settings(folder.path(), crate::helpers::app::NOBODY, top, client);
        let file = folder.path().join("settings.toml");
        std::fs::write(&file, settings).unwrap();
        let ended = std::process::Command::new(env!("CARGO_BIN_EXE_stepdown"))
            .args(["serve", "--config"])
            .arg(&file)
            .output()
            .unwrap();
        let said = String::from_utf8_lossy(&ended.stderr);
        assert!(!ended.status.success());
        assert!(
            said.contains("`silent`") && said.contains(named) && said.contains("hospital"),
            "{said}"
        );
    }
}
