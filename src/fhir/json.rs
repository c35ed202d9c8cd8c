//! Reading JSON that was written by others: every wrong type becomes "not there", never an error.
//!
//! Turns text into leaves ([`Text`], [`Number`], [`Flag`], [`List`]), into lenses (structs of the few
//! fields that are read, declared with `lens!`) and into [`Object`], whose fields stay raw until they are
//! asked for. Only JSON that is not JSON fails. It borrows from the bytes and builds no generic tree.
//! Follows FHIR R4 section 2.6.2 (JSON); beyond it, an object counts as a list of one and the reverse.

use rust_decimal::Decimal;
use serde::de::value::{BorrowedStrDeserializer, MapAccessDeserializer, StrDeserializer};
use serde::de::{Deserialize, Deserializer, Error, IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde_json::value::RawValue;
use std::borrow::Cow;
use std::marker::PhantomData;

/// With `arbitrary_precision`, which other crates switch on, serde_json shows a number as an object with
/// one key of this beginning.
pub(crate) const PRIVATE: &str = "$serde_json::private::";

/// A string; `None` if it is missing, empty or of another type.
#[derive(Clone, Default)]
pub(crate) struct Text<'a>(pub(crate) Option<Cow<'a, str>>);

impl Text<'_> {
    /// The text, trimmed.
    pub(crate) fn get(&self) -> Option<&str> {
        self.0.as_deref().map(str::trim).filter(|text| !text.is_empty())
    }

    /// The text, trimmed; empty if there is none.
    pub(crate) fn or_empty(&self) -> &str {
        self.get().unwrap_or_default()
    }

    /// Whether it is this text.
    pub(crate) fn is(&self, other: &str) -> bool {
        self.get() == Some(other)
    }
}

/// A lens: it takes the fields that it knows and skips the rest.
pub(crate) trait Lens<'a>: Default {
    /// Takes or skips the value of a field.
    fn field<M: MapAccess<'a>>(&mut self, key: &str, map: &mut M) -> Result<(), M::Error>;

    /// What a plain string in its place means.
    fn plain(_text: Cow<'a, str>) -> Self {
        Self::default()
    }
}

/// Declares lenses: `struct Name { field: Kind = "jsonKey", }`, all with the lifetime `'a` of the bytes.
macro_rules! lens {
    ($($(#[$meta:meta])* struct $name:ident { $($(#[$note:meta])* $field:ident: $kind:ty = $key:literal,)* } $(else $plain:path;)?)+) => {$(
        $(#[$meta])*
        #[derive(Default)]
        pub(crate) struct $name<'a> {
            $($(#[$note])* pub(crate) $field: $kind,)*
        }

        impl<'a> $crate::fhir::json::Lens<'a> for $name<'a> {
            fn field<M: serde::de::MapAccess<'a>>(&mut self, key: &str, map: &mut M) -> Result<(), M::Error> {
                match key {
                    $($key => self.$field = map.next_value()?,)*
                    _ => {
                        map.next_value::<serde::de::IgnoredAny>()?;
                    }
                }
                Ok(())
            }
            $(fn plain(text: std::borrow::Cow<'a, str>) -> Self {
                $plain(text)
            })?
        }

        impl<'a> serde::Deserialize<'a> for $name<'a> {
            fn deserialize<D: serde::Deserializer<'a>>(from: D) -> Result<Self, D::Error> {
                from.deserialize_any($crate::fhir::json::Tolerant::<Self>::default())
            }
        }
    )+};
}
pub(crate) use lens;

/// Visitor that never refuses a type.
pub(crate) struct Tolerant<T>(PhantomData<T>);

impl<T> Default for Tolerant<T> {
    fn default() -> Self {
        Tolerant(PhantomData)
    }
}

/// The visits that mean "of another type", and the one that means `null`.
macro_rules! other_types {
    ($default:expr; $($rest:tt)*) => {
        $crate::fhir::json::other_types!(null => $default, else => $default; $($rest)*);
    };
    (null => $null:expr, else => $default:expr; $($visit:ident $kind:ty),*) => {
        fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
            f.write_str("any JSON")
        }
        $(fn $visit<E: serde::de::Error>(self, _: $kind) -> Result<Self::Value, E> {
            Ok($default)
        })*
        fn visit_unit<E: serde::de::Error>(self) -> Result<Self::Value, E> {
            Ok($null)
        }
    };
}
pub(crate) use other_types;

