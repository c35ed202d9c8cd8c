//! Every field that can be wrong: the answer names it, or the cards say what is not known.

use crate::helpers::answer::{assert_same_advice, basis, verdict};
use crate::helpers::ehr::gzip_of_spaces;
use crate::helpers::resources::{PATIENT, failure, lab};
use crate::helpers::{Answer, Demo, Stop, days_ago};
use serde_json::{Value, json};

fn active() -> Stop {
    Stop::tacrolimus().in_lupus_nephritis().with_upcr("2.1", "g/g", 7)
}

fn with(mut request: Value, path: &str, value: Value) -> Value {
    let (parent, name) = path.rsplit_once('/').unwrap();
    match request.pointer_mut(parent).unwrap() {
        Value::Array(items) => items[name.parse::<usize>().unwrap()] = value,
        object => object[name] = value,
    }
    request
}

#[tokio::test]
async fn a_field_of_another_type_is_named() {
    let demo = Demo::spawn().await;
    let good = active().request();
    let wrong = [
        ("/hook", json!(["medication-discontinue"]), "hook"),
        ("/hook", json!(""), "hook"),
        ("/hookInstance", json!({}), "hookInstance"),
        ("/fhirServer", json!(7), "fhirServer"),
        ("/fhirServer", json!("fhir.hospital.example"), "fhirServer"),
        ("/fhirServer", json!("ftp://fhir.hospital.example"), "fhirServer"),
        (
            "/fhirServer",
            json!("https://user:secret@fhir.hospital.example"),
            "fhirServer",
        ),
        ("/fhirAuthorization", json!("Bearer t"), "fhirAuthorization"),
        ("/fhirAuthorization", json!([]), "fhirAuthorization"),
        ("/context", json!("x"), "context"),
        ("/context/userId", json!({}), "context.userId"),
        ("/context/patientId", json!("a b"), "context.patientId"),
        ("/context/patientId", json!("Practitioner/1"), "context.patientId"),
        ("/context/patientId", json!("../Patient/1"), "context.patientId"),
        ("/context/encounterId", json!(9), "context.encounterId"),
        (
            "/context/toBeDiscontinued",
            json!("x"),
            "context.toBeDiscontinued",
        ),
        (
            "/context/toBeDiscontinued",
            json!({"resourceType": "MedicationRequest"}),
            "context.toBeDiscontinued",
        ),
        (
            "/context/toBeDiscontinued",
            json!({"entry": []}),
            "context.toBeDiscontinued",
        ),
        ("/context/draftOrders", json!([]), "context.draftOrders"),
        (
            "/context/draftOrders",
            json!({"resourceType": "List"}),
            "context.draftOrders",
        ),
        ("/prefetch", json!([]), "prefetch"),
        ("/prefetch", json!("x"), "prefetch"),
    ];
    for (path, value, field) in wrong {
        demo.stop(with(good.clone(), path, value.clone()).to_string())
            .await
            .refuses(400, field);
    }
    for path in [
        "/fhirServer",
        "/fhirAuthorization",
        "/context/encounterId",
        "/context/draftOrders",
        "/prefetch",
    ] {
        assert_eq!(
            demo.hook(&with(good.clone(), path, Value::Null)).await.status,
            200,
            "null at {path} is not there"
        );
    }
}

#[tokio::test]
async fn a_body_that_is_no_json_says_what_it_is() {
    let demo = Demo::spawn().await;
    let good = active().request().to_string();
    let bodies: Vec<(Vec<u8>, &str)> = vec![
        (Vec::new(), "empty"),
        (
            b"<!DOCTYPE html><html><body>Please log in</body></html>".to_vec(),
            "markup",
        ),
        (good.as_bytes()[..good.len() / 2].to_vec(), "too early"),
        (format!("{good}x").into_bytes(), "JSON"),
        (good.replacen('{', "{,", 1).into_bytes(), "JSON"),
        (b"\xff\xfe{}".to_vec(), "UTF-8"),
        (gzip_of_spaces(1 << 20), "UTF-8"),
        (b"null".to_vec(), "object"),
        (b"[]".to_vec(), "object"),
        (b"NaN".to_vec(), "JSON"),
    ];
    for (body, says) in bodies {
        let answer = demo.stop(body).await;
        answer.refuses(400, "body");
        assert!(answer.text().contains(says), "{says}: {}", answer.text());
    }
    let with_mark = demo.stop(format!("\u{feff}{good}")).await;
    assert!([200, 400].contains(&with_mark.status), "a byte order mark");
}

