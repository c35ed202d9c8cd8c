//! What happens when the prescriber signs: the hook is fired, and the cards are shown before the change.
//!
//! In: the posted order form. Out: a page with the cards, the request and the answer; or, if the prescriber
//! signs in spite of the cards, the change in the demo's memory. Access tokens are not shown on the page.

use super::cards::{self, CardView};
use super::change::{BadForm, Change, Form, field};
use super::exchange::{self, Answer, NoAnswer, Service};
use super::patient::{Banner, banner};
use super::stories::DemoPatient;
use super::{DemoState, assets, resource};
use actix_web::http::{StatusCode, header};
use actix_web::{HttpResponse, web};
use askama::Template;
use serde_json::{Value, json};

#[derive(Template)]
#[template(path = "demo/templates/answer.html")]
struct Page<'a> {
    banner: Banner,
    service: &'a str,
    hook: &'a str,
    prefetch: bool,
    status: u16,
    millis: u128,
    cards: Option<Vec<CardView>>,
    request: String,
    response: String,
    form: &'a Form,
    signing: Vec<(&'static str, String)>,
}

/// `POST /patients/{id}/stop`
pub(super) async fn ask(
    state: web::Data<DemoState>,
    id: web::Path<String>,
    body: web::Bytes,
) -> HttpResponse {
    let Some(patient) = state.patient(&id) else {
        return assets::no_patient();
    };
    let form: Vec<_> = url::form_urlencoded::parse(&body).into_owned().collect();
    let hook = match field(&form, "hook") {
        "" => patient.story.hook.as_str(),
        hook => hook,
    };
    let change = match change(&state, patient, &form, hook) {
        Ok(change) => change,
        Err(problem) => return not_sent(patient, &problem),
    };
    let prefetch = field(&form, "data") != "fetch";
    match fire(&state, patient, &change, hook, prefetch).await {
        Ok((service, request, answer)) => {
            let page = Page {
                banner: banner(patient, &patient.record(), state.today()),
                service: &service.id,
                hook: exchange::hook_of(hook),
                prefetch,
                status: answer.status,
                millis: answer.millis,
                cards: cards::cards(&answer.body).filter(|_| answer.status == 200),
                request: cards::pretty(&without_token(request)),
                response: cards::pretty(&answer.body),
                form: &form,
                signing: signing(&change),
            };
            assets::page(StatusCode::OK, &page)
        }
        Err(problem) => {
            let back = format!("/patients/{}", patient.id);
            assets::message(StatusCode::BAD_GATEWAY, "No answer", &problem.to_string(), &back)
        }
    }
}

/// `POST /patients/{id}/sign`: the change is made in spite of the cards.
pub(super) async fn sign(
    state: web::Data<DemoState>,
    id: web::Path<String>,
    body: web::Bytes,
) -> HttpResponse {
    let Some(patient) = state.patient(&id) else {
        return assets::no_patient();
    };
    let form: Vec<_> = url::form_urlencoded::parse(&body).into_owned().collect();
    match change(&state, patient, &form, "") {
        Ok(change) => {
            patient.put(signed(change, &state));
            let back = format!("/patients/{}", patient.id);
            HttpResponse::SeeOther()
                .insert_header((header::LOCATION, back))
                .finish()
        }
        Err(problem) => not_sent(patient, &problem),
    }
}

/// The change as the record keeps it: ended orders know when they ended, drafts become active.
fn signed(change: Change, state: &DemoState) -> Vec<Value> {
    let mut orders = change.orders;
    for order in &mut orders {
        order["meta"]["lastUpdated"] = state.now.to_string().into();
    }
    let mut drafts = change.drafts;
    for draft in &mut drafts {
        draft["status"] = "active".into();
    }
    orders.into_iter().chain(drafts).collect()
}

/// What is about to be signed, in words.
fn signing(change: &Change) -> Vec<(&'static str, String)> {
    let words = |order: &Value| {
        let drug = resource::words(resource::drug(order, &[]));
        let drug = if drug.is_empty() {
            resource::text(order, "/medicationReference/display")
        } else {
            drug
        };
        let dose = resource::text(order, "/dosageInstruction/0/text");
        let reason = resource::words(order.get("statusReason"));
        let note = resource::text(order, "/note/0/text");
        [drug, dose, reason, note]
            .into_iter()
            .filter(|part| !part.is_empty())
            .collect::<Vec<_>>()
            .join(", ")
    };
    let verb = |order: &Value| {
        if order["status"] == "on-hold" {
            "Hold"
        } else {
            "Stop"
        }
    };
    let changed = change.orders.iter().map(|order| (verb(order), words(order)));
    changed
        .chain(change.drafts.iter().map(|draft| ("Start", words(draft))))
        .collect()
}

fn change(state: &DemoState, patient: &DemoPatient, form: &Form, hook: &str) -> Result<Change, BadForm> {
    if exchange::takes_the_record(hook) {
        return Ok(Change::default());
    }
    Change::read(form, &patient.record(), &state.choices, state.now)
}

fn not_sent(patient: &DemoPatient, problem: &BadForm) -> HttpResponse {
    let back = format!("/patients/{}", patient.id);
    assets::message(
        StatusCode::BAD_REQUEST,
        "Nothing was sent",
        &problem.to_string(),
        &back,
    )
}

async fn fire(
    state: &DemoState,
    patient: &DemoPatient,
    change: &Change,
    hook: &str,
    prefetch: bool,
) -> Result<(Service, Value, Answer), NoAnswer> {
    let service = exchange::service(state, hook).await?;
    let request = exchange::request(state, patient, change, &service, (hook, prefetch));
    let answer = exchange::post(state, &service.id, &request).await?;
    Ok((service, request, answer))
}

fn without_token(mut request: Value) -> Value {
    if let Some(token) = request.pointer_mut("/fhirAuthorization/access_token") {
        *token = json!("(the demo's token)");
    }
    request
}
