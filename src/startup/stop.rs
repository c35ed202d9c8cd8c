//! The end: from a signal to a server that has answered what was in flight.

use super::Live;
use actix_web::dev::ServerHandle;
use std::io;
use std::sync::Arc;
use std::time::Duration;
use tokio::signal::unix::{Signal, SignalKind, signal};

/// The signals to this process, listened for from the moment at which this is made.
pub struct Signals {
    terminate: Signal,
    interrupt: Signal,
    quit: Signal,
    hangup: Signal,
}

impl Signals {
    /// Begins to listen.
    ///
    /// # Errors
    /// If a signal cannot be listened for.
    pub fn listen() -> io::Result<Self> {
        Ok(Self {
            terminate: signal(SignalKind::terminate())?,
            interrupt: signal(SignalKind::interrupt())?,
            quit: signal(SignalKind::quit())?,
            hangup: signal(SignalKind::hangup())?,
        })
    }

    /// Does what they say until the server has ended. SIGTERM ends it gracefully: it is no longer ready, takes calls for
    /// as long as `unready` says, and then finishes those in flight. SIGINT and SIGQUIT end it at once, also while it
    /// still takes calls. SIGHUP reloads.
    pub async fn obey(mut self, live: Arc<Live>, server: ServerHandle, unready: Duration) {
        let mut gracefully = self.until_end(&live).await;
        live.end();
        tracing::info!(event = "service.ending", gracefully);
        if gracefully {
            gracefully = tokio::select! {
                () = tokio::time::sleep(unready) => true,
                () = self.hurried() => false,
            };
        }
        server.stop(gracefully).await;
    }

    /// Whether the signal that ends the service lets it finish what is in flight.
    async fn until_end(&mut self, live: &Arc<Live>) -> bool {
        loop {
            tokio::select! {
                _ = self.terminate.recv() => return true,
                _ = self.interrupt.recv() => return false,
                _ = self.quit.recv() => return false,
                _ = self.hangup.recv() => reload(live).await,
            }
        }
    }

    /// Somebody does not want to wait.
    async fn hurried(&mut self) {
        tokio::select! {
            _ = self.interrupt.recv() => {}
            _ = self.quit.recv() => {}
        }
    }
}

async fn reload(live: &Arc<Live>) {
    let live = Arc::clone(live);
    // What came of it is in the log and in the metrics.
    let _ = tokio::task::spawn_blocking(move || live.reload()).await;
}
