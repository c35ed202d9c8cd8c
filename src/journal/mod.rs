//! Turns what was answered, what came back as feedback, and which tokens were used, into rows that
//! outlive the process.
//!
//! What [`Journal::spend_jti`], [`Journal::feedback`] and [`Journal::audit`] acknowledge is on disk: it survives `kill -9` and
//! a power cut. [`Journal::record`] never waits and may drop; drops are counted. All three go to one
//! writer, which takes the evaluations recorded so far before it looks at feedback. They, and what the companion app
//! read ([`Journal::record_reading`]), are written within 50 ms; SQLite flushes them with the next acknowledgement or checkpoint: a crash may lose
//! the last of them, a torn one is never seen. Patient data goes into the table `audit` and nowhere else;
//! a comment of feedback, and a reviewer's note, is kept only on request. No error text and no log line of this module holds a value from a row.
//! **No clinical value is kept**, neither beside a card nor in the audit: who was asked about, which rule answered and
//! what was missing is enough to account for an answer and to count, and the journal lives long and is copied (retention,
//! backups, exports). What a card rested on is in the answer that the EHR got and, where the site wants it for some days,
//! in the folder of [`crate::capture`], from which a call can be judged again.
//! Follows CDS Hooks, section Feedback, and the outside contract, section 4.
//! Two engines keep the same rows: SQLite for one process, PostgreSQL for several replicas, which then
//! refuse each other's spent tokens and know each other's cards. While the database fails, evaluations
//! wait up to a bound and are dropped and counted beyond it; everything else is refused at once.

mod alike;
mod archive;
mod entry;
mod error;
mod group;
mod open;
mod postgres;
mod read;
mod repeats;
mod review;
mod rows;
mod sqlite;
mod store;
mod sums;
mod survey;
#[cfg(test)]
mod tests;
mod writer;

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use jiff::{SignedDuration, Timestamp};
use tokio::sync::{mpsc, oneshot};
use uuid::Uuid;

pub use archive::{After, Archive, AuditEntry, AuditedCard, AuditedRead, EvaluationLine, ViewLine, backup};
use entry::Noted;
pub use entry::{
    ChartReading, ChartWrite, Evaluation, FeedbackEntry, FeedbackOutcome, FeedbackSummary, IssuedCard,
    OverrideReason, ServerRead,
};
pub use error::JournalError;
pub(crate) use open::is_postgres;
pub use open::{JournalAddress, JournalOptions};
pub use read::{Counts, FeedbackLine};
pub use repeats::OverriddenCard;
pub use review::{
    Before, FINDINGS_PAGE, Finding, FindingFilter, HistoryLine, NewVerdict, Period, Verdict, VerdictLine,
};
pub use sums::{CallSum, DaySum, ReasonSum, RuleSum};
pub use survey::{Survey, survey};

/// What stands for a hook in the audit of a write into a chart.
pub const CHART_WRITE: &str = "app-write";
/// What stands for a hook in the audit of what the companion app read of a chart.
pub const CHART_READ: &str = "app-read";

/// How long a caller waits for the disk before it is told that the journal is not available.
const ACKNOWLEDGE_WITHIN: Duration = Duration::from_secs(5);

/// After this long, whatever another replica has issued before is written; the second after an outage,
/// from which another replica may recover a little later.
const ANOTHER_LOOK: [Duration; 2] = [Duration::from_millis(200), Duration::from_secs(2)];
/// For how long after an outage others may still be recovering.
const RECOVERY: Duration = Duration::from_secs(10);

/// How long a replica that lost the database may take to write a card that it has issued.
const YOUNG: SignedDuration = SignedDuration::from_mins(5);

/// Whether a card was issued a moment ago, by the instant that our own identifiers begin with.
fn is_young(card: Uuid, now: Timestamp) -> bool {
    let issued = card.get_timestamp().map(|at| at.to_unix().0);
    let issued = issued.and_then(|at| Timestamp::from_second(i64::try_from(at).ok()?).ok());
    issued.is_some_and(|issued| now.duration_since(issued).abs() < YOUNG)
}

/// The journal: one writer behind a bounded queue, and a few readers.
///
/// Dropping it lets the writer finish what is queued, in the background; [`Journal::close`] waits.
pub struct Journal {
    noted: mpsc::Sender<Noted>,
    commands: mpsc::Sender<Command>,
    readers: store::Readers,
    state: Arc<WriterState>,
}

