//! The statements that write to PostgreSQL. Each may meet the same rows from another replica at the same
//! moment: what decides is a unique key, never a question asked before.

use std::collections::HashSet;

use jiff::Timestamp;
use sqlx::Connection;
use sqlx::postgres::PgConnection;

use crate::journal::alike;
use crate::journal::group::{Answers, Group, Recorded};
use crate::journal::rows::{self, Cell, LENGTHS, Table};
use crate::journal::{Feedback, FeedbackSummary, Spend};

const EVALUATIONS: Table = Table {
    into: "INSERT INTO evaluation (at_us, client, service, hook, hook_instance, content_version, outcome, \
           duration_us, cards, key)",
    columns: 10,
    end: " ON CONFLICT DO NOTHING",
};
const CARDS: Table = Table {
    into: "INSERT INTO card (uuid, issued_at_us, client, service, topic, rule, indicator, content_version, \
           suggestions, withheld, place, gaps, digest)",
    columns: 13,
    end: " ON CONFLICT DO NOTHING",
};
const AUDIT: Table = Table {
    into: "INSERT INTO audit (at_us, client, \"user\", patient, service, hook, hook_instance, content_version, \
           outcome, answered, reads, key)",
    columns: 12,
    end: " ON CONFLICT DO NOTHING",
};
/// In the order of the key, so that two replicas with the same tokens do not wait for each other.
const INSERT_SPENT: &str = "\
    INSERT INTO spent_token (issuer, jti, expires_s) \
    SELECT issuer, jti, expires_s FROM unnest($1::text[], $2::text[], $3::bigint[]) AS token (issuer, jti, expires_s) \
    ORDER BY issuer, jti ON CONFLICT DO NOTHING RETURNING issuer, jti";
/// How many entries were kept, and how many speak of a card that this client was not given.
const INSERT_FEEDBACK: &str = "\
    WITH entry AS ( \
        SELECT value, ordinality FROM jsonb_array_elements($1::text::jsonb) WITH ORDINALITY), \
    known AS ( \
        SELECT card.uuid, entry.value, entry.ordinality FROM entry \
        JOIN card ON card.uuid = entry.value->>'card' AND card.client = $2), \
    kept AS ( \
        INSERT INTO feedback (received_at_us, card, outcome, at_us, suggestions, suggestions_digest, \
                              reason_system, reason_code, reason_display, had_comment, comment) \
        SELECT $3, uuid, value->>'outcome', (value->>'at_us')::bigint, value->>'suggestions', \
               sha256(convert_to(value->>'suggestions', 'UTF8')), value->>'reason_system', \
               value->>'reason_code', value->>'reason_display', (value->>'had_comment')::int = 1, \
               value->>'comment' \
        FROM known ORDER BY uuid, ordinality ON CONFLICT DO NOTHING RETURNING 1) \
    SELECT (SELECT count(*) FROM kept), (SELECT count(*) FROM entry) - (SELECT count(*) FROM known)";

