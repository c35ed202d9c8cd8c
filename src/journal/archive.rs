//! What is read out of a journal as a whole: its audit, its feedback, its evaluations, oldest first, and a
//! copy of its file. Only reads; works beside a service that runs.
//!
//! The audit names patients. Who may run the commands that use this is the machine's decision.

use std::path::Path;

use jiff::Timestamp;
use serde::Deserialize;

use super::read::{FeedbackRow, feedback_columns, feedback_line, instant, on_readers};
use super::store::{Readers, Store};
use super::{FeedbackLine, JournalAddress, JournalError, sqlite};

/// Rows of one page.
const PAGE: i64 = 500;

const AUDIT: &str = "\
    SELECT id, at_us, client, \"user\", patient, hook, hook_instance, content_version, outcome, answered, reads \
    FROM audit WHERE id > $1 AND at_us >= $2 ORDER BY id LIMIT $3";
const FEEDBACK: &str = concat!(
    feedback_columns!(),
    "WHERE f.id > $1 AND f.received_at_us >= $2 ORDER BY f.id LIMIT $3"
);
const EVALUATIONS: &str = "\
    SELECT id, at_us, client, service, hook, content_version, outcome, duration_us, cards \
    FROM evaluation WHERE id > $1 AND at_us >= $2 ORDER BY id LIMIT $3";
const VIEWS: &str = "\
    SELECT id, at_us, who, card FROM audit_view WHERE id > $1 AND at_us >= $2 ORDER BY id LIMIT $3";

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
    /// Hook name; [`CHART_READ`](super::CHART_READ) or [`CHART_WRITE`](super::CHART_WRITE) of the companion app.
    pub hook: String,
    /// The call's `hookInstance`, or what stands for it.
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

/// That somebody looked up the patient of a card.
pub struct ViewLine {
    /// When.
    pub at: Timestamp,
    /// Name of the reviewer.
    pub who: String,
    /// `uuid` of the card.
    pub card: String,
}

pub(super) type AuditRow = (
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
type EvaluationRow = (i64, i64, String, String, String, String, String, i64, i64);
type ViewRow = (i64, i64, String, String);

/// A journal that is only read.
pub struct Archive {
    pub(super) readers: Readers,
}

/// Reads one page of rows that begin with their number; what is made of each, and where the page ends.
macro_rules! page {
    ($archive:expr, $statement:expr, $row:ty, $read:expr, $since:expr, $after:expr) => {{
        let rows: Vec<$row> = on_readers!(&$archive.readers, pool => sqlx::query_as($statement)
            .bind($after.0)
            .bind($since.as_microsecond())
            .bind(PAGE)
            .fetch_all(pool))?;
        let last = rows.last().map_or($after, |row| After(row.0));
        let lines = rows.into_iter().map($read).collect::<Result<_, JournalError>>()?;
        Ok((lines, last))
    }};
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
        page!(self, AUDIT, AuditRow, audit_entry, since, after)
    }

    /// As [`Archive::audit`], of the feedback that arrived since then.
    ///
    /// # Errors
    /// [`JournalError`] if the journal cannot be read.
    pub async fn feedback(
        &self,
        since: Timestamp,
        after: After,
    ) -> Result<(Vec<FeedbackLine>, After), JournalError> {
        page!(self, FEEDBACK, FeedbackRow, feedback_line, since, after)
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
        page!(self, EVALUATIONS, EvaluationRow, evaluation_line, since, after)
    }

    /// As [`Archive::audit`], of the times that a reviewer looked up a patient.
    ///
    /// # Errors
    /// [`JournalError`] if the journal cannot be read.
    pub async fn views(
        &self,
        since: Timestamp,
        after: After,
    ) -> Result<(Vec<ViewLine>, After), JournalError> {
        page!(self, VIEWS, ViewRow, view_line, since, after)
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

pub(super) fn audit_entry(row: AuditRow) -> Result<AuditEntry, JournalError> {
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

fn view_line((_, at_us, who, card): ViewRow) -> Result<ViewLine, JournalError> {
    let at = instant(at_us)?;
    Ok(ViewLine { at, who, card })
}
