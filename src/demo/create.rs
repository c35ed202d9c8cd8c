//! Takes a draft order into the demonstration's record, as an EHR's FHIR server does.
//!
//! In: a MedicationRequest with the companion app's token. Out: 201 with its place, 200 where one with the
//! identifier of `If-None-Exist` is there, or an OperationOutcome (FHIR R4, sections 3.1.0.8 and 3.1.0.8.1). It takes
//! drafts of its own patients only; the token of the hooks may read and not write.

use super::DemoState;
use super::fhir::{answer, outcome};
use super::resource;
use super::stories::DemoPatient;
use actix_web::http::{StatusCode, header};
use actix_web::{HttpRequest, HttpResponse, web};
use serde_json::{Value, json};
use std::sync::Arc;

const KIND: &str = "MedicationRequest";

/// `POST /fhir/{kind}`
pub(super) async fn create(
    state: web::Data<DemoState>,
    request: HttpRequest,
    kind: web::Path<String>,
    body: web::Bytes,
) -> HttpResponse {
    if let Some(refused) = super::fhir::refusal(&state, &request) {
        return refused;
    }
    if !super::fhir::may_write(&state, &request) {
        let text = "this token may read and not write";
        return outcome(StatusCode::FORBIDDEN, "forbidden", text);
    }
    if *kind != KIND {
        return outcome(
            StatusCode::METHOD_NOT_ALLOWED,
            "not-supported",
            "only orders are taken",
        );
    }
    let Ok(order) = serde_json::from_slice::<Value>(&body) else {
        return outcome(StatusCode::BAD_REQUEST, "structure", "the body is not JSON");
    };
    let patient = owner(&state, &order);
    let Some(patient) = patient.filter(|_| is_draft(&order)) else {
        let text = "a draft order of one of these patients is wanted";
        return outcome(StatusCode::UNPROCESSABLE_ENTITY, "business-rule", text);
    };
    let wanted = request.headers().get("if-none-exist");
    let wanted = wanted.and_then(|value| value.to_str().ok());
    if let Some(known) = wanted.and_then(|condition| known(patient, condition)) {
        return placed(&state, StatusCode::OK, &known);
    }
    let new = Arc::new(taken_in(&state, order));
    patient.put(vec![(*new).clone()]);
    placed(&state, StatusCode::CREATED, &new)
}

fn owner<'s>(state: &'s DemoState, order: &Value) -> Option<&'s DemoPatient> {
    state.patient(resource::text(order, "/subject/reference").strip_prefix("Patient/")?)
}

fn is_draft(order: &Value) -> bool {
    resource::kind(order) == KIND && resource::text(order, "/status") == "draft"
}

/// The order with the identifier of a condition such as `identifier=system|value`.
fn known(patient: &DemoPatient, condition: &str) -> Option<Arc<Value>> {
    let (system, value) = condition.strip_prefix("identifier=")?.split_once('|')?;
    let own = |id: &Value| id["system"] == system && id["value"] == value;
    let record = patient.record();
    let same =
        |of: &&Arc<Value>| resource::kind(of) == KIND && resource::items(of, "/identifier").iter().any(own);
    record.iter().find(same).cloned()
}

fn taken_in(state: &DemoState, mut order: Value) -> Value {
    order["id"] = json!(uuid::Uuid::new_v4().to_string());
    order["meta"] = json!({
        "versionId": "1",
        "lastUpdated": state.instant().to_string(),
        "tag": [{"system": "http://terminology.hl7.org/CodeSystem/v3-ActReason", "code": "HTEST"}],
    });
    order
}

fn placed(state: &DemoState, status: StatusCode, order: &Value) -> HttpResponse {
    let place = format!("{}/{KIND}/{}/_history/1", state.fhir_base(), resource::id(order));
    let mut response = answer(status, order);
    if let Ok(place) = place.parse() {
        response.headers_mut().insert(header::LOCATION, place);
    }
    response
}

#[cfg(test)]
mod tests {
    use super::*;
    use actix_web::{App, test};
    use secrecy::ExposeSecret;

    fn order(patient: &str, value: &str) -> Value {
        json!({"resourceType": KIND, "status": "draft", "intent": "proposal",
            "subject": {"reference": format!("Patient/{patient}")},
            "identifier": [{"system": "urn:x", "value": value}]})
    }

    #[tokio::test]
    async fn a_draft_is_taken_once_and_only_from_the_app() {
        let state = super::super::fhir::tests::state();
        let (reads, writes) = (
            state.token.expose_secret().to_owned(),
            state.app_token.expose_secret().to_owned(),
        );
        let app = App::new()
            .app_data(web::Data::new(state))
            .configure(super::super::fhir::routes);
        let app = test::init_service(app).await;
        let post = async |token: &str, of: &Value| {
            let request = test::TestRequest::post()
                .uri("/fhir/MedicationRequest")
                .insert_header((header::AUTHORIZATION, format!("Bearer {token}")))
                .insert_header(("if-none-exist", "identifier=urn:x|1"))
                .set_payload(of.to_string());
            let response = test::call_service(&app, request.to_request()).await;
            let place = response.headers().get(header::LOCATION).cloned();
            (response.status().as_u16(), place)
        };
        assert_eq!(post(&reads, &order("alma", "1")).await.0, 403);
        assert_eq!(post("other", &order("alma", "1")).await.0, 401);
        assert_eq!(post(&writes, &order("nobody", "1")).await.0, 422);
        let mut active = order("alma", "1");
        active["status"] = json!("active");
        assert_eq!(post(&writes, &active).await.0, 422);
        let first = post(&writes, &order("alma", "1")).await;
        assert_eq!(first.0, 201);
        let again = post(&writes, &order("alma", "1")).await;
        assert_eq!((again.0, again.1), (200, first.1));
    }
}
