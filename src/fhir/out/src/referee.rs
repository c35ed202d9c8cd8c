//! Tells whether a JSON text is one well-formed FHIR R4 resource of any type, as fhirbolt's strict mode sees it.
//!
//! For our own output and fixtures, in tests only: it is never asked about bytes that a client sent. fhirbolt 0.4
//! panics on an empty array, merges duplicate keys and ignores what follows the document, so the text is walked
//! first; the walk also refuses what FHIR JSON forbids everywhere: `null`, empty strings, empty objects. (FHIR
//! allows `null` inside arrays of primitives that carry extensions; nothing of ours uses that.) It does not check
//! dates, value sets or invariants, because fhirbolt does not.
//! Follows FHIR R4, section 2.6.2 (JSON representation).

use std::collections::HashSet;
use std::fmt;
use std::panic::catch_unwind;

use fhirbolt::model::r4::Resource;
use serde::de::{Deserialize, Deserializer, Error, MapAccess, SeqAccess, Visitor};

/// The key under which serde_json hands over a number when its feature `arbitrary_precision` is on.
const NUMBER_KEY: &str = "$serde_json::private::Number";

/// Reads one resource strictly.
///
/// # Errors
/// What is wrong with the text. The message may quote the text: it is for a test's output, not for a log.
pub fn read_strictly(json: &str) -> Result<(), String> {
    serde_json::from_str::<Filled>(json).map_err(|e| e.to_string())?;
    let read = catch_unwind(|| fhirbolt::json::from_str::<Resource>(json, None).map(drop));
    match read {
        Ok(result) => result.map_err(|e| e.to_string()),
        Err(_) => Err("fhirbolt panicked".to_owned()),
    }
}

/// A JSON value in which nothing is empty and no key is written twice.
struct Filled;

impl<'de> Deserialize<'de> for Filled {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(Walk)
    }
}

struct Walk;

impl<'de> Visitor<'de> for Walk {
    type Value = Filled;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a value that is neither null nor empty")
    }

    fn visit_bool<E: Error>(self, _: bool) -> Result<Filled, E> {
        Ok(Filled)
    }

    fn visit_i64<E: Error>(self, _: i64) -> Result<Filled, E> {
        Ok(Filled)
    }

    fn visit_u64<E: Error>(self, _: u64) -> Result<Filled, E> {
        Ok(Filled)
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<Filled, E> {
        if text.is_empty() {
            return Err(E::custom("empty string"));
        }
        Ok(Filled)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Filled, A::Error> {
        let mut empty = true;
        while items.next_element::<Filled>()?.is_some() {
            empty = false;
        }
        if empty {
            return Err(A::Error::custom("empty array"));
        }
        Ok(Filled)
    }

    fn visit_map<A: MapAccess<'de>>(self, mut entries: A) -> Result<Filled, A::Error> {
        let mut seen = HashSet::new();
        while let Some(key) = entries.next_key::<String>()? {
            entries.next_value::<Filled>()?;
            if key == NUMBER_KEY {
                return Ok(Filled);
            }
            if let Some(key) = seen.replace(key) {
                return Err(A::Error::custom(format_args!("key {key} written twice")));
            }
        }
        if seen.is_empty() {
            return Err(A::Error::custom("empty object"));
        }
        Ok(Filled)
    }
}
