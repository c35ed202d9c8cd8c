//! What is read out of a journal as a whole: its audit, its feedback, its evaluations, oldest first, and a
//! copy of its file. Only reads; works beside a service that runs.
//!
//! The audit names patients. Who may run the commands that use this is the machine's decision.

use std::path::Path;

use jiff::Timestamp;
use serde::Deserialize;

use super::read::{instant, on_readers};
use super::store::{Readers, Store};
use super::{JournalAddress, JournalError, sqlite};

/// Rows of one page.
const PAGE: i64 = 500;

const AUDIT: &str = "\
    SELECT id, at_us, client, \"user\", patient, hook, hook_instance, content_version, outcome, answered, reads \
    FROM audit WHERE id > $1 AND at_us >= $2 ORDER BY id LIMIT $3";
const FEEDBACK: &str = "\
    SELECT f.id, f.received_at_us, f.at_us, f.card, card.client, card.service, card.topic, card.rule, \
           card.content_version, f.outcome, f.suggestions, f.reason_system, f.reason_code, f.had_comment, f.comment \
    FROM feedback AS f JOIN card ON card.uuid = f.card \
    WHERE f.id > $1 AND f.received_at_us >= $2 ORDER BY f.id LIMIT $3";
const EVALUATIONS: &str = "\
    SELECT id, at_us, client, service, hook, content_version, outcome, duration_us, cards \
    FROM evaluation WHERE id > $1 AND at_us >= $2 ORDER BY id LIMIT $3";

/// Where a page ends; the default is before the first.
#[derive(Debug, Clone, Copy)]
pub struct After(i64);

impl Default for After {
    fn default() -> Self {
        Self(i64::MIN)
    }
}

/// One entry of the audit.
pub struct AuditEntry {
    /// When the question was asked.
    pub at: Timestamp,
    /// Name of the client that asked.
    pub client: String,
    /// Reference to the user.
    pub user: Option<String>,
    /// Reference to the patient.
    pub patient: String,
    /// Hook name.
    pub hook: String,
    /// The call's `hookInstance`.
    pub hook_instance: String,
    /// Version of the clinical knowledge that answered.
    pub content_version: String,
    /// What became of the call.
    pub outcome: String,
    /// The cards.
    pub cards: Vec<AuditedCard>,
    /// What was asked of the client's FHIR server.
    pub reads: Vec<AuditedRead>,
}

/// One search or read as the audit keeps it.
#[derive(Deserialize)]
pub struct AuditedRead {
    /// Type of resource.
    #[serde(rename = "type")]
    pub kind: String,
    /// `ok`, or why not all of it came.
    pub outcome: String,
}

/// One card as the audit keeps it.
#[derive(Deserialize)]
pub struct AuditedCard {
    /// `uuid` of the card.
    pub card: String,
    /// Topic code.
    pub topic: String,
    /// Rule that fired.
    pub rule: String,
    /// `info`, `warning` or `critical`.
    pub indicator: String,
    /// References of the orders that the card is about.
    pub orders: Vec<String>,
    /// Evaluated in silence: it was not sent.
    #[serde(default)]
    pub withheld: bool,
    /// Sent with less force, because it was overridden a moment ago.
    #[serde(default)]
    pub softened: bool,
}

/// One entry of feedback with the card that it is about.
pub struct FeedbackEntryLine {
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
    /// Version of the clinical knowledge.
    pub content_version: String,
    /// `accepted` or `overridden`.
    pub outcome: String,
    /// The suggestions that were taken.
    pub suggestions: Vec<String>,
    /// System of the reason.
    pub reason_system: Option<String>,
    /// Code of the reason.
    pub reason_code: Option<String>,
    /// Whether the user wrote a comment.
    pub had_comment: bool,
    /// The comment, where comments are kept.
    pub comment: Option<String>,
}

/// One answered call, without the patient.
pub struct EvaluationLine {
    /// When the question was asked.
    pub at: Timestamp,
    /// Name of the client that asked.
    pub client: String,
    /// Service id.
    pub service: String,
    /// Hook name.
    pub hook: String,
    /// Version of the clinical knowledge that answered.
    pub content_version: String,
    /// What became of the call.
    pub outcome: String,
    /// How long the answer took, in microseconds.
    pub duration_us: i64,
    /// How many cards were found.
    pub cards: i64,
}

type AuditRow = (
    i64,
    i64,
    String,
    Option<String>,
    String,
    String,
    String,
    String,
    String,
    String,
    String,
);
type FeedbackRow = (
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
    bool,
    Option<String>,
);
type EvaluationRow = (i64, i64, String, String, String, String, String, i64, i64);

/// A journal that is only read.
pub struct Archive {
    pub(super) readers: Readers,
}

