//! The content of one transaction: what is written together, and the answers to those who wait for it.

use std::sync::Arc;

use uuid::Uuid;

use super::entry::Noted;
use super::review::Review;
use super::{Audit, Command, Evaluation, Feedback, FeedbackSummary, JournalError, Reply, Spend};

/// What is noted, on its way to the journal.
pub(super) struct Recorded {
    /// Told apart by this where the same may be written twice.
    pub(super) key: Uuid,
    pub(super) noted: Noted,
}

impl From<Noted> for Recorded {
    fn from(noted: Noted) -> Self {
        let key = Uuid::now_v7();
        Self { key, noted }
    }
}

impl Recorded {
    /// The answered call, if it is one.
    pub(super) fn evaluation(&self) -> Option<&Evaluation> {
        match &self.noted {
            Noted::Evaluation(evaluation) => Some(evaluation),
            Noted::Reading(_) => None,
        }
    }
}

/// One transaction, sorted by what it asks for. What was recorded is written first, so that feedback finds
/// the cards that were recorded before it.
#[derive(Default)]
pub(super) struct Group {
    pub(super) recorded: Vec<Recorded>,
    pub(super) spends: Vec<Spend>,
    pub(super) feedback: Vec<Feedback>,
    pub(super) audits: Vec<Audit>,
    pub(super) reviews: Vec<Review>,
    pub(super) close: Option<Reply<()>>,
}

/// The answers to one transaction, in the order of its commands.
pub(super) struct Answers {
    pub(super) fresh: Vec<bool>,
    pub(super) feedback: Vec<FeedbackSummary>,
    /// Whether the card of each review is there.
    pub(super) known: Vec<bool>,
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
                Command::Review(review) => group.reviews.push(review),
                Command::Close { reply } => group.close = Some(reply),
            }
        }
        group
    }

    pub(super) fn is_empty(&self) -> bool {
        self.recorded.is_empty() && !self.is_waited_for()
    }

    /// Whether somebody is told that this was written.
    pub(super) fn is_waited_for(&self) -> bool {
        !self.spends.is_empty() || !self.audits.is_empty() || self.looks_for_cards()
    }

    /// Whether anything is about a card, which may have been recorded a moment ago.
    pub(super) fn looks_for_cards(&self) -> bool {
        !self.feedback.is_empty() || !self.reviews.is_empty()
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
        for (review, known) in self.reviews.into_iter().zip(answers.known) {
            let _ = review.reply.send(Ok(known));
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
        for review in self.reviews {
            let _ = review.reply.send(Err(JournalError::Write(Arc::clone(error))));
        }
        self.close
    }
}
