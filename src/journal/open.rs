//! Turns the journal's address into a running writer and its readers; makes the file and its tables.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use sqlx::migrate::{Migration, MigrationType, Migrator};
use sqlx::sqlite::{SqliteConnectOptions, SqliteJournalMode, SqlitePoolOptions, SqliteSynchronous};
use sqlx::{ConnectOptions, SqlSafeStr};
use tokio::sync::mpsc;

use super::{Journal, JournalError, WriterState, writer};

/// How long a connection waits for a lock that another process holds, say a backup.
const BUSY_TIMEOUT: Duration = Duration::from_secs(2);
const READERS: u32 = 2;

/// What an operator decides about the journal.
#[derive(Debug, Clone, Copy)]
pub struct JournalOptions {
    /// Days after which evaluations, cards, feedback and audit entries are removed.
    pub retention_days: u32,
    /// Whether free-text comments of feedback are kept. They may speak of a patient.
    pub keep_comments: bool,
    /// How many evaluations, and how many callers, may wait for the writer.
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

/// Options for the file at `url`, which is created if it is missing.
pub(super) fn file(url: &str) -> Result<SqliteConnectOptions, JournalError> {
    let path = url
        .strip_prefix("sqlite://")
        .or_else(|| url.strip_prefix("sqlite:"))
        .unwrap_or_default();
    if path.is_empty() || path.starts_with(":memory:") {
        return Err(JournalError::Address);
    }
    let path = Path::new(path);
    create(path).map_err(|source| JournalError::Place {
        path: PathBuf::from(path),
        source,
    })?;
    let options = SqliteConnectOptions::new()
        .filename(path)
        .journal_mode(SqliteJournalMode::Wal);
    Ok(common(options))
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

/// Connects, migrates and starts the writer.
pub(super) async fn start(
    connect: SqliteConnectOptions,
    options: JournalOptions,
) -> Result<Journal, JournalError> {
    let mut connection = connect.connect().await.map_err(JournalError::Open)?;
    migrator()
        .run(&mut connection)
        .await
        .map_err(JournalError::Migrate)?;
    // One reader stays open: a shared database in memory lives as long as its last connection, and
    // the writer replaces its own after a failure.
    let readers = SqlitePoolOptions::new()
        .min_connections(1)
        .max_connections(READERS)
        .idle_timeout(None)
        .max_lifetime(None)
        .acquire_timeout(BUSY_TIMEOUT)
        .connect_with(connect.clone().pragma("query_only", "ON"))
        .await
        .map_err(JournalError::Open)?;
    let queue = options.queue.max(1);
    let (evaluations, recorded) = mpsc::channel(queue);
    let (commands, asked) = mpsc::channel(queue);
    let state = Arc::new(WriterState::default());
    let writer = writer::Writer::new(connection, connect, options, Arc::clone(&state));
    let queues = writer::Queues {
        evaluations: recorded,
        commands: asked,
    };
    writer::spawn(writer, queues).map_err(JournalError::Start)?;
    Ok(Journal {
        evaluations,
        commands,
        readers,
        state,
    })
}

/// The changes of the tables, oldest first. One that has been released is never edited: the journal
/// compares its checksum at every start.
fn migrator() -> Migrator {
    let step = |version, name: &'static str, sql: &'static str| {
        Migration::new(
            version,
            name.into(),
            MigrationType::Simple,
            sql.into_sql_str(),
            false,
        )
    };
    Migrator::with_migrations(vec![
        step(1, "start", include_str!("migrations/sqlite/0001_start.sql")),
        step(
            2,
            "withheld cards",
            include_str!("migrations/sqlite/0002_withheld.sql"),
        ),
    ])
}
