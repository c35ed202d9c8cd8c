//! Work on many things with all cores, in their order.
//!
//! Turns a list into the list of its results; and a long row of things into lists that memory can hold.

use super::found::Found;
use std::num::NonZero;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;

/// Most things of one list, and most bytes of their requests.
const MOST: usize = 256;
const MOST_BYTES: usize = 32 * 1024 * 1024;

/// Results in the order of the things, made by as many threads as there are cores.
pub fn map<T: Sync, R: Send>(things: &[T], work: impl Fn(&T) -> R + Sync) -> Vec<R> {
    let threads = thread::available_parallelism()
        .map_or(1, NonZero::get)
        .min(things.len());
    if threads < 2 {
        return things.iter().map(work).collect();
    }
    let next = AtomicUsize::new(0);
    let share = || {
        let mut done = Vec::new();
        loop {
            let at = next.fetch_add(1, Ordering::Relaxed);
            let Some(thing) = things.get(at) else { return done };
            done.push((at, work(thing)));
        }
    };
    let mut all: Vec<(usize, R)> = thread::scope(|scope| {
        let running: Vec<_> = (0..threads).map(|_| scope.spawn(share)).collect();
        let done = running.into_iter().map(thread::ScopedJoinHandle::join);
        done.flat_map(|done| done.unwrap_or_else(|fault| std::panic::resume_unwind(fault)))
            .collect()
    });
    all.sort_unstable_by_key(|(at, _)| *at);
    all.into_iter().map(|(_, result)| result).collect()
}

/// What was found, in lists of a bounded size.
pub fn batches(found: impl Iterator<Item = Found>) -> impl Iterator<Item = Vec<Found>> {
    let mut found = found.peekable();
    std::iter::from_fn(move || {
        found.peek()?;
        let (mut batch, mut bytes) = (Vec::new(), 0);
        while batch.len() < MOST && bytes < MOST_BYTES {
            let Some(one) = found.next() else { break };
            if let Found::Request(saved) = &one {
                bytes += saved.body.len();
            }
            batch.push(one);
        }
        Some(batch)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn results_keep_the_order_of_the_things() {
        let things: Vec<u64> = (0..1_000).collect();
        let slow_first = |n: &u64| (0..(1_000 - n)).fold(*n, |sum, _| std::hint::black_box(sum));
        assert_eq!(map(&things, slow_first), things);
        assert_eq!(map(&[] as &[u64], slow_first), Vec::<u64>::new());
    }
}
