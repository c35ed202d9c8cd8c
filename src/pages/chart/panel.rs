//! The parts of one panel of a chart.
//!
//! In: a [`Series`] and a scale. Out: the band of the reference range, its limits, the values, the stretches
//! between them, and the series in words.

use super::drawing::{Frame, Heading};
use super::scale::{Scale, days, tenth};
use super::{Point, Series};

/// The least height of a panel, as a share of its largest number.
const LEAST_SHARE: f64 = 0.3;

/// One series in a drawing.
pub(crate) struct Panel {
    /// Its words.
    pub(crate) head: Heading,
    /// Reference range: top and height.
    pub(crate) band: Option<(f64, f64)>,
    /// Limits of the reference range: baseline and number.
    pub(crate) limits: Vec<(f64, String)>,
    /// Levels at which a rule begins to speak: position, baseline of the words, words.
    pub(crate) thresholds: Vec<(f64, f64, String)>,
    /// Lines through the values: SVG path and whether it is a gap.
    pub(crate) stretches: Vec<(String, bool)>,
    /// Values.
    pub(crate) dots: Vec<Dot>,
}

/// One value in a drawing.
pub(crate) struct Dot {
    /// Position.
    pub(crate) x: f64,
    /// Position.
    pub(crate) y: f64,
    /// Whether the laboratory flagged it.
    pub(crate) flagged: bool,
    /// What hovering shows.
    pub(crate) title: String,
}

impl Frame<'_> {
    /// The panel of a series.
    pub(super) fn panel(&self, series: &Series, row_top: f64) -> Panel {
        let (top, floor) = self.plot(row_top);
        let scale = Scale::new(extent(series), (floor, top));
        // What hovering shows is not for a telephone; the values stand in the table as well.
        let told = self.form.is_wide();
        let points = series.points.iter();
        let dots: Vec<_> = points
            .map(|point| dot(series, point, ((self.place)(point.day), told), scale))
            .collect();
        let last = series.points.last().map(|point| {
            let value = format!("{} {}", point.shown, point.flag);
            (value.trim_end().to_owned(), point.date.clone())
        });
        Panel {
            head: self.heading((&series.name, &series.unit), last, row_top),
            band: band(series, scale, (top, floor)),
            limits: limits(series, scale),
            thresholds: thresholds(series, scale, (top, floor)),
            stretches: stretches(&series.points, &dots),
            dots,
        }
    }
}

/// Smallest and largest number of a panel: values and limits, with some air. It begins at zero where that is
/// near, never shows negative numbers for values that have none, and is never so narrow that a small change
/// looks steep.
fn extent(series: &Series) -> (f64, f64) {
    let values = series.points.iter().map(|point| point.value);
    let all = values.chain(series.low).chain(series.high).chain(near(series));
    let (low, high) = all.fold((f64::MAX, f64::MIN), |(low, high), value| {
        (low.min(value), high.max(value))
    });
    let from_zero = series.low.is_none() && low > 0.0 && low < high / 2.0;
    let base = if from_zero { 0.0 } else { low };
    let narrow = (high.abs() * LEAST_SHARE - (high - base)).max(0.0) / 2.0;
    let air = (high - base) * 0.08 + narrow;
    let floor = if low < 0.0 {
        base - air
    } else {
        (base - air).max(0.0)
    };
    (floor, high + air)
}

/// Thresholds that are not so far from every value that drawing them would flatten the course.
fn near(series: &Series) -> impl Iterator<Item = f64> {
    let most = series.points.iter().map(|point| point.value).fold(0.0, f64::max);
    series
        .thresholds
        .iter()
        .map(|(value, _)| *value)
        .filter(move |value| *value <= most * 2.0)
}

/// Thresholds inside the panel, the words of each where they do not overlap those of another.
fn thresholds(series: &Series, scale: Scale, (top, floor): (f64, f64)) -> Vec<(f64, f64, String)> {
    let mut drawn: Vec<(f64, f64, String)> = Vec::new();
    for (value, words) in &series.thresholds {
        let y = scale.at(*value);
        if y < top || y > floor || drawn.iter().any(|(other, _, _)| (other - y).abs() < 11.0) {
            continue;
        }
        drawn.push((y, if y - top < 9.0 { y + 10.0 } else { y - 3.0 }, words.clone()));
    }
    drawn
}

/// The reference range as top and height; open ends reach the edges of the panel.
fn band(series: &Series, scale: Scale, (top, floor): (f64, f64)) -> Option<(f64, f64)> {
    let upper = series.high.map(|high| scale.at(high));
    let lower = series.low.map(|low| scale.at(low));
    let (from, to) = match (upper, lower) {
        (None, None) => return None,
        (upper, lower) => (upper.unwrap_or(top), lower.unwrap_or(floor)),
    };
    Some((from, tenth(to - from)))
}

