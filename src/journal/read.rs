//! The queries: what arrived as feedback, and how much there is. Nothing here reads the audit entries.

use jiff::Timestamp;
use sqlx::Row;
use sqlx::sqlite::{SqlitePool, SqliteRow};

use super::{JournalError, OverrideReason};

const FEEDBACK_LIST: &str = "\
    SELECT f.at_us, card.client, card.service, card.topic, card.rule, card.indicator, card.content_version, \
           f.outcome, f.suggestions, f.reason_system, f.reason_code, f.reason_display, f.had_comment, f.comment \
    FROM feedback AS f JOIN card ON card.uuid = f.card ORDER BY f.id DESC LIMIT ?1";
const COUNTS: &str = "\
    SELECT (SELECT count(*) FROM evaluation) AS evaluations, (SELECT count(*) FROM card) AS cards, \
           (SELECT count(*) FROM feedback WHERE outcome = 'accepted') AS accepted, \
           (SELECT count(*) FROM feedback WHERE outcome = 'overridden') AS overridden";

/// One entry of feedback, joined to the card that it is about. Holds no patient data unless comments
/// are kept.
#[derive(Clone)]
pub struct FeedbackLine {
    /// When the clinician decided.
    pub at: Timestamp,
    /// Client that the card was issued to.
    pub client: String,
    /// Service that issued it.
    pub service: String,
    /// Topic code of the card.
    pub topic: String,
    /// Rule that fired.
    pub rule: String,
    /// Indicator of the card.
    pub indicator: String,
    /// Version of the clinical knowledge that fired.
    pub content_version: String,
    /// Whether the card was accepted; otherwise it was overridden.
    pub accepted: bool,
    /// How many suggestions were taken.
    pub suggestions: usize,
    /// The coded reason of an override.
    pub reason: Option<OverrideReason>,
    /// Whether the user wrote a comment.
    pub had_comment: bool,
    /// The comment, where comments are kept.
    pub comment: Option<String>,
}

/// How much the journal holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Counts {
    /// Answered hook calls.
    pub evaluations: u64,
    /// Cards issued.
    pub cards: u64,
    /// Feedback entries that accept.
    pub accepted: u64,
    /// Feedback entries that override.
    pub overridden: u64,
}

pub(super) async fn feedback_list(
    readers: &SqlitePool,
    limit: u32,
) -> Result<Vec<FeedbackLine>, JournalError> {
    let rows = sqlx::query(FEEDBACK_LIST)
        .bind(limit)
        .fetch_all(readers)
        .await
        .map_err(JournalError::Read)?;
    rows.iter()
        .map(feedback_line)
        .collect::<Result<_, _>>()
        .map_err(JournalError::Read)
}

fn feedback_line(row: &SqliteRow) -> Result<FeedbackLine, sqlx::Error> {
    let at =
        Timestamp::from_microsecond(row.try_get("at_us")?).map_err(|error| sqlx::Error::ColumnDecode {
            index: "at_us".to_owned(),
            source: Box::new(error),
        })?;
    let code: Option<String> = row.try_get("reason_code")?;
    let (system, display) = (row.try_get("reason_system")?, row.try_get("reason_display")?);
    Ok(FeedbackLine {
        at,
        client: row.try_get("client")?,
        service: row.try_get("service")?,
        topic: row.try_get("topic")?,
        rule: row.try_get("rule")?,
        indicator: row.try_get("indicator")?,
        content_version: row.try_get("content_version")?,
        accepted: row.try_get::<String, _>("outcome")? == "accepted",
        suggestions: row
            .try_get::<String, _>("suggestions")?
            .split_whitespace()
            .count(),
        reason: code.map(|code| OverrideReason {
            system,
            code,
            display,
        }),
        had_comment: row.try_get("had_comment")?,
        comment: row.try_get("comment")?,
    })
}

pub(super) async fn counts(readers: &SqlitePool) -> Result<Counts, JournalError> {
    let row = sqlx::query(COUNTS)
        .fetch_one(readers)
        .await
        .map_err(JournalError::Read)?;
    let count = |column| {
        row.try_get::<i64, _>(column)
            .map(i64::unsigned_abs)
            .map_err(JournalError::Read)
    };
    Ok(Counts {
        evaluations: count("evaluations")?,
        cards: count("cards")?,
        accepted: count("accepted")?,
        overridden: count("overridden")?,
    })
}
