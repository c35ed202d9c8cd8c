//! The journal in PostgreSQL: for several replicas, which share its unique keys.
//!
//! Turns `postgres://…` into connections, and brings the tables up to date. Never connects to another
//! machine without checking its certificate, unless the address says so (`sslmode`), and never waits for
//! the server without a bound. Prints an address without user name and password.

mod write;

use std::time::Duration;

use jiff::Timestamp;
use sqlx::migrate::Migrator;
use sqlx::postgres::{PgConnectOptions, PgConnection, PgPool, PgPoolOptions, PgSslMode};
use sqlx::{ConnectOptions, Connection};

use super::JournalError;
use super::alike;
use super::group::{Answers, Group};

/// Time for a connection and its login.
const CONNECT_WITHIN: Duration = Duration::from_secs(3);
/// Time for one group; shorter than a caller waits for its acknowledgement.
const WRITE_WITHIN: Duration = Duration::from_secs(4);
/// Time for a portion of the purge.
const PURGE_WITHIN: Duration = Duration::from_secs(10);
const READERS: u32 = 2;
/// How often a group is tried that the server undid because it crossed another replica's.
const ATTEMPTS: usize = 3;
/// The server undoes what we no longer wait for, and an acknowledgement means the disk even where the
/// server's own default says otherwise.
const SESSION: &str = "\
    SELECT set_config('statement_timeout', '10s', false), \
           set_config('idle_in_transaction_session_timeout', '10s', false), \
           set_config('synchronous_commit', CASE current_setting('synchronous_commit') \
               WHEN 'off' THEN 'on' ELSE current_setting('synchronous_commit') END, false)";

/// Options for the server at `url`.
pub(super) fn server(url: &str, password: Option<&str>) -> Result<PgConnectOptions, JournalError> {
    let mut options: PgConnectOptions = url.parse().map_err(|_| JournalError::Address)?;
    if let Some(password) = password {
        options = options.password(password);
    }
    if !url.contains("sslmode=") && !url.contains("ssl-mode=") && !is_here(&options) {
        options = options.ssl_mode(PgSslMode::VerifyFull);
    }
    Ok(options.application_name("stepdown").disable_statement_logging())
}

/// Whether nothing leaves this machine on the way to the server.
fn is_here(options: &PgConnectOptions) -> bool {
    let host = options.get_host();
    let loopback = host
        .trim_matches(['[', ']'])
        .parse::<std::net::IpAddr>()
        .is_ok_and(|address| address.is_loopback());
    options.get_socket().is_some() || loopback || host.eq_ignore_ascii_case("localhost")
}

/// Where the server is, for a person.
pub(super) fn place(options: &PgConnectOptions) -> String {
    let database = options.get_database().unwrap_or_default();
    match options.get_socket() {
        Some(socket) => format!("postgres:///{database} on {}", socket.display()),
        None => format!(
            "postgres://{}:{}/{database}",
            options.get_host(),
            options.get_port()
        ),
    }
}

/// A connection that writes.
pub(super) struct Link {
    connection: PgConnection,
    options: PgConnectOptions,
}

impl Link {
    pub(super) async fn open(options: &PgConnectOptions) -> Result<Self, sqlx::Error> {
        Ok(Self {
            connection: connected(options).await?,
            options: options.clone(),
        })
    }

    /// Writes one group. A connection that was cut while it lay idle is replaced first; a group that
    /// the server undid because it crossed another is written again.
    pub(super) async fn write(&mut self, group: &Group, keep_comments: bool) -> Result<Answers, sqlx::Error> {
        self.revive().await?;
        for _ in 1..ATTEMPTS {
            let written = within(
                WRITE_WITHIN,
                write::group(&mut self.connection, group, keep_comments),
            )
            .await;
            match written {
                Err(error) if was_undone(&error) => {}
                other => return other,
            }
        }
        within(
            WRITE_WITHIN,
            write::group(&mut self.connection, group, keep_comments),
        )
        .await
    }

    pub(super) async fn purge(&mut self, spent: Timestamp, kept: Timestamp) -> Result<bool, sqlx::Error> {
        self.revive().await?;
        within(PURGE_WITHIN, write::purge(&mut self.connection, spent, kept)).await
    }

    async fn revive(&mut self) -> Result<(), sqlx::Error> {
        if within(CONNECT_WITHIN, self.connection.ping()).await.is_err() {
            self.connection = within(CONNECT_WITHIN, connect(&self.options)).await?;
        }
        Ok(())
    }

    /// One replica at a time: the migrator holds a lock of the database.
    pub(super) async fn migrate(&mut self) -> Result<(), JournalError> {
        let unbound = "SELECT set_config('statement_timeout', '0', false)";
        let run = sqlx::query(unbound).execute(&mut self.connection).await;
        run.map_err(JournalError::Open)?;
        alike::migrate!(&mut self.connection, migrator())?;
        let run = sqlx::query(SESSION).execute(&mut self.connection).await;
        run.map(drop).map_err(JournalError::Open)
    }

    pub(super) async fn close(self) -> Result<(), sqlx::Error> {
        within(CONNECT_WITHIN, self.connection.close()).await
    }
}

/// A connection within the time that one may take.
pub(super) async fn connected(options: &PgConnectOptions) -> Result<PgConnection, sqlx::Error> {
    within(CONNECT_WITHIN, connect(options)).await
}

async fn connect(options: &PgConnectOptions) -> Result<PgConnection, sqlx::Error> {
    let mut connection = options.connect().await?;
    sqlx::query(SESSION).execute(&mut connection).await?;
    Ok(connection)
}

async fn within<T>(
    time: Duration,
    work: impl Future<Output = Result<T, sqlx::Error>>,
) -> Result<T, sqlx::Error> {
    let late = |_| sqlx::Error::Io(std::io::Error::from(std::io::ErrorKind::TimedOut));
    tokio::time::timeout(time, work).await.map_err(late)?
}

/// Whether the server rolled this back only because of what another replica did at the same time.
fn was_undone(error: &sqlx::Error) -> bool {
    let state = error.as_database_error().and_then(|refusal| refusal.code());
    matches!(state.as_deref(), Some("40001" | "40P01"))
}

/// Connections that only read, made when they are needed.
pub(super) fn readers(options: &PgConnectOptions) -> PgPool {
    let read_only = options.clone().options([("default_transaction_read_only", "on")]);
    PgPoolOptions::new()
        .max_connections(READERS)
        .acquire_timeout(CONNECT_WITHIN)
        .connect_lazy_with(read_only)
}

/// The changes of the tables, oldest first. One that has been released is never edited: the journal
/// compares its checksum at every start.
pub(super) fn migrator() -> Migrator {
    Migrator::with_migrations(vec![
        alike::step(1, "start", include_str!("../migrations/postgres/0001_start.sql")),
        alike::step(
            3,
            "review",
            include_str!("../migrations/postgres/0003_review.sql"),
        ),
        alike::step(
            20,
            "card digest",
            include_str!("../migrations/postgres/0020_card_digest.sql"),
        ),
        alike::step(
            21,
            "audit reads",
            include_str!("../migrations/postgres/0021_audit_reads.sql"),
        ),
    ])
}
