//! Draws a course of treatment as small multiples on one time axis.
//!
//! In: a [`Timeline`] of doses, results, other drugs and events. Out: positions for the SVG template, twice:
//! wide for a desktop and narrow for a telephone, because text in a scaled drawing would become too small. A
//! dot is a value, filled where the laboratory flagged it; the band is the laboratory's reference range; a
//! dashed line is a stretch without values; a dotted level is a threshold. Doses are steps, drugs are lanes.
//! It converts nothing and judges nothing. A panel of results needs two values at least.

mod lanes;
mod panel;
mod scale;

use jiff::civil::Date;
use lanes::{DosePanel, LaneRow};
use panel::{Panel, band, dot, extent, in_words, limits, stretches, thresholds};
use scale::{Scale, days, months};

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

/// One drawing.
pub(crate) struct Chart {
    /// `wide` or `narrow`; also part of the ids.
    pub(crate) form: &'static str,
    /// Width of the view box.
    pub(crate) width: f64,
    /// Height of the view box.
    pub(crate) height: f64,
    /// Left end of the time axis.
    pub(crate) left: f64,
    /// Right end of the time axis.
    pub(crate) right: f64,
    /// Position of today.
    pub(crate) today: f64,
    /// Whether the axis goes beyond today.
    pub(crate) ahead: bool,
    /// Bottom of the last panel.
    pub(crate) bottom: f64,
    /// Where the names of the panels begin.
    pub(crate) label_x: f64,
    /// Where the last values end or begin.
    pub(crate) last_x: f64,
    /// `start` or `end`.
    pub(crate) last_anchor: &'static str,
    /// Months on the axis: position, place and side of the label, label.
    pub(crate) ticks: Vec<(f64, f64, &'static str, String)>,
    /// Ends of orders.
    pub(crate) events: Vec<EventMark>,
    /// Doses.
    pub(crate) doses: Option<DosePanel>,
    /// The panels of results.
    pub(crate) panels: Vec<Panel>,
    /// Other drugs.
    pub(crate) lanes: Vec<LaneRow>,
    /// The drawing in words.
    pub(crate) description: String,
}

/// An end of an order in a drawing.
pub(crate) struct EventMark {
    /// Position.
    pub(crate) x: f64,
    /// Baseline of the label.
    pub(crate) y: f64,
    /// `start` or `end`: a label near the left edge begins at its line.
    pub(crate) anchor: &'static str,
    /// What ended.
    pub(crate) label: String,
}

/// Sizes of a drawing.
struct Form {
    name: &'static str,
    width: f64,
    left: f64,
    right: f64,
    row: f64,
    above: f64,
    plot: f64,
    lane: f64,
    ticks: usize,
}

const WIDE: Form = Form {
    name: "wide",
    width: 880.0,
    left: 250.0,
    right: 740.0,
    row: 74.0,
    above: 10.0,
    plot: 52.0,
    lane: 24.0,
    ticks: 6,
};
const NARROW: Form = Form {
    name: "narrow",
    width: 328.0,
    left: 40.0,
    right: 322.0,
    row: 96.0,
    above: 36.0,
    plot: 46.0,
    lane: 36.0,
    ticks: 4,
};

/// Height of one line of labels above the panels.
const LINE: f64 = 18.0;

/// Places of one drawing.
struct Frame<'f> {
    form: &'f Form,
    place: &'f dyn Fn(Date) -> f64,
    today: f64,
}

impl Form {
    fn is_wide(&self) -> bool {
        self.name == "wide"
    }
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

impl Form {
    fn draw(&self, of: &Timeline, drawn: &[&Series], events: &[Event], first: Date) -> Chart {
        let time = Scale::new((0.0, days(first, of.until)), (self.left + 6.0, self.right));
        let place = |day: Date| time.at(days(first, day));
        let frame = Frame {
            form: self,
            place: &place,
            today: place(of.today),
        };
        let mut y = LINE * events.len() as f64;
        let doses = of.doses.as_ref().map(|doses| frame.doses(doses, y));
        y += doses.as_ref().map_or(0.0, |_| self.row);
        let tops = (0..drawn.len()).map(|row| y + self.row * row as f64);
        let panels: Vec<_> = drawn
            .iter()
            .zip(tops)
            .map(|(series, top)| frame.panel(series, top))
            .collect();
        y += self.row * drawn.len() as f64;
        let lanes = of.lanes.iter().enumerate();
        let lanes: Vec<_> = lanes
            .map(|(row, lane)| frame.lane(lane, y + self.lane * row as f64, first))
            .collect();
        let bottom = y + self.lane * lanes.len() as f64;
        Chart {
            form: self.name,
            width: self.width,
            height: bottom + 26.0,
            left: self.left,
            right: self.right,
            today: frame.today,
            ahead: of.until > of.today,
            bottom,
            label_x: if self.is_wide() { 0.0 } else { 2.0 },
            last_x: if self.is_wide() {
                self.right + 14.0
            } else {
                self.right
            },
            last_anchor: if self.is_wide() { "start" } else { "end" },
            ticks: months(first, of.until, self.ticks)
                .into_iter()
                .map(|day| self.tick(place(day), day))
                .collect(),
            events: events
                .iter()
                .enumerate()
                .map(|event| frame.event(event))
                .collect(),
            doses,
            panels,
            lanes,
            description: description(of, drawn),
        }
    }
}

impl Form {
    /// A month on the axis; its label stays inside the drawing.
    fn tick(&self, x: f64, day: Date) -> (f64, f64, &'static str, String) {
        let label = day.strftime("%b %Y").to_string();
        if x + 28.0 > self.width {
            (x, self.width, "end", label)
        } else {
            (x, x, "middle", label)
        }
    }
}

fn description(of: &Timeline, drawn: &[&Series]) -> String {
    let doses = of.doses.iter().map(lanes::doses_in_words);
    let results = drawn.iter().map(|series| in_words(series));
    let lanes = of.lanes.iter().map(lanes::lane_in_words);
    doses.chain(results).chain(lanes).collect::<Vec<_>>().join(" ")
}

impl Frame<'_> {
    fn event(&self, (row, event): (usize, &Event)) -> EventMark {
        let x = (self.place)(event.day);
        let at_left = x < self.form.left + 6.5 * event.label.len() as f64;
        EventMark {
            x,
            y: LINE * row as f64 + 12.0,
            anchor: if at_left { "start" } else { "end" },
            label: event.label.clone(),
        }
    }

