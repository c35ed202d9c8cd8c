//! The statements that write. Rows of a group go many to a statement, so that an evaluation costs a
//! fraction of one and not half a dozen.

use jiff::Timestamp;
use serde::Serialize;
use sqlx::Connection;
use sqlx::sqlite::SqliteConnection;
use uuid::Uuid;

use super::{Evaluation, Feedback, FeedbackEntry, FeedbackOutcome, FeedbackSummary, OverrideReason, Spend};

/// Most rows of a table that one purge removes, so that it never holds up an answer for long.
const PURGE_PORTION: i64 = 2_000;

/// Rows of one statement, largest first; few lengths, so that each is prepared once.
const LENGTHS: [usize; 3] = [64, 8, 1];

/// A table that takes many rows: statement up to `VALUES`, number of columns, and what follows the rows.
struct Table {
    into: &'static str,
    columns: usize,
    end: &'static str,
}

const EVALUATIONS: Table = Table {
    into: "INSERT INTO evaluation (at_us, client, service, hook, hook_instance, content_version, outcome, \
           duration_us, cards)",
    columns: 9,
    end: "",
};
const CARDS: Table = Table {
    into: "INSERT INTO card (uuid, issued_at_us, client, service, topic, rule, indicator, content_version, suggestions, withheld)",
    columns: 10,
    end: " ON CONFLICT DO NOTHING",
};
const AUDIT: Table = Table {
    into: "INSERT INTO audit (at_us, client, user, patient, service, hook, hook_instance, content_version, outcome, \
           answered)",
    columns: 10,
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
const RAISE_AUDIT_FLOOR: &str = "UPDATE audit_floor SET before_us = max(before_us, ?1)";
/// Feedback goes with its card.
const PURGES: [&str; 3] = [
    "DELETE FROM evaluation WHERE id IN (SELECT id FROM evaluation WHERE at_us < ?1 LIMIT ?2)",
    "DELETE FROM card WHERE uuid IN (SELECT uuid FROM card WHERE issued_at_us < ?1 LIMIT ?2)",
    "DELETE FROM audit WHERE id IN (SELECT id FROM audit WHERE at_us < ?1 LIMIT ?2)",
];
const PURGE_SPENT: &str = "\
    DELETE FROM spent_token WHERE (issuer, jti) IN \
    (SELECT issuer, jti FROM spent_token WHERE expires_s < ?1 LIMIT ?2)";

/// The value of one column.
enum Cell<'a> {
    Number(i64),
    Text(&'a str),
    Own(String),
    Null,
}

#[derive(Serialize)]
struct AnsweredCard<'a> {
    #[serde(serialize_with = "hyphenated")]
    card: Uuid,
    topic: &'a str,
    rule: &'a str,
    indicator: &'a str,
    orders: &'a [String],
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    withheld: bool,
}

#[derive(Serialize)]
struct FeedbackRow<'a> {
    #[serde(serialize_with = "hyphenated")]
    card: Uuid,
    outcome: &'static str,
    at_us: i64,
    suggestions: String,
    reason_system: Option<&'a str>,
    reason_code: Option<&'a str>,
    reason_display: Option<&'a str>,
    had_comment: u8,
    comment: Option<&'a str>,
}

/// Whether each transaction from now on is flushed to the disk, or left to the next one that is.
pub(super) async fn flush_each(connection: &mut SqliteConnection, on: bool) -> Result<(), sqlx::Error> {
    let statement = match on {
        true => "PRAGMA synchronous = FULL",
        false => "PRAGMA synchronous = NORMAL",
    };
    sqlx::query(statement).execute(connection).await.map(drop)
}

/// Writes a group of evaluations with their cards, suggestions and audit entries.
pub(super) async fn evaluations(
    connection: &mut SqliteConnection,
    all: &[Evaluation],
) -> Result<(), sqlx::Error> {
    if all.is_empty() {
        return Ok(());
    }
    insert(connection, &EVALUATIONS, all.iter().map(evaluation_row).collect()).await?;
    insert(connection, &CARDS, all.iter().flat_map(card_rows).collect()).await?;
    let audit = all.iter().map(audit_row).collect::<Result<Vec<_>, _>>()?;
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

fn hyphenated<S: serde::Serializer>(uuid: &Uuid, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_str(uuid)
}

fn json<T: Serialize>(rows: &[T]) -> Result<String, sqlx::Error> {
    serde_json::to_string(rows).map_err(|error| sqlx::Error::Encode(Box::new(error)))
}

fn evaluation_row(evaluation: &Evaluation) -> Vec<Cell<'_>> {
    vec![
        Cell::Number(evaluation.at.as_microsecond()),
        Cell::Text(&evaluation.client),
        Cell::Text(&evaluation.service),
        Cell::Text(&evaluation.hook),
        Cell::Own(evaluation.hook_instance.to_string()),
        Cell::Text(&evaluation.content_version),
        Cell::Text(&evaluation.outcome),
        Cell::Number(i64::try_from(evaluation.duration_us).unwrap_or(i64::MAX)),
        Cell::Number(i64::try_from(evaluation.findings.len()).unwrap_or(i64::MAX)),
    ]
}

