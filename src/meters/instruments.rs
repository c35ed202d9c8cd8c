//! Counters, gauges and histograms as atomics, families of them by label, and their text.
//!
//! Follows the Prometheus text exposition format, version 0.0.4.

use super::names::Name;
use std::collections::BTreeMap;
use std::fmt::Write;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

/// Upper bounds of the buckets, in microseconds and as Prometheus writes them in seconds.
const BOUNDS: [(u64, &str); 14] = [
    (500, "0.0005"),
    (1_000, "0.001"),
    (2_500, "0.0025"),
    (5_000, "0.005"),
    (10_000, "0.01"),
    (25_000, "0.025"),
    (50_000, "0.05"),
    (100_000, "0.1"),
    (250_000, "0.25"),
    (500_000, "0.5"),
    (1_000_000, "1"),
    (2_000_000, "2"),
    (5_000_000, "5"),
    (10_000_000, "10"),
];

/// Something that Prometheus can read.
pub trait Instrument {
    /// Its kind in a `TYPE` line.
    const KIND: &'static str;

    /// Writes its samples; `labels` is `a="b",c="d"`, or empty.
    fn samples(&self, out: &mut String, name: &str, labels: &str);
}

/// Goes up.
#[derive(Default)]
pub struct Counter(AtomicU64);

impl Counter {
    /// Adds to it.
    pub fn add(&self, times: u64) {
        if times > 0 {
            self.0.fetch_add(times, Ordering::Relaxed);
        }
    }

    /// What it stands at.
    pub fn get(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }
}

impl Instrument for Counter {
    const KIND: &'static str = "counter";

    fn samples(&self, out: &mut String, name: &str, labels: &str) {
        sample(out, name, "", labels, &self.get().to_string());
    }
}

/// Goes up and down. It has no sample until it was set.
pub struct Gauge(AtomicU64);

impl Default for Gauge {
    fn default() -> Self {
        Self::at(f64::NAN)
    }
}

impl Gauge {
    /// A gauge that stands at a value.
    #[must_use]
    pub fn at(value: f64) -> Self {
        Self(AtomicU64::new(value.to_bits()))
    }

    /// Sets it.
    pub fn set(&self, value: f64) {
        self.0.store(value.to_bits(), Ordering::Relaxed);
    }

    /// Counts something for as long as the value that it returns lives.
    #[must_use]
    pub fn hold(&self) -> Held<'_> {
        self.step(1.0);
        Held(self)
    }

    fn step(&self, by: f64) {
        let moved = |bits| Some((f64::from_bits(bits) + by).to_bits());
        // It cannot fail: `moved` always gives a value.
        let _ = self.0.fetch_update(Ordering::Relaxed, Ordering::Relaxed, moved);
    }

    /// What it stands at; not a number if it was never set.
    pub fn get(&self) -> f64 {
        f64::from_bits(self.0.load(Ordering::Relaxed))
    }
}

/// Something that a gauge counts while it lasts.
pub struct Held<'g>(&'g Gauge);

impl Drop for Held<'_> {
    fn drop(&mut self) {
        self.0.step(-1.0);
    }
}

impl Instrument for Gauge {
    const KIND: &'static str = "gauge";

    fn samples(&self, out: &mut String, name: &str, labels: &str) {
        if !self.get().is_nan() {
            sample(out, name, "", labels, &self.get().to_string());
        }
    }
}

/// How long something took, in fixed buckets.
#[derive(Default)]
pub struct Histogram {
    counts: [AtomicU64; BOUNDS.len() + 1],
    micros: AtomicU64,
}

impl Histogram {
    /// Counts one duration.
    pub fn observe(&self, took: Duration) {
        let micros = u64::try_from(took.as_micros()).unwrap_or(u64::MAX);
        let bucket = BOUNDS.partition_point(|(bound, _)| *bound < micros);
        self.counts[bucket].fetch_add(1, Ordering::Relaxed);
        self.micros.fetch_add(micros, Ordering::Relaxed);
    }
}

impl Instrument for Histogram {
    const KIND: &'static str = "histogram";

    fn samples(&self, out: &mut String, name: &str, labels: &str) {
        let comma = if labels.is_empty() { "" } else { "," };
        let mut below = 0;
        let bounds = BOUNDS.iter().map(|(_, text)| *text).chain(["+Inf"]);
        for (bound, count) in bounds.zip(&self.counts) {
            below += count.load(Ordering::Relaxed);
            let labels = format!("{labels}{comma}le=\"{bound}\"");
            sample(out, name, "_bucket", &labels, &below.to_string());
        }
        #[expect(
            clippy::cast_precision_loss,
            reason = "a sum beyond 2^53 microseconds is 285 years"
        )]
        let seconds = self.micros.load(Ordering::Relaxed) as f64 / 1e6;
        sample(out, name, "_sum", labels, &seconds.to_string());
        sample(out, name, "_count", labels, &below.to_string());
    }
}

/// Instruments of one name, told apart by labels.
pub struct Family<M> {
    name: &'static Name,
    members: RwLock<BTreeMap<String, Arc<M>>>,
}

impl<M: Instrument + Default> Family<M> {
    /// A family without members.
    pub(super) fn new(name: &'static Name) -> Self {
        Self {
            name,
            members: RwLock::default(),
        }
    }

    /// The member with these values of the labels, in their order; made if it is not there. To be kept where it
    /// is needed often.
    pub fn with(&self, values: &[&str]) -> Arc<M> {
        let mut key = String::new();
        for (label, value) in self.name.labels.iter().zip(values) {
            let comma = if key.is_empty() { "" } else { "," };
            // Writing to a text cannot fail.
            let _ = write!(key, "{comma}{label}=\"{}\"", escaped(value));
        }
        let known = self.members.read().unwrap_or_else(PoisonError::into_inner);
        if let Some(member) = known.get(&key) {
            return Arc::clone(member);
        }
        drop(known);
        let mut members = self.members.write().unwrap_or_else(PoisonError::into_inner);
        Arc::clone(members.entry(key).or_default())
    }

    /// Forgets every member; those that are held elsewhere are no longer written.
    pub fn clear(&self) {
        self.members
            .write()
            .unwrap_or_else(PoisonError::into_inner)
            .clear();
    }

    /// Writes every member that has something to say.
    pub(super) fn write(&self, out: &mut String) {
        let members = self.members.read().unwrap_or_else(PoisonError::into_inner);
        head(out, self.name, M::KIND);
        for (labels, member) in &*members {
            member.samples(out, self.name.name, labels);
        }
    }
}

/// Writes an instrument without labels.
pub(super) fn write_one<M: Instrument>(out: &mut String, name: &Name, one: &M) {
    head(out, name, M::KIND);
    one.samples(out, name.name, "");
}

fn head(out: &mut String, name: &Name, kind: &str) {
    let Name { name, help, .. } = name;
    // Writing to a text cannot fail.
    let _ = writeln!(out, "# HELP {name} {help}\n# TYPE {name} {kind}");
}

fn sample(out: &mut String, name: &str, suffix: &str, labels: &str, value: &str) {
    let (open, close) = if labels.is_empty() { ("", "") } else { ("{", "}") };
    // Writing to a text cannot fail.
    let _ = writeln!(out, "{name}{suffix}{open}{labels}{close} {value}");
}

fn escaped(value: &str) -> String {
    value
        .replace('\\', "\\\\")
        .replace('"', "\\\"")
        .replace('\n', "\\n")
}
