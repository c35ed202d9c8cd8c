//! The demo EHR's FHIR server.
//!
//! In: an HTTP request with the demo's bearer token. Out: a resource, a searchset Bundle or an
//! OperationOutcome, as `application/fhir+json` (FHIR R4 sections 3.1.0 and 3.1.1). Pages are small on
//! purpose, so that a client must follow `next` links. It takes drafts from the companion app (`create`), and answers
//! nobody without the app's token or the one that the demo puts into `fhirAuthorization`; only `metadata` is open.

use super::DemoState;
use super::search::{BadQuery, Query, TYPES};
use super::{create, resource};
use actix_web::{HttpRequest, HttpResponse, http::StatusCode, http::header, web};
use secrecy::ExposeSecret;
use serde_json::{Value, json};
use std::sync::Arc;

/// Matches on a page unless the client asks for fewer.
const PAGE: usize = 25;

/// Adds the routes of the server.
pub(super) fn routes(cfg: &mut web::ServiceConfig) {
    cfg.service(
        web::scope("/fhir")
            .route("/metadata", web::get().to(metadata))
            .route("/{kind}/_search", web::post().to(search_by_form))
            .route("/{kind}/{id}", web::get().to(read))
            .route("/{kind}", web::get().to(search))
            .route("/{kind}", web::post().to(create::create)),
    );
}

async fn metadata(state: web::Data<DemoState>) -> HttpResponse {
    let resources: Vec<_> = TYPES
        .iter()
        .map(|kind| json!({"type": kind, "interaction": [{"code": "read"}, {"code": "search-type"}]}))
        .collect();
    let statement = json!({
        "resourceType": "CapabilityStatement",
        "status": "active",
        "date": state.now.to_string(),
        "kind": "instance",
        "implementation": {"description": "Demonstration with synthetic patients"},
        "fhirVersion": "4.0.1",
        "format": ["application/fhir+json"],
        "rest": [{"mode": "server", "security": {"description": "Bearer token of the demonstration"}, "resource": resources}],
    });
    answer(StatusCode::OK, &statement)
}

async fn read(
    state: web::Data<DemoState>,
    request: HttpRequest,
    path: web::Path<(String, String)>,
) -> HttpResponse {
    if let Some(refused) = refusal(&state, &request) {
        return refused;
    }
    let (kind, id) = path.into_inner();
    let records = state.records();
    let wanted = |found: &&Arc<Value>| resource::kind(found) == kind && resource::id(found) == id;
    match records.iter().find(wanted) {
        Some(found) => answer(StatusCode::OK, found),
        None => outcome(StatusCode::NOT_FOUND, "not-found", "there is no such resource"),
    }
}

async fn search(state: web::Data<DemoState>, request: HttpRequest, path: web::Path<String>) -> HttpResponse {
    answer_search(&state, &request, &path, request.query_string().as_bytes())
}

async fn search_by_form(
    state: web::Data<DemoState>,
    request: HttpRequest,
    path: web::Path<String>,
    body: web::Bytes,
) -> HttpResponse {
    answer_search(&state, &request, &path, &body)
}

fn answer_search(state: &DemoState, request: &HttpRequest, kind: &str, parameters: &[u8]) -> HttpResponse {
    if let Some(refused) = refusal(state, request) {
        return refused;
    }
    let parameters: Vec<_> = url::form_urlencoded::parse(parameters).into_owned().collect();
    match Query::read(kind, &parameters) {
        Ok(query) => answer(
            StatusCode::OK,
            &page(&query, &state.fhir_base(), &state.records()),
        ),
        Err(problem @ BadQuery::UnknownType) => {
            outcome(StatusCode::NOT_FOUND, "not-supported", &problem.to_string())
        }
        Err(problem) => outcome(StatusCode::BAD_REQUEST, "invalid", &problem.to_string()),
    }
}

/// One page of a search as a searchset Bundle.
pub(super) fn page(query: &Query, base: &str, records: &[Arc<Value>]) -> Value {
    let (matches, included) = query.run(records);
    let count = query.count.unwrap_or(PAGE).clamp(1, PAGE);
    let shown: Vec<_> = matches.iter().skip(query.skip).take(count).collect();
    let mut links = vec![json!({"relation": "self", "url": link(query, base, count, query.skip)})];
    if query.skip + shown.len() < matches.len() {
        links.push(json!({"relation": "next", "url": link(query, base, count, query.skip + count)}));
    }
    let included: Vec<_> = included
        .iter()
        .filter(|medication| points_to(&shown, medication))
        .collect();
    let mut bundle =
        json!({"resourceType": "Bundle", "type": "searchset", "total": matches.len(), "link": links});
    let entries: Vec<_> = shown
        .into_iter()
        .map(|found| entry(base, found, "match"))
        .chain(included.into_iter().map(|found| entry(base, found, "include")))
        .collect();
    if !entries.is_empty() {
        bundle["entry"] = Value::Array(entries);
    }
    bundle
}

fn points_to(orders: &[&Arc<Value>], medication: &Value) -> bool {
    let wanted = format!("Medication/{}", resource::id(medication));
    orders
        .iter()
        .any(|order| resource::text(order, "/medicationReference/reference") == wanted)
}

fn entry(base: &str, found: &Value, mode: &str) -> Value {
    let url = format!("{base}/{}/{}", resource::kind(found), resource::id(found));
    json!({"fullUrl": url, "resource": found, "search": {"mode": mode}})
}

fn link(query: &Query, base: &str, count: usize, skip: usize) -> String {
    let mut written = url::form_urlencoded::Serializer::new(String::new());
    written.extend_pairs(query.applied.iter());
    written.append_pair("_count", &count.to_string());
    if skip > 0 {
        written.append_pair("_page", &skip.to_string());
    }
    format!("{base}/{}?{}", query.kind, written.finish())
}

