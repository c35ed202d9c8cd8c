//! The daily dose that a free-text instruction says.
//!
//! Turns `2 mg in the morning and 1 mg in the evening` or `take 2 capsules every 12 hours` into the
//! amounts of one day in mg, or into nothing. It is total, and strict: a number that it cannot place, a
//! range, a rate, a dose by weight, as-needed or changing use make the whole text unreadable, because a
//! wrong dose is worse than none. Timing phrases and counted units are words of the vocabulary.

use super::json::decimal;
use crate::clinical::vocabulary::Vocabulary;
use rust_decimal::Decimal;
use rust_decimal::prelude::ToPrimitive;

/// Words of instructions that do not say one steady daily dose.
const UNSTEADY: [&str; 37] = [
    "taper",
    "tapering",
    "tapered",
    "wean",
    "weaning",
    "titrate",
    "titrating",
    "then",
    "reduce",
    "decrease",
    "increase",
    "alternate",
    "alternating",
    "other",
    "needed",
    "prn",
    "max",
    "maximum",
    "total",
    "divided",
    "if",
    "or",
    "except",
    "weekly",
    "week",
    "monthly",
    "month",
    "per",
    "kg",
    "skip",
    "sunday",
    "monday",
    "tuesday",
    "wednesday",
    "thursday",
    "friday",
    "saturday",
];

/// Written-out counts.
const COUNTS: [&str; 10] = [
    "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten",
];

/// Longest text that is read.
const LONGEST: usize = 400;

/// Amounts of one day in mg, in the order taken.
///
/// `strength` is what one counted unit holds, in mg. `None`: it does not say one steady dose.
pub fn read_dosage_text(
    text: &str,
    strength: Option<Decimal>,
    vocabulary: &Vocabulary,
) -> Option<Vec<Decimal>> {
    let text = normal(text)?;
    let mut items = Scanner {
        text: &text,
        at: 0,
        strength,
        vocabulary,
    }
    .items()?;
    let timing_first = items.iter().find_map(|item| match item {
        Item::Amount(_) => Some(false),
        Item::Times(..) => Some(true),
        Item::And => None,
    })?;
    if timing_first {
        items.reverse();
    }
    let mut parts = parts(&items, strength)?;
    if timing_first {
        parts.reverse();
    }
    day(&parts)
}

/// Doses per day that a text says, where it says nothing else about timing.
pub(crate) fn times_in(text: &str, vocabulary: &Vocabulary) -> Option<usize> {
    let text = normal(text)?;
    let scanner = Scanner {
        text: &text,
        at: 0,
        strength: Some(Decimal::ONE),
        vocabulary,
    };
    let (times, used) = scanner.timing()?;
    (used == text.len()).then_some(times)
}

/// Lower case, single spaces.
fn normal(text: &str) -> Option<String> {
    let words: Vec<String> = text.split_whitespace().map(str::to_lowercase).collect();
    let text = words.join(" ");
    (!text.is_empty() && text.len() <= LONGEST).then_some(text)
}

#[derive(Clone, Copy)]
enum Item<'t> {
    Amount(Amount),
    Times(usize, &'t str),
    And,
}

#[derive(Clone, Copy, PartialEq)]
struct Amount {
    mg: Decimal,
    counted: bool,
}

struct Scanner<'t> {
    text: &'t str,
    at: usize,
    strength: Option<Decimal>,
    vocabulary: &'t Vocabulary,
}

