//! The patient's own values, as the texts of `hooks/` ask for them by name.

use super::inputs::{order_at, result_at};
use super::{Beside, Comes, Names, companions, text};
use crate::clinical::judge::Finding;
use crate::clinical::knowledge::{Kind, Template, Words};
use crate::clinical::record::{Bound, Dose, Value};
use crate::clinical::signal::{Entry, Latest, Signals, ages};
use crate::clinical::therapy::{End, Start};
use crate::clinical::vocabulary::AnalyteId;
use crate::clinical::when::When;
use rust_decimal::Decimal;
use std::borrow::Cow;
use std::cell::RefCell;

/// Looks values up for one finding.
pub struct Values<'a, 'k> {
    /// The signs, with record, tables and clock.
    pub signals: &'a Signals<'a, 'k>,
    /// The finding.
    pub finding: &'a Finding<'k>,
    /// Names of the drugs that are stopped.
    pub names: &'a Names<'k>,
    /// Which cards come behind this one.
    pub comes: Comes,
    /// Leave out the drugs beside it: another card names them.
    pub brief: bool,
    /// The results that were printed: a card's inputs name them all.
    pub printed: &'a RefCell<Vec<Entry>>,
}

/// `1.5 mg twice daily`, or the doses of the day.
pub(super) fn dose_in_words(words: &Words, dose: &Dose) -> Option<String> {
    let Dose::PerDay(day) = dose else { return None };
    let shown: Vec<String> = day.iter().map(|d| text::number(*d)).collect();
    let same = day.windows(2).all(|w| w[0] == w[1]);
    Some(match (shown.as_slice(), same) {
        ([], _) => return None,
        ([one], _) => words.with("dose.once-daily", &[("dose", one)]),
        ([one, _], true) => words.with("dose.twice-daily", &[("dose", one)]),
        ([one, ..], true) => words.with(
            "dose.times-daily",
            &[("dose", one), ("count", &day.len().to_string())],
        ),
        (all, false) => words.with("dose.unequal", &[("doses", &all.join(" + "))]),
    })
}

