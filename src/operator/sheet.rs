//! `GET /operator/export`: each table of the pages as CSV, with the same filter.
//!
//! Turns sums and findings into lines. No cell begins like a formula, because codes of reasons come from outside.
//! No line holds a patient, a note or a comment.

use super::counts::Totals;
use super::door::{Refusal, Visit};
use super::period::Filter;
use super::ratio::Ratio;
use crate::app::App;
use crate::journal::{Before, Finding, RuleSum};
use actix_web::http::header::{CACHE_CONTROL, CONTENT_DISPOSITION, CONTENT_TYPE, HeaderValue};
use actix_web::{HttpRequest, HttpResponse, web};
use serde::Deserialize;

pub(super) const CSV: HeaderValue = HeaderValue::from_static("text/csv; charset=utf-8");
/// Most findings of one export; beyond it the days have to be fewer.
const MOST: usize = 50_000;

/// A table with its head.
pub(super) struct Sheet {
    head: &'static [&'static str],
    rows: Vec<Vec<String>>,
}

impl Sheet {
    pub(super) fn new(head: &'static [&'static str], rows: Vec<Vec<String>>) -> Self {
        Self { head, rows }
    }

    /// As CSV; `None` if it cannot be written.
    pub(super) fn text(&self) -> Option<Vec<u8>> {
        let mut out = csv::Writer::from_writer(Vec::new());
        out.write_record(self.head).ok()?;
        for row in &self.rows {
            out.write_record(row.iter().map(|cell| plain(cell))).ok()?;
        }
        out.into_inner().ok()
    }
}

/// A text that no spreadsheet takes for a formula.
fn plain(text: &str) -> String {
    match text.starts_with(['=', '+', '-', '@', '\t', '\r', '\n']) {
        true => format!("'{text}"),
        false => text.to_owned(),
    }
}

/// Which table.
#[derive(Clone, Copy, Deserialize)]
#[serde(rename_all = "kebab-case")]
enum Of {
    Calls,
    Days,
    Fired,
    Outcomes,
    Reasons,
    Verdicts,
    Cards,
    History,
}

impl Of {
    fn name(self) -> &'static str {
        match self {
            Of::Calls => "calls",
            Of::Days => "days",
            Of::Fired => "fired",
            Of::Outcomes => "outcomes",
            Of::Reasons => "reasons",
            Of::Verdicts => "verdicts",
            Of::Cards => "cards",
            Of::History => "history",
        }
    }
}

#[derive(Deserialize)]
struct Asked {
    of: Of,
}

/// `GET /operator/export`
pub(super) async fn export(app: web::Data<App>, request: HttpRequest) -> HttpResponse {
    match answer(&app, &request).await {
        Ok(answer) => answer,
        Err(refusal) => refusal.response(),
    }
}

async fn answer(app: &App, request: &HttpRequest) -> Result<HttpResponse, Refusal> {
    let _visit = Visit::of(app, request).await?;
    let query = request.query_string();
    let asked = web::Query::<Asked>::from_query(query).map_err(|_| Refusal::Unreadable)?;
    let filter = Filter::read(query, app.clock.now()).ok_or(Refusal::Unreadable)?;
    let (of, totals) = (asked.of, || Totals::of(app, &filter));
    let sheet = match of {
        Of::Calls => calls(&totals().await?),
        Of::Days => days(&totals().await?),
        Of::Fired => fired(&totals().await?.rules),
        Of::Outcomes => outcomes(&totals().await?.shown()),
        Of::Reasons => reasons(&totals().await?.rules),
        Of::Verdicts => verdicts(&totals().await?.rules),
        Of::Cards => cards(&all(app, filter.clone()).await?),
        Of::History => history(app, &filter).await?,
    };
    let body = sheet.text().ok_or(Refusal::Unavailable)?;
    let name = format!(
        "attachment; filename=\"stepdown-{}-{}-{}.csv\"",
        of.name(),
        filter.first,
        filter.last
    );
    Ok(HttpResponse::Ok()
        .insert_header((CONTENT_TYPE, CSV))
        .insert_header((CONTENT_DISPOSITION, name))
        .insert_header((CACHE_CONTROL, "no-store"))
        .insert_header(("x-content-type-options", "nosniff"))
        .body(body))
}

fn calls(totals: &Totals) -> Sheet {
    let rows = totals.calls.iter();
    let rows = rows.map(|sum| vec![sum.client.clone(), sum.outcome.clone(), sum.count.to_string()]);
    Sheet::new(&["client", "outcome", "calls"], rows.collect())
}

fn days(totals: &Totals) -> Sheet {
    let rows = totals.days.iter().map(|sum| {
        vec![
            super::draw::date(sum.day).to_string(),
            sum.indicator.clone(),
            mode(sum.withheld).to_owned(),
            sum.count.to_string(),
        ]
    });
    Sheet::new(&["day", "indicator", "mode", "answers"], rows.collect())
}

fn mode(withheld: bool) -> &'static str {
    if withheld { "withheld" } else { "shown" }
}

fn texts(sum: &RuleSum) -> Vec<String> {
    [&sum.client, &sum.content_version, &sum.rule, &sum.topic]
        .map(String::clone)
        .to_vec()
}