/// Skips what is left of a list.
pub(crate) fn drain<'a, S: SeqAccess<'a>>(seq: &mut S) -> Result<(), S::Error> {
    while seq.next_element::<IgnoredAny>()?.is_some() {}
    Ok(())
}

/// Skips what is left of an object.
fn drain_map<'a, M: MapAccess<'a>>(map: &mut M) -> Result<(), M::Error> {
    while map.next_entry::<IgnoredAny, IgnoredAny>()?.is_some() {}
    Ok(())
}

impl<'a, T: Lens<'a> + Deserialize<'a>> Visitor<'a> for Tolerant<T> {
    type Value = T;
    other_types!(T::default(); visit_bool bool, visit_i64 i64, visit_u64 u64, visit_f64 f64);

    fn visit_str<E: Error>(self, text: &str) -> Result<T, E> {
        Ok(T::plain(Cow::Owned(text.to_owned())))
    }

    fn visit_borrowed_str<E: Error>(self, text: &'a str) -> Result<T, E> {
        Ok(T::plain(Cow::Borrowed(text)))
    }

    fn visit_seq<S: SeqAccess<'a>>(self, mut seq: S) -> Result<T, S::Error> {
        let first = seq.next_element()?.unwrap_or_default();
        drain(&mut seq)?;
        Ok(first)
    }

    fn visit_map<M: MapAccess<'a>>(self, mut map: M) -> Result<T, M::Error> {
        let mut lens = T::default();
        while let Some(key) = map.next_key::<Text<'a>>()? {
            lens.field(key.0.as_deref().unwrap_or_default(), &mut map)?;
        }
        Ok(lens)
    }
}

struct TextVisitor;

impl<'a> Visitor<'a> for TextVisitor {
    type Value = Text<'a>;
    other_types!(Text(None); visit_bool bool, visit_i64 i64, visit_u64 u64, visit_f64 f64);

    fn visit_str<E: Error>(self, text: &str) -> Result<Text<'a>, E> {
        Ok(Text(Some(Cow::Owned(text.to_owned()))))
    }

    fn visit_borrowed_str<E: Error>(self, text: &'a str) -> Result<Text<'a>, E> {
        Ok(Text(Some(Cow::Borrowed(text))))
    }

    fn visit_seq<S: SeqAccess<'a>>(self, mut seq: S) -> Result<Text<'a>, S::Error> {
        drain(&mut seq)?;
        Ok(Text(None))
    }

    fn visit_map<M: MapAccess<'a>>(self, mut map: M) -> Result<Text<'a>, M::Error> {
        drain_map(&mut map)?;
        Ok(Text(None))
    }
}

impl<'a> Deserialize<'a> for Text<'a> {
    fn deserialize<D: Deserializer<'a>>(from: D) -> Result<Self, D::Error> {
        from.deserialize_any(TextVisitor)
    }
}

/// A list; one element without brackets is a list of one, another type an empty list.
pub(crate) struct List<T>(pub(crate) Vec<T>);

impl<T> Default for List<T> {
    fn default() -> Self {
        List(Vec::new())
    }
}

struct ListVisitor<T>(PhantomData<T>);

impl<'a, T: Deserialize<'a>> Visitor<'a> for ListVisitor<T> {
    type Value = List<T>;
    other_types!(List::default(); visit_bool bool, visit_i64 i64, visit_u64 u64, visit_f64 f64);

    fn visit_str<E: Error>(self, text: &str) -> Result<List<T>, E> {
        Ok(List(vec![T::deserialize(StrDeserializer::new(text))?]))
    }

    fn visit_borrowed_str<E: Error>(self, text: &'a str) -> Result<List<T>, E> {
        Ok(List(vec![T::deserialize(BorrowedStrDeserializer::new(text))?]))
    }

    fn visit_seq<S: SeqAccess<'a>>(self, mut seq: S) -> Result<List<T>, S::Error> {
        let mut list = Vec::new();
        while let Some(element) = seq.next_element()? {
            list.push(element);
        }
        Ok(List(list))
    }

    fn visit_map<M: MapAccess<'a>>(self, map: M) -> Result<List<T>, M::Error> {
        Ok(List(vec![T::deserialize(MapAccessDeserializer::new(map))?]))
    }
}

