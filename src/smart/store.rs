//! A bounded memory of things that end: launches under way, sessions, handles of cards.
//!
//! Maps a random key to a value for a while. Where it is full, what is over goes first, then what was used
//! longest ago: a flood of launches can end other people's launches, but it cannot fill the memory. Nothing
//! of it outlives the process, and none of it can be printed.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// The memory.
pub(super) struct Store<T> {
    entries: Mutex<HashMap<String, Entry<T>>>,
    limits: Limits,
}

/// How much is kept, and how long.
#[derive(Clone, Copy)]
pub(super) struct Limits {
    /// Most entries.
    pub(super) most: usize,
    /// Longest time without use.
    pub(super) idle: Duration,
    /// Longest time in all.
    pub(super) life: Duration,
}

struct Entry<T> {
    value: T,
    made: Instant,
    used: Instant,
}

impl<T> Store<T> {
    /// An empty one.
    pub(super) fn new(limits: Limits) -> Self {
        Store {
            entries: Mutex::default(),
            limits,
        }
    }

    /// Keeps a value.
    pub(super) fn put(&self, key: String, value: T) {
        let mut entries = self.entries();
        if entries.len() >= self.limits.most {
            entries.retain(|_, entry| !self.is_over(entry));
        }
        if entries.len() >= self.limits.most {
            let oldest = entries.iter().min_by_key(|(_, entry)| entry.used);
            if let Some(key) = oldest.map(|(key, _)| key.clone()) {
                entries.remove(&key);
            }
        }
        let now = Instant::now();
        let (made, used) = (now, now);
        entries.insert(key, Entry { value, made, used });
    }

    /// Takes a value out: it is found once.
    pub(super) fn take(&self, key: &str) -> Option<T> {
        let entry = self.entries().remove(key)?;
        (!self.is_over(&entry)).then_some(entry.value)
    }

    fn is_over(&self, entry: &Entry<T>) -> bool {
        entry.made.elapsed() > self.limits.life || entry.used.elapsed() > self.limits.idle
    }

    fn entries(&self) -> MutexGuard<'_, HashMap<String, Entry<T>>> {
        self.entries.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<T: Clone> Store<T> {
    /// A value, which counts as use.
    pub(super) fn get(&self, key: &str) -> Option<T> {
        let mut entries = self.entries();
        let entry = entries.get_mut(key)?;
        if self.is_over(entry) {
            entries.remove(key);
            return None;
        }
        entry.used = Instant::now();
        Some(entry.value.clone())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn store(most: usize, life: Duration) -> Store<u8> {
        let idle = life;
        Store::new(Limits { most, idle, life })
    }

    #[test]
    fn what_is_taken_is_gone_and_what_is_over_is_not_found() {
        let kept = store(2, Duration::from_secs(60));
        kept.put("a".into(), 1);
        assert_eq!(
            (kept.get("a"), kept.take("a"), kept.take("a")),
            (Some(1), Some(1), None)
        );
        let over = store(2, Duration::ZERO);
        over.put("a".into(), 1);
        std::thread::sleep(Duration::from_millis(2));
        assert_eq!((over.get("a"), over.take("a")), (None, None));
    }

    #[test]
    fn the_one_that_was_used_longest_ago_makes_room() {
        let kept = store(2, Duration::from_secs(60));
        kept.put("a".into(), 1);
        kept.put("b".into(), 2);
        kept.get("a");
        kept.put("c".into(), 3);
        assert_eq!(
            (kept.get("a"), kept.get("b"), kept.get("c")),
            (Some(1), None, Some(3))
        );
    }
}
