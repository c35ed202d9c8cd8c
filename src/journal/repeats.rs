//! What was overridden lately, so that the same card is recognised when it comes again.
//!
//! A card is known here by a keyed digest, never by its patient. What was accepted after it had been overridden
//! does not count as overridden, and no client can crowd out what others have said.

use jiff::Timestamp;

use super::read::{instant, on_readers};
use super::store::Readers;
use super::{Archive, Journal, JournalError};

const KEY: &str = "SELECT key FROM digest_key";
const OVERRIDDEN: &str = "\
    SELECT digest, at_us, received_at_us, reason_system, reason_code FROM ( \
        SELECT card.digest AS digest, f.at_us AS at_us, f.received_at_us AS received_at_us, \
               f.reason_system AS reason_system, f.reason_code AS reason_code, \
               row_number() OVER (PARTITION BY card.client ORDER BY f.at_us DESC) AS place \
        FROM feedback AS f JOIN card ON card.uuid = f.card \
        WHERE f.outcome = 'overridden' AND f.at_us >= $1 AND card.digest IS NOT NULL AND card.withheld = 0 \
          AND NOT EXISTS (SELECT 1 FROM feedback AS later WHERE later.card = f.card \
                          AND later.outcome = 'accepted' AND later.at_us >= f.at_us)) AS told \
    WHERE place <= $2 ORDER BY at_us";

/// One override of a card that can be recognised.
pub struct OverriddenCard {
    /// Keyed digest of what makes the card the same again.
    pub digest: String,
    /// When it was overridden: as the client says, but not after it was told.
    pub at: Timestamp,
    /// System of the coded reason.
    pub reason_system: Option<String>,
    /// Code of the reason.
    pub reason_code: Option<String>,
}

type Row = (String, i64, i64, Option<String>, Option<String>);

impl Journal {
    /// The key of the digests of cards; the same for every process on this journal.
    ///
    /// # Errors
    /// [`JournalError`] if the journal cannot be read.
    pub async fn digest_key(&self) -> Result<String, JournalError> {
        key(&self.readers).await
    }

    /// What was overridden since an instant, oldest first; of each client the newest `most`.
    ///
    /// # Errors
    /// [`JournalError`] if the journal cannot be read.
    pub async fn overridden(&self, since: Timestamp, most: u32) -> Result<Vec<OverriddenCard>, JournalError> {
        overridden(&self.readers, since, most).await
    }
}

impl Archive {
    /// As [`Journal::digest_key`].
    ///
    /// # Errors
    /// [`JournalError`] if the journal cannot be read.
    pub async fn digest_key(&self) -> Result<String, JournalError> {
        key(&self.readers).await
    }
}

async fn key(readers: &Readers) -> Result<String, JournalError> {
    on_readers!(readers, pool => sqlx::query_scalar(KEY).fetch_one(pool))
}

async fn overridden(
    readers: &Readers,
    since: Timestamp,
    most: u32,
) -> Result<Vec<OverriddenCard>, JournalError> {
    let rows: Vec<Row> = on_readers!(readers, pool => sqlx::query_as(OVERRIDDEN)
        .bind(since.as_microsecond())
        .bind(i64::from(most))
        .fetch_all(pool))?;
    let card = |(digest, at_us, received_us, reason_system, reason_code): Row| {
        Ok(OverriddenCard {
            digest,
            at: instant(at_us.min(received_us))?,
            reason_system,
            reason_code,
        })
    };
    rows.into_iter().map(card).collect()
}