    fn panel(&self, series: &Series, row_top: f64) -> Panel {
        let (form, wide) = (self.form, self.form.is_wide());
        let top = row_top + form.above;
        let floor = top + form.plot;
        let scale = Scale::new(extent(series), (floor, top));
        let points = series.points.iter();
        let dots: Vec<_> = points
            .map(|point| dot(series, point, (self.place)(point.day), scale))
            .collect();
        let last = series.points.last();
        let name_y = if wide { top + 16.0 } else { top - 20.0 };
        Panel {
            name: series.name.clone(),
            unit: series.unit.clone(),
            name_y,
            unit_y: if wide { name_y + 16.0 } else { name_y + 14.0 },
            line_top: if wide { row_top } else { top },
            floor: row_top + form.row,
            band: band(series, scale, (top, floor)),
            limits: limits(series, scale),
            thresholds: thresholds(series, scale, (top, floor)),
            stretches: stretches(&series.points, &dots),
            dots,
            last: last
                .map(|point| format!("{} {}", point.shown, point.flag).trim().to_owned())
                .unwrap_or_default(),
            last_day: last
                .map(|point| point.day.strftime("%-d %b %Y").to_string())
                .unwrap_or_default(),
            last_y: name_y + if wide { 2.0 } else { 0.0 },
            last_day_y: name_y + if wide { 18.0 } else { 14.0 },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::panel::tests::series;
    use super::*;
    use jiff::civil::date;

    fn drawn(series: Vec<Series>, events: Vec<Event>) -> Vec<Chart> {
        charts(&Timeline {
            series,
            events,
            ..Timeline::until(date(2026, 11, 22))
        })
    }

    #[test]
    fn every_dot_lies_in_its_panel_and_between_the_ends_of_the_axis() {
        let all = series(
            &[(2026, 1, 5, 0.9), (2026, 6, 5, 2.4), (2026, 11, 21, 0.1)],
            Some(0.5),
            Some(1.1),
        );
        for chart in drawn(vec![all], Vec::new()) {
            let panel = &chart.panels[0];
            let (top, height) = panel.band.unwrap();
            assert!(top >= 0.0 && height > 0.0 && top + height <= panel.floor);
            for dot in &panel.dots {
                assert!(dot.x >= chart.left && dot.x <= chart.right, "{}", dot.x);
                assert!(dot.y > 0.0 && dot.y < panel.floor);
            }
        }
    }

    #[test]
    fn a_single_value_has_no_panel() {
        assert!(drawn(vec![series(&[(2026, 1, 1, 1.0)], None, None)], Vec::new()).is_empty());
    }

    #[test]
    fn the_end_of_an_order_is_marked_if_it_lies_on_the_axis() {
        let event = |day| Event {
            day,
            label: "x".into(),
        };
        let events = vec![event(date(2025, 1, 1)), event(date(2026, 5, 1))];
        let all = series(&[(2026, 1, 1, 1.0), (2026, 9, 1, 1.0)], None, None);
        let chart = &drawn(vec![all], events)[0];
        assert_eq!(chart.events.len(), 1);
        assert!(chart.events[0].x > chart.left && chart.events[0].x < chart.right);
    }

    #[test]
    fn a_plan_lies_to_the_right_of_today() {
        let step = |from: (i16, i8, i8), to: (i16, i8, i8), amount, planned| DoseStep {
            from: date(from.0, from.1, from.2),
            to: date(to.0, to.1, to.2),
            amount,
            shown: amount.to_string(),
            planned,
        };
        let of = Timeline {
            doses: Some(Doses {
                name: "drug".into(),
                unit: "mg a day".into(),
                steps: vec![
                    step((2026, 1, 1), (2026, 11, 22), 3.0, false),
                    step((2026, 11, 23), (2026, 12, 6), 2.0, true),
                    step((2026, 12, 7), (2026, 12, 20), 1.0, true),
                ],
            }),
            until: date(2026, 12, 20),
            ..Timeline::until(date(2026, 11, 22))
        };
        for chart in charts(&of) {
            assert!(chart.ahead && chart.today < chart.right);
            let doses = chart.doses.unwrap();
            assert!(doses.planned.starts_with('M') && doses.taken.iter().all(|path| path.starts_with('M')));
        }
    }
}