impl<'a, T: Deserialize<'a>> Deserialize<'a> for List<T> {
    fn deserialize<D: Deserializer<'a>>(from: D) -> Result<Self, D::Error> {
        from.deserialize_any(ListVisitor(PhantomData))
    }
}

/// A value that is kept as it came; `null` counts as not there.
#[derive(Clone, Copy, Default)]
pub(crate) struct Raw<'a>(pub(crate) Option<&'a RawValue>);

impl<'a> Deserialize<'a> for Raw<'a> {
    fn deserialize<D: Deserializer<'a>>(from: D) -> Result<Self, D::Error> {
        Ok(Raw(
            Some(<&RawValue>::deserialize(from)?).filter(|raw| raw.get() != "null")
        ))
    }
}

impl<'a> Raw<'a> {
    /// Reads it; the default if there is nothing to read.
    pub(crate) fn read<T: Deserialize<'a> + Default>(self) -> T {
        self.0.map_or_else(T::default, read)
    }
}

/// Reads a raw value; the default if it cannot be read.
pub(crate) fn read<'a, T: Deserialize<'a> + Default>(raw: &'a RawValue) -> T {
    serde_json::from_str(raw.get()).unwrap_or_default()
}

/// The string that a raw value is, without a copy where it holds no escapes.
pub(crate) fn string(raw: &RawValue) -> Option<Cow<'_, str>> {
    let inner = raw.get().strip_prefix('"')?.strip_suffix('"')?;
    if inner.contains('\\') {
        return serde_json::from_str::<String>(raw.get()).ok().map(Cow::Owned);
    }
    Some(Cow::Borrowed(inner))
}

/// A number, given as a JSON number or as text: kept as it is written.
#[derive(Clone, Default)]
pub(crate) struct Number<'a>(pub(crate) Option<Cow<'a, str>>);

impl<'a> Deserialize<'a> for Number<'a> {
    fn deserialize<D: Deserializer<'a>>(from: D) -> Result<Self, D::Error> {
        let raw = <&RawValue>::deserialize(from)?;
        let written = match raw.get().as_bytes().first() {
            Some(b'-' | b'0'..=b'9') => Some(Cow::Borrowed(raw.get())),
            Some(b'"') => string(raw),
            _ => None,
        };
        Ok(Number(written))
    }
}

impl Number<'_> {
    /// The number as it is written, trimmed.
    pub(crate) fn written(&self) -> Option<&str> {
        self.0.as_deref().map(str::trim).filter(|text| !text.is_empty())
    }

    /// Its exact value.
    pub(crate) fn value(&self) -> Option<Decimal> {
        decimal(self.written()?)
    }
}

/// Exact value of a written number; scientific notation as JSON allows it.
pub(crate) fn decimal(written: &str) -> Option<Decimal> {
    if written.len() > 40 {
        return None;
    }
    match written.contains(['e', 'E']) {
        true => Decimal::from_scientific(written).ok(),
        false => Decimal::from_str_exact(written).ok(),
    }
}

/// A boolean, also as text.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Flag(pub(crate) Option<bool>);

impl<'a> Deserialize<'a> for Flag {
    fn deserialize<D: Deserializer<'a>>(from: D) -> Result<Self, D::Error> {
        let raw = <&RawValue>::deserialize(from)?;
        Ok(Flag(match raw.get().trim_matches('"') {
            "true" => Some(true),
            "false" => Some(false),
            _ => None,
        }))
    }
}

/// An object whose fields stay raw until they are asked for.
#[derive(Default)]
pub(crate) struct Object<'a> {
    fields: Vec<(Cow<'a, str>, &'a RawValue)>,
}

impl<'a> Object<'a> {
    /// An object with room for the fields of a common resource.
    pub(crate) fn roomy() -> Self {
        Object {
            fields: Vec::with_capacity(24),
        }
    }

