//! Results.
//!
//! Turns an Observation, or the components of a panel, into [`LabResult`]s of known analytes. An unknown
//! code is dropped before its value is read. What is wrong, cancelled or not known to be valid does not
//! count; what came without a usable value stays as an unusable result, because it may hide something.
//! Follows FHIR R4 Observation.

use super::elements::{Concept, Period};
use super::json::{List, Object};
use super::last_dose::{Drawn, drawn};
use super::result_value::{range, value};
use super::terms::Terms;
use crate::clinical::gap::Why;
use crate::clinical::record::{LabResult, Value};
use crate::clinical::vocabulary::LabCode;
use crate::clinical::when::When;

/// Whether an Observation could be read as far as its subject matter.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum About {
    /// It says what it is about; results of known analytes were added.
    Something,
    /// It does not say what it is about.
    Nothing,
}

/// Reads an Observation. `now` is in seconds since 1970.
pub(crate) fn observation(of: &Object<'_>, terms: Terms<'_>, now: i64, into: &mut Vec<LabResult>) -> About {
    let status = of.text("status");
    let status = status.as_deref().unwrap_or("final");
    if matches!(status, "entered-in-error" | "cancelled" | "unknown") {
        return About::Something;
    }
    let code: Concept<'_> = of.get("code");
    let lab = terms.lab(&code);
    if lab.is_none() && !of.has("component") {
        return if code.is_empty() {
            About::Nothing
        } else {
            About::Something
        };
    }
    let components: List<Object<'_>> = of.get("component");
    let reading = Reading {
        whole: of,
        status,
        terms,
        when: sampled(of, now),
    };
    let mut about = !code.is_empty();
    if let Some(lab) = lab {
        into.extend(reading.result(lab, of, &components.0));
    }
    for component in &components.0 {
        let code: Concept<'_> = component.get("code");
        about |= !code.is_empty();
        if let Some(lab) = terms.lab(&code) {
            into.extend(reading.result(lab, component, &[]));
        }
    }
    if about { About::Something } else { About::Nothing }
}

struct Reading<'o, 'a> {
    whole: &'o Object<'a>,
    status: &'o str,
    terms: Terms<'o>,
    when: Option<When>,
}

impl Reading<'_, '_> {
    /// The result of one analyte. `None` for a panel without a value of its own, and for one that is only
    /// registered.
    fn result(&self, lab: &LabCode, of: &Object<'_>, components: &[Object<'_>]) -> Option<LabResult> {
        let analyte = self.terms.vocabulary.analyte(lab.analyte);
        let found = value(of, analyte, self.terms);
        let waits = self.status == "registered" || !components.is_empty();
        if found.is_none() && waits {
            return None;
        }
        let limits = match found {
            Some(Value::Number(_)) => range(of, analyte),
            _ => (None, None),
        };
        let drawn = if analyte.timed {
            drawn(self.whole, components, self.when, lab.timing, self.terms)
        } else {
            Drawn::default()
        };
        Some(LabResult {
            analyte: lab.analyte,
            reference: self.whole.reference("Observation"),
            when: self.when,
            preliminary: matches!(self.status, "registered" | "preliminary"),
            value: found.unwrap_or(Value::Unusable(Why::NotReadable)),
            range: limits,
            assay: self.assay(lab),
            timing: drawn.timing,
            hours_after_dose: drawn.hours,
            drawn_at: drawn.at,
        })
    }

    fn assay(&self, lab: &LabCode) -> Box<str> {
        if !lab.assay.is_empty() || !self.whole.has("method") {
            return lab.assay.clone();
        }
        let method: Concept<'_> = self.whole.get("method");
        method.label().to_lowercase().into()
    }
}

/// When the sample was taken. A date in the future is none; the time of issue counts where there is no other.
fn sampled(of: &Object<'_>, now: i64) -> Option<When> {
    let at = |name: &str| of.text(name).map(|text| When::parse(&text));
    let period = || {
        let period: Period<'_> = of.get("effectivePeriod");
        of.has("effectivePeriod")
            .then(|| period.ends().or_else(|| period.starts()))
    };
    let timing = || of.has("effectiveTiming").then_some(None);
    let when = at("effectiveDateTime")
        .or_else(|| at("effectiveInstant"))
        .or_else(period)
        .or_else(timing);
    when.or_else(|| at("issued"))
        .flatten()
        .filter(|when| !when.is_future(now))
}

#[cfg(test)]
#[path = "observation_tests.rs"]
mod tests;