impl<'t> Scanner<'t> {
    fn rest(&self) -> &'t str {
        &self.text[self.at..]
    }

    fn items(mut self) -> Option<Vec<Item<'t>>> {
        let mut items = Vec::new();
        while let Some(next) = self.rest().chars().next() {
            if let Some((times, used)) = self.timing() {
                items.push(Item::Times(times, &self.rest()[..used]));
                self.at += used;
            } else if next.is_ascii_digit() || (next == '.' && self.digit_follows(1)) {
                items.push(Item::Amount(self.amount()?));
            } else if next.is_alphabetic() {
                self.word(&mut items)?;
            } else {
                self.mark(next, &mut items)?;
            }
        }
        Some(items)
    }

    fn digit_follows(&self, offset: usize) -> bool {
        self.rest().as_bytes().get(offset).is_some_and(u8::is_ascii_digit)
    }

    /// A timing phrase at this place: doses per day, and its length.
    fn timing(&self) -> Option<(usize, usize)> {
        let before = self.text[..self.at].chars().next_back();
        if before.is_some_and(char::is_alphanumeric) {
            return None;
        }
        let rest = self.rest();
        let ends = |phrase: &str| !rest[phrase.len()..].starts_with(char::is_alphanumeric);
        let mut phrases = self.vocabulary.timing_words.iter();
        let (phrase, per_day) = phrases.find(|(phrase, _)| rest.starts_with(&**phrase) && ends(phrase))?;
        Some((whole_times(*per_day)?, phrase.len()))
    }

    /// Punctuation: most of it means nothing, a joint of numbers makes the text unreadable.
    fn mark(&mut self, next: char, items: &mut Vec<Item<'t>>) -> Option<()> {
        match next {
            '&' | '+' => items.push(Item::And),
            '-' | '\u{2013}' | '/' | '~' | '<' | '>' if self.digit_follows(next.len_utf8()) => return None,
            '/' | '%' | '=' => return None,
            _ if next.is_numeric() => return None,
            _ => {}
        }
        self.at += next.len_utf8();
        Some(())
    }

    fn word(&mut self, items: &mut Vec<Item<'t>>) -> Option<()> {
        let word = leading_word(self.rest());
        self.at += word.len();
        if let Some(count) = COUNTS.iter().position(|count| *count == word) {
            items.push(Item::Amount(self.unit_of(Decimal::from(count + 1))?));
        } else if word == "and" {
            items.push(Item::And);
        } else if UNSTEADY.contains(&word) || word.chars().any(|c| c.is_numeric()) {
            return None;
        }
        Some(())
    }

    /// A number with its unit.
    fn amount(&mut self) -> Option<Amount> {
        let number = leading_number(self.rest());
        self.at += number.len();
        let value = decimal_of(number)?;
        let amount = self.unit_of(value)?;
        let joined = self.rest().trim_start().starts_with(['/', '-', '\u{2013}', '%']);
        (!joined && amount.mg > Decimal::ZERO).then_some(amount)
    }

    /// The amount, if a unit follows.
    fn unit_of(&mut self, value: Decimal) -> Option<Amount> {
        let rest = self.rest().trim_start();
        let unit = leading_word(rest);
        let amount = match metric_mg(unit) {
            Some(factor) => Amount {
                mg: value.checked_mul(factor)?,
                counted: false,
            },
            None if self.vocabulary.unit_words.iter().any(|word| **word == *unit) => Amount {
                mg: value.checked_mul(self.strength?)?,
                counted: true,
            },
            None => return None,
        };
        self.at = self.text.len() - rest.len() + unit.len();
        Some(amount)
    }
}

fn leading_word(text: &str) -> &str {
    let end = text.find(|c: char| !c.is_alphanumeric()).unwrap_or(text.len());
    &text[..end]
}

fn leading_number(text: &str) -> &str {
    let end = text
        .find(|c: char| !(c.is_ascii_digit() || c == '.' || c == ','))
        .unwrap_or(text.len());
    text[..end].trim_end_matches(['.', ','])
}

/// A number with decimal point or comma; a thousands separator is not told from a decimal comma.
fn decimal_of(number: &str) -> Option<Decimal> {
    match number.split_once(',') {
        None => decimal(number),
        Some((_, fraction)) if fraction.contains(['.', ',']) => None,
        Some((whole, fraction)) if fraction.len() == 3 && whole != "0" => None,
        Some((whole, fraction)) => decimal(&format!("{whole}.{fraction}")),
    }
}

/// Milligrams in a metric unit of mass, lower case.
pub(crate) fn metric_mg(unit: &str) -> Option<Decimal> {
    match unit {
        "mg" | "milligram" | "milligrams" => Some(Decimal::ONE),
        "g" | "gm" | "gram" | "grams" => Some(Decimal::ONE_THOUSAND),
        "ug" | "mcg" | "\u{b5}g" | "\u{3bc}g" | "microgram" | "micrograms" => Some(Decimal::new(1, 3)),
        _ => None,
    }
}

