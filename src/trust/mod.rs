//! Turns the `Authorization` header of a call into a [`TrustedEhr`], or into a [`Refusal`].
//!
//! A [`TrustedEhr`] cannot be made anywhere else, so a handler that takes one cannot be reached
//! without a verified token. Fails closed: a key set that cannot be fetched is a refusal, and so is a
//! journal that cannot be written, unless the settings say otherwise (`replay`). It never fetches an address that a
//! token names, never uses a key that a token carries, and never logs a token or a claim; who refuses, and why, is
//! logged by `http` from [`Refusal::reason`], with the name of the client and a mark of the `jti` ([`crate::marks`]).
//! A caller learns no reason, not even by a clock: every refusal comes after one signature check, by a decoy where no
//! key of ours is in question, and how long that takes depends on the token alone (`decoy`, which also says what is
//! left: a refusal that waits for a key set to be fetched is as late as the fetch).
//! Follows CDS Hooks, section Security (JWT of the client), RFC 7515 and RFC 7519.

mod client;
mod decoy;
mod keys;
mod refusal;
mod remote;
mod replay;
mod survey;
#[cfg(test)]
mod tests;
mod token;

use std::sync::Arc;
use std::time::{Duration, Instant};

use jiff::{SignedDuration, Timestamp};
use secrecy::SecretString;

use crate::config::Config;
use crate::journal::Journal;
use crate::meters::KeySetMeters;

pub use client::{Client, Clients};
pub use keys::KeySetError;
pub use refusal::{Refusal, TrustError};
pub use survey::{KeySurvey, Unusable, survey};

use decoy::Decoy;
use keys::Key;
use replay::{Replay, Spent};
use token::Token;

/// How far the clock of an EHR may differ from ours.
pub(crate) const LEEWAY: SignedDuration = SignedDuration::from_secs(60);

/// Proof that a call comes from a client of ours. Only this module makes one.
#[derive(Debug, Clone)]
pub struct TrustedEhr {
    client: Arc<Client>,
}

impl TrustedEhr {
    /// The client that called.
    #[must_use]
    pub fn client(&self) -> &Arc<Client> {
        &self.client
    }

    /// The caller in demonstration mode, where hook calls carry no token. `client` must come from
    /// [`Client::for_loopback_demo`]: a client of the settings can never be trusted this way.
    ///
    /// # Errors
    /// [`TrustError::NotADemo`] for a client of the settings.
    pub fn for_loopback_demo(client: Arc<Client>) -> Result<Self, TrustError> {
        if client.is_demo() {
            Ok(Self { client })
        } else {
            Err(TrustError::NotADemo)
        }
    }
}

/// What a token claims, as far as it was read; proven only where a [`TrustedEhr`] comes with it.
#[derive(Default)]
pub struct Claimed {
    /// The client of the settings that its issuer names.
    pub client: Option<Arc<Client>>,
    /// Its `jti`; it cannot be printed.
    pub jti: Option<SecretString>,
    /// How long it took to take the token as used, where it came so far: what the journal makes callers wait.
    pub spending: Option<Duration>,
}

/// Who may call, and with which keys.
#[derive(Debug)]
pub struct Trust {
    clients: Clients,
    replay: Arc<Replay>,
    decoy: Arc<Decoy>,
}

impl Trust {
    /// Reads the key files of all clients; key sets behind an address are fetched when first needed.
    ///
    /// # Errors
    /// [`TrustError`] if a key file holds no usable key, or a private one.
    pub fn new(config: &Config) -> Result<Self, TrustError> {
        Self::renewed(config, None, &Arc::default())
    }

    /// As [`Trust::new`]; key sets that were fetched from the same address for the same client are kept, so that a
    /// reload needs no EHR to be reachable, and so is what a client has used up of bounds that are the same. Fetches are
    /// counted in `meters`.
    ///
    /// # Errors
    /// As [`Trust::new`].
    pub fn renewed(
        config: &Config,
        previous: Option<&Self>,
        meters: &Arc<KeySetMeters>,
    ) -> Result<Self, TrustError> {
        Ok(Self {
            clients: Clients::from_config(config, previous.map(Self::clients), meters)?,
            replay: match previous {
                Some(trust) => Arc::clone(&trust.replay),
                None => Arc::new(Replay::new(config.journal.when_unavailable)),
            },
            decoy: match previous {
                Some(trust) => Arc::clone(&trust.decoy),
                None => Arc::new(Decoy::new()),
            },
        })
    }

