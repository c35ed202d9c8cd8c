//! The review: a list of cards, shown and withheld, one card with its verdicts, and a look at whom it was about and what
//! it rested on.
//!
//! Turns findings of the journal into pages, and forms into verdicts. Pages show no patient; a reviewer who has
//! to open the record asks for the reference, which is given out, with the values that the card rested on where they
//! can be had ([`super::inputs`]), only once it is on disk who asked. A verdict is never changed: another one follows it.

use super::door::{Frame, Refusal, Visit};
use super::inputs::{self, Inputs};
use super::period::Filter;
use crate::app::App;
use crate::journal::{
    AuditEntry, Before, FINDINGS_PAGE, Finding, FindingFilter, NewVerdict, Verdict, VerdictLine,
};
use actix_web::{HttpRequest, HttpResponse, web};
use askama::Template;
use jiff::Timestamp;
use serde::Deserialize;
use uuid::Uuid;

/// Most characters of a note.
const LONGEST_NOTE: usize = 2_000;

/// One card as it is told.
struct Row {
    card: Uuid,
    at: String,
    client: String,
    service: String,
    rule: String,
    topic: String,
    indicator: String,
    content: String,
    withheld: bool,
    gaps: Vec<(String, String)>,
    verdict: &'static str,
    reviewer: String,
    told: &'static str,
}

impl Row {
    fn of(finding: &Finding) -> Self {
        let gap = |gap: &String| {
            let (need, why) = gap.split_once(':').unwrap_or((gap, ""));
            (need.to_owned(), why.replace('-', " "))
        };
        Self {
            card: finding.card,
            at: instant(finding.at),
            client: finding.client.clone(),
            service: finding.service.clone(),
            rule: finding.rule.clone(),
            topic: finding.topic.clone(),
            indicator: finding.indicator.clone(),
            content: finding.content_version.clone(),
            withheld: finding.withheld,
            gaps: finding.gaps.iter().map(gap).collect(),
            verdict: finding.verdict.map_or("", words),
            reviewer: finding.reviewer.clone().unwrap_or_default(),
            told: match finding.overridden {
                None => "",
                Some(true) => "overridden",
                Some(false) => "accepted",
            },
        }
    }
}

fn instant(at: Timestamp) -> String {
    at.strftime("%Y-%m-%d %H:%M").to_string()
}

fn words(verdict: Verdict) -> &'static str {
    match verdict {
        Verdict::Right => "right",
        Verdict::Wrong => "wrong",
        Verdict::NotUseful => "not useful",
    }
}

#[derive(Template)]
#[template(path = "operator/templates/cards.html")]
struct List {
    frame: Frame,
    filter: Filter,
    query: String,
    clients: Vec<String>,
    rules: Vec<String>,
    rows: Vec<Row>,
    count: u64,
    /// Query of the next page; empty at the end.
    next: String,
    /// Query of the first page; empty there.
    newest: String,
}

/// `GET /operator/cards`
pub(super) async fn list(app: web::Data<App>, request: HttpRequest) -> HttpResponse {
    match listed(&app, &request).await {
        Ok(answer) => answer,
        Err(refusal) => refusal.response(),
    }
}

async fn listed(app: &App, request: &HttpRequest) -> Result<HttpResponse, Refusal> {
    let visit = Visit::of(app, request).await?;
    let filter = Filter::read(request.query_string(), app.clock.now()).ok_or(Refusal::Unreadable)?;
    let wanted = filter.findings();
    let found = app.journal.findings(&wanted, filter.before).await;
    let found = found.map_err(|_| Refusal::Unavailable)?;
    let count = app.journal.findings_count(&wanted).await;
    let sums = app.journal.rule_sums(filter.period(), "").await;
    let sums = sums.map_err(|_| Refusal::Unavailable)?;
    let distinct = |names: Vec<String>| {
        let mut names = names;
        names.sort();
        names.dedup();
        names
    };
    let last = found.last().filter(|_| found.len() == FINDINGS_PAGE);
    let next = last.map(|last| Filter {
        before: Some(after(last)),
        ..filter.clone()
    });
    let first = Filter {
        before: None,
        ..filter.clone()
    };
    let page = List {
        frame: visit.frame("cards"),
        query: first.query(),
        clients: distinct(sums.iter().map(|sum| sum.client.clone()).collect()),
        rules: distinct(sums.iter().map(|sum| sum.rule.clone()).collect()),
        rows: found.iter().map(Row::of).collect(),
        count: count.map_err(|_| Refusal::Unavailable)?,
        next: next.map(|next| next.query()).unwrap_or_default(),
        newest: filter.before.map(|_| first.query()).unwrap_or_default(),
        filter,
    };
    Ok(visit.page(&page))
}

fn after(finding: &Finding) -> Before {
    Before {
        at: finding.at,
        card: finding.card,
    }
}

#[derive(Template)]
#[template(path = "operator/templates/card.html")]
struct One {
    frame: Frame,
    row: Row,
    verdicts: Vec<Said>,
    /// Key of the next verdict: what is sent twice counts once.
    key: Uuid,
    keeps_notes: bool,
    /// Whether a verdict was kept just now.
    kept: bool,
    /// The next card of this rule without a verdict.
    next: Option<Uuid>,
    /// Whether what the card rested on can be shown with the patient, because requests of its client are kept.
    keeps_requests: bool,
    whom: Option<Whom>,
}

/// A verdict as it is told.
struct Said {
    at: String,
    who: String,
    verdict: &'static str,
    note: String,
}

/// Whom a card was about.
struct Whom {
    patient: String,
    user: String,
    orders: Vec<String>,
    hook: String,
    hook_instance: String,
    inputs: Inputs,
}

