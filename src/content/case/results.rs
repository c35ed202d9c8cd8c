//! The results of a case.

use super::Teller;
use crate::clinical::gap::Why;
use crate::clinical::record::{Bound, LabResult, Number, Value};
use crate::clinical::vocabulary::{Analyte, AnalyteId, LevelTiming, Vocabulary};
use crate::content::page::Word;
use crate::content::phrases;
use crate::content::schema::cases::LabRow;
use rust_decimal::Decimal;

impl Teller<'_> {
    /// The result of a row, numbered for its reference.
    pub(super) fn result(&self, n: usize, row: &LabRow) -> Option<LabResult> {
        let analytes = &self.vocabulary().analytes;
        let found = (0u16..)
            .zip(analytes)
            .find(|(_, known)| *known.key == **row.is.get_ref());
        let (index, analyte) = self.told(
            &row.is,
            found.ok_or_else(|| format!("there is no analyte '{}'", row.is.get_ref())),
        )?;
        let value = match &row.value {
            _ if row.unreadable => Value::Unusable(Why::NotReadable),
            None => Value::Unusable(Why::NotReadable),
            Some(word) => self.told(word, value(word.get_ref(), analyte, self.vocabulary()))?,
        };
        Some(LabResult {
            range_unread: false,
            analyte: AnalyteId(index),
            reference: Some(format!("Observation/{n}").into()),
            when: self.date(row.taken.as_ref()),
            preliminary: row.preliminary,
            value,
            range: (
                self.limit(row.lower.as_ref(), row, analyte),
                self.limit(row.upper.as_ref(), row, analyte),
            ),
            assay: row.assay.as_str().into(),
            timing: match row.trough {
                Some(true) => LevelTiming::Trough,
                Some(false) => LevelTiming::NotTrough,
                None => LevelTiming::Unstated,
            },
            hours_after_dose: row.hours_after_dose.map(|hours| hours.0),
            drawn_at: row.drawn_at.as_ref().and_then(|word| self.clock(word)),
        })
    }

    /// A limit of the laboratory, in the unit of the value unless it names its own.
    fn limit(&self, word: Option<&Word>, row: &LabRow, analyte: &Analyte) -> Option<Decimal> {
        let word = word?;
        let text = word.get_ref();
        let unit = row
            .value
            .as_ref()
            .and_then(|value| phrases::bounded(value.get_ref()).1.split_once(' '));
        let whole = match unit {
            Some((_, unit)) if !text.contains(' ') => format!("{text} {unit}"),
            _ => text.clone(),
        };
        self.told(word, phrases::canonical(&whole, &analyte.units))
            .flatten()
    }
}

/// The value of a result.
fn value(text: &str, analyte: &Analyte, vocabulary: &Vocabulary) -> Result<Value, String> {
    if analyte.units.is_empty() {
        let finding = vocabulary.finding_words.get(text.to_lowercase().as_str());
        let finding = finding.ok_or_else(|| format!("'{text}' is not the word for a finding"))?;
        return Ok(Value::Coded(*finding, text.into()));
    }
    let (sign, quantity) = phrases::bounded(text);
    let Some(number) = phrases::canonical(quantity, &analyte.units)? else {
        return Ok(Value::Unusable(Why::UnitUnknown));
    };
    let bound = match sign {
        Some('<') => Bound::Below,
        Some(_) => Bound::Above,
        None => Bound::Exact,
    };
    let converted = quantity
        .split_once(' ')
        .is_some_and(|(_, unit)| unit.trim() != &*analyte.unit);
    Ok(Value::Number(Number {
        bound,
        value: number,
        as_recorded: converted.then(|| text.into()),
    }))
}
