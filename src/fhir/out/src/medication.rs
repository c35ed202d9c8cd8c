//! Turns a proposed medication order into a FHIR R4 MedicationRequest: status `draft`, intent `proposal`.
//!
//! A taper is one order whose dosage instructions carry the sequence 1 to n, one number for each step. Instructions
//! that share a number apply at the same time: that is how the unequal doses of one day are written, told apart by
//! `when`. This module never decides a dose; it writes the doses it is given, to the digit.
//! Follows FHIR R4, sections 11.1 (MedicationRequest), 2.24.0.2 (Timing) and 2.24.0.6 (Dosage).

use crate::OutError;
use crate::elements::{Amount, CodeRef, is_plain_decimal, is_visible, present};
use crate::medication_shape;

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
/// The first order of a shape (which optional parts it has) is built through fhirbolt; the following ones fill their
/// values into what was written then, which gives the same bytes in a fraction of the time.
///
/// # Errors
/// [`OutError`] if a required text is empty, or a number or code is outside what its FHIR type allows.
#[inline]
pub fn medication_request(order: &MedicationOrder<'_>) -> Result<String, OutError> {
    medication_shape::fill(&checked(order)?)
}

/// Writes the order as [`medication_request`] does, but through fhirbolt every time: what the shapes are tested against.
///
/// # Errors
/// As [`medication_request`].
#[cfg(feature = "referee")]
pub fn medication_request_afresh(order: &MedicationOrder<'_>) -> Result<String, OutError> {
    crate::medication_model::write(&checked(order)?)
}

/// The order with every empty optional text taken out, or why it cannot be written.
#[inline]
fn checked<'a>(order: &MedicationOrder<'a>) -> Result<MedicationOrder<'a>, OutError> {
    present(order.patient, "subject")?;
    present(order.medication.system, "medication")?;
    present(order.medication.code, "medication")?;
    for (reference, element) in [
        (order.encounter, "encounter"),
        (order.prior_prescription, "priorPrescription"),
    ] {
        reference.map(|to| present(to, element)).transpose()?;
    }
    order.dosage.iter().try_for_each(check_line)?;
    let visible = |text: &&str| is_visible(text);
    Ok(MedicationOrder {
        note: order.note.filter(visible),
        authored_on: order.authored_on.filter(visible),
        ..*order
    })
}

#[inline]
fn check_line(line: &DoseLine<'_>) -> Result<(), OutError> {
    present(line.text, "dosage text")?;
    allow((1..=i32::MAX.unsigned_abs()).contains(&line.sequence), "sequence")?;
    allow(line.bounds_days != Some(0), "boundsDuration")?;
    allow(line.when.is_none_or(|w| EVENTS.contains(&w)), "when")?;
    if let Some(dose) = line.dose {
        allow(is_plain_decimal(dose.value), "dose")?;
        present(dose.unit, "dose")?;
    }
    if let Some(frequency) = line.frequency {
        allow(frequency.times > 0, "frequency")?;
        allow(frequency.period > 0, "period")?;
        allow(PERIOD_UNITS.contains(&frequency.unit), "periodUnit")?;
    }
    Ok(())
}

fn allow(fits: bool, element: &'static str) -> Result<(), OutError> {
    fits.then_some(()).ok_or(OutError::Unusable(element))
}
