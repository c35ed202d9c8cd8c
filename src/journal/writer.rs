//! The one task that writes: takes what is waiting, puts it into one transaction, then answers.
//!
//! Grouping is what makes `synchronous=FULL` affordable: one flush of the disk acknowledges all that
//! waited for it. Evaluations, for which nobody waits, are left to gather for a moment and are written
//! without a flush of their own; feedback takes along those that were recorded before it. The task has a thread of its own, so that neither a busy HTTP worker nor the end of
//! the runtime that opened the journal can delay it. It never ends because of a failed write: the
//! group is answered with the error, the connection is dropped, and the next command opens a new one.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use sqlx::sqlite::{SqliteConnectOptions, SqliteConnection};
use sqlx::{ConnectOptions, Connection};
use tokio::sync::mpsc;
use tokio::time::Instant;

use super::{
    Command, Evaluation, Feedback, FeedbackSummary, JournalError, JournalOptions, Reply, Spend, WriterState,
    write,
};

/// Most callers that one transaction answers.
const GROUP: usize = 256;
/// How long evaluations may gather; what a crash of the process can lose of them.
const GATHER: Duration = Duration::from_millis(50);
const PURGE_EVERY: Duration = Duration::from_secs(600);
const PURGE_AGAIN: Duration = Duration::from_secs(1);
/// After a failed write the next purge comes early: it shows, without any call, that writing works again.
const PROBE_AFTER: Duration = Duration::from_secs(2);
/// How far the clock may be set back without a spent token becoming usable again.
const SPENT_TOKEN_MARGIN: SignedDuration = SignedDuration::from_hours(1);

/// The writing end of the journal.
pub(super) struct Writer {
    connection: Option<SqliteConnection>,
    connect: SqliteConnectOptions,
    options: JournalOptions,
    state: Arc<WriterState>,
    purge_due: Instant,
    /// Whether the connection flushes each transaction to the disk.
    flushes: bool,
}

/// What waits for the writer.
pub(super) struct Queues {
    /// Answered calls; nobody waits for them.
    pub(super) evaluations: mpsc::Receiver<Evaluation>,
    /// Callers that wait for the disk.
    pub(super) commands: mpsc::Receiver<Command>,
}

/// The content of one transaction, sorted by what it asks for. Evaluations are written first, so
/// that feedback finds the cards that were recorded before it.
#[derive(Default)]
struct Group {
    evaluations: Vec<Evaluation>,
    spends: Vec<Spend>,
    feedback: Vec<Feedback>,
    close: Option<Reply<()>>,
}

/// The answers to one transaction, in the order of its commands.
struct Answers {
    fresh: Vec<bool>,
    feedback: Vec<FeedbackSummary>,
}

/// Runs the writer on a thread of its own until it is told to close or nobody can reach it any more.
pub(super) fn spawn(writer: Writer, queues: Queues) -> std::io::Result<()> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_time()
        .build()?;
    std::thread::Builder::new()
        .name("journal".to_owned())
        .spawn(move || runtime.block_on(writer.run(queues)))
        .map(drop)
}

impl Writer {
    pub(super) fn new(
        connection: SqliteConnection,
        connect: SqliteConnectOptions,
        options: JournalOptions,
        state: Arc<WriterState>,
    ) -> Self {
        Self {
            connection: Some(connection),
            connect,
            options,
            state,
            purge_due: Instant::now(),
            flushes: true,
        }
    }

