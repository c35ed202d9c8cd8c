//! Every hook of the contract: what its context must hold, what it answers without a medication list, and
//! which orders it takes for a stop.

use crate::helpers::answer::{gaps, topic_of, verdict};
use crate::helpers::doors::{TRIGGER, WITH_IDS, WITH_ORDERS, through};
use crate::helpers::pure::{self, Judged};
use crate::helpers::resources::*;
use crate::helpers::{Demo, Stop, TestApp, days_ago, hours_ago};
use serde_json::{Value, json};

fn active() -> Stop {
    Stop::tacrolimus().in_lupus_nephritis().with_upcr("2.1", "g/g", 7)
}

fn without(request: &Value, field: &str) -> Value {
    let mut request = request.clone();
    request["context"].as_object_mut().unwrap().remove(field);
    request
}

fn with(request: &Value, field: &str, value: Value) -> Value {
    let mut request = request.clone();
    request["context"][field] = value;
    request
}

#[tokio::test]
async fn each_context_is_held_to_its_own_fields() {
    let demo = Demo::spawn().await;
    let stop = active().dated(&hours_ago(2));
    let required: [(&str, &[&str]); 5] = [
        ("order-discontinue", &["toBeDiscontinued"]),
        ("order-sign", &["draftOrders"]),
        ("order-select", &["draftOrders", "selections"]),
        ("encounter-discharge", &["encounterId"]),
        ("patient-view", &[]),
    ];
    for (hook, own) in required {
        let good = through(&stop, hook);
        for field in ["userId", "patientId"].iter().chain(own) {
            let named = format!("context.{field}");
            demo.hook(&without(&good, field)).await.refuses(400, &named);
            for wrong in [Value::Null, json!(7), json!({}), json!("")] {
                demo.hook(&with(&good, field, wrong)).await.refuses(400, &named);
            }
        }
        for user in [
            "Practitioner/1",
            "PractitionerRole/1",
            "Patient/1",
            "RelatedPerson/1",
        ] {
            assert_eq!(
                demo.hook(&with(&good, "userId", json!(user))).await.status,
                200,
                "{hook}: {user}"
            );
        }
    }
    for wrong in [
        json!(["tac-1"]),
        json!([7]),
        json!([{}]),
        json!("MedicationRequest/tac-1"),
    ] {
        let request = with(&through(&stop, "order-select"), "selections", wrong);
        demo.hook(&request).await.refuses(400, "context.selections");
    }
}

#[tokio::test]
async fn an_order_of_another_patient_is_refused_at_signing() {
    let demo = Demo::spawn().await;
    for hook in ["order-sign", "order-select"] {
        let mut request = through(&active(), hook);
        request["context"]["draftOrders"]["entry"][0]["resource"]["subject"] =
            json!({"reference": "Patient/somebody-else"});
        demo.hook(&request)
            .await
            .refuses(422, "context.draftOrders.entry[0]");
    }
}

#[tokio::test]
async fn a_drug_that_cannot_be_read_is_named_with_its_field() {
    let demo = Demo::spawn().await;
    for hook in ["order-sign", "order-select"] {
        let mut request = through(&active(), hook);
        request.as_object_mut().unwrap().remove("prefetch");
        request["context"]["draftOrders"]["entry"][0]["resource"]["medicationCodeableConcept"] =
            json!({"text": ""});
        demo.hook(&request).await.refuses(412, "context.draftOrders");
    }
}

#[tokio::test]
async fn without_a_medication_list_a_hook_with_ids_cannot_answer() {
    let demo = Demo::spawn().await;
    let failed =
        json!({"resourceType": "OperationOutcome", "issue": [{"severity": "error", "code": "timeout"}]});
    for hook in WITH_IDS {
        let mut request = through(&active().dated(&hours_ago(2)), hook);
        request["prefetch"]["medications"] = failed.clone();
        demo.hook(&request).await.refuses(412, "prefetch.medications");
        request["prefetch"].as_object_mut().unwrap().remove("medications");
        demo.hook(&request).await.refuses(412, "prefetch.medications");
        request["extension"] = json!({});
        demo.hook(&request).await.refuses(412, "prefetch.medications");
        request["prefetch"]["medications"] = Value::Null;
        assert!(
            demo.hook(&request).await.cards().is_empty(),
            "{hook}: there are no orders"
        );
    }
}

