//! The course on one time axis: doses, results, other drugs, stops, and a plan.
//!
//! Turns orders and results of the record into what [`crate::pages::chart`] draws and into the tables under it.
//! Which results have a panel follows from the tables: the drug's level, the first checks of the indication, and
//! what some row of it has a threshold for; whatever else was measured is a table. Levels that are no troughs never share a panel with troughs.

use super::orders::{doses, events, lanes};
use super::planner::Plan;
use super::query::Query;
use super::results::{Table, groups, series, table, thresholds};
use super::{Case, units};
use crate::clinical::judge::{Judgement, Verdict};
use crate::clinical::signal::Signals;
use crate::clinical::vocabulary::{AnalyteId, LevelTiming};
use crate::pages::chart::Timeline;
use crate::smart::reading::Sense;

/// What is drawn, and the values behind it.
pub(super) struct Drawn {
    pub(super) timeline: Timeline,
    pub(super) tables: Vec<Table>,
}

/// The course.
pub(super) fn timeline(
    case: &Case<'_>,
    judgement: &Judgement<'_>,
    signals: &Signals<'_, '_>,
    sense: Sense,
    plan: Option<&Plan>,
    query: &Query,
) -> Drawn {
    let thresholds = thresholds(case, judgement, signals);
    let mut timeline = Timeline {
        doses: doses(case, plan),
        lanes: lanes(case),
        events: events(case, sense),
        until: plan.map_or(case.today, |plan| plan.end.max(case.today)),
        ..Timeline::until(case.today)
    };
    let mut tables = Vec::new();
    let checked: Vec<AnalyteId> = case
        .withdrawal
        .level
        .into_iter()
        .chain(checks(judgement))
        .collect();
    for (analyte, timing, results) in groups(case, &checked) {
        let unit = units::shown(
            case.knowledge.vocabulary.analyte(analyte),
            &results,
            query.recorded(),
        );
        let tests: Vec<_> = thresholds
            .iter()
            .filter(|(of, _)| *of == analyte)
            .map(|(_, test)| *test)
            .collect();
        // A rule that asks for a trough says nothing about another level.
        let tests = if timing == LevelTiming::NotTrough {
            Vec::new()
        } else {
            tests
        };
        let series = series(case, (analyte, timing), &results, &unit, &tests);
        tables.push(table(&series, &results));
        if tests.is_empty() && !checked.contains(&analyte) {
            continue;
        }
        timeline.series.push(series);
    }
    Drawn { timeline, tables }
}

/// What the indication's first checks look at.
fn checks(judgement: &Judgement<'_>) -> Vec<AnalyteId> {
    match &judgement.verdict {
        Verdict::Finding(finding) => finding
            .indication
            .checks
            .iter()
            .map(|check| check.analyte)
            .collect(),
        Verdict::Silent { .. } => Vec::new(),
    }
}