#[tokio::test]
async fn a_field_that_stands_twice_is_refused() {
    let demo = Demo::spawn().await;
    let good = active().request();
    for field in ["hook", "hookInstance", "context", "prefetch"] {
        let twice = good
            .to_string()
            .replacen('{', &format!("{{\"{field}\":{},", good[field]), 1);
        demo.stop(twice).await.refuses(400, field);
    }
    for field in ["userId", "patientId", "toBeDiscontinued"] {
        let value = &good["context"][field];
        let twice =
            good.to_string()
                .replacen("\"context\":{", &format!("\"context\":{{\"{field}\":{value},"), 1);
        demo.stop(twice).await.refuses(400, &format!("context.{field}"));
    }
}

#[tokio::test]
async fn nesting_has_an_end() {
    let demo = Demo::spawn().await;
    let deep = |levels: usize| format!("{}{}", "[".repeat(levels), "]".repeat(levels));
    let body = active().request().to_string();
    for levels in [200, 5_000, 100_000] {
        let outside = body.replacen('{', &format!("{{\"x\":{},", deep(levels)), 1);
        let context = body.replacen(
            "\"context\":{",
            &format!("\"context\":{{\"x\":{},", deep(levels)),
            1,
        );
        let order = body.replacen("\"intent\":", &format!("\"x\":{},\"intent\":", deep(levels)), 1);
        let prefetch = body.replacen(
            "\"prefetch\":{",
            &format!("\"prefetch\":{{\"x\":{},", deep(levels)),
            1,
        );
        for (body, place) in [
            (outside, "top"),
            (context, "context"),
            (order, "order"),
            (prefetch, "prefetch"),
        ] {
            let answer = demo.stop(body).await;
            match answer.status {
                200 => assert!(!answer.cards().is_empty(), "{place}, {levels}"),
                status => assert_eq!(status, 400, "{place}, {levels}: {}", answer.text()),
            }
        }
    }
}

/// A missing prefetch is normal: gaps, no error, and a card for what is known.
#[tokio::test]
async fn no_prefetch_at_all_is_a_card_with_gaps() {
    let demo = Demo::spawn().await;
    for request in [
        active().without_prefetch(),
        with(active().request(), "/prefetch", json!({})),
    ] {
        let answer = demo.hook(&request).await;
        assert!(!answer.cards().is_empty());
        for source in ["observations", "conditions", "medications"] {
            answer.states_gap(source, "fetch-failed");
        }
    }
}

/// What is wrong with one answer in prefetch stays with that answer.
#[tokio::test]
async fn garbage_in_prefetch_is_a_gap() {
    let demo = Demo::spawn().await;
    let good = demo.hook(&active().request()).await;
    for key in ["medications", "observations", "conditions"] {
        for garbage in [
            json!(7),
            json!("x"),
            json!([]),
            json!({}),
            json!({"resourceType": "Bundle", "entry": {"x": 1}}),
            json!({"resourceType": 5}),
            failure(),
            json!("<html>"),
        ] {
            let answer = demo
                .hook(&with(
                    active().request(),
                    &format!("/prefetch/{key}"),
                    garbage.clone(),
                ))
                .await;
            assert!(!answer.cards().is_empty(), "{key}: {garbage}");
            assert!(
                answer.gaps().iter().any(|(need, _)| need == key),
                "{key}: {garbage}: {:?}",
                answer.gaps()
            );
        }
    }
    for value in [
        "[]",
        "{\"x\":1}",
        "1e999",
        "-1",
        "\"2.1\"",
        "null",
        "true",
        "\"\"",
    ] {
        let value: Value = serde_json::from_str(value).unwrap_or(json!("1e999"));
        let last = active().request()["prefetch"]["observations"]["entry"]
            .as_array()
            .unwrap()
            .len()
            - 1;
        let path = format!("/prefetch/observations/entry/{last}/resource/valueQuantity/value");
        let answer = demo.hook(&with(active().request(), &path, value.clone())).await;
        assert!(!answer.cards().is_empty(), "{value}");
        let told = answer.gaps().iter().any(|(need, _)| need == "upcr")
            || verdict(&answer.json) == verdict(&good.json);
        assert!(told, "{value}: {:?}", answer.gaps());
    }
}

