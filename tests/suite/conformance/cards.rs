//! Every card of every story: what the standard asks of it, and what the contract adds.

use crate::helpers::answer::{basis, suggestions, topic_of};
use crate::helpers::resources::PATIENT;
use crate::helpers::stories::stories;
use crate::helpers::{Answer, Demo, Stop, now};
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet};
use url::Url;

const TOPICS: [&str; 8] = [
    "abrupt-withdrawal",
    "stop-may-be-right",
    "rebound",
    "hold-and-restart",
    "conversion-check",
    "taper",
    "alternative-agents",
    "monitoring",
];

/// The answers to all stories, sent whole.
async fn answers() -> Vec<(&'static str, Answer)> {
    let demo = Demo::spawn().await;
    let mut answers = Vec::new();
    for (name, stop) in stories() {
        answers.push((name, demo.hook(&stop.request()).await));
    }
    answers
}

/// Every card with the name of its story.
async fn cards() -> Vec<(&'static str, Value)> {
    let all = answers().await.into_iter();
    all.flat_map(|(name, answer)| {
        answer
            .cards()
            .iter()
            .map(|card| (name, card.clone()))
            .collect::<Vec<_>>()
    })
    .collect()
}

fn text<'a>(value: &'a Value, name: &str) -> &'a str {
    value
        .as_str()
        .filter(|text| !text.trim().is_empty())
        .unwrap_or_else(|| panic!("{name}: no text in {value}"))
}

/// cds-36a, cds-36b, cds-36c, cds-38b, cds-38c, cds-38d
#[tokio::test]
async fn summary_indicator_source_and_topic_follow_the_standard() {
    for (name, card) in cards().await {
        let summary = text(&card["summary"], name);
        assert!(
            summary.chars().count() < 140 && !summary.contains('\n'),
            "{name}: {summary}"
        );
        assert!(
            ["info", "warning", "critical"].contains(&text(&card["indicator"], name)),
            "{name}"
        );
        let source = &card["source"];
        text(&source["label"], name);
        assert!(source.get("icon").is_none(), "{name}");
        let topic = &source["topic"];
        assert_eq!(topic["system"], "urn:stepdown:card-topic", "{name}");
        assert!(TOPICS.contains(&topic_of(&card)), "{name}: {topic}");
        text(&topic["display"], name);
        let plain =
            |code: &str| code.len() <= 100 && code.chars().all(|c| c.is_ascii_alphanumeric() || c == '-');
        assert!(plain(topic_of(&card)), "{name}");
    }
}

/// cds-37
#[tokio::test]
async fn every_card_and_suggestion_has_its_own_uuid() {
    let mut seen = BTreeSet::new();
    for (name, answer) in answers().await {
        for item in answer.cards().iter().chain(suggestions(&answer.json)) {
            let id = text(&item["uuid"], name);
            let bare = uuid::Uuid::parse_str(id).is_ok_and(|uuid| uuid.to_string() == id);
            assert!(bare && seen.insert(id.to_owned()), "{name}: {id}");
        }
    }
}

/// cds-38a, cds-43a, cds-43c, cds-44a
#[tokio::test]
async fn links_and_sources_are_https_and_name_no_patient() {
    for (name, card) in cards().await {
        let links = card["links"].as_array().into_iter().flatten();
        let mut addresses = vec![text(&card["source"]["url"], name)];
        for link in links {
            text(&link["label"], name);
            assert!(
                ["absolute", "smart"].contains(&text(&link["type"], name)),
                "{name}: {link}"
            );
            assert!(link.get("autolaunchable").is_none(), "{name}: {link}");
            assert!(
                link["type"] == "smart" || link.get("appContext").is_none(),
                "{name}: {link}"
            );
            addresses.push(text(&link["url"], name));
        }
        for address in addresses {
            let url = Url::parse(address).unwrap_or_else(|why| panic!("{name}: {address}: {why}"));
            assert!(url.scheme() == "https" && url.has_host(), "{name}: {address}");
            for told in [PATIENT, "Quux", "481516", "visit-1", "tac-1"] {
                assert!(!address.contains(told), "{name}: {address}");
            }
        }
    }
}

/// cds-39a, cds-39b, cds-39c
#[tokio::test]
async fn suggestions_come_with_a_selection_behavior() {
    let mut with_suggestions = 0;
    for (name, card) in cards().await {
        let Some(offered) = card.get("suggestions") else {
            assert!(card.get("selectionBehavior").is_none(), "{name}");
            continue;
        };
        with_suggestions += 1;
        let behavior = text(&card["selectionBehavior"], name);
        assert!(["at-most-one", "any"].contains(&behavior), "{name}: {behavior}");
        let recommended = offered
            .as_array()
            .unwrap()
            .iter()
            .filter(|one| one["isRecommended"] == true)
            .count();
        assert!(behavior == "any" || recommended <= 1, "{name}");
    }
    assert!(
        with_suggestions > 5,
        "only {with_suggestions} cards have suggestions"
    );
}

