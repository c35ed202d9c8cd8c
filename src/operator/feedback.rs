//! `GET /operator/feedback`: the sums of feedback, for a program that bears an operator's token.
//!
//! Not there unless a token is set; as many wrong tokens as at the sign-in, then 429. The sums hold no comment, no patient and no single card. How often
//! anything was told of a card, and how often a card of which something was told was overridden, are two rates: EHRs
//! do not report a card that was ignored, so neither says what the other does.

use super::gate::Shut;
use super::ratio::Ratio;
use super::sheet::{self, CSV, Sheet};
use crate::app::App;
use crate::http::error::Refused;
use crate::http::{JSON, READING};
use crate::journal::{Period, RuleSum};
use actix_web::http::Method;
use actix_web::http::header::{AUTHORIZATION, CACHE_CONTROL, CONTENT_TYPE, HeaderValue};
use actix_web::{HttpRequest, HttpResponse, web};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

/// What may be asked for.
#[derive(Deserialize)]
struct Asked {
    /// Cards issued before it do not count; all unless given.
    since: Option<String>,
    #[serde(default)]
    format: Format,
    #[serde(default)]
    of: Table,
}

#[derive(Default, Clone, Copy, PartialEq, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Format {
    #[default]
    Json,
    Csv,
}

/// Which table a CSV holds; JSON holds both.
#[derive(Default, Clone, Copy, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Table {
    #[default]
    Outcomes,
    Reasons,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Row<'a> {
    client: &'a str,
    content: &'a str,
    rule: &'a str,
    topic: &'a str,
    shown: u64,
    answered: u64,
    accepted: u64,
    overridden: u64,
    commented: u64,
    /// `answered` of `shown`.
    response_rate: Option<f64>,
    /// `overridden` of `answered`.
    override_rate: Option<f64>,
    reasons: Vec<Reason<'a>>,
}

#[derive(Serialize)]
struct Reason<'a> {
    system: &'a str,
    code: &'a str,
    count: u64,
}

/// Answers with the sums, or says why not.
pub(super) async fn handle(app: web::Data<App>, request: HttpRequest) -> HttpResponse {
    match sums(&app, &request).await {
        Ok(answer) => answer,
        Err(refused) => refused.response(),
    }
}

async fn sums(app: &App, request: &HttpRequest) -> Result<HttpResponse, Refused> {
    let _slot = app.slot().ok_or(Refused::Busy)?;
    admitted(app, request)?;
    if !matches!(*request.method(), Method::GET | Method::HEAD) {
        return Err(Refused::Method(READING));
    }
    let asked = web::Query::<Asked>::from_query(request.query_string());
    let asked = asked.map_err(|_| Refused::bad("query", "takes since, format and of"))?;
    let since = match &asked.since {
        None => Timestamp::MIN,
        Some(text) => text.parse().map_err(|_| Refused::bad("since", "is no instant"))?,
    };
    let since_then = Period {
        from: since,
        to: Timestamp::MAX,
    };
    let sums = app.journal.rule_sums(since_then, "").await;
    let mut sums = sums.map_err(|_| Refused::Unavailable)?;
    sums.retain(|sum| sum.shown > 0);
    let (kind, body) = match asked.format {
        Format::Json => (JSON, json(&sums)?),
        Format::Csv => (CSV, sheet(&sums, asked.of).text().ok_or(Refused::Internal)?),
    };
    Ok(HttpResponse::Ok()
        .insert_header((CONTENT_TYPE, kind))
        .insert_header((CACHE_CONTROL, HeaderValue::from_static("no-store")))
        .body(body))
}

/// Whether the bearer token is an operator's.
fn admitted(app: &App, request: &HttpRequest) -> Result<(), Refused> {
    if app.operators.anybody().is_some() {
        return Ok(());
    }
    let given = request
        .headers()
        .get(AUTHORIZATION)
        .and_then(|value| value.to_str().ok())
        .and_then(|value| value.split_once(' '))
        .filter(|(scheme, _)| scheme.eq_ignore_ascii_case("bearer"))
        .map_or("", |(_, token)| token.trim());
    match app.operators.admit(given) {
        Ok(_) => Ok(()),
        Err(Shut::NotThere) => Err(Refused::UnknownService),
        Err(Shut::Wrong) => Err(Refused::Unauthorized),
        Err(Shut::TooMany(wait)) => Err(Refused::TooMany { wait }),
    }
}

fn row(sum: &RuleSum) -> Row<'_> {
    Row {
        client: &sum.client,
        content: &sum.content_version,
        rule: &sum.rule,
        topic: &sum.topic,
        shown: sum.shown,
        answered: sum.answered,
        accepted: sum.accepted,
        overridden: sum.overridden,
        commented: sum.commented,
        response_rate: Ratio::of(sum.answered, sum.shown).share(),
        override_rate: Ratio::of(sum.overridden, sum.answered).share(),
        reasons: sum
            .reasons
            .iter()
            .map(|reason| Reason {
                system: &reason.system,
                code: &reason.code,
                count: reason.count,
            })
            .collect(),
    }
}

fn json(sums: &[RuleSum]) -> Result<Vec<u8>, Refused> {
    let rows: Vec<Row<'_>> = sums.iter().map(row).collect();
    serde_json::to_vec(&serde_json::json!({ "rules": rows })).map_err(|_| Refused::Internal)
}

/// Only what was sent: of what was withheld nobody could tell anything.
fn sheet(sums: &[RuleSum], of: Table) -> Sheet {
    match of {
        Table::Outcomes => sheet::outcomes(sums),
        Table::Reasons => sheet::reasons(sums),
    }
}
