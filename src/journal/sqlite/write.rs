//! The statements that write to SQLite. Rows of a group go many to a statement, so that an evaluation costs a
//! fraction of one and not half a dozen.

use jiff::Timestamp;
use sqlx::Connection;
use sqlx::sqlite::SqliteConnection;

use crate::journal::alike;
use crate::journal::group::{Answers, Group, Recorded};
use crate::journal::rows::{self, Cell, LENGTHS, Table};
use crate::journal::{Feedback, FeedbackSummary, Spend};

const EVALUATIONS: Table = Table {
    into: "INSERT INTO evaluation (at_us, client, service, hook, hook_instance, content_version, outcome, \
           duration_us, cards)",
    columns: 9,
    end: "",
};
const CARDS: Table = Table {
    into: "INSERT INTO card (uuid, issued_at_us, client, service, topic, rule, indicator, content_version, suggestions, \
           withheld, place, gaps, digest)",
    columns: 13,
    end: " ON CONFLICT DO NOTHING",
};
const AUDIT: Table = Table {
    into: "INSERT INTO audit (at_us, client, user, patient, service, hook, hook_instance, content_version, outcome, \
           answered, reads)",
    columns: 11,
    end: "",
};
const INSERT_SPENT: &str =
    "INSERT INTO spent_token (issuer, jti, expires_s) VALUES (?1, ?2, ?3) ON CONFLICT DO NOTHING";
const INSERT_FEEDBACK: &str = "\
    INSERT INTO feedback (received_at_us, card, outcome, at_us, suggestions, reason_system, reason_code, \
                          reason_display, had_comment, comment) \
    SELECT ?3, card.uuid, entry.value->>'outcome', entry.value->>'at_us', entry.value->>'suggestions', \
           entry.value->>'reason_system', entry.value->>'reason_code', entry.value->>'reason_display', \
           entry.value->>'had_comment', entry.value->>'comment' \
    FROM json_each(?1) AS entry JOIN card ON card.uuid = entry.value->>'card' AND card.client = ?2 \
    WHERE true ORDER BY entry.key ON CONFLICT DO NOTHING";
const COUNT_UNKNOWN: &str = "\
    SELECT count(*) FROM json_each(?1) AS entry \
    WHERE NOT EXISTS (SELECT 1 FROM card WHERE card.uuid = entry.value->>'card' AND card.client = ?2)";

/// Whether each transaction from now on is flushed to the disk, or left to the next one that is.
pub(super) async fn flush_each(connection: &mut SqliteConnection, on: bool) -> Result<(), sqlx::Error> {
    let statement = match on {
        true => "PRAGMA synchronous = FULL",
        false => "PRAGMA synchronous = NORMAL",
    };
    sqlx::query(statement).execute(connection).await.map(drop)
}

/// Writes one group in one transaction.
pub(super) async fn group(
    connection: &mut SqliteConnection,
    group: &Group,
    keep_comments: bool,
) -> Result<Answers, sqlx::Error> {
    let mut transaction = connection.begin_with("BEGIN IMMEDIATE").await?;
    recorded(&mut transaction, &group.recorded).await?;
    let mut fresh = Vec::with_capacity(group.spends.len());
    for token in &group.spends {
        fresh.push(spend(&mut transaction, token).await?);
    }
    let mut kept = Vec::with_capacity(group.feedback.len());
    for received in &group.feedback {
        kept.push(feedback(&mut transaction, received, keep_comments).await?);
    }
    let audit = group.audits.iter().map(|audit| rows::chart_write(&audit.write));
    insert(&mut transaction, &AUDIT, audit.collect::<Result<_, _>>()?).await?;
    let mut known = Vec::with_capacity(group.reviews.len());
    for review in &group.reviews {
        known.push(alike::review!(&mut *transaction, review, keep_comments));
    }
    transaction.commit().await?;
    Ok(Answers {
        fresh,
        feedback: kept,
        known,
    })
}

/// Writes evaluations with their cards and suggestions, and the audit entry of everything that was recorded.
async fn recorded(connection: &mut SqliteConnection, all: &[Recorded]) -> Result<(), sqlx::Error> {
    if all.is_empty() {
        return Ok(());
    }
    let evaluations = || all.iter().filter_map(Recorded::evaluation);
    insert(
        connection,
        &EVALUATIONS,
        evaluations().map(rows::evaluation).collect(),
    )
    .await?;
    insert(connection, &CARDS, evaluations().flat_map(rows::cards).collect()).await?;
    let audit = all.iter().map(rows::audit).collect::<Result<Vec<_>, _>>()?;
    insert(connection, &AUDIT, audit).await
}

/// Writes rows in as few statements as their lengths allow.
async fn insert(
    connection: &mut SqliteConnection,
    table: &Table,
    rows: Vec<Vec<Cell<'_>>>,
) -> Result<(), sqlx::Error> {
    let mut left = &rows[..];
    for length in LENGTHS {
        let row = format!("({})", vec!["?"; table.columns].join(","));
        let statement = format!(
            "{} VALUES {}{}",
            table.into,
            vec![row.as_str(); length].join(","),
            table.end
        );
        while left.len() >= length {
            let (now, later) = left.split_at(length);
            left = later;
            // The statement is made of the constants above and question marks.
            let mut query = sqlx::query(sqlx::AssertSqlSafe(statement.clone()));
            for cell in now.iter().flatten() {
                query = match cell {
                    Cell::Number(number) => query.bind(*number),
                    Cell::Text(text) => query.bind((*text).to_owned()),
                    Cell::Own(text) => query.bind(text.clone()),
                    Cell::Null => query.bind(None::<String>),
                };
            }
            query.execute(&mut *connection).await?;
        }
    }
    Ok(())
}

/// Takes a token as used; `false` if it was used before. Two of them in one group: the first wins.
async fn spend(connection: &mut SqliteConnection, spend: &Spend) -> Result<bool, sqlx::Error> {
    let done = sqlx::query(INSERT_SPENT)
        .bind(&spend.issuer)
        .bind(&spend.jti)
        .bind(spend.expires.as_second())
        .execute(connection)
        .await?;
    Ok(done.rows_affected() == 1)
}

/// Keeps what is new in one feedback call.
async fn feedback(
    connection: &mut SqliteConnection,
    feedback: &Feedback,
    keep_comments: bool,
) -> Result<FeedbackSummary, sqlx::Error> {
    let rows = rows::feedback(&feedback.entries, keep_comments)?;
    let unknown: i64 = sqlx::query_scalar(COUNT_UNKNOWN)
        .bind(&rows)
        .bind(&feedback.client)
        .fetch_one(&mut *connection)
        .await?;
    let done = sqlx::query(INSERT_FEEDBACK)
        .bind(&rows)
        .bind(&feedback.client)
        .bind(feedback.received.as_microsecond())
        .execute(connection)
        .await?;
    Ok(FeedbackSummary::of(
        feedback.entries.len(),
        done.rows_affected(),
        unknown.unsigned_abs(),
    ))
}

/// Removes tokens that expired before `spent` and everything else from before `kept`. Returns whether
/// more may be left.
pub(super) async fn purge(
    connection: &mut SqliteConnection,
    spent: Timestamp,
    kept: Timestamp,
) -> Result<bool, sqlx::Error> {
    let mut transaction = connection.begin_with("BEGIN IMMEDIATE").await?;
    let more = alike::purge!(&mut *transaction, spent, kept);
    transaction.commit().await?;
    Ok(more)
}