/// What the writer tells about itself.
#[derive(Default)]
struct WriterState {
    dropped: AtomicU64,
    failing: AtomicBool,
    /// Whether the log was told that records are being dropped.
    dropping: AtomicBool,
    /// When the last outage ended.
    back: Mutex<Option<Instant>>,
}

impl WriterState {
    /// How long to wait for what another replica may be about to write.
    fn another_look(&self) -> Duration {
        let back = *self.back.lock().unwrap_or_else(PoisonError::into_inner);
        ANOTHER_LOOK[usize::from(back.is_some_and(|at| at.elapsed() < RECOVERY))]
    }

    /// Counts records that will not be written, and logs the first of a row.
    fn drop_records(&self, number: u64) {
        if number == 0 {
            return;
        }
        let dropped = number + self.dropped.fetch_add(number, Ordering::Relaxed);
        if !self.dropping.swap(true, Ordering::Relaxed) {
            tracing::error!(
                event = "journal.dropping",
                dropped,
                "more records wait for the journal than may; further ones are counted and dropped"
            );
        }
    }
}

type Reply<T> = oneshot::Sender<Result<T, JournalError>>;

/// What the writer can be asked to do.
enum Command {
    Spend(Spend),
    Feedback(Feedback),
    Audit(Audit),
    Review(review::Review),
    Close { reply: Reply<()> },
}

/// A token that is being used.
struct Spend {
    issuer: String,
    jti: String,
    expires: Timestamp,
    reply: Reply<bool>,
}

/// The entries of one feedback call.
struct Feedback {
    client: String,
    entries: Vec<FeedbackEntry>,
    received: Timestamp,
    reply: Reply<FeedbackSummary>,
}

/// A step of a write into a chart.
struct Audit {
    write: ChartWrite,
    /// Told apart by this where the same entry may be written twice.
    key: uuid::Uuid,
    reply: Reply<()>,
}

impl Journal {
    /// Opens the journal at `url` (`sqlite:PATH` or `postgres://…`) with the default options: creates
    /// file and folder where they are missing and brings the tables up to date.
    ///
    /// # Errors
    /// [`JournalError`] for an address of neither engine, a folder that cannot be made, a server that
    /// cannot be reached, a file that is no journal, or one that a newer version has written.
    pub async fn open(url: &str) -> Result<Self, JournalError> {
        Self::open_at(&JournalAddress::new(url, None), JournalOptions::default()).await
    }

    /// As [`Journal::open`], with `options`, at an address that may come with a password of its own.
    ///
    /// # Errors
    /// As [`Journal::open`].
    pub async fn open_at(address: &JournalAddress, options: JournalOptions) -> Result<Self, JournalError> {
        open::at(address, options).await
    }

    /// A journal that is gone with the process, for the demonstration and for tests.
    ///
    /// # Errors
    /// [`JournalError`] if SQLite cannot be started.
    pub async fn in_memory() -> Result<Self, JournalError> {
        open::in_memory(JournalOptions::default()).await
    }

    /// Takes `jti` of `issuer` as used, until `expires` has passed (and an hour more, so that a clock
    /// that is set back opens no gap). `true` if it was not used before. On disk before it returns.
    ///
    /// # Errors
    /// [`JournalError`] if it could not be written in time; the token must then be refused.
    pub async fn spend_jti(&self, issuer: &str, jti: &str, expires: Timestamp) -> Result<bool, JournalError> {
        let (issuer, jti) = (issuer.to_owned(), jti.to_owned());
        self.ask(|reply| {
            Command::Spend(Spend {
                issuer,
                jti,
                expires,
                reply,
            })
        })
        .await
    }

    /// Queues an evaluation and returns at once. If the queue is full or the journal is closed or
    /// broken, the evaluation is dropped and counted in [`Journal::dropped`].
    pub fn record(&self, evaluation: Evaluation) {
        self.note(Noted::Evaluation(evaluation));
    }

    /// Queues what was read of a chart for the audit, as [`Journal::record`] does an evaluation.
    pub fn record_reading(&self, reading: ChartReading) {
        self.note(Noted::Reading(reading));
    }

    fn note(&self, noted: Noted) {
        if self.noted.try_send(noted).is_err() {
            self.state.drop_records(1);
        }
    }

