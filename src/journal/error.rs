//! Why the journal could not do what it was asked. No variant carries a value from a row.

use std::path::PathBuf;
use std::sync::Arc;

/// What went wrong with the journal.
#[derive(Debug, thiserror::Error)]
pub enum JournalError {
    /// The address is neither `sqlite:PATH` nor `postgres://…`. It is not repeated: it may hold a password.
    #[error("the journal's address ([journal] url) must be sqlite:PATH or postgres://USER@HOST/DATABASE")]
    Address,
    /// The server cannot be reached, or lets us not in.
    #[error("the journal at {place} ([journal] url) cannot be reached: {source}")]
    Unreachable {
        /// Host, port and database; without user name and password.
        place: String,
        /// What the server or the operating system said.
        source: sqlx::Error,
    },
    /// The folder or the file of the journal cannot be made.
    #[error("{}: {source}", path.display())]
    Place {
        /// The folder or file.
        path: PathBuf,
        /// What the operating system said.
        source: std::io::Error,
    },
    /// The file cannot be opened as a database.
    #[error("the journal cannot be opened: {0}")]
    Open(#[source] sqlx::Error),
    /// The tables cannot be brought up to date.
    #[error("the journal's tables cannot be brought up to date: {0}")]
    Migrate(#[source] sqlx::migrate::MigrateError),
    /// A newer version has changed the tables so that this one can no longer use them.
    #[error("the journal's tables are those of a newer version, which this one cannot use")]
    Newer,
    /// The writer cannot be started.
    #[error("the journal's writer cannot be started: {0}")]
    Start(#[source] std::io::Error),
    /// A write failed. Shared, because one failure answers every command of the transaction.
    #[error("the journal cannot be written: {0}")]
    Write(#[source] Arc<sqlx::Error>),
    /// A query failed.
    #[error("the journal cannot be read: {0}")]
    Read(#[source] sqlx::Error),
    /// The disk did not answer in time. The write may still happen.
    #[error("the journal did not acknowledge in time")]
    Late,
    /// Feedback about a card that a replica has issued but not written yet.
    #[error("the journal does not hold a card yet that was issued a moment ago")]
    Early,
    /// The journal is no file that could be copied.
    #[error("a journal in PostgreSQL is backed up with the server's own tools, say pg_dump")]
    NoCopy,
    /// The journal is closed.
    #[error("the journal is closed")]
    Closed,
}
