//! The wire of CDS Hooks.
//!
//! Turns the bytes of a call into a [`request::HookRequest`]. It decides nothing about the patient and
//! reads no resource; what the answers look like is beside it. Follows CDS Hooks 2.0.1.

mod fields;
pub mod request;
