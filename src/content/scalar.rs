//! Numbers, durations and factors as the tables write them.
//!
//! Turns `30 d`, `0.5 g/g`, `8.84 / 1000` and `0 to 100` into exact values; never through floating
//! point, and never with a unit left to guess.

use crate::clinical::vocabulary::Factor;
use rust_decimal::Decimal;
use rust_decimal::prelude::ToPrimitive;
use serde::de::{self, Deserialize, Deserializer, Visitor};
use std::fmt;

/// Days of a duration: `30 d`, `8 wk`, `36 mo` (of 30.44 days), `3 a` (of 365.25 days), rounded up.
pub(super) fn days(text: &str) -> Option<u32> {
    let (count, unit) = text.trim().split_once(' ')?;
    let count: Decimal = count.parse().ok()?;
    let of_one = match unit.trim() {
        "d" => Decimal::ONE,
        "wk" => Decimal::from(7),
        "mo" => Decimal::new(3044, 2),
        "a" => Decimal::new(36525, 2),
        _ => return None,
    };
    count.checked_mul(of_one)?.ceil().to_u32()
}

/// A number and the unit behind it, which may be empty.
pub(super) fn quantity(text: &str) -> Option<(Decimal, &str)> {
    let (number, unit) = text.trim().split_once(' ').unwrap_or((text.trim(), ""));
    Some((number.parse().ok()?, unit.trim()))
}

/// An exact conversion: `A`, `/ B` or `A / B`.
pub(super) fn factor(text: &str) -> Option<Factor> {
    let (multiply, divide): (Decimal, Decimal) = match text.split_once('/') {
        None => (text.trim().parse().ok()?, Decimal::ONE),
        Some((number, by)) if number.trim().is_empty() => (Decimal::ONE, by.trim().parse().ok()?),
        Some((number, by)) => (number.trim().parse().ok()?, by.trim().parse().ok()?),
    };
    let sound = multiply > Decimal::ZERO && divide > Decimal::ZERO;
    sound.then_some(Factor { multiply, divide })
}

/// A range: `0 to 100`, ascending.
pub(super) fn range(text: &str) -> Option<(Decimal, Decimal)> {
    let (low, high) = text.split_once(" to ")?;
    let (low, high): (Decimal, Decimal) = (low.trim().parse().ok()?, high.trim().parse().ok()?);
    (low < high).then_some((low, high))
}

/// A number in canonical units, or `None` where it overflows.
pub(crate) fn convert(number: Decimal, factor: Factor) -> Option<Decimal> {
    number.checked_mul(factor.multiply)?.checked_div(factor.divide)
}

/// A duration in a table.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Days(pub(super) u32);

impl<'de> Deserialize<'de> for Days {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        days(&text)
            .map(Days)
            .ok_or_else(|| de::Error::custom(format!("'{text}' is not a duration (30 d, 8 wk, 36 mo, 3 a)")))
    }
}

/// A number in a table, written as text or plainly.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Number(pub(super) Decimal);

impl<'de> Deserialize<'de> for Number {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Numbers;
        impl Visitor<'_> for Numbers {
            type Value = Number;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a number")
            }

            fn visit_str<E: de::Error>(self, text: &str) -> Result<Number, E> {
                text.trim()
                    .parse()
                    .map(Number)
                    .map_err(|_| E::custom(format!("'{text}' is not a number")))
            }

            fn visit_i64<E: de::Error>(self, number: i64) -> Result<Number, E> {
                Ok(Number(number.into()))
            }

            // A field of a comma-separated row arrives unsigned.
            fn visit_u64<E: de::Error>(self, number: u64) -> Result<Number, E> {
                Ok(Number(number.into()))
            }

            // The shortest text of a float is the text that the author wrote, up to 15 digits.
            fn visit_f64<E: de::Error>(self, number: f64) -> Result<Number, E> {
                self.visit_str(&number.to_string())
            }
        }
        deserializer.deserialize_any(Numbers)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn dec(text: &str) -> Decimal {
        text.parse().unwrap()
    }

    #[test]
    fn durations_are_days() {
        assert_eq!(days("30 d"), Some(30));
        assert_eq!(days("8 wk"), Some(56));
        assert_eq!(days("36 mo"), Some(1096));
        assert_eq!(days("2 a"), Some(731));
        for wrong in ["30", "30d", "d 30", "-1 d", "1 year", "", "99999999999 a"] {
            assert_eq!(days(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn factors_are_exact() {
        let third = factor("8.84 / 1000").unwrap();
        assert_eq!(convert(dec("100"), third), Some(dec("0.884")));
        assert_eq!(factor("/ 1000").unwrap().multiply, Decimal::ONE);
        assert_eq!(factor("2").unwrap().divide, Decimal::ONE);
        for wrong in ["", "/", "1 / 0", "-1", "a"] {
            assert!(factor(wrong).is_none(), "{wrong}");
        }
    }

    #[test]
    fn quantities_and_ranges() {
        assert_eq!(quantity("0.5 g/g"), Some((dec("0.5"), "g/g")));
        assert_eq!(quantity("6"), Some((dec("6"), "")));
        assert_eq!(quantity("six"), None);
        assert_eq!(range("0 to 100"), Some((dec("0"), dec("100"))));
        assert_eq!(range("3 to 1"), None);
    }
}