#[tokio::test]
async fn only_the_clients_own_trigger_makes_a_stop_of_a_view() {
    let triggers = "stop-triggers = { extension = 'com.example.trigger', codes = ['23', '77'] }";
    let app = TestApp::with("http://127.0.0.1:9/fhir", "", triggers).await;
    let stop = active().dated(&hours_ago(2));
    let plain = app.trusted_ehr().hook(&stop.request()).await;
    let mut view = through(&stop, "patient-view");
    let warned = |answer: &crate::helpers::Answer| answer.topics().contains(&"abrupt-withdrawal");
    for said in [json!("77"), json!(77)] {
        view["extension"] = json!({"com.example.other": {}, "com.example.trigger": said});
        assert_eq!(
            verdict(&app.trusted_ehr().hook(&view).await.json),
            verdict(&plain.json)
        );
        assert!(!warned(&app.other_client().hook(&view).await));
    }
    for other in [
        json!({"com.example.trigger": "60"}),
        json!({"com.example.trigger": {"value": "77"}}),
        json!({TRIGGER: "77"}),
        json!({}),
        json!("77"),
        Value::Null,
    ] {
        view["extension"] = other.clone();
        assert!(!warned(&app.trusted_ehr().hook(&view).await), "{other}");
    }
    // The trigger says nothing at a hook that says itself what it is.
    let mut leaving = through(&active(), "encounter-discharge");
    leaving["prefetch"] = active().prefetch();
    leaving["extension"] = json!({"com.example.trigger": "77"});
    assert!(app.trusted_ehr().hook(&leaving).await.cards().is_empty());
}

/// The tacrolimus order of every chart.
fn tacrolimus(id: &str, status: &str, mg: f64, since: i64) -> Value {
    order(id, status, TACROLIMUS_1_MG, (mg, 2), &days_ago(since))
}

fn changed(mut order: Value, days: i64) -> Value {
    order["extension"] = json!([{
        "url": "http://hl7.org/fhir/5.0/StructureDefinition/extension-MedicationRequest.statusChanged",
        "valueDateTime": days_ago(days)
    }]);
    order
}

fn of(mut order: Value, category: &str, encounter: &str) -> Value {
    if !category.is_empty() {
        order["category"] = json!([{"coding": [{
            "system": "http://terminology.hl7.org/CodeSystem/medicationrequest-category", "code": category
        }]}]);
    }
    if !encounter.is_empty() {
        order["encounter"] = json!({"reference": format!("Encounter/{encounter}")});
    }
    order
}

/// The main topic at discharge with these orders on record, `""` where there is no card.
fn at_discharge(orders: &[Value]) -> (String, Value) {
    let mut request = through(&active(), "encounter-discharge");
    request["prefetch"]["medications"] = searchset(orders);
    let answer = pure::answer(&request);
    let main = answer["cards"].get(0).map(|card| topic_of(card).to_owned());
    (main.unwrap_or_default(), answer)
}

#[test]
fn what_falls_off_at_discharge() {
    let home = |status| tacrolimus("home", status, 1.5, 420);
    let ward = |status| of(tacrolimus("ward", status, 1.5, 5), "inpatient", "visit-1");
    let ran_out = |days: i64| {
        let mut order = home("active");
        order["dosageInstruction"][0]["timing"]["repeat"]["boundsPeriod"]["end"] = json!(days_ago(days));
        order
    };
    let mut local = home("stopped");
    local["medicationCodeableConcept"] = concept(
        system::RXNORM,
        "313189",
        "tacrolimus 0.001 MG/MG Topical Ointment",
    );
    let warns: [(&str, Vec<Value>); 12] = [
        ("stopped yesterday", vec![changed(home("stopped"), 1)]),
        ("stopped 13 days ago", vec![changed(home("stopped"), 13)]),
        ("cancelled yesterday", vec![changed(home("cancelled"), 1)]),
        ("no order says when", vec![home("stopped")]),
        ("completed yesterday", vec![changed(home("completed"), 1)]),
        ("ran out last week", vec![ran_out(7)]),
        ("for the stay", vec![ward("active")]),
        (
            "for the stay, by its encounter",
            vec![of(home("active"), "", "visit-1")],
        ),
        ("for the stay, completed", vec![ward("completed")]),
        (
            "home order stopped on admission",
            vec![changed(home("stopped"), 5), ward("active")],
        ),
        (
            "an old draft",
            vec![changed(home("stopped"), 1), tacrolimus("draft", "draft", 1.5, 60)],
        ),
        (
            "another inpatient order",
            vec![changed(home("stopped"), 1), ward("active")],
        ),
    ];
    for (name, orders) in warns {
        assert_eq!(at_discharge(&orders).0, "abrupt-withdrawal", "{name}");
    }
    let silent: [(&str, Vec<Value>); 11] = [
        ("goes on", vec![home("active")]),
        (
            "goes on, written in the stay",
            vec![of(home("active"), "outpatient", "visit-1")],
        ),
        ("home order goes on", vec![home("active"), ward("active")]),
        (
            "home order of three years goes on",
            vec![tacrolimus("home", "active", 1.5, 1100), ward("active")],
        ),
        (
            "a discharge order",
            vec![
                ward("active"),
                of(tacrolimus("out", "active", 1.5, 0), "discharge", "visit-1"),
            ],
        ),
        (
            "a drafted discharge order",
            vec![
                ward("active"),
                of(tacrolimus("out", "draft", 1.5, 0), "discharge", "visit-1"),
            ],
        ),
        (
            "a draft",
            vec![changed(home("stopped"), 1), tacrolimus("out", "draft", 1.5, 1)],
        ),
        ("completed at some time", vec![home("completed")]),
        ("entered in error", vec![changed(home("entered-in-error"), 1)]),
        ("an ointment", vec![changed(local, 1)]),
        ("nothing", vec![]),
    ];
    for (name, orders) in silent {
        assert_eq!(at_discharge(&orders).0, "", "{name}");
    }
    // An older stop is no longer argued with; the protein measured since is told.
    let older = at_discharge(&[changed(home("stopped"), 15)]);
    assert_eq!(older.0, "rebound");
    let held = at_discharge(&[changed(home("on-hold"), 1)]);
    assert_eq!(held.0, "hold-and-restart");
}

