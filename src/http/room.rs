//! Room for one more call, or 503 before anything is read.
//!
//! Refuses in two cases: as many calls are in work as the settings allow (they may all be waiting for a FHIR server),
//! or several are in work and the worker takes so long to get round that each of them would be answered late. The
//! first bounds memory, the second the wait: without it, more calls than a core can answer would queue up to the
//! bound, and everybody would wait for everybody. It knows neither who calls nor what is asked.

use super::error::Refused;
use crate::startup::App;
use std::time::{Duration, Instant};
use tokio::sync::SemaphorePermit;
use tokio::task::yield_now;

/// Calls in work up to which a slow turn is not the fault of the calls, but of the machine.
const FEW: f64 = 32.0;
/// Longest turn. A call takes a handful of them, which together stay well below the usual deadline of two seconds.
const LONGEST_TURN: Duration = Duration::from_millis(100);

/// Room for a call, kept until this is dropped.
///
/// # Errors
/// [`Refused::Busy`].
pub(super) async fn room(app: &App) -> Result<SemaphorePermit<'_>, Refused> {
    let slot = app.slot().ok_or(Refused::Busy)?;
    let asked = Instant::now();
    // Comes back when the worker has been once through everything that waits for it.
    yield_now().await;
    if asked.elapsed() > LONGEST_TURN && app.meters.in_flight.get() > FEW {
        return Err(Refused::Busy);
    }
    Ok(slot)
}