fn card_rows(evaluation: &Evaluation) -> impl Iterator<Item = Vec<Cell<'_>>> {
    evaluation.findings.iter().map(|card| {
        vec![
            Cell::Own(card.uuid.to_string()),
            Cell::Number(evaluation.at.as_microsecond()),
            Cell::Text(&evaluation.client),
            Cell::Text(&evaluation.service),
            Cell::Text(&card.topic),
            Cell::Text(&card.rule),
            Cell::Text(&card.indicator),
            Cell::Text(&evaluation.content_version),
            Cell::Own(joined(card.suggestions.iter())),
            Cell::Number(i64::from(card.withheld)),
        ]
    })
}

fn audit_row(evaluation: &Evaluation) -> Result<Vec<Cell<'_>>, sqlx::Error> {
    let answered = evaluation.findings.iter().map(|card| AnsweredCard {
        card: card.uuid,
        topic: &card.topic,
        rule: &card.rule,
        indicator: &card.indicator,
        orders: &card.orders,
        withheld: card.withheld,
    });
    let answered: Vec<AnsweredCard<'_>> = answered.collect();
    Ok(vec![
        Cell::Number(evaluation.at.as_microsecond()),
        Cell::Text(&evaluation.client),
        evaluation.user.as_deref().map_or(Cell::Null, Cell::Text),
        Cell::Text(&evaluation.patient),
        Cell::Text(&evaluation.service),
        Cell::Text(&evaluation.hook),
        Cell::Own(evaluation.hook_instance.to_string()),
        Cell::Text(&evaluation.content_version),
        Cell::Text(&evaluation.outcome),
        Cell::Own(json(&answered)?),
    ])
}

/// Takes a token as used; `false` if it was used before. Two of them in one group: the first wins.
pub(super) async fn spend(connection: &mut SqliteConnection, spend: &Spend) -> Result<bool, sqlx::Error> {
    let done = sqlx::query(INSERT_SPENT)
        .bind(&spend.issuer)
        .bind(&spend.jti)
        .bind(spend.expires.as_second())
        .execute(connection)
        .await?;
    Ok(done.rows_affected() == 1)
}

/// Keeps what is new in one feedback call.
pub(super) async fn feedback(
    connection: &mut SqliteConnection,
    feedback: &Feedback,
    keep_comments: bool,
) -> Result<FeedbackSummary, sqlx::Error> {
    let rows: Vec<FeedbackRow<'_>> = feedback
        .entries
        .iter()
        .map(|entry| feedback_row(entry, keep_comments))
        .collect();
    let rows = json(&rows)?;
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
    let kept = usize::try_from(done.rows_affected()).unwrap_or(usize::MAX);
    let unknown = usize::try_from(unknown).unwrap_or_default();
    let repeated = feedback
        .entries
        .len()
        .saturating_sub(kept)
        .saturating_sub(unknown);
    Ok(FeedbackSummary {
        kept,
        repeated,
        unknown,
    })
}

fn feedback_row(entry: &FeedbackEntry, keep_comments: bool) -> FeedbackRow<'_> {
    let (outcome, suggestions, reason, comment) = match &entry.outcome {
        FeedbackOutcome::Accepted { suggestions } => ("accepted", sorted(suggestions), None, None),
        FeedbackOutcome::Overridden { reason, comment } => {
            ("overridden", String::new(), reason.as_ref(), comment.as_deref())
        }
    };
    FeedbackRow {
        card: entry.card,
        outcome,
        at_us: entry.at.as_microsecond(),
        suggestions,
        reason_system: reason.and_then(|reason: &OverrideReason| reason.system.as_deref()),
        reason_code: reason.map(|reason| reason.code.as_str()),
        reason_display: reason.and_then(|reason| reason.display.as_deref()),
        had_comment: u8::from(comment.is_some()),
        comment: comment.filter(|_| keep_comments),
    }
}

/// A set of suggestions in the one way in which it is written.
fn sorted(suggestions: &[Uuid]) -> String {
    let set: std::collections::BTreeSet<&Uuid> = suggestions.iter().collect();
    joined(set.into_iter())
}

fn joined<'u>(suggestions: impl Iterator<Item = &'u Uuid>) -> String {
    suggestions.map(Uuid::to_string).collect::<Vec<_>>().join(" ")
}

/// Removes tokens that expired before `spent` and everything else from before `kept`. Returns whether
/// more may be left.
pub(super) async fn purge(
    connection: &mut SqliteConnection,
    spent: Timestamp,
    kept: Timestamp,
) -> Result<bool, sqlx::Error> {
    let mut transaction = connection.begin_with("BEGIN IMMEDIATE").await?;
    sqlx::query(RAISE_AUDIT_FLOOR)
        .bind(kept.as_microsecond())
        .execute(&mut *transaction)
        .await?;
    let steps = PURGES.map(|statement| (statement, kept.as_microsecond()));
    let mut more = false;
    for (statement, before) in std::iter::once((PURGE_SPENT, spent.as_second())).chain(steps) {
        let done = sqlx::query(statement)
            .bind(before)
            .bind(PURGE_PORTION)
            .execute(&mut *transaction)
            .await?;
        more |= done.rows_affected() >= PURGE_PORTION.unsigned_abs();
    }
    transaction.commit().await?;
    Ok(more)
}
