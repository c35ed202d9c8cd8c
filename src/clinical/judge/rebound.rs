//! After a stop: which row of the watch table speaks.
//!
//! Turns a therapy that ended into a [`Judgement`]: a finding of topic `rebound`, or a stated silence. All rows
//! of the patient's indications are asked; the most urgent that is true speaks. Where none is, and one could
//! not be asked because something could not be read or was not sent, that is said instead of silence; beside a
//! row that speaks it raises the urgency, to a warning at most.

use super::indications::Named;
use super::{Court, Finding, Judgement, Verdict};
use crate::clinical::gap::{Gap, Truth};
use crate::clinical::knowledge::{
    Indication, Indicator, Kind, Knowledge, Topic, Watch, WatchRow, Withdrawal,
};
use crate::clinical::record::{PatientRecord, Source};
use crate::clinical::signal::{Entry, Signals};
use crate::clinical::therapy::{End, Therapy};
use crate::clinical::when::Placed;

/// What is not known never makes more than this of a sign.
const MOST_RAISED: Indicator = Indicator::Warning;

/// Decides about a therapy that ended.
pub fn judge_ended<'k>(
    record: &PatientRecord,
    knowledge: &'k Knowledge,
    withdrawal: &'k Withdrawal,
    watch: &'k Watch,
    therapy: &Therapy,
    signals: &mut Signals<'_, 'k>,
) -> Judgement<'k> {
    let mut court = Court {
        record,
        knowledge,
        withdrawal,
        therapy,
        trail: Vec::new(),
    };
    let verdict = court.rebound(watch, signals);
    Judgement {
        withdrawal,
        verdict,
        trail: court.trail,
    }
}

/// What the rows answered.
#[derive(Default)]
struct Asked<'k> {
    /// The row that speaks, with the place of its indication among those named.
    speaks: Option<(&'k WatchRow, usize)>,
    /// Entries of the rows that are true, that of the first one first.
    entries: Vec<Entry>,
    /// What is unknown.
    gaps: Vec<Gap<'k>>,
    /// The most urgent row that could not be asked.
    open: Option<Indicator>,
}

impl<'k> Court<'_, 'k> {
    fn rebound(&mut self, watch: &'k Watch, signals: &mut Signals<'_, 'k>) -> Verdict<'k> {
        if let Some(unless) = &watch.unless
            && signals.truth(unless) == Truth::True
        {
            return silent(watch);
        }
        let (mut named, mut possible) = self.found();
        if named.iter().all(|n| n.indication.kind == Kind::Unknown) && self.lacks(Source::Conditions) {
            possible = self.withdrawal.indications.iter().collect();
        }
        named.retain(|n| self.is_watched(watch, n.indication, signals));
        possible.retain(|i| self.is_watched(watch, i, signals));
        if named.is_empty() && possible.is_empty() {
            return silent(watch);
        }
        let asked = self.ask(watch, &named, &possible, signals);
        let blind = !possible.is_empty() && named.iter().all(|n| n.indication.kind == Kind::Unknown);
        let (row, statement, indication) = match asked.speaks {
            Some((row, place)) => (&*row.row, &row.statement, named.swap_remove(place)),
            None if self.therapy.end == End::Unknown => ("undated", &watch.undated, self.first(named)),
            None if asked.open.is_some() || blind || self.lacks_all_results() => {
                ("unchecked", &watch.unchecked, self.first(named))
            }
            None => return silent(watch),
        };
        let raise = asked.open.map(|open| open.min(MOST_RAISED));
        let indicator = match asked.speaks {
            Some(_) => raise.map_or(statement.indicator, |raise| raise.max(statement.indicator)),
            None => statement.indicator,
        };
        let base = self.finding("watch", row, Topic::Rebound, statement, indication.indication);
        Verdict::Finding(Finding {
            indicator,
            raised: indicator > statement.indicator,
            evidence: indication.entries,
            entries: asked.entries,
            gaps: asked.gaps,
            ..base
        })
    }

    fn first(&self, mut named: Vec<Named<'k>>) -> Named<'k> {
        if named.is_empty() {
            return self.unknown();
        }
        named.swap_remove(0)
    }

    /// Asks every row of the indications that are named or possible.
    fn ask(
        &mut self,
        watch: &'k Watch,
        named: &[Named<'k>],
        possible: &[&'k Indication],
        signals: &mut Signals<'_, 'k>,
    ) -> Asked<'k> {
        let mut asked = Asked::default();
        for row in &watch.rows {
            let place = named.iter().position(|n| about(row, n.indication));
            if place.is_none() && !possible.iter().any(|indication| about(row, indication)) {
                continue;
            }
            let truth = signals.truth(&row.when);
            self.note("watch", &row.row, truth);
            let (entries, gaps) = self.ground(&row.when, signals);
            let lost = truth == Truth::Unknown && !signals.lost_sources(&row.when).is_empty();
            // What is unknown beside a row that is decided changes nothing.
            if matches!(truth, Truth::Unknown | Truth::Unreadable) {
                asked.gaps.extend(gaps);
            }
            match (truth, place) {
                (Truth::True, Some(place)) => {
                    let worse =
                        |(best, _): (&WatchRow, usize)| row.statement.indicator > best.statement.indicator;
                    if asked.speaks.is_none_or(worse) {
                        asked.speaks = Some((row, place));
                        asked.entries.splice(0..0, entries);
                    } else {
                        asked.entries.extend(entries);
                    }
                }
                // The sign is there; whether it is one of this patient's disease is not known.
                (Truth::True | Truth::Unreadable, _) => {
                    asked.open = asked.open.max(Some(row.statement.indicator));
                }
                (Truth::Unknown, _) if lost => asked.open = asked.open.max(Some(row.statement.indicator)),
                (Truth::Unknown | Truth::False, _) => {}
            }
        }
        asked
    }

    /// Whether the stop lies, or may lie, in the time for which an indication is watched.
    fn is_watched(&self, watch: &Watch, indication: &Indication, signals: &Signals<'_, '_>) -> bool {
        let days = watch.window(&indication.key);
        days > 0
            && match self.therapy.end {
                End::On(stop) => stop.within(days, signals.now) != Placed::Outside,
                End::Unknown => true,
                End::Now => false,
            }
    }

    /// Whether results came and every one of them is of another patient: nothing was looked at then.
    fn lacks_all_results(&self) -> bool {
        self.record.sources.of(Source::Observations).foreign && self.record.results.is_empty()
    }

    fn lacks(&self, source: Source) -> bool {
        let state = self.record.sources.of(source);
        state.missing().is_some() || state.hides_something()
    }
}

fn silent(watch: &Watch) -> Verdict<'_> {
    Verdict::Silent {
        table: "watch",
        row: "quiet",
        why: &watch.quiet,
    }
}

fn about(row: &WatchRow, indication: &Indication) -> bool {
    row.indications.contains(&indication.key)
}