impl Whom {
    fn of(entry: AuditEntry, card: Uuid, inputs: Inputs) -> Self {
        let card = card.to_string();
        let orders = entry.cards.into_iter().find(|one| one.card == card);
        Self {
            patient: entry.patient,
            user: entry.user.unwrap_or_default(),
            orders: orders.map(|one| one.orders).unwrap_or_default(),
            hook: entry.hook,
            hook_instance: entry.hook_instance,
            inputs,
        }
    }
}

#[derive(Deserialize)]
struct Asked {
    card: Uuid,
    #[serde(default)]
    kept: u8,
}

/// `GET /operator/card`
pub(super) async fn one(app: web::Data<App>, request: HttpRequest) -> HttpResponse {
    match looked_at(&app, &request).await {
        Ok(answer) => answer,
        Err(refusal) => refusal.response(),
    }
}

async fn looked_at(app: &App, request: &HttpRequest) -> Result<HttpResponse, Refusal> {
    let visit = Visit::of(app, request).await?;
    let asked = web::Query::<Asked>::from_query(request.query_string()).map_err(|_| Refusal::NoCard)?;
    let finding = found(app, asked.card).await?;
    let mut page = page(app, &visit, &finding).await?;
    page.kept = asked.kept == 1;
    Ok(visit.page(&page))
}

async fn found(app: &App, card: Uuid) -> Result<Finding, Refusal> {
    let finding = app.journal.finding(card).await;
    finding.map_err(|_| Refusal::Unavailable)?.ok_or(Refusal::NoCard)
}

async fn page(app: &App, visit: &Visit<'_>, finding: &Finding) -> Result<One, Refusal> {
    let card = finding.card;
    let verdicts = app.journal.verdicts(card).await;
    let waiting = FindingFilter {
        period: crate::journal::Period::ALL,
        client: String::new(),
        rule: finding.rule.clone(),
        withheld: Some(finding.withheld),
        verdict: "none".to_owned(),
    };
    let next = app.journal.findings(&waiting, Some(after(finding))).await;
    let said = |line: VerdictLine| Said {
        at: instant(line.at),
        who: line.who,
        verdict: words(line.verdict),
        note: line.note.unwrap_or_default(),
    };
    let verdicts = verdicts.map_err(|_| Refusal::Unavailable)?;
    Ok(One {
        frame: visit.frame("card"),
        row: Row::of(finding),
        verdicts: verdicts.into_iter().rev().map(said).collect(),
        key: Uuid::new_v4(),
        keeps_notes: app.operators.keeps_notes(),
        kept: false,
        next: next
            .map_err(|_| Refusal::Unavailable)?
            .first()
            .map(|next| next.card),
        keeps_requests: inputs::are_kept(app, &finding.client),
        whom: None,
    })
}

/// The form of a verdict.
#[derive(Deserialize)]
pub(super) struct Judged {
    form: String,
    card: Uuid,
    key: Uuid,
    verdict: String,
    #[serde(default)]
    note: String,
}

/// `POST /operator/verdict`
pub(super) async fn judge(
    app: web::Data<App>,
    request: HttpRequest,
    form: Result<web::Form<Judged>, actix_web::Error>,
) -> HttpResponse {
    match judged(&app, &request, form).await {
        Ok(answer) => answer,
        Err(refusal) => refusal.response(),
    }
}

async fn judged(
    app: &App,
    request: &HttpRequest,
    form: Result<web::Form<Judged>, actix_web::Error>,
) -> Result<HttpResponse, Refusal> {
    let form = form.map_err(|_| Refusal::Foreign)?.into_inner();
    let visit = Visit::of_form(app, request, &form.form).await?;
    let verdict = Verdict::of(&form.verdict).ok_or(Refusal::Unreadable)?;
    let note: String = form.note.trim().chars().take(LONGEST_NOTE).collect();
    let new = NewVerdict {
        key: form.key,
        card: form.card,
        who: visit.session.who().to_owned(),
        verdict,
        note: (!note.is_empty()).then_some(note),
    };
    let known = app.journal.judge(new).await.map_err(|_| Refusal::Unavailable)?;
    if !known {
        return Err(Refusal::NoCard);
    }
    tracing::info!(
        event = "review.kept",
        who = visit.session.who(),
        verdict = verdict.code()
    );
    Ok(visit.go(&format!("card?card={}&kept=1", form.card)))
}

/// The form that asks whom a card was about.
#[derive(Deserialize)]
pub(super) struct Revealed {
    form: String,
    card: Uuid,
}

/// `POST /operator/reveal`: the patient and what the card rested on, once it is written down who asked.
pub(super) async fn reveal(
    app: web::Data<App>,
    request: HttpRequest,
    form: Result<web::Form<Revealed>, actix_web::Error>,
) -> HttpResponse {
    match revealed(&app, &request, form).await {
        Ok(answer) => answer,
        Err(refusal) => refusal.response(),
    }
}

async fn revealed(
    app: &App,
    request: &HttpRequest,
    form: Result<web::Form<Revealed>, actix_web::Error>,
) -> Result<HttpResponse, Refusal> {
    let form = form.map_err(|_| Refusal::Foreign)?.into_inner();
    let visit = Visit::of_form(app, request, &form.form).await?;
    let finding = found(app, form.card).await?;
    let mut page = page(app, &visit, &finding).await?;
    let entry = app.journal.reveal(form.card, visit.session.who()).await;
    let entry = entry.map_err(|_| Refusal::Unavailable)?.ok_or(Refusal::NoCard)?;
    let inputs = inputs::of(app, &finding, &entry).await;
    page.whom = Some(Whom::of(entry, form.card, inputs));
    tracing::info!(event = "review.looked-up", who = visit.session.who());
    Ok(visit.page(&page))
}