impl<'k> Values<'_, 'k> {
    /// The value of a name; `None` if the record does not have it.
    pub fn get(&self, name: &str) -> Option<Cow<'k, str>> {
        let therapy = self.signals.therapy;
        let order = therapy
            .stopping
            .first()
            .map(|&i| &self.signals.record.orders[i])?;
        let found = match name {
            "cover" | "also-stopped" if self.brief => return None,
            "next-card" | "next-cards" => return Some(self.next(name == "next-cards").into()),
            "drug" => self.joined(self.names.text.iter().copied()),
            "dose" => self.dose(&therapy.dose)?,
            "daily" => format!("{} mg", text::number(therapy.dose.daily()?)),
            "months" => self.months()?.to_string(),
            "indication" => {
                let others = self.finding.competing.iter().map(|i| &*i.name);
                self.joined(std::iter::once(&*self.finding.indication.name).chain(others))
            }
            "stop-reason" => text::plain(&order.status_reason_written).into_owned(),
            "restart" => therapy.restart?.human(),
            "age" => ages(self.signals.record.person.birth?, self.signals.now)
                .0
                .to_string(),
            "cover" => self.joined(self.companions(Beside::GoesOn).into_iter()),
            "also-stopped" => self.also_stopped(),
            "replacement" => self.replacement()?,
            "ratio" => format!(
                "{} %",
                (self.signals.dose_ratio()? * Decimal::ONE_HUNDRED)
                    .round()
                    .normalize()
            ),
            "transplant-age" => self.transplant_age()?,
            "stopped" => self.stop()?.human(),
            "since-stop" => self.since_stop()?,
            analyte => return self.analyte(analyte),
        };
        (!found.is_empty()).then_some(Cow::Owned(found))
    }

    /// The same, with the number of the drugs in place of their names.
    pub fn shorter(&self, name: &str) -> Option<Cow<'k, str>> {
        if name != "drug" {
            return self.get(name);
        }
        let count = self.names.text.len().to_string();
        let words = &self.signals.knowledge.words;
        Some(Cow::Owned(words.with("drug.counted", &[("count", &count)])))
    }

    /// Writes a line of a detail behind a text; `None` if a value is missing.
    pub(super) fn fill(&self, template: &Template, text: &mut String) -> Option<()> {
        text::fill(template, &|name| self.get(name).map(text::in_detail), text)
    }

    fn joined<'s>(&self, items: impl Iterator<Item = &'s str>) -> String {
        text::joined(
            &items.collect::<Vec<_>>(),
            self.signals.knowledge.words.get("list.and"),
        )
    }

    /// `1.5 mg twice daily`, or the doses of the day.
    pub fn dose(&self, dose: &Dose) -> Option<String> {
        dose_in_words(&self.signals.knowledge.words, dose)
    }

    fn months(&self) -> Option<i64> {
        match self.signals.therapy.start {
            Start::On(start) => Some(months_between(start, self.signals.now)),
            Start::Unknown | Start::Hidden => None,
        }
    }

    /// Where to find the steps (and the agents), in words that end a sentence; nothing where no such card comes, or where
    /// this is a paragraph of a card of another drug.
    fn next(&self, with_agents: bool) -> &'k str {
        let Comes { taper, agents } = self.comes;
        let phrase = match (taper && !self.brief, agents && !self.brief) {
            (true, _) if !with_agents => "next.card",
            (true, true) => "next.taper-and-agents",
            (true, false) => "next.taper",
            (false, true) if with_agents => "next.agents",
            (false, _) => return "",
        };
        self.signals.knowledge.words.get(phrase)
    }

    /// Names of the companions that stand so, each once.
    fn companions(&self, place: Beside) -> Vec<&'k str> {
        let mut names: Vec<&'k str> = Vec::new();
        for (_, ingredient) in companions(self.signals, |beside| beside == place) {
            let name = &*self.signals.knowledge.vocabulary.ingredient(ingredient).name;
            if !names.contains(&name) {
                names.push(name);
            }
        }
        names
    }

    fn also_stopped(&self) -> String {
        let vocabulary = &self.signals.knowledge.vocabulary;
        let ended = |name: &&str| {
            let mut kept = self.names.not_ended.iter();
            !kept.any(|id| *vocabulary.ingredient(*id).name == **name)
        };
        self.joined(self.companions(Beside::StopsToo).into_iter().filter(ended))
    }

    /// What was drafted in the same session and does not go on anyway; nothing in a paragraph of another card.
    pub(super) fn drafted(&self) -> Option<String> {
        if self.brief {
            return None;
        }
        let drafted = self.companions(Beside::Drafted);
        if drafted.is_empty() {
            return None;
        }
        let goes_on = self.companions(Beside::GoesOn);
        let drugs = self.joined(drafted.into_iter().filter(|name| !goes_on.contains(name)));
        let words = &self.signals.knowledge.words;
        (!drugs.is_empty()).then(|| words.with("beside.drafted", &[("drugs", &drugs)]))
    }

    fn replacement(&self) -> Option<String> {
        let index = self.finding.entries.iter().find_map(|entry| order_at(*entry))?;
        let order = &self.signals.record.orders[index];
        let dose = self
            .dose(&order.dose)
            .map(|d| format!(" {d}"))
            .unwrap_or_default();
        Some(format!("{}{dose}", text::plain(&order.drug_text)))
    }

    /// How long ago the organ was transplanted, if the record dates it: `8 months ago`.
    fn transplant_age(&self) -> Option<String> {
        if self.finding.indication.kind != Kind::Transplant {
            return None;
        }
        let record = self.signals.record;
        let dated = self.finding.evidence.iter().filter_map(|entry| match *entry {
            Entry::Procedure(index) => record.procedures[index].when,
            Entry::Condition(index) => record.conditions[index].when,
            Entry::Result(_)
            | Entry::Allergy(_)
            | Entry::Order(_)
            | Entry::StopReason(_)
            | Entry::Supply(_)
            | Entry::TherapyStart
            | Entry::Age
            | Entry::Sex => None,
        });
        let days = dated
            .map(|w| w.days_ago(self.signals.now))
            .filter(|d| *d >= 0)
            .max()?;
        let words = &self.signals.knowledge.words;
        let (count, unit) = match days {
            0..=60 => (days / 7, "ago.weeks"),
            61..=730 => (days * 48 / 1461, "ago.months"),
            _ => (days * 4 / 1461, "ago.years"),
        };
        Some(words.with(unit, &[("count", &count.to_string())]))
    }

    /// When the drug was stopped, looking back.
    fn stop(&self) -> Option<When> {
        match self.signals.therapy.end {
            End::On(stop) => Some(stop),
            End::Now | End::Unknown => None,
        }
    }

    /// How long ago that was: `6 weeks`.
    fn since_stop(&self) -> Option<String> {
        let days = (self.signals.now - self.stop()?.earliest())
            .div_euclid(86_400)
            .max(0);
        let words = &self.signals.knowledge.words;
        let (count, unit) = match days {
            0..=13 => (days, "for.days"),
            14..=182 => (days / 7, "for.weeks"),
            _ => (days * 48 / 1461, "for.months"),
        };
        Some(words.with(unit, &[("count", &count.to_string())]))
    }

    /// `upcr`, `upcr.date`, `upcr.before` or `upcr.baseline`.
    fn analyte(&self, name: &str) -> Option<Cow<'k, str>> {
        let (key, part) = name.split_once('.').unwrap_or((name, ""));
        let analytes = &self.signals.knowledge.vocabulary.analytes;
        let id = AnalyteId(u16::try_from(analytes.iter().position(|a| &*a.key == key)?).ok()?);
        if part == "baseline" {
            return self.shown(self.signals.before_stop(id)?).map(Cow::Owned);
        }
        let index = self.latest(id)?;
        Some(Cow::Owned(match part {
            "" => self.shown(index)?,
            "date" => self.signals.record.results[index].when?.human(),
            _ => self.shown(self.before(index)?)?,
        }))
    }

    /// The latest value that the row rests on, or that the first checks accept as recent.
    fn latest(&self, analyte: AnalyteId) -> Option<usize> {
        let record = self.signals.record;
        let mut of_row = self.finding.entries.iter().filter_map(|entry| result_at(*entry));
        let of_row = of_row.find(|index| record.results[*index].analyte == analyte);
        of_row.or_else(|| {
            let check = self
                .finding
                .indication
                .checks
                .iter()
                .find(|c| c.analyte == analyte)?;
            match self.signals.latest_of(analyte, check.within) {
                Latest::Found(index) => Some(index),
                Latest::Stale(_) | Latest::Missing(_) | Latest::Hidden(..) => None,
            }
        })
    }

    /// The usable result before another one of the same analyte.
    pub fn before(&self, index: usize) -> Option<usize> {
        let results = &self.signals.record.results;
        let anchor = &results[index];
        let earlier = self.signals.results_of(anchor.analyte).filter(|place| {
            let other = &results[*place];
            other.when < anchor.when && matches!(other.value, Value::Number(_))
        });
        earlier.max_by_key(|place| results[*place].when.map(|when| when.latest()))
    }

    /// `2.1 g/g`, `< 0.1 g/g`, or the text of a coded result.
    pub fn shown(&self, index: usize) -> Option<String> {
        let result = &self.signals.record.results[index];
        let analyte = self.signals.knowledge.vocabulary.analyte(result.analyte);
        self.printed.borrow_mut().push(Entry::Result(index));
        match &result.value {
            Value::Number(n) => {
                let unit = analyte.printed_unit();
                let number = text::number(n.value);
                let value = if unit.is_empty() {
                    number
                } else {
                    [&*number, " ", unit].concat()
                };
                let bound = match n.bound {
                    Bound::Exact => return Some(value),
                    Bound::Below => "number.below",
                    Bound::Above => "number.above",
                };
                Some(self.signals.knowledge.words.with(bound, &[("value", &value)]))
            }
            Value::Coded(_, said) => Some(text::plain(said).into_owned()),
            Value::Unusable(_) => None,
        }
    }
}

/// Completed calendar months.
fn months_between(start: When, now: i64) -> i64 {
    let (from, to) = (When::date_of(start.latest()), When::date_of(now));
    let months = |date: jiff::civil::Date| i64::from(date.year()) * 12 + i64::from(date.month());
    months(to) - months(from) - i64::from(to.day() < from.day())
}
