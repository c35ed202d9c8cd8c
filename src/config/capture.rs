//! `[capture]`: where, how long and how much of recent requests is kept.

use super::check::Source;
use super::{ConfigError, file};
use std::path::PathBuf;

const DEFAULT_DAYS: u32 = 14;
const DEFAULT_MB: u64 = 512;
/// Bytes of a megabyte.
const MB: u64 = 1_000_000;

/// A folder of recent requests: patient data, for `stepdown diff` and `stepdown replay`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CaptureConfig {
    /// The folder, which only the service's user may be able to read.
    pub folder: PathBuf,
    /// Days after which a request is removed.
    pub days: u32,
    /// Bytes beyond which the oldest are removed.
    pub max_bytes: u64,
}

/// Reads `[capture]`, and whether a client asks for it where there is none.
pub(super) fn capture(
    source: &Source<'_>,
    settings: &file::Settings,
    retention_days: u32,
) -> Result<Option<CaptureConfig>, ConfigError> {
    let Some(written) = &settings.capture else {
        let mut asked = settings
            .client
            .iter()
            .filter_map(|client| client.get_ref().capture.as_ref());
        return match asked.find(|on| *on.get_ref()) {
            Some(on) => Err(source.invalid(&on.span(), "capture", "needs [capture] with a folder")),
            None => Ok(None),
        };
    };
    let longest = retention_days.min(90);
    Ok(Some(CaptureConfig {
        folder: source.path(&written.folder, "folder")?,
        days: source.number(
            written.days.as_ref(),
            "days",
            DEFAULT_DAYS.min(longest),
            1..=longest,
        )?,
        max_bytes: MB * source.number(written.max_mb.as_ref(), "max-mb", DEFAULT_MB, 1..=1_000_000)?,
    }))
}
