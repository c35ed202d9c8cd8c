//! How much may be asked, how fast, and from where: bounds of the process and of each client.
//!
//! Turns the settings as written into checked numbers and origins. What a bound means when it is reached
//! is told by the module that keeps it: `http` for calls and bodies, `fhir::breaker` for FHIR servers.

use super::check::Source;
use super::{ConfigError, file};
use std::collections::BTreeMap;
use std::time::Duration;
use toml::Spanned;
use url::Url;

/// Longest deadline of a hook call, in milliseconds.
pub(super) const LONGEST_MS: u64 = 60_000;

/// Bounds of the process.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Calls and feedback in work at once; 1024 unless set. Beyond it: 503.
    pub max_calls: usize,
    /// Time in which the head of a request must have come, and a TLS handshake be over; 10 seconds unless set.
    pub head_within: Duration,
    /// Time in which its body must have come; 10 seconds unless set. Later: 408.
    pub body_within: Duration,
    /// How long a connection may be idle between two requests; 75 seconds unless set.
    pub keep_alive: Duration,
}

/// A bound on the calls of one client: so many in a second on average, and so many at once.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rate {
    /// Calls in a second, over time; not zero.
    pub per_second: u32,
    /// Calls that may come at once after a pause; not zero.
    pub burst: u32,
}

/// When a FHIR server that fails is left alone.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BreakerConfig {
    /// Failed reads in a row; 50 unless set, about seven calls that found it dead.
    pub failures: u32,
    /// How long it is not asked then; 2 seconds unless set.
    pub pause: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            max_calls: 1024,
            head_within: Duration::from_secs(10),
            body_within: Duration::from_secs(10),
            keep_alive: Duration::from_secs(75),
        }
    }
}

impl Default for BreakerConfig {
    fn default() -> Self {
        Self {
            failures: 50,
            pause: Duration::from_secs(2),
        }
    }
}

/// Bounds of the process.
pub(super) fn limits(source: &Source<'_>, written: &file::Settings) -> Result<Limits, ConfigError> {
    let usual = Limits::default();
    // The server's clock for connections moves twice a second, so that shorter times would end too early.
    let head = duration(
        source,
        written.head_timeout_ms.as_ref(),
        "head-timeout-ms",
        10_000,
        1_000..=600_000,
    )?;
    let body = duration(
        source,
        written.body_timeout_ms.as_ref(),
        "body-timeout-ms",
        10_000,
        1..=600_000,
    )?;
    let idle = duration(
        source,
        written.keep_alive_s.as_ref(),
        "keep-alive-s",
        75,
        1..=3_600,
    )?;
    Ok(Limits {
        max_calls: source.number(
            written.max_calls.as_ref(),
            "max-calls",
            usual.max_calls,
            1..=1_000_000,
        )?,
        head_within: Duration::from_millis(head),
        body_within: Duration::from_millis(body),
        keep_alive: Duration::from_secs(idle),
    })
}

fn duration(
    source: &Source<'_>,
    value: Option<&Spanned<u64>>,
    key: &str,
    usual: u64,
    range: std::ops::RangeInclusive<u64>,
) -> Result<u64, ConfigError> {
    source.number(value, key, usual, range)
}

/// `[client.rate]`.
pub(super) fn rate(source: &Source<'_>, written: &file::Rate) -> Result<Rate, ConfigError> {
    let most = 1..=1_000_000;
    let per_second = source.number(Some(&written.per_second), "per-second", 1, most.clone())?;
    Ok(Rate {
        per_second,
        burst: source.number(written.burst.as_ref(), "burst", per_second, most)?,
    })
}

/// `[client.breaker]`.
pub(super) fn breaker(
    source: &Source<'_>,
    written: Option<&file::Breaker>,
) -> Result<BreakerConfig, ConfigError> {
    let usual = BreakerConfig::default();
    let Some(written) = written else {
        return Ok(usual);
    };
    let pause = duration(
        source,
        written.pause_ms.as_ref(),
        "pause-ms",
        2_000,
        1..=3_600_000,
    )?;
    Ok(BreakerConfig {
        failures: source.number(written.failures.as_ref(), "failures", usual.failures, 1..=10_000)?,
        pause: Duration::from_millis(pause),
    })
}

/// `[client.deadlines-ms]`: hook by hook.
pub(super) fn deadlines(
    source: &Source<'_>,
    written: &BTreeMap<Spanned<String>, Spanned<u64>>,
) -> Result<BTreeMap<String, Duration>, ConfigError> {
    let one = |(hook, value): (&Spanned<String>, &Spanned<u64>)| {
        let millis = source.number(Some(value), hook.get_ref(), 1, 1..=LONGEST_MS)?;
        Ok((hook.get_ref().clone(), Duration::from_millis(millis)))
    };
    written.iter().map(one).collect()
}

/// `cors-origins`: exact origins, as a browser sends them.
pub(super) fn origins(source: &Source<'_>, written: &[Spanned<String>]) -> Result<Vec<String>, ConfigError> {
    let one = |value: &Spanned<String>| {
        let text = value.get_ref();
        let exact = Url::parse(text).is_ok_and(|url| {
            matches!(url.scheme(), "http" | "https") && url.origin().ascii_serialization() == *text
        });
        let message = "must be an origin: scheme, host and port alone, as https://ehr.hospital.example; no *";
        exact
            .then(|| text.clone())
            .ok_or_else(|| source.invalid(&value.span(), "cors-origins", message))
    };
    written.iter().map(one).collect()
}
