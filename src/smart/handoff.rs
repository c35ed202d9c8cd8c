//! From a card to the app: which stop a card was about.
//!
//! Turns the context of a hook call into a random handle, and the handle, when it comes back with a token,
//! into that context again. The handle says nothing; what it stands for never leaves the process, lives a
//! quarter of an hour, and is given only to the same client for the same patient.
//! Follows CDS Hooks 2.0.1, "Link" (`appContext`).

use super::random;
use super::refusal::Refusal;
use super::store::{Limits, Store};
use crate::clinical::occasion::Occasion;
use crate::protocol::request::HookRequest;
use std::sync::Arc;
use std::time::Duration;
use uuid::Uuid;

/// Largest context that is kept, in bytes; a larger stop is shown without its handle.
const LARGEST: usize = 64 * 1024;
const LIMITS: Limits = Limits {
    most: 2_048,
    idle: Duration::from_secs(900),
    life: Duration::from_secs(900),
};

/// What a card was about. It has no `Debug`: it is of a patient.
pub(super) struct Stop {
    client: String,
    patient: String,
    /// Hook of the call.
    pub(super) hook: String,
    /// What it asked.
    pub(super) occasion: Occasion,
    /// `context.toBeDiscontinued`.
    pub(super) orders: Option<Box<str>>,
    /// `context.draftOrders`.
    pub(super) drafts: Option<Box<str>>,
    /// Content version of the card.
    pub(super) content: String,
    /// The first card of the answer.
    pub(super) card: Uuid,
}

/// The stops that cards are about now.
pub(super) struct Handles(Store<Arc<Stop>>);

impl Handles {
    pub(super) fn new() -> Self {
        Handles(Store::new(LIMITS))
    }

    /// A handle for the stop of a call; none where there is nothing to keep or too much.
    pub(super) fn keep(
        &self,
        client: &str,
        request: &HookRequest<'_>,
        content: &str,
        card: Uuid,
    ) -> Option<String> {
        let context = &request.context;
        let parts = [context.to_be_discontinued, context.draft_orders];
        let size: usize = parts.iter().flatten().map(|node| node.raw().len()).sum();
        if size > LARGEST || (size == 0 && request.occasion == Occasion::View) {
            return None;
        }
        let handle = random::secret().ok()?;
        let stop = Stop {
            client: client.to_owned(),
            patient: context.patient.id().to_owned(),
            hook: request.hook.to_string(),
            occasion: request.occasion,
            orders: context.to_be_discontinued.map(|node| node.raw().into()),
            drafts: context.draft_orders.map(|node| node.raw().into()),
            content: content.to_owned(),
            card,
        };
        self.0.put(handle.clone(), Arc::new(stop));
        Some(handle)
    }

    /// The stop of a handle, for the client and patient of a token; `None` where the handle is over.
    ///
    /// # Errors
    /// [`Refusal::OtherPatient`] where it is of another patient or client.
    pub(super) fn stop(
        &self,
        handle: &str,
        client: &str,
        patient: &str,
    ) -> Result<Option<Arc<Stop>>, Refusal> {
        match self.0.get(handle) {
            Some(stop) if stop.client == client && stop.patient == patient => Ok(Some(stop)),
            Some(_) => Err(Refusal::OtherPatient),
            None => Ok(None),
        }
    }
}
