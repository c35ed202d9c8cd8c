//! Other releases of FHIR than the one that is spoken.

use crate::helpers::answer::advice;
use crate::helpers::doors::through;
use crate::helpers::stories::stories;
use crate::helpers::{Demo, Stop, hours_ago, pure};
use serde_json::{Value, json};

/// A resource as STU3 writes it.
fn as_stu3(mut resource: Value) -> Value {
    let Some(kind) = resource["resourceType"].as_str().map(str::to_owned) else {
        return resource;
    };
    let members = resource.as_object_mut().unwrap();
    if let Some(encounter) = members.remove("encounter") {
        members.insert("context".into(), encounter);
    }
    if let Some(recorded) = members.remove("recordedDate") {
        members.insert("assertedDate".into(), recorded);
    }
    for status in ["clinicalStatus", "verificationStatus"] {
        let code = members
            .get(status)
            .map(|status| status["coding"][0]["code"].clone());
        members.extend(code.map(|code| (status.to_owned(), code)));
    }
    if let Some(Value::Array(all)) = members.get("interpretation") {
        let first = all[0].clone();
        members.insert("interpretation".into(), first);
    }
    if kind == "MedicationRequest" {
        if let Some(who) = members.remove("requester") {
            members.insert("requester".into(), json!({"agent": who}));
        }
        if let Some(Value::Array(all)) = members.get("category") {
            let first = all[0].clone();
            members.insert("category".into(), first);
        }
        let lines = members.get_mut("dosageInstruction").and_then(Value::as_array_mut);
        for line in lines.into_iter().flatten() {
            let dose = line.as_object_mut().unwrap().remove("doseAndRate");
            if let Some(dose) = dose {
                line["doseQuantity"] = dose[0]["doseQuantity"].clone();
            }
        }
    }
    resource
}

/// A request whose resources are all of STU3.
fn of_stu3(value: &Value) -> Value {
    match value {
        Value::Array(items) => items.iter().map(of_stu3).collect(),
        Value::Object(members) => {
            let inside = members.iter().map(|(name, value)| (name.clone(), of_stu3(value)));
            as_stu3(Value::Object(inside.collect()))
        }
        other => other.clone(),
    }
}

/// The advice without what may be clicked.
fn said(answer: &Value) -> Value {
    let mut said = advice(answer);
    for card in said["cards"].as_array_mut().unwrap() {
        let card = card.as_object_mut().unwrap();
        card.remove("suggestions");
        card.remove("selectionBehavior");
    }
    said
}

/// cds-17b
#[test]
fn an_ehr_of_stu3_gets_the_same_advice_and_no_order_that_it_cannot_read() {
    let mut kept = 0;
    for (name, stop) in stories() {
        let request = stop.dated(&hours_ago(2)).request();
        let (r4, stu3) = (pure::answer(&request), pure::answer(&of_stu3(&request)));
        assert_eq!(said(&r4), said(&stu3), "{name}");
        for card in stu3["cards"].as_array().unwrap() {
            for suggestion in card["suggestions"].as_array().into_iter().flatten() {
                let action = &suggestion["actions"][0];
                assert_eq!(action["type"], "update", "{name}: {suggestion}");
                assert!(
                    action["resource"]["requester"]["agent"].is_object(),
                    "{name}: as it came"
                );
                kept += 1;
            }
        }
    }
    assert!(kept > 5, "the order can still be kept");
}

/// cds-17b
#[tokio::test]
async fn dstu2_is_refused_in_plain_words_and_never_taken_for_an_empty_list() {
    let demo = Demo::spawn().await;
    let older = |value: &Value| -> Value {
        let text = value
            .to_string()
            .replace("\"MedicationRequest\"", "\"MedicationOrder\"");
        serde_json::from_str(&text).unwrap()
    };
    let stop = Stop::tacrolimus().with_kidney_transplant().dated(&hours_ago(2));
    for (hook, field) in [
        ("medication-discontinue", "context.toBeDiscontinued.entry[0]"),
        ("order-sign", "context.draftOrders.entry[0]"),
    ] {
        let answer = demo.hook(&older(&through(&stop, hook))).await;
        answer.refuses(400, field);
        assert!(answer.text().contains("DSTU2"), "{}", answer.text());
    }
    for hook in ["encounter-discharge", "patient-view"] {
        let answer = demo.hook(&older(&through(&stop, hook))).await;
        assert_eq!(answer.status, 412, "{hook}: {}", answer.text());
    }
}
