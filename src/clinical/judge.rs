//! The decision: which row of which table speaks.
//!
//! Turns the stop of one drug into a [`Judgement`]: a stated silence or a [`Finding`], in the order gates,
//! reasons to stop, indication, hazards. It writes no text and makes no card. Rows fire only when true;
//! a worse row that cannot be excluded because something that is there could not be read raises the
//! urgency of the row that fires, so that unreadable data never makes the answer milder.

mod indications;
mod rebound;

use super::gap::{Gap, Truth, Why};
use super::knowledge::{
    Expr, Gate, Hazard, Indication, Indicator, Kind, Knowledge, Line, Rightful, Statement, Template, Then,
    Topic, Withdrawal,
};
use super::record::{OrderStatus, PatientRecord};
use super::signal::{Entry, Leaves, Signals};
use super::therapy::Therapy;
use indications::Named;

pub use rebound::judge_ended;

/// What was decided about one drug.
pub struct Judgement<'k> {
    /// The drug's tables.
    pub withdrawal: &'k Withdrawal,
    /// Silence or finding.
    pub verdict: Verdict<'k>,
    /// Every row that was asked, in order, with its answer.
    pub trail: Vec<Step<'k>>,
}

impl<'k> Judgement<'k> {
    /// What there is to say, if anything.
    pub fn finding(&self) -> Option<&Finding<'k>> {
        match &self.verdict {
            Verdict::Finding(finding) => Some(finding),
            Verdict::Silent { .. } => None,
        }
    }
}

/// A row that was asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Step<'k> {
    /// Table.
    pub table: &'k str,
    /// Row.
    pub row: &'k str,
    /// Answer.
    pub truth: Truth,
}

/// Silence or finding.
pub enum Verdict<'k> {
    /// No card, and why.
    Silent {
        /// Table.
        table: &'k str,
        /// Row.
        row: &'k str,
        /// Why.
        why: &'k str,
    },
    /// Something to say.
    Finding(Finding<'k>),
}

/// Something to say about the stop of one drug.
pub struct Finding<'k> {
    /// `drug/table/row`.
    pub rule: String,
    /// Topic of its main card.
    pub topic: Topic,
    /// What the row says.
    pub statement: &'k Statement,
    /// Urgency after raising and capping.
    pub indicator: Indicator,
    /// Whether unreadable data raised it.
    pub raised: bool,
    /// The indication that decides.
    pub indication: &'k Indication,
    /// Entries that are evidence for it.
    pub evidence: Vec<Entry>,
    /// Other indications found.
    pub competing: Vec<&'k Indication>,
    /// The rightful stop, if that is what was found.
    pub rightful: Option<&'k Rightful>,
    /// A rightful stop of which a part is certain and a part was not looked for.
    pub partial: Option<&'k Rightful>,
    /// Lines that signs add to the warning.
    pub lines: Vec<&'k Line>,
    /// A hold's second card: the hold is right.
    pub hold_is_right: Option<&'k Rightful>,
    /// Entries that the row rests on.
    pub entries: Vec<Entry>,
    /// What kept rows on the way unknown.
    pub gaps: Vec<Gap<'k>>,
}

impl<'k> Finding<'k> {
    /// First line of the warning where a pattern is partly there.
    pub fn opens(&self) -> Option<&'k Template> {
        self.partial.and_then(|r| r.partial.as_ref()).map(|p| &p.opens)
    }

    /// Whether a taper or agents may be thought of: only beside a warning.
    pub fn warns(&self) -> bool {
        self.topic == Topic::AbruptWithdrawal
    }
}

/// Decides about the stop of one drug.
pub fn judge<'k>(
    record: &PatientRecord,
    knowledge: &'k Knowledge,
    withdrawal: &'k Withdrawal,
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
    let mut verdict = court.decide(signals);
    if let Verdict::Finding(finding) = &mut verdict {
        finding.gaps.extend(court.gap_of_date());
    }
    Judgement {
        withdrawal,
        verdict,
        trail: court.trail,
    }
}

struct Court<'r, 'k> {
    record: &'r PatientRecord,
    knowledge: &'k Knowledge,
    withdrawal: &'k Withdrawal,
    therapy: &'r Therapy,
    trail: Vec<Step<'k>>,
}

/// The row of a table that decides.
struct Ruled<'k> {
    hazard: &'k Hazard,
    indicator: Indicator,
    raised: bool,
}

