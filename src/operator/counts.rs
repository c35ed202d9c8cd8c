//! `GET /operator/overview`: what fired, what became of it, and what reviewers say, in numbers.
//!
//! Turns the sums of the journal into tables and drawings. No share stands without its numbers. How often
//! anything was told of a card, and how often a card of which something was told was overridden, are two figures:
//! EHRs do not report a card that was ignored. It shows no single card.

use super::door::{Frame, Refusal, Visit};
use super::draw::{Days, date};
use super::period::Filter;
use super::ratio::Ratio;
use crate::app::App;
use crate::clinical::knowledge::Coding;
use crate::journal::{CallSum, DaySum, RuleSum};
use actix_web::{HttpRequest, HttpResponse, web};
use askama::Template;
use std::collections::BTreeMap;

/// Most bars of shares; the table holds the others.
const BARS: usize = 12;

/// The sums of a filter.
pub(super) struct Totals {
    pub(super) calls: Vec<CallSum>,
    pub(super) days: Vec<DaySum>,
    pub(super) rules: Vec<RuleSum>,
    /// Every client that called in the period, whatever the filter.
    clients: Vec<String>,
}

impl Totals {
    pub(super) async fn of(app: &App, filter: &Filter) -> Result<Self, Refusal> {
        let (journal, period, client) = (&app.journal, filter.period(), &*filter.client);
        let calls = journal.call_sums(period, "").await;
        let mut calls = calls.map_err(|_| Refusal::Unavailable)?;
        let days = journal.day_sums(period, client).await;
        let rules = journal.rule_sums(period, client).await;
        let mut clients: Vec<String> = calls.iter().map(|sum| sum.client.clone()).collect();
        clients.dedup();
        calls.retain(|sum| client.is_empty() || sum.client == client);
        Ok(Self {
            calls,
            days: days.map_err(|_| Refusal::Unavailable)?,
            rules: rules.map_err(|_| Refusal::Unavailable)?,
            clients,
        })
    }

    /// Rules of which cards were sent.
    pub(super) fn shown(&self) -> Vec<RuleSum> {
        let sent = self.rules.iter().filter(|sum| sum.shown > 0);
        sent.cloned().collect()
    }
}

