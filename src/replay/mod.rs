//! Saved hook requests, judged again: for those who want to know what would have been said.
//!
//! Turns folders, files and NDJSON into [`Found`] requests, each of them into what was [`Told`] under some tables,
//! and two of those into their [`Difference`]s. The way of a request is that of `stepdown explain`: nothing is
//! asked of any server and nothing is written. A request that the service itself has kept
//! ([`crate::capture`]) comes with the answers of the FHIR server and with its instant, and is judged exactly as
//! then. What cannot be read is a value with a name and a reason, never left out in silence.

mod compare;
mod envelope;
mod found;
mod rested;
mod saved;
mod side_by_side;
mod sums;
mod told;

pub use compare::{Difference, Kind, differences};
pub use envelope::Envelope;
pub use found::{Found, requests};
pub use rested::{InputTold, Rested, Wanted};
pub use saved::{Judging, Opened, Readable, Saved, Site, Sites};
pub use side_by_side::{batches, map};
pub use sums::Sums;
pub use told::{CardTold, Told};
