//! The queries: what arrived as feedback, and how much there is. Nothing here reads the audit entries.

use std::collections::BTreeSet;

use jiff::Timestamp;
use uuid::Uuid;

use super::store::Readers;
use super::{JournalError, OverrideReason};

/// Runs one query on the readers of whichever engine it is; both understand `$1`.
macro_rules! on_readers {
    ($readers:expr, $pool:ident => $query:expr) => {
        match $readers {
            $crate::journal::store::Readers::Sqlite($pool) => $query.await,
            $crate::journal::store::Readers::Postgres($pool) => $query.await,
        }
        .map_err($crate::journal::JournalError::Read)
    };
}
pub(super) use on_readers;

/// The columns of a [`FeedbackRow`].
macro_rules! feedback_columns {
    () => {
        "SELECT f.id, f.received_at_us, f.at_us, f.card, card.client, card.service, card.topic, card.rule, \
                card.content_version, f.outcome, f.suggestions, f.reason_system, f.reason_code, f.reason_display, \
                f.had_comment, f.comment \
         FROM feedback AS f JOIN card ON card.uuid = f.card "
    };
}
pub(super) use feedback_columns;

const FEEDBACK_LIST: &str = concat!(feedback_columns!(), "ORDER BY f.id DESC LIMIT $1");
const SPENT: &str = "SELECT count(*) FROM spent_token WHERE issuer = $1 AND jti = $2";
const COUNTS: &str = "\
    SELECT (SELECT count(*) FROM evaluation) AS evaluations, (SELECT count(*) FROM card) AS cards, \
           (SELECT count(*) FROM feedback WHERE outcome = 'accepted') AS accepted, \
           (SELECT count(*) FROM feedback WHERE outcome = 'overridden') AS overridden";

const KNOWN: &str = "SELECT count(DISTINCT uuid) FROM card WHERE uuid = ANY($1)";

/// One entry of feedback, joined to the card that it is about. Holds no patient data unless comments
/// are kept.
#[derive(Clone)]
pub struct FeedbackLine {
    /// When it reached the service.
    pub received: Timestamp,
    /// When the clinician decided.
    pub at: Timestamp,
    /// `uuid` of the card.
    pub card: String,
    /// Client that the card was issued to.
    pub client: String,
    /// Service that issued it.
    pub service: String,
    /// Topic code of the card.
    pub topic: String,
    /// Rule that fired.
    pub rule: String,
    /// Version of the clinical knowledge that fired.
    pub content_version: String,
    /// Whether the card was accepted; otherwise it was overridden.
    pub accepted: bool,
    /// `uuid` of each suggestion that was taken.
    pub suggestions: Vec<String>,
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

pub(super) type FeedbackRow = (
    i64,
    i64,
    i64,
    String,
    String,
    String,
    String,
    String,
    String,
    String,
    String,
    Option<String>,
    Option<String>,
    Option<String>,
    bool,
    Option<String>,
);

pub(super) async fn feedback_list(readers: &Readers, limit: u32) -> Result<Vec<FeedbackLine>, JournalError> {
    let rows: Vec<FeedbackRow> = on_readers!(readers, pool => sqlx::query_as(FEEDBACK_LIST)
        .bind(i64::from(limit))
        .fetch_all(pool))?;
    rows.into_iter().map(feedback_line).collect()
}

/// An instant of a row.
pub(super) fn instant(at_us: i64) -> Result<Timestamp, JournalError> {
    Timestamp::from_microsecond(at_us)
        .map_err(|error| JournalError::Read(sqlx::Error::Decode(Box::new(error))))
}

pub(super) fn feedback_line(row: FeedbackRow) -> Result<FeedbackLine, JournalError> {
    let (_, received_us, at_us, card, client, service, topic, rule, content_version, ..) = row;
    let (system, display, had_comment, comment) = (row.11, row.13, row.14, row.15);
    Ok(FeedbackLine {
        received: instant(received_us)?,
        at: instant(at_us)?,
        card,
        client,
        service,
        topic,
        rule,
        content_version,
        accepted: row.9 == "accepted",
        suggestions: row.10.split_whitespace().map(str::to_owned).collect(),
        reason: row.12.map(|code| OverrideReason {
            system,
            code,
            display,
        }),
        had_comment,
        comment,
    })
}

pub(super) async fn is_spent(readers: &Readers, issuer: &str, jti: &str) -> Result<bool, JournalError> {
    let found: i64 = on_readers!(readers, pool => sqlx::query_scalar(SPENT)
        .bind(issuer.to_owned())
        .bind(jti.to_owned())
        .fetch_one(pool))?;
    Ok(found > 0)
}

pub(super) async fn counts(readers: &Readers) -> Result<Counts, JournalError> {
    let (evaluations, cards, accepted, overridden): (i64, i64, i64, i64) =
        on_readers!(readers, pool => sqlx::query_as(COUNTS).fetch_one(pool))?;
    Ok(Counts {
        evaluations: evaluations.unsigned_abs(),
        cards: cards.unsigned_abs(),
        accepted: accepted.unsigned_abs(),
        overridden: overridden.unsigned_abs(),
    })
}

/// Whether each of these cards is there, whoever it was issued to. Where there is one process only, a card that is
/// not there will never be: the writer has taken what was recorded before.
pub(super) async fn all_known(readers: &Readers, cards: &[Uuid]) -> Result<bool, JournalError> {
    let Readers::Postgres(pool) = readers else {
        return Ok(true);
    };
    let cards: BTreeSet<String> = cards.iter().map(Uuid::to_string).collect();
    let (number, cards) = (cards.len() as u64, cards.into_iter().collect::<Vec<_>>());
    let known: i64 = sqlx::query_scalar(KNOWN)
        .bind(cards)
        .fetch_one(pool)
        .await
        .map_err(JournalError::Read)?;
    Ok(known.unsigned_abs() == number)
}
