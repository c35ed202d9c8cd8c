//! `[traces]`: where the spans of calls are sent.
//!
//! Turns an address, a ratio and a file with headers into what the exporter needs. Values of headers are
//! secrets: no error and no `Debug` repeats one.

use secrecy::SecretString;
use toml::Spanned;
use url::Url;

use super::check::Source;
use super::{ConfigError, file};
use crate::outbound::is_loopback;

/// Share of the calls that are traced unless set.
const DEFAULT_RATIO: f64 = 0.1;

/// A collector that takes OTLP over HTTP.
#[derive(Debug, Clone)]
pub struct TracesConfig {
    /// The whole address, with its path.
    pub endpoint: Url,
    /// Share of the calls that are traced, from 0 to 1.
    pub sample_ratio: f64,
    /// Headers that the collector asks for, say a token.
    pub headers: Vec<(String, SecretString)>,
}

/// Reads `[traces]`.
pub(super) fn traces(
    source: &Source<'_>,
    written: Option<&file::Traces>,
) -> Result<Option<TracesConfig>, ConfigError> {
    let Some(traces) = written else { return Ok(None) };
    let headers = match &traces.headers_file {
        Some(file) => headers(source, file)?,
        None => Vec::new(),
    };
    let endpoint = source.address(&traces.endpoint, "endpoint")?;
    if endpoint.scheme() == "http" && !is_loopback(&endpoint) && !headers.is_empty() {
        let message = "must be https where headers-file holds a secret, unless its host is this machine";
        return Err(source.invalid(&traces.endpoint.span(), "endpoint", message));
    }
    Ok(Some(TracesConfig {
        endpoint,
        sample_ratio: source.number(
            traces.sample_ratio.as_ref(),
            "sample-ratio",
            DEFAULT_RATIO,
            0.0..=1.0,
        )?,
        headers,
    }))
}

/// One `name: value` to a line.
fn headers(source: &Source<'_>, file: &Spanned<String>) -> Result<Vec<(String, SecretString)>, ConfigError> {
    let path = source.path(file, "headers-file")?;
    let refuse = |message: String| {
        let message = format!("{}: {message}", path.display());
        source.invalid(&file.span(), "headers-file", message)
    };
    let text = std::fs::read_to_string(&path).map_err(|error| refuse(error.to_string()))?;
    let mut found = Vec::new();
    for (at, line) in (1..)
        .zip(text.lines())
        .filter(|(_, line)| !line.trim().is_empty())
    {
        let wrong = || refuse(format!("line {at} is not a header (name: value)"));
        let (name, value) = line.split_once(':').ok_or_else(wrong)?;
        let (name, value) = (name.trim(), value.trim());
        let is_name = reqwest::header::HeaderName::from_bytes(name.as_bytes()).is_ok();
        let is_value = reqwest::header::HeaderValue::from_str(value).is_ok();
        if !is_name || !is_value || value.is_empty() {
            return Err(wrong());
        }
        found.push((name.to_owned(), SecretString::from(value)));
    }
    if found.is_empty() {
        return Err(refuse("holds no header".to_owned()));
    }
    Ok(found)
}
