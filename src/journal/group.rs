//! The content of one transaction: what is written together, and the answers to those who wait for it.

use std::sync::Arc;

use uuid::Uuid;

use super::{Audit, Command, Evaluation, Feedback, FeedbackSummary, JournalError, Reply, Spend};

/// An evaluation on its way to the journal.
pub(super) struct Recorded {
    /// Told apart by this where the same evaluation may be written twice.
    pub(super) key: Uuid,
    pub(super) evaluation: Evaluation,
}

impl From<Evaluation> for Recorded {
    fn from(evaluation: Evaluation) -> Self {
        let key = Uuid::now_v7();
        Self { key, evaluation }
    }
}

/// One transaction, sorted by what it asks for. Evaluations are written first, so that feedback finds
/// the cards that were recorded before it.
#[derive(Default)]
pub(super) struct Group {
    pub(super) evaluations: Vec<Recorded>,
    pub(super) spends: Vec<Spend>,
    pub(super) feedback: Vec<Feedback>,
    pub(super) audits: Vec<Audit>,
    pub(super) close: Option<Reply<()>>,
}

/// The answers to one transaction, in the order of its commands.
pub(super) struct Answers {
    pub(super) fresh: Vec<bool>,
    pub(super) feedback: Vec<FeedbackSummary>,
}

impl Group {
    pub(super) fn sort(commands: impl Iterator<Item = Command>) -> Self {
        let mut group = Self::default();
        for command in commands {
            match command {
                // Whoever waits for one of these learns from the dropped reply that it is too late.
                _ if group.close.is_some() => {}
                Command::Spend(spend) => group.spends.push(spend),
                Command::Feedback(feedback) => group.feedback.push(feedback),
                Command::Audit(audit) => group.audits.push(audit),
                Command::Close { reply } => group.close = Some(reply),
            }
        }
        group
    }

    pub(super) fn is_empty(&self) -> bool {
        self.evaluations.is_empty() && !self.is_waited_for()
    }

    /// Whether somebody is told that this was written.
    pub(super) fn is_waited_for(&self) -> bool {
        !self.spends.is_empty() || !self.feedback.is_empty() || !self.audits.is_empty()
    }

    /// Answers everyone; a caller that no longer waits is passed over.
    pub(super) fn acknowledge(self, answers: Answers) -> Option<Reply<()>> {
        for (spend, fresh) in self.spends.into_iter().zip(answers.fresh) {
            let _ = spend.reply.send(Ok(fresh));
        }
        for audit in self.audits {
            let _ = audit.reply.send(Ok(()));
        }
        for (feedback, summary) in self.feedback.into_iter().zip(answers.feedback) {
            let _ = feedback.reply.send(Ok(summary));
        }
        self.close
    }

    /// Tells everyone that it was not written.
    pub(super) fn refuse(self, error: &Arc<sqlx::Error>) -> Option<Reply<()>> {
        for spend in self.spends {
            let _ = spend.reply.send(Err(JournalError::Write(Arc::clone(error))));
        }
        for audit in self.audits {
            let _ = audit.reply.send(Err(JournalError::Write(Arc::clone(error))));
        }
        for feedback in self.feedback {
            let _ = feedback.reply.send(Err(JournalError::Write(Arc::clone(error))));
        }
        self.close
    }
}
