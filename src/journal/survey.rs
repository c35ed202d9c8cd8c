//! A look at a journal from beside: is it there, are its tables those of this program, can they be written.
//!
//! Turns an address into a [`Survey`]. It makes no file, brings nothing up to date and leaves no row.

use std::cmp::Ordering;

use sqlx::migrate::Migrator;
use sqlx::{ConnectOptions, Connection};

use super::store::Store;
use super::{JournalAddress, JournalError, postgres, sqlite};

/// What a look at a journal found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Survey {
    /// There is no file yet; the first start makes it.
    Absent,
    /// It is there.
    Present {
        /// Its tables beside those of this program; `None` where it has none yet.
        tables: Option<Ordering>,
        /// Whether rows may be written.
        writable: bool,
    },
}

/// Looks at the journal of an address.
///
/// # Errors
/// [`JournalError`] if it cannot be opened or reached.
pub async fn survey(address: &JournalAddress) -> Result<Survey, JournalError> {
    let store = match address.existing() {
        Err(JournalError::Place { source, .. }) if source.kind() == std::io::ErrorKind::NotFound => {
            return Ok(Survey::Absent);
        }
        other => other?,
    };
    let looked = match &store {
        Store::Sqlite(options) => file(options).await,
        Store::Postgres(options) => server(options).await,
    };
    looked.map_err(|error| store.open_error(error))
}

async fn file(options: &sqlx::sqlite::SqliteConnectOptions) -> Result<Survey, sqlx::Error> {
    let mut connection = options.clone().connect().await?;
    let known = "SELECT count(*) FROM sqlite_master WHERE name = '_sqlx_migrations'";
    let known: i64 = sqlx::query_scalar(known).fetch_one(&mut connection).await?;
    let applied = match known {
        0 => None,
        _ => sqlx::query_scalar(APPLIED).fetch_one(&mut connection).await?,
    };
    // The lock of a writer, given back at once.
    let writable = sqlx::query("BEGIN IMMEDIATE")
        .execute(&mut connection)
        .await
        .is_ok()
        && sqlx::query("ROLLBACK").execute(&mut connection).await.is_ok();
    connection.close().await?;
    Ok(Survey::Present {
        tables: beside(applied, &sqlite::migrator()),
        writable,
    })
}

async fn server(options: &sqlx::postgres::PgConnectOptions) -> Result<Survey, sqlx::Error> {
    let mut connection = postgres::connected(options).await?;
    let known: bool = sqlx::query_scalar("SELECT to_regclass('_sqlx_migrations') IS NOT NULL")
        .fetch_one(&mut connection)
        .await?;
    let (applied, allowed) = match known {
        true => (
            sqlx::query_scalar(APPLIED).fetch_one(&mut connection).await?,
            "SELECT has_table_privilege('spent_token', 'INSERT') AND NOT pg_is_in_recovery()",
        ),
        false => (
            None,
            "SELECT has_schema_privilege(current_schema(), 'CREATE') AND NOT pg_is_in_recovery()",
        ),
    };
    let writable: Option<bool> = sqlx::query_scalar(allowed).fetch_one(&mut connection).await?;
    connection.close().await?;
    Ok(Survey::Present {
        tables: beside(applied, &postgres::migrator()),
        writable: writable == Some(true),
    })
}

const APPLIED: &str = "SELECT max(version) FROM _sqlx_migrations WHERE success";

/// The newest step that was applied, beside the newest of this program.
fn beside(applied: Option<i64>, migrator: &Migrator) -> Option<Ordering> {
    let newest = migrator.iter().map(|step| step.version).max();
    applied.map(|applied| Some(applied).cmp(&newest))
}
