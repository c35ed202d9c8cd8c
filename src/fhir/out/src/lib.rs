//! Turns plain order and issue structs into FHIR R4 JSON, through the typed model of fhirbolt.

mod elements;
mod medication;
mod outcome;
#[cfg(feature = "referee")]
mod referee;
mod service;

pub use elements::{Amount, CodeRef};
pub use medication::{DoseLine, Frequency, MedicationOrder, medication_request};
pub use outcome::{Issue, Severity, operation_outcome};
#[cfg(feature = "referee")]
pub use referee::read_strictly;
pub use service::{TestOrder, service_request};

/// Why a resource could not be written. Names the element, never its content.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum OutError {
    /// A text that the resource needs was empty.
    #[error("{0} must not be empty")]
    Missing(&'static str),
    /// A number or code is outside what its FHIR type allows.
    #[error("{0} has a value that FHIR does not allow there")]
    Unusable(&'static str),
    /// The FHIR model would not write the resource.
    #[error("the FHIR model refused the resource")]
    Refused,
}
