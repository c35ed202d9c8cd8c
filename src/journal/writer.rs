//! The one task that writes: takes what is waiting, puts it into one transaction, then answers.
//!
//! Grouping is what makes `synchronous=FULL` affordable: one flush of the disk acknowledges all that
//! waited for it. What is only recorded, for which nobody waits, is left to gather for a moment and is written
//! without a flush of their own (SQLite); feedback takes along those that were recorded before it. The
//! task has a thread of its own, so that neither a busy HTTP worker nor the end of the runtime that opened
//! the journal can delay it. It never ends because of a failed write: whoever waits is answered with the
//! error, what was recorded is kept for another attempt, and the next one opens a new connection.

use std::sync::atomic::Ordering;
use std::sync::{Arc, PoisonError};
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use tokio::sync::mpsc;
use tokio::time::Instant;

use super::entry::Noted;
use super::group::{Answers, Group, Recorded};
use super::store::{Link, Store, blames_the_rows};
use super::{Command, JournalOptions, Reply, WriterState};

/// Most callers that one transaction answers.
const GROUP: usize = 256;
/// How long records may gather; what a crash of the process can lose of them.
const GATHER: Duration = Duration::from_millis(50);
const PURGE_EVERY: Duration = Duration::from_secs(600);
const PURGE_AGAIN: Duration = Duration::from_secs(1);
/// After a failed write the next purge comes early: it shows, without any call, that writing works again.
const PROBE_AFTER: Duration = Duration::from_secs(2);
/// How long a database that cannot be reached is left alone, and records wait before they are tried again.
const RETRY_AFTER: Duration = Duration::from_millis(500);
/// How far the clock may be set back without a spent token becoming usable again.
const SPENT_TOKEN_MARGIN: SignedDuration = SignedDuration::from_hours(1);

/// The writing end of the journal.
pub(super) struct Writer {
    link: Option<Link>,
    store: Store,
    options: JournalOptions,
    state: Arc<WriterState>,
    purge_due: Instant,
    /// Records that gather, or that a failed database has not taken yet; at most `options.queue` of these.
    gathered: Vec<Recorded>,
    /// When they are to be written.
    due: Option<Instant>,
    /// Until when a database that could not be reached is not tried again.
    left_alone: Option<Instant>,
}

/// What waits for the writer.
pub(super) struct Queues {
    /// Answered calls and readings; nobody waits for them.
    pub(super) noted: mpsc::Receiver<Noted>,
    /// Callers that wait for the disk.
    pub(super) commands: mpsc::Receiver<Command>,
}

/// Runs the writer on a thread of its own until it is told to close or nobody can reach it any more.
pub(super) fn spawn(writer: Writer, queues: Queues) -> std::io::Result<()> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    std::thread::Builder::new()
        .name("journal".to_owned())
        .spawn(move || runtime.block_on(writer.run(queues)))
        .map(drop)
}

impl Writer {
    pub(super) fn new(link: Link, store: Store, options: JournalOptions, state: Arc<WriterState>) -> Self {
        Self {
            link: Some(link),
            store,
            options,
            state,
            purge_due: Instant::now(),
            gathered: Vec::new(),
            due: None,
            left_alone: None,
        }
    }

    async fn run(mut self, mut queues: Queues) {
        let mut commands = Vec::with_capacity(GROUP);
        loop {
            let taken = self.wait(&mut queues, &mut commands).await;
            let ends = taken == Some(0) || commands.iter().any(|c| matches!(c, Command::Close { .. }));
            if ends {
                queues.noted.close();
            }
            let mut group = Group::sort(commands.drain(..));
            if ends || group.looks_for_cards() || self.due.is_some_and(|due| due <= Instant::now()) {
                self.due = None;
                while let Ok(noted) = queues.noted.try_recv() {
                    self.gathered.push(noted.into());
                }
                group.recorded = std::mem::take(&mut self.gathered);
            }
            let close = self.handle(group).await;
            if ends {
                self.finish().await;
                // A caller that no longer waits needs no answer.
                close.map(|reply| reply.send(Ok(())));
                return;
            }
            if Instant::now() >= self.purge_due {
                self.purge().await;
            }
        }
    }

    /// Waits until there is something to write: commands (their number; 0 if there will be no more), or
    /// `None` when records have gathered long enough, or a purge is due.
    async fn wait(&mut self, queues: &mut Queues, commands: &mut Vec<Command>) -> Option<usize> {
        loop {
            let until = self.due.map_or(self.purge_due, |due| due.min(self.purge_due));
            tokio::select! {
                biased;
                taken = queues.commands.recv_many(commands, GROUP) => return Some(taken),
                () = tokio::time::sleep_until(until) => return None,
                // Only the first one wakes this task; the others are taken when it is time.
                first = queues.noted.recv(), if self.due.is_none() => {
                    self.gathered.extend(first.map(Recorded::from));
                    self.due = Some(Instant::now() + GATHER);
                }
            }
        }
    }

