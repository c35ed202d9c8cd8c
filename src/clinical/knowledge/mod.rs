//! The tables of `hooks/` as the judgement uses them: names resolved, numbers with units converted.
//!
//! `content` builds a [`Knowledge`] from the files, and refuses them when they are incomplete; nothing
//! changes it afterwards. Thresholds, windows, texts and sources live here as values that came from the
//! files; this module holds none of its own. Durations are days unless the name says otherwise.

mod agents;
mod signals;
mod tables;

pub use agents::{Agent, AgentUse, Exclusion, Note, Requirement};
pub use signals::{DrugSet, Expr, Form, FormulationMatch, Ratio, Shift, Signal, Test, Watched, Which};
pub use tables::{
    Check, Conversion, CutOf, Gate, Hazard, Indication, Kind, Line, Monitor, Partial, Rest, Rightful,
    Statement, TaperPlan, Then, Watch, WatchRow, Window, Withdrawal,
};

use super::occasion::Occasion;
use super::vocabulary::{AnalyteId, IngredientId, Vocabulary};
use memchr::memchr;
use rustc_hash::FxHashMap;

/// The rule of a card that says that nothing could be decided.
pub const UNDECIDED: &str = "unknown/data/missing";

/// Everything that `hooks/` says.
pub struct Knowledge {
    /// Content version, for example `2026.11.0`.
    pub version: Box<str>,
    /// Date of its release.
    pub released: Box<str>,
    /// How many days back results are drawn; they are judged no further back than the tables look.
    pub chart_days: u32,
    /// Where the advice comes from, and which personal attributes it uses.
    pub attributes: Vec<SourceAttribute>,
    /// Codes and names.
    pub vocabulary: Vocabulary,
    /// Sources, by [`SourceId`].
    pub sources: Vec<Citation>,
    /// Signals, by [`SignalId`].
    pub signals: Vec<Signal>,
    /// Agents, by [`AgentId`].
    pub agents: Vec<Agent>,
    /// One for each maintenance drug whose stop is reviewed.
    pub withdrawals: Vec<Withdrawal>,
    /// Discovery entries.
    pub services: Vec<Service>,
    /// Coded reasons offered on every warning or critical card.
    pub override_reasons: Vec<Coding>,
    /// How a card comes back that was overridden.
    pub repeats: Repeats,
    /// Headings and phrases shared by all cards.
    pub words: Words,
    /// What must be read to decide: derived from the tables in use.
    pub needs: Needs,
}

/// Index into [`Knowledge::signals`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct SignalId(pub u16);
/// Index into [`Knowledge::sources`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct SourceId(pub u16);
/// Index into [`Knowledge::agents`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct AgentId(pub u16);

/// One of the thirteen source attributes of 45 CFR 170.315(b)(11)(iv)(A).
pub struct SourceAttribute {
    /// Code.
    pub code: Box<str>,
    /// Name as in the regulation.
    pub name: Box<str>,
    /// Value.
    pub is: AttributeValue,
}

/// Value of a source attribute.
pub enum AttributeValue {
    /// As written.
    Says(Box<str>),
    /// The list of citations.
    Citations,
    /// The dates of content and reviews.
    Dates,
}

/// A public source that a text relies on.
pub struct Citation {
    /// Key in the tables.
    pub key: Box<str>,
    /// Label on the card: short title with year.
    pub label: Box<str>,
    /// Absolute https address.
    pub url: Box<str>,
    /// What exactly it supports.
    pub supports: Box<str>,
}

/// How sure a statement is, strongest first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Certainty {
    /// A guideline says so.
    Guideline,
    /// A product label says so.
    Label,
    /// A trial showed it.
    Trial,
    /// Cohort data.
    Cohort,
    /// Evidence about something near, not about this.
    Indirect,
    /// Clinical opinion; no source.
    Opinion,
}

impl Certainty {
    /// The code in the basis.
    pub fn code(self) -> &'static str {
        match self {
            Certainty::Guideline => "guideline",
            Certainty::Label => "label",
            Certainty::Trial => "trial",
            Certainty::Cohort => "cohort",
            Certainty::Indirect => "indirect",
            Certainty::Opinion => "opinion",
        }
    }
}

/// Urgency of a card.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Indicator {
    /// For information.
    Info,
    /// A warning.
    Warning,
    /// Critical.
    Critical,
}

