//! The end: from a signal to a server that has answered what was in flight.

use super::Live;
use actix_web::dev::ServerHandle;
use std::io;
use std::sync::Arc;
use std::time::Duration;
use tokio::signal::unix::{SignalKind, signal};

/// Waits for signals. SIGTERM ends the server gracefully: it is no longer ready, takes calls for as long as
/// `unready` says, and then finishes those in flight. SIGINT and SIGQUIT end it at once. SIGHUP reloads.
///
/// # Errors
/// If a signal cannot be listened for.
pub async fn on_signal(live: Arc<Live>, server: ServerHandle, unready: Duration) -> io::Result<()> {
    let mut terminate = signal(SignalKind::terminate())?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    let mut quit = signal(SignalKind::quit())?;
    let mut hangup = signal(SignalKind::hangup())?;
    let gracefully = loop {
        tokio::select! {
            _ = terminate.recv() => break true,
            _ = interrupt.recv() => break false,
            _ = quit.recv() => break false,
            _ = hangup.recv() => reload(&live).await,
        }
    };
    live.end();
    tracing::info!(event = "service.ending", gracefully);
    if gracefully {
        tokio::time::sleep(unready).await;
    }
    server.stop(gracefully).await;
    Ok(())
}

async fn reload(live: &Arc<Live>) {
    let live = Arc::clone(live);
    // What came of it is in the log and in the metrics.
    let _ = tokio::task::spawn_blocking(move || live.reload()).await;
}
