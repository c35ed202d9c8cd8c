//! The sums of feedback that an operator reads: by client, version of the knowledge, rule and topic. No
//! comment, no patient and no single card stands in them.

use std::collections::BTreeMap;

use jiff::Timestamp;

use super::JournalError;
use super::read::on_readers;
use super::store::Readers;

/// A card counts once for each thing that was done with it, however often that was told.
const OUTCOMES: &str = "\
    SELECT card.client, card.content_version, card.rule, card.topic, count(*), count(told.card), \
           coalesce(sum(told.accepted), 0), coalesce(sum(told.overridden), 0), coalesce(sum(told.commented), 0) \
    FROM card LEFT JOIN ( \
        SELECT card, max(CASE WHEN outcome = 'accepted' THEN 1 ELSE 0 END) AS accepted, \
               max(CASE WHEN outcome = 'overridden' THEN 1 ELSE 0 END) AS overridden, \
               max(CASE WHEN had_comment THEN 1 ELSE 0 END) AS commented \
        FROM feedback GROUP BY card) AS told ON told.card = card.uuid \
    WHERE card.withheld = 0 AND card.issued_at_us >= $1 \
    GROUP BY card.client, card.content_version, card.rule, card.topic \
    ORDER BY card.client, card.content_version, card.rule, card.topic";
const REASONS: &str = "\
    SELECT card.client, card.content_version, card.rule, card.topic, \
           coalesce(feedback.reason_system, ''), coalesce(feedback.reason_code, ''), count(*) \
    FROM feedback JOIN card ON card.uuid = feedback.card \
    WHERE feedback.outcome = 'overridden' AND card.issued_at_us >= $1 \
    GROUP BY card.client, card.content_version, card.rule, card.topic, \
             coalesce(feedback.reason_system, ''), coalesce(feedback.reason_code, '') \
    ORDER BY card.client, card.content_version, card.rule, card.topic, count(*) DESC, 5, 6";

/// What was done with the cards of one rule.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FeedbackSum {
    /// Client that the cards were issued to.
    pub client: String,
    /// Version of the clinical knowledge.
    pub content_version: String,
    /// Rule that fired.
    pub rule: String,
    /// Topic code of the cards.
    pub topic: String,
    /// Cards that were sent.
    pub shown: u64,
    /// Cards of which anything was told.
    pub answered: u64,
    /// Cards of which a suggestion was taken.
    pub accepted: u64,
    /// Cards that were overridden.
    pub overridden: u64,
    /// Cards to which a user wrote a comment.
    pub commented: u64,
    /// Why they were overridden, the most frequent first.
    pub reasons: Vec<ReasonSum>,
}

/// How often a reason was given.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReasonSum {
    /// System of the code; empty where none was sent.
    pub system: String,
    /// The code; empty where no reason was chosen.
    pub code: String,
    /// Entries of feedback.
    pub count: u64,
}

type OutcomeRow = (String, String, String, String, i64, i64, i64, i64, i64);
type ReasonRow = (String, String, String, String, String, String, i64);

pub(super) async fn feedback_sums(
    readers: &Readers,
    since: Timestamp,
) -> Result<Vec<FeedbackSum>, JournalError> {
    let since = since.as_microsecond();
    let outcomes: Vec<OutcomeRow> =
        on_readers!(readers, pool => sqlx::query_as(OUTCOMES).bind(since).fetch_all(pool))?;
    let reasons: Vec<ReasonRow> =
        on_readers!(readers, pool => sqlx::query_as(REASONS).bind(since).fetch_all(pool))?;
    let mut by_rule: BTreeMap<[String; 4], Vec<ReasonSum>> = BTreeMap::new();
    for (client, content_version, rule, topic, system, code, count) in reasons {
        let count = count.unsigned_abs();
        let reason = ReasonSum { system, code, count };
        let of = [client, content_version, rule, topic];
        by_rule.entry(of).or_default().push(reason);
    }
    let sum = |row: OutcomeRow| {
        let (client, content_version, rule, topic, shown, answered, accepted, overridden, commented) = row;
        let of = [client, content_version, rule, topic];
        let reasons = by_rule.remove(&of).unwrap_or_default();
        let [client, content_version, rule, topic] = of;
        FeedbackSum {
            client,
            content_version,
            rule,
            topic,
            shown: shown.unsigned_abs(),
            answered: answered.unsigned_abs(),
            accepted: accepted.unsigned_abs(),
            overridden: overridden.unsigned_abs(),
            commented: commented.unsigned_abs(),
            reasons,
        }
    };
    Ok(outcomes.into_iter().map(sum).collect())
}
