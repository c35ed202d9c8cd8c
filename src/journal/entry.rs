//! What goes into the journal. None of these types prints itself: an evaluation names the patient,
//! and a comment may.

use jiff::Timestamp;
use uuid::Uuid;

use crate::clinical::gap::Why;

/// One answered hook call.
#[derive(Clone)]
pub struct Evaluation {
    /// When the question was asked.
    pub at: Timestamp,
    /// Name of the client that asked.
    pub client: String,
    /// Service id.
    pub service: String,
    /// Hook name.
    pub hook: String,
    /// The call's `hookInstance`.
    pub hook_instance: Uuid,
    /// Version of the clinical knowledge that answered.
    pub content_version: String,
    /// The patient as a relative reference, `Patient/123`. Goes into the audit table only.
    pub patient: String,
    /// The user as a relative reference, where the call named one. Goes into the audit table only.
    pub user: Option<String>,
    /// What became of the call, from a bounded list of labels.
    pub outcome: &'static str,
    /// How long the answer took, in microseconds.
    pub duration_us: u64,
    /// References of the orders that the cards are about. They go into the audit table only.
    pub orders: Vec<String>,
    /// The cards that were returned, and those that were withheld.
    pub findings: Vec<IssuedCard>,
    /// What was asked of the client's FHIR server. Goes into the audit table only.
    pub reads: Vec<ServerRead>,
}

/// One search or read of the client's FHIR server.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ServerRead {
    /// Type of resource.
    pub kind: &'static str,
    /// `ok`, or why not all of it came.
    pub outcome: &'static str,
}

impl ServerRead {
    /// A read of a type of resource, and why not all of it came, if so.
    #[must_use]
    pub fn new(kind: &'static str, missing: Option<Why>) -> Self {
        Self {
            kind,
            outcome: missing.map_or("ok", Why::code),
        }
    }
}

/// What the companion app read of a chart at one time. It has no `Debug`: it names the patient.
#[derive(Clone)]
pub struct ChartReading {
    /// When.
    pub at: Timestamp,
    /// Name of the client whose FHIR server it is.
    pub client: String,
    /// The patient as a relative reference, `Patient/123`.
    pub patient: String,
    /// The user as a relative reference, where known.
    pub user: Option<String>,
    /// Version of the clinical knowledge that the chart was read for.
    pub content_version: String,
    /// What was asked of the client's FHIR server.
    pub reads: Vec<ServerRead>,
}

/// What is written without anybody waiting for it.
pub(super) enum Noted {
    Evaluation(Evaluation),
    Reading(ChartReading),
}

/// One card of an answer.
#[derive(Clone)]
pub struct IssuedCard {
    /// `uuid` of the card.
    pub uuid: Uuid,
    /// Code of its topic.
    pub topic: &'static str,
    /// Rule that fired, as drug / table / row.
    pub rule: String,
    /// `info`, `warning` or `critical`.
    pub indicator: &'static str,
    /// `uuid` of each of its suggestions.
    pub suggestions: Vec<Uuid>,
    /// What was not known and why, as `need:why` with a space between two; it names no patient.
    pub gaps: String,
    /// Evaluated in silence: it was not sent.
    pub withheld: bool,
    /// Sent with less force, because it was overridden a moment ago.
    pub softened: bool,
    /// Keyed digest of what makes it the same card again, where that is to be recognised.
    pub digest: Option<String>,
}

/// One step of writing an order into a chart: that it is about to be written, or what came of it. It has no
/// `Debug`: it names the patient.
#[derive(Clone)]
pub struct ChartWrite {
    /// When.
    pub at: Timestamp,
    /// Name of the client whose FHIR server it is.
    pub client: String,
    /// The patient as a relative reference, `Patient/123`.
    pub patient: String,
    /// The user as a relative reference, where known.
    pub user: Option<String>,
    /// The same for every step of one write.
    pub write: Uuid,
    /// Version of the clinical knowledge that the plan came from.
    pub content_version: String,
    /// Rule of the finding, as drug / table / row.
    pub rule: String,
    /// One of `write-intended`, `write-created`, `write-already-there`, `write-refused` and `write-unknown`.
    pub outcome: &'static str,
    /// References of the orders that it is about: the one that is reduced, then the one that was created.
    pub orders: Vec<String>,
}

/// One well-formed entry of a feedback call.
#[derive(Clone)]
pub struct FeedbackEntry {
    /// `uuid` of the card.
    pub card: Uuid,
    /// What was done with it.
    pub outcome: FeedbackOutcome,
    /// The entry's `outcomeTimestamp`; kept to the microsecond.
    pub at: Timestamp,
}

/// What was done with a card.
#[derive(Clone)]
pub enum FeedbackOutcome {
    /// Suggestions were taken.
    Accepted {
        /// `uuid` of each.
        suggestions: Vec<Uuid>,
    },
    /// The card was overridden.
    Overridden {
        /// The coded reason, where one was chosen.
        reason: Option<OverrideReason>,
        /// The user's own words; may speak of the patient. Kept only where the options say so.
        comment: Option<String>,
    },
}

/// A coded reason for an override.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OverrideReason {
    /// System of the code.
    pub system: Option<String>,
    /// The code.
    pub code: String,
    /// Its words, where they were sent.
    pub display: Option<String>,
}

/// What became of the entries of one feedback call; the three add up to their number.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct FeedbackSummary {
    /// Entries that are now in the journal.
    pub kept: usize,
    /// Entries that were there already.
    pub repeated: usize,
    /// Entries for a card that was not issued to this client.
    pub unknown: usize,
}

impl FeedbackSummary {
    /// The sum of so many entries, of which some were kept and some are unknown.
    pub(super) fn of(entries: usize, kept: u64, unknown: u64) -> Self {
        let count = |number| usize::try_from(number).unwrap_or(usize::MAX);
        let (kept, unknown) = (count(kept), count(unknown));
        Self {
            kept,
            repeated: entries.saturating_sub(kept).saturating_sub(unknown),
            unknown,
        }
    }
}