/// cds-01c, cds-40a, cds-40b, cds-40c, cds-40d, cds-41a, cds-41c
#[tokio::test]
async fn each_suggestion_has_one_complete_action() {
    let mut kinds = BTreeMap::new();
    for (name, answer) in answers().await {
        for card in answer.cards() {
            for suggestion in card["suggestions"].as_array().into_iter().flatten() {
                text(&suggestion["label"], name);
                assert!(suggestion.get("actionSelectionBehavior").is_none(), "{name}");
                let [action] = suggestion["actions"].as_array().unwrap().as_slice() else {
                    panic!("{name}: not one action: {suggestion}");
                };
                check_action(name, topic_of(card), action);
                *kinds
                    .entry((topic_of(card).to_owned(), text(&action["type"], name).to_owned()))
                    .or_insert(0) += 1;
            }
        }
    }
    for (topic, kind) in [
        ("abrupt-withdrawal", "update"),
        ("taper", "create"),
        ("alternative-agents", "create"),
    ] {
        assert!(
            kinds.contains_key(&(topic.to_owned(), kind.to_owned())),
            "no {topic}/{kind} among {kinds:?}"
        );
    }
}

fn check_action(name: &str, topic: &str, action: &Value) {
    text(&action["description"], name);
    assert!(action.get("resourceId").is_none(), "{name}");
    let resource = &action["resource"];
    let (kind, status) = (
        text(&resource["resourceType"], name),
        text(&resource["status"], name),
    );
    fhir_out::read_strictly(&resource.to_string()).unwrap_or_else(|why| panic!("{name}: {why}: {resource}"));
    assert_eq!(
        resource["subject"]["reference"],
        format!("Patient/{PATIENT}"),
        "{name}"
    );
    match text(&action["type"], name) {
        "update" => {
            assert_eq!(
                (topic, kind, status),
                ("abrupt-withdrawal", "MedicationRequest", "active"),
                "{name}"
            );
            assert!(resource.get("statusReason").is_none(), "{name}");
            assert_eq!(
                resource["dispenseRequest"]["numberOfRepeatsAllowed"], 11,
                "{name}: the order as it came"
            );
        }
        "create" => {
            assert_eq!(
                (status, text(&resource["intent"], name)),
                ("draft", "proposal"),
                "{name}"
            );
            assert!(resource.get("id").is_none(), "{name}: a new resource has no id");
            assert_eq!(
                kind == "ServiceRequest",
                topic == "monitoring",
                "{name}: {topic} creates {kind}"
            );
        }
        other => panic!("{name}: {other}"),
    }
}

/// A taper names the order that it replaces, one instruction or more for each step, and ends above zero.
#[tokio::test]
async fn a_taper_has_a_schedule_and_one_recommended_suggestion() {
    let demo = Demo::spawn().await;
    let answer = demo
        .hook(
            &Stop::tacrolimus()
                .in_lupus_nephritis()
                .with_upcr("0.3", "g/g", 7)
                .request(),
        )
        .await;
    let card = answer.card("taper");
    let steps = basis(card)["schedule"].as_array().expect("a schedule");
    let [suggestion] = card["suggestions"].as_array().unwrap().as_slice() else {
        panic!("{card}")
    };
    assert_eq!(suggestion["isRecommended"], true);
    let resource = &suggestion["actions"][0]["resource"];
    assert_eq!(
        resource["priorPrescription"]["reference"],
        "MedicationRequest/tac-1"
    );
    let numbers: BTreeSet<i64> = (resource["dosageInstruction"].as_array().unwrap().iter())
        .map(|instruction| instruction["sequence"].as_i64().unwrap())
        .collect();
    assert_eq!(numbers.len(), steps.len());
    let daily: Vec<f64> = steps
        .iter()
        .map(|step| step["daily"]["value"].as_f64().unwrap())
        .collect();
    assert!(
        daily[0] < 3.0 && daily.windows(2).all(|pair| pair[1] <= pair[0]) && *daily.last().unwrap() > 0.0,
        "{daily:?}"
    );
}

/// cds-42a, cds-42b
#[tokio::test]
async fn override_reasons_are_complete_codings() {
    // Codes that were sent once stay: a site may count them.
    let lasting = [
        "expert-contradicts",
        "indication-order-exists",
        "patient-contraindication",
        "action-completed",
        "need-more-info",
        "patient-refuses",
        "risk-benefit-ratio",
        "patient-ineligible",
    ];
    for (name, card) in cards().await {
        let reasons = card["overrideReasons"].as_array();
        assert_eq!(
            reasons.is_some(),
            card["indicator"] != "info",
            "{name}: {}",
            card["indicator"]
        );
        for reason in reasons.into_iter().flatten() {
            for field in ["code", "system", "display"] {
                text(&reason[field], name);
            }
        }
        let codes: Vec<&str> = reasons
            .into_iter()
            .flatten()
            .filter_map(|reason| reason["code"].as_str())
            .collect();
        assert!(
            codes.is_empty() || lasting.iter().all(|code| codes.contains(code)),
            "{name}: {codes:?}"
        );
    }
}