/// Another version of FHIR, another patient, another resource: never somebody else's advice.
#[tokio::test]
async fn what_belongs_to_another_patient_is_dropped_and_told() {
    let demo = Demo::spawn().await;
    let mut theirs = lab("theirs-1", "2890-2", "9", "g/g", &days_ago(1));
    theirs["subject"]["reference"] = json!("Patient/somebody-else");
    let answer = demo
        .hook(
            &Stop::tacrolimus()
                .in_lupus_nephritis()
                .with_upcr("0.3", "g/g", 7)
                .with_result(theirs)
                .request(),
        )
        .await;
    assert!(
        answer.gaps().iter().any(|(_, why)| why == "other-patient"),
        "{:?}",
        answer.gaps()
    );
    assert!(!answer.text().contains("theirs-1"));
    let mut patient = active().request();
    patient["prefetch"]["patient"]["id"] = json!("somebody-else");
    let answer = demo.hook(&patient).await;
    answer.states_gap("patient", "other-patient");
    assert!(!answer.cards().is_empty());
}

#[tokio::test]
async fn the_patient_may_be_named_in_three_ways() {
    let demo = Demo::spawn().await;
    let expected = demo.hook(&active().request()).await.json;
    let typed = with(
        active().request(),
        "/context/patientId",
        json!(format!("Patient/{PATIENT}")),
    );
    assert_same_advice(&demo.hook(&typed).await.json, &expected, "with its type");
}

/// The drug as text from the chart: bidi controls, markdown and HTML come out harmless, or not at all.
#[tokio::test]
async fn names_from_the_chart_carry_no_markup() {
    let demo = Demo::spawn().await;
    let names = [
        "tacrolimus\u{202e}gnp.exe\u{2066}",
        "tacrolimus <script>alert(1)</script>",
        "tacrolimus [free](https://evil.example) ![x](https://evil.example/x.png)",
        "**tacrolimus** _x_ `y` ~~z~~ | a | b |\n# head\n- item\n1. one\n> quote",
        "tacrolimus \u{0}\u{7}\u{1b}[31m\u{feff}\u{200b}",
        "tacrolimus https://evil.example www.evil.example mail@evil.example",
        "tacrolimus &lt;b&gt; &#60;i&#62;",
    ];
    for name in names {
        let chart = active().with_stopped(|order| {
            order["medicationCodeableConcept"] = json!({"coding": [{"system": "http://www.nlm.nih.gov/research/umls/rxnorm",
                "code": "198377", "display": name}], "text": name});
            order["statusReason"] = json!({"text": name});
            order["note"] = json!([{"text": name}]);
        });
        let chart = chart.with_condition("odd-1", "M32.14", name, 30);
        let answer = demo.hook(&chart.request()).await;
        assert_eq!(answer.topics()[0], "abrupt-withdrawal", "{name:?}");
        check_texts(&answer, name);
    }
}

fn check_texts(answer: &Answer, name: &str) {
    let forbidden = [
        "<script",
        "](https://evil",
        "![x]",
        "\n# head",
        "\n- item",
        "\n1. one",
        "\n> quote",
        "**tacrolimus**",
        "\u{202e}",
        "\u{2066}",
        "\u{0}",
        "\u{7}",
        "\u{1b}",
        "\u{200b}",
        "\u{feff}",
        "&lt;b",
        "&#60;",
    ];
    for card in answer.cards() {
        let mut texts = vec![
            card["summary"].as_str().unwrap(),
            card["detail"].as_str().unwrap(),
        ];
        for suggestion in card["suggestions"].as_array().into_iter().flatten() {
            texts.push(suggestion["label"].as_str().unwrap());
            texts.push(suggestion["actions"][0]["description"].as_str().unwrap());
        }
        for text in texts {
            for markup in forbidden {
                assert!(!text.contains(markup), "{name:?}: {markup:?} in {text:?}");
            }
            let linked = text.contains("https://evil.example")
                && !text.contains("https\\://evil")
                && !text.contains("`https");
            assert!(!linked, "{name:?}: a bare address becomes a link in {text:?}");
        }
        assert!(basis(card).is_object());
    }
}

/// Text of any length is cut, and the card stays a card.
#[tokio::test]
async fn long_texts_are_cut() {
    let demo = Demo::spawn().await;
    let long = "tacrolimus ".repeat(20_000);
    let chart = active().with_stopped(|order| {
        order["medicationCodeableConcept"]["text"] = json!(long);
        order["medicationCodeableConcept"]["coding"][0]["display"] = json!(long);
        order["dosageInstruction"][0]["text"] = json!(long);
    });
    let answer = demo.hook(&chart.request()).await;
    for card in answer.cards() {
        assert!(card["summary"].as_str().unwrap().chars().count() < 140);
        assert!(card["detail"].as_str().unwrap().len() < 20_000);
    }
    assert!(!answer.cards().is_empty());
}
