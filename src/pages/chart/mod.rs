//! Draws a course of treatment as small multiples on one time axis.
//!
//! In: a [`Timeline`] of doses, results, other drugs and events. Out: positions for the SVG template, twice:
//! wide for a desktop and narrow for a telephone, because text in a scaled drawing would become too small. A
//! dot is a value, filled where the laboratory flagged it; the band is the laboratory's reference range; a
//! dashed line is a stretch without values; a dotted level is a threshold. Doses are steps, drugs are lanes.
//! It converts nothing and judges nothing. A panel of results needs two values at least.

mod drawing;
mod lanes;
mod panel;
mod scale;

pub(crate) use drawing::Chart;
use drawing::{NARROW, WIDE};
use jiff::civil::Date;

/// Everything that is drawn.
pub struct Timeline {
    /// Doses of the drug that the page is about.
    pub doses: Option<Doses>,
    /// Results, a panel each.
    pub series: Vec<Series>,
    /// Other drugs.
    pub lanes: Vec<Lane>,
    /// Days on which something ended, drawn through all panels.
    pub events: Vec<Event>,
    /// The day of the page.
    pub today: Date,
    /// Right end of the axis: today, or the end of a plan.
    pub until: Date,
}

impl Timeline {
    /// An empty one that ends on a day.
    pub fn until(today: Date) -> Self {
        Timeline {
            doses: None,
            series: Vec::new(),
            lanes: Vec::new(),
            events: Vec::new(),
            today,
            until: today,
        }
    }
}

/// Results of one kind in one unit.
#[derive(Debug, Default)]
pub struct Series {
    /// Name.
    pub name: String,
    /// Unit as it is printed.
    pub unit: String,
    /// Lower limit of the laboratory, of the latest value.
    pub low: Option<f64>,
    /// Upper limit of the laboratory, of the latest value.
    pub high: Option<f64>,
    /// Values, oldest first.
    pub points: Vec<Point>,
    /// Levels at which a rule begins to speak, with their words.
    pub thresholds: Vec<(f64, String)>,
}

/// One value.
#[derive(Clone, Debug)]
pub struct Point {
    /// Day on which it was true.
    pub day: Date,
    /// The day as it is printed.
    pub date: String,
    /// For drawing only.
    pub value: f64,
    /// The value as it is printed.
    pub shown: String,
    /// `H`, `L` or nothing.
    pub flag: &'static str,
    /// `Observation/id`.
    pub source: String,
}

impl Series {
    /// Reference range in words, or nothing.
    pub fn range(&self) -> String {
        match (self.low, self.high) {
            (Some(low), Some(high)) => format!("{low} to {high}"),
            (Some(low), None) => format!("from {low}"),
            (None, Some(high)) => format!("up to {high}"),
            (None, None) => String::new(),
        }
    }
}

/// Doses of one drug as steps.
#[derive(Debug, Default)]
pub struct Doses {
    /// Name of the drug.
    pub name: String,
    /// Unit of a day's dose.
    pub unit: String,
    /// Oldest first; those that are only planned at the end.
    pub steps: Vec<DoseStep>,
}

/// One dose and how long it lasts.
#[derive(Clone, Debug)]
pub struct DoseStep {
    /// First day.
    pub from: Date,
    /// Last day.
    pub to: Date,
    /// Dose of one day, for drawing only.
    pub amount: f64,
    /// The same as it is printed.
    pub shown: String,
    /// Whether it is only planned.
    pub planned: bool,
}

/// One drug over time.
#[derive(Debug)]
pub struct Lane {
    /// Name.
    pub name: String,
    /// When it was taken: from, to, what hovering shows, and whether it goes on.
    pub bars: Vec<Bar>,
}

/// One stretch of a lane.
#[derive(Debug)]
pub struct Bar {
    /// First day.
    pub from: Date,
    /// Last day; none while it goes on.
    pub to: Option<Date>,
    /// Dose and dates in words.
    pub title: String,
}

/// The end of an order, to be drawn through all panels.
#[derive(Clone, Debug)]
pub struct Event {
    /// Day.
    pub day: Date,
    /// What ended.
    pub label: String,
}

/// The drawings of a course, wide and narrow; none if there is nothing to draw.
pub(crate) fn charts(of: &Timeline) -> Vec<Chart> {
    let drawn: Vec<_> = of
        .series
        .iter()
        .filter(|series| series.points.len() > 1)
        .collect();
    let values = drawn
        .iter()
        .filter_map(|series| series.points.first())
        .map(|point| point.day);
    let doses = of
        .doses
        .iter()
        .filter_map(|doses| doses.steps.first())
        .map(|step| step.from);
    let Some(first) = values.chain(doses).min() else {
        return Vec::new();
    };
    let events: Vec<_> = of
        .events
        .iter()
        .filter(|event| event.day >= first && event.day <= of.until)
        .cloned()
        .collect();
    [WIDE, NARROW]
        .iter()
        .map(|form| form.draw(of, &drawn, &events, first))
        .collect()
}
