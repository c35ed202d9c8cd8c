//! The instruments of one version of settings and tables, looked up once. What a scrape says about the version itself
//! is set when it is taken into use, and not before: a version that is refused leaves no trace.

use super::{Counter, Gauge, Histogram, Meters};
use crate::clinical::evaluate::Evaluation;
use crate::clinical::gap::Truth;
use crate::clinical::judge::Verdict;
use crate::clinical::knowledge::{Indicator, Knowledge};
use crate::trust::Client;
use jiff::Timestamp;
use rustc_hash::FxHashMap as HashMap;
use std::sync::Arc;
use std::time::Duration;

/// Every outcome of a call: the labels of the journal and of refusals.
const OUTCOMES: [&str; 17] = [
    "cards",
    "silent",
    "withheld",
    "too-large",
    "slow",
    "media-type",
    "unauthorized",
    "unknown-service",
    "method",
    "bad-request",
    "forbidden",
    "foreign-order",
    "undecided",
    "too-many",
    "busy",
    "unavailable",
    "internal",
];
/// Answers of a row, in the order of [`Truth`].
const RESULTS: [&str; 4] = ["no", "unknown", "unreadable", "yes"];
/// Label of a client or hook that a call did not get to prove or name.
const UNKNOWN: &str = "unknown";
/// Whether a card was shown.
const MODES: [&str; 2] = ["shown", "withheld"];
/// Table and name of the silence after a look back: it is no row that is asked, and decides all the same.
const QUIET: (&str, &str) = ("watch", "quiet");
const INDICATORS: [Indicator; 3] = [Indicator::Info, Indicator::Warning, Indicator::Critical];

type Nested<T> = HashMap<Box<str>, HashMap<Box<str>, T>>;

/// The instruments that calls use.
pub struct Board {
    calls: Nested<CallMeter>,
    rest: CallMeter,
    rules: HashMap<Box<str>, Nested<RuleMeter>>,
    cards: Vec<Arc<Counter>>,
    /// Budgets by client and hook, in seconds.
    deadlines: Vec<(Arc<Gauge>, f64)>,
    /// Where the tables come from, and their version.
    tables: (&'static str, Box<str>),
    meters: Arc<Meters>,
}

/// The calls of one client at one hook.
pub struct CallMeter {
    outcomes: [Arc<Counter>; OUTCOMES.len()],
    duration: Arc<Histogram>,
}

/// One row.
struct RuleMeter {
    results: [Arc<Counter>; RESULTS.len()],
    fired: Arc<Gauge>,
}

impl CallMeter {
    fn new(meters: &Meters, client: &str, hook: &str) -> Self {
        Self {
            outcomes: OUTCOMES.map(|outcome| meters.requests.with(&[client, hook, outcome])),
            duration: meters.duration.with(&[client, hook]),
        }
    }

    /// Counts one call.
    pub fn count(&self, outcome: &str, took: Duration) {
        if let Some(place) = OUTCOMES.iter().position(|name| *name == outcome) {
            self.outcomes[place].add(1);
        }
        self.duration.observe(took);
    }
}

impl Board {
    /// Looks up what calls of these clients to these tables will need; `package` is where the tables come from.
    #[must_use]
    pub fn new(
        meters: &Arc<Meters>,
        clients: &[Arc<Client>],
        package: &'static str,
        knowledge: &Knowledge,
    ) -> Self {
        let mut deadlines = Vec::new();
        let calls = clients.iter().map(|client| {
            let hooks = knowledge.services.iter().map(|service| &service.hook);
            let of = hooks.map(|hook| {
                let gauge = meters.deadline.with(&[client.name(), hook]);
                deadlines.push((gauge, client.deadline(hook).as_secs_f64()));
                (hook.clone(), CallMeter::new(meters, client.name(), hook))
            });
            let rest = CallMeter::new(meters, client.name(), UNKNOWN);
            (client.name().into(), of.chain([(UNKNOWN.into(), rest)]).collect())
        });
        let mut rules: HashMap<Box<str>, Nested<RuleMeter>> = HashMap::default();
        for withdrawal in &knowledge.withdrawals {
            let of = rules.entry(withdrawal.key.clone()).or_default();
            for (table, row) in withdrawal.rows() {
                let meter = RuleMeter::new(meters, &format!("{}/{table}/{row}", withdrawal.key));
                of.entry(table.into()).or_default().insert(row.into(), meter);
            }
            if withdrawal.watch.is_some() {
                let (table, row) = QUIET;
                let meter = RuleMeter::of_silence(meters, &format!("{}/{table}/{row}", withdrawal.key));
                of.entry(table.into()).or_default().insert(row.into(), meter);
            }
        }
        let cards = MODES
            .iter()
            .flat_map(|mode| INDICATORS.map(|indicator| meters.cards.with(&[mode, indicator.code()])));
        Self {
            calls: calls.collect(),
            deadlines,
            tables: (package, knowledge.version.clone()),
            meters: Arc::clone(meters),
            rest: CallMeter::new(meters, UNKNOWN, UNKNOWN),
            rules,
            cards: cards.collect(),
        }
    }

