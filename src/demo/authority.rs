//! Plays the authorization server of the demonstration, so that a card's link really opens the companion app.
//!
//! In: a launch from a card, an authorization request, a token request. Out: a code for whoever asks, and the
//! app's FHIR token for a code with its PKCE verifier. It knows no users, signs no identity and
//! protects nothing: it runs on this machine, over synthetic patients, and its page says so. The form of what
//! it says follows SMART App Launch 2.2.

use super::stories::DemoPatient;
use super::{DemoState, assets};
use crate::pages;
use actix_web::http::{StatusCode, header};
use actix_web::{HttpResponse, web};
use askama::Template;
use aws_lc_rs::digest;
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use secrecy::ExposeSecret;
use serde_json::json;
use std::collections::{HashMap, VecDeque};
use std::sync::{Mutex, PoisonError};
use url::Url;

/// Client id of the companion app here.
const CLIENT: &str = "stepdown-demo";
/// The right to write draft orders.
const WRITES: &str = "patient/MedicationRequest.c";
/// Launches and codes that are remembered; older ones are forgotten.
const MOST: usize = 256;

/// Launches and codes under way.
#[derive(Default)]
pub(super) struct Authority {
    launches: Mutex<VecDeque<(String, Opening)>>,
    codes: Mutex<VecDeque<(String, Granting)>>,
}

/// The chart that is to be opened, and what a card hands along.
#[derive(Clone)]
struct Opening {
    patient: String,
    context: String,
}

/// What a code stands for.
struct Granting {
    opening: Opening,
    challenge: String,
    /// Whether the right to write drafts was asked for.
    writes: bool,
}

fn keep<T>(list: &Mutex<VecDeque<(String, T)>>, key: String, value: T) {
    let mut list = list.lock().unwrap_or_else(PoisonError::into_inner);
    if list.len() >= MOST {
        list.pop_front();
    }
    list.push_back((key, value));
}

fn take<T>(list: &Mutex<VecDeque<(String, T)>>, key: &str) -> Option<T> {
    let mut list = list.lock().unwrap_or_else(PoisonError::into_inner);
    let at = list.iter().position(|(known, _)| known == key)?;
    list.remove(at).map(|(_, value)| value)
}

/// Adds the routes; they come before those of the FHIR server, which owns the rest of its path.
pub(super) fn routes(cfg: &mut web::ServiceConfig) {
    cfg.route(
        "/fhir/.well-known/smart-configuration",
        web::get().to(configuration),
    )
    .route("/demo/launch", web::post().to(launch))
    .route("/demo/authorize", web::get().to(authorize))
    .route("/demo/token", web::post().to(token));
}

async fn configuration(state: web::Data<DemoState>) -> HttpResponse {
    let base = &state.base;
    HttpResponse::Ok()
        .insert_header((header::CONTENT_TYPE, "application/json"))
        .body(
            json!({
                "authorization_endpoint": format!("{base}/demo/authorize"),
                "token_endpoint": format!("{base}/demo/token"),
                "grant_types_supported": ["authorization_code"],
                "capabilities": ["launch-ehr", "launch-standalone", "client-public", "context-ehr-patient",
                    "context-standalone-patient", "permission-patient", "permission-v2"],
                "code_challenge_methods_supported": ["S256"],
            })
            .to_string(),
        )
}

type Fields = HashMap<String, String>;

fn fields(text: &[u8]) -> Fields {
    url::form_urlencoded::parse(text).into_owned().collect()
}

fn field<'f>(fields: &'f Fields, name: &str) -> &'f str {
    fields.get(name).map_or("", String::as_str)
}

/// A card's link was clicked: the EHR launches the app with the open chart.
async fn launch(state: web::Data<DemoState>, body: web::Bytes) -> HttpResponse {
    let sent = fields(&body);
    let own = format!("{}/smart/launch", state.base);
    if field(&sent, "url") != own || state.patient(field(&sent, "patient")).is_none() {
        return refused("The demonstration only launches its own app, for one of its patients.");
    }
    let id = uuid::Uuid::new_v4().to_string();
    let opening = Opening {
        patient: field(&sent, "patient").to_owned(),
        context: field(&sent, "context").to_owned(),
    };
    keep(&state.authority.launches, id.clone(), opening);
    let query = url::form_urlencoded::Serializer::new(String::new())
        .append_pair("iss", &state.fhir_base())
        .append_pair("launch", &id)
        .finish();
    HttpResponse::SeeOther()
        .insert_header((header::LOCATION, format!("/smart/launch?{query}")))
        .finish()
}

