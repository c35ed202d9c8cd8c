//! The pages of an opened chart.
//!
//! Turns a [`Reading`], the tables and the clock into what the templates print: what is being stopped, the
//! course on one time axis, the reasoning, a plan of reduction and the alternatives. Everything clinical in it
//! comes from `clinical` and `hooks/`; this folder only chooses and arranges. It reads no FHIR.

mod agents;
mod draft;
mod orders;
mod planner;
mod query;
mod reasoning;
mod results;
mod scheme;
mod stop;
mod timeline;
mod units;

pub(super) use draft::{draft, written};
pub(super) use query::Query;

use super::door::OpenChart;
use super::reading::{Reading, Sense};
use super::session::Session;
use super::writing::Writing;
use crate::app::App;
use crate::clinical::evaluate::{Evaluation, evaluate_for};
use crate::clinical::judge::{Judgement, Verdict, judge};
use crate::clinical::knowledge::{Knowledge, Withdrawal};
use crate::clinical::practice::{Country, Practice};
use crate::clinical::record::PatientRecord;
use crate::clinical::signal::{Signals, ages};
use crate::clinical::therapy::Therapy;
use crate::clinical::when::When;
use crate::gather::Course;
use crate::pages::chart::{Chart, charts};
use agents::AgentRow;
use askama::Template;
use jiff::civil::Date;
use planner::Planner;
use reasoning::{CardView, Reasoning};
use results::Table;
use stop::StopView;

/// Who the chart is of.
struct Banner {
    name: String,
    age: String,
    gender: String,
    born: String,
    number: String,
}

/// What every page of a chart shares.
struct Frame<'p> {
    path: &'p str,
    banner: Option<Banner>,
    demo: bool,
    client: &'p str,
    user: &'p str,
    read_at: String,
    content: &'p str,
}

/// The page of a chart.
#[derive(Template)]
#[template(path = "smart/templates/chart.html")]
pub(super) struct ChartPage<'p> {
    prefix: &'p str,
    frame: Frame<'p>,
    sense: Sense,
    older_card: bool,
    stop: Option<StopView>,
    cards: Vec<CardView<'p>>,
    silence: Vec<&'p str>,
    charts: Vec<Chart>,
    tables: Vec<Table>,
    /// What of the course no rule looks at.
    older: String,
    recorded: bool,
    query: &'p Query,
    reasoning: Option<Reasoning<'p>>,
    planner: Result<Planner, String>,
    writing: Writing,
    agents: Vec<AgentRow<'p>>,
    withheld: Vec<&'static str>,
}

/// The page of a plan alone, for printing.
#[derive(Template)]
#[template(path = "smart/templates/plan.html")]
pub(super) struct PlanPage<'p> {
    prefix: &'p str,
    frame: Frame<'p>,
    stop: Option<StopView>,
    planner: Result<Planner, String>,
    query: &'p Query,
}

/// One drug of one record, judged.
struct Case<'k> {
    record: &'k PatientRecord,
    /// Results from before what is judged.
    older: &'k Course,
    knowledge: &'k Knowledge,
    withdrawal: &'k Withdrawal,
    therapy: Therapy,
    country: Option<Country>,
    today: Date,
    now: i64,
}

impl<'k> Case<'k> {
    /// The drug of the finding that leads; without a finding the first that is stopped.
    fn of(
        reading: &'k Reading,
        knowledge: &'k Knowledge,
        evaluation: &Evaluation<'k>,
        practice: &Practice,
        now: i64,
    ) -> Option<Self> {
        let record = &reading.record;
        let leading = evaluation.leads.and_then(|at| evaluation.judgements.get(at));
        let withdrawal = leading.or(evaluation.judgements.first())?.withdrawal;
        Some(Case {
            record,
            older: &reading.course,
            knowledge,
            withdrawal,
            therapy: Therapy::of(record, knowledge, withdrawal, now)?,
            country: practice.country,
            today: When::date_of(now),
            now,
        })
    }

    fn judged(&self) -> (Judgement<'k>, Signals<'_, 'k>) {
        let signals = Signals::new(
            self.record,
            self.knowledge,
            self.withdrawal,
            &self.therapy,
            self.now,
        );
        let mut signals = signals.following(self.country);
        let judgement = judge(
            self.record,
            self.knowledge,
            self.withdrawal,
            &self.therapy,
            &mut signals,
        );
        (judgement, signals)
    }
}

