//! Settings of those who run the service: the admin address, the synthetic patient, the end.

use super::check::Source;
use super::{ConfigError, file};
use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;
use toml::Spanned;

/// Seconds between two trials of the synthetic patient.
const DEFAULT_HEARTBEAT_S: u64 = 60;

/// The synthetic patient that is judged again and again.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HeartbeatConfig {
    /// Time between two trials.
    pub every: Duration,
    /// A site's own patient and expectation; `None` means those built in.
    pub file: Option<PathBuf>,
}

/// `[admin] listen`: another address than that of the service.
pub(super) fn admin(
    source: &Source<'_>,
    written: Option<&file::Admin>,
    service: SocketAddr,
) -> Result<Option<SocketAddr>, ConfigError> {
    let Some(admin) = written else { return Ok(None) };
    let refuse = |message: &str| source.invalid(&admin.listen.span(), "listen", message);
    let address: SocketAddr = admin
        .listen
        .get_ref()
        .parse()
        .map_err(|_| refuse("must be an IP address and a port, as 127.0.0.1:9464"))?;
    if address == service && address.port() != 0 {
        return Err(refuse(
            "is the address of the service; the admin routes need one of their own",
        ));
    }
    Ok(Some(address))
}

/// `[heartbeat]`: on unless its interval is 0.
pub(super) fn heartbeat(
    source: &Source<'_>,
    written: &file::Heartbeat,
) -> Result<Option<HeartbeatConfig>, ConfigError> {
    let every = source.number(
        written.every_seconds.as_ref(),
        "every-seconds",
        DEFAULT_HEARTBEAT_S,
        0..=86_400,
    )?;
    let file = match &written.file {
        Some(value) => Some(source.path(value, "file")?),
        None => None,
    };
    Ok((every > 0).then_some(HeartbeatConfig {
        every: Duration::from_secs(every),
        file,
    }))
}

/// `unready-seconds`: at most what an orchestrator waits anyway.
pub(super) fn unready(source: &Source<'_>, written: Option<&Spanned<u64>>) -> Result<Duration, ConfigError> {
    let seconds = source.number(written, "unready-seconds", 0, 0..=60)?;
    Ok(Duration::from_secs(seconds))
}
