//! Draws series of results as small multiples on one time axis.
//!
//! In: [`Series`] and the demo's day. Out: positions for the SVG template, twice: wide for a desktop and
//! narrow for a telephone, because text in a scaled drawing would become too small. A dot is a value, filled
//! where the laboratory flagged it; the band is the laboratory's reference range; a dashed line is a stretch
//! without values. It converts nothing and judges nothing. Panels need two values at least.

use super::panel::{Panel, band, dot, extent, in_words, limits, stretches};
use super::results::Series;
use super::scale::{Scale, days, months};
use jiff::civil::Date;

/// One drawing.
pub(super) struct Chart {
    /// `wide` or `narrow`; also part of the ids.
    pub(super) form: &'static str,
    /// Width of the view box.
    pub(super) width: f64,
    /// Height of the view box.
    pub(super) height: f64,
    /// Left end of the time axis.
    pub(super) left: f64,
    /// Right end of the time axis: today.
    pub(super) right: f64,
    /// Bottom of the last panel.
    pub(super) bottom: f64,
    /// Where the names of the panels begin.
    pub(super) label_x: f64,
    /// Where the last values end or begin.
    pub(super) last_x: f64,
    /// `start` or `end`.
    pub(super) last_anchor: &'static str,
    /// Months on the axis: position and label.
    pub(super) ticks: Vec<(f64, String)>,
    /// Ends of orders.
    pub(super) events: Vec<EventMark>,
    /// The panels.
    pub(super) panels: Vec<Panel>,
    /// The drawing in words.
    pub(super) description: String,
}

/// The end of an order, to be drawn through all panels.
#[derive(Clone, Debug)]
pub(super) struct Event {
    /// Day.
    pub(super) day: Date,
    /// What ended.
    pub(super) label: String,
}

/// An end of an order in a drawing.
pub(super) struct EventMark {
    /// Position.
    pub(super) x: f64,
    /// Baseline of the label.
    pub(super) y: f64,
    /// What ended.
    pub(super) label: String,
}

struct Form {
    name: &'static str,
    width: f64,
    left: f64,
    right: f64,
    row: f64,
    above: f64,
    plot: f64,
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
    ticks: 8,
};
const NARROW: Form = Form {
    name: "narrow",
    width: 328.0,
    left: 40.0,
    right: 322.0,
    row: 96.0,
    above: 36.0,
    plot: 46.0,
    ticks: 4,
};

/// Height of one line of labels above the panels.
const LINE: f64 = 18.0;

/// The drawings of a record, wide and narrow; none if nothing was measured twice.
pub(super) fn charts(all: &[Series], events: &[Event], today: Date) -> Vec<Chart> {
    let drawn: Vec<_> = all.iter().filter(|series| series.points.len() > 1).collect();
    let Some(first) = drawn
        .iter()
        .filter_map(|series| series.points.first())
        .map(|point| point.day)
        .min()
    else {
        return Vec::new();
    };
    let events: Vec<_> = events
        .iter()
        .filter(|event| event.day >= first && event.day <= today)
        .cloned()
        .collect();
    [WIDE, NARROW]
        .iter()
        .map(|form| form.draw(&drawn, &events, first, today))
        .collect()
}

impl Form {
    fn draw(&self, drawn: &[&Series], events: &[Event], first: Date, today: Date) -> Chart {
        let time = Scale::new((0.0, days(first, today)), (self.left + 6.0, self.right));
        let place = |day: Date| time.at(days(first, day));
        let top = LINE * events.len() as f64;
        let tops = (0..drawn.len()).map(|row| top + self.row * row as f64);
        let panels: Vec<_> = drawn
            .iter()
            .zip(tops)
            .map(|(series, top)| self.panel(series, top, &place))
            .collect();
        let bottom = top + self.row * drawn.len() as f64;
        let mark = |(row, event): (usize, &Event)| EventMark {
            x: place(event.day),
            y: LINE * row as f64 + 12.0,
            label: event.label.clone(),
        };
        let wide = self.name == "wide";
        Chart {
            form: self.name,
            width: self.width,
            height: bottom + 26.0,
            left: self.left,
            right: self.right,
            bottom,
            label_x: if wide { 0.0 } else { 2.0 },
            last_x: if wide { self.right + 14.0 } else { self.right },
            last_anchor: if wide { "start" } else { "end" },
            ticks: months(first, today, self.ticks)
                .into_iter()
                .map(|day| (place(day), day.strftime("%b %Y").to_string()))
                .collect(),
            events: events.iter().enumerate().map(mark).collect(),
            panels,
            description: drawn
                .iter()
                .map(|series| in_words(series))
                .collect::<Vec<_>>()
                .join(" "),
        }
    }

    fn panel(&self, series: &Series, row_top: f64, place: &dyn Fn(Date) -> f64) -> Panel {
        let top = row_top + self.above;
        let floor = top + self.plot;
        let (low, high) = extent(series);
        let scale = Scale::new((low, high), (floor, top));
        let dots: Vec<_> = series
            .points
            .iter()
            .map(|point| dot(series, point, place(point.day), scale))
            .collect();
        let wide = self.name == "wide";
        let last = series.points.last();
        let name_y = if wide { top + 16.0 } else { top - 20.0 };
        Panel {
            name: series.name.clone(),
            unit: series.unit.clone(),
            name_y,
            unit_y: if wide { name_y + 16.0 } else { name_y + 14.0 },
            line_top: if wide { row_top } else { top },
            floor: row_top + self.row,
            band: band(series, scale, (top, floor)),
            limits: limits(series, scale),
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
    use super::*;
    use crate::demo::panel::tests::series;
    use jiff::civil::date;

    #[test]
    fn every_dot_lies_in_its_panel_and_between_the_ends_of_the_axis() {
        let all = [series(
            &[(2026, 1, 5, 0.9), (2026, 6, 5, 2.4), (2026, 11, 21, 0.1)],
            Some(0.5),
            Some(1.1),
        )];
        for chart in charts(&all, &[], date(2026, 11, 22)) {
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
        let single = [series(&[(2026, 1, 1, 1.0)], None, None)];
        assert!(charts(&single, &[], date(2026, 11, 22)).is_empty());
    }

    #[test]
    fn the_end_of_an_order_is_marked_if_it_lies_on_the_axis() {
        let event = |day| Event {
            day,
            label: "x".into(),
        };
        let events = [event(date(2025, 1, 1)), event(date(2026, 5, 1))];
        let all = [series(&[(2026, 1, 1, 1.0), (2026, 9, 1, 1.0)], None, None)];
        let chart = &charts(&all, &events, date(2026, 11, 22))[0];
        assert_eq!(chart.events.len(), 1);
        assert!(chart.events[0].x > chart.left && chart.events[0].x < chart.right);
    }
}
