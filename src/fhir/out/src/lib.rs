//! Turns plain order, issue and audit structs into FHIR R4 JSON, through the typed model of fhirbolt 0.4.
//!
//! It only writes. Bytes that somebody else wrote never enter fhirbolt, which hangs or panics on some of what EHRs
//! send; the one exception is `read_strictly` (feature `referee`), which tests use on our own output. What is written
//! never holds `null`, an empty string, an empty array or an empty object.
//! Follows FHIR R4: MedicationRequest, ServiceRequest, OperationOutcome, AuditEvent and the JSON representation (section 2.6.2).
//!
//! # Why a crate of its own
//! fhirbolt's code is generic and is compiled in whichever crate calls it, for all 146 resource types, because any of
//! them may be `contained` in any other. So every function here takes and returns plain types, and the tests live in
//! `tests/`, where they link this crate instead of compiling its contents again.
//!
//! Measured on 2 virtual CPUs with rustc 1.95, user CPU time of this crate alone:
//!
//! | Build | CPU seconds |
//! |---|---|
//! | `cargo check` or `clippy` | below 1 |
//! | dev | 16 to 17 |
//! | dev with `referee` (reading as well) | 33 to 42 |
//! | release (thin LTO, 4 units) | 68, and about 70 more in the link of each program |
//!
//! The concrete resource is handed to fhirbolt, not its `Resource` enum: it compiles in the same time (dev 16 to 17
//! against 18, within the noise, since `contained` reaches every type anyway) and spares a box. (Reading must go through `Resource`; the concrete types cannot read decimals.)
//!
//! Release run time, median, of a medication request through fhirbolt: 1.9 microseconds without dosage, 7.5 with 4
//! instructions, 16 with 10. From shapes (`medication_shape`): 0.5, 1.4 and 2.6. What fills them is marked `inline`, so that
//! it is optimised with its callers and not for size as the model is. Tests (`service`) go the same way; an
//! outcome takes 0.5 through fhirbolt, which is little enough to leave alone.

mod audit;
mod elements;
mod medication;
mod medication_model;
mod medication_shape;
mod outcome;
#[cfg(feature = "referee")]
mod referee;
mod service;
mod shape;

pub use audit::{AuditRecord, AuditedAct, AuditedCard, AuditedEnd, ReadRecord, audit_event, audit_read};
pub use elements::{Amount, CodeRef};
#[cfg(feature = "referee")]
pub use medication::medication_request_afresh;
pub use medication::{DoseLine, Frequency, MedicationOrder, medication_request};
pub use outcome::{Issue, Severity, operation_outcome};
#[cfg(feature = "referee")]
pub use referee::read_strictly;
#[cfg(feature = "referee")]
pub use service::service_request_afresh;
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
