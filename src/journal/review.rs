//! What reviewers see and leave: the cards of a period, what was said about each, and who looked up a patient.
//!
//! Turns a filter into lines without a patient, and a verdict into a row that is never changed: the newest of a
//! card counts, the older ones are its history. The patient of a card is given out by [`Journal::reveal`] alone,
//! which first writes down who asked.

use jiff::Timestamp;
use uuid::Uuid;

use super::archive::{AuditEntry, AuditRow, audit_entry};
use super::read::{instant, on_readers};
use super::{Command, Journal, JournalError, Reply};

/// Lines of one page of findings.
pub const FINDINGS_PAGE: usize = 50;

/// From an instant to before another.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Period {
    /// The first instant.
    pub from: Timestamp,
    /// The first instant after it.
    pub to: Timestamp,
}

impl Period {
    /// All of time.
    pub const ALL: Self = Self {
        from: Timestamp::MIN,
        to: Timestamp::MAX,
    };

    pub(super) fn bounds(self) -> (i64, i64) {
        (self.from.as_microsecond(), self.to.as_microsecond())
    }
}

/// What a reviewer says about a card.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Verdict {
    /// It was right to be said.
    Right,
    /// It was wrong.
    Wrong,
    /// It was right and of no use.
    NotUseful,
}

impl Verdict {
    /// Every verdict.
    pub const ALL: [Self; 3] = [Self::Right, Self::Wrong, Self::NotUseful];

    /// As it is written in a row and in a form.
    #[must_use]
    pub fn code(self) -> &'static str {
        match self {
            Self::Right => "right",
            Self::Wrong => "wrong",
            Self::NotUseful => "not-useful",
        }
    }

    /// The verdict of a code.
    #[must_use]
    pub fn of(code: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|verdict| verdict.code() == code)
    }
}

/// A verdict on its way to the journal. A note may speak of the patient: it is kept only where the options keep
/// comments.
#[derive(Clone)]
pub struct NewVerdict {
    /// Given with the form: what is sent twice counts once.
    pub key: Uuid,
    /// `uuid` of the card.
    pub card: Uuid,
    /// Name of the reviewer.
    pub who: String,
    /// What is said.
    pub verdict: Verdict,
    /// In the reviewer's own words.
    pub note: Option<String>,
}

/// One verdict of a card's history.
#[derive(Clone)]
pub struct VerdictLine {
    /// When it reached the service.
    pub at: Timestamp,
    /// Name of the reviewer.
    pub who: String,
    /// What was said.
    pub verdict: Verdict,
    /// The note, where notes are kept.
    pub note: Option<String>,
}

/// One verdict with its card, for a list of all of them; without the note.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HistoryLine {
    /// When it reached the service.
    pub at: Timestamp,
    /// `uuid` of the card.
    pub card: String,
    /// Rule that fired.
    pub rule: String,
    /// Version of the clinical knowledge.
    pub content_version: String,
    /// Name of the reviewer.
    pub who: String,
    /// What was said.
    pub verdict: Verdict,
}

/// One card for review, without its patient.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finding {
    /// `uuid` of the card.
    pub card: Uuid,
    /// When the question was asked.
    pub at: Timestamp,
    /// Client that asked.
    pub client: String,
    /// Service that answered.
    pub service: String,
    /// Topic code.
    pub topic: String,
    /// Rule that fired.
    pub rule: String,
    /// `info`, `warning` or `critical`.
    pub indicator: String,
    /// Version of the clinical knowledge.
    pub content_version: String,
    /// What was not known and why, as `need:why`.
    pub gaps: Vec<String>,
    /// Evaluated in silence: it was not sent.
    pub withheld: bool,
    /// What was said about it last, if anything was.
    pub verdict: Option<Verdict>,
    /// Who said so.
    pub reviewer: Option<String>,
    /// Whether feedback says that it was overridden, or else accepted; `None` without feedback.
    pub overridden: Option<bool>,
}

/// Which findings. Empty texts and `None` stand for all.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FindingFilter {
    /// When the cards were issued.
    pub period: Period,
    /// Name of the client.
    pub client: String,
    /// Rule that fired.
    pub rule: String,
    /// Only those that were withheld, or only those that were shown.
    pub withheld: Option<bool>,
    /// Only those with this verdict: a code, or `none` for those without any.
    pub verdict: String,
}

/// Where the next page begins: after the finding of this instant and card.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Before {
    /// Instant of the last finding that was seen.
    pub at: Timestamp,
    /// Its card.
    pub card: Uuid,
}

/// What a reviewer leaves in the journal.
pub(super) struct Entry {
    pub(super) key: Uuid,
    pub(super) card: Uuid,
    pub(super) who: String,
    pub(super) says: Says,
    pub(super) note: Option<String>,
}

