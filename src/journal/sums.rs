//! The sums that an operator reads: what was asked, what fired on which day, what was done with the cards of a
//! rule, and what reviewers say of them. No comment, no patient and no single card stands in them.

use std::collections::BTreeMap;

use super::read::on_readers;
use super::{Journal, JournalError, Period};

/// A card counts once for each thing that was done with it, however often that was told, and by what was said
/// about it last.
const RULES: &str = "\
    SELECT card.client, card.content_version, card.rule, card.topic, \
           coalesce(sum(CASE WHEN card.withheld = 0 THEN 1 ELSE 0 END), 0), \
           coalesce(sum(CASE WHEN card.withheld = 0 THEN 0 ELSE 1 END), 0), count(told.card), \
           coalesce(sum(told.accepted), 0), coalesce(sum(told.overridden), 0), coalesce(sum(told.commented), 0), \
           coalesce(sum(CASE WHEN judged.says = 'right' THEN 1 ELSE 0 END), 0), \
           coalesce(sum(CASE WHEN judged.says = 'wrong' THEN 1 ELSE 0 END), 0), \
           coalesce(sum(CASE WHEN judged.says = 'not-useful' THEN 1 ELSE 0 END), 0), \
           coalesce(sum(CASE WHEN card.place = 0 AND card.withheld = 0 THEN 1 ELSE 0 END), 0), \
           coalesce(sum(CASE WHEN card.place = 0 AND card.withheld <> 0 THEN 1 ELSE 0 END), 0) \
    FROM card LEFT JOIN ( \
        SELECT card, max(CASE WHEN outcome = 'accepted' THEN 1 ELSE 0 END) AS accepted, \
               max(CASE WHEN outcome = 'overridden' THEN 1 ELSE 0 END) AS overridden, \
               max(CASE WHEN had_comment THEN 1 ELSE 0 END) AS commented \
        FROM feedback GROUP BY card) AS told ON told.card = card.uuid \
    LEFT JOIN (SELECT card, says FROM verdict WHERE id IN (SELECT max(id) FROM verdict GROUP BY card)) AS judged \
        ON judged.card = card.uuid \
    WHERE card.issued_at_us >= $1 AND card.issued_at_us < $2 AND ($3 = '' OR card.client = $3) \
    GROUP BY card.client, card.content_version, card.rule, card.topic \
    ORDER BY card.client, card.content_version, card.rule, card.topic";
const REASONS: &str = "\
    SELECT card.client, card.content_version, card.rule, card.topic, \
           coalesce(feedback.reason_system, ''), coalesce(feedback.reason_code, ''), count(*) \
    FROM feedback JOIN card ON card.uuid = feedback.card \
    WHERE feedback.outcome = 'overridden' AND card.issued_at_us >= $1 AND card.issued_at_us < $2 \
          AND ($3 = '' OR card.client = $3) \
    GROUP BY card.client, card.content_version, card.rule, card.topic, \
             coalesce(feedback.reason_system, ''), coalesce(feedback.reason_code, '') \
    ORDER BY card.client, card.content_version, card.rule, card.topic, count(*) DESC, 5, 6";
const CALLS: &str = "\
    SELECT client, outcome, count(*) FROM evaluation \
    WHERE at_us >= $1 AND at_us < $2 AND ($3 = '' OR client = $3) \
    GROUP BY client, outcome ORDER BY client, outcome";
/// The card that leads an answer stands for it. Days are counted from 1970.
const DAYS: &str = "\
    SELECT issued_at_us / 86400000000, indicator, withheld, count(*) FROM card \
    WHERE place = 0 AND issued_at_us >= $1 AND issued_at_us < $2 AND ($3 = '' OR client = $3) \
    GROUP BY issued_at_us / 86400000000, indicator, withheld \
    ORDER BY issued_at_us / 86400000000, indicator, withheld";

/// What became of the cards of one rule.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RuleSum {
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
    /// Cards that were withheld: evaluated in silence.
    pub withheld: u64,
    /// Answers that such a card led.
    pub answers_shown: u64,
    /// Answers that were withheld and that such a card would have led.
    pub answers_withheld: u64,
    /// Cards of which anything was told.
    pub answered: u64,
    /// Cards of which a suggestion was taken.
    pub accepted: u64,
    /// Cards that were overridden.
    pub overridden: u64,
    /// Cards to which a user wrote a comment.
    pub commented: u64,
    /// Cards of which a reviewer said last that they are right.
    pub right: u64,
    /// That they are wrong.
    pub wrong: u64,
    /// That they are not useful.
    pub not_useful: u64,
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

