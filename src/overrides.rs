//! What was overridden lately, in memory: whether a card that is about to be sent was overridden a moment ago.
//!
//! Turns the overrides of the journal into a map from a card's digest to its last override, read in the background
//! and never by a call: a journal that is slow or gone delays nothing, and what could not be read anew for a few
//! seconds counts as forgotten, so that cards keep their full force. The journal is what replicas share and what
//! outlives a restart, so a replica knows two seconds and one reading later at most what another one was told. A
//! digest is keyed; it holds client, patient, orders and findings and tells none of them. Follows no standard: CDS
//! Hooks leaves to the service what it does with feedback.

use crate::clock::Clock;
use crate::journal::{Journal, OverriddenCard};
use crate::marks::Marks;
use jiff::{SignedDuration, Timestamp};
use serde::Serialize;
use std::collections::HashMap;
use std::sync::{Arc, PoisonError, RwLock};
use std::time::{Duration, Instant};
use tokio::sync::Notify;

/// How long an override can matter; the tables may say less.
const LONGEST: SignedDuration = SignedDuration::from_hours(24);
/// Overrides of one client that are remembered, the newest.
const MOST: u32 = 5_000;
/// How often the journal is read.
const EVERY: Duration = Duration::from_secs(2);
/// Shortest time between two readings.
const PAUSE: Duration = Duration::from_millis(20);
/// How long one reading may take.
const PATIENCE: Duration = Duration::from_secs(2);
/// For how long a reading holds when no other has worked since.
const TRUSTED_FOR: Duration = Duration::from_secs(10);

/// The last override of a card.
#[derive(Clone, Debug)]
pub struct Overridden {
    /// When.
    pub at: Timestamp,
    /// System and code of the reason, where one was coded.
    pub reason: Option<(Option<String>, String)>,
}

/// What was overridden lately; shared by all workers and versions of the settings.
#[derive(Default)]
pub struct Overrides {
    marks: Arc<Marks>,
    known: RwLock<Known>,
    told: Notify,
}

#[derive(Default)]
struct Known {
    read: Option<Instant>,
    by_digest: HashMap<String, Overridden>,
}

impl Overrides {
    /// Of a journal whose marks these are.
    pub fn marked_by(marks: Arc<Marks>) -> Self {
        Self {
            marks,
            ..Self::default()
        }
    }

    /// The digest of what makes a card the same again; `None` until the journal's key is known.
    pub fn digest(&self, of: &impl Serialize) -> Option<String> {
        self.marks.of(of)
    }

    /// The last override of that card, if it is less than `within` before `now`.
    pub fn last(&self, digest: &str, within: SignedDuration, now: Timestamp) -> Option<Overridden> {
        let known = self.known.read().unwrap_or_else(PoisonError::into_inner);
        if known.read?.elapsed() > TRUSTED_FOR {
            return None;
        }
        let last = known.by_digest.get(digest)?;
        (now.duration_since(last.at) < within).then(|| last.clone())
    }

    /// Says that the journal knows more than before.
    pub fn tell(&self) {
        self.told.notify_one();
    }

    /// Reads the journal now, again whenever it is told to, and every two seconds because of other replicas.
    pub async fn follow(self: Arc<Self>, journal: Arc<Journal>, clock: Clock) {
        loop {
            self.read(&journal, clock.now()).await;
            tokio::time::sleep(PAUSE).await;
            // Whichever comes first: the next reading is due.
            let _ = tokio::time::timeout(EVERY, self.told.notified()).await;
        }
    }

    /// Reads the journal once. What fails is tried again by the next reading; the journal itself logs its faults.
    pub async fn read(&self, journal: &Journal, now: Timestamp) {
        let read = async {
            self.marks.learn(journal).await.ok()?;
            journal
                .overridden(now.checked_sub(LONGEST).ok()?, MOST)
                .await
                .ok()
        };
        if let Ok(Some(cards)) = tokio::time::timeout(PATIENCE, read).await {
            self.remember(cards);
        }
    }

    fn remember(&self, cards: Vec<OverriddenCard>) {
        // Oldest first: the last override of a card stays.
        let each = cards.into_iter().map(|card| {
            let reason = card.reason_code.map(|code| (card.reason_system, code));
            (card.digest, Overridden { at: card.at, reason })
        });
        let known = Known {
            by_digest: each.collect(),
            read: Some(Instant::now()),
        };
        *self.known.write().unwrap_or_else(PoisonError::into_inner) = known;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(minutes: i64) -> Timestamp {
        Timestamp::from_second(1_800_000_000 + 60 * minutes).unwrap()
    }

    fn card(digest: &str, minutes: i64, code: Option<&str>) -> OverriddenCard {
        OverriddenCard {
            digest: digest.to_owned(),
            at: at(minutes),
            reason_system: None,
            reason_code: code.map(str::to_owned),
        }
    }

    #[test]
    fn the_last_override_counts_until_its_time_has_passed() {
        let overrides = Overrides::default();
        overrides.remember(vec![card("a", 0, Some("first")), card("a", 10, Some("last"))]);
        let within = SignedDuration::from_mins(30);
        let last = overrides.last("a", within, at(39)).unwrap();
        assert_eq!((last.at, last.reason.unwrap().1.as_str()), (at(10), "last"));
        assert!(overrides.last("a", within, at(40)).is_none());
        assert!(overrides.last("b", within, at(39)).is_none());
    }

    #[test]
    fn what_could_not_be_read_anew_is_forgotten() {
        let overrides = Overrides::default();
        overrides.remember(vec![card("a", 0, None)]);
        let within = SignedDuration::from_mins(30);
        assert!(overrides.last("a", within, at(1)).is_some());
        overrides.known.write().unwrap().read = Instant::now().checked_sub(TRUSTED_FOR + EVERY);
        assert!(overrides.last("a", within, at(1)).is_none());
    }

    #[tokio::test]
    async fn a_journal_gives_every_process_the_same_key_and_another_journal_another() {
        let (one, other) = (
            Journal::in_memory().await.unwrap(),
            Journal::in_memory().await.unwrap(),
        );
        let digest = async |journal: &Journal| {
            let overrides = Overrides::default();
            assert!(overrides.digest(&"x").is_none(), "no key, no digest");
            overrides.read(journal, at(0)).await;
            overrides.digest(&"x").unwrap()
        };
        let first = digest(&one).await;
        assert_eq!(first.len(), 64);
        assert_eq!(first, digest(&one).await);
        assert_ne!(first, digest(&other).await);
    }
}