/// Writes one group in one transaction.
pub(super) async fn group(
    connection: &mut PgConnection,
    group: &Group,
    keep_comments: bool,
) -> Result<Answers, sqlx::Error> {
    let mut transaction = connection.begin().await?;
    recorded(&mut transaction, &group.recorded).await?;
    let fresh = spends(&mut transaction, &group.spends).await?;
    let mut kept = Vec::with_capacity(group.feedback.len());
    for received in &group.feedback {
        kept.push(feedback(&mut transaction, received, keep_comments).await?);
    }
    let mut audit = Vec::with_capacity(group.audits.len());
    for of in &group.audits {
        let mut row = rows::chart_write(&of.write)?;
        row.push(Cell::Own(of.key.to_string()));
        audit.push(row);
    }
    insert(&mut transaction, &AUDIT, &audit).await?;
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

async fn recorded(connection: &mut PgConnection, all: &[Recorded]) -> Result<(), sqlx::Error> {
    if all.is_empty() {
        return Ok(());
    }
    let mut evaluations = Vec::with_capacity(all.len());
    let mut cards = Vec::with_capacity(all.len());
    let mut audit = Vec::with_capacity(all.len());
    for recorded in all {
        let key = || Cell::Own(recorded.key.to_string());
        if let Some(evaluation) = recorded.evaluation() {
            let mut row = rows::evaluation(evaluation);
            row.push(key());
            evaluations.push(row);
            cards.extend(rows::cards(evaluation));
        }
        let mut entry = rows::audit(recorded)?;
        entry.push(key());
        audit.push(entry);
    }
    insert(connection, &EVALUATIONS, &evaluations).await?;
    insert(connection, &CARDS, &cards).await?;
    insert(connection, &AUDIT, &audit).await
}

/// Writes rows in as few statements as their lengths allow.
async fn insert(
    connection: &mut PgConnection,
    table: &Table,
    mut left: &[Vec<Cell<'_>>],
) -> Result<(), sqlx::Error> {
    for length in LENGTHS {
        while left.len() >= length {
            let (now, later) = left.split_at(length);
            left = later;
            // The statement is made of the constants above and numbered marks.
            let mut query = sqlx::query(sqlx::AssertSqlSafe(statement(table, length)));
            for cell in now.iter().flatten() {
                query = match cell {
                    Cell::Number(number) => query.bind(*number),
                    Cell::Text(text) => query.bind(rows::without_nul(text).into_owned()),
                    Cell::Own(text) => query.bind(rows::without_nul(text).into_owned()),
                    Cell::Null => query.bind(None::<String>),
                };
            }
            query.execute(&mut *connection).await?;
        }
    }
    Ok(())
}

/// The statement for so many rows.
fn statement(table: &Table, rows: usize) -> String {
    let row = |number: usize| {
        let first = number * table.columns;
        let marks: Vec<String> = (1..=table.columns)
            .map(|column| format!("${}", first + column))
            .collect();
        format!("({})", marks.join(","))
    };
    let rows: Vec<String> = (0..rows).map(row).collect();
    format!("{} VALUES {}{}", table.into, rows.join(","), table.end)
}

/// Takes tokens as used; `false` for one that was used before. Two of them in one group: the first wins.
async fn spends(connection: &mut PgConnection, all: &[Spend]) -> Result<Vec<bool>, sqlx::Error> {
    if all.is_empty() {
        return Ok(Vec::new());
    }
    let key = |spend: &Spend| {
        let text = |text| rows::without_nul(text).into_owned();
        (text(&spend.issuer), text(&spend.jti))
    };
    let (issuers, jtis): (Vec<String>, Vec<String>) = all.iter().map(key).unzip();
    let expiries: Vec<i64> = all.iter().map(|spend| spend.expires.as_second()).collect();
    let fresh: Vec<(String, String)> = sqlx::query_as(INSERT_SPENT)
        .bind(issuers)
        .bind(jtis)
        .bind(expiries)
        .fetch_all(connection)
        .await?;
    let mut fresh: HashSet<(String, String)> = fresh.into_iter().collect();
    Ok(all.iter().map(|spend| fresh.remove(&key(spend))).collect())
}

/// Keeps what is new in one feedback call.
async fn feedback(
    connection: &mut PgConnection,
    feedback: &Feedback,
    keep_comments: bool,
) -> Result<FeedbackSummary, sqlx::Error> {
    let (kept, unknown): (i64, i64) = sqlx::query_as(INSERT_FEEDBACK)
        .bind(rows::feedback(&feedback.entries, keep_comments)?)
        .bind(rows::without_nul(&feedback.client).into_owned())
        .bind(feedback.received.as_microsecond())
        .fetch_one(connection)
        .await?;
    Ok(FeedbackSummary::of(
        feedback.entries.len(),
        kept.unsigned_abs(),
        unknown.unsigned_abs(),
    ))
}

/// Removes tokens that expired before `spent` and everything else from before `kept`. Returns whether
/// more may be left.
pub(super) async fn purge(
    connection: &mut PgConnection,
    spent: Timestamp,
    kept: Timestamp,
) -> Result<bool, sqlx::Error> {
    let mut transaction = connection.begin().await?;
    let more = alike::purge!(&mut *transaction, spent, kept);
    transaction.commit().await?;
    Ok(more)
}
