//! The value of a result, in the unit in which the tables compare.
//!
//! Turns `value[x]` into a number in the analyte's canonical unit, a coded finding, or the reason why it
//! cannot be used. A number without a unit is not compared, a unit that the analyte does not list is not
//! guessed, and a number that no living patient has is not read. Conversions are exact.
//! Follows FHIR R4 Quantity and `Observation.value[x]`.

use super::elements::{Concept, Quantity};
use super::json::{Few, Flag, List, Read, decimal, trimmed};
use super::measurement::Measurement;
use super::terms::Terms;
use crate::clinical::gap::Why;
use crate::clinical::record::{Bound, Number, Value};
use crate::clinical::vocabulary::{Analyte, Factor, Finding};
use rust_decimal::Decimal;

/// Address of UCUM.
const UCUM: &str = "unitsofmeasure.org";

/// The value of an Observation or of one of its components. `None` if it has none at all.
pub(crate) fn value(of: &Measurement<'_>, analyte: &Analyte, terms: Terms<'_>) -> Option<Value> {
    if of.absent.0.is_some() {
        return Some(Value::Unusable(Why::NotReadable));
    }
    let found = match analyte.unit.is_empty() {
        true => coded(of, terms).or_else(|| interpreted(of, terms)),
        false => number(of, analyte).or_else(|| coded(of, terms)),
    };
    found.or_else(|| of.has_value().then_some(Value::Unusable(Why::NotReadable)))
}

/// A coded result: by code, by its whole text, or as a boolean.
fn coded(of: &Measurement<'_>, terms: Terms<'_>) -> Option<Value> {
    let concept: Concept<'_> = of.concept.read();
    if let Some(finding) = terms.finding(&concept) {
        return Some(Value::Coded(finding, concept.label().into()));
    }
    let text = of.string.get();
    if let Some((finding, text)) = text.and_then(|text| Some((terms.finding_word(text)?, text))) {
        return Some(Value::Coded(finding, text.into()));
    }
    let Flag(Some(yes)) = of.boolean.read() else {
        return None;
    };
    let (finding, text) = if yes {
        (Finding::Positive, "positive")
    } else {
        (Finding::Negative, "negative")
    };
    Some(Value::Coded(finding, text.into()))
}

/// The laboratory's own reading of a result that is a number or a text.
fn interpreted(of: &Measurement<'_>, terms: Terms<'_>) -> Option<Value> {
    let interpretations: List<Concept<'_>> = of.interpretation.read();
    interpretations.0.iter().find_map(|interpretation| {
        let finding = terms.finding(interpretation)?;
        Some(Value::Coded(finding, interpretation.label().into()))
    })
}

/// A number: a quantity, or a text that is one. `None` if it is neither.
fn number(of: &Measurement<'_>, analyte: &Analyte) -> Option<Value> {
    if let Some(sent) = of.quantity.0 {
        return Some(quantity(&Quantity::read(sent), analyte));
    }
    if of.integer.0.is_some() {
        return Some(Value::Unusable(Why::UnitUnknown));
    }
    let (bound, number, unit) = measured(of.string.get()?)?;
    Some(canonical(bound, number, &[unit], unit, analyte))
}

fn quantity(quantity: &Quantity<'_>, analyte: &Analyte) -> Value {
    let unreadable = Value::Unusable(Why::NotReadable);
    let Some((inline, number, rest)) = quantity.value.written().and_then(measured) else {
        return unreadable;
    };
    let bound = match quantity.comparator.get() {
        None => inline,
        Some("<" | "<=") => Bound::Below,
        Some(">" | ">=") => Bound::Above,
        Some(_) => return unreadable,
    };
    if !rest.is_empty() {
        return canonical(bound, number, &[rest], rest, analyte);
    }
    let written = quantity.unit.get().unwrap_or(quantity.code.or_empty());
    canonical(bound, number, &units(quantity), written, analyte)
}

/// The spellings of a quantity's unit, the coded one first where it is UCUM.
fn units<'q>(quantity: &'q Quantity<'_>) -> [&'q str; 2] {
    let (code, unit) = (quantity.code.or_empty(), quantity.unit.or_empty());
    let coded = quantity
        .system
        .get()
        .is_some_and(|system| system.ends_with(UCUM) || system.contains("113883.6.8"));
    if coded { [code, unit] } else { [unit, code] }
}

