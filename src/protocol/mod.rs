//! CDS Hooks wire types: what arrives and what leaves, and nothing else.
//!
//! It decides nothing about the patient and reads no resource. Follows CDS Hooks 2.0.1 with the
//! discovery fields of 3.0.

pub mod discovery;
pub mod feedback;
mod fields;
pub mod render;
pub mod request;
pub mod response;