/// Doses per day as a count; every other day is none.
pub(crate) fn whole_times(per_day: Decimal) -> Option<usize> {
    let times = per_day.is_integer().then(|| per_day.to_usize())??;
    (1..=24).contains(&times).then_some(times)
}

/// An amount with the timing that belongs to it.
struct Part<'t> {
    amount: Amount,
    /// Counts that were joined by "and" stand in one group.
    groups: Vec<usize>,
    first: &'t str,
}

/// Amounts with the timings that follow them. An amount without timing beside another one is a
/// mention: the same dose in other words, or the strength of a unit.
fn parts<'t>(items: &[Item<'t>], strength: Option<Decimal>) -> Option<Vec<Part<'t>>> {
    let mut parts: Vec<Part<'t>> = Vec::new();
    let mut joined = false;
    for item in items {
        match *item {
            Item::And => joined = true,
            Item::Times(times, phrase) => {
                let part = parts.last_mut()?;
                match part.groups.last_mut().filter(|_| joined) {
                    Some(group) => *group += times,
                    None => part.groups.push(times),
                }
                if part.first.is_empty() {
                    part.first = phrase;
                }
                joined = false;
            }
            Item::Amount(amount) => {
                joined = false;
                let open = parts.last_mut().filter(|part| part.groups.is_empty());
                match open {
                    None => parts.push(Part {
                        amount,
                        groups: Vec::new(),
                        first: "",
                    }),
                    Some(part) => part.amount = one_of(part.amount, amount, strength)?,
                }
            }
        }
    }
    if parts.last().is_some_and(|part| part.groups.is_empty()) {
        let mention = parts.pop()?.amount;
        let said = parts.last()?.amount;
        one_of(said, mention, strength).filter(|kept| *kept == said)?;
    }
    Some(parts)
}

/// Which of two amounts is the dose, where the other one only explains it.
fn one_of(a: Amount, b: Amount, strength: Option<Decimal>) -> Option<Amount> {
    let explains = |amount: Amount| !amount.counted && strength == Some(amount.mg);
    match (a, b) {
        _ if a.mg == b.mg => Some(a),
        _ if explains(a) && b.counted => Some(b),
        _ if explains(b) && a.counted => Some(a),
        _ => None,
    }
}

/// The doses of a day. Several parts are one dose each, at different times.
fn day(parts: &[Part<'_>]) -> Option<Vec<Decimal>> {
    let mut doses = Vec::new();
    for part in parts {
        let times = *part.groups.first()?;
        let alone = parts.len() == 1;
        let distinct = parts.iter().filter(|other| other.first == part.first).count() == 1;
        let steady = part.groups.iter().all(|group| *group == times);
        if !steady || times > 24 || !(alone || (times == 1 && distinct)) {
            return None;
        }
        doses.extend(std::iter::repeat_n(part.amount.mg, times));
    }
    (!doses.is_empty() && doses.len() <= 24).then_some(doses)
}

/// Strength in mg that the text of a product names (`1 MG`), if it names exactly one and no concentration.
pub(crate) fn strength_in(text: &str) -> Option<Decimal> {
    let text = normal(text)?;
    let mut found = None;
    let mut at = 0;
    while let Some(start) = text[at..]
        .find(|c: char| c.is_ascii_digit())
        .map(|offset| at + offset)
    {
        let number = leading_number(&text[start..]);
        at = start + number.len();
        let unit = leading_word(text[at..].trim_start());
        let after = text[at..]
            .trim_start()
            .get(unit.len()..)
            .unwrap_or_default()
            .trim_start();
        let inside_word = text[..start].ends_with(|c: char| c.is_alphanumeric());
        let Some(factor) = metric_mg(unit).filter(|_| !inside_word) else {
            continue;
        };
        let strength = decimal_of(number)?.checked_mul(factor)?;
        if after.starts_with('/') || found.is_some_and(|old| old != strength) {
            return None;
        }
        found = Some(strength);
    }
    found.filter(|strength| *strength > Decimal::ZERO)
}

#[cfg(test)]
#[path = "dosage_text_tests.rs"]
mod tests;