#[derive(Template)]
#[template(path = "demo/templates/authorize.html")]
struct Page {
    scopes: String,
    doors: Vec<(String, String)>,
}

/// Says yes: to the chart of the launch, or to any.
async fn authorize(state: web::Data<DemoState>, request: actix_web::HttpRequest) -> HttpResponse {
    let asked = fields(request.query_string().as_bytes());
    let is = |name: &str, value: &str| field(&asked, name) == value;
    let callback = format!("{}/smart/callback", state.base);
    let known = is("response_type", "code") && is("client_id", CLIENT) && is("redirect_uri", &callback);
    let proof = is("code_challenge_method", "S256") && !field(&asked, "code_challenge").is_empty();
    if !known || !proof || field(&asked, "aud").trim_end_matches('/') != state.fhir_base() {
        return refused("This is not an authorization request of the demonstration's own app.");
    }
    let openings = match take(&state.authority.launches, field(&asked, "launch")) {
        Some(opening) => vec![opening],
        None if field(&asked, "launch").is_empty() => state.patients.iter().map(without_card).collect(),
        None => return refused("This launch was used already. Click the card's link again."),
    };
    let door = |opening: Opening| {
        let code = uuid::Uuid::new_v4().to_string();
        let name = state
            .patient(&opening.patient)
            .map(|patient| patient.story.name.clone());
        let mut to = Url::parse(&callback).ok()?;
        to.query_pairs_mut()
            .append_pair("code", &code)
            .append_pair("state", field(&asked, "state"));
        keep(
            &state.authority.codes,
            code,
            Granting {
                opening,
                challenge: field(&asked, "code_challenge").to_owned(),
                writes: field(&asked, "scope").split(' ').any(|scope| scope == WRITES),
            },
        );
        Some((name.unwrap_or_default(), to.to_string()))
    };
    let page = Page {
        scopes: field(&asked, "scope").replace(' ', ", "),
        doors: openings.into_iter().filter_map(door).collect(),
    };
    // The app may be open in a frame of the EHR page, and its sign-in then is too.
    pages::page(StatusCode::OK, &page, true, "'self'")
}

fn without_card(patient: &DemoPatient) -> Opening {
    Opening {
        patient: patient.id.clone(),
        context: String::new(),
    }
}

/// A code and its verifier for the demonstration's FHIR token.
async fn token(state: web::Data<DemoState>, body: web::Bytes) -> HttpResponse {
    let sent = fields(&body);
    let found = take(&state.authority.codes, field(&sent, "code"));
    let verifier = digest::digest(&digest::SHA256, field(&sent, "code_verifier").as_bytes());
    let granting = match found {
        Some(granting) if granting.challenge == URL_SAFE_NO_PAD.encode(verifier) => granting,
        _ => return HttpResponse::BadRequest().body(json!({"error": "invalid_grant"}).to_string()),
    };
    let (opening, token) = match granting.writes {
        true => (granting.opening, &state.app_token),
        false => (granting.opening, &state.token),
    };
    let writes = if granting.writes { WRITES } else { "" };
    let mut answer = json!({
        "access_token": token.expose_secret(), "token_type": "Bearer", "expires_in": 3600,
        "scope": format!("launch patient/*.rs {writes}").trim_end(), "patient": opening.patient, "need_patient_banner": true,
    });
    if !opening.context.is_empty() {
        answer["appContext"] = opening.context.into();
    }
    HttpResponse::Ok()
        .insert_header((header::CONTENT_TYPE, "application/json"))
        .insert_header((header::CACHE_CONTROL, "no-store"))
        .body(answer.to_string())
}

fn refused(text: &str) -> HttpResponse {
    assets::message(StatusCode::BAD_REQUEST, "Not opened", text, "/")
}
