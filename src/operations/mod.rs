//! What those who run the service use: the routes of the admin address, and the synthetic patient.
//!
//! Nothing here answers about a patient, and nothing here is reachable on the address that EHRs call.

mod admin;
mod heartbeat;

pub use admin::routes;
pub use heartbeat::{Heartbeat, HeartbeatError, heartbeat};