fn with(mut cells: Vec<String>, numbers: &[u64]) -> Vec<String> {
    cells.extend(numbers.iter().map(u64::to_string));
    cells
}

fn fired(sums: &[RuleSum]) -> Sheet {
    let rows = sums.iter().map(|sum| {
        let numbers = [sum.shown, sum.withheld, sum.answers_shown, sum.answers_withheld];
        with(texts(sum), &numbers)
    });
    let head = &[
        "client",
        "content",
        "rule",
        "topic",
        "cards-shown",
        "cards-withheld",
        "answers-shown",
        "answers-withheld",
    ];
    Sheet::new(head, rows.collect())
}

/// What became of the cards that were sent.
pub(super) fn outcomes(sums: &[RuleSum]) -> Sheet {
    let rate = |ratio: Ratio| ratio.share().map(|share| share.to_string()).unwrap_or_default();
    let rows = sums.iter().map(|sum| {
        let counts = [
            sum.shown,
            sum.answered,
            sum.accepted,
            sum.overridden,
            sum.commented,
        ];
        let mut cells = with(texts(sum), &counts);
        cells.push(rate(Ratio::of(sum.answered, sum.shown)));
        cells.push(rate(Ratio::of(sum.overridden, sum.answered)));
        cells
    });
    let head = &[
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
    ];
    Sheet::new(head, rows.collect())
}

/// Why cards were overridden.
pub(super) fn reasons(sums: &[RuleSum]) -> Sheet {
    let rows = sums.iter().flat_map(|sum| {
        sum.reasons.iter().map(|reason| {
            let mut cells = texts(sum);
            cells.extend([reason.system.clone(), reason.code.clone()]);
            with(cells, &[reason.count])
        })
    });
    let head = &["client", "content", "rule", "topic", "system", "code", "count"];
    Sheet::new(head, rows.collect())
}

fn verdicts(sums: &[RuleSum]) -> Sheet {
    let rows = sums.iter().map(|sum| {
        let cards = sum.shown + sum.withheld;
        with(texts(sum), &[cards, sum.right, sum.wrong, sum.not_useful])
    });
    let head = &[
        "client",
        "content",
        "rule",
        "topic",
        "cards",
        "right",
        "wrong",
        "not-useful",
    ];
    Sheet::new(head, rows.collect())
}

/// Every finding of the filter, not only those of one page.
async fn all(app: &App, mut filter: Filter) -> Result<Vec<Finding>, Refusal> {
    let (wanted, mut found) = (filter.findings(), Vec::new());
    filter.before = None;
    loop {
        let page = app.journal.findings(&wanted, filter.before).await;
        let page = page.map_err(|_| Refusal::Unavailable)?;
        let Some(last) = page.last() else {
            return Ok(found);
        };
        filter.before = Some(Before {
            at: last.at,
            card: last.card,
        });
        found.extend(page);
        if found.len() >= MOST {
            return Ok(found);
        }
    }
}

fn cards(findings: &[Finding]) -> Sheet {
    let told = |overridden: Option<bool>| match overridden {
        None => "",
        Some(true) => "overridden",
        Some(false) => "accepted",
    };
    let rows = findings.iter().map(|finding| {
        vec![
            finding.at.to_string(),
            finding.card.to_string(),
            finding.client.clone(),
            finding.service.clone(),
            finding.rule.clone(),
            finding.topic.clone(),
            finding.indicator.clone(),
            finding.content_version.clone(),
            mode(finding.withheld).to_owned(),
            finding.gaps.join(" "),
            told(finding.overridden).to_owned(),
            finding
                .verdict
                .map(|verdict| verdict.code().to_owned())
                .unwrap_or_default(),
            finding.reviewer.clone().unwrap_or_default(),
        ]
    });
    let head = &[
        "at",
        "card",
        "client",
        "service",
        "rule",
        "topic",
        "indicator",
        "content",
        "mode",
        "gaps",
        "feedback",
        "verdict",
        "reviewer",
    ];
    Sheet::new(head, rows.collect())
}

/// Every verdict on the cards of the period, those that were changed later too.
async fn history(app: &App, filter: &Filter) -> Result<Sheet, Refusal> {
    let lines = app.journal.verdict_history(filter.period(), &filter.client).await;
    let rows = lines.map_err(|_| Refusal::Unavailable)?.into_iter().map(|line| {
        vec![
            line.at.to_string(),
            line.card,
            line.rule,
            line.content_version,
            line.who,
            line.verdict.code().to_owned(),
        ]
    });
    let head = &["at", "card", "rule", "content", "reviewer", "verdict"];
    Ok(Sheet::new(head, rows.collect()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_cell_is_a_formula() {
        let row = ["=1+1", "+1", "-1", "@x", "\tx", "a=b", "two\nlines", "q\"q"];
        let sheet = Sheet::new(&["a"; 8], vec![row.map(str::to_owned).to_vec()]);
        let text = String::from_utf8(sheet.text().unwrap()).unwrap();
        let line = text.split_once('\n').unwrap().1;
        assert_eq!(line, "'=1+1,'+1,'-1,'@x,'\tx,a=b,\"two\nlines\",\"q\"\"q\"\n");
    }
}
