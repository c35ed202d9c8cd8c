//! What the client sent along, and what the service then reads for itself.

use crate::helpers::answer::{assert_same_advice, verdict};
use crate::helpers::chart::KEYS;
use crate::helpers::resources::{failure, lab, searchset};
use crate::helpers::{Demo, Ehr, Fault, Stop, TestApp, days_ago};
use serde_json::{Value, json};

fn active() -> Stop {
    Stop::tacrolimus().in_lupus_nephritis().with_upcr("2.1", "g/g", 7)
}

/// The request with another answer under a key.
fn answering(stop: &Stop, key: &str, answer: Value) -> Value {
    let mut request = stop.request();
    request["prefetch"][key] = answer;
    request
}

/// cds-18a, cds-18b, cds-19, cds-28a
#[tokio::test]
async fn fetches_what_the_client_did_not_send() {
    let ehr = Ehr::holding(&active()).await.open().await;
    let app = TestApp::reading(&ehr.base()).await;
    let whole = app.trusted_ehr().hook(&active().request()).await;
    assert_eq!(ehr.requests().await.len(), 0, "nothing is read without a grant");

    let fetched = app.trusted_ehr().hook(&active().granting(&ehr.base(), "t")).await;
    assert_same_advice(&fetched.json, &whole.json, "all of it was read");

    for missing in KEYS {
        let (before, mut request) = (ehr.requests().await.len(), active().granting(&ehr.base(), "t"));
        request["prefetch"] = active().prefetch();
        request["prefetch"].as_object_mut().unwrap().remove(missing);
        request["prefetch"]["of-another-service"] = json!({"resourceType": "Slot", "id": "1"});
        let partly = app.trusted_ehr().hook(&request).await;
        assert_same_advice(&partly.json, &whole.json, &format!("{missing} was read"));
        let asked = &ehr.asked_for().await[before..];
        assert!(
            !asked.is_empty() && asked.len() <= 3,
            "for {missing} the server was asked for {asked:?}"
        );
    }
}

/// cds-20b
#[tokio::test]
async fn takes_null_as_known_to_be_empty() {
    let ehr = Ehr::holding(&active()).await.open().await;
    let app = TestApp::reading(&ehr.base()).await;
    let mut request = active().granting(&ehr.base(), "t");
    request["prefetch"] = active().prefetch();
    for key in ["observations", "screens", "allergies", "procedures"] {
        request["prefetch"][key] = Value::Null;
    }
    let answer = app.trusted_ehr().hook(&request).await;
    assert_eq!(
        ehr.asked_for().await,
        Vec::<String>::new(),
        "null is not asked for again"
    );
    answer.states_gap("upcr", "absent");
    for source in ["observations", "allergies", "procedures"] {
        assert!(
            answer.gaps().iter().all(|(need, _)| need != source),
            "{source} was looked at"
        );
    }
}

/// cds-21a, cds-21b
#[tokio::test]
async fn takes_an_operation_outcome_as_a_failed_query() {
    let ehr = Ehr::holding(&active()).await.open().await;
    let app = TestApp::reading(&ehr.base()).await;
    let mut request = active().granting(&ehr.base(), "t");
    request["prefetch"] = active().prefetch();
    request["prefetch"]["observations"] = failure();
    let answer = app.trusted_ehr().hook(&request).await;
    assert_eq!(
        ehr.asked_for().await,
        Vec::<String>::new(),
        "the query is not repeated"
    );
    answer.states_gap("observations", "fetch-failed");
    assert!(!answer.has_gap("upcr", "absent"), "not looked at is not absent");
    assert!(
        answer.gaps().iter().all(|(need, _)| need != "upcr"),
        "its single results are not listed again"
    );
    assert_eq!(
        answer.card("abrupt-withdrawal")["indicator"],
        "critical",
        "what failed may hold an active disease"
    );
}

/// cds-22a, cds-22b
#[tokio::test]
async fn takes_a_bundle_without_matches_as_no_data() {
    let demo = Demo::spawn().await;
    let empty = demo
        .hook(&answering(&active(), "observations", searchset(&[])))
        .await;
    empty.states_gap("upcr", "absent");

    let mut found_nothing = failure();
    found_nothing["issue"] =
        json!([{"severity": "warning", "code": "not-found", "diagnostics": "no results"}]);
    let entry = json!({"resource": found_nothing, "search": {"mode": "outcome"}});
    let told = json!({"resourceType": "Bundle", "type": "searchset", "total": 0, "entry": [entry]});
    let told = demo.hook(&answering(&active(), "observations", told)).await;
    assert_same_advice(&told.json, &empty.json, "an outcome that says: none found");

    let mut with_included = searchset(&[lab("upcr-1", "2890-2", "2.1", "g/g", &days_ago(7))]);
    with_included["entry"][0]["search"] = json!({"mode": "include"});
    let included = demo
        .hook(&answering(&active(), "observations", with_included))
        .await;
    assert_eq!(
        included.card("abrupt-withdrawal")["indicator"],
        "critical",
        "an included resource is read"
    );
}