/// Answered calls of one outcome.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CallSum {
    /// Client that asked.
    pub client: String,
    /// What became of the calls.
    pub outcome: String,
    /// How many.
    pub count: u64,
}

/// Answers of one day that were led by a card of this urgency.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DaySum {
    /// The day in UTC, counted from 1970-01-01.
    pub day: i64,
    /// `info`, `warning` or `critical`.
    pub indicator: String,
    /// Evaluated in silence.
    pub withheld: bool,
    /// How many.
    pub count: u64,
}

type RuleRow = (
    String,
    String,
    String,
    String,
    i64,
    i64,
    i64,
    i64,
    i64,
    i64,
    i64,
    i64,
    i64,
    i64,
    i64,
);
type ReasonRow = (String, String, String, String, String, String, i64);

/// Runs one of the queries above.
macro_rules! summed {
    ($journal:expr, $statement:expr, $period:expr, $client:expr) => {{
        let (from, to) = $period.bounds();
        on_readers!(&$journal.readers, pool => sqlx::query_as($statement)
            .bind(from)
            .bind(to)
            .bind($client.to_owned())
            .fetch_all(pool))
    }};
}

impl Journal {
    /// What became of the cards issued in a period, by client, version, rule and topic; of one client, or of all
    /// where its name is empty.
    ///
    /// # Errors
    /// [`JournalError`] if the journal cannot be read.
    pub async fn rule_sums(&self, period: Period, client: &str) -> Result<Vec<RuleSum>, JournalError> {
        let rules: Vec<RuleRow> = summed!(self, RULES, period, client)?;
        let reasons: Vec<ReasonRow> = summed!(self, REASONS, period, client)?;
        let mut by_rule: BTreeMap<[String; 4], Vec<ReasonSum>> = BTreeMap::new();
        for (client, content_version, rule, topic, system, code, count) in reasons {
            let count = count.unsigned_abs();
            let reason = ReasonSum { system, code, count };
            let of = [client, content_version, rule, topic];
            by_rule.entry(of).or_default().push(reason);
        }
        let sum = |row: RuleRow| {
            let (client, content_version, rule, topic, ..) = row;
            let of = [client, content_version, rule, topic];
            let reasons = by_rule.remove(&of).unwrap_or_default();
            let [client, content_version, rule, topic] = of;
            RuleSum {
                client,
                content_version,
                rule,
                topic,
                shown: row.4.unsigned_abs(),
                withheld: row.5.unsigned_abs(),
                answered: row.6.unsigned_abs(),
                accepted: row.7.unsigned_abs(),
                overridden: row.8.unsigned_abs(),
                commented: row.9.unsigned_abs(),
                right: row.10.unsigned_abs(),
                wrong: row.11.unsigned_abs(),
                not_useful: row.12.unsigned_abs(),
                answers_shown: row.13.unsigned_abs(),
                answers_withheld: row.14.unsigned_abs(),
                reasons,
            }
        };
        Ok(rules.into_iter().map(sum).collect())
    }

    /// The calls answered in a period, by client and outcome.
    ///
    /// # Errors
    /// [`JournalError`] if the journal cannot be read.
    pub async fn call_sums(&self, period: Period, client: &str) -> Result<Vec<CallSum>, JournalError> {
        let rows: Vec<(String, String, i64)> = summed!(self, CALLS, period, client)?;
        let sum = |(client, outcome, count): (String, String, i64)| CallSum {
            client,
            outcome,
            count: count.unsigned_abs(),
        };
        Ok(rows.into_iter().map(sum).collect())
    }

    /// The answers of a period that said something, by day and urgency of the card that leads them.
    ///
    /// # Errors
    /// [`JournalError`] if the journal cannot be read.
    pub async fn day_sums(&self, period: Period, client: &str) -> Result<Vec<DaySum>, JournalError> {
        let rows: Vec<(i64, String, i64, i64)> = summed!(self, DAYS, period, client)?;
        let sum = |(day, indicator, withheld, count): (i64, String, i64, i64)| DaySum {
            day,
            indicator,
            withheld: withheld != 0,
            count: count.unsigned_abs(),
        };
        Ok(rows.into_iter().map(sum).collect())
    }
}
