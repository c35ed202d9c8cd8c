//! Turns plain texts into the FHIR data types that several resources share: words, codes, references, quantities.
//!
//! A text without visible characters is no text: it is left out where FHIR allows that, and refused where FHIR needs
//! it, so that no resource holds an empty string. Texts are data: markup and direction marks pass unchanged, and only
//! the control characters that a FHIR `string` must not hold are dropped.
//! Follows FHIR R4, sections 2.24.0.1 (primitive types) and 2.24.0.2 (CodeableConcept, Quantity, Annotation).

use std::borrow::Cow;

use fhirbolt::model::r4::types::{Annotation, CodeableConcept, Coding, Duration, Quantity, Reference};

use crate::OutError;

/// The code system of every unit that is written.
const UCUM: &str = "http://unitsofmeasure.org";

/// A concept of a code system.
#[derive(Clone, Copy, Debug)]
pub struct CodeRef<'a> {
    /// Canonical address of the code system.
    pub system: &'a str,
    /// The code; must not be empty.
    pub code: &'a str,
    /// The code system's own name of the concept; left out if empty.
    pub display: &'a str,
}

/// An amount with its unit.
#[derive(Clone, Copy, Debug)]
pub struct Amount<'a> {
    /// Digits with an optional fraction, such as `0.5` or `1.50`; written as the JSON number with the same text.
    pub value: &'a str,
    /// UCUM unit, such as `mg`; must not be empty.
    pub unit: &'a str,
}

/// The text without forbidden control characters, or `None` if nothing visible is left.
pub(crate) fn words(text: &str) -> Option<Cow<'_, str>> {
    let allowed = |c: char| c >= ' ' || matches!(c, '\t' | '\n' | '\r');
    // What is forbidden is one byte long, and bytes are looked at faster than characters.
    let kept = if text.bytes().all(|byte| allowed(char::from(byte))) {
        Cow::Borrowed(text)
    } else {
        Cow::Owned(text.chars().filter(|c| allowed(*c)).collect())
    };
    is_visible(&kept).then_some(kept)
}

/// Whether a text has more than white space and control characters; its first letter tells.
#[inline]
pub(crate) fn is_visible(text: &str) -> bool {
    text.chars().any(|c| !c.is_whitespace() && !c.is_control())
}

/// The text of an element that FHIR, or our reader, cannot do without.
pub(crate) fn required<'a>(text: &'a str, element: &'static str) -> Result<Cow<'a, str>, OutError> {
    words(text).ok_or(OutError::Missing(element))
}

/// That a text which cannot be done without is there.
#[inline]
pub(crate) fn present(text: &str, element: &'static str) -> Result<(), OutError> {
    is_visible(text).then_some(()).ok_or(OutError::Missing(element))
}

/// A literal reference such as `Patient/123`.
pub(crate) fn reference(to: &str, element: &'static str) -> Result<Box<Reference>, OutError> {
    Ok(Box::new(Reference {
        reference: Some(required(to, element)?.into()),
        ..Default::default()
    }))
}

/// A reference that may be absent.
pub(crate) fn optional_reference(
    to: Option<&str>,
    element: &'static str,
) -> Result<Option<Box<Reference>>, OutError> {
    to.map(|to| reference(to, element)).transpose()
}

/// One coding, and the words a reader sees.
pub(crate) fn concept(
    code: CodeRef<'_>,
    text: &str,
    element: &'static str,
) -> Result<Box<CodeableConcept>, OutError> {
    Ok(Box::new(CodeableConcept {
        coding: vec![Coding {
            system: Some(required(code.system, element)?.into()),
            code: Some(required(code.code, element)?.into()),
            display: words(code.display).map(Into::into),
            ..Default::default()
        }],
        text: words(text).map(Into::into),
        ..Default::default()
    }))
}

/// A list of at most one note without author and time.
pub(crate) fn notes(text: Option<&str>) -> Vec<Annotation> {
    text.and_then(words)
        .map(|text| Annotation {
            text: text.into(),
            ..Default::default()
        })
        .into_iter()
        .collect()
}

/// A quantity whose unit is said twice, for people (`unit`) and for machines (`code`), as order entry needs both.
pub(crate) fn quantity(amount: Amount<'_>, element: &'static str) -> Result<Box<Quantity>, OutError> {
    let unit = required(amount.unit, element)?;
    Ok(Box::new(Quantity {
        value: Some(amount.value.into()),
        unit: Some(unit.as_ref().into()),
        system: Some(UCUM.into()),
        code: Some(unit.into()),
        ..Default::default()
    }))
}

/// A length of time in days.
pub(crate) fn days(count: u32) -> Box<Duration> {
    Box::new(Duration {
        value: Some(count.to_string().into()),
        unit: Some("d".into()),
        system: Some(UCUM.into()),
        code: Some("d".into()),
        ..Default::default()
    })
}

/// Whether the text is a FHIR decimal without sign and exponent, which no dose needs.
pub(crate) fn is_plain_decimal(text: &str) -> bool {
    let digits = |part: &str| !part.is_empty() && part.bytes().all(|b| b.is_ascii_digit());
    let (whole, fraction) = text.split_once('.').map_or((text, None), |(w, f)| (w, Some(f)));
    digits(whole) && (whole == "0" || !whole.starts_with('0')) && fraction.is_none_or(digits)
}
