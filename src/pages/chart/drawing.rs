//! One drawing: where each row of a course stands, in one of two widths.
//!
//! In: a [`Timeline`]. Out: a [`Chart`] with a row for the doses, one for each series and one for each other drug,
//! under each other on one time axis. What stands in a row is drawn by `lanes` and `panel`.

use super::lanes::{self, DosePanel, LaneRow};
use super::panel::{Panel, in_words};
use super::scale::{Scale, days, months};
use super::{Event, Series, Timeline};
use jiff::civil::Date;

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

/// The words of a row of doses or results, and the lines that run through it.
pub(crate) struct Heading {
    /// Name of the drug or of the series.
    pub(crate) name: String,
    /// Unit.
    pub(crate) unit: String,
    /// Baseline of the name.
    pub(crate) name_y: f64,
    /// Baseline of the unit.
    pub(crate) unit_y: f64,
    /// Where upright lines begin: below the words, where those stand above the values.
    pub(crate) line_top: f64,
    /// Bottom of the row.
    pub(crate) floor: f64,
    /// The last value.
    pub(crate) last: String,
    /// Day of the last value.
    pub(crate) last_day: String,
    /// Baseline of the last value.
    pub(crate) last_y: f64,
    /// Baseline of its day.
    pub(crate) last_day_y: f64,
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
pub(super) struct Form {
    name: &'static str,
    width: f64,
    pub(super) left: f64,
    right: f64,
    row: f64,
    above: f64,
    plot: f64,
    pub(super) lane: f64,
    ticks: usize,
}

/// For a desktop, and for paper.
pub(super) const WIDE: Form = Form {
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
/// For a telephone.
pub(super) const NARROW: Form = Form {
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
pub(super) struct Frame<'f> {
    pub(super) form: &'f Form,
    pub(super) place: &'f dyn Fn(Date) -> f64,
    pub(super) today: f64,
}

impl Form {
    pub(super) fn is_wide(&self) -> bool {
        self.name == "wide"
    }
}

impl Form {
    /// Draws a course that begins on `first`.
    pub(super) fn draw(&self, of: &Timeline, drawn: &[&Series], events: &[Event], first: Date) -> Chart {
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

    /// Where the values of a row are drawn: top and floor.
    pub(super) fn plot(&self, row_top: f64) -> (f64, f64) {
        let top = row_top + self.form.above;
        (top, top + self.form.plot)
    }

    /// The words of a row, with its last value and the day of it.
    pub(super) fn heading(
        &self,
        (name, unit): (&str, &str),
        last: Option<(String, String)>,
        row_top: f64,
    ) -> Heading {
        let (top, _) = self.plot(row_top);
        let wide = self.form.is_wide();
        let name_y = if wide { top + 16.0 } else { top - 20.0 };
        let (last, last_day) = last.unwrap_or_default();
        Heading {
            name: name.to_owned(),
            unit: unit.to_owned(),
            name_y,
            unit_y: if wide { name_y + 16.0 } else { name_y + 14.0 },
            line_top: if wide { row_top } else { top },
            floor: row_top + self.form.row,
            last,
            last_day,
            last_y: name_y + if wide { 2.0 } else { 0.0 },
            last_day_y: name_y + if wide { 18.0 } else { 14.0 },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::panel::tests::series;
    use super::super::{DoseStep, Doses, charts};
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
            assert!(top >= 0.0 && height > 0.0 && top + height <= panel.head.floor);
            for dot in &panel.dots {
                assert!(dot.x >= chart.left && dot.x <= chart.right, "{}", dot.x);
                assert!(dot.y > 0.0 && dot.y < panel.head.floor);
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
