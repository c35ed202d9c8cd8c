//! `GET /cds-services/{id}/basis`: where the advice of a service comes from.
//!
//! Turns the source attributes and citations of the tables into JSON, or into a page for a browser. Open to
//! everybody, as discovery is: it says nothing of a patient, a client or a call. Every card links here.
//! 45 CFR 170.315(b)(11)(iv)(A): the attributes of an evidence-based decision support intervention.

use super::error::Refused;
use crate::app::App;
use crate::clinical::knowledge::{AttributeValue, Knowledge, Service};
use actix_web::http::header::{ACCEPT, CACHE_CONTROL, CONTENT_SECURITY_POLICY, HeaderValue, VARY};
use actix_web::{HttpRequest, HttpResponse, web};
use askama::Template;
use serde::Serialize;

/// How long a page that is the same for everybody may be kept.
pub(super) const CACHED: HeaderValue = HeaderValue::from_static("public, max-age=300");
/// A page that runs nothing and is framed by nobody.
pub(super) const CLOSED: HeaderValue = HeaderValue::from_static(
    "default-src 'none'; style-src 'self'; frame-ancestors 'none'; base-uri 'none'; form-action 'none'",
);

/// What the page and the JSON hold.
#[derive(Serialize, Template)]
#[serde(rename_all = "camelCase")]
#[template(path = "http/basis.html")]
struct Basis<'a> {
    service: &'a str,
    hook: &'a str,
    title: &'a str,
    content: &'a str,
    attributes: Vec<Attribute<'a>>,
    citations: Vec<Citation<'a>>,
    reviews: Vec<Review<'a>>,
}

#[derive(Serialize)]
struct Attribute<'a> {
    code: &'a str,
    name: &'a str,
    value: String,
}

#[derive(Serialize)]
struct Citation<'a> {
    label: &'a str,
    url: &'a str,
    supports: &'a str,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Review<'a> {
    drug: &'a str,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    reviewers: Vec<&'a str>,
    next_review: &'a str,
}

/// Answers with JSON, or with a page where the caller prefers HTML.
pub(super) async fn handle(app: web::Data<App>, id: web::Path<String>, request: HttpRequest) -> HttpResponse {
    let Some(service) = app.service(&id) else {
        return Refused::UnknownService.response();
    };
    let basis = basis(&app.knowledge, service);
    let mut answer = HttpResponse::Ok();
    answer
        .insert_header((VARY, "accept"))
        .insert_header((CACHE_CONTROL, CACHED));
    if !wants_page(&request) {
        return answer.json(basis);
    }
    match basis.render() {
        Ok(page) => answer
            .insert_header((CONTENT_SECURITY_POLICY, CLOSED))
            .content_type("text/html; charset=utf-8")
            .body(page),
        Err(_) => Refused::Internal.response(),
    }
}

/// The page's style.
pub(super) async fn style() -> HttpResponse {
    HttpResponse::Ok()
        .insert_header((CACHE_CONTROL, CACHED))
        .content_type("text/css; charset=utf-8")
        .body(include_str!("basis.css"))
}

fn wants_page(request: &HttpRequest) -> bool {
    let accepted = request
        .headers()
        .get(ACCEPT)
        .and_then(|accept| accept.to_str().ok());
    accepted.is_some_and(|accept| accept.contains("text/html"))
}

fn basis<'a>(knowledge: &'a Knowledge, service: &'a Service) -> Basis<'a> {
    let reviews = knowledge.withdrawals.iter().map(|withdrawal| Review {
        drug: &withdrawal.key,
        reviewers: withdrawal.approval.reviewers.iter().map(|name| &**name).collect(),
        next_review: &withdrawal.approval.next_review,
    });
    let attributes = knowledge.attributes.iter().map(|attribute| Attribute {
        code: &attribute.code,
        name: &attribute.name,
        value: match &attribute.is {
            AttributeValue::Says(text) => text.to_string(),
            AttributeValue::Citations => {
                format!(
                    "{} sources, listed below; each card names its own.",
                    knowledge.sources.len()
                )
            }
            AttributeValue::Dates => dates(knowledge),
        },
    });
    let citations = knowledge.sources.iter().map(|source| Citation {
        label: &source.label,
        url: &source.url,
        supports: &source.supports,
    });
    Basis {
        service: &service.id,
        hook: &service.hook,
        title: &service.title,
        content: &knowledge.version,
        attributes: attributes.collect(),
        citations: citations.collect(),
        reviews: reviews.collect(),
    }
}

fn dates(knowledge: &Knowledge) -> String {
    let next = knowledge
        .withdrawals
        .iter()
        .map(|withdrawal| &withdrawal.approval.next_review)
        .min();
    let next = next.map_or(String::new(), |date| format!("; next review due {date}"));
    format!(
        "Content {} released {}{next}. Each source carries its year.",
        knowledge.version, knowledge.released
    )
}