    /// Takes the value of a field from a map that is being read.
    pub(crate) fn take<M: MapAccess<'a>>(&mut self, key: Text<'a>, map: &mut M) -> Result<(), M::Error> {
        let key = key.0.unwrap_or_default();
        if key.starts_with(PRIVATE) {
            return map.next_value::<IgnoredAny>().map(drop);
        }
        self.fields.push((key, map.next_value()?));
        Ok(())
    }

    /// Its fields in the order sent, without those that are `null`.
    pub(crate) fn fields(&self) -> impl Iterator<Item = (&str, &'a RawValue)> {
        self.fields
            .iter()
            .filter(|(_, raw)| raw.get() != "null")
            .map(|(key, raw)| (&**key, *raw))
    }

    /// The raw value of a field; `null` counts as missing.
    pub(crate) fn raw(&self, name: &str) -> Option<&'a RawValue> {
        let (_, raw) = self.fields.iter().find(|(key, _)| key == name)?;
        (raw.get() != "null").then_some(*raw)
    }

    /// Whether the field is there.
    pub(crate) fn has(&self, name: &str) -> bool {
        self.raw(name).is_some()
    }

    /// A field, read through a lens; the default if it is missing or unreadable.
    pub(crate) fn get<T: Deserialize<'a> + Default>(&self, name: &str) -> T {
        self.raw(name).map_or_else(T::default, read)
    }

    /// A string field.
    pub(crate) fn text(&self, name: &str) -> Option<Cow<'a, str>> {
        self.raw(name)
            .and_then(string)
            .filter(|text| !text.trim().is_empty())
    }

    /// `resourceType`.
    pub(crate) fn kind(&self) -> Option<Cow<'a, str>> {
        self.text("resourceType")
    }

    /// `id`.
    pub(crate) fn id(&self) -> Option<Cow<'a, str>> {
        self.text("id")
    }

    /// `Type/id`, where there is an id.
    pub(crate) fn reference(&self, kind: &str) -> Option<Box<str>> {
        self.id().map(|id| format!("{kind}/{id}").into())
    }
}

struct ObjectVisitor;

impl<'a> Visitor<'a> for ObjectVisitor {
    type Value = Object<'a>;
    other_types!(Object::default(); visit_bool bool, visit_i64 i64, visit_u64 u64, visit_f64 f64, visit_str &str);

    fn visit_seq<S: SeqAccess<'a>>(self, mut seq: S) -> Result<Object<'a>, S::Error> {
        drain(&mut seq)?;
        Ok(Object::default())
    }

    fn visit_map<M: MapAccess<'a>>(self, mut map: M) -> Result<Object<'a>, M::Error> {
        let mut object = Object::roomy();
        while let Some(key) = map.next_key::<Text<'a>>()? {
            object.take(key, &mut map)?;
        }
        Ok(object)
    }
}

impl<'a> Deserialize<'a> for Object<'a> {
    fn deserialize<D: Deserializer<'a>>(from: D) -> Result<Self, D::Error> {
        from.deserialize_any(ObjectVisitor)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    lens! {
        struct Probe {
            name: Text<'a> = "name",
            size: Number<'a> = "size",
            on: Flag = "on",
            parts: List<Text<'a>> = "parts",
        }
    }

    fn probe(json: &str) -> Probe<'_> {
        serde_json::from_str(json).unwrap()
    }

    #[test]
    fn wrong_types_are_missing_values_and_neighbours_survive() {
        let read = probe(r#"{"size":{"a":[1,2.5]},"name":7.5,"on":"true","parts":"one","x":[{}]}"#);
        assert_eq!(read.size.value(), None);
        assert_eq!(read.name.get(), None);
        assert_eq!(read.on, Flag(Some(true)));
        assert_eq!(read.parts.0.len(), 1);
        assert!(probe("5.5").name.get().is_none());
        assert!(probe(r#"[{"name":"first"},{"name":"second"}]"#).name.is("first"));
    }

    #[test]
    fn numbers_stay_exact_whatever_their_form() {
        let value = |json: &str| probe(&format!("{{\"size\":{json}}}")).size.value();
        assert_eq!(value("1.10").unwrap().to_string(), "1.10");
        assert_eq!(value("\"2.5\"").unwrap(), Decimal::new(25, 1));
        assert_eq!(value("1.0e2").unwrap(), Decimal::from(100));
        assert_eq!(value("\"abc\""), None);
        assert_eq!(value("1e999"), None);
        assert_eq!(value("null"), None);
    }

    #[test]
    fn an_object_keeps_its_fields_raw() {
        let object: Object<'_> =
            serde_json::from_str(r#"{"resourceType":"X","id":"a\u0062","n":null,"d":1.5}"#).unwrap();
        assert_eq!(object.reference("X").as_deref(), Some("X/ab"));
        assert!(!object.has("n"));
        assert_eq!(object.raw("d").unwrap().get(), "1.5");
        let number: Object<'_> = serde_json::from_str("1.5").unwrap();
        assert!(number.kind().is_none() && number.fields.is_empty());
    }
}
