//! Tables that two versions of the program share for a while: during a roll-out, and after going back.
//!
//! There is no older program to run, so its part is played in two ways: by the statements that it wrote with, on
//! tables in its form, while this program brings them up to date; and by this program itself, on tables that a newer
//! one has changed.

use crate::helpers::installed;
use crate::helpers::postgres::Postgres;
use sqlx::migrate::{Migration, MigrationType, Migrator};
use sqlx::postgres::PgConnection;
use sqlx::sqlite::{SqliteConnectOptions, SqliteConnection};
use sqlx::{ConnectOptions, Connection, SqlSafeStr};
use stepdown::clock::Clock;
use stepdown::journal::{FeedbackEntry, FeedbackOutcome, Journal};
use uuid::Uuid;

/// What a newer program may do to the tables: add, and nothing that the version before would notice.
const ADDED: &str =
    "ALTER TABLE card ADD COLUMN added_later TEXT; CREATE TABLE added_later (id INTEGER PRIMARY KEY);";

/// A step by which tables are changed.
fn step(version: i64, sql: &'static str) -> Migrator {
    let migration = Migration::new(
        version,
        "a step".into(),
        MigrationType::Simple,
        sql.into_sql_str(),
        false,
    );
    let mut migrator = Migrator::with_migrations(vec![migration]);
    migrator.set_ignore_missing(true);
    migrator
}

/// What the start of a newer program does to the tables of a PostgreSQL that is in use.
pub async fn change_tables(url: &str) {
    let mut connection = PgConnection::connect(url).await.unwrap();
    step(1_000, ADDED).run(&mut connection).await.unwrap();
    connection.close().await.unwrap();
}

async fn accepts(journal: &Journal) -> bool {
    let jti = Uuid::new_v4().to_string();
    journal
        .spend_jti("issuer", &jti, Clock::Real.now())
        .await
        .unwrap()
}

#[tokio::test]
async fn the_version_before_starts_on_the_tables_of_the_next() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("journal.db");
    let url = format!("sqlite:{}", file.display());
    Journal::open(&url).await.unwrap().close().await.unwrap();
    let mut newer = connect(&file).await;
    step(1_000, ADDED).run(&mut newer).await.unwrap();
    newer.close().await.unwrap();
    assert!(accepts(&Journal::open(&url).await.unwrap()).await);

    if installed::skipped() {
        return;
    }
    let server = Postgres::start();
    let url = server.database("journal");
    let running = Journal::open(&url).await.unwrap();
    change_tables(&url).await;
    assert!(accepts(&running).await, "one that runs goes on");
    assert!(
        accepts(&Journal::open(&url).await.unwrap()).await,
        "one that starts can"
    );
}

async fn connect(file: &std::path::Path) -> SqliteConnection {
    let options = SqliteConnectOptions::new().filename(file).create_if_missing(true);
    options.connect().await.unwrap()
}

/// As the first version wrote the card of an answer.
async fn issue(older: &mut SqliteConnection, card: Uuid) {
    let written = "INSERT INTO card (uuid, issued_at_us, client, service, topic, rule, indicator, content_version, \
                   suggestions) VALUES (?1, ?2, 'ehr', 'service', 'taper', 'drug/table/row', 'info', '2026.11.0', '')";
    let at = Clock::Real.now().as_microsecond();
    let query = sqlx::query(written).bind(card.to_string()).bind(at);
    query.execute(older).await.unwrap();
}

#[tokio::test]
async fn tables_of_the_first_version_are_brought_up_to_date_while_it_writes() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("journal.db");
    let mut older = connect(&file).await;
    let first = include_str!("../../../src/journal/migrations/sqlite/0001_start.sql");
    let mut start = Migrator::with_migrations(vec![Migration::new(
        1,
        "start".into(),
        MigrationType::Simple,
        first.into_sql_str(),
        false,
    )]);
    start.run(&mut older).await.unwrap();
    let cards = [Uuid::new_v4(), Uuid::new_v4()];
    issue(&mut older, cards[0]).await;

    let journal = Journal::open(&format!("sqlite:{}", file.display()))
        .await
        .unwrap();
    issue(&mut older, cards[1]).await;
    let entries = cards.map(|card| FeedbackEntry {
        card,
        outcome: FeedbackOutcome::Accepted { suggestions: vec![] },
        at: Clock::Real.now(),
    });
    let summary = journal.feedback("ehr", entries.to_vec()).await.unwrap();
    assert_eq!((summary.kept, summary.unknown), (2, 0));
    assert_eq!(journal.counts().await.unwrap().cards, 2);
    start.set_ignore_missing(true);
    start.run(&mut older).await.unwrap();
}