/// Reads one page of rows.
macro_rules! page {
    ($archive:expr, $statement:expr, $after:expr, $since:expr) => {
        on_readers!(&$archive.readers, pool => sqlx::query_as($statement)
            .bind($after.0)
            .bind($since.as_microsecond())
            .bind(PAGE)
            .fetch_all(pool))
    };
}

impl Archive {
    /// Opens a journal that is there.
    ///
    /// # Errors
    /// [`JournalError`] if it is not, or cannot be reached.
    pub async fn open(address: &JournalAddress) -> Result<Self, JournalError> {
        let store = address.existing()?;
        let readers = store.readers().await.map_err(|error| store.open_error(error))?;
        Ok(Self { readers })
    }

    /// The next entries of the audit since an instant, and where they end; none at the end.
    ///
    /// # Errors
    /// [`JournalError`] if the journal cannot be read.
    pub async fn audit(
        &self,
        since: Timestamp,
        after: After,
    ) -> Result<(Vec<AuditEntry>, After), JournalError> {
        let rows: Vec<AuditRow> = page!(self, AUDIT, after, since)?;
        let last = rows.last().map_or(after, |row| After(row.0));
        let entries = rows.into_iter().map(audit_entry).collect::<Result<_, _>>()?;
        Ok((entries, last))
    }

    /// As [`Archive::audit`], of the feedback that arrived since then.
    ///
    /// # Errors
    /// [`JournalError`] if the journal cannot be read.
    pub async fn feedback(
        &self,
        since: Timestamp,
        after: After,
    ) -> Result<(Vec<FeedbackEntryLine>, After), JournalError> {
        let rows: Vec<FeedbackRow> = page!(self, FEEDBACK, after, since)?;
        let last = rows.last().map_or(after, |row| After(row.0));
        let lines = rows.into_iter().map(feedback_line).collect::<Result<_, _>>()?;
        Ok((lines, last))
    }

    /// As [`Archive::audit`], of the evaluations.
    ///
    /// # Errors
    /// [`JournalError`] if the journal cannot be read.
    pub async fn evaluations(
        &self,
        since: Timestamp,
        after: After,
    ) -> Result<(Vec<EvaluationLine>, After), JournalError> {
        let rows: Vec<EvaluationRow> = page!(self, EVALUATIONS, after, since)?;
        let last = rows.last().map_or(after, |row| After(row.0));
        let lines = rows.into_iter().map(evaluation_line).collect::<Result<_, _>>()?;
        Ok((lines, last))
    }
}

/// Copies the journal at `address` to a new file, whole and as of one instant, while it is in use.
///
/// # Errors
/// [`JournalError`] if it is no SQLite journal, the target exists, or a disk fails.
pub async fn backup(address: &JournalAddress, target: &Path) -> Result<(), JournalError> {
    match address.existing()? {
        Store::Sqlite(options) => sqlite::copy(&options, target).await,
        Store::Postgres(_) => Err(JournalError::NoCopy),
    }
}

fn audit_entry(row: AuditRow) -> Result<AuditEntry, JournalError> {
    let (_, at_us, client, user, patient, hook, hook_instance, content_version, outcome, answered, reads) =
        row;
    let cards = serde_json::from_str(&answered);
    let reads = serde_json::from_str(&reads);
    Ok(AuditEntry {
        at: instant(at_us)?,
        client,
        user,
        patient,
        hook,
        hook_instance,
        content_version,
        outcome,
        // The cause would quote the row.
        cards: cards
            .map_err(|_| JournalError::Read(sqlx::Error::Decode("the cards of an audit entry".into())))?,
        reads: reads
            .map_err(|_| JournalError::Read(sqlx::Error::Decode("the reads of an audit entry".into())))?,
    })
}

fn feedback_line(row: FeedbackRow) -> Result<FeedbackEntryLine, JournalError> {
    let (
        _,
        received_us,
        at_us,
        card,
        client,
        service,
        topic,
        rule,
        content_version,
        outcome,
        suggestions,
        ..,
    ) = row;
    let (reason_system, reason_code, had_comment, comment) = (row.11, row.12, row.13, row.14);
    Ok(FeedbackEntryLine {
        received: instant(received_us)?,
        at: instant(at_us)?,
        card,
        client,
        service,
        topic,
        rule,
        content_version,
        outcome,
        suggestions: suggestions.split_whitespace().map(str::to_owned).collect(),
        reason_system,
        reason_code,
        had_comment,
        comment,
    })
}

fn evaluation_line(row: EvaluationRow) -> Result<EvaluationLine, JournalError> {
    let (_, at_us, client, service, hook, content_version, outcome, duration_us, cards) = row;
    Ok(EvaluationLine {
        at: instant(at_us)?,
        client,
        service,
        hook,
        content_version,
        outcome,
        duration_us,
        cards,
    })
}
