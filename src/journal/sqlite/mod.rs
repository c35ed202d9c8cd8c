//! The journal in a file of SQLite: for one process, or a few on one machine.
//!
//! Turns `sqlite:PATH` into connections; makes the file and its tables. Never opens an address of
//! another engine.

mod write;

use std::path::{Path, PathBuf};
use std::time::Duration;

use jiff::Timestamp;
use sqlx::migrate::Migrator;
use sqlx::sqlite::{
    SqliteConnectOptions, SqliteConnection, SqliteJournalMode, SqlitePool, SqlitePoolOptions,
    SqliteSynchronous,
};
use sqlx::{ConnectOptions, Connection};

use super::JournalError;
use super::alike;
use super::group::{Answers, Group};

/// How long a connection waits for a lock that another process holds, say a backup.
const BUSY_TIMEOUT: Duration = Duration::from_secs(2);
const READERS: u32 = 2;
/// Size of a reader's page cache in KiB, negative as SQLite asks for it. It fills up whatever is read: with the usual
/// 2 MiB memory grew for a quarter of an hour.
const READER_CACHE: &str = "-400";

/// Options for the file at `url`, which is created if it is missing.
pub(super) fn file(url: &str) -> Result<SqliteConnectOptions, JournalError> {
    let path = path(url)?;
    create(path).map_err(|source| place(path, source))?;
    existing(url)
}

/// Options for the file at `url`, which must be there.
pub(super) fn existing(url: &str) -> Result<SqliteConnectOptions, JournalError> {
    let path = path(url)?;
    std::fs::metadata(path).map_err(|source| place(path, source))?;
    let options = SqliteConnectOptions::new()
        .filename(path)
        .journal_mode(SqliteJournalMode::Wal);
    Ok(common(options))
}

fn path(url: &str) -> Result<&Path, JournalError> {
    let path = url
        .strip_prefix("sqlite://")
        .or_else(|| url.strip_prefix("sqlite:"))
        .unwrap_or_default();
    if path.is_empty() || path.starts_with(":memory:") {
        return Err(JournalError::Address);
    }
    Ok(Path::new(path))
}

fn place(path: &Path, source: std::io::Error) -> JournalError {
    let path = PathBuf::from(path);
    JournalError::Place { path, source }
}

/// Options for a database that all connections of this journal share and no other sees.
pub(super) fn memory() -> Result<SqliteConnectOptions, JournalError> {
    "sqlite::memory:".parse().map(common).map_err(JournalError::Open)
}

fn common(options: SqliteConnectOptions) -> SqliteConnectOptions {
    options
        .synchronous(SqliteSynchronous::Full)
        .foreign_keys(true)
        .busy_timeout(BUSY_TIMEOUT)
        .disable_statement_logging()
}

/// Makes the folder and an empty file that only its owner can read: the journal names patients.
/// SQLite gives its side files the same permissions.
fn create(path: &Path) -> std::io::Result<()> {
    let folder = path
        .parent()
        .filter(|folder| !folder.as_os_str().is_empty())
        .unwrap_or(Path::new("."));
    std::fs::create_dir_all(folder)?;
    if path.exists() {
        return Ok(());
    }
    let mut options = std::fs::OpenOptions::new();
    options.write(true).create(true).truncate(false);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options.open(path)?.sync_all()?;
    // The name of a new file lies in its folder, which a power cut may forget on its own.
    #[cfg(unix)]
    std::fs::File::open(folder)?.sync_all()?;
    Ok(())
}

/// A connection that writes.
pub(super) struct Link {
    connection: SqliteConnection,
    /// Whether each transaction is flushed to the disk.
    flushes: bool,
}

impl Link {
    pub(super) async fn open(options: &SqliteConnectOptions) -> Result<Self, sqlx::Error> {
        Ok(Self {
            connection: options.connect().await?,
            flushes: true,
        })
    }

    /// Writes one group. Whoever waits for it waits for the disk; evaluations alone do not.
    pub(super) async fn write(&mut self, group: &Group, keep_comments: bool) -> Result<Answers, sqlx::Error> {
        let waited_for = group.is_waited_for();
        if self.flushes != waited_for {
            write::flush_each(&mut self.connection, waited_for).await?;
            self.flushes = waited_for;
        }
        write::group(&mut self.connection, group, keep_comments).await
    }

    pub(super) async fn purge(&mut self, spent: Timestamp, kept: Timestamp) -> Result<bool, sqlx::Error> {
        write::purge(&mut self.connection, spent, kept).await
    }

    pub(super) async fn migrate(&mut self) -> Result<(), JournalError> {
        alike::migrate!(&mut self.connection, migrator())
    }

    pub(super) async fn close(self) -> Result<(), sqlx::Error> {
        self.connection.close().await
    }
}

/// Writes the whole database, as of one instant, to a new file that only its owner can read.
pub(super) async fn copy(options: &SqliteConnectOptions, target: &Path) -> Result<(), JournalError> {
    if target.exists() {
        return Err(place(target, std::io::ErrorKind::AlreadyExists.into()));
    }
    create(target).map_err(|source| place(target, source))?;
    let text = target
        .to_str()
        .ok_or_else(|| place(target, std::io::ErrorKind::InvalidFilename.into()))?;
    let mut connection = options.connect().await.map_err(JournalError::Open)?;
    sqlx::query("VACUUM INTO ?1")
        .bind(text.to_owned())
        .execute(&mut connection)
        .await
        .map_err(JournalError::Read)?;
    let flushed = std::fs::File::open(target).and_then(|file| file.sync_all());
    flushed.map_err(|source| place(target, source))?;
    connection.close().await.map_err(JournalError::Read)
}

/// Connections that only read.
pub(super) async fn readers(options: &SqliteConnectOptions) -> Result<SqlitePool, sqlx::Error> {
    // One reader stays open: a shared database in memory lives as long as its last connection, and
    // the writer replaces its own after a failure.
    SqlitePoolOptions::new()
        .min_connections(1)
        .max_connections(READERS)
        .idle_timeout(None)
        .max_lifetime(None)
        .acquire_timeout(BUSY_TIMEOUT)
        .connect_with(
            options
                .clone()
                .pragma("query_only", "ON")
                .pragma("cache_size", READER_CACHE),
        )
        .await
}

/// The changes of the tables, oldest first. One that has been released is never edited: the journal
/// compares its checksum at every start.
pub(super) fn migrator() -> Migrator {
    Migrator::with_migrations(vec![
        alike::step(1, "start", include_str!("../migrations/sqlite/0001_start.sql")),
        alike::step(
            2,
            "withheld cards",
            include_str!("../migrations/sqlite/0002_withheld.sql"),
        ),
        alike::step(3, "review", include_str!("../migrations/sqlite/0003_review.sql")),
        alike::step(
            20,
            "card digest",
            include_str!("../migrations/sqlite/0020_card_digest.sql"),
        ),
        alike::step(
            21,
            "audit reads",
            include_str!("../migrations/sqlite/0021_audit_reads.sql"),
        ),
    ])
}