#[test]
fn an_unknown_day_of_the_stop_is_a_gap() {
    let (_, answer) = at_discharge(&[tacrolimus("home", "stopped", 1.5, 420)]);
    assert!(gaps(&answer).contains(&("stop-date".to_owned(), "absent".to_owned())));
    let (_, answer) = at_discharge(&[changed(tacrolimus("home", "stopped", 1.5, 420), 1)]);
    assert!(!gaps(&answer).iter().any(|(need, _)| need == "stop-date"));
}

#[test]
fn only_the_last_of_a_chain_of_orders_is_what_stopped() {
    let chain = [
        changed(tacrolimus("first", "stopped", 3.0, 420), 12),
        changed(tacrolimus("second", "stopped", 1.5, 12), 1),
    ];
    let alone = changed(tacrolimus("second", "stopped", 1.5, 12), 1);
    let doses = |answer: &Value| {
        let cards = answer["cards"].as_array().unwrap().clone();
        let taper = cards.into_iter().find(|card| topic_of(card) == "taper").unwrap();
        taper["extension"]["org.stepdown.basis"]["schedule"].clone()
    };
    assert_eq!(doses(&at_discharge(&chain).1), doses(&at_discharge(&[alone]).1));
    let together = [
        changed(tacrolimus("five", "stopped", 1.0, 420), 1),
        changed(tacrolimus("one", "stopped", 0.5, 300), 1),
    ];
    let whole = changed(tacrolimus("all", "stopped", 1.5, 420), 1);
    assert_eq!(
        doses(&at_discharge(&together).1),
        doses(&at_discharge(&[whole]).1)
    );
}

#[test]
fn what_an_immunosuppressant_for_the_stay_means_beside_it() {
    let mmf = |status| {
        of(
            order("mmf", status, MYCOPHENOLATE_500_MG, (1000.0, 2), &days_ago(5)),
            "inpatient",
            "visit-1",
        )
    };
    let stopped = changed(tacrolimus("home", "stopped", 1.5, 420), 3);
    let detail = |answer: &Value| answer["cards"][0]["extension"]["org.stepdown.basis"]["drugs"].clone();
    let both = json!(["tacrolimus", "mycophenolate mofetil"]);
    assert_eq!(detail(&at_discharge(&[stopped.clone(), mmf("active")]).1), both);
    let home = order(
        "mmf-2",
        "active",
        MYCOPHENOLATE_500_MG,
        (1000.0, 2),
        &days_ago(500),
    );
    assert_eq!(
        detail(&at_discharge(&[stopped, mmf("active"), home]).1),
        json!(["tacrolimus"])
    );
}

