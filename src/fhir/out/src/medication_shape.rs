//! Turns a checked medication order into JSON by filling a shape that fhirbolt wrote once.
//!
//! Writing a taper of ten instructions through fhirbolt takes 16 microseconds, a tenth of a whole request. Orders
//! differ in their values, hardly in their shape, so the model writes a sample of each shape with placeholders, and
//! the values of later orders take their places. A test compares both ways for every shape.

use std::sync::OnceLock;

use crate::OutError;
use crate::elements::{Amount, CodeRef, is_visible};
use crate::medication::{DoseLine, Frequency, MedicationOrder};
use crate::medication_model;
use crate::shape::{Shape, TEXTS, key, known, put, put_count, quoted};

/// Shapes of an order, by which of its seven optional parts are there.
static ORDERS: [OnceLock<Shape>; 1 << 7] = [const { OnceLock::new() }; 1 << 7];

/// Shapes of an instruction, by which of its four optional parts are there.
static LINES: [OnceLock<Shape>; 1 << 4] = [const { OnceLock::new() }; 1 << 4];

/// Placeholder numbers of an instruction: sequence, times, period, bounds.
const COUNTS: [u32; 4] = [700_001, 700_002, 700_003, 700_004];

/// Placeholder of a dose, as text.
const DOSE: &str = "700005";

/// What stands before the instructions of a written order.
const DOSAGE: &str = r#""dosageInstruction":["#;

/// The order as JSON.
#[inline]
pub(crate) fn fill(order: &MedicationOrder<'_>) -> Result<String, OutError> {
    let parts = [
        order.encounter.is_some(),
        order.prior_prescription.is_some(),
        order.note.is_some(),
        order.authored_on.is_some(),
        is_visible(order.medication.display),
        is_visible(order.text),
        !order.dosage.is_empty(),
    ];
    let shape = known(&ORDERS[key(&parts)], || order_shape(parts))?;
    let mut out = Vec::with_capacity(1024 + 512 * order.dosage.len());
    shape.fill(&mut out, |out, hole| match hole {
        0 => put(out, Some(order.patient)),
        1 => put(out, order.encounter),
        2 => put(out, order.prior_prescription),
        3 => put(out, order.note),
        4 => put(out, order.authored_on),
        5 => put(out, Some(order.medication.display)),
        6 => put(out, Some(order.text)),
        7 => put(out, Some(order.medication.system)),
        8 => put(out, Some(order.medication.code)),
        _ => fill_lines(out, order.dosage),
    })?;
    String::from_utf8(out).map_err(|_| OutError::Refused)
}

#[inline]
fn fill_lines(out: &mut Vec<u8>, lines: &[DoseLine<'_>]) -> Result<(), OutError> {
    for (index, line) in lines.iter().enumerate() {
        if index > 0 {
            out.push(b',');
        }
        fill_line(out, line)?;
    }
    Ok(())
}

#[inline]
fn fill_line(out: &mut Vec<u8>, line: &DoseLine<'_>) -> Result<(), OutError> {
    let parts = [
        line.dose.is_some(),
        line.frequency.is_some(),
        line.when.is_some(),
        line.bounds_days.is_some(),
    ];
    let shape = known(&LINES[key(&parts)], || line_shape(parts))?;
    let (dose, frequency) = (line.dose, line.frequency);
    shape.fill(out, |out, hole| match hole {
        0 => put(out, Some(line.text)),
        1 => put(out, dose.map(|d| d.unit)),
        2 => put(out, frequency.map(|f| f.unit)),
        3 => put(out, line.when),
        4 => put_count(out, line.sequence),
        5 => put_count(out, frequency.map_or(0, |f| f.times)),
        6 => put_count(out, frequency.map_or(0, |f| f.period)),
        7 => put_count(out, line.bounds_days.unwrap_or_default()),
        _ => {
            out.extend_from_slice(dose.map_or("", |d| d.value).as_bytes());
            Ok(())
        }
    })
}

/// The shape of orders that have these parts; holes are numbered as in [`fill`].
fn order_shape(parts: [bool; 7]) -> Result<Shape, OutError> {
    let [encounter, prior, note, authored_on, display, text, dosage] = parts;
    let line = bare_line();
    let json = medication_model::write(&MedicationOrder {
        patient: TEXTS[0],
        encounter: encounter.then_some(TEXTS[1]),
        prior_prescription: prior.then_some(TEXTS[2]),
        note: note.then_some(TEXTS[3]),
        authored_on: authored_on.then_some(TEXTS[4]),
        medication: CodeRef {
            system: TEXTS[7],
            code: TEXTS[8],
            display: if display { TEXTS[5] } else { "" },
        },
        text: if text { TEXTS[6] } else { "" },
        dosage: if dosage { std::slice::from_ref(&line) } else { &[] },
    })?;
    let mut placeholders = quoted(TEXTS.len());
    if dosage {
        // The bare line contains no placeholder of its own, so the whole list is one hole.
        placeholders.push(instructions(&json)?.to_owned());
    }
    Ok(Shape::cut(&json, &placeholders))
}

/// The shape of instructions that have these parts; holes are numbered as in [`fill_line`].
fn line_shape(parts: [bool; 4]) -> Result<Shape, OutError> {
    let [dose, frequency, when, bounds] = parts;
    let line = DoseLine {
        sequence: COUNTS[0],
        text: TEXTS[0],
        dose: dose.then_some(Amount {
            value: DOSE,
            unit: TEXTS[1],
        }),
        frequency: frequency.then_some(Frequency {
            times: COUNTS[1],
            period: COUNTS[2],
            unit: TEXTS[2],
        }),
        when: when.then_some(TEXTS[3]),
        bounds_days: bounds.then_some(COUNTS[3]),
    };
    let json = medication_model::write(&MedicationOrder {
        patient: "-",
        encounter: None,
        medication: CodeRef {
            system: "-",
            code: "-",
            display: "",
        },
        text: "",
        prior_prescription: None,
        note: None,
        dosage: &[line],
        authored_on: None,
    })?;
    let mut placeholders = quoted(4);
    placeholders.extend(COUNTS.iter().map(u32::to_string));
    placeholders.push(DOSE.to_owned());
    Ok(Shape::cut(instructions(&json)?, &placeholders))
}

/// The least of an instruction; it stands for the whole list in the sample of an order.
fn bare_line() -> DoseLine<'static> {
    DoseLine {
        sequence: 1,
        text: "-",
        dose: None,
        frequency: None,
        when: None,
        bounds_days: None,
    }
}

/// The instructions of a sample, without the brackets around them.
fn instructions(json: &str) -> Result<&str, OutError> {
    let (_, from) = json.split_once(DOSAGE).ok_or(OutError::Refused)?;
    // FHIR puts only priorPrescription, of the elements we write, after the instructions.
    let end = from
        .find(r#"],"priorPrescription""#)
        .or_else(|| from.rfind(']'))
        .ok_or(OutError::Refused)?;
    Ok(&from[..end])
}