impl Indicator {
    /// The code on the card.
    pub fn code(self) -> &'static str {
        match self {
            Indicator::Info => "info",
            Indicator::Warning => "warning",
            Indicator::Critical => "critical",
        }
    }
}

/// Card topics of the contract, in their order at equal urgency.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Topic {
    /// Stopping at once is risky.
    AbruptWithdrawal,
    /// The record holds a reason to stop or hold now.
    StopMayBeRight,
    /// Signs of a flare after a recent stop.
    Rebound,
    /// A temporary hold.
    HoldAndRestart,
    /// A ratio or overlap that looks wrong.
    ConversionCheck,
    /// A stepwise reduction.
    Taper,
    /// What could replace it.
    AlternativeAgents,
    /// What to check, and when.
    Monitoring,
}

impl Topic {
    /// The code in `source.topic`.
    pub fn code(self) -> &'static str {
        match self {
            Topic::AbruptWithdrawal => "abrupt-withdrawal",
            Topic::StopMayBeRight => "stop-may-be-right",
            Topic::Rebound => "rebound",
            Topic::HoldAndRestart => "hold-and-restart",
            Topic::ConversionCheck => "conversion-check",
            Topic::Taper => "taper",
            Topic::AlternativeAgents => "alternative-agents",
            Topic::Monitoring => "monitoring",
        }
    }
}

/// A coding with text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Coding {
    /// System address.
    pub system: Box<str>,
    /// Code.
    pub code: Box<str>,
    /// Display.
    pub display: Box<str>,
}

/// The text of a row.
pub struct Text {
    /// Key, for messages.
    pub key: Box<str>,
    /// Summaries; the first whose placeholders can be filled and that is short enough is used.
    pub summary: Vec<Template>,
    /// Lines under "why for this patient", after the patient's numbers.
    pub why: Vec<Template>,
    /// Lines under "what could mislead".
    pub misleading: Vec<Template>,
    /// Lines under "how sure".
    pub sure: Vec<Template>,
    /// Courses that are reasonable now, at least two on a warning.
    pub courses: Vec<Template>,
}

/// A text with placeholders in braces, split once at start-up.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Template(pub Vec<Piece>);

/// A piece of a template.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Piece {
    /// Text as it is.
    Literal(Box<str>),
    /// A value of the patient, by name: `drug`, `dose`, `upcr`, `upcr.date`, …
    Value(Box<str>),
}

/// A discovery entry.
pub struct Service {
    /// Identifier.
    pub id: Box<str>,
    /// Hook.
    pub hook: Box<str>,
    /// Title.
    pub title: Box<str>,
    /// Description.
    pub description: Box<str>,
    /// Usage requirements.
    pub usage: Box<str>,
    /// At a hook that names no order: how many days ago an order may have ended and still be reviewed.
    pub stopped_within: Option<u32>,
    /// Its prefetch templates hold dates in FHIRPath; an entry beside the plain one, where a site has chosen so.
    pub dated: bool,
}

/// Who reviewed the content, and when again.
pub struct Approval {
    /// Reviewers; empty until a person signs.
    pub reviewers: Vec<Box<str>>,
    /// Date of the next review.
    pub next_review: Box<str>,
}

/// How a card comes back that was overridden.
#[derive(Clone, Copy, Debug)]
pub struct Repeats {
    /// For so many hours after an override the same card has less force; 0 for never.
    pub hours: u32,
}

/// Headings and phrases of `hooks/texts/en.toml`.
pub struct Words {
    phrases: Phrases,
    /// Those of the table `need`, by the rest of their key.
    needs: Phrases,
    /// Those of the table `input`, by the rest of their key.
    inputs: Phrases,
}

/// Phrases by their key.
pub type Phrases = FxHashMap<Box<str>, Box<str>>;

impl Words {
    /// Phrases by key; those of a table by `table.key`.
    pub fn new(phrases: Phrases) -> Self {
        let of = |table: &str| -> Phrases {
            let rest = |key: &str| key.strip_prefix(table)?.strip_prefix('.').map(Into::into);
            let phrases = phrases.iter();
            phrases
                .filter_map(|(key, phrase)| Some((rest(key)?, phrase.clone())))
                .collect()
        };
        Words {
            needs: of("need"),
            inputs: of("input"),
            phrases,
        }
    }

