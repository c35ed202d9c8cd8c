//! One series in one unit: the canonical one, or the one in which most of its values were recorded.
//!
//! Turns the way from a recorded unit to the canonical one around, exactly, for values, limits and thresholds
//! alike, so that nothing in a panel stands in another unit than the rest.

use crate::clinical::record::{LabResult, Number, Value};
use crate::clinical::vocabulary::{Analyte, Factor};
use rust_decimal::Decimal;
use std::collections::BTreeMap;

/// A unit, and how canonical numbers become numbers of it.
pub(super) struct Shown<'a> {
    /// As it is printed.
    pub(super) unit: &'a str,
    way: Option<Factor>,
}

impl Shown<'_> {
    /// A canonical number in this unit.
    pub(super) fn of(&self, canonical: Decimal) -> Decimal {
        let back = |way: Factor| canonical.checked_mul(way.divide)?.checked_div(way.multiply);
        self.way.and_then(back).unwrap_or(canonical)
    }
}

/// The unit of a series.
pub(super) fn shown<'a>(analyte: &'a Analyte, results: &[&'a LabResult], recorded: bool) -> Shown<'a> {
    let canonical = Shown {
        unit: &analyte.unit,
        way: None,
    };
    if !recorded {
        return canonical;
    }
    let mut counts: BTreeMap<&str, usize> = BTreeMap::new();
    for result in results {
        if let Value::Number(number) = &result.value {
            *counts
                .entry(unit_of(number).unwrap_or(&analyte.unit))
                .or_default() += 1;
        }
    }
    let usual = counts
        .into_iter()
        .max_by_key(|(_, count)| *count)
        .map(|(unit, _)| unit);
    match usual.and_then(|unit| Some((unit, *analyte.units.get(unit)?))) {
        Some((unit, way)) if !way.multiply.is_zero() => Shown { unit, way: Some(way) },
        _ => canonical,
    }
}

/// The unit in which a number was recorded, where it was converted.
fn unit_of(number: &Number) -> Option<&str> {
    number
        .as_recorded
        .as_deref()?
        .split_once(' ')
        .map(|(_, unit)| unit)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_canonical_number_is_turned_back_exactly() {
        let way = Factor {
            multiply: Decimal::ONE,
            divide: "88.4".parse().unwrap(),
        };
        let analyte = Analyte {
            key: "x".into(),
            need: "x".into(),
            name: "x".into(),
            unit: "mg/dL".into(),
            units: [("umol/L".into(), way)].into_iter().collect(),
            plausible: None,
            screen: false,
            timed: false,
            doses: false,
            limits: false,
            order: None,
            twin: None,
        };
        let number = Number {
            bound: crate::clinical::record::Bound::Exact,
            value: Decimal::ONE,
            as_recorded: Some("88.4 umol/L".into()),
        };
        let result = LabResult {
            range_unread: false,
            analyte: crate::clinical::vocabulary::AnalyteId(0),
            reference: None,
            when: None,
            preliminary: false,
            value: Value::Number(number),
            range: (None, None),
            assay: "".into(),
            timing: crate::clinical::vocabulary::LevelTiming::Unstated,
            hours_after_dose: None,
            drawn_at: None,
        };
        let unit = shown(&analyte, &[&result], true);
        assert_eq!(
            (unit.unit, unit.of(Decimal::ONE)),
            ("umol/L", "88.4".parse().unwrap())
        );
        let unit = shown(&analyte, &[&result], false);
        assert_eq!((unit.unit, unit.of(Decimal::ONE)), ("mg/dL", Decimal::ONE));
    }
}
