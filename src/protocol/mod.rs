//! CDS Hooks wire types.

pub mod response;
