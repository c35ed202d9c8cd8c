//! FHIR's JSON: the only folder that knows it.

pub mod drafts;
