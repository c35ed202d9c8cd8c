//! An Observation as far as it is read.
//!
//! Turns a resource, or one component of a panel, into the values of its fields, found in one pass over them: an
//! answer waits for some hundred of these. It reads no value any further than its reader asks. Follows FHIR R4
//! Observation.

use super::elements::Concept;
use super::json::{Raw, Text, lens};

lens! {
    /// `Observation`, or `Observation.component`, which has a code and a value only.
    struct Measurement {
        id: Text<'a> = "id",
        status: Text<'a> = "status",
        code: Concept<'a> = "code",
        component: Raw<'a> = "component",
        absent: Raw<'a> = "dataAbsentReason",
        quantity: Raw<'a> = "valueQuantity",
        concept: Raw<'a> = "valueCodeableConcept",
        string: Text<'a> = "valueString",
        boolean: Raw<'a> = "valueBoolean",
        integer: Raw<'a> = "valueInteger",
        value_range: Raw<'a> = "valueRange",
        ratio: Raw<'a> = "valueRatio",
        sampled_data: Raw<'a> = "valueSampledData",
        time: Raw<'a> = "valueTime",
        date_time: Raw<'a> = "valueDateTime",
        period: Raw<'a> = "valuePeriod",
        interpretation: Raw<'a> = "interpretation",
        reference_range: Raw<'a> = "referenceRange",
        method: Raw<'a> = "method",
        effective: Text<'a> = "effectiveDateTime",
        effective_instant: Text<'a> = "effectiveInstant",
        effective_period: Raw<'a> = "effectivePeriod",
        effective_timing: Raw<'a> = "effectiveTiming",
        issued: Text<'a> = "issued",
        note: Raw<'a> = "note",
        extension: Raw<'a> = "extension",
    }
}

impl Measurement<'_> {
    /// Whether it has a value of any form.
    pub(super) fn has_value(&self) -> bool {
        let forms = [
            self.quantity,
            self.concept,
            self.boolean,
            self.integer,
            self.value_range,
            self.ratio,
            self.sampled_data,
            self.time,
            self.date_time,
            self.period,
        ];
        self.string.get().is_some() || forms.iter().any(|form| form.0.is_some())
    }
}