/// What an entry says.
#[derive(Clone, Copy)]
pub(super) enum Says {
    /// A verdict.
    Verdict(Verdict),
    /// That the patient was looked up.
    Looked,
}

/// An entry on its way to the writer.
pub(super) struct Review {
    pub(super) entry: Entry,
    pub(super) at: Timestamp,
    pub(super) reply: Reply<bool>,
}

macro_rules! columns {
    () => {
        "SELECT card.uuid, card.issued_at_us, card.client, card.service, card.topic, card.rule, card.indicator, \
                card.content_version, card.gaps, card.withheld, latest.says, latest.who, \
                (SELECT CAST(max(CASE WHEN f.outcome = 'overridden' THEN 1 ELSE 0 END) AS BIGINT) FROM feedback AS f \
                 WHERE f.card = card.uuid) "
    };
}
macro_rules! latest {
    () => {
        "FROM card LEFT JOIN verdict AS latest \
             ON latest.id = (SELECT max(v.id) FROM verdict AS v WHERE v.card = card.uuid) "
    };
}
macro_rules! filtered {
    () => {
        "WHERE card.issued_at_us >= $1 AND card.issued_at_us < $2 AND ($3 = '' OR card.client = $3) \
         AND ($4 = '' OR card.rule = $4) AND ($5 < 0 OR card.withheld = $5) \
         AND ($6 = '' OR coalesce(latest.says, 'none') = $6) "
    };
}
const FINDINGS: &str = concat!(
    columns!(),
    latest!(),
    filtered!(),
    "AND (card.issued_at_us < $7 OR (card.issued_at_us = $7 AND card.uuid < $8)) \
     ORDER BY card.issued_at_us DESC, card.uuid DESC LIMIT $9"
);
const FINDING: &str = concat!(columns!(), latest!(), "WHERE card.uuid = $1");
const COUNT: &str = concat!("SELECT count(*) ", latest!(), filtered!());
const VERDICTS: &str = "SELECT at_us, who, says, note FROM verdict WHERE card = $1 ORDER BY id";
const HISTORY: &str = "\
    SELECT verdict.at_us, verdict.card, card.rule, card.content_version, verdict.who, verdict.says \
    FROM verdict JOIN card ON card.uuid = verdict.card \
    WHERE card.issued_at_us >= $1 AND card.issued_at_us < $2 AND ($3 = '' OR card.client = $3) ORDER BY verdict.id";
/// The entry of the call that a card belongs to: of the same instant and client, with the card in it.
const AUDITED: &str = "\
    SELECT audit.id, audit.at_us, audit.client, audit.\"user\", audit.patient, audit.hook, audit.hook_instance, \
           audit.content_version, audit.outcome, audit.answered, audit.reads \
    FROM card JOIN audit ON audit.at_us = card.issued_at_us AND audit.client = card.client \
    WHERE card.uuid = $1 AND audit.answered LIKE $2 LIMIT 1";

type HistoryRow = (i64, String, String, String, String, String);
type FindingRow = (
    String,
    i64,
    String,
    String,
    String,
    String,
    String,
    String,
    String,
    i64,
    Option<String>,
    Option<String>,
    Option<i64>,
);

impl Journal {
    /// Keeps a verdict; it is on disk before this returns. `false` if there is no such card.
    ///
    /// # Errors
    /// [`JournalError`] if it could not be written in time. Sending the same again is safe.
    pub async fn judge(&self, new: NewVerdict) -> Result<bool, JournalError> {
        self.leave(Entry {
            key: new.key,
            card: new.card,
            who: new.who,
            says: Says::Verdict(new.verdict),
            note: new.note,
        })
        .await
    }

    /// Writes down that `who` looks up the patient of a card and, once that is on disk, gives the audit entry of
    /// its call. `None` if there is none.
    ///
    /// # Errors
    /// [`JournalError`] if it could not be written down, or the entry cannot be read.
    pub async fn reveal(&self, card: Uuid, who: &str) -> Result<Option<AuditEntry>, JournalError> {
        let looked = self.leave(Entry {
            key: Uuid::new_v4(),
            card,
            who: who.to_owned(),
            says: Says::Looked,
            note: None,
        });
        if !looked.await? {
            return Ok(None);
        }
        let row: Option<AuditRow> = on_readers!(&self.readers, pool => sqlx::query_as(AUDITED)
            .bind(card.to_string())
            .bind(format!("%{card}%"))
            .fetch_optional(pool))?;
        row.map(audit_entry).transpose()
    }

