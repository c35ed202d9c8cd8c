//! The only folder that knows FHIR's JSON.
//!
//! Turns resources that others wrote into items of [`crate::clinical::record`], one by one, so that one
//! bad resource is one gap and not a lost request. It never guesses: what it cannot read stays unknown.
//! Follows FHIR R4; shapes of R5 and of STU3 that EHRs send are tolerated where they mean the same.
//!
//! Reading order: `json` takes a text apart and `elements` reads it, `bundle` and `subject` say what came and about whom,
//! `terms` says what codes mean, then one lens for each resource type.

pub(crate) mod allergy;
pub(crate) mod banner;
pub mod breaker;
pub mod bundle;
pub mod client;
pub(crate) mod condition;
pub(crate) mod create;
pub(crate) mod dates_in_text;
pub(crate) mod dosage;
pub mod dosage_text;
pub mod drafts;
pub(crate) mod elements;
pub mod json;
mod last_dose;
mod measurement;
pub(crate) mod medication;
pub(crate) mod observation;
pub(crate) mod order;
pub(crate) mod patient;
pub mod query;
pub(crate) mod result_value;
#[cfg(test)]
pub(crate) mod samples;
pub(crate) mod scope;
pub mod subject;
pub(crate) mod supply;
pub mod terms;
pub(crate) mod told;
