//! Why a token was refused, for metrics and logs; and why the clients cannot be set up at start.

use std::path::PathBuf;

use super::KeySetError;

/// Why a call is not trusted. Holds no part of the token.
///
/// The caller must not be able to tell these apart: all are 401 with an empty body after one signature check, except
/// [`Refusal::JournalUnavailable`], which can only follow a verified signature and is 503.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, thiserror::Error)]
pub enum Refusal {
    /// No `Authorization` header, or not of the form `Bearer TOKEN`.
    #[error("no bearer token")]
    NoToken,
    /// Longer than 16 KiB.
    #[error("token too long")]
    TooLong,
    /// Not three base64url parts of which the first two are JSON objects.
    #[error("not a signed token")]
    Malformed,
    /// A member stands twice in the header or in the claims.
    #[error("a member stands twice")]
    Duplicate,
    /// The header member named here is missing, of the wrong type or has a value that is refused.
    #[error("header member {0}")]
    Header(&'static str),
    /// `alg` is not one that the client may use.
    #[error("algorithm not allowed")]
    Algorithm,
    /// `jku` is not the configured one.
    #[error("foreign key set address")]
    ForeignKeySet,
    /// The claim named here is missing or of the wrong type.
    #[error("claim {0}")]
    Claim(&'static str),
    /// `iss` is not that of a client.
    #[error("unknown issuer")]
    UnknownIssuer,
    /// `aud` names none of the addresses that this call may be meant for.
    #[error("meant for another address")]
    Audience,
    /// `exp` has passed.
    #[error("expired")]
    Expired,
    /// `nbf` has not come.
    #[error("not valid yet")]
    NotYetValid,
    /// `iat` lies in the future.
    #[error("issued in the future")]
    IssuedInFuture,
    /// `exp` lies too long after `iat`, or not after it.
    #[error("valid for too long")]
    Life,
    /// The client has no key with this `kid` for this `alg`.
    #[error("unknown key")]
    UnknownKey,
    /// The client's keys could not be fetched.
    #[error("the client's keys could not be fetched")]
    KeysUnavailable,
    /// No key of the client verifies the signature.
    #[error("signature does not verify")]
    Signature,
    /// The token was used before.
    #[error("token was used before")]
    Replayed,
    /// The journal could not take the token as used.
    #[error("the journal is not available")]
    JournalUnavailable,
}

impl Refusal {
    /// A label from a bounded list, for metrics and logs.
    #[must_use]
    pub fn reason(self) -> &'static str {
        match self {
            Self::NoToken => "no-token",
            Self::TooLong => "too-long",
            Self::Malformed => "malformed",
            Self::Duplicate => "duplicate-member",
            Self::Header(_) => "header",
            Self::Algorithm => "algorithm",
            Self::ForeignKeySet => "foreign-key-set",
            Self::Claim(_) => "claim",
            Self::UnknownIssuer => "unknown-issuer",
            Self::Audience => "audience",
            Self::Expired => "expired",
            Self::NotYetValid => "not-yet-valid",
            Self::IssuedInFuture => "issued-in-future",
            Self::Life => "life",
            Self::UnknownKey => "unknown-key",
            Self::KeysUnavailable => "keys-unavailable",
            Self::Signature => "signature",
            Self::Replayed => "replayed",
            Self::JournalUnavailable => "journal-unavailable",
        }
    }

    /// Whether the fault is ours and not the token's: 503 in place of 401.
    #[must_use]
    pub fn is_unavailable(self) -> bool {
        self == Self::JournalUnavailable
    }
}

/// Why the clients cannot be set up.
#[derive(Debug, thiserror::Error)]
pub enum TrustError {
    /// The key file of a client cannot be read.
    #[error("client `{client}`: jwks-file {}: {source}", path.display())]
    KeyFile {
        /// Name of the client.
        client: String,
        /// The file.
        path: PathBuf,
        /// What the operating system said.
        source: std::io::Error,
    },
    /// The key file of a client cannot be used.
    #[error("client `{client}`: jwks-file {}: {source}", path.display())]
    KeySet {
        /// Name of the client.
        client: String,
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        source: KeySetError,
    },
    /// The HTTP client for key sets cannot be built.
    #[error("key sets cannot be fetched: {0}")]
    Http(#[source] reqwest::Error),
    /// The FHIR server of the demonstration is not on this machine.
    #[error("the demonstration reads FHIR servers on this machine only")]
    NotLoopback,
    /// A client of the settings was to be trusted without a token.
    #[error("only the client of the demonstration is trusted without a token")]
    NotADemo,
}