    async fn run(mut self, mut queues: Queues) {
        let mut commands = Vec::with_capacity(GROUP);
        let (mut evaluations, mut due) = (Vec::new(), None);
        loop {
            let taken = self
                .wait(&mut queues, &mut commands, &mut evaluations, &mut due)
                .await;
            let ends = taken == Some(0) || commands.iter().any(|c| matches!(c, Command::Close { .. }));
            if ends {
                queues.evaluations.close();
            }
            let mut group = Group::sort(commands.drain(..));
            if ends || !group.feedback.is_empty() || due.is_some_and(|due| due <= Instant::now()) {
                due = None;
                while let Ok(evaluation) = queues.evaluations.try_recv() {
                    evaluations.push(evaluation);
                }
                group.evaluations = std::mem::take(&mut evaluations);
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
    /// `None` when evaluations have gathered long enough, which is at `due`, or a purge is due.
    async fn wait(
        &self,
        queues: &mut Queues,
        commands: &mut Vec<Command>,
        evaluations: &mut Vec<Evaluation>,
        due: &mut Option<Instant>,
    ) -> Option<usize> {
        loop {
            let until = due.map_or(self.purge_due, |due| due.min(self.purge_due));
            tokio::select! {
                biased;
                taken = queues.commands.recv_many(commands, GROUP) => return Some(taken),
                () = tokio::time::sleep_until(until) => return None,
                // Only the first one wakes this task; the others are taken when it is time.
                first = queues.evaluations.recv(), if due.is_none() => {
                    evaluations.extend(first);
                    *due = Some(Instant::now() + GATHER);
                }
            }
        }
    }

    /// Writes one group and answers it. Returns the reply of a `Close` that was in it.
    async fn handle(&mut self, group: Group) -> Option<Reply<()>> {
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
                self.state
                    .dropped
                    .fetch_add(group.evaluations.len() as u64, Ordering::Relaxed);
                group.refuse(&Arc::new(error))
            }
        }
    }

    /// One transaction; after a failure the connection is given up, which rolls it back.
    async fn write(&mut self, group: &Group) -> Result<Answers, sqlx::Error> {
        let mut connection = self.connected().await?;
        let waited_for = !group.spends.is_empty() || !group.feedback.is_empty();
        if self.flushes != waited_for {
            write::flush_each(&mut connection, waited_for).await?;
            self.flushes = waited_for;
        }
        let answers = transaction(&mut connection, group, self.options.keep_comments).await?;
        self.connection = Some(connection);
        Ok(answers)
    }

    async fn connected(&mut self) -> Result<SqliteConnection, sqlx::Error> {
        match self.connection.take() {
            Some(connection) => Ok(connection),
            None => {
                self.flushes = true;
                self.connect.connect().await
            }
        }
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
        let mut connection = self.connected().await?;
        let more = write::purge(&mut connection, spent, kept).await?;
        self.connection = Some(connection);
        Ok(more)
    }

    /// Logs the first of a row of failures only: a full disk would fill the log as well.
    fn note_failure(&mut self, error: &sqlx::Error) {
        self.purge_due = Instant::now() + PROBE_AFTER;
        if !self.state.failing.swap(true, Ordering::Relaxed) {
            tracing::error!(event = "journal.failing", %error, "the journal cannot be written; feedback and tokens are refused until it can");
        }
    }

    fn note_success(&self) {
        if self.state.failing.swap(false, Ordering::Relaxed) {
            tracing::info!(event = "journal.recovered", "the journal is written again");
        }
    }

    async fn finish(self) {
        if let Some(connection) = self.connection
            && let Err(error) = connection.close().await
        {
            tracing::warn!(event = "journal.closed-dirty", %error, "the journal was written but not closed cleanly");
        }
    }
}

impl Group {
    fn sort(commands: impl Iterator<Item = Command>) -> Self {
        let mut group = Self::default();
        for command in commands {
            match command {
                // Whoever waits for one of these learns from the dropped reply that it is too late.
                _ if group.close.is_some() => {}
                Command::Spend(spend) => group.spends.push(spend),
                Command::Feedback(feedback) => group.feedback.push(feedback),
                Command::Close { reply } => group.close = Some(reply),
            }
        }
        group
    }

    fn is_empty(&self) -> bool {
        self.evaluations.is_empty() && self.spends.is_empty() && self.feedback.is_empty()
    }

    /// Answers everyone; a caller that no longer waits is passed over.
    fn acknowledge(self, answers: Answers) -> Option<Reply<()>> {
        for (spend, fresh) in self.spends.into_iter().zip(answers.fresh) {
            let _ = spend.reply.send(Ok(fresh));
        }
        for (feedback, summary) in self.feedback.into_iter().zip(answers.feedback) {
            let _ = feedback.reply.send(Ok(summary));
        }
        self.close
    }

    fn refuse(self, error: &Arc<sqlx::Error>) -> Option<Reply<()>> {
        for spend in self.spends {
            let _ = spend.reply.send(Err(JournalError::Write(Arc::clone(error))));
        }
        for feedback in self.feedback {
            let _ = feedback.reply.send(Err(JournalError::Write(Arc::clone(error))));
        }
        self.close
    }
}

async fn transaction(
    connection: &mut SqliteConnection,
    group: &Group,
    keep_comments: bool,
) -> Result<Answers, sqlx::Error> {
    let mut transaction = connection.begin_with("BEGIN IMMEDIATE").await?;
    write::evaluations(&mut transaction, &group.evaluations).await?;
    let mut fresh = Vec::with_capacity(group.spends.len());
    for spend in &group.spends {
        fresh.push(write::spend(&mut transaction, spend).await?);
    }
    let mut feedback = Vec::with_capacity(group.feedback.len());
    for received in &group.feedback {
        feedback.push(write::feedback(&mut transaction, received, keep_comments).await?);
    }
    transaction.commit().await?;
    Ok(Answers { fresh, feedback })
}
