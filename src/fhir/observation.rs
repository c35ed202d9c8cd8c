//! Results.
//!
//! Turns an Observation, or the components of a panel, into [`LabResult`]s of known analytes. An unknown
//! code is dropped without a look at its value. What is wrong or cancelled does not count; what is not known to
//! be valid, or came without a usable value, stays as an unusable result, because it may hide something.
//! Follows FHIR R4 Observation.

use super::elements::{Concept, Period};
use super::json::{List, Object, Read};
use super::last_dose::{Drawn, drawn};
use super::measurement::Measurement;
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
    let of: Measurement<'_> = of.whole();
    let is = |status: &str| of.status.or_empty().eq_ignore_ascii_case(status);
    if is("entered-in-error") || is("cancelled") {
        return About::Something;
    }
    let known = terms.lab(&of.code);
    let mut about = !of.code.is_empty() && (known.is_some() || !terms.lacks_code(&of.code));
    let lab = known.or_else(|| terms.lab_perhaps(&of.code));
    if lab.is_some() || of.component.0.is_some() {
        let components: List<Measurement<'_>> = of.component.read();
        let reading = Reading {
            whole: &of,
            registered: is("registered"),
            preliminary: is("registered") || is("preliminary"),
            // Whether it holds, or of which system its code is, nobody says.
            unsure: is("unknown") || known.is_none(),
            terms,
            when: sampled(&of, now),
        };
        into.extend(lab.and_then(|lab| reading.result(lab, &of, &components.0)));
        let reading = Reading {
            unsure: is("unknown"),
            ..reading
        };
        for component in &components.0 {
            about |= !component.code.is_empty();
            let lab = terms.lab(&component.code);
            into.extend(lab.and_then(|lab| reading.result(lab, component, &[])));
        }
    }
    if about { About::Something } else { About::Nothing }
}

struct Reading<'o, 'a> {
    whole: &'o Measurement<'a>,
    registered: bool,
    preliminary: bool,
    unsure: bool,
    terms: Terms<'o>,
    when: Option<When>,
}

impl Reading<'_, '_> {
    /// The result of one analyte. `None` for a panel without a value of its own, and for one that is only
    /// registered.
    fn result(
        &self,
        lab: &LabCode,
        of: &Measurement<'_>,
        components: &[Measurement<'_>],
    ) -> Option<LabResult> {
        let analyte = self.terms.vocabulary.analyte(lab.analyte);
        let found = value(of, analyte, self.terms);
        let waits = self.registered || !components.is_empty();
        if found.is_none() && waits {
            return None;
        }
        let (limits, range_unread) = match found {
            Some(Value::Number(_)) => range(of, analyte),
            _ => Default::default(),
        };
        let drawn = if analyte.timed {
            drawn(self.whole, components, self.when, lab.timing, self.terms)
        } else {
            Drawn::default()
        };
        Some(LabResult {
            analyte: lab.analyte,
            reference: (self.whole.id.get()).map(|id| ["Observation/", id].concat().into()),
            when: self.when,
            preliminary: self.preliminary,
            value: found
                .filter(|_| !self.unsure)
                .unwrap_or(Value::Unusable(Why::NotReadable)),
            range: limits,
            range_unread,
            assay: self.assay(lab),
            timing: drawn.timing,
            hours_after_dose: drawn.hours,
            drawn_at: drawn.at,
        })
    }

    fn assay(&self, lab: &LabCode) -> Box<str> {
        if !lab.assay.is_empty() || self.whole.method.0.is_none() {
            return lab.assay.clone();
        }
        let method: Concept<'_> = self.whole.method.read();
        method.label().to_lowercase().into()
    }
}

/// When the sample was taken. A date in the future is none; the time of issue counts where there is no other.
fn sampled(of: &Measurement<'_>, now: i64) -> Option<When> {
    let period = || {
        let sent = of.effective_period.0?;
        let period = Period::read(sent);
        Some(period.ends().or_else(|| period.starts()))
    };
    let timing = || of.effective_timing.0.map(|_| None);
    let taken = of.effective.get().or_else(|| of.effective_instant.get());
    let when = taken.map(When::parse).or_else(period).or_else(timing);
    when.or_else(|| of.issued.get().map(When::parse))
        .flatten()
        .filter(|when| !when.is_future(now))
}

#[cfg(test)]
#[path = "observation_tests.rs"]
mod tests;