    /// Says that this version is in use from now on, and no other.
    pub fn announce(&self) {
        let (package, version) = &self.tables;
        self.meters.knowledge.clear();
        self.meters.knowledge.with(&[package, version]).set(1.0);
        for (gauge, deadline) in &self.deadlines {
            gauge.set(*deadline);
        }
    }

    /// The calls of a client at a hook; what is not known counts as unknown.
    #[must_use]
    pub fn call(&self, client: Option<&str>, hook: Option<&str>) -> &CallMeter {
        let of = client.and_then(|client| self.calls.get(client));
        of.and_then(|of| of.get(hook.unwrap_or(UNKNOWN)))
            .unwrap_or(&self.rest)
    }

    /// Counts the rows that an evaluation asked, and notes which decided.
    pub fn judged(&self, evaluation: &Evaluation<'_>, now: Timestamp) {
        for judgement in &evaluation.judgements {
            let key = &judgement.withdrawal.key;
            let tables = self.rules.get(key);
            // A table's rows are asked one after the other.
            let mut at = ("", None);
            for step in &judgement.trail {
                if at.0 != step.table {
                    at = (step.table, tables.and_then(|tables| tables.get(step.table)));
                }
                if let Some(rule) = at.1.and_then(|rows| rows.get(step.row)) {
                    rule.results[place(step.truth)].add(1);
                }
            }
            let decided = match &judgement.verdict {
                Verdict::Silent { table, row, .. } => self.rule(key, table, row),
                Verdict::Finding(finding) => self.rule_named(&finding.rule),
            };
            if let Some(rule) = decided {
                #[expect(clippy::cast_precision_loss, reason = "seconds of this millennium are exact")]
                rule.fired.set(now.as_second() as f64);
            }
        }
    }

    /// Counts a card.
    pub fn card(&self, shown: bool, indicator: &str) {
        let mode = usize::from(!shown);
        let of = INDICATORS.iter().position(|one| one.code() == indicator);
        self.cards[mode * INDICATORS.len() + of.unwrap_or_default()].add(1);
    }

    fn rule(&self, drug: &str, table: &str, row: &str) -> Option<&RuleMeter> {
        self.rules.get(drug)?.get(table)?.get(row)
    }

    fn rule_named(&self, name: &str) -> Option<&RuleMeter> {
        let mut parts = name.splitn(3, '/');
        self.rule(parts.next()?, parts.next()?, parts.next()?)
    }
}

impl RuleMeter {
    fn new(meters: &Meters, rule: &str) -> Self {
        Self {
            results: RESULTS.map(|result| meters.rules.with(&[rule, result])),
            fired: meters.last_fired.with(&[rule, "live"]),
        }
    }

    /// Of a silence that no row stands for: nothing is asked.
    fn of_silence(meters: &Meters, rule: &str) -> Self {
        Self {
            results: Default::default(),
            fired: meters.last_fired.with(&[rule, "live"]),
        }
    }
}

fn place(truth: Truth) -> usize {
    match truth {
        Truth::False => 0,
        Truth::Unknown => 1,
        Truth::Unreadable => 2,
        Truth::True => 3,
    }
}
