//! The body of a hook call: what has to be there, and what may be.

use crate::helpers::answer::assert_same_advice;
use crate::helpers::chart::grant;
use crate::helpers::doors::through;
use crate::helpers::resources::{ENVARSUS_1_MG, PATIENT, order};
use crate::helpers::{Answer, Demo, Ehr, Stop, TestApp, days_ago};
use reqwest::Method;
use serde_json::{Value, json};

fn active() -> Stop {
    Stop::tacrolimus().in_lupus_nephritis().with_upcr("2.1", "g/g", 7)
}

/// `request` without the member at a path.
fn without(mut request: Value, path: &str) -> Value {
    let (parent, name) = path.rsplit_once('/').unwrap();
    request
        .pointer_mut(parent)
        .unwrap()
        .as_object_mut()
        .unwrap()
        .remove(name)
        .expect("a member to remove");
    request
}

/// `request` with another value at a path.
fn with(mut request: Value, path: &str, value: Value) -> Value {
    let (parent, name) = path.rsplit_once('/').unwrap();
    request.pointer_mut(parent).unwrap()[name] = value;
    request
}

/// cds-04
#[tokio::test]
async fn ignores_unknown_fields_wherever_they_stand() {
    let demo = Demo::spawn().await;
    let plain = active().request();
    let expected = demo.hook(&plain).await.json;
    let mut request = grant(plain, "http://127.0.0.1:9/fhir", "t");
    request.as_object_mut().unwrap().remove("fhirServer");
    request.as_object_mut().unwrap().remove("fhirAuthorization");
    let unknown = json!({"list": [1, null, {"x": "y"}], "deep": {"er": []}});
    for parent in [
        "",
        "/context",
        "/context/toBeDiscontinued",
        "/context/toBeDiscontinued/entry/0",
        "/prefetch/patient",
        "/prefetch/observations",
        "/prefetch/observations/entry/0/resource",
        "/prefetch/observations/entry/0/resource/valueQuantity",
        "/prefetch/medications/entry/1/resource/dosageInstruction/0",
    ] {
        let object = request.pointer_mut(parent).unwrap().as_object_mut().unwrap();
        object.insert(
            "extension".to_owned(),
            json!([{"url": "urn:x", "valueString": "y"}]),
        );
        object.insert("unheardOf".to_owned(), unknown.clone());
    }
    request["extension"] = json!({"com.example.vendor": unknown});
    assert_same_advice(&demo.hook(&request).await.json, &expected, "unknown fields");
    let granted = grant(request, "http://127.0.0.1:9/fhir", "t");
    let granted = with(granted, "/fhirAuthorization/vendor_field", unknown);
    assert_same_advice(
        &demo.hook(&granted).await.json,
        &expected,
        "an unknown field of the grant",
    );
}

/// cds-10a, cds-10b, cds-11a
#[tokio::test]
async fn refuses_a_request_without_a_required_field() {
    let demo = Demo::spawn().await;
    let good = active().request();
    for field in ["hook", "hookInstance", "context"] {
        demo.hook(&without(good.clone(), &format!("/{field}")))
            .await
            .refuses(400, field);
        demo.hook(&with(good.clone(), &format!("/{field}"), Value::Null))
            .await
            .refuses(400, field);
        demo.stop(with(good.clone(), &format!("/{field}"), json!(7)).to_string())
            .await
            .refuses(400, field);
    }
    for context in [json!([]), json!("x"), json!(true)] {
        demo.hook(&with(good.clone(), "/context", context))
            .await
            .refuses(400, "context");
    }
    for instance in [
        "",
        "1",
        "urn:uuid:6f2b9c1e-3d54-4a7b-9a10-5c0e8f1d2a01",
        "{6f2b9c1e-3d54-4a7b-9a10-5c0e8f1d2a01}",
        "6f2b9c1e3d544a7b9a105c0e8f1d2a01",
        "6f2b9c1e-3d54-4a7b-9a10-5c0e8f1d2a0z",
    ] {
        demo.hook(&with(good.clone(), "/hookInstance", json!(instance)))
            .await
            .refuses(400, "hookInstance");
    }
}

/// cds-11c
#[tokio::test]
async fn gives_a_repeated_call_the_same_advice() {
    let demo = Demo::spawn().await;
    let request = active().request();
    let first = demo.hook(&request).await;
    let again = demo.hook(&request).await;
    assert!(!first.cards().is_empty());
    assert_same_advice(&first.json, &again.json, "");
    let instance = request["hookInstance"].as_str().unwrap().to_uppercase();
    let loud = demo.hook(&with(request, "/hookInstance", json!(instance))).await;
    assert_same_advice(&first.json, &loud.json, "a UUID in upper case");
}

