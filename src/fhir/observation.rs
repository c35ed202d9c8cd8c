//! Results.
//!
//! Turns an Observation, or the components of a panel, into [`LabResult`]s of known analytes. An unknown
//! code is dropped before its value is read. What is wrong, cancelled or not known to be valid does not
//! count; what came without a usable value stays as an unusable result, because it may hide something.
//! Follows FHIR R4 Observation.

use super::elements::{Concept, Extension, Period, Quantity, date};
use super::json::{List, Object, Text, decimal};
use super::result_value::{range, value};
use super::terms::Terms;
use crate::clinical::gap::Why;
use crate::clinical::record::{LabResult, Value};
use crate::clinical::vocabulary::LabCode;
use crate::clinical::when::When;
use rust_decimal::Decimal;

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
        Some(LabResult {
            analyte: lab.analyte,
            reference: self.whole.reference("Observation"),
            when: self.when,
            preliminary: matches!(self.status, "registered" | "preliminary"),
            value: found.unwrap_or(Value::Unusable(Why::NotReadable)),
            range: limits,
            assay: self.assay(lab),
            timing: lab.timing,
            hours_after_dose: if analyte.timed {
                hours_after_dose(self.whole, components, self.when)
            } else {
                None
            },
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

/// Hours between the last dose and the sample, where a component or an extension gives them or the time of
/// the last dose.
fn hours_after_dose(of: &Object<'_>, components: &[Object<'_>], sampled: Option<When>) -> Option<Decimal> {
    let by_component = components.iter().find_map(|component| {
        let code: Concept<'_> = component.get("code");
        let speaks_of_it = code.texts().any(speaks_of_last_dose);
        speaks_of_it
            .then(|| component_hours(component, sampled))
            .flatten()
    });
    by_component.or_else(|| {
        let extensions: List<Extension<'_>> = of.get("extension");
        extensions
            .0
            .iter()
            .filter(|extension| speaks_of_last_dose(extension.url.or_empty()))
            .find_map(|extension| {
                let quantity = || hours(&extension.quantity.read());
                let time = || date(&extension.date_time).or_else(|| date(&extension.instant));
                quantity()
                    .or_else(|| extension.decimal.value())
                    .or_else(|| extension.integer.value())
                    .or_else(|| between(time()?, sampled?))
            })
    })
}

/// Names of the field differ; all that were seen hold these two words.
fn speaks_of_last_dose(name: &str) -> bool {
    let name: String = name.chars().filter(char::is_ascii_alphabetic).collect();
    name.to_ascii_lowercase().contains("lastdose")
}

fn component_hours(component: &Object<'_>, sampled: Option<When>) -> Option<Decimal> {
    let quantity: Quantity<'_> = component.get("valueQuantity");
    let time: Text<'_> = component.get("valueDateTime");
    hours(&quantity).or_else(|| between(date(&time)?, sampled?))
}

/// Hours of a duration.
fn hours(quantity: &Quantity<'_>) -> Option<Decimal> {
    let value = quantity.value.value()?;
    let unit = quantity.code.get().or_else(|| quantity.unit.get())?;
    match unit.to_ascii_lowercase().as_str() {
        "h" | "hr" | "hrs" | "hour" | "hours" => Some(value),
        "min" | "minute" | "minutes" => value.checked_div(Decimal::from(60)),
        _ => None,
    }
}

/// Hours from one exact time to a later one.
fn between(dose: When, sample: When) -> Option<Decimal> {
    let exact = |when: When| (when.earliest() == when.latest()).then(|| when.latest());
    let seconds = exact(sample)?.checked_sub(exact(dose)?)?;
    let hours = Decimal::from(seconds).checked_div(decimal("3600")?)?;
    (seconds >= 0).then(|| hours.round_dp(2).normalize())
}

#[cfg(test)]
#[path = "observation_tests.rs"]
mod tests;