    /// The name of something that may be missing.
    pub fn need(&self, key: &str) -> Option<&str> {
        self.needs.get(key).map(|phrase| &**phrase)
    }

    /// The name of an input in the machine-readable basis, where it is not the key of what it is made of.
    pub fn input(&self, key: &str) -> Option<&str> {
        self.inputs.get(key).map(|phrase| &**phrase)
    }

    /// A phrase; the key itself if the file lacks it (the loader refuses files that lack one in use).
    pub fn get<'a>(&'a self, key: &'a str) -> &'a str {
        self.phrases.get(key).map_or(key, |phrase| phrase)
    }

    /// A phrase with the values of its `{names}`, which are looked at once: a value is never taken for a name, whatever
    /// a chart holds.
    pub fn with(&self, key: &str, values: &[(&str, &str)]) -> String {
        let mut text = String::with_capacity(2 * self.get(key).len());
        self.put(&mut text, key, values);
        text
    }

    /// Writes a phrase behind a text, as [`Words::with`] does.
    pub fn put(&self, text: &mut String, key: &str, values: &[(&str, &str)]) {
        let mut rest = self.get(key);
        while let Some(opens) = memchr(b'{', rest.as_bytes())
            && let Some(closes) = memchr(b'}', &rest.as_bytes()[opens..])
        {
            let name = &rest[opens + 1..opens + closes];
            text.push_str(&rest[..opens]);
            match values.iter().find(|(known, _)| *known == name) {
                Some((_, value)) => text.push_str(value),
                None => text.extend(["{", name, "}"]),
            }
            rest = &rest[opens + closes + 1..];
        }
        text.push_str(rest);
    }
}

/// What must be read to decide, derived from the tables.
#[derive(Default)]
pub struct Needs {
    /// Analytes of recent results.
    pub observations: Vec<AnalyteId>,
    /// Analytes of long look-back screens.
    pub screens: Vec<AnalyteId>,
    /// Longest look-back of `observations` in days.
    pub observation_days: u32,
}

impl Knowledge {
    /// The drug code system whose codes stand in the basis without their system: that of the judged drugs.
    pub fn preferred_drug_system(&self) -> &str {
        self.withdrawals
            .first()
            .map_or("", |w| &self.vocabulary.ingredient(w.ingredient).system)
    }

    /// The citation.
    pub fn source(&self, id: SourceId) -> &Citation {
        &self.sources[usize::from(id.0)]
    }

    /// The signal.
    pub fn signal(&self, id: SignalId) -> &Signal {
        &self.signals[usize::from(id.0)]
    }

    /// The agent.
    pub fn agent(&self, id: AgentId) -> &Agent {
        &self.agents[usize::from(id.0)]
    }

    /// How many days ago an order may have ended and still be reviewed on an occasion.
    pub fn stopped_within(&self, occasion: Occasion) -> Option<u32> {
        let asks = |service: &&Service| match Occasion::of(&service.hook) {
            Occasion::View => matches!(occasion, Occasion::View | Occasion::Announced),
            asked => asked == occasion,
        };
        self.services.iter().find(asks)?.stopped_within
    }

    /// The name of every rule that a card can carry: that of each row, and of the card for what could not be decided.
    pub fn rules(&self) -> Vec<String> {
        let of = |withdrawal: &Withdrawal| {
            let rows = withdrawal.rows();
            let names = rows.map(|(table, row)| format!("{}/{table}/{row}", withdrawal.key));
            names.collect::<Vec<_>>()
        };
        let mut rules: Vec<String> = self.withdrawals.iter().flat_map(of).collect();
        rules.push(UNDECIDED.to_owned());
        rules
    }

    /// The withdrawal of an ingredient, if its stop is reviewed.
    pub fn withdrawal_of(&self, ingredient: IngredientId) -> Option<&Withdrawal> {
        self.withdrawals
            .iter()
            .find(|w| self.vocabulary.same_family(w.ingredient, ingredient))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_value_is_never_taken_for_a_name() {
        let phrases = [("says".into(), "{a} and {b}, {c} {".into())];
        let words = Words::new(phrases.into_iter().collect());
        let text = words.with("says", &[("a", "{b}"), ("b", "{a}")]);
        assert_eq!(text, "{b} and {a}, {c} {");
        assert_eq!(words.with("missing", &[("a", "x")]), "missing");
    }
}