/// cds-23a, cds-23b
#[tokio::test]
async fn follows_next_pages_on_one_origin_and_admits_unread_ones() {
    let whole = Demo::spawn().await.hook(&active().request()).await;
    for size in [3, 5] {
        let ehr = Ehr::holding(&active()).await.in_pages_of(size).open().await;
        let app = TestApp::reading(&ehr.base()).await;
        let paged = app.trusted_ehr().hook(&active().granting(&ehr.base(), "t")).await;
        assert_same_advice(&paged.json, &whole.json, &format!("pages of {size}"));
        let all = ehr.requests().await;
        let pages = all
            .iter()
            .filter(|request| request.url.as_str().contains("_from="));
        assert!(
            pages.clone().count() > 0
                && pages
                    .into_iter()
                    .all(|page| page.headers.get("authorization").is_some())
        );
    }
    let endless = Ehr::holding(&active()).await.in_pages_of(1).open().await;
    let app = TestApp::reading(&endless.base()).await;
    let cut = app
        .trusted_ehr()
        .hook(&active().granting(&endless.base(), "t"))
        .await;
    cut.states_gap("observations", "fetch-failed");

    let elsewhere = Ehr::holding(&active()).await.open().await;
    let ehr = Ehr::holding(&active()).await.with_elsewhere(&elsewhere.origin());
    let ehr = ehr.failing("Observation", Fault::ForeignNext).open().await;
    let app = TestApp::reading(&ehr.base()).await;
    let cut = app.trusted_ehr().hook(&active().granting(&ehr.base(), "t")).await;
    assert_eq!(
        elsewhere.requests().await.len(),
        0,
        "a page of another origin is not read"
    );
    assert!(
        cut.gaps().iter().any(|(need, _)| need == "observations"),
        "{:?}",
        cut.gaps()
    );
}

/// cds-23b: a Bundle in prefetch with a further page and no grant to read it.
#[tokio::test]
async fn a_cut_bundle_without_a_grant_is_admitted() {
    let demo = Demo::spawn().await;
    let mut request = Stop::tacrolimus()
        .in_lupus_nephritis()
        .with_upcr("0.1", "g/g", 7)
        .request();
    request["prefetch"]["observations"]["link"] =
        json!([{"relation": "next", "url": "https://fhir.hospital.example/r4/Observation?_from=50"}]);
    let answer = demo.hook(&request).await;
    assert!(
        answer.gaps().iter().any(|(need, _)| need == "observations"),
        "{:?}",
        answer.gaps()
    );
}

/// cds-24a, cds-24b
#[tokio::test]
async fn answers_412_naming_what_is_missing() {
    let demo = Demo::spawn().await;
    let unreadable = active().with_stopped(|order| {
        order.as_object_mut().unwrap().remove("medicationCodeableConcept");
        order["medicationReference"] = json!({"reference": "Medication/not-there"});
    });
    demo.hook(&unreadable.without_prefetch())
        .await
        .refuses(412, "drug");
}

/// cds-24d
#[tokio::test]
async fn answers_412_where_a_hook_of_ids_has_no_medication_list() {
    let demo = Demo::spawn().await;
    let mut request = active().request();
    let context = request["context"].as_object_mut().unwrap();
    context.remove("toBeDiscontinued");
    request["hook"] = json!("patient-view");
    assert!(
        demo.hook(&request).await.cards().is_empty(),
        "nothing was stopped"
    );
    request["prefetch"].as_object_mut().unwrap().remove("medications");
    demo.hook(&request).await.refuses(412, "medications");
}

/// cds-24c
#[tokio::test]
async fn answers_200_where_a_value_was_never_measured() {
    let demo = Demo::spawn().await;
    let answer = demo
        .hook(&Stop::tacrolimus().in_lupus_nephritis().request())
        .await;
    answer.states_gap("upcr", "absent");
    let detail = answer.card("abrupt-withdrawal")["detail"].as_str().unwrap();
    assert!(
        detail.contains("UPCR"),
        "the text says what was not measured: {detail}"
    );
    let measured = demo.hook(&active().request()).await;
    assert_ne!(verdict(&measured.json), verdict(&answer.json));
}