    #[expect(
        clippy::disallowed_methods,
        reason = "the journal stamps when something reached it"
    )]
    async fn leave(&self, entry: Entry) -> Result<bool, JournalError> {
        let at = Timestamp::now();
        self.ask(|reply| Command::Review(Review { entry, at, reply }))
            .await
    }

    /// The next findings, the newest first, at most [`FINDINGS_PAGE`]; from the newest on without `before`.
    ///
    /// # Errors
    /// [`JournalError`] if the journal cannot be read.
    pub async fn findings(
        &self,
        filter: &FindingFilter,
        before: Option<Before>,
    ) -> Result<Vec<Finding>, JournalError> {
        let (from, to) = filter.period.bounds();
        let (at, card) = match before {
            Some(before) => (before.at.as_microsecond(), before.card.to_string()),
            None => (i64::MAX, String::new()),
        };
        let rows: Vec<FindingRow> = on_readers!(&self.readers, pool => sqlx::query_as(FINDINGS)
            .bind(from)
            .bind(to)
            .bind(filter.client.clone())
            .bind(filter.rule.clone())
            .bind(filter.withheld.map_or(-1, i64::from))
            .bind(filter.verdict.clone())
            .bind(at)
            .bind(card)
            .bind(FINDINGS_PAGE as i64)
            .fetch_all(pool))?;
        rows.into_iter().map(finding).collect()
    }

    /// How many findings there are.
    ///
    /// # Errors
    /// [`JournalError`] if the journal cannot be read.
    pub async fn findings_count(&self, filter: &FindingFilter) -> Result<u64, JournalError> {
        let (from, to) = filter.period.bounds();
        let count: i64 = on_readers!(&self.readers, pool => sqlx::query_scalar(COUNT)
            .bind(from)
            .bind(to)
            .bind(filter.client.clone())
            .bind(filter.rule.clone())
            .bind(filter.withheld.map_or(-1, i64::from))
            .bind(filter.verdict.clone())
            .fetch_one(pool))?;
        Ok(count.unsigned_abs())
    }

    /// One finding.
    ///
    /// # Errors
    /// [`JournalError`] if the journal cannot be read.
    pub async fn finding(&self, card: Uuid) -> Result<Option<Finding>, JournalError> {
        let row: Option<FindingRow> = on_readers!(&self.readers, pool => sqlx::query_as(FINDING)
            .bind(card.to_string())
            .fetch_optional(pool))?;
        row.map(finding).transpose()
    }

    /// What was said about a card, the oldest first.
    ///
    /// # Errors
    /// [`JournalError`] if the journal cannot be read.
    pub async fn verdicts(&self, card: Uuid) -> Result<Vec<VerdictLine>, JournalError> {
        let rows: Vec<(i64, String, String, Option<String>)> = on_readers!(&self.readers, pool => sqlx::query_as(VERDICTS)
                .bind(card.to_string())
                .fetch_all(pool))?;
        let line = |(at_us, who, says, note): (i64, String, String, Option<String>)| {
            Ok(VerdictLine {
                at: instant(at_us)?,
                who,
                verdict: Verdict::of(&says).ok_or_else(|| broken("a verdict"))?,
                note,
            })
        };
        rows.into_iter().map(line).collect()
    }

    /// Every verdict on the cards issued in a period, the oldest first; of one client, or of all where its name is
    /// empty.
    ///
    /// # Errors
    /// [`JournalError`] if the journal cannot be read.
    pub async fn verdict_history(
        &self,
        period: Period,
        client: &str,
    ) -> Result<Vec<HistoryLine>, JournalError> {
        let (from, to) = period.bounds();
        let rows: Vec<HistoryRow> = on_readers!(&self.readers, pool => sqlx::query_as(HISTORY)
            .bind(from)
            .bind(to)
            .bind(client.to_owned())
            .fetch_all(pool))?;
        rows.into_iter().map(history_line).collect()
    }
}

fn history_line(row: HistoryRow) -> Result<HistoryLine, JournalError> {
    let (at_us, card, rule, content_version, who, says) = row;
    Ok(HistoryLine {
        at: instant(at_us)?,
        card,
        rule,
        content_version,
        who,
        verdict: Verdict::of(&says).ok_or_else(|| broken("a verdict"))?,
    })
}

/// The cause would quote the row.
fn broken(what: &'static str) -> JournalError {
    JournalError::Read(sqlx::Error::Decode(what.into()))
}

fn finding(row: FindingRow) -> Result<Finding, JournalError> {
    let (card, at_us, client, service, topic, rule, indicator, content_version, gaps, withheld, ..) = row;
    let (says, reviewer, overridden) = (row.10, row.11, row.12);
    Ok(Finding {
        card: card.parse().map_err(|_| broken("the identifier of a card"))?,
        at: instant(at_us)?,
        client,
        service,
        topic,
        rule,
        indicator,
        content_version,
        gaps: gaps.split_whitespace().map(str::to_owned).collect(),
        withheld: withheld != 0,
        verdict: says.as_deref().and_then(Verdict::of),
        reviewer,
        overridden: overridden.map(|overridden| overridden != 0),
    })
}