/// The page of a chart.
pub(super) fn chart<'p>(app: &'p App, open: &'p OpenChart, path: &'p str, query: &'p Query) -> ChartPage<'p> {
    let (session, reading, practice) = (&*open.session, &*open.reading, open.client.practice());
    let (knowledge, record) = (&*app.knowledge, &reading.record);
    let now = app.clock.now();
    let frame = frame(app, session, reading, path);
    let evaluation = evaluate_for(practice, record, knowledge, now);
    let case = Case::of(reading, knowledge, &evaluation, practice, now.as_second());
    let mut page = ChartPage {
        prefix: &app.smart.prefix,
        frame,
        sense: reading.sense,
        older_card: session
            .stop
            .as_ref()
            .is_some_and(|stop| *stop.content != *knowledge.version),
        stop: case.as_ref().map(|case| stop::view(case, reading.sense)),
        cards: reasoning::cards(&evaluation, knowledge),
        silence: reasoning::silence(&evaluation),
        charts: Vec::new(),
        tables: Vec::new(),
        older: String::new(),
        recorded: query.recorded(),
        query,
        reasoning: None,
        planner: Err(String::new()),
        writing: session.writing(),
        agents: Vec::new(),
        withheld: session
            .scopes
            .withheld()
            .iter()
            .map(|source| source.key())
            .collect(),
    };
    let Some(case) = case else { return page };
    let (judgement, mut signals) = case.judged();
    if evaluation.leads.is_none() && judgement.finding().is_some() {
        // The operator has the rule evaluated in silence: nothing of it is shown here either.
        return page;
    }
    page.reasoning = Some(reasoning::reasoning(&judgement, &evaluation, &signals, knowledge));
    let mut plan = None;
    if let Verdict::Finding(finding) = &judgement.verdict {
        page.planner = planner::planner(&case, finding, &mut signals, query);
        page.agents = agents::agents(&case, finding, &mut signals);
        plan = page.planner.as_ref().ok().map(|planner| &planner.plan);
    }
    let drawn = timeline::timeline(&case, &judgement, &signals, reading.sense, plan, query);
    page.charts = charts(&drawn.timeline);
    page.tables = drawn.tables;
    page.older = results::older_in_words(&case);
    page
}

/// The page of a plan.
pub(super) fn plan<'p>(app: &'p App, open: &'p OpenChart, path: &'p str, query: &'p Query) -> PlanPage<'p> {
    let (case, planner) = planned(app, open, query);
    PlanPage {
        prefix: &app.smart.prefix,
        frame: frame(app, &open.session, &open.reading, path),
        stop: case.as_ref().map(|case| stop::view(case, open.reading.sense)),
        planner,
        query,
    }
}

/// The drug that the pages of a plan are about, and the plan; an operator's silent rule plans nothing.
fn planned<'p>(
    app: &'p App,
    open: &'p OpenChart,
    query: &Query,
) -> (Option<Case<'p>>, Result<Planner, String>) {
    let (knowledge, reading, practice) = (&*app.knowledge, &*open.reading, open.client.practice());
    let now = app.clock.now();
    let evaluation = evaluate_for(practice, &reading.record, knowledge, now);
    let case = Case::of(reading, knowledge, &evaluation, practice, now.as_second());
    let planner = match &case {
        None => Err(String::new()),
        Some(case) => {
            let (judgement, mut signals) = case.judged();
            match &judgement.verdict {
                Verdict::Finding(finding) if evaluation.leads.is_some() => {
                    planner::planner(case, finding, &mut signals, query)
                }
                Verdict::Finding(_) | Verdict::Silent { .. } => Err(String::new()),
            }
        }
    };
    (case, planner)
}

fn frame<'p>(app: &'p App, session: &'p Session, reading: &'p Reading, path: &'p str) -> Frame<'p> {
    Frame {
        path,
        banner: session
            .banner
            .then(|| banner(reading, app.clock.now().as_second())),
        demo: session.registration.demo,
        client: &session.registration.name,
        user: session.user.as_deref().unwrap_or_default(),
        read_at: reading.at.strftime("%-d %b %Y %H:%M UTC").to_string(),
        content: &app.knowledge.version,
    }
}

fn banner(reading: &Reading, now: i64) -> Banner {
    let birth = reading.record.person.birth;
    let age = birth.map(|birth| match ages(birth, now) {
        (low, high) if low == high => format!("{low} years"),
        (low, high) => format!("{low} or {high} years"),
    });
    Banner {
        name: reading.banner.name.clone(),
        age: age.unwrap_or_default(),
        gender: reading.banner.gender.clone(),
        born: birth.map(When::human).unwrap_or_default(),
        number: reading.banner.number.clone(),
    }
}

/// A day as people write it.
fn shown(day: Date) -> String {
    day.strftime("%-d %b %Y").to_string()
}

/// With a capital, unless the second letter is one already.
fn capital(name: &str) -> String {
    if name.chars().nth(1).is_some_and(char::is_uppercase) {
        return name.to_owned();
    }
    let mut letters = name.chars();
    letters.next().map_or(String::new(), |first| {
        first.to_uppercase().chain(letters).collect()
    })
}
