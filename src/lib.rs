//! stepdown reviews the stop of a maintenance drug before it is committed.
//!
//! One request, in ten lines:
//!
//! 1. `http` takes the bytes of a CDS Hooks call and holds them to the limits.
//! 2. `trust` turns the `Authorization` header into a `TrustedEhr`, or refuses.
//! 3. `protocol` turns the JSON into a `HookRequest`.
//! 4. `gather` turns prefetch, and what the EHR's FHIR server adds, into a `PatientRecord` with its gaps.
//! 5. `clinical::stops` finds what ended where the hook names no order; `clinical::therapy` says what is being
//!    stopped, held or replaced.
//! 6. `clinical::signal` says of each named sign whether it is true, false or unknown.
//! 7. `clinical::judge` lets the tables of `hooks/` decide; `clinical::taper` and `clinical::agents` add to it.
//! 8. `clinical::compose` writes the cards in the words of `hooks/`.
//! 9. `journal` remembers what was answered, so that feedback finds its card; `overrides` recognises a card that was
//!    overridden a moment ago.
//! 10. `pipeline` is these steps in order, `app` what they share; `startup` shows every route on one screen.
#![cfg_attr(
    test,
    allow(clippy::unwrap_used, reason = "a failed expectation in a test is a panic")
)]

pub mod http;
pub mod trust;
pub mod protocol;
pub mod fhir;
pub mod gather;
pub mod clinical;
pub mod markdown;
pub mod content;
pub mod journal;
pub mod marks;
pub mod outbound;
pub mod overrides;
pub mod pipeline;
pub mod app;
pub mod clock;
pub mod startup;
pub mod operations;
pub mod operator;
pub mod meters;
pub mod traces;
pub mod config;
pub mod pages;
pub mod smart;
pub mod demo;
pub mod replay;
pub mod capture;
pub mod doctor;
pub mod commands;