/// cds-12a, cds-13a
#[tokio::test]
async fn refuses_a_grant_that_is_not_complete() {
    let demo = Demo::spawn().await;
    let good = grant(active().request(), "http://127.0.0.1:9/fhir", "t");
    assert_eq!(demo.hook(&good).await.status, 200);
    demo.hook(&without(good.clone(), "/fhirServer"))
        .await
        .refuses(400, "fhirServer");
    for field in ["access_token", "token_type", "expires_in", "scope", "subject"] {
        let path = format!("/fhirAuthorization/{field}");
        demo.hook(&without(good.clone(), &path)).await.refuses(400, field);
        demo.hook(&with(good.clone(), &path, json!({})))
            .await
            .refuses(400, field);
    }
    for (field, value) in [
        ("token_type", json!("Basic")),
        ("expires_in", json!(1.5)),
        ("expires_in", json!("60")),
        ("expires_in", json!(-1)),
        ("access_token", json!("")),
    ] {
        demo.hook(&with(good.clone(), &format!("/fhirAuthorization/{field}"), value))
            .await
            .refuses(400, field);
    }
}

/// cds-13b, cds-13c
#[tokio::test]
async fn accepts_a_grant_with_patient_scopes_and_no_patient() {
    let ehr = Ehr::holding(&active()).await.open().await;
    let demo = Demo::spawn().await;
    let expected = demo.hook(&active().request()).await.json;
    let scopes = [
        "patient/*.read",
        "patient/*.rs",
        "launch patient/Observation.read patient/*.rs?x=y",
        "Epic.Everything",
        "user/*.* offline_access",
    ];
    for scope in scopes {
        let request = without(active().granting(&ehr.base(), "t"), "/fhirAuthorization/patient");
        let answer = demo
            .hook(&with(request, "/fhirAuthorization/scope", json!(scope)))
            .await;
        assert_eq!(answer.topics()[0], "abrupt-withdrawal", "{scope}");
        assert_same_advice(&answer.json, &expected, scope);
    }
    let request = without(active().granting(&ehr.base(), "t"), "/fhirAuthorization/patient");
    let narrow = demo
        .hook(&with(
            request,
            "/fhirAuthorization/scope",
            json!("patient/MedicationRequest.read"),
        ))
        .await;
    assert!(
        !narrow.cards().is_empty(),
        "what a grant does not allow is a gap, not a refusal"
    );
}

/// cds-14a, cds-14b
#[tokio::test]
async fn refuses_a_context_without_what_its_hook_requires() {
    let demo = Demo::spawn().await;
    let good = active().request();
    for hook in ["medication-discontinue", "order-discontinue"] {
        let good = with(good.clone(), "/hook", json!(hook));
        for field in ["userId", "patientId", "toBeDiscontinued"] {
            let path = format!("/context/{field}");
            demo.hook(&without(good.clone(), &path))
                .await
                .refuses(400, &format!("context.{field}"));
            for wrong in [Value::Null, json!(7), json!([]), json!("")] {
                demo.hook(&with(good.clone(), &path, wrong))
                    .await
                    .refuses(400, &format!("context.{field}"));
            }
        }
        for user in [
            "prescriber-7",
            "/prescriber-7",
            "Practitioner/",
            "Practitioner prescriber-7",
        ] {
            demo.hook(&with(good.clone(), "/context/userId", json!(user)))
                .await
                .refuses(400, "context.userId");
        }
    }
}

/// cds-14c, cds-14d, cds-14e, cds-14f
#[tokio::test]
async fn reads_the_context_of_every_hook() {
    let demo = Demo::spawn().await;
    let stop = active().dated(&days_ago(1));
    let required: [(&str, &[&str]); 4] = [
        ("order-sign", &["draftOrders"]),
        ("order-select", &["draftOrders", "selections"]),
        ("encounter-discharge", &["encounterId"]),
        ("patient-view", &[]),
    ];
    for (hook, own) in required {
        let good = through(&stop, hook);
        assert!(
            demo.hook(&good).await.topics().contains(&"abrupt-withdrawal"),
            "{hook}"
        );
        for field in ["userId", "patientId"].iter().chain(own) {
            let missing = without(good.clone(), &format!("/context/{field}"));
            demo.hook(&missing)
                .await
                .refuses(400, &format!("context.{field}"));
        }
        if hook != "encounter-discharge" {
            let outside = without(good.clone(), "/context/encounterId");
            assert_eq!(demo.hook(&outside).await.status, 200, "{hook}");
        }
    }
    for user in [
        "Practitioner/1",
        "PractitionerRole/1",
        "Patient/1",
        "RelatedPerson/1",
    ] {
        let view = with(through(&stop, "patient-view"), "/context/userId", json!(user));
        assert_eq!(demo.hook(&view).await.status, 200, "{user}");
    }
    let selected = with(
        through(&stop, "order-select"),
        "/context/selections",
        json!(["tac-1"]),
    );
    demo.hook(&selected).await.refuses(400, "context.selections");
}