/// Numbers beside the band; the lower one is left out where both would overlap.
fn limits(series: &Series, scale: Scale) -> Vec<(f64, String)> {
    let label = |limit: f64| (scale.at(limit) + 3.5, limit.to_string());
    match (series.high.map(label), series.low.map(label)) {
        (Some(high), Some(low)) if (high.0 - low.0).abs() >= 11.0 => vec![high, low],
        (Some(high), _) => vec![high],
        (None, low) => low.into_iter().collect(),
    }
}

fn flag_word(point: &Point) -> &'static str {
    match point.flag {
        "H" => ", high",
        "L" => ", low",
        _ => "",
    }
}

/// One value at its place, with what hovering shows where that is wanted.
fn dot(series: &Series, point: &Point, (x, told): (f64, bool), scale: Scale) -> Dot {
    let title = told.then(|| {
        let flag = flag_word(point);
        format!(
            "{} {} {}{flag}, {}, {}",
            series.name, point.shown, series.unit, point.date, point.source
        )
    });
    Dot {
        x,
        y: scale.at(point.value),
        flagged: !point.flag.is_empty(),
        title: title.unwrap_or_default(),
    }
}

/// Lines through neighbouring values, one for each run without a gap and one for each gap. A stretch is a gap when
/// it is far longer than is usual for the series.
fn stretches(points: &[Point], dots: &[Dot]) -> Vec<(String, bool)> {
    let lengths: Vec<_> = points
        .windows(2)
        .map(|pair| days(pair[0].day, pair[1].day))
        .collect();
    let mut sorted = lengths.clone();
    sorted.sort_by(f64::total_cmp);
    let usual = sorted.get(sorted.len() / 2).copied().unwrap_or_default();
    let mut runs: Vec<(String, bool)> = Vec::new();
    for (pair, length) in dots.windows(2).zip(lengths) {
        let gap = length > 75.0 && length > 1.8 * usual;
        let to = format!("L{} {}", pair[1].x, pair[1].y);
        match runs.last_mut() {
            Some((path, false)) if !gap => path.push_str(&to),
            _ => runs.push((format!("M{} {}{to}", pair[0].x, pair[0].y), gap)),
        }
    }
    runs
}

/// A series in a sentence, for those who cannot see the drawing.
pub(super) fn in_words(series: &Series) -> String {
    let Some(last) = series.points.last() else {
        return String::new();
    };
    let by_value = |a: &&Point, b: &&Point| a.value.total_cmp(&b.value);
    let least = series.points.iter().min_by(by_value).unwrap_or(last);
    let most = series.points.iter().max_by(by_value).unwrap_or(last);
    let flag = flag_word(last);
    format!(
        "{}: {} values from {} to {} {}, the last {}{flag} on {}.",
        series.name,
        series.points.len(),
        least.shown,
        most.shown,
        series.unit,
        last.shown,
        last.date,
    )
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;
    use jiff::civil::date;

    /// A series of made-up values.
    pub(in crate::pages) fn series(
        values: &[(i16, i8, i8, f64)],
        low: Option<f64>,
        high: Option<f64>,
    ) -> Series {
        let point = |&(year, month, day, value): &(i16, i8, i8, f64)| Point {
            day: date(year, month, day),
            date: date(year, month, day).strftime("%-d %b %Y").to_string(),
            value,
            shown: value.to_string(),
            flag: "",
            source: "Observation/x".into(),
        };
        let points = values.iter().map(point).collect();
        Series {
            name: "Creatinine".into(),
            unit: "mg/dL".into(),
            low,
            high,
            points,
            thresholds: Vec::new(),
        }
    }

    #[test]
    fn a_long_stretch_without_values_is_a_gap() {
        let monthly = [
            (2026, 1, 1, 1.0),
            (2026, 2, 1, 1.0),
            (2026, 3, 1, 1.0),
            (2026, 10, 1, 1.0),
        ];
        let series = series(&monthly, None, None);
        let scale = Scale::new((0.0, 2.0), (0.0, 50.0));
        let dots: Vec<_> = series
            .points
            .iter()
            .map(|point| dot(&series, point, (0.0, true), scale))
            .collect();
        let gaps: Vec<_> = stretches(&series.points, &dots)
            .into_iter()
            .map(|(_, gap)| gap)
            .collect();
        assert_eq!(gaps, [false, true], "three values without a gap are one line");
    }

    #[test]
    fn a_panel_begins_at_zero_or_is_not_too_narrow() {
        let extent_of = |a, b, low| extent(&series(&[(2026, 1, 1, a), (2026, 2, 1, b)], low, None));
        assert_eq!(extent_of(100.0, 1000.0, None).0, 0.0);
        let (low, high) = extent_of(118.0, 120.0, None);
        assert!(high - low >= 36.0 && low < 118.0 && high > 120.0);
        assert_eq!(extent_of(0.1, 0.2, Some(0.0)).0, 0.0);
    }

    #[test]
    fn a_series_is_told_in_words() {
        let told = in_words(&series(&[(2026, 1, 1, 2.0), (2026, 2, 1, 1.5)], None, None));
        assert_eq!(
            told,
            "Creatinine: 2 values from 1.5 to 2 mg/dL, the last 1.5 on 1 Feb 2026."
        );
    }
}