    /// Keeps the feedback of `client`; everything kept is on disk before it returns. Comes after the
    /// evaluations that were recorded before it. An entry that is there already (same card, outcome,
    /// instant and suggestions) counts as repeated; one for a card that was not issued to this client
    /// counts as unknown and is not kept.
    ///
    /// # Errors
    /// [`JournalError`] if it could not be written in time, or if an entry is about a card so young that another
    /// replica may not have written it yet. Sending the same entries again is safe.
    #[expect(
        clippy::disallowed_methods,
        reason = "the journal stamps when something reached it"
    )]
    pub async fn feedback(
        &self,
        client: &str,
        entries: Vec<FeedbackEntry>,
    ) -> Result<FeedbackSummary, JournalError> {
        let received = Timestamp::now();
        let call = |entries| {
            let client = client.to_owned();
            self.ask(move |reply| {
                Command::Feedback(Feedback {
                    client,
                    entries,
                    received,
                    reply,
                })
            })
        };
        if !self.readers.are_shared() {
            // Nobody else issues cards, and the writer has taken what was recorded before.
            return call(entries).await;
        }
        let first = call(entries.clone()).await?;
        if first.unknown == 0 {
            return Ok(first);
        }
        // Another replica may have issued the card a moment ago and not written it yet.
        tokio::time::sleep(self.state.another_look()).await;
        let young: Vec<Uuid> = entries
            .iter()
            .map(|entry| entry.card)
            .filter(|card| is_young(*card, received))
            .collect();
        let second = call(entries).await?;
        if second.unknown > 0 && !read::all_known(&self.readers, &young).await? {
            return Err(JournalError::Early);
        }
        Ok(FeedbackSummary {
            kept: first.kept + second.kept,
            repeated: second.repeated.saturating_sub(first.kept),
            unknown: second.unknown,
        })
    }

    /// Keeps one step of a write into a chart, in the audit. On disk before it returns.
    ///
    /// # Errors
    /// [`JournalError`] if it could not be written in time; nothing must then be written into the chart.
    pub async fn audit(&self, write: ChartWrite) -> Result<(), JournalError> {
        let key = uuid::Uuid::now_v7();
        self.ask(|reply| Command::Audit(Audit { write, key, reply }))
            .await
    }

    /// The newest feedback first, at most `limit` lines, with the topic and rule of each card.
    ///
    /// # Errors
    /// [`JournalError`] if the journal cannot be read.
    pub async fn feedback_list(&self, limit: u32) -> Result<Vec<FeedbackLine>, JournalError> {
        read::feedback_list(&self.readers, limit).await
    }

    /// Whether a `jti` of `issuer` was taken as used.
    ///
    /// # Errors
    /// [`JournalError`] if the journal cannot be read.
    pub async fn is_spent(&self, issuer: &str, jti: &str) -> Result<bool, JournalError> {
        read::is_spent(&self.readers, issuer, jti).await
    }

    /// How much the journal holds.
    ///
    /// # Errors
    /// [`JournalError`] if the journal cannot be read.
    pub async fn counts(&self) -> Result<Counts, JournalError> {
        read::counts(&self.readers).await
    }

    /// Evaluations that were answered, and readings, but could not be written, since the start.
    #[must_use]
    pub fn dropped(&self) -> u64 {
        self.state.dropped.load(Ordering::Relaxed)
    }

    /// Whether the last write worked; `true` before the first. After a failure the writer tries again
    /// every two seconds, so that this recovers without a call.
    #[must_use]
    pub fn is_writable(&self) -> bool {
        !self.state.failing.load(Ordering::Relaxed) && !self.commands.is_closed()
    }

    /// Writes what is queued and closes the file. What comes later is refused or dropped.
    ///
    /// # Errors
    /// [`JournalError`] if the writer could not finish in time.
    pub async fn close(&self) -> Result<(), JournalError> {
        let closed = self.ask(|reply| Command::Close { reply }).await;
        self.readers.close().await;
        closed
    }

    /// Sends one command and waits for its answer, for both no longer than [`ACKNOWLEDGE_WITHIN`].
    async fn ask<T>(&self, command: impl FnOnce(Reply<T>) -> Command) -> Result<T, JournalError> {
        let (reply, answer) = oneshot::channel();
        let exchange = async {
            self.commands
                .send(command(reply))
                .await
                .map_err(|_| JournalError::Closed)?;
            answer.await.map_err(|_| JournalError::Closed)?
        };
        match tokio::time::timeout(ACKNOWLEDGE_WITHIN, exchange).await {
            Ok(answer) => answer,
            Err(_) => Err(JournalError::Late),
        }
    }
}
