//! The statements that write. Rows travel as one JSON array per table, so that a group of
//! evaluations costs three statements and not twenty each.

use jiff::Timestamp;
use serde::Serialize;
use sqlx::Connection;
use sqlx::sqlite::SqliteConnection;
use uuid::Uuid;

use super::{Evaluation, Feedback, FeedbackEntry, FeedbackOutcome, FeedbackSummary, OverrideReason, Spend};

/// Most rows of a table that one purge removes, so that it never holds up an answer for long.
const PURGE_PORTION: i64 = 2_000;

const INSERT_EVALUATIONS: &str = "\
    INSERT INTO evaluation (at_us, client, service, hook, hook_instance, content_version, outcome, duration_us, cards) \
    SELECT value->>'at_us', value->>'client', value->>'service', value->>'hook', value->>'hook_instance', \
           value->>'content_version', value->>'outcome', value->>'duration_us', value->>'cards' \
    FROM json_each(?1)";
const INSERT_CARDS: &str = "\
    INSERT INTO card (uuid, issued_at_us, client, service, topic, rule, indicator, content_version, suggestions) \
    SELECT value->>'uuid', value->>'issued_at_us', value->>'client', value->>'service', value->>'topic', \
           value->>'rule', value->>'indicator', value->>'content_version', value->>'suggestions' \
    FROM json_each(?1) WHERE true ON CONFLICT DO NOTHING";
const INSERT_AUDIT: &str = "\
    INSERT INTO audit (at_us, client, user, patient, service, hook, hook_instance, content_version, outcome, answered) \
    SELECT value->>'at_us', value->>'client', value->>'user', value->>'patient', value->>'service', value->>'hook', \
           value->>'hook_instance', value->>'content_version', value->>'outcome', value->'answered' \
    FROM json_each(?1)";
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

#[derive(Serialize)]
struct EvaluationRow<'a> {
    at_us: i64,
    client: &'a str,
    service: &'a str,
    hook: &'a str,
    #[serde(serialize_with = "hyphenated")]
    hook_instance: Uuid,
    content_version: &'a str,
    outcome: &'a str,
    duration_us: i64,
    cards: usize,
}

#[derive(Serialize)]
struct CardRow<'a> {
    #[serde(serialize_with = "hyphenated")]
    uuid: Uuid,
    issued_at_us: i64,
    client: &'a str,
    service: &'a str,
    topic: &'a str,
    rule: &'a str,
    indicator: &'a str,
    content_version: &'a str,
    suggestions: String,
}

#[derive(Serialize)]
struct AuditRow<'a> {
    at_us: i64,
    client: &'a str,
    user: Option<&'a str>,
    patient: &'a str,
    service: &'a str,
    hook: &'a str,
    #[serde(serialize_with = "hyphenated")]
    hook_instance: Uuid,
    content_version: &'a str,
    outcome: &'a str,
    answered: Vec<AnsweredCard<'a>>,
}

#[derive(Serialize)]
struct AnsweredCard<'a> {
    #[serde(serialize_with = "hyphenated")]
    card: Uuid,
    topic: &'a str,
    rule: &'a str,
    indicator: &'a str,
    orders: &'a [String],
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

/// Writes a group of evaluations with their cards, suggestions and audit entries.
pub(super) async fn evaluations(
    connection: &mut SqliteConnection,
    all: &[Evaluation],
) -> Result<(), sqlx::Error> {
    if all.is_empty() {
        return Ok(());
    }
    insert(connection, INSERT_EVALUATIONS, all.iter().map(evaluation_row)).await?;
    insert(connection, INSERT_CARDS, all.iter().flat_map(card_rows)).await?;
    insert(connection, INSERT_AUDIT, all.iter().map(audit_row)).await
}

async fn insert<T: Serialize>(
    connection: &mut SqliteConnection,
    statement: &'static str,
    rows: impl Iterator<Item = T>,
) -> Result<(), sqlx::Error> {
    let rows: Vec<T> = rows.collect();
    if rows.is_empty() {
        return Ok(());
    }
    sqlx::query(statement)
        .bind(json(&rows)?)
        .execute(connection)
        .await
        .map(drop)
}

fn hyphenated<S: serde::Serializer>(uuid: &Uuid, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_str(uuid)
}

fn json<T: Serialize>(rows: &[T]) -> Result<String, sqlx::Error> {
    serde_json::to_string(rows).map_err(|error| sqlx::Error::Encode(Box::new(error)))
}

fn evaluation_row(evaluation: &Evaluation) -> EvaluationRow<'_> {
    EvaluationRow {
        at_us: evaluation.at.as_microsecond(),
        client: &evaluation.client,
        service: &evaluation.service,
        hook: &evaluation.hook,
        hook_instance: evaluation.hook_instance,
        content_version: &evaluation.content_version,
        outcome: &evaluation.outcome,
        duration_us: i64::try_from(evaluation.duration_us).unwrap_or(i64::MAX),
        cards: evaluation.findings.len(),
    }
}

fn card_rows(evaluation: &Evaluation) -> impl Iterator<Item = CardRow<'_>> {
    evaluation.findings.iter().map(|card| CardRow {
        uuid: card.uuid,
        issued_at_us: evaluation.at.as_microsecond(),
        client: &evaluation.client,
        service: &evaluation.service,
        topic: &card.topic,
        rule: &card.rule,
        indicator: &card.indicator,
        content_version: &evaluation.content_version,
        suggestions: joined(card.suggestions.iter()),
    })
}

fn audit_row(evaluation: &Evaluation) -> AuditRow<'_> {
    let answered = evaluation.findings.iter().map(|card| AnsweredCard {
        card: card.uuid,
        topic: &card.topic,
        rule: &card.rule,
        indicator: &card.indicator,
        orders: &card.orders,
    });
    AuditRow {
        at_us: evaluation.at.as_microsecond(),
        client: &evaluation.client,
        user: evaluation.user.as_deref(),
        patient: &evaluation.patient,
        service: &evaluation.service,
        hook: &evaluation.hook,
        hook_instance: evaluation.hook_instance,
        content_version: &evaluation.content_version,
        outcome: &evaluation.outcome,
        answered: answered.collect(),
    }
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
