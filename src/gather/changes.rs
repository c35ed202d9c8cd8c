//! What a signing hook changes, by comparison with the record.
//!
//! Turns an order of the context and its copy in the record into "signed again", "changed" or neither, and a
//! draft that takes the place of an active order into the end of that order. An order whose copy could not be
//! had is taken at its word: what is not there changes nothing. Follows section 1 of the outside contract;
//! `MedicationRequest.priorPrescription` of FHIR R4.

use crate::clinical::record::{Dose, Drug, Order, OrderStatus, PatientRecord, Role};

/// Whether an order that is over or held was so before it was signed again.
pub(super) fn is_signed_again(order: &Order, copy: &Order) -> bool {
    let was_over = matches!(
        copy.status,
        OrderStatus::Stopped | OrderStatus::Cancelled | OrderStatus::Completed
    );
    order.role == Role::Stopping && (was_over || order.status == copy.status)
}

/// Whether an active order is signed with a status that says nothing: a stop cannot be excluded.
pub(super) fn may_be_stopped(order: &Order, copy: &Order) -> bool {
    order.role == Role::Draft && order.status == OrderStatus::Unknown && copy.status == OrderStatus::Active
}

/// Whether an active order is signed with another drug, formulation or daily dose. What one of the two does
/// not say is no difference.
pub(super) fn changes(order: &Order, copy: &Order) -> bool {
    let differ = |doses: Option<_>| doses.is_some_and(|(one, other)| one != other);
    let drugs = match (order.drug, copy.drug) {
        (
            Drug::Known { ingredient: one, .. },
            Drug::Known {
                ingredient: other, ..
            },
        ) => one != other,
        (Drug::Other, Drug::Known { .. }) => true,
        (Drug::Known { .. } | Drug::Unreadable | Drug::Other, _) => false,
    };
    let formulations = order.formulation.zip(copy.formulation);
    order.role == Role::Draft
        && copy.status == OrderStatus::Active
        && matches!(copy.drug, Drug::Known { .. })
        && (drugs
            || differ(order.dose.daily().zip(copy.dose.daily()))
            || formulations.is_some_and(|(one, other)| one != other))
}

/// Ends every active order of the record whose place a draft takes.
pub(super) fn replaced_by_drafts(record: &mut PatientRecord) {
    let drafts = record.orders.iter().filter(|order| order.role == Role::Draft);
    let replaced: Vec<Box<str>> = drafts.filter_map(|draft| draft.prior.clone()).collect();
    for order in &mut record.orders {
        let is_prior = order.reference.as_ref().is_some_and(|own| replaced.contains(own));
        if is_prior && order.role == Role::Recorded && order.status == OrderStatus::Active {
            order.role = Role::Stopping;
        }
    }
}

/// Adds to an order of the context what only the copy in the record says. What the context says stays.
pub(super) fn complete(order: &mut Order, copy: Order) {
    if order.drug == Drug::Unreadable {
        order.drug = copy.drug;
        order.drug_text = copy.drug_text;
        order.formulation = copy.formulation;
        order.site = order.site.or(copy.site);
    }
    if order.drug == copy.drug && order.dose == Dose::Unknown {
        order.dose = copy.dose;
        order.unread.dose &= order.dose == Dose::Unknown;
    }
    if order.starts.is_none() {
        order.unread.start = copy.unread.start || order.unread.start && copy.starts.is_none();
    }
    order.dose_came |= copy.dose_came;
    order.authored = order.authored.or(copy.authored);
    order.starts = order.starts.or(copy.starts);
    order.prior = order.prior.take().or(copy.prior);
    if order.reasons.is_empty() {
        order.reasons = copy.reasons;
    }
}
