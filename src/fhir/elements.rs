//! Lenses for the elements that several resources share: coding, concept, quantity, period, reference.
//!
//! Turns FHIR R4 data types (section 2.24) into borrowed structs of the fields that are read. They judge
//! nothing; what a code means is said by [`super::terms`].

use super::json::{Few, Node, Number, Raw, Read, Text, lens};
use crate::clinical::when::When;
use std::borrow::Cow;

lens! {
    /// `Coding`.
    struct Coding {
        system: Text<'a> = "system",
        code: Text<'a> = "code",
        display: Text<'a> = "display",
    }

    /// `CodeableConcept`; a plain string in its place is its text.
    struct Concept {
        coding: Few<Coding<'a>> = "coding",
        text: Text<'a> = "text",
    } else concept_of_text;

    /// `Quantity`.
    struct Quantity {
        value: Number<'a> = "value",
        comparator: Text<'a> = "comparator",
        unit: Text<'a> = "unit",
        system: Text<'a> = "system",
        code: Text<'a> = "code",
    }

    /// `Period`.
    struct Period {
        start: Text<'a> = "start",
        end: Text<'a> = "end",
    }

    /// `Reference`; a plain string in its place is its `reference`.
    struct Reference {
        reference: Text<'a> = "reference",
        display: Text<'a> = "display",
    } else reference_of_text;

    /// `Annotation`.
    struct Note {
        text: Text<'a> = "text",
    }

    /// `Extension`, with the values that are read.
    struct Extension {
        url: Text<'a> = "url",
        quantity: Raw<'a> = "valueQuantity",
        decimal: Number<'a> = "valueDecimal",
        integer: Number<'a> = "valueInteger",
        date_time: Text<'a> = "valueDateTime",
        instant: Text<'a> = "valueInstant",
    }
}

fn concept_of_text(text: Cow<'_, str>) -> Concept<'_> {
    Concept {
        text: Text(Some(text)),
        ..Concept::default()
    }
}

fn reference_of_text(text: Cow<'_, str>) -> Reference<'_> {
    Reference {
        reference: Text(Some(text)),
        ..Reference::default()
    }
}

impl Concept<'_> {
    /// Whether it says nothing: no code, no display, no text.
    pub(crate) fn is_empty(&self) -> bool {
        self.text.get().is_none()
            && self
                .coding
                .0
                .iter()
                .all(|coding| coding.code.get().is_none() && coding.display.get().is_none())
    }

    /// What people read: its text, else the first display, else the first code.
    pub(crate) fn label(&self) -> &str {
        let display = || self.coding.0.iter().find_map(|coding| coding.display.get());
        let code = || self.coding.0.iter().find_map(|coding| coding.code.get());
        self.text.get().or_else(display).or_else(code).unwrap_or_default()
    }

    /// Its texts: the text itself and the displays of its codes.
    pub(crate) fn texts(&self) -> impl Iterator<Item = &str> {
        self.text
            .get()
            .into_iter()
            .chain(self.coding.0.iter().filter_map(|coding| coding.display.get()))
    }

    /// Whether one of its codes, or its plain text, is the given code, in capitals or not.
    pub(crate) fn says(&self, code: &str) -> bool {
        let is = |text: &Text<'_>| text.or_empty().eq_ignore_ascii_case(code);
        is(&self.text) || self.coding.0.iter().any(|coding| is(&coding.code))
    }
}

/// A period, and whether something stands in its place that is none.
#[derive(Default)]
pub(crate) struct Bounds<'a> {
    pub(crate) period: Period<'a>,
    odd: bool,
}

impl<'a> Read<'a> for Bounds<'a> {
    fn read(node: Node<'a>) -> Self {
        let is_one = node.is_object() || node.items().count() == 1;
        Bounds {
            period: Period::read(node),
            odd: !node.is_null() && !is_one,
        }
    }
}

impl Bounds<'_> {
    /// Whether a start is there that cannot be read.
    pub(crate) fn hides_start(&self) -> bool {
        self.odd || is_no_date(&self.period.start)
    }

    /// Whether an end is there that cannot be read.
    pub(crate) fn hides_end(&self) -> bool {
        self.odd || is_no_date(&self.period.end)
    }
}

impl Period<'_> {
    /// Its start.
    pub(crate) fn starts(&self) -> Option<When> {
        date(&self.start)
    }

    /// Its end; one that only stands for "open" is none.
    pub(crate) fn ends(&self) -> Option<When> {
        date(&self.end).filter(|end| !end.is_open_end())
    }
}

/// Whether something is there that is no date.
pub(crate) fn is_no_date(text: &Text<'_>) -> bool {
    text.0.is_some() && date(text).is_none()
}

/// The date that a text is.
pub(crate) fn date(text: &Text<'_>) -> Option<When> {
    When::parse(text.get()?)
}
