//! Reading JSON that was written by others: every wrong type becomes "not there", never an error.
//!
//! Turns a [`Document`] into leaves (`Text`, `Number`, `Flag`, `List`), into lenses (structs of the few
//! fields that are read, declared with `lens!`) and into `Object`, whose fields are looked at when they are
//! asked for. It borrows from the text; nothing is read twice. Follows FHIR R4 section 2.6.2 (JSON); beyond it,
//! an object counts as a list of one and the reverse.

mod document;
mod marks;
mod scan;

pub use document::{Document, Items, Key, Members, Node};
pub use scan::NotJson;

use rust_decimal::Decimal;
use smallvec::{SmallVec, smallvec};
use std::borrow::Cow;

/// What can be read from any value; its default is what a value of another type means.
pub(crate) trait Read<'a>: Default {
    /// Reads a value.
    fn read(node: Node<'a>) -> Self;
}

/// A string; `None` if it is missing, empty text if it is of another type.
#[derive(Clone, Default)]
pub(crate) struct Text<'a>(pub(crate) Option<Cow<'a, str>>);

impl Text<'_> {
    /// The text, trimmed.
    pub(crate) fn get(&self) -> Option<&str> {
        self.0.as_deref().map(trimmed).filter(|text| !text.is_empty())
    }

    /// The text, trimmed; empty if there is none.
    pub(crate) fn or_empty(&self) -> &str {
        self.get().unwrap_or_default()
    }

    /// Whether something is there that is no text.
    pub(crate) fn is_odd(&self) -> bool {
        self.0.is_some() && self.get().is_none()
    }

    /// Whether it is this text.
    pub(crate) fn is(&self, other: &str) -> bool {
        self.get() == Some(other)
    }
}

impl<'a> Read<'a> for Text<'a> {
    fn read(node: Node<'a>) -> Self {
        Text(node.text().or_else(|| odd(node)))
    }
}

/// What a value of a type that is not wanted is read as: nothing if it is `null`, else an empty text.
fn odd(node: Node<'_>) -> Option<Cow<'_, str>> {
    (!node.is_null()).then_some(Cow::Borrowed(""))
}

/// The text without white space around it. Most has none, which its first and last byte tell.
pub(crate) fn trimmed(text: &str) -> &str {
    match text.as_bytes() {
        [] => text,
        [only] if only.is_ascii_graphic() => text,
        [first, .., last] if first.is_ascii_graphic() && last.is_ascii_graphic() => text,
        _ => text.trim(),
    }
}

/// Declares lenses: `struct Name { field: Kind = "jsonKey", }`, all with the lifetime `'a` of the text. A list in
/// the place of an object counts if it has one element; what a plain string there means is said behind `else`.
macro_rules! lens {
    ($($(#[$meta:meta])* struct $name:ident { $($(#[$note:meta])* $field:ident: $kind:ty = $key:literal,)* } $(else $plain:path;)?)+) => {$(
        $(#[$meta])*
        #[derive(Default)]
        pub(crate) struct $name<'a> {
            $($(#[$note])* pub(crate) $field: $kind,)*
        }

        impl<'a> $crate::fhir::json::Read<'a> for $name<'a> {
            fn read(node: $crate::fhir::json::Node<'a>) -> Self {
                let mut items = node.items();
                let node = match (items.next(), items.next()) {
                    (Some(only), None) => only,
                    (Some(_), Some(_)) => return Self::default(),
                    (None, _) => node,
                };
                $(if let Some(text) = node.text() {
                    return $plain(text);
                })?
                let mut lens = Self::default();
                for (key, value) in node.members() {
                    match &*key.bytes() {
                        $(key if key == $key.as_bytes() => lens.$field = $crate::fhir::json::Read::read(value),)*
                        _ => {}
                    }
                }
                lens
            }
        }
    )+};
}
pub(crate) use lens;

/// A list; one element without brackets is a list of one, another type an empty list.
pub(crate) struct List<T>(pub(crate) Vec<T>);

impl<T> Default for List<T> {
    fn default() -> Self {
        List(Vec::new())
    }
}

impl<'a, T: Read<'a>> Read<'a> for List<T> {
    fn read(node: Node<'a>) -> Self {
        if node.is_object() || node.text().is_some() {
            return List(vec![T::read(node)]);
        }
        List(node.items().map(T::read).collect())
    }
}

/// The few of a list of small values, kept in place; else as [`List`], but another type is one that says nothing.
pub(crate) struct Few<T>(pub(crate) SmallVec<[T; 2]>);

impl<T> Default for Few<T> {
    fn default() -> Self {
        Few(SmallVec::new())
    }
}

impl<'a, T: Read<'a>> Read<'a> for Few<T> {
    fn read(node: Node<'a>) -> Self {
        if !node.is_list() && !node.is_null() {
            return Few(smallvec![T::read(node)]);
        }
        Few(node.items().map(T::read).collect())
    }
}

/// A value that is kept as it came; `null` counts as not there.
#[derive(Clone, Copy, Default)]
pub(crate) struct Raw<'a>(pub(crate) Option<Node<'a>>);

impl<'a> Read<'a> for Raw<'a> {
    fn read(node: Node<'a>) -> Self {
        Raw(Some(node).filter(|node| !node.is_null()))
    }
}

