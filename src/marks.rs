//! Marks: what stands for a value that may be recognised and must not be read.
//!
//! Turns a value into a keyed digest, as 64 hexadecimal characters. The key lies in the journal, so that every
//! replica and every later start gives the same value the same mark, and whoever has a mark but not the journal
//! learns nothing. It stores nothing and never logs a value. HMAC-SHA256, RFC 2104.

use crate::journal::{Journal, JournalError};
use aws_lc_rs::hmac;
use serde::Serialize;
use std::sync::OnceLock;

/// Room for most values that are marked: what makes a card the same again.
const USUAL: usize = 4 * 1024;

/// Gives marks, once the journal's key is known.
#[derive(Default)]
pub struct Marks {
    key: OnceLock<hmac::Key>,
}

impl Marks {
    /// With a key of the journal.
    pub fn with_key(key: &str) -> Self {
        let marks = Self::default();
        marks.set(key);
        marks
    }

    /// Reads the journal's key, unless it is known.
    ///
    /// # Errors
    /// [`JournalError`] if the journal cannot be read.
    pub async fn learn(&self, journal: &Journal) -> Result<(), JournalError> {
        if self.key.get().is_none() {
            self.set(&journal.digest_key().await?);
        }
        Ok(())
    }

    fn set(&self, key: &str) {
        // Whoever was faster has set the same key.
        let _ = self.key.set(hmac::Key::new(hmac::HMAC_SHA256, key.as_bytes()));
    }

    /// The mark of a value; `None` until the key is known.
    pub fn of(&self, value: &impl Serialize) -> Option<String> {
        let key = self.key.get()?;
        let mut told = Vec::with_capacity(USUAL);
        serde_json::to_writer(&mut told, value).ok()?;
        let tag = hmac::sign(key, &told);
        let halves = tag.as_ref().iter().flat_map(|byte| [byte >> 4, byte & 0xf]);
        halves.map(|half| char::from_digit(half.into(), 16)).collect()
    }

    /// The mark of a token, short enough for a line of the log.
    pub fn of_token(&self, issuer: &str, jti: &str) -> Option<String> {
        let mut mark = self.of(&("token", issuer, jti))?;
        mark.truncate(16);
        Some(mark)
    }
}