/// The rule of the first card when these orders are signed against this record.
fn signed(session: &[Value], record: &[Value]) -> String {
    let mut request = through(&active(), "order-sign");
    request["context"]["draftOrders"] = bundle("collection", session);
    request["prefetch"]["medications"] = searchset(record);
    let first = |request: &Value| match pure::judge(request.to_string().as_bytes()) {
        Judged::Answer(answer) => verdict(&answer)
            .first()
            .map(|[_, _, rule]| rule.clone())
            .unwrap_or_default(),
        other => format!("{other:?}"),
    };
    let rule = first(&request);
    request["hook"] = json!("order-select");
    request["context"]["selections"] = json!([]);
    assert_eq!(first(&request), rule, "selected as signed");
    rule
}

#[test]
fn what_a_signature_stops() {
    let tac = |status, mg| tacrolimus("tac-1", status, mg, 420);
    let active_tac = [tac("active", 1.5)];
    let warned = "tacrolimus/lupus-nephritis/active-disease";
    for status in ["stopped", "cancelled"] {
        assert_eq!(signed(&[tac(status, 1.5)], &active_tac), warned, "{status}");
        for before in ["stopped", "cancelled", "completed"] {
            assert_eq!(
                signed(&[tac(status, 1.5)], &[tac(before, 1.5)]),
                "",
                "{status} was {before}"
            );
        }
        assert_eq!(
            signed(&[tac(status, 1.5)], &[tac("on-hold", 1.5)]),
            warned,
            "{status} was held"
        );
        assert_eq!(
            signed(&[tac(status, 1.5)], &[]),
            warned,
            "{status} without a copy"
        );
    }
    assert_eq!(
        signed(&[tac("on-hold", 1.5)], &active_tac),
        "tacrolimus/gates/held-without-date"
    );
    assert_eq!(signed(&[tac("on-hold", 1.5)], &[tac("on-hold", 1.5)]), "");
    for status in ["completed", "entered-in-error", "active", "draft"] {
        assert_eq!(signed(&[tac(status, 1.5)], &active_tac), "", "{status}");
    }
    assert_eq!(signed(&[], &active_tac), "");
}

#[test]
fn what_a_draft_replaces() {
    let before = [tacrolimus("tac-1", "active", 3.0, 420)];
    let dose = |mg| tacrolimus("tac-1", "active", mg, 420);
    assert_eq!(signed(&[dose(1.5)], &before), "", "half of it");
    assert_eq!(signed(&[dose(0.5)], &before), "tacrolimus/gates/deep-cut");
    assert_eq!(
        signed(&[dose(7.0)], &before),
        "tacrolimus/gates/more-than-doubled"
    );
    let instead = |mut order: Value| {
        order["priorPrescription"] = json!({"reference": "MedicationRequest/tac-1"});
        order
    };
    let mmf = order("mmf-9", "draft", MYCOPHENOLATE_500_MG, (1000.0, 2), &days_ago(0));
    assert_eq!(
        signed(std::slice::from_ref(&mmf), &before),
        "",
        "added, not replaced"
    );
    assert_eq!(
        signed(&[instead(mmf)], &before),
        "tacrolimus/lupus-nephritis/active-disease"
    );
    let lower = tacrolimus("tac-2", "draft", 0.5, 0);
    assert_eq!(
        signed(&[instead(lower.clone())], &before),
        "tacrolimus/gates/deep-cut"
    );
    assert_eq!(signed(&[instead(lower)], &[]), "", "nothing to compare");
    let envarsus = order("tac-2", "draft", ENVARSUS_1_MG, (6.0, 1), &days_ago(0));
    assert_eq!(
        signed(&[instead(envarsus)], &[tacrolimus("tac-1", "active", 1.5, 420)]),
        "tacrolimus/gates/formulation-switch-out-of-range"
    );
}

/// Among drafts of other kinds, a stop is found wherever it stands.
#[tokio::test]
async fn other_orders_of_the_session_change_nothing() {
    let demo = Demo::spawn().await;
    let stop = active();
    let first = demo.hook(&through(&stop, WITH_ORDERS[0])).await.json;
    let mut request = through(&stop, "order-sign");
    let entries = request["context"]["draftOrders"]["entry"].as_array_mut().unwrap();
    entries.insert(0, json!({"resource": {"resourceType": "ServiceRequest", "id": "s", "status": "draft", "intent": "order"}}));
    entries.push(json!({"resource": order("pcm", "draft", Product("313782", "acetaminophen 325 MG Oral Tablet"), (325.0, 3), &days_ago(0))}));
    request["context"]["draftOrders"]
        .as_object_mut()
        .unwrap()
        .remove("type");
    assert_eq!(verdict(&demo.hook(&request).await.json), verdict(&first));
}
