//! Turns the Observations of a record into series of results.
//!
//! In: FHIR R4 Observations. Out: one [`Series`] per code and unit in the order of the record, oldest value
//! first, and the results that are words. Values keep the digits in which they were recorded; nothing is
//! converted or judged here: high and low are what the laboratory's own reference range says.

use super::resource;
use crate::pages::chart::{Point, Series};
use jiff::civil::Date;
use serde_json::Value;
use std::collections::BTreeMap;
use std::sync::Arc;

/// A result in words.
#[derive(Debug)]
pub(super) struct Finding {
    /// Name.
    pub(super) name: String,
    /// What was found.
    pub(super) text: String,
    /// Day, to read.
    pub(super) day: String,
}

/// All series of a record, in the order in which their first value stands in it.
pub(super) fn series(record: &[Arc<Value>]) -> Vec<Series> {
    let mut all: Vec<Series> = Vec::new();
    let mut index: BTreeMap<(String, String), usize> = BTreeMap::new();
    for observation in observations(record) {
        let components = resource::items(observation, "/component").iter();
        for part in std::iter::once(observation).chain(components) {
            let Some((key, point)) = value(observation, part) else {
                continue;
            };
            let at = *index.entry(key).or_insert_with(|| {
                all.push(Series {
                    name: name(part),
                    ..Series::default()
                });
                all.len() - 1
            });
            all[at].points.push(point);
            take_labels(&mut all[at], part);
        }
    }
    for series in &mut all {
        series.points.sort_by_key(|point| point.day);
    }
    all
}

/// Results that are words, newest first.
pub(super) fn findings(record: &[Arc<Value>]) -> Vec<Finding> {
    let mut found: Vec<_> = observations(record)
        .filter_map(|observation| {
            Some((
                resource::when(observation),
                observation.get("valueCodeableConcept")?,
                observation,
            ))
        })
        .collect();
    found.sort_by(|a, b| b.0.cmp(a.0));
    let row = |(when, value, observation): (&str, &Value, &Value)| Finding {
        name: name(observation),
        text: resource::words(Some(value)).to_owned(),
        day: resource::shown_day(when),
    };
    found.into_iter().map(row).collect()
}

fn observations(record: &[Arc<Value>]) -> impl Iterator<Item = &Value> {
    record
        .iter()
        .map(Arc::as_ref)
        .filter(|found| resource::kind(found) == "Observation")
}

fn name(part: &Value) -> String {
    resource::words(part.get("code")).to_owned()
}

/// One value with the code and unit under which it is grouped.
fn value(observation: &Value, part: &Value) -> Option<((String, String), Point)> {
    let quantity = part.get("valueQuantity")?;
    let value = quantity.get("value")?;
    let (_, code) = resource::codings(part.get("code")).next()?;
    let point = Point {
        day: resource::day(resource::when(observation)).parse().ok()?,
        date: resource::shown_day(resource::when(observation)),
        value: value.as_f64()?,
        shown: value.to_string(),
        flag: match resource::text(part, "/interpretation/0/coding/0/code") {
            "H" | "HH" => "H",
            "L" | "LL" => "L",
            _ => "",
        },
        source: format!("Observation/{}", resource::id(observation)),
    };
    Some((
        (code.to_owned(), resource::text(quantity, "/code").to_owned()),
        point,
    ))
}

fn take_labels(series: &mut Series, part: &Value) {
    series.unit = resource::text(part, "/valueQuantity/unit").to_owned();
    let limit = |at| part.pointer(at).and_then(Value::as_f64);
    series.low = limit("/referenceRange/0/low/value");
    series.high = limit("/referenceRange/0/high/value");
}

/// A cumulative table: one row per day, newest first; one column per series.
pub(super) struct Cumulative {
    /// Name, unit and reference range of each column.
    pub(super) columns: Vec<(String, String, String)>,
    /// Day and cells of each row.
    pub(super) rows: Vec<(String, Vec<Cell>)>,
}

/// A cell of the cumulative table; empty if nothing was measured.
#[derive(Clone, Default)]
pub(super) struct Cell {
    /// Value.
    pub(super) shown: String,
    /// `H`, `L` or nothing.
    pub(super) flag: &'static str,
}

/// Lays the series out as a laboratory's cumulative report.
pub(super) fn cumulative(all: &[Series]) -> Cumulative {
    let mut rows: BTreeMap<Date, Vec<Cell>> = BTreeMap::new();
    for (column, series) in all.iter().enumerate() {
        for point in &series.points {
            let row = rows
                .entry(point.day)
                .or_insert_with(|| vec![Cell::default(); all.len()]);
            row[column] = Cell {
                shown: point.shown.clone(),
                flag: point.flag,
            };
        }
    }
    Cumulative {
        columns: all
            .iter()
            .map(|series| (series.name.clone(), series.unit.clone(), series.range()))
            .collect(),
        rows: rows
            .into_iter()
            .rev()
            .map(|(day, cells)| (day.strftime("%-d %b %Y").to_string(), cells))
            .collect(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::demo::stories;

    fn record(id: &str) -> Vec<Arc<Value>> {
        let patients = stories::patients("2026-11-22T08:00:00Z".parse().unwrap()).unwrap();
        patients.iter().find(|patient| patient.id == id).unwrap().record()
    }

    #[test]
    fn values_are_grouped_by_code_and_run_from_old_to_new() {
        let all = series(&record("fanny"));
        let platelets = &all[0];
        assert_eq!(
            (platelets.name.as_str(), platelets.unit.as_str()),
            ("Platelets", "10*9/L")
        );
        assert_eq!(platelets.range(), "150 to 400");
        let last = platelets.points.last().unwrap();
        assert_eq!(
            (last.shown.as_str(), last.flag, last.day.to_string().as_str()),
            ("62", "L", "2026-11-21")
        );
        assert!(platelets.points.is_sorted_by_key(|point| point.day));
        assert!(all.iter().any(|series| series.name == "Systolic blood pressure"));
    }

    #[test]
    fn levels_drawn_at_an_unknown_time_are_a_series_of_their_own() {
        let all = series(&record("nora"));
        assert!(all[0].name.ends_with("time of draw not stated"));
    }

    #[test]
    fn the_table_has_the_newest_day_first_and_a_cell_for_every_column() {
        let table = cumulative(&series(&record("fanny")));
        assert_eq!(table.rows[0].0, "21 Nov 2026");
        assert!(
            table
                .rows
                .iter()
                .all(|(_, cells)| cells.len() == table.columns.len())
        );
    }

    #[test]
    fn words_are_findings() {
        let found = findings(&record("fanny"));
        assert_eq!(
            (found[0].name.as_str(), found[0].text.as_str()),
            ("Schistocytes", "Present")
        );
    }
}