/// cds-45a, cds-45b
#[tokio::test]
async fn detail_is_markdown_that_names_the_drug_and_escapes_the_chart() {
    let mut nameless = Vec::new();
    for (name, card) in cards().await {
        let (summary, detail) = (text(&card["summary"], name), text(&card["detail"], name));
        if !format!("{summary} {detail}")
            .to_lowercase()
            .contains("tacrolimus")
        {
            nameless.push(format!("{name}: {}: {summary}", topic_of(&card)));
        }
        assert!(
            !detail.contains('<') || detail.contains("\\<"),
            "{name}: {detail}"
        );
    }
    let demo = Demo::spawn().await;
    let evil = "Tacrolimus <img src=x onerror=alert(1)> [click](https://evil.example) **bold** `code` | # \u{202e}gpj";
    let chart = Stop::tacrolimus().in_lupus_nephritis().with_upcr("2.1", "g/g", 7);
    let chart = chart.with_stopped(|order| order["medicationCodeableConcept"]["text"] = json!(evil));
    let answer = demo.hook(&chart.request()).await;
    assert_no_markup(&answer);
    assert!(!answer.cards().is_empty());
    assert!(
        nameless.is_empty(),
        "cards that name no drug:\n{}",
        nameless.join("\n")
    );
}

/// Nothing of the chart's markup works in a card.
fn assert_no_markup(answer: &Answer) {
    for card in answer.cards() {
        for field in ["summary", "detail"] {
            let written = card[field].as_str().unwrap();
            for markup in ["<img", "](https://evil.example)", "**bold**", "\u{202e}"] {
                assert!(!written.contains(markup), "{field} carries {markup}: {written}");
            }
        }
        for suggestion in card["suggestions"].as_array().into_iter().flatten() {
            let label = suggestion["label"].as_str().unwrap();
            assert!(!label.contains("<img") && !label.contains('\u{202e}'), "{label}");
        }
    }
}

/// cds-46
#[tokio::test]
async fn at_most_four_cards_the_most_urgent_first() {
    let rank = |card: &Value| match card["indicator"].as_str() {
        Some("critical") => 0,
        Some("warning") => 1,
        _ => 2,
    };
    for (name, answer) in answers().await {
        let order: Vec<(usize, usize)> = (answer.cards().iter())
            .map(|card| {
                (
                    rank(card),
                    TOPICS.iter().position(|topic| *topic == topic_of(card)).unwrap(),
                )
            })
            .collect();
        assert!(
            order.len() <= 4 && order.is_sorted(),
            "{name}: {:?}",
            answer.topics()
        );
        let topics: BTreeSet<&str> = answer.topics().into_iter().collect();
        assert_eq!(topics.len(), order.len(), "{name}: {:?}", answer.topics());
    }
}

/// The basis of a card says on what it rests (contract, section 2).
#[tokio::test]
async fn every_card_has_a_machine_readable_basis() {
    for (name, card) in cards().await {
        let basis = basis(&card);
        assert_eq!(
            text(&basis["rule"], name).split('/').count(),
            3,
            "{name}: {basis}"
        );
        assert_eq!(text(&basis["evaluatedAt"], name), now().to_string(), "{name}");
        let drugs = basis["drugs"].as_array().expect("drugs");
        assert!(drugs.contains(&json!("tacrolimus")), "{name}: {drugs:?}");
        assert_eq!(drugs.len() > 1, name == "two drugs at once", "{name}: {drugs:?}");
        for field in ["content", "indication"] {
            text(&basis[field], name);
        }
        let evidence = ["guideline", "label", "trial", "cohort", "indirect", "opinion"];
        assert!(
            evidence.contains(&text(&basis["evidence"], name)),
            "{name}: {basis}"
        );
        for input in basis["inputs"].as_array().into_iter().flatten() {
            text(&input["name"], name);
            assert!(
                input["value"].is_number() != input["text"].is_string(),
                "{name}: {input}"
            );
        }
        let inputs: Vec<&Value> = basis["inputs"]
            .as_array()
            .into_iter()
            .flatten()
            .map(|input| &input["name"])
            .collect();
        for gap in basis["gaps"]
            .as_array()
            .into_iter()
            .flatten()
            .filter(|gap| gap["why"] == "absent")
        {
            assert!(
                !inputs.contains(&&gap["need"]),
                "{name}: {} is there and absent",
                gap["need"]
            );
        }
        assert_eq!(
            basis.get("schedule").is_some(),
            topic_of(&card) == "taper",
            "{name}: {}",
            topic_of(&card)
        );
    }
}
