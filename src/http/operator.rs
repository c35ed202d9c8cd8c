//! `GET /operator/feedback`: the sums of feedback, for whoever has the operator's token.
//!
//! Not there unless a token is set. The sums hold no comment, no patient and no single card. How often
//! anything was told of a card, and how often a card of which something was told was overridden, are two rates: EHRs
//! do not report a card that was ignored, so neither says what the other does.

use super::JSON;
use super::error::Refused;
use crate::journal::FeedbackSum;
use crate::startup::App;
use actix_web::http::Method;
use actix_web::http::header::{AUTHORIZATION, CACHE_CONTROL, CONTENT_TYPE, HeaderValue};
use actix_web::{HttpRequest, HttpResponse, web};
use aws_lc_rs::constant_time::verify_slices_are_equal;
use jiff::Timestamp;
use secrecy::ExposeSecret;
use serde::{Deserialize, Serialize};

const CSV: HeaderValue = HeaderValue::from_static("text/csv; charset=utf-8");

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
pub(super) async fn feedback(app: web::Data<App>, request: HttpRequest) -> HttpResponse {
    match sums(&app, &request).await {
        Ok(answer) => answer,
        Err(refused) => refused.response(),
    }
}

async fn sums(app: &App, request: &HttpRequest) -> Result<HttpResponse, Refused> {
    let _slot = app.slot().ok_or(Refused::Busy)?;
    admitted(app, request)?;
    if request.method() != Method::GET {
        return Err(Refused::Method("GET"));
    }
    let asked = web::Query::<Asked>::from_query(request.query_string());
    let asked = asked.map_err(|_| Refused::bad("query", "takes since, format and of"))?;
    let since = match &asked.since {
        None => Timestamp::MIN,
        Some(text) => text.parse().map_err(|_| Refused::bad("since", "is no instant"))?,
    };
    let sums = app.journal.feedback_sums(since).await;
    let sums = sums.map_err(|_| Refused::Unavailable)?;
    let (kind, body) = match asked.format {
        Format::Json => (JSON, json(&sums)?),
        Format::Csv => (CSV, csv(&sums, asked.of)?),
    };
    Ok(HttpResponse::Ok()
        .insert_header((CONTENT_TYPE, kind))
        .insert_header((CACHE_CONTROL, HeaderValue::from_static("no-store")))
        .body(body))
}

/// Compares the token in a time that does not depend on where it differs.
fn admitted(app: &App, request: &HttpRequest) -> Result<(), Refused> {
    let expected = app.operator_token.as_ref().ok_or(Refused::UnknownService)?;
    let given = request
        .headers()
        .get(AUTHORIZATION)
        .and_then(|value| value.to_str().ok())
        .and_then(|value| value.split_once(' '))
        .filter(|(scheme, _)| scheme.eq_ignore_ascii_case("bearer"))
        .map_or("", |(_, token)| token.trim());
    verify_slices_are_equal(given.as_bytes(), expected.expose_secret().as_bytes())
        .map_err(|_| Refused::Unauthorized)
}

fn row(sum: &FeedbackSum) -> Row<'_> {
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
        response_rate: rate(sum.answered, sum.shown),
        override_rate: rate(sum.overridden, sum.answered),
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

/// A share to four digits; `None` of nothing.
fn rate(part: u64, whole: u64) -> Option<f64> {
    let of = |number: u64| u32::try_from(number).map_or(f64::from(u32::MAX), f64::from);
    (whole > 0).then(|| (of(part) / of(whole) * 10_000.0).round() / 10_000.0)
}

fn json(sums: &[FeedbackSum]) -> Result<Vec<u8>, Refused> {
    let rows: Vec<Row<'_>> = sums.iter().map(row).collect();
    serde_json::to_vec(&serde_json::json!({ "rules": rows })).map_err(|_| Refused::Internal)
}

fn csv(sums: &[FeedbackSum], of: Table) -> Result<Vec<u8>, Refused> {
    let mut out = csv::Writer::from_writer(Vec::new());
    let written = match of {
        Table::Outcomes => outcomes(&mut out, sums),
        Table::Reasons => reasons(&mut out, sums),
    };
    written.map_err(|_| Refused::Internal)?;
    out.into_inner().map_err(|_| Refused::Internal)
}

fn outcomes(out: &mut csv::Writer<Vec<u8>>, sums: &[FeedbackSum]) -> Result<(), csv::Error> {
    out.write_record([
        "client",
        "content",
        "rule",
        "topic",
        "shown",
        "answered",
        "accepted",
        "overridden",
        "commented",
        "response-rate",
        "override-rate",
    ])?;
    let rate = |rate: Option<f64>| rate.map(|rate| rate.to_string()).unwrap_or_default();
    for row in sums.iter().map(row) {
        let counts = [
            row.shown,
            row.answered,
            row.accepted,
            row.overridden,
            row.commented,
        ];
        let mut cells = [row.client, row.content, row.rule, row.topic].map(plain).to_vec();
        cells.extend(counts.map(|count| count.to_string()));
        cells.extend([rate(row.response_rate), rate(row.override_rate)]);
        out.write_record(cells)?;
    }
    Ok(())
}

fn reasons(out: &mut csv::Writer<Vec<u8>>, sums: &[FeedbackSum]) -> Result<(), csv::Error> {
    out.write_record(["client", "content", "rule", "topic", "system", "code", "count"])?;
    for sum in sums {
        for reason in &sum.reasons {
            let texts = [
                &sum.client,
                &sum.content_version,
                &sum.rule,
                &sum.topic,
                &reason.system,
                &reason.code,
            ];
            let mut cells = texts.map(|text| plain(text)).to_vec();
            cells.push(reason.count.to_string());
            out.write_record(cells)?;
        }
    }
    Ok(())
}

/// A text that no spreadsheet takes for a formula: codes of reasons come from outside.
fn plain(text: &str) -> String {
    match text.starts_with(['=', '+', '-', '@', '\t', '\r']) {
        true => format!("'{text}"),
        false => text.to_owned(),
    }
}