#[derive(Template)]
#[template(path = "operator/templates/overview.html")]
struct Page {
    frame: Frame,
    filter: Filter,
    query: String,
    clients: Vec<String>,
    figures: Vec<(&'static str, String)>,
    days: Days,
    by_day: Vec<Day>,
    fired: Vec<Fired>,
    bars: Vec<Outcome>,
    outcomes: Vec<Outcome>,
    reasons: Vec<Reason>,
    verdicts: Vec<Reviewed>,
}

struct Day {
    day: String,
    indicator: String,
    shown: u64,
    withheld: u64,
}

struct Fired {
    client: String,
    rule: String,
    content: String,
    shown: u64,
    withheld: u64,
    /// Query of the list of these cards.
    link: String,
}

struct Outcome {
    rule: String,
    topic: String,
    content: String,
    shown: u64,
    answered: Ratio,
    accepted: Ratio,
    overridden: Ratio,
}

struct Reason {
    rule: String,
    words: String,
    times: Ratio,
}

struct Reviewed {
    rule: String,
    content: String,
    reviewed: Ratio,
    right: Ratio,
    wrong: u64,
    not_useful: u64,
    /// Query of the list of those without a verdict.
    link: String,
}

/// `GET /operator/overview`
pub(super) async fn show(app: web::Data<App>, request: HttpRequest) -> HttpResponse {
    match overview(&app, &request).await {
        Ok(answer) => answer,
        Err(refusal) => refusal.response(),
    }
}

async fn overview(app: &App, request: &HttpRequest) -> Result<HttpResponse, Refusal> {
    let visit = Visit::of(app, request).await?;
    let filter = Filter::read(request.query_string(), app.clock.now()).ok_or(Refusal::Unreadable)?;
    let totals = Totals::of(app, &filter).await?;
    let outcomes = outcomes(&totals.rules);
    let page = Page {
        frame: visit.frame("overview"),
        query: filter.query(),
        figures: figures(&totals.calls),
        days: Days::of(&totals.days, filter.first, filter.last),
        by_day: by_day(&totals.days),
        fired: fired(&totals.rules, &filter),
        bars: bars(&outcomes),
        outcomes: outcomes.into_values().collect(),
        reasons: reasons(&totals.rules, &app.knowledge.override_reasons),
        verdicts: verdicts(&totals.rules, &filter),
        clients: totals.clients,
        filter,
    };
    Ok(visit.page(&page))
}

/// What became of the calls.
fn figures(calls: &[CallSum]) -> Vec<(&'static str, String)> {
    let of = |outcome: &str| {
        let these = calls.iter().filter(|sum| sum.outcome == outcome);
        these.map(|sum| sum.count).sum::<u64>()
    };
    let all = calls.iter().map(|sum| sum.count).sum();
    let share = |outcome| Ratio::of(of(outcome), all).to_string();
    vec![
        ("Answered calls", all.to_string()),
        ("A card was shown", share("cards")),
        ("Cards were withheld (silent mode)", share("withheld")),
        ("Nothing to say", share("silent")),
    ]
}

fn by_day(days: &[DaySum]) -> Vec<Day> {
    let mut found: BTreeMap<(i64, &str), [u64; 2]> = BTreeMap::new();
    for sum in days {
        let of = found.entry((-sum.day, &sum.indicator)).or_default();
        of[usize::from(sum.withheld)] += sum.count;
    }
    let day = |((day, indicator), [shown, withheld]): ((i64, &str), [u64; 2])| Day {
        day: date(-day).to_string(),
        indicator: indicator.to_owned(),
        shown,
        withheld,
    };
    found.into_iter().map(day).collect()
}

/// Answers by the rule that led them, whatever else they said.
fn fired(rules: &[RuleSum], filter: &Filter) -> Vec<Fired> {
    let mut found: BTreeMap<[&str; 3], [u64; 2]> = BTreeMap::new();
    for sum in rules {
        let of = [&*sum.rule, &*sum.client, &*sum.content_version];
        let [shown, withheld] = found.entry(of).or_default();
        *shown += sum.answers_shown;
        *withheld += sum.answers_withheld;
    }
    found.retain(|_, answers| *answers != [0, 0]);
    let row = |([rule, client, content], [shown, withheld]): ([&str; 3], [u64; 2])| Fired {
        client: client.to_owned(),
        rule: rule.to_owned(),
        content: content.to_owned(),
        shown,
        withheld,
        link: filter.of_rule(rule).query(),
    };
    found.into_iter().map(row).collect()
}

/// What became of shown cards, of all clients together.
fn outcomes(rules: &[RuleSum]) -> BTreeMap<[&str; 3], Outcome> {
    let mut found: BTreeMap<[&str; 3], Outcome> = BTreeMap::new();
    for sum in rules.iter().filter(|sum| sum.shown > 0) {
        let of = [&*sum.rule, &*sum.topic, &*sum.content_version];
        let row = found.entry(of).or_insert_with(|| Outcome {
            rule: sum.rule.clone(),
            topic: sum.topic.clone(),
            content: sum.content_version.clone(),
            shown: 0,
            answered: Ratio::of(0, 0),
            accepted: Ratio::of(0, 0),
            overridden: Ratio::of(0, 0),
        });
        row.shown += sum.shown;
        row.answered = Ratio::of(row.answered.part + sum.answered, row.shown);
        row.accepted = Ratio::of(row.accepted.part + sum.accepted, row.answered.part);
        row.overridden = Ratio::of(row.overridden.part + sum.overridden, row.answered.part);
    }
    found
}

/// The rules of which most was told, whatever the version.
fn bars(outcomes: &BTreeMap<[&str; 3], Outcome>) -> Vec<Outcome> {
    let mut found: BTreeMap<[&str; 2], Outcome> = BTreeMap::new();
    for ([rule, topic, _], one) in outcomes {
        let row = found.entry([rule, topic]).or_insert_with(|| Outcome {
            rule: one.rule.clone(),
            topic: one.topic.clone(),
            content: String::new(),
            shown: 0,
            answered: Ratio::of(0, 0),
            accepted: Ratio::of(0, 0),
            overridden: Ratio::of(0, 0),
        });
        row.shown += one.shown;
        row.answered = Ratio::of(row.answered.part + one.answered.part, row.shown);
        row.overridden = Ratio::of(row.overridden.part + one.overridden.part, row.answered.part);
    }
    let mut rows: Vec<Outcome> = found.into_values().filter(|row| row.answered.part > 0).collect();
    rows.sort_by_key(|row| std::cmp::Reverse(row.answered.part));
    rows.truncate(BARS);
    rows
}

/// The reasons of each rule, in the words of the tables where they know the code.
fn reasons(rules: &[RuleSum], known: &[Coding]) -> Vec<Reason> {
    let mut found: BTreeMap<&str, BTreeMap<&str, u64>> = BTreeMap::new();
    for sum in rules {
        for reason in &sum.reasons {
            let of = found.entry(&sum.rule).or_default();
            *of.entry(&reason.code).or_default() += reason.count;
        }
    }
    let words = |code: &str| match known.iter().find(|one| *one.code == *code) {
        Some(one) => one.display.to_string(),
        None if code.is_empty() => "no reason given".to_owned(),
        None => code.to_owned(),
    };
    let mut rows = Vec::new();
    for (rule, codes) in found {
        let all = codes.values().sum();
        let mut codes: Vec<_> = codes.into_iter().collect();
        codes.sort_by_key(|(_, times)| std::cmp::Reverse(*times));
        rows.extend(codes.into_iter().map(|(code, times)| Reason {
            rule: rule.to_owned(),
            words: words(code),
            times: Ratio::of(times, all),
        }));
    }
    rows
}

/// What reviewers say, by rule and version.
fn verdicts(rules: &[RuleSum], filter: &Filter) -> Vec<Reviewed> {
    let mut found: BTreeMap<[&str; 2], [u64; 4]> = BTreeMap::new();
    for sum in rules {
        let of = found.entry([&sum.rule, &sum.content_version]).or_default();
        let more = [sum.shown + sum.withheld, sum.right, sum.wrong, sum.not_useful];
        for (total, more) in of.iter_mut().zip(more) {
            *total += more;
        }
    }
    let row = |([rule, content], [cards, right, wrong, not_useful]): ([&str; 2], [u64; 4])| {
        let reviewed = right + wrong + not_useful;
        let waiting = Filter {
            verdict: "none".to_owned(),
            ..filter.of_rule(rule)
        };
        Reviewed {
            rule: rule.to_owned(),
            content: content.to_owned(),
            reviewed: Ratio::of(reviewed, cards),
            right: Ratio::of(right, reviewed),
            wrong,
            not_useful,
            link: waiting.query(),
        }
    };
    found.into_iter().map(row).collect()
}
