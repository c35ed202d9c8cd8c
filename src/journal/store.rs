//! The two engines behind one face: what the writer and the readers may ask, whichever keeps the rows.

use jiff::Timestamp;
use sqlx::postgres::{PgConnectOptions, PgPool};
use sqlx::sqlite::{SqliteConnectOptions, SqlitePool};

use super::group::{Answers, Group};
use super::{JournalError, postgres, sqlite};

/// An engine, and where it keeps this journal.
pub(super) enum Store {
    /// A file, or memory.
    Sqlite(Box<SqliteConnectOptions>),
    /// A server that several replicas share.
    Postgres(Box<PgConnectOptions>),
}

/// A connection that writes.
pub(super) enum Link {
    Sqlite(sqlite::Link),
    Postgres(Box<postgres::Link>),
}

/// Connections that only read.
pub(super) enum Readers {
    Sqlite(SqlitePool),
    Postgres(PgPool),
}

impl Store {
    pub(super) async fn link(&self) -> Result<Link, sqlx::Error> {
        Ok(match self {
            Self::Sqlite(options) => Link::Sqlite(sqlite::Link::open(options).await?),
            Self::Postgres(options) => Link::Postgres(Box::new(postgres::Link::open(options).await?)),
        })
    }

    pub(super) async fn readers(&self) -> Result<Readers, sqlx::Error> {
        Ok(match self {
            Self::Sqlite(options) => Readers::Sqlite(sqlite::readers(options).await?),
            Self::Postgres(options) => Readers::Postgres(postgres::readers(options)),
        })
    }

    /// Why this journal could not be opened, with its place where that helps and no password.
    pub(super) fn open_error(&self, source: sqlx::Error) -> JournalError {
        match self {
            Self::Sqlite(_) => JournalError::Open(source),
            Self::Postgres(options) => JournalError::Unreachable {
                place: postgres::place(options),
                source,
            },
        }
    }
}

impl Link {
    /// One transaction. After an error this connection is given up, which rolls it back.
    pub(super) async fn write(&mut self, group: &Group, keep_comments: bool) -> Result<Answers, sqlx::Error> {
        match self {
            Self::Sqlite(link) => link.write(group, keep_comments).await,
            Self::Postgres(link) => link.write(group, keep_comments).await,
        }
    }

    /// Removes a portion of the tokens that expired before `spent` and of everything else from before
    /// `kept`. Returns whether more may be left.
    pub(super) async fn purge(&mut self, spent: Timestamp, kept: Timestamp) -> Result<bool, sqlx::Error> {
        match self {
            Self::Sqlite(link) => link.purge(spent, kept).await,
            Self::Postgres(link) => link.purge(spent, kept).await,
        }
    }

    /// Brings the tables up to date.
    pub(super) async fn migrate(&mut self) -> Result<(), JournalError> {
        match self {
            Self::Sqlite(link) => link.migrate().await,
            Self::Postgres(link) => link.migrate().await,
        }
    }

    pub(super) async fn close(self) -> Result<(), sqlx::Error> {
        match self {
            Self::Sqlite(link) => link.close().await,
            Self::Postgres(link) => link.close().await,
        }
    }
}

impl Readers {
    /// Whether other replicas write to the same journal.
    pub(super) fn are_shared(&self) -> bool {
        matches!(self, Self::Postgres(_))
    }

    pub(super) async fn close(&self) {
        match self {
            Self::Sqlite(pool) => pool.close().await,
            Self::Postgres(pool) => pool.close().await,
        }
    }
}

/// Whether the rows themselves are refused, so that the same group would fail again. Everything else,
/// from a lost connection to a full disk, may pass.
pub(super) fn blames_the_rows(error: &sqlx::Error) -> bool {
    match error {
        sqlx::Error::Encode(_) => true,
        sqlx::Error::Database(refusal) => match refusal.code().as_deref() {
            // SQLSTATE: data exception, constraint, program limit.
            Some(state) if state.len() == 5 => {
                ["22", "23", "54"].iter().any(|class| state.starts_with(class))
            }
            // SQLite: too big, constraint, mismatch; the lowest byte of an extended code is its class.
            Some(code) => code
                .parse::<u32>()
                .is_ok_and(|code| matches!(code & 0xff, 18..=20)),
            None => false,
        },
        _ => false,
    }
}
