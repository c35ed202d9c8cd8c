//! `GET /about`, and `GET /` where nothing else stands: what the service can do and what it does not, in plain words.
//!
//! Turns the services, drugs and indications of the tables into a page. Open to everybody, as discovery is: it says
//! nothing of a patient, a client or a call. CDS Hooks 3.0, "Security and Safety": a service should publish such a page.

use super::basis::{CACHED, CLOSED};
use super::error::Refused;
use crate::app::App;
use crate::clinical::knowledge::{Kind, Knowledge, Service};
use actix_web::http::header::{CACHE_CONTROL, CONTENT_SECURITY_POLICY};
use actix_web::{HttpResponse, web};
use askama::Template;

#[derive(Template)]
#[template(path = "http/about.html")]
struct About<'a> {
    content: &'a str,
    services: &'a [Service],
    drugs: Vec<Drug<'a>>,
}

struct Drug<'a> {
    name: &'a str,
    indications: Vec<&'a str>,
    watched: bool,
}

/// Answers with the page.
pub(super) async fn handle(app: web::Data<App>) -> HttpResponse {
    match about(&app.knowledge).render() {
        Ok(page) => HttpResponse::Ok()
            .insert_header((CACHE_CONTROL, CACHED))
            .insert_header((CONTENT_SECURITY_POLICY, CLOSED))
            .content_type("text/html; charset=utf-8")
            .body(page),
        Err(_) => Refused::Internal.response(),
    }
}

fn about(knowledge: &Knowledge) -> About<'_> {
    let drugs = knowledge.withdrawals.iter().map(|withdrawal| Drug {
        name: &knowledge.vocabulary.ingredient(withdrawal.ingredient).name,
        indications: withdrawal
            .indications
            .iter()
            .filter(|indication| indication.kind != Kind::Unknown)
            .map(|indication| &*indication.name)
            .collect(),
        watched: withdrawal.watch.is_some(),
    });
    About {
        content: &knowledge.version,
        services: &knowledge.services,
        drugs: drugs.collect(),
    }
}
