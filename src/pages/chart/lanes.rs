//! Doses as steps, and other drugs as lanes.
//!
//! In: [`Doses`] and [`Lane`]. Out: paths and bars with their labels and words. Between two orders of the same
//! drug with a pause the line is broken, so that a pause is seen.

use super::drawing::{Frame, Heading};
use super::scale::{Scale, days};
use super::{DoseStep, Doses, Lane};
use jiff::civil::Date;

/// A pause of more days than this breaks the line.
const PAUSE: f64 = 3.0;

/// The panel of doses.
pub(crate) struct DosePanel {
    /// Its words; the last value is the last dose that was ordered.
    pub(crate) head: Heading,
    /// Zero dose.
    pub(crate) zero: f64,
    /// Doses that were ordered, a path for each stretch without a pause.
    pub(crate) taken: Vec<String>,
    /// Doses that are planned.
    pub(crate) planned: String,
    /// Places to hover over: left, top, width, height and words.
    pub(crate) spots: Vec<(f64, f64, f64, f64, String)>,
}

/// One drug beside the one that the page is about.
pub(crate) struct LaneRow {
    /// Name.
    pub(crate) name: String,
    /// Baseline of the name.
    pub(crate) name_y: f64,
    /// Bottom of the row.
    pub(crate) floor: f64,
    /// Where upright lines begin.
    pub(crate) line_top: f64,
    /// Bars: left, top, width, whether it goes on, words.
    pub(crate) bars: Vec<(f64, f64, f64, bool, String)>,
}

/// Height of a bar.
const BAR: f64 = 8.0;

impl Frame<'_> {
    /// The panel of doses.
    pub(super) fn doses(&self, of: &Doses, row_top: f64) -> DosePanel {
        let (top, floor) = self.plot(row_top);
        let most = of.steps.iter().map(|step| step.amount).fold(0.0, f64::max);
        let scale = Scale::new((0.0, most * 1.1), (floor, top));
        let (planned, taken): (Vec<_>, Vec<_>) = of.steps.iter().partition(|step| step.planned);
        let last = taken
            .last()
            .map(|step| (step.shown.clone(), format!("since {}", shown(step.from))));
        DosePanel {
            head: self.heading((&of.name, &of.unit), last, row_top),
            zero: floor,
            taken: stretches(&taken)
                .iter()
                .map(|run| self.path(run, scale))
                .collect(),
            planned: self.path(&planned, scale),
            spots: of
                .steps
                .iter()
                .map(|step| self.spot(of, step, (top, floor)))
                .collect(),
        }
    }

    fn path(&self, steps: &[&DoseStep], scale: Scale) -> String {
        let mut path = String::new();
        for step in steps {
            let verb = if path.is_empty() { 'M' } else { 'L' };
            let (y, end) = (scale.at(step.amount), (self.place)(step.to));
            path.push_str(&format!("{verb}{} {y}L{end} {y}", (self.place)(step.from)));
        }
        path
    }

    fn spot(&self, of: &Doses, step: &DoseStep, (top, floor): (f64, f64)) -> (f64, f64, f64, f64, String) {
        let (left, right) = ((self.place)(step.from), (self.place)(step.to));
        let plan = if step.planned { "planned, " } else { "" };
        let words = format!(
            "{} {} {}, {plan}{} to {}",
            of.name,
            step.shown,
            of.unit,
            shown(step.from),
            shown(step.to)
        );
        (left, top, (right - left).max(1.0), floor - top, words)
    }

    /// A lane. What began before the axis begins at its left end.
    pub(super) fn lane(&self, of: &Lane, top: f64, first: Date) -> LaneRow {
        let (form, wide) = (self.form, self.form.is_wide());
        let bar_y = if wide {
            top + (form.lane - BAR) / 2.0
        } else {
            top + form.lane - BAR - 6.0
        };
        let bars = of.bars.iter().filter(|bar| bar.to.is_none_or(|to| to >= first));
        LaneRow {
            name: of.name.clone(),
            name_y: top + 16.0,
            floor: top + form.lane,
            line_top: if wide { top } else { bar_y - 4.0 },
            bars: bars
                .map(|bar| {
                    let left = (self.place)(bar.from.max(first));
                    let right = bar.to.map_or(self.today, |to| (self.place)(to).min(self.today));
                    (
                        left,
                        bar_y,
                        (right - left).max(2.0),
                        bar.to.is_none(),
                        bar.title.clone(),
                    )
                })
                .collect(),
        }
    }
}

/// Steps that follow one another without a pause.
fn stretches<'s>(steps: &[&'s DoseStep]) -> Vec<Vec<&'s DoseStep>> {
    let mut runs: Vec<Vec<&DoseStep>> = Vec::new();
    for step in steps {
        match runs.last_mut() {
            Some(run) if run.last().is_some_and(|last| days(last.to, step.from) <= PAUSE) => run.push(step),
            _ => runs.push(vec![step]),
        }
    }
    runs
}

fn shown(day: Date) -> String {
    day.strftime("%-d %b %Y").to_string()
}

/// Doses in a sentence.
pub(super) fn doses_in_words(of: &Doses) -> String {
    let step = |step: &DoseStep| {
        let plan = if step.planned { " (planned)" } else { "" };
        format!("{} from {}{plan}", step.shown, shown(step.from))
    };
    let all: Vec<_> = of.steps.iter().map(step).collect();
    format!("{} in {}: {}.", of.name, of.unit, all.join(", "))
}

/// A lane in a sentence.
pub(super) fn lane_in_words(of: &Lane) -> String {
    let all: Vec<_> = of.bars.iter().map(|bar| bar.title.clone()).collect();
    format!("{}.", all.join("; "))
}
