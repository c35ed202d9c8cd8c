//! What both engines do by the same statements: the changes of the tables, the purge, and what reviewers leave.
//!
//! The statements use `$1`, which both understand. The connections are of different types, so what runs them is a
//! macro that each engine expands; each begins and ends its transaction by itself.

use sqlx::SqlSafeStr;
use sqlx::migrate::{Migration, MigrationType};

/// One change of the tables.
pub(super) fn step(version: i64, name: &'static str, sql: &'static str) -> Migration {
    Migration::new(
        version,
        name.into(),
        MigrationType::Simple,
        sql.into_sql_str(),
        false,
    )
}

/// Most rows of a table that one purge removes, so that it never holds up an answer for long.
pub(super) const PORTION: i64 = 2_000;
/// Says how far the audit may be removed; never goes back.
pub(super) const RAISE_FLOOR: &str = "UPDATE audit_floor SET before_us = $1 WHERE before_us < $1";
pub(super) const PURGE_SPENT: &str = "\
    DELETE FROM spent_token WHERE (issuer, jti) IN \
    (SELECT issuer, jti FROM spent_token WHERE expires_s < $1 LIMIT $2)";
/// Feedback and verdicts go with their card.
pub(super) const PURGES: [&str; 4] = [
    "DELETE FROM evaluation WHERE id IN (SELECT id FROM evaluation WHERE at_us < $1 LIMIT $2)",
    "DELETE FROM card WHERE uuid IN (SELECT uuid FROM card WHERE issued_at_us < $1 LIMIT $2)",
    "DELETE FROM audit WHERE id IN (SELECT id FROM audit WHERE at_us < $1 LIMIT $2)",
    "DELETE FROM audit_view WHERE id IN (SELECT id FROM audit_view WHERE at_us < $1 LIMIT $2)",
];

pub(super) const PROGRAM_FLOOR: &str = "SELECT knows FROM program_floor";
pub(super) const FIND_CARD: &str = "SELECT count(*) FROM card WHERE uuid = $1";
pub(super) const INSERT_VERDICT: &str = "\
    INSERT INTO verdict (key, at_us, card, who, says, note) \
    SELECT $1, $2, uuid, $4, $5, $6 FROM card WHERE uuid = $3 ON CONFLICT DO NOTHING";
pub(super) const INSERT_VIEW: &str = "\
    INSERT INTO audit_view (key, at_us, who, card) \
    SELECT $1, $2, $4, uuid FROM card WHERE uuid = $3 ON CONFLICT DO NOTHING";

/// Removes a portion of the tokens that expired before `spent` and of everything else from before `kept`; says
/// whether more may be left.
macro_rules! purge {
    ($transaction:expr, $spent:expr, $kept:expr) => {{
        use $crate::journal::alike::{PORTION, PURGE_SPENT, PURGES, RAISE_FLOOR};
        let (spent, kept) = ($spent.as_second(), $kept.as_microsecond());
        let run = sqlx::query(RAISE_FLOOR).bind(kept).execute($transaction);
        run.await?;
        let mut more = false;
        let steps = PURGES.map(|statement| (statement, kept));
        for (statement, before) in std::iter::once((PURGE_SPENT, spent)).chain(steps) {
            let run = sqlx::query(statement).bind(before).bind(PORTION);
            let done = run.execute($transaction).await?;
            more |= done.rows_affected() >= PORTION.unsigned_abs();
        }
        more
    }};
}
pub(super) use purge;

/// Brings the tables up to date. A change that this program does not know was made by a newer one: it works on beside
/// that one for as long as the tables suit it.
macro_rules! migrate {
    ($connection:expr, $migrator:expr) => {{
        let mut migrator = $migrator;
        let newest = migrator.iter().map(|change| change.version).max();
        migrator.set_ignore_missing(true);
        match migrator.run($connection).await {
            Err(error) => Err($crate::journal::JournalError::Migrate(error)),
            Ok(()) => {
                let floor = sqlx::query_scalar($crate::journal::alike::PROGRAM_FLOOR);
                let floor: Result<i64, _> = floor.fetch_one($connection).await;
                match floor {
                    Err(error) => Err($crate::journal::JournalError::Open(error)),
                    Ok(floor) if newest < Some(floor) => Err($crate::journal::JournalError::Newer),
                    Ok(_) => Ok(()),
                }
            }
        }
    }};
}
pub(super) use migrate;

/// Writes what a reviewer left; says whether its card is there.
macro_rules! review {
    ($transaction:expr, $review:expr, $keep_notes:expr) => {{
        use $crate::journal::alike::{FIND_CARD, INSERT_VERDICT, INSERT_VIEW};
        use $crate::journal::{review::Says, rows::without_nul};
        let entry = &$review.entry;
        let (key, card, at) = (
            entry.key.to_string(),
            entry.card.to_string(),
            $review.at.as_microsecond(),
        );
        let who = without_nul(&entry.who).into_owned();
        let found: i64 = sqlx::query_scalar(FIND_CARD)
            .bind(card.clone())
            .fetch_one($transaction)
            .await?;
        let statement = match entry.says {
            Says::Verdict(_) => INSERT_VERDICT,
            Says::Looked => INSERT_VIEW,
        };
        let mut run = sqlx::query(statement).bind(key).bind(at).bind(card).bind(who);
        if let Says::Verdict(verdict) = entry.says {
            let note = entry.note.as_deref().filter(|_| $keep_notes).map(without_nul);
            run = run.bind(verdict.code()).bind(note.map(|note| note.into_owned()));
        }
        run.execute($transaction).await?;
        found > 0
    }};
}
pub(super) use review;