    /// Writes one group and answers it. Returns the reply of a `Close` that was in it.
    async fn handle(&mut self, mut group: Group) -> Option<Reply<()>> {
        if group.is_empty() {
            return group.close;
        }
        match self.write(&group).await {
            Ok(answers) => {
                self.note_success();
                group.acknowledge(answers)
            }
            Err(error) => {
                self.note_failure(&error);
                self.hold(std::mem::take(&mut group.recorded), &error);
                group.refuse(&Arc::new(error))
            }
        }
    }

    /// Keeps records that could not be written for another attempt; those beyond the bound, the
    /// newest, are dropped, and so are rows that the database will never take.
    fn hold(&mut self, mut recorded: Vec<Recorded>, error: &sqlx::Error) {
        if recorded.is_empty() {
            return;
        }
        let kept = if blames_the_rows(error) {
            0
        } else {
            self.options.queue.max(1)
        };
        let beyond = recorded.len().saturating_sub(kept);
        recorded.truncate(kept);
        self.state.drop_records(beyond as u64);
        if !recorded.is_empty() {
            self.gathered = recorded;
            self.due = Some(Instant::now() + RETRY_AFTER);
        }
    }

    /// One transaction; after a failure the connection is given up, which rolls it back.
    async fn write(&mut self, group: &Group) -> Result<Answers, sqlx::Error> {
        let mut link = self.connected().await?;
        let answers = link.write(group, self.options.keep_comments).await?;
        self.link = Some(link);
        Ok(answers)
    }

    /// The connection, or a new one. A database that was not there a moment ago is not asked again at
    /// once, so that nobody waits for it in a row.
    async fn connected(&mut self) -> Result<Link, sqlx::Error> {
        if let Some(link) = self.link.take() {
            return Ok(link);
        }
        if self.left_alone.is_some_and(|until| Instant::now() < until) {
            return Err(sqlx::Error::Io(std::io::ErrorKind::NotConnected.into()));
        }
        let link = self.store.link().await;
        self.left_alone = link.is_err().then(|| Instant::now() + RETRY_AFTER);
        link
    }

    /// Removes what has been kept long enough, a portion at a time. Always writes at least the audit's
    /// floor, so that its success says that the journal is writable.
    async fn purge(&mut self) {
        match self.purge_portion().await {
            Ok(more) => {
                self.note_success();
                self.purge_due = Instant::now() + if more { PURGE_AGAIN } else { PURGE_EVERY };
            }
            Err(error) => self.note_failure(&error),
        }
    }

    #[expect(
        clippy::disallowed_methods,
        reason = "what is kept goes by the machine's clock"
    )]
    async fn purge_portion(&mut self) -> Result<bool, sqlx::Error> {
        let now = Timestamp::now();
        let retention = SignedDuration::from_hours(24 * i64::from(self.options.retention_days));
        let (Ok(spent), Ok(kept)) = (now.checked_sub(SPENT_TOKEN_MARGIN), now.checked_sub(retention)) else {
            return Ok(false);
        };
        let mut link = self.connected().await?;
        let more = link.purge(spent, kept).await?;
        self.link = Some(link);
        Ok(more)
    }

    /// Logs the first of a row of failures only: a full disk would fill the log as well.
    fn note_failure(&mut self, error: &sqlx::Error) {
        self.purge_due = Instant::now() + PROBE_AFTER;
        if !self.state.failing.swap(true, Ordering::Relaxed) {
            tracing::error!(
                event = "journal.failing",
                %error,
                "the journal cannot be written; feedback is refused until it can"
            );
        }
    }

    fn note_success(&self) {
        if self.state.failing.swap(false, Ordering::Relaxed) {
            let dropped = self.state.dropped.load(Ordering::Relaxed);
            tracing::info!(
                event = "journal.recovered",
                dropped,
                "the journal is written again"
            );
            self.state.dropping.store(false, Ordering::Relaxed);
            let mut back = self.state.back.lock().unwrap_or_else(PoisonError::into_inner);
            *back = Some(std::time::Instant::now());
        }
    }

    async fn finish(self) {
        self.state.drop_records(self.gathered.len() as u64);
        if let Some(link) = self.link
            && let Err(error) = link.close().await
        {
            tracing::warn!(event = "journal.closed-dirty", %error, "the journal was written but not closed cleanly");
        }
    }
}
