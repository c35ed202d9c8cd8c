//! The folder `hooks/`: read once, held to its rules, and tried on its cases.
//!
//! [`Files`] are a folder as texts; [`load()`] turns the texts into the tables of
//! [`crate::clinical::knowledge`] or refuses them with file and line; [`check`] runs the cases of `hooks/` through the judgement;
//! [`report()`] prints all of it for reading. What may stand in the files is
//! described in `hooks/FORMAT.md`. Nothing here judges a patient, and no table is changed after loading.

mod agents;
#[cfg(test)]
mod broken_tests;
mod case;
pub mod check;
#[cfg(test)]
mod check_tests;
mod codes;
mod coverage;
mod drugs;
mod expectations;
mod expressions;
mod files;
mod forms;
mod indications;
mod load;
#[cfg(test)]
mod load_tests;
mod names;
mod needs;
mod page;
mod phrases;
mod repeats;
mod report;
mod scalar;
mod schema;
mod signals;
mod situations;
mod sources;
mod tables;
mod tapers;
mod terms;
mod texts;
mod watch;
mod withdrawal;

pub use files::Files;
pub use load::{embedded, from, load, open};
pub use page::Problem;
pub use report::report;
pub use situations::{Situation, case_paths, same_patient, situation, situations};
