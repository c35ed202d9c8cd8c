//! Turns a proposed medication order into a FHIR R4 MedicationRequest: status `draft`, intent `proposal`.
//!
//! A taper is one order whose dosage instructions carry the sequence 1 to n, one number for each step. Instructions
//! that share a number apply at the same time: that is how the unequal doses of one day are written, told apart by
//! `when`. This module never decides a dose; it writes the doses it is given, to the digit.
//! Follows FHIR R4, sections 11.1 (MedicationRequest), 2.24.0.2 (Timing) and 2.24.0.6 (Dosage).

use fhirbolt::model::r4::resources::{MedicationRequest, MedicationRequestMedication};
use fhirbolt::model::r4::types::{
    Dosage, DosageDoseAndRate, DosageDoseAndRateDose, Timing, TimingRepeat, TimingRepeatBounds,
};

use crate::OutError;
use crate::elements::{
    Amount, CodeRef, concept, days, notes, optional_reference, quantity, reference, required,
    uncoded, words,
};

/// The units of time that FHIR allows in `Timing.repeat.periodUnit`.
const PERIOD_UNITS: [&str; 7] = ["s", "min", "h", "d", "wk", "mo", "a"];

/// The parts of the day that FHIR allows in `Timing.repeat.when`.
const EVENTS: [&str; 26] = [
    "MORN",
    "MORN.early",
    "MORN.late",
    "NOON",
    "AFT",
    "AFT.early",
    "AFT.late",
    "EVE",
    "EVE.early",
    "EVE.late",
    "NIGHT",
    "PHS",
    "HS",
    "WAKE",
    "C",
    "CM",
    "CD",
    "CV",
    "AC",
    "ACM",
    "ACD",
    "ACV",
    "PC",
    "PCM",
    "PCD",
    "PCV",
];

/// A medication order to propose.
#[derive(Clone, Copy)]
pub struct MedicationOrder<'a> {
    /// Reference to the patient, such as `Patient/123`.
    pub patient: &'a str,
    /// Reference to the encounter, if the request named one.
    pub encounter: Option<&'a str>,
    /// The product or ingredient.
    pub medication: CodeRef<'a>,
    /// The medication in the words a prescriber reads.
    pub text: &'a str,
    /// Reference to the order that this one replaces, such as `MedicationRequest/7`.
    pub prior_prescription: Option<&'a str>,
    /// Why the order is proposed.
    pub reason: Option<&'a str>,
    /// What the prescriber should know before signing.
    pub note: Option<&'a str>,
    /// The instructions in the order they are to be read; may be empty.
    pub dosage: &'a [DoseLine<'a>],
    /// FHIR dateTime at which the proposal was written; with a time of day it needs a zone.
    pub authored_on: Option<&'a str>,
}

/// One dosage instruction.
#[derive(Clone, Copy, Debug)]
pub struct DoseLine<'a> {
    /// Number of the step, from 1; instructions of one step share it.
    pub sequence: u32,
    /// The whole instruction in words.
    pub text: &'a str,
    /// The dose taken each time.
    pub dose: Option<Amount<'a>>,
    /// How often the dose is taken.
    pub frequency: Option<Frequency<'a>>,
    /// Part of the day as a FHIR event-timing code, such as `MORN` or `EVE`.
    pub when: Option<&'a str>,
    /// How many days the step lasts; `None` where it has no end.
    pub bounds_days: Option<u32>,
}

/// So many times in every period: `times: 2, period: 1, unit: "d"` is twice a day.
#[derive(Clone, Copy, Debug)]
pub struct Frequency<'a> {
    /// Doses in one period, at least 1.
    pub times: u32,
    /// Length of the period in `unit`, at least 1.
    pub period: u32,
    /// Unit of the period: `s`, `min`, `h`, `d`, `wk`, `mo` or `a`.
    pub unit: &'a str,
}

/// Writes the order as MedicationRequest JSON.
///
/// # Errors
/// [`OutError`] if a required text is empty, or a number or code is outside what its FHIR type allows.
pub fn medication_request(order: &MedicationOrder<'_>) -> Result<String, OutError> {
    let resource = MedicationRequest {
        status: "draft".into(),
        intent: "proposal".into(),
        medication: MedicationRequestMedication::CodeableConcept(concept(
            order.medication,
            order.text,
            "medication",
        )?),
        subject: reference(order.patient, "subject")?,
        encounter: optional_reference(order.encounter, "encounter")?,
        authored_on: order.authored_on.and_then(words).map(Into::into),
        reason_code: uncoded(order.reason),
        note: notes(order.note),
        dosage_instruction: order
            .dosage
            .iter()
            .map(dosage)
            .collect::<Result<Vec<_>, _>>()?,
        prior_prescription: optional_reference(order.prior_prescription, "priorPrescription")?,
        ..Default::default()
    };
    fhirbolt::json::to_string(&resource, None).map_err(|_| OutError::Refused)
}

fn dosage(line: &DoseLine<'_>) -> Result<Dosage, OutError> {
    let sequence = i32::try_from(line.sequence)
        .ok()
        .filter(|n| *n > 0)
        .ok_or(OutError::Unusable("sequence"))?;
    Ok(Dosage {
        sequence: Some(sequence.into()),
        text: Some(required(line.text, "dosage text")?.into()),
        timing: timing(line)?,
        dose_and_rate: line
            .dose
            .map(dose_and_rate)
            .transpose()?
            .into_iter()
            .collect(),
        ..Default::default()
    })
}

fn dose_and_rate(dose: Amount<'_>) -> Result<DosageDoseAndRate, OutError> {
    Ok(DosageDoseAndRate {
        dose: Some(DosageDoseAndRateDose::Quantity(quantity(dose, "dose")?)),
        ..Default::default()
    })
}

/// The timing, or `None` where the line says nothing about time, since an empty object is not FHIR.
fn timing(line: &DoseLine<'_>) -> Result<Option<Box<Timing>>, OutError> {
    if line.frequency.is_none() && line.when.is_none() && line.bounds_days.is_none() {
        return Ok(None);
    }
    let mut repeat = TimingRepeat::default();
    if let Some(count) = line.bounds_days {
        let count = at_least_one(count, "boundsDuration")?;
        repeat.bounds = Some(TimingRepeatBounds::Duration(days(count)));
    }
    if let Some(frequency) = line.frequency {
        let unit = one_of(frequency.unit, &PERIOD_UNITS, "periodUnit")?;
        let period = at_least_one(frequency.period, "period")?;
        repeat.frequency = Some(at_least_one(frequency.times, "frequency")?.into());
        repeat.period = Some(period.to_string().into());
        repeat.period_unit = Some(unit.into());
    }
    if let Some(when) = line.when {
        repeat.when = vec![one_of(when, &EVENTS, "when")?.into()];
    }
    Ok(Some(Box::new(Timing {
        repeat: Some(repeat),
        ..Default::default()
    })))
}

fn at_least_one(number: u32, element: &'static str) -> Result<u32, OutError> {
    if number == 0 {
        return Err(OutError::Unusable(element));
    }
    Ok(number)
}

fn one_of<'a>(code: &'a str, allowed: &[&str], element: &'static str) -> Result<&'a str, OutError> {
    if !allowed.contains(&code) {
        return Err(OutError::Unusable(element));
    }
    Ok(code)
}
