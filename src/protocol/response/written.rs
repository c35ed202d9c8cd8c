//! The answer as JSON.
//!
//! Turns an answer into the bytes that are sent, in one pass: serde writes what has a shape, resources are JSON already
//! and are copied, a decimal becomes a number with the same digits. It rounds nothing and leaves nothing out.

use super::{ActionOut, CardOut, HookAnswer, SuggestionOut};
use rust_decimal::Decimal;
use serde::{Serialize, Serializer, ser::Error};
use serde_json::value::RawValue;
use std::fmt::Display;

/// Room for the cards of most answers, so that they are not copied while they are written.
const USUAL_ANSWER: usize = 32 * 1024;

impl HookAnswer<'_> {
    /// The body of the answer.
    ///
    /// # Errors
    /// If it cannot be written as JSON.
    pub fn to_json(&self) -> serde_json::Result<Vec<u8>> {
        let mut body = Vec::with_capacity(if self.cards.is_empty() { 16 } else { USUAL_ANSWER });
        body.extend_from_slice(b"{\"cards\":");
        list(&mut body, &self.cards, CardOut::write)?;
        body.push(b'}');
        Ok(body)
    }
}

impl CardOut<'_> {
    fn write(&self, out: &mut Vec<u8>) -> serde_json::Result<()> {
        serde_json::to_writer(&mut *out, self)?;
        if self.suggestions.is_empty() {
            return Ok(());
        }
        reopen(out, "suggestions");
        list(out, &self.suggestions, SuggestionOut::write)?;
        out.push(b'}');
        Ok(())
    }
}

impl SuggestionOut<'_> {
    fn write(&self, out: &mut Vec<u8>) -> serde_json::Result<()> {
        serde_json::to_writer(&mut *out, self)?;
        reopen(out, "actions");
        list(out, std::slice::from_ref(&self.action), ActionOut::write)?;
        out.push(b'}');
        Ok(())
    }
}

impl ActionOut<'_> {
    fn write(&self, out: &mut Vec<u8>) -> serde_json::Result<()> {
        serde_json::to_writer(&mut *out, self)?;
        reopen(out, "resource");
        out.extend_from_slice(self.resource.as_bytes());
        out.push(b'}');
        Ok(())
    }
}

/// Writes a JSON list.
fn list<T>(
    out: &mut Vec<u8>,
    items: &[T],
    write: impl Fn(&T, &mut Vec<u8>) -> serde_json::Result<()>,
) -> serde_json::Result<()> {
    out.push(b'[');
    for (place, item) in items.iter().enumerate() {
        if place > 0 {
            out.push(b',');
        }
        write(item, out)?;
    }
    out.push(b']');
    Ok(())
}

/// Takes the end of the object that was written last back, which has members, and begins one more.
fn reopen(out: &mut Vec<u8>, member: &str) {
    out.pop();
    for piece in [",\"", member, "\":"] {
        out.extend_from_slice(piece.as_bytes());
    }
}

/// Powers of ten that a decimal of few digits is divided by.
const TENS: [f64; 6] = [1.0, 10.0, 100.0, 1_000.0, 10_000.0, 100_000.0];

/// Numbers below it have at most fifteen digits, which a binary fraction gives back as they were.
const FIFTEEN_DIGITS: i128 = 1_000_000_000_000_000;

/// A decimal as a JSON number with the same digits, but for zeros at its end.
pub(super) struct Exact(pub(super) Decimal);

impl Serialize for Exact {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let value = self.0.normalize();
        let digits = value.mantissa();
        match (TENS.get(value.scale() as usize), i64::try_from(digits)) {
            (Some(_), Ok(whole)) if value.scale() == 0 => serializer.serialize_i64(whole),
            // Both are exact, so that the quotient is the number nearest to the decimal.
            (Some(ten), Ok(_)) if digits.abs() < FIFTEEN_DIGITS => {
                serializer.serialize_f64(digits as f64 / ten)
            }
            _ => RawValue::from_string(value.to_string())
                .map_err(S::Error::custom)?
                .serialize(serializer),
        }
    }
}

/// What is written as text, as it shows itself.
#[derive(Clone, Copy)]
pub(super) struct Shown<T>(pub(super) T);

impl<T: Display> Serialize for Shown<T> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn written(number: Decimal) -> String {
        serde_json::to_string(&Exact(number)).unwrap()
    }

    #[test]
    fn a_decimal_keeps_its_digits_and_loses_zeros_at_its_end() {
        for (decimal, json) in [
            ("1.50", "1.5"),
            ("0.0", "0"),
            ("-0.1", "-0.1"),
            ("12", "12"),
            ("0.00001", "0.00001"),
            ("0.000001", "0.000001"),
            ("99999999999999.9", "99999999999999.9"),
            ("9999999999999999.99999", "9999999999999999.99999"),
            ("79228162514264337593543950335", "79228162514264337593543950335"),
        ] {
            assert_eq!(written(decimal.parse().unwrap()), json);
        }
    }

    proptest! {
        #[test]
        fn a_decimal_is_written_as_it_shows_itself(digits: i64, scale in 0_u32..12) {
            let number = Decimal::new(digits, scale).normalize();
            prop_assert_eq!(written(number), number.to_string());
        }
    }
}