/// The bearer token of a request.
fn sent(request: &HttpRequest) -> Option<&str> {
    let sent = request.headers().get(header::AUTHORIZATION)?.to_str().ok()?;
    sent.strip_prefix("Bearer ")
}

/// Whether a request comes with the companion app's token.
pub(super) fn may_write(state: &DemoState, request: &HttpRequest) -> bool {
    sent(request) == Some(state.app_token.expose_secret())
}

/// The 401 for a request without a token of the demo.
pub(super) fn refusal(state: &DemoState, request: &HttpRequest) -> Option<HttpResponse> {
    let permitted = sent(request) == Some(state.token.expose_secret()) || may_write(state, request);
    let text = "this server needs the bearer token of the demonstration";
    (!permitted).then(|| outcome(StatusCode::UNAUTHORIZED, "login", text))
}

pub(super) fn outcome(status: StatusCode, code: &str, text: &str) -> HttpResponse {
    let issue = json!({"severity": "error", "code": code, "diagnostics": text});
    answer(
        status,
        &json!({"resourceType": "OperationOutcome", "issue": [issue]}),
    )
}

pub(super) fn answer(status: StatusCode, body: &Value) -> HttpResponse {
    let mut response = HttpResponse::build(status);
    if status == StatusCode::UNAUTHORIZED {
        response.insert_header((header::WWW_AUTHENTICATE, "Bearer"));
    }
    response
        .insert_header((header::CONTENT_TYPE, "application/fhir+json; charset=utf-8"))
        .insert_header((header::CACHE_CONTROL, "no-store"))
        .body(body.to_string())
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;
    use actix_web::{App, test};
    use std::collections::BTreeSet;

    const BASE: &str = "http://127.0.0.1:1";

    /// The demonstration without a service behind it.
    pub(in crate::demo) fn state() -> DemoState {
        let now = "2026-11-22T08:00:00Z".parse().unwrap();
        let nothing = Arc::new(|_| -> futures_util::future::BoxFuture<'static, _> {
            Box::pin(std::future::ready(Ok(Vec::new())))
        });
        DemoState::new(BASE, now, reqwest::Client::new(), nothing).unwrap()
    }

    /// Status, media type and body of one request.
    async fn get(path: &str, authorized: bool) -> (u16, String, Value) {
        let state = state();
        let mut request = test::TestRequest::get().uri(path);
        if authorized {
            let token = format!("Bearer {}", state.token.expose_secret());
            request = request.insert_header((header::AUTHORIZATION, token));
        }
        let app = App::new().app_data(web::Data::new(state)).configure(routes);
        let app = test::init_service(app).await;
        let response = test::call_service(&app, request.to_request()).await;
        let status = response.status().as_u16();
        let kind = response
            .headers()
            .get(header::CONTENT_TYPE)
            .unwrap()
            .to_str()
            .unwrap()
            .to_owned();
        let body = serde_json::from_slice(&test::read_body(response).await).unwrap();
        (status, kind, body)
    }

    #[tokio::test]
    async fn without_the_token_nothing_but_metadata_is_answered() {
        for path in [
            "/fhir/Patient/alma",
            "/fhir/Condition?patient=alma",
            "/fhir/Nonsense?x=y",
        ] {
            let (status, kind, body) = get(path, false).await;
            assert_eq!(
                (status, resource::kind(&body)),
                (401, "OperationOutcome"),
                "{path}"
            );
            assert!(kind.starts_with("application/fhir+json"));
        }
        assert_eq!(get("/fhir/metadata", false).await.0, 200);
    }

    #[tokio::test]
    async fn reads_and_searches_answer_with_resource_bundle_or_outcome() {
        assert_eq!(get("/fhir/Patient/alma", true).await.2["id"], "alma");
        assert_eq!(get("/fhir/Patient/nobody", true).await.0, 404);
        assert_eq!(get("/fhir/Nonsense?patient=alma", true).await.0, 404);
        assert_eq!(get("/fhir/Observation?code=x", true).await.0, 400);
        let (status, _, empty) = get("/fhir/MedicationDispense?patient=alma", true).await;
        assert_eq!((status, &empty["total"]), (200, &json!(0)));
        assert!(empty.get("entry").is_none());
    }

    #[tokio::test]
    async fn following_next_links_gives_every_match_once() {
        let mut path = "/fhir/Observation?patient=alma&_sort=-date&_count=200".to_owned();
        let mut ids = BTreeSet::new();
        let mut pages = 0;
        loop {
            let (_, _, bundle) = get(&path, true).await;
            pages += 1;
            for entry in resource::items(&bundle, "/entry") {
                assert!(ids.insert(resource::text(entry, "/resource/id").to_owned()));
            }
            let links = resource::items(&bundle, "/link");
            let Some(next) = links.iter().find(|link| link["relation"] == "next") else {
                assert_eq!(bundle["total"], json!(ids.len()));
                break;
            };
            path = resource::text(next, "/url")
                .strip_prefix(BASE)
                .unwrap()
                .to_owned();
        }
        assert!(pages > 2);
    }

    #[tokio::test]
    async fn an_included_medication_comes_with_the_order_that_points_to_it() {
        let path = "/fhir/MedicationRequest?patient=edda&_include=MedicationRequest:medication";
        let (_, _, bundle) = get(path, true).await;
        let modes = resource::items(&bundle, "/entry")
            .iter()
            .map(|entry| resource::text(entry, "/search/mode"));
        assert_eq!(modes.filter(|mode| *mode == "include").count(), 1);
    }
}