/// cds-07b, cds-15a
#[tokio::test]
async fn refuses_a_hook_the_service_is_not_listed_for() {
    let demo = Demo::spawn().await;
    for hook in [
        "order-sign",
        "medication-prescribe",
        "x",
        "Medication-Discontinue",
    ] {
        let request = with(active().request(), "/hook", json!(hook));
        let request = with(
            request,
            "/context/draftOrders",
            json!({"resourceType": "Bundle", "type": "collection"}),
        );
        demo.stop(request.to_string()).await.refuses(400, "hook");
    }
    let other = with(active().request(), "/hook", json!("order-discontinue"));
    demo.stop(other.to_string()).await.refuses(400, "hook");
}

/// cds-15b
#[tokio::test]
async fn gives_each_malformed_call_its_own_status() {
    let app = TestApp::with("http://127.0.0.1:9/fhir", "max-body-bytes = 65536", "").await;
    let (ehr, path) = (app.trusted_ehr(), app.path("medication-discontinue"));
    let body = active().request().to_string();
    let unknown = "/cds-services/nobody";
    let send = async |method: Method, path: &str, kind: &str, coding: Option<&str>, body: String| {
        let mut call = app
            .call(method, path)
            .bearer_auth(ehr.token(path))
            .header("content-type", kind)
            .body(body);
        if let Some(coding) = coding {
            call = call.header("content-encoding", coding);
        }
        Answer::of(call.send().await.unwrap()).await
    };
    let json = "application/json";
    send(Method::POST, unknown, json, None, body.clone())
        .await
        .refuses(404, "service");
    let wrong = send(Method::GET, &path, json, None, String::new()).await;
    wrong.refuses(405, "method");
    assert_eq!(wrong.header("allow"), "POST");
    send(Method::POST, &path, "text/plain", None, body.clone())
        .await
        .refuses(415, "Content-Type");
    send(Method::POST, &path, json, Some("gzip"), body.clone())
        .await
        .refuses(415, "Content-Encoding");
    send(Method::POST, &path, json, None, " ".repeat(70_000))
        .await
        .refuses(413, "larger");
    assert_eq!(
        send(
            Method::POST,
            &path,
            "application/json; charset=utf-8",
            None,
            body.clone()
        )
        .await
        .status,
        200
    );
    assert_eq!(
        send(Method::POST, &path, "application/fhir+json", None, body)
            .await
            .status,
        200
    );
}

/// cds-15c, cds-16
#[tokio::test]
async fn refuses_an_order_of_another_patient() {
    let demo = Demo::spawn().await;
    let subject = "/context/toBeDiscontinued/entry/0/resource/subject";
    let theirs = with(
        active().request(),
        subject,
        json!({"reference": "Patient/somebody-else"}),
    );
    demo.hook(&theirs).await.refuses(422, "context.toBeDiscontinued");
    let draft = order("tac-2", "draft", ENVARSUS_1_MG, (2.0, 1), &days_ago(0));
    let drafting = active().drafting(draft).request();
    let draft = "/context/draftOrders/entry/0/resource/subject/reference";
    demo.hook(&with(drafting, draft, json!("Patient/somebody-else")))
        .await
        .refuses(422, "context.draftOrders");
    let absolute = format!("http://127.0.0.1:9/fhir/Patient/{PATIENT}");
    for own in [
        json!({"reference": PATIENT}),
        json!({"reference": absolute}),
        json!({"display": "without a reference"}),
    ] {
        let request = grant(
            with(active().request(), subject, own.clone()),
            "http://127.0.0.1:9/fhir",
            "t",
        );
        assert_eq!(demo.hook(&request).await.status, 200, "{own}");
    }
    assert_eq!(
        demo.hook(&without(active().request(), subject)).await.status,
        200,
        "a missing subject"
    );
}
