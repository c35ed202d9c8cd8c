//! Turns a checked medication order into MedicationRequest JSON through fhirbolt's typed model.
//!
//! It checks nothing that the types do not: `medication` has done so, and calls this once for every shape of order.
//! Follows FHIR R4, sections 11.1 (MedicationRequest), 2.24.0.2 (Timing) and 2.24.0.6 (Dosage).

use fhirbolt::model::r4::resources::{MedicationRequest, MedicationRequestMedication};
use fhirbolt::model::r4::types::{
    Dosage, DosageDoseAndRate, DosageDoseAndRateDose, Timing, TimingRepeat, TimingRepeatBounds,
};

use crate::OutError;
use crate::elements::{
    Amount, concept, days, notes, optional_reference, quantity, reference, required, words,
};
use crate::medication::{DoseLine, MedicationOrder};

/// The order as JSON, built and written afresh.
pub(crate) fn write(order: &MedicationOrder<'_>) -> Result<String, OutError> {
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
        note: notes(order.note),
        dosage_instruction: order.dosage.iter().map(dosage).collect::<Result<Vec<_>, _>>()?,
        prior_prescription: optional_reference(order.prior_prescription, "priorPrescription")?,
        ..Default::default()
    };
    fhirbolt::json::to_string(&resource, None).map_err(|_| OutError::Refused)
}

fn dosage(line: &DoseLine<'_>) -> Result<Dosage, OutError> {
    let sequence = i32::try_from(line.sequence).map_err(|_| OutError::Unusable("sequence"))?;
    Ok(Dosage {
        sequence: Some(sequence.into()),
        text: Some(required(line.text, "dosage text")?.into()),
        timing: timing(line),
        dose_and_rate: line.dose.map(dose_and_rate).transpose()?.into_iter().collect(),
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
fn timing(line: &DoseLine<'_>) -> Option<Box<Timing>> {
    if line.frequency.is_none() && line.when.is_none() && line.bounds_days.is_none() {
        return None;
    }
    Some(Box::new(Timing {
        repeat: Some(TimingRepeat {
            bounds: line
                .bounds_days
                .map(|count| TimingRepeatBounds::Duration(days(count))),
            frequency: line.frequency.map(|f| f.times.into()),
            period: line.frequency.map(|f| f.period.to_string().into()),
            period_unit: line.frequency.map(|f| f.unit.into()),
            when: line.when.map(Into::into).into_iter().collect(),
            ..Default::default()
        }),
        ..Default::default()
    }))
}
