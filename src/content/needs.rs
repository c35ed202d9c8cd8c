//! What must be read to decide, derived from the tables in use.
//!
//! So that discovery, fetching and rules cannot disagree, nobody writes this list by hand.

use super::page::Page;
use super::signals::{asked, named};
use crate::clinical::knowledge::{
    Agent, Expr, Form, Monitor, Needs, Signal, SignalId, Test, Watched, Withdrawal, Words,
};
use crate::clinical::vocabulary::{AnalyteId, Vocabulary};
use std::collections::{BTreeMap, BTreeSet};

/// Notes at each analyte whether a signal compares it with the laboratory's own limits.
pub(super) fn mark_limits(signals: &[Signal], vocabulary: &mut Vocabulary) {
    for signal in signals {
        let (analyte, test) = match &signal.form {
            Form::Latest { analyte, test, .. } | Form::Stayed { analyte, test, .. } => (analyte, test),
            Form::Watched(Watched {
                analyte,
                test: Some(test),
                ..
            }) => (analyte, test),
            _ => continue,
        };
        let by_limit = match test {
            Test::AtLeastUpperLimit(_)
            | Test::AboveUpperLimit(_)
            | Test::WithinUpperLimit(_)
            | Test::BelowLowerLimit
            | Test::WithinLowerLimit => true,
            Test::AtLeast(_) | Test::Above(_) | Test::AtMost(_) | Test::Below(_) | Test::Is(_) => false,
        };
        if let (true, Some(analyte)) = (by_limit, vocabulary.analytes.get_mut(usize::from(analyte.0))) {
            analyte.limits = true;
        }
    }
}

/// Signals that the tables of a withdrawal and its agents ask, directly or through others.
pub(super) fn signals_in_use(
    withdrawal: &Withdrawal,
    agents: &[Agent],
    signals: &[Signal],
) -> BTreeSet<SignalId> {
    let mut open = Vec::new();
    for expr in expressions(withdrawal, agents) {
        named(expr, &mut open);
    }
    let mut in_use = BTreeSet::new();
    while let Some(id) = open.pop() {
        if let (true, Some(signal)) = (in_use.insert(id), signals.get(usize::from(id.0))) {
            open.extend(asked(signal));
        }
    }
    in_use
}

fn expressions<'a>(withdrawal: &'a Withdrawal, agents: &'a [Agent]) -> Vec<&'a Expr> {
    let mut list: Vec<&Expr> = withdrawal.gates.iter().map(|gate| &gate.when).collect();
    for row in &withdrawal.rightful {
        list.push(&row.when);
        list.extend(
            row.partial
                .iter()
                .flat_map(|partial| [&partial.certain, &partial.open]),
        );
    }
    if let Some(watch) = &withdrawal.watch {
        list.extend(watch.rows.iter().map(|row| &row.when).chain(&watch.unless));
    }
    list.extend(withdrawal.lines.iter().map(|line| &line.when));
    for indication in &withdrawal.indications {
        list.extend(indication.hazards.iter().map(|hazard| &hazard.when));
        list.extend(indication.taper_instead.iter().map(|(when, _)| when));
        list.extend(
            indication
                .checks
                .iter()
                .filter_map(|check| check.applies.as_ref()),
        );
        for agent in indication
            .agents
            .iter()
            .filter_map(|used| agents.get(usize::from(used.agent.0)))
        {
            list.extend(agent.excludes.iter().map(|row| &row.when));
            list.extend(
                agent
                    .requires
                    .iter()
                    .flat_map(|row| std::iter::once(&row.know).chain(&row.applies)),
            );
            list.extend(agent.notes.iter().map(|note| &note.when));
        }
    }
    list
}

/// The analytes that any table in use reads, and how many days back; 0 where one is only ordered.
pub(super) fn windows(
    withdrawals: &[Withdrawal],
    agents: &[Agent],
    signals: &[Signal],
) -> BTreeMap<AnalyteId, u32> {
    let mut windows = BTreeMap::new();
    for withdrawal in withdrawals {
        for id in signals_in_use(withdrawal, agents, signals) {
            let since_stop = withdrawal
                .watch
                .as_ref()
                .map_or(0, |watch| watch.longest().saturating_add(watch.before));
            let signal = signals.get(usize::from(id.0));
            if let Some((analyte, days)) = signal.and_then(|signal| look_back(signal, since_stop)) {
                widen(&mut windows, analyte, days);
            }
        }
        of_tables(withdrawal, &mut windows);
    }
    windows
}

/// Refuses an analyte that is read and whose gap would have a name that the contract does not have: the contract's
/// names are those with a phrase.
pub(super) fn refuse_unnamed(
    page: &Page,
    windows: &BTreeMap<AnalyteId, u32>,
    vocabulary: &Vocabulary,
    words: &Words,
) {
    let read = windows.iter().filter(|(_, days)| **days > 0);
    for analyte in read.map(|(id, _)| vocabulary.analyte(*id)) {
        if words.need(&analyte.need).is_none() {
            page.refuse_file(format!(
                "the gap of '{}' would be called '{}', which is no name of a gap",
                analyte.key, analyte.need
            ));
        }
    }
}

/// What has to be read.
pub(super) fn derive(windows: BTreeMap<AnalyteId, u32>, vocabulary: &Vocabulary) -> Needs {
    let mut needs = Needs::default();
    for (analyte, days) in windows {
        if vocabulary.analyte(analyte).screen {
            needs.screens.push(analyte);
        } else {
            needs.observations.push(analyte);
            needs.observation_days = needs.observation_days.max(days);
        }
    }
    needs
}

fn of_tables(withdrawal: &Withdrawal, windows: &mut BTreeMap<AnalyteId, u32>) {
    let mut monitor = |rows: &[Monitor]| rows.iter().for_each(|row| widen(windows, row.analyte, 0));
    for indication in &withdrawal.indications {
        monitor(&indication.monitoring);
    }
    for row in &withdrawal.rightful {
        monitor(&row.monitoring);
    }
    for check in withdrawal
        .indications
        .iter()
        .flat_map(|indication| &indication.checks)
    {
        widen(windows, check.analyte, check.within);
    }
    for test in withdrawal
        .rightful
        .iter()
        .filter_map(|row| row.partial.as_ref())
        .flat_map(|partial| &partial.tests)
    {
        widen(windows, *test, 0);
    }
    if let Some(level) = withdrawal.level {
        widen(windows, level, 0);
    }
}

fn widen(windows: &mut BTreeMap<AnalyteId, u32>, analyte: AnalyteId, days: u32) {
    let widest = windows.entry(analyte).or_default();
    *widest = days.max(*widest);
}

/// How many days back a signal reads its analyte; one of results since a stop reaches to its baseline.
fn look_back(signal: &Signal, since_stop: u32) -> Option<(AnalyteId, u32)> {
    match signal.form {
        Form::Latest { analyte, within, .. } => Some((analyte, within)),
        Form::Change {
            analyte,
            within,
            against,
            ..
        } => Some((analyte, within.saturating_add(against))),
        Form::Stayed { analyte, over, .. } => Some((analyte, over)),
        Form::Watched(Watched { analyte, .. }) => Some((analyte, since_stop)),
        _ => None,
    }
}
