//! Turns the journal's address into a running writer and its readers, whichever engine it names.

use std::fmt;
use std::sync::Arc;

use secrecy::{ExposeSecret, SecretString};
use tokio::sync::mpsc;

use super::store::Store;
use super::{Journal, JournalError, WriterState, postgres, sqlite, writer};

/// Where a journal lies: `sqlite:PATH` or `postgres://…`. Prints without user name and password.
#[derive(Clone)]
pub struct JournalAddress {
    url: SecretString,
    password: Option<SecretString>,
}

impl JournalAddress {
    /// An address as it is written in the settings. It is looked at when the journal is opened.
    #[must_use]
    pub fn new(url: &str, password: Option<SecretString>) -> Self {
        let url = SecretString::from(url);
        Self { url, password }
    }

    /// # Errors
    /// [`JournalError`] if the address names neither engine, or a file that cannot be made.
    fn store(&self) -> Result<Store, JournalError> {
        let url = self.url.expose_secret();
        if is_postgres(url) {
            let password = self.password.as_ref().map(ExposeSecret::expose_secret);
            return postgres::server(url, password).map(|options| Store::Postgres(Box::new(options)));
        }
        sqlite::file(url).map(|options| Store::Sqlite(Box::new(options)))
    }

    /// The same, for a journal that must be there already.
    ///
    /// # Errors
    /// [`JournalError`] if it is a file that is not there.
    pub(super) fn existing(&self) -> Result<Store, JournalError> {
        let url = self.url.expose_secret();
        if is_postgres(url) {
            return self.store();
        }
        sqlite::existing(url).map(|options| Store::Sqlite(Box::new(options)))
    }
}

/// Whether an address names PostgreSQL.
pub(crate) fn is_postgres(url: &str) -> bool {
    ["postgres:", "postgresql:"]
        .iter()
        .any(|scheme| url.starts_with(scheme))
}

impl fmt::Display for JournalAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let url = self.url.expose_secret();
        if !is_postgres(url) {
            return f.write_str(url);
        }
        match postgres::server(url, None) {
            Ok(options) => f.write_str(&postgres::place(&options)),
            Err(_) => f.write_str("postgres"),
        }
    }
}

impl fmt::Debug for JournalAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "JournalAddress({self})")
    }
}

/// What an operator decides about the journal.
#[derive(Debug, Clone, Copy)]
pub struct JournalOptions {
    /// Days after which evaluations, cards, feedback and audit entries are removed.
    pub retention_days: u32,
    /// Whether free-text comments of feedback are kept. They may speak of a patient.
    pub keep_comments: bool,
    /// How many evaluations and readings, and how many callers, may wait for the writer.
    pub queue: usize,
}

impl Default for JournalOptions {
    fn default() -> Self {
        Self {
            retention_days: 400,
            keep_comments: false,
            queue: 1024,
        }
    }
}

/// Opens the journal at an address.
pub(super) async fn at(address: &JournalAddress, options: JournalOptions) -> Result<Journal, JournalError> {
    start(address.store()?, options).await
}

/// Opens a journal that is gone with the process.
pub(super) async fn in_memory(options: JournalOptions) -> Result<Journal, JournalError> {
    start(Store::Sqlite(Box::new(sqlite::memory()?)), options).await
}

/// Connects, migrates and starts the writer.
async fn start(store: Store, options: JournalOptions) -> Result<Journal, JournalError> {
    let mut link = store.link().await.map_err(|error| store.open_error(error))?;
    link.migrate().await?;
    let readers = store.readers().await.map_err(JournalError::Open)?;
    let queue = options.queue.max(1);
    let (noted, recorded) = mpsc::channel(queue);
    let (commands, asked) = mpsc::channel(queue);
    let state = Arc::new(WriterState::default());
    let writer = writer::Writer::new(link, store, options, Arc::clone(&state));
    let queues = writer::Queues {
        noted: recorded,
        commands: asked,
    };
    writer::spawn(writer, queues).map_err(JournalError::Start)?;
    Ok(Journal {
        noted,
        commands,
        readers,
        state,
    })
}
