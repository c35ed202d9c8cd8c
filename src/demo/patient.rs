//! The page of one patient: orders with the form that changes them, results, problems.
//!
//! In: the record and the story. Out: view models for the template. It shows what is in the record and
//! judges nothing.

use super::choices::{Choices, Reason, Switch};
use super::exchange::DOORS;
use super::results::{self, Cumulative, Finding};
use super::stories::{DemoPatient, PlannedChange, Story};
use super::{DemoState, assets, resource};
use crate::pages::chart::{self, Chart, Event, Timeline};
use actix_web::{HttpResponse, http::StatusCode, web};
use askama::Template;
use jiff::civil::Date;
use serde_json::Value;
use std::sync::Arc;

#[derive(Template)]
#[template(path = "demo/templates/patient.html")]
struct Page<'a> {
    story: &'a Story,
    banner: Banner,
    orders: Vec<OrderRow<'a>>,
    past: Vec<OrderRow<'a>>,
    reasons: &'a [Reason],
    charts: Vec<Chart>,
    has_events: bool,
    table: Cumulative,
    findings: Vec<Finding>,
    conditions: Vec<Line>,
    allergies: Vec<Line>,
    procedures: Vec<Line>,
    doors: &'static [(&'static str, &'static str)],
}

/// Who the patient is.
pub(super) struct Banner {
    pub(super) id: String,
    pub(super) name: String,
    pub(super) sex: String,
    pub(super) born: String,
    pub(super) age: i16,
    pub(super) number: String,
}

struct OrderRow<'a> {
    id: String,
    drug: String,
    dose: String,
    since: String,
    why: String,
    status: String,
    status_reason: String,
    action: &'a str,
    reason: &'a str,
    switch: &'a str,
    products: Vec<&'a Switch>,
}

struct Line {
    text: String,
    day: String,
    status: String,
}

/// `GET /patients/{id}`
pub(super) async fn show(state: web::Data<DemoState>, id: web::Path<String>) -> HttpResponse {
    let Some(patient) = state.patient(&id) else {
        return assets::no_patient();
    };
    let record = patient.record();
    let all = results::series(&record);
    let timeline = Timeline {
        series: all,
        events: ends(&record),
        ..Timeline::until(state.today())
    };
    let charts = chart::charts(&timeline);
    let (orders, past) = orders(&record, &patient.story, &state.choices);
    let page = Page {
        story: &patient.story,
        banner: banner(patient, &record, state.today()),
        orders,
        past,
        reasons: &state.choices.reason,
        has_events: charts.iter().any(|chart| !chart.events.is_empty()),
        charts,
        table: results::cumulative(&timeline.series),
        findings: results::findings(&record),
        conditions: lines(&record, "Condition", "/clinicalStatus/coding/0/code"),
        allergies: lines(&record, "AllergyIntolerance", "/clinicalStatus/coding/0/code"),
        procedures: lines(&record, "Procedure", "/status"),
        doors: &DOORS,
    };
    assets::page(StatusCode::OK, &page)
}

/// Who the patient is, from the record.
pub(super) fn banner(patient: &DemoPatient, record: &[Arc<Value>], today: Date) -> Banner {
    let person = record.iter().find(|found| resource::kind(found) == "Patient");
    let person = person.map_or(&Value::Null, |person| person);
    let born = resource::text(person, "/birthDate");
    let age = born.parse::<Date>().map_or(0, |born| {
        let had_birthday = (today.month(), today.day()) >= (born.month(), born.day());
        today.year() - born.year() - i16::from(!had_birthday)
    });
    Banner {
        id: patient.id.clone(),
        name: patient.story.name.clone(),
        sex: resource::text(person, "/gender").to_owned(),
        born: resource::shown_day(born),
        age,
        number: resource::text(person, "/identifier/0/value").to_owned(),
    }
}

/// Orders that can be changed, and those that have ended.
fn orders<'a>(
    record: &[Arc<Value>],
    story: &'a Story,
    choices: &'a Choices,
) -> (Vec<OrderRow<'a>>, Vec<OrderRow<'a>>) {
    let all = record
        .iter()
        .filter(|found| resource::kind(found) == "MedicationRequest");
    let row = |order: &Arc<Value>| order_row(order, record, story, choices);
    all.map(row).partition(|order| order.status == "active")
}

fn order_row<'a>(
    order: &Value,
    record: &[Arc<Value>],
    story: &'a Story,
    choices: &'a Choices,
) -> OrderRow<'a> {
    let concept = resource::drug(order, record);
    let code = resource::codings(concept).next().map_or("", |(_, code)| code);
    let planned: Option<&PlannedChange> = story
        .change
        .iter()
        .find(|change| change.order == resource::id(order));
    OrderRow {
        id: resource::id(order).to_owned(),
        drug: resource::words(concept).to_owned(),
        dose: resource::text(order, "/dosageInstruction/0/text").to_owned(),
        since: resource::shown_day(resource::text(order, "/authoredOn")),
        why: resource::text(order, "/reasonReference/0/display").to_owned(),
        status: resource::text(order, "/status").to_owned(),
        status_reason: resource::words(order.get("statusReason")).to_owned(),
        action: planned.map_or("", |change| change.action.as_str()),
        reason: planned.map_or("", |change| change.reason.as_str()),
        switch: planned.map_or("", |change| change.switch.as_str()),
        products: choices
            .switch
            .iter()
            .filter(|switch| switch.from.iter().any(|from| from == code))
            .collect(),
    }
}

/// When orders ended, for the drawing: the end of the dosage's period, else the last change of the order.
fn ends(record: &[Arc<Value>]) -> Vec<Event> {
    let ended = record
        .iter()
        .filter(|found| resource::text(found, "/status") == "stopped");
    let event = |order: &Arc<Value>| {
        let period = resource::text(order, "/dosageInstruction/0/timing/repeat/boundsPeriod/end");
        let when = if period.is_empty() {
            resource::text(order, "/meta/lastUpdated")
        } else {
            period
        };
        let drug = resource::words(resource::drug(order, record));
        let label = format!("{} stopped", drug.split(' ').next().unwrap_or_default());
        Some(Event {
            day: resource::day(when).parse().ok()?,
            label,
        })
    };
    ended.filter_map(event).collect()
}

fn lines(record: &[Arc<Value>], kind: &str, status: &str) -> Vec<Line> {
    let line = |found: &Arc<Value>| Line {
        text: resource::words(found.get("code")).to_owned(),
        day: resource::shown_day(resource::when(found)),
        status: resource::text(found, status).to_owned(),
    };
    record
        .iter()
        .filter(|found| resource::kind(found) == kind)
        .map(line)
        .collect()
}