impl<'k> Court<'_, 'k> {
    fn decide(&mut self, signals: &mut Signals<'_, 'k>) -> Verdict<'k> {
        let (decisive, raise, competing) = self.indications(signals);
        let rightful = self.rightful(signals);
        // What the cut of a dose needs is no reason to keep the dose where there is one to stop.
        let gate = self.gate(signals);
        if let Some(gate) = gate.filter(|(gate, _)| rightful.is_none() || !gate.right_first) {
            let rightful = rightful.map(|(row, _)| row);
            return self.through_gate(gate, decisive, competing, rightful, signals);
        }
        let Named {
            indication,
            entries: evidence,
            ..
        } = decisive;
        if let Some((right, indicator)) = rightful {
            return Verdict::Finding(Finding {
                indicator,
                raised: indicator > right.statement.indicator,
                evidence,
                competing,
                ..self.rightly(right, indication, signals)
            });
        }
        let ruled = self.rule(indication, raise, signals);
        let partial = self.partial(signals);
        let statement = &ruled.hazard.statement;
        let base = self.finding(
            &indication.key,
            &ruled.hazard.row,
            Topic::AbruptWithdrawal,
            statement,
            indication,
        );
        let (mut entries, mut gaps) = self.ground_of_table(indication, ruled.hazard, signals);
        if let Some(part) = partial.and_then(|r| r.partial.as_ref()) {
            entries.extend(self.ground(&part.certain, signals).0);
            gaps.extend(self.ground(&part.open, signals).1);
        }
        let lines = self.lines(signals);
        for line in &lines {
            entries.extend(self.ground(&line.when, signals).0);
        }
        let cap = match partial.and_then(|r| r.partial.as_ref()) {
            Some(part) if indication.kind != Kind::Transplant && !ruled.raised => part.cap,
            Some(_) | None => Indicator::Critical,
        };
        Verdict::Finding(Finding {
            indicator: ruled.indicator.min(cap),
            raised: ruled.raised,
            evidence,
            competing,
            partial,
            lines,
            entries,
            gaps,
            ..base
        })
    }

    /// A stop for which there is a reason.
    fn rightly(
        &self,
        right: &'k Rightful,
        indication: &'k Indication,
        signals: &mut Signals<'_, 'k>,
    ) -> Finding<'k> {
        let base = self.finding(
            "right-to-stop",
            &right.row,
            Topic::StopMayBeRight,
            &right.statement,
            indication,
        );
        let (entries, gaps) = self.ground(&right.when, signals);
        Finding {
            rightful: Some(right),
            entries,
            gaps,
            ..base
        }
    }

    fn finding(
        &self,
        table: &str,
        row: &str,
        topic: Topic,
        statement: &'k Statement,
        indication: &'k Indication,
    ) -> Finding<'k> {
        Finding {
            rule: format!("{}/{table}/{row}", self.withdrawal.key),
            topic,
            statement,
            indicator: statement.indicator,
            raised: false,
            indication,
            evidence: Vec::new(),
            competing: Vec::new(),
            rightful: None,
            partial: None,
            lines: Vec::new(),
            hold_is_right: None,
            entries: Vec::new(),
            gaps: Vec::new(),
        }
    }

    /// A row that is asked again for another indication gives the same answer and is noted once.
    fn note(&mut self, table: &'k str, row: &'k str, truth: Truth) {
        let step = Step { table, row, truth };
        if !self.trail.contains(&step) {
            self.trail.push(step);
        }
    }

    /// The gate that fires. A milder one does not stand before a worse one that cannot be excluded because something
    /// could not be read, and has words for that; then it is that one, and unsure.
    fn gate(&mut self, signals: &mut Signals<'_, 'k>) -> Option<(&'k Gate, bool)> {
        let mut possible: Option<&'k Gate> = None;
        for gate in &self.withdrawal.gates {
            let truth = signals.truth(&gate.when);
            self.note("gates", &gate.row, truth);
            // A warning that cannot be excluded because something could not be read stands before milder gates.
            let least = if matches!(gate.then, Then::Warn(_)) {
                Truth::Unreadable
            } else {
                Truth::True
            };
            if truth >= least {
                let worse = possible.filter(|worse| worse.urgency() > gate.urgency());
                return Some(worse.map_or((gate, false), |worse| (worse, true)));
            }
            if truth == Truth::Unreadable
                && gate.unsure.is_some()
                && possible.and_then(Gate::urgency) < gate.urgency()
            {
                possible = Some(gate);
            }
        }
        None
    }

    fn through_gate(
        &mut self,
        (gate, unsure): (&'k Gate, bool),
        decisive: Named<'k>,
        competing: Vec<&'k Indication>,
        rightful: Option<&'k Rightful>,
        signals: &mut Signals<'_, 'k>,
    ) -> Verdict<'k> {
        let says = gate.unsure.as_ref().filter(|_| unsure);
        let (topic, statement) = match &gate.then {
            _ if let Some((topic, statement)) = says => (*topic, statement),
            Then::Silent(why) => {
                return Verdict::Silent {
                    table: "gates",
                    row: &gate.row,
                    why,
                };
            }
            Then::Card(topic, statement) => (*topic, statement),
            Then::Warn(statement) => (Topic::AbruptWithdrawal, statement),
        };
        let base = self.finding("gates", &gate.row, topic, statement, decisive.indication);
        let (entries, gaps) = self.ground(&gate.when, signals);
        let hold_is_right = rightful.filter(|_| topic == Topic::HoldAndRestart);
        Verdict::Finding(Finding {
            evidence: decisive.entries,
            competing,
            hold_is_right,
            entries,
            gaps,
            ..base
        })
    }

    /// The reason to stop, with the urgency of the worst row before it that cannot be excluded because something could
    /// not be read.
    fn rightful(&mut self, signals: &mut Signals<'_, 'k>) -> Option<(&'k Rightful, Indicator)> {
        let mut least = Indicator::Info;
        for row in &self.withdrawal.rightful {
            let truth = signals.truth(&row.when);
            self.note("right-to-stop", &row.row, truth);
            match truth {
                Truth::True => return Some((row, least.max(row.statement.indicator))),
                Truth::Unreadable => least = least.max(row.statement.indicator),
                Truth::Unknown | Truth::False => {}
            }
        }
        None
    }

    fn lines(&self, signals: &mut Signals<'_, 'k>) -> Vec<&'k Line> {
        let lines = self.withdrawal.lines.iter();
        lines
            .filter(|line| signals.truth(&line.when) == Truth::True)
            .collect()
    }

    /// A pattern of which one part is true and the other was looked for and not found.
    fn partial(&self, signals: &mut Signals<'_, 'k>) -> Option<&'k Rightful> {
        self.withdrawal.rightful.iter().find(|row| {
            row.partial.as_ref().is_some_and(|part| {
                signals.truth(&part.certain) == Truth::True && signals.truth(&part.open) == Truth::Unknown
            })
        })
    }

    /// The row of an indication's table that fires, raised by worse rows that cannot be excluded.
    fn rule(
        &mut self,
        indication: &'k Indication,
        raise: Option<Indicator>,
        signals: &mut Signals<'_, 'k>,
    ) -> Ruled<'k> {
        let mut possible = raise;
        let mut last = None;
        for hazard in &indication.hazards {
            let truth = signals.truth(&hazard.when);
            self.note(&indication.key, &hazard.row, truth);
            if truth == Truth::Unreadable {
                possible = possible.max(Some(hazard.statement.indicator));
            }
            last = Some(hazard);
            if truth == Truth::True {
                break;
            }
        }
        // The loader refuses a table without a row that is always true.
        let hazard = last.unwrap_or(&indication.hazards[0]);
        let indicator = possible.map_or(hazard.statement.indicator, |p| p.max(hazard.statement.indicator));
        Ruled {
            hazard,
            indicator,
            raised: indicator > hazard.statement.indicator,
        }
    }

    /// What an expression rests on: entries of its true signs, gaps of its unknown ones that apply.
    fn ground(&self, when: &Expr, signals: &mut Signals<'_, 'k>) -> (Vec<Entry>, Vec<Gap<'k>>) {
        let mut leaves = Leaves::new();
        signals.leaves(when, &mut leaves);
        let (mut entries, mut gaps) = (Vec::new(), Vec::new());
        for id in leaves {
            if let Some(applies) = &self.knowledge.signal(id).applies
                && signals.truth(applies) == Truth::False
            {
                continue;
            }
            let Some(reading) = signals.reading(id) else {
                continue;
            };
            match reading.truth {
                Truth::True => entries.extend(&reading.entries),
                Truth::Unknown | Truth::Unreadable => gaps.extend(&reading.gaps),
                Truth::False => {}
            }
        }
        (entries, gaps)
    }

    /// That no order says when it was stopped, where it ended before the hook.
    fn gap_of_date(&self) -> Option<Gap<'k>> {
        let undated = |&index: &usize| {
            let order = &self.record.orders[index];
            order.stopped.is_none() && (order.status != OrderStatus::Active || order.unread.end)
        };
        let looks_back = self.record.occasion.looks_for_ended();
        (looks_back && self.therapy.stopping.iter().any(undated)).then(|| Gap::new("stop-date", Why::Absent))
    }

    /// Why the dose of a day is not known: nothing was said of one, or nothing that can be used.
    fn why_no_dose(&self) -> Why {
        let mut stopping = self
            .therapy
            .stopping
            .iter()
            .map(|&index| &self.record.orders[index]);
        if stopping.any(|order| order.dose.daily().is_none() && order.dose_came) {
            Why::NotReadable
        } else {
            Why::Absent
        }
    }

    fn ground_of_table(
        &self,
        indication: &'k Indication,
        fired: &Hazard,
        signals: &mut Signals<'_, 'k>,
    ) -> (Vec<Entry>, Vec<Gap<'k>>) {
        // What is unknown beside a row that is true changes nothing; on the way to it, it does.
        let (entries, _) = self.ground(&fired.when, signals);
        let mut gaps = Vec::new();
        for hazard in &indication.hazards {
            if std::ptr::eq(hazard, fired) {
                break;
            }
            gaps.extend(self.ground(&hazard.when, signals).1);
        }
        if self.therapy.dose.daily().is_none() {
            gaps.push(Gap::new("dose", self.why_no_dose()));
        }
        (entries, gaps)
    }
}
