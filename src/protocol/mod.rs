//! CDS Hooks wire types: what arrives and what leaves, and nothing else.
//!
//! Follows CDS Hooks 2.0.1 with the discovery fields of 3.0.

pub mod discovery;
pub mod feedback;
pub mod request;
pub mod response;
