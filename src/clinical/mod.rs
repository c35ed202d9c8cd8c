//! The judgement: a pure function of record, knowledge and clock.
//!
//! Turns a [`record::PatientRecord`] and the [`knowledge::Knowledge`] of `hooks/` into a judgement and
//! its cards. Nothing here does I/O, waits, logs, asks for the time, or knows FHIR, HTTP, a drug's name
//! or a threshold; `tests/suite/architecture.rs` reads these sources and holds them to it.
//!
//! Reading order: [`record`] and [`gap`] say what is known, [`vocabulary`] and [`knowledge`] what the
//! tables say.

pub mod agents;
pub mod compose;
pub mod evaluate;
pub mod gap;
pub mod judge;
pub mod knowledge;
mod merge;
pub mod occasion;
pub mod practice;
pub mod record;
pub mod signal;
pub mod stops;
pub mod taper;
#[cfg(test)]
mod taper_tests;
pub mod therapy;
pub mod vocabulary;
pub mod when;
pub mod wording;