impl<'a> Raw<'a> {
    /// Reads it; the default if there is nothing to read.
    pub(crate) fn read<T: Read<'a>>(self) -> T {
        self.0.map_or_else(T::default, T::read)
    }
}

/// A number, given as a JSON number or as text: kept as it is written; empty if it is of another type.
#[derive(Clone, Default)]
pub(crate) struct Number<'a>(pub(crate) Option<Cow<'a, str>>);

impl<'a> Read<'a> for Number<'a> {
    fn read(node: Node<'a>) -> Self {
        let written = node.number().map(Cow::Borrowed).or_else(|| node.text());
        Number(written.or_else(|| odd(node)))
    }
}

impl Number<'_> {
    /// The number as it is written, trimmed.
    pub(crate) fn written(&self) -> Option<&str> {
        self.0.as_deref().map(trimmed).filter(|text| !text.is_empty())
    }

    /// Whether something is there that is no number.
    pub(crate) fn is_odd(&self) -> bool {
        self.0.is_some() && self.value().is_none()
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

impl<'a> Read<'a> for Flag {
    fn read(node: Node<'a>) -> Self {
        let written = || match &*node.text()? {
            "true" => Some(true),
            "false" => Some(false),
            _ => None,
        };
        Flag(node.flag().or_else(written))
    }
}

/// An object whose fields are looked at when they are asked for.
#[derive(Clone, Copy, Default)]
pub(crate) struct Object<'a>(Option<Node<'a>>);

impl<'a> Read<'a> for Object<'a> {
    fn read(node: Node<'a>) -> Self {
        Object(Some(node).filter(|node| node.is_object()))
    }
}

impl<'a> Object<'a> {
    /// The value that it is, unless it is none.
    pub(crate) fn node(&self) -> Option<Node<'a>> {
        self.0
    }

    /// All of it, read through a lens; the default if it is none.
    pub(crate) fn whole<T: Read<'a>>(&self) -> T {
        self.0.map_or_else(T::default, T::read)
    }

    /// Its fields in the order sent, without those that are `null`.
    pub(crate) fn fields(&self) -> impl Iterator<Item = (Cow<'a, str>, Node<'a>)> {
        let members = self.0.into_iter().flat_map(Node::members);
        let there = members.filter(|(_, value)| !value.is_null());
        there.map(|(key, value)| (key.text(), value))
    }

    /// The value of a field; `null` counts as missing.
    pub(crate) fn raw(&self, name: &str) -> Option<Node<'a>> {
        let value = self.0?.member(name)?;
        Some(value).filter(|value| !value.is_null())
    }

    /// Whether the field is there.
    pub(crate) fn has(&self, name: &str) -> bool {
        self.raw(name).is_some()
    }

    /// A field, read through a lens; the default if it is missing or unreadable.
    pub(crate) fn get<T: Read<'a>>(&self, name: &str) -> T {
        self.raw(name).map_or_else(T::default, T::read)
    }

    /// A string field.
    pub(crate) fn text(&self, name: &str) -> Option<Cow<'a, str>> {
        let text = self.raw(name).and_then(Node::text);
        text.filter(|text| !trimmed(text).is_empty())
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
        self.id().map(|id| [kind, "/", &*id].concat().into())
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

    fn with<T>(json: &str, then: impl FnOnce(Probe<'_>) -> T) -> T {
        then(Probe::read(Document::parse(json).unwrap().root()))
    }

    #[test]
    fn wrong_types_are_missing_values_and_neighbours_survive() {
        let odd = r#"{"size":{"a":[1,2.5]},"name":7.5,"on":"true","parts":"one","x":[{}]}"#;
        with(odd, |read| {
            assert_eq!(read.size.value(), None);
            assert!(read.size.is_odd() && read.name.is_odd());
            assert_eq!(read.name.get(), None);
            assert_eq!(read.on, Flag(Some(true)));
            assert_eq!(read.parts.0.len(), 1);
        });
        with("5.5", |read| assert!(read.name.get().is_none()));
        with(r#"{"size":null}"#, |read| {
            assert!(!read.size.is_odd() && !read.name.is_odd())
        });
        with(r#"[{"name":"only"}]"#, |read| assert!(read.name.is("only")));
        with(r#"[{"name":"first"},{"name":"second"}]"#, |read| {
            assert!(read.name.get().is_none());
        });
    }

    #[test]
    fn numbers_stay_exact_whatever_their_form() {
        let value = |json: &str| with(&format!("{{\"size\":{json}}}"), |read| read.size.value());
        assert_eq!(value("1.10").unwrap().to_string(), "1.10");
        assert_eq!(value("\"2.5\"").unwrap(), Decimal::new(25, 1));
        assert_eq!(value("1.0e2").unwrap(), Decimal::from(100));
        assert_eq!(value("\"abc\""), None);
        assert_eq!(value("1e999"), None);
        assert_eq!(value("null"), None);
    }

    #[test]
    fn an_object_gives_its_fields_when_asked() {
        let document = Document::parse(r#"{"resourceType":"X","id":"a\u0062","n":null,"d":1.50}"#).unwrap();
        let object = Object::read(document.root());
        assert_eq!(object.reference("X").as_deref(), Some("X/ab"));
        assert!(!object.has("n"));
        assert_eq!(object.raw("d").unwrap().raw(), "1.50");
        let number = Document::parse("1.5").unwrap();
        assert!(Object::read(number.root()).kind().is_none());
    }
}
