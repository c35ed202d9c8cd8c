//! Who may look: compares a token with those of the settings, and slows down whoever guesses.
//!
//! Tokens are compared by their digests, every one of them each time, so that the time tells nothing. After a few
//! wrong ones every attempt is refused for a moment, right or not: otherwise the limit would not limit a guess.

use crate::config::OperatorConfig;
use aws_lc_rs::constant_time::verify_slices_are_equal;
use aws_lc_rs::{digest, hmac};
use secrecy::ExposeSecret;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

/// Wrong tokens that may come at once.
const GUESSES: f64 = 10.0;
/// How long it takes until one more may come.
const REFILL: Duration = Duration::from_secs(6);
/// Who acts in the demonstration.
const NOBODY: &str = "demonstration";

/// Everybody who may look at what the journal holds.
pub(crate) struct Operators {
    all: Vec<Operator>,
    guesses: Arc<Guesses>,
    open: bool,
    keeps_notes: bool,
}

/// One of them.
pub(super) struct Operator {
    pub(super) name: String,
    /// Digest of the token.
    proof: [u8; 32],
    /// Signs sessions: they end when the token is changed.
    pub(super) key: hmac::Key,
}

/// Why a token opens nothing.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Shut {
    /// Nobody may look.
    NotThere,
    /// It is nobody's.
    Wrong,
    /// There were too many wrong ones; how long to wait.
    TooMany(Duration),
}

impl Operators {
    /// Those of the settings. `guesses` outlives a reload; notes are kept where comments are.
    pub(crate) fn new(settings: &[OperatorConfig], guesses: Arc<Guesses>, keeps_notes: bool) -> Self {
        let all = settings
            .iter()
            .map(|one| Operator::new(one.name.clone(), one.token.expose_secret().as_bytes()));
        Self {
            all: all.collect(),
            guesses,
            open: false,
            keeps_notes,
        }
    }

    /// Anybody on this machine, for the demonstration; `None` if there is no randomness.
    pub(crate) fn for_demo() -> Option<Self> {
        let mut token = [0_u8; 32];
        getrandom::fill(&mut token).ok()?;
        Some(Self {
            all: vec![Operator::new(NOBODY.to_owned(), &token)],
            guesses: Arc::default(),
            open: true,
            keeps_notes: false,
        })
    }

    /// Whoever bears this token.
    pub(super) fn admit(&self, token: &str) -> Result<&Operator, Shut> {
        if self.all.is_empty() {
            return Err(Shut::NotThere);
        }
        self.guesses.room().map_err(Shut::TooMany)?;
        let proof = proof(token.as_bytes());
        let mut found = None;
        for one in &self.all {
            if verify_slices_are_equal(&one.proof, &proof).is_ok() {
                found = Some(one);
            }
        }
        if found.is_none() {
            self.guesses.wrong();
        }
        found.ok_or(Shut::Wrong)
    }

    pub(super) fn named(&self, name: &str) -> Option<&Operator> {
        self.all.iter().find(|one| one.name == name)
    }

    /// Whoever it is, where nobody signs in.
    pub(super) fn anybody(&self) -> Option<&Operator> {
        self.all.first().filter(|_| self.open)
    }

    pub(super) fn is_empty(&self) -> bool {
        self.all.is_empty()
    }

    pub(super) fn keeps_notes(&self) -> bool {
        self.keeps_notes
    }
}

impl Operator {
    fn new(name: String, token: &[u8]) -> Self {
        let purpose = b"stepdown operator session ";
        let secret = digest::digest(&digest::SHA256, &[purpose, token].concat());
        Self {
            name,
            proof: proof(token),
            key: hmac::Key::new(hmac::HMAC_SHA256, secret.as_ref()),
        }
    }
}

fn proof(token: &[u8]) -> [u8; 32] {
    let mut proof = [0; 32];
    proof.copy_from_slice(digest::digest(&digest::SHA256, token).as_ref());
    proof
}

/// How many wrong tokens may still come.
pub(crate) struct Guesses(Mutex<(f64, Instant)>);

impl Default for Guesses {
    fn default() -> Self {
        Self(Mutex::new((GUESSES, Instant::now())))
    }
}

impl Guesses {
    fn room(&self) -> Result<(), Duration> {
        let mut left = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let gained = left.1.elapsed().div_duration_f64(REFILL);
        *left = ((left.0 + gained).min(GUESSES), Instant::now());
        match left.0 {
            room if room >= 1.0 => Ok(()),
            room => Err(REFILL.mul_f64(1.0 - room)),
        }
    }

    fn wrong(&self) {
        let mut left = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        left.0 = (left.0 - 1.0).max(0.0);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn operators() -> Operators {
        let one = |name: &str, token: &str| OperatorConfig {
            name: name.into(),
            token: token.into(),
        };
        Operators::new(&[one("a", "first"), one("b", "second")], Arc::default(), false)
    }

    #[test]
    fn a_token_tells_whose_it_is() {
        let operators = operators();
        assert_eq!(operators.admit("second").map(|one| one.name.as_str()), Ok("b"));
        assert_eq!(operators.admit("third").map(|one| &one.name), Err(Shut::Wrong));
        let nobody = Operators::new(&[], Arc::default(), false);
        assert_eq!(nobody.admit("").map(|one| &one.name), Err(Shut::NotThere));
        assert!(operators.anybody().is_none() && Operators::for_demo().unwrap().anybody().is_some());
    }

    #[test]
    fn guesses_run_out_and_a_right_token_does_not_use_them() {
        let operators = operators();
        for _ in 0..50 {
            assert!(operators.admit("first").is_ok());
        }
        for _ in 0..10 {
            assert!(matches!(operators.admit("x"), Err(Shut::Wrong)));
        }
        let Err(Shut::TooMany(wait)) = operators.admit("first") else {
            panic!("there is no bound");
        };
        assert!(wait <= REFILL);
    }
}