    /// The clients of the settings.
    #[must_use]
    pub fn clients(&self) -> &Clients {
        &self.clients
    }

    /// Checks the token of one call that arrived at `now` and was meant for one of `audiences`. The
    /// token is used up by this: a second call with it is refused. What it claims is noted in `claimed`.
    ///
    /// Verifying costs 20 to 160 microseconds of one core. That is less than handing the work to
    /// another thread would, so it happens right here.
    ///
    /// # Errors
    /// [`Refusal`]; the caller of the service learns nothing of it but the status.
    pub async fn authenticate(
        &self,
        authorization: Option<&str>,
        audiences: &[String],
        now: Timestamp,
        journal: &Journal,
        claimed: &mut Claimed,
    ) -> Result<TrustedEhr, Refusal> {
        let read = bearer(authorization).and_then(Token::parse);
        let token = read.inspect_err(|_| self.decoy.check_nothing())?;
        let found = self.find_keys(&token, audiences, now, claimed).await;
        let client = self.prove(&token, found)?;
        let issued = token.claims.issued;
        client.note_skew(issued.as_second() - now.as_second());
        // Comes last, so that nobody but the client itself can use up one of its tokens.
        let claims = &token.claims;
        let expires = claims
            .expires
            .checked_add(LEEWAY)
            .map_err(|_| Refusal::Claim("exp"))?;
        let spent = Spent {
            issuer: &claims.issuer,
            jti: &claims.jti,
            expires,
        };
        let begun = Instant::now();
        let spent = self.replay.spend(spent, now, journal).await;
        claimed.spending = Some(begun.elapsed());
        spent.map(|()| TrustedEhr { client })
    }

    /// The client that a token names and its keys for the token, if all is as it should be but for the signature.
    async fn find_keys(
        &self,
        token: &Token<'_>,
        audiences: &[String],
        now: Timestamp,
        claimed: &mut Claimed,
    ) -> Result<(Arc<Client>, Vec<Key>), Refusal> {
        // The issuer is not proven yet. It only chooses whose rules and keys the token has to satisfy.
        let client = self
            .clients
            .by_issuer(&token.claims.issuer)
            .ok_or(Refusal::UnknownIssuer)?;
        claimed.client = Some(Arc::clone(client));
        claimed.jti = Some(token.claims.jti.as_str().into());
        token.header.check(client)?;
        token.claims.check(audiences, now, client.max_token_life())?;
        let keys = client
            .keys()
            .candidates(&token.header.kid, token.header.algorithm)
            .await?;
        Ok((Arc::clone(client), keys))
    }

    /// Checks the signature with the keys that were found; with a decoy where there are none, or where none of them
    /// can have made it. The refusal that is known already is told only then.
    fn prove(
        &self,
        token: &Token<'_>,
        found: Result<(Arc<Client>, Vec<Key>), Refusal>,
    ) -> Result<Arc<Client>, Refusal> {
        let keys = found.iter().flat_map(|(_, keys)| keys);
        let mut usable = keys.filter(|key| key.may_have_made(token.signature)).peekable();
        if usable.peek().is_none() {
            self.decoy.check(token);
            return Err(found.err().unwrap_or(Refusal::Signature));
        }
        let good = usable.any(|key| key.verifies(token.header.algorithm, token.signed, token.signature));
        let (client, _) = found?;
        if good { Ok(client) } else { Err(Refusal::Signature) }
    }
}

/// The token in an `Authorization` header; the scheme's case does not matter (RFC 9110, 11.1).
fn bearer(authorization: Option<&str>) -> Result<&str, Refusal> {
    let (scheme, token) = authorization
        .ok_or(Refusal::NoToken)?
        .split_once(' ')
        .ok_or(Refusal::NoToken)?;
    if scheme.eq_ignore_ascii_case("Bearer") {
        Ok(token.trim_matches(' '))
    } else {
        Err(Refusal::NoToken)
    }
}
