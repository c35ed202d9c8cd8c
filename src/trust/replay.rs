//! Takes a token as used: in the journal, or, where the settings allow it and the journal cannot, in the
//! memory of this process.
//!
//! In the journal the promise holds for every replica and through a restart. In memory it holds for this
//! process only, which is why nothing is accepted on memory alone unless an operator has said so. It
//! never forgets a token before it has expired: when there is no room, the token is refused.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use jiff::Timestamp;

use super::Refusal;
use crate::config::WhenUnavailable;
use crate::journal::Journal;

/// Most tokens that are remembered.
const ROOM: usize = 100_000;
/// How long a call waits for a journal that it can do without.
const PATIENCE: Duration = Duration::from_millis(500);

/// One token, as the journal knows it.
#[derive(Clone, Copy)]
pub(super) struct Spent<'a> {
    pub(super) issuer: &'a str,
    pub(super) jti: &'a str,
    pub(super) expires: Timestamp,
}

/// What was used, as far as this process knows. Prints no token.
pub(super) struct Replay {
    policy: WhenUnavailable,
    used: Mutex<HashMap<(String, String), Timestamp>>,
}

impl std::fmt::Debug for Replay {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Replay")
            .field("policy", &self.policy)
            .finish_non_exhaustive()
    }
}

impl Replay {
    pub(super) fn new(policy: WhenUnavailable) -> Self {
        let used = Mutex::default();
        Self { policy, used }
    }

    /// # Errors
    /// [`Refusal::Replayed`]; [`Refusal::JournalUnavailable`] where nobody can tell.
    pub(super) async fn spend(
        &self,
        token: Spent<'_>,
        now: Timestamp,
        journal: &Journal,
    ) -> Result<(), Refusal> {
        let in_journal = journal.spend_jti(token.issuer, token.jti, token.expires);
        if self.policy == WhenUnavailable::Refuse {
            return match in_journal.await {
                Ok(true) => Ok(()),
                Ok(false) => Err(Refusal::Replayed),
                Err(_) => Err(Refusal::JournalUnavailable),
            };
        }
        // First in memory: what was accepted while the journal was away stays used when it is back.
        self.remember(token, now)?;
        match tokio::time::timeout(PATIENCE, in_journal).await {
            Ok(Ok(true)) => Ok(()),
            Ok(Ok(false)) => Err(Refusal::Replayed),
            Ok(Err(_)) | Err(_) => {
                tracing::warn!(event = "token.not-journalled");
                Ok(())
            }
        }
    }

    fn remember(&self, token: Spent<'_>, now: Timestamp) -> Result<(), Refusal> {
        let mut used = self.used.lock().unwrap_or_else(PoisonError::into_inner);
        if used.len() >= ROOM {
            used.retain(|_, expires| *expires >= now);
        }
        let key = (token.issuer.to_owned(), token.jti.to_owned());
        if used.contains_key(&key) {
            return Err(Refusal::Replayed);
        }
        if used.len() >= ROOM {
            return Err(Refusal::JournalUnavailable);
        }
        used.insert(key, token.expires);
        Ok(())
    }
}