/// `<0.2 mg/dL` as bound, number and what follows.
fn measured(text: &str) -> Option<(Bound, Decimal, &str)> {
    let text = trimmed(text);
    let (bound, rest) = match text.as_bytes().first()? {
        b'<' => (Bound::Below, text[1..].trim_start_matches('=')),
        b'>' => (Bound::Above, text[1..].trim_start_matches('=')),
        _ => (Bound::Exact, text),
    };
    let rest = rest.trim_start();
    let exponent = |at: usize| {
        rest[..at].ends_with(['e', 'E']) && rest.as_bytes().first().is_some_and(u8::is_ascii_digit)
    };
    let belongs = |at: usize, c: char| match c {
        '0'..='9' | '.' => true,
        'e' | 'E' => rest[at + 1..].starts_with(|c: char| c.is_ascii_digit() || c == '-' || c == '+'),
        '-' | '+' => at == 0 || exponent(at),
        _ => false,
    };
    let end = rest
        .char_indices()
        .find(|(at, c)| !belongs(*at, *c))
        .map_or(rest.len(), |(at, _)| at);
    Some((bound, decimal(&rest[..end])?, trimmed(&rest[end..])))
}

/// Converts a number from the first of the units that the analyte knows; people read the written one.
fn canonical(bound: Bound, number: Decimal, units: &[&str], written: &str, analyte: &Analyte) -> Value {
    let Some(factor) = units.iter().find_map(|unit| factor(unit, analyte)) else {
        return Value::Unusable(Why::UnitUnknown);
    };
    let Some(value) = convert(number, factor).filter(|value| is_plausible(*value, analyte)) else {
        return Value::Unusable(Why::NotReadable);
    };
    let same = factor.multiply == factor.divide;
    let as_recorded = (!same).then(|| format!("{number} {written}").into());
    Value::Number(Number {
        bound,
        value,
        as_recorded,
    })
}

/// The way from a unit to the canonical one; both micro signs are one.
fn factor(unit: &str, analyte: &Analyte) -> Option<Factor> {
    if unit.is_empty() {
        return None;
    }
    let swapped = || match unit.contains(['\u{b5}', '\u{3bc}']) {
        true => ["\u{b5}", "\u{3bc}"].iter().find_map(|micro| {
            analyte
                .units
                .get(unit.replace(['\u{b5}', '\u{3bc}'], micro).as_str())
        }),
        false => None,
    };
    analyte.units.get(unit).or_else(swapped).copied()
}

fn convert(number: Decimal, factor: Factor) -> Option<Decimal> {
    if factor.multiply == factor.divide {
        return Some(number);
    }
    number.checked_mul(factor.multiply)?.checked_div(factor.divide)
}

fn is_plausible(value: Decimal, analyte: &Analyte) -> bool {
    analyte
        .plausible
        .is_none_or(|(low, high)| low <= value && value <= high)
}

super::json::lens! {
    /// `Observation.referenceRange`.
    struct ReferenceRange {
        low: Quantity<'a> = "low",
        high: Quantity<'a> = "high",
    }
}

/// A lower and an upper limit.
type Limits = (Option<Decimal>, Option<Decimal>);

/// The laboratory's own limits in the canonical unit, where it gives one pair of them, and whether there are some that
/// cannot be read. A limit without a unit has the unit of the value.
pub(crate) fn range(of: &Measurement<'_>, analyte: &Analyte) -> (Limits, bool) {
    if !analyte.limits || analyte.unit.is_empty() || of.reference_range.0.is_none() {
        return Default::default();
    }
    let ranges: Few<ReferenceRange<'_>> = of.reference_range.read();
    let measured = || -> Quantity<'_> { of.quantity.read() };
    let limit = |limit: &Quantity<'_>| {
        let number = limit.value.value()?;
        let own = units(limit);
        let factor = match own == ["", ""] {
            true => units(&measured()).iter().find_map(|unit| factor(unit, analyte)),
            false => own.iter().find_map(|unit| factor(unit, analyte)),
        };
        convert(number, factor?)
    };
    let (mut pair, mut several, mut unread) = (None, false, false);
    for range in &ranges.0 {
        let read = (limit(&range.low), limit(&range.high));
        let lost = |sent: &Quantity<'_>, read: Option<Decimal>| sent.value.0.is_some() && read.is_none();
        unread |= lost(&range.low, read.0) || lost(&range.high, read.1);
        if read != (None, None) {
            several |= *pair.get_or_insert(read) != read;
        }
    }
    (pair.filter(|_| !several).unwrap_or_default(), unread)
}
