//! Turns the text of a token into its header and claims, each checked for form, then for content.
//!
//! Reads more strictly than JSON asks for: a member that stands twice is refused, because two readers
//! could take two values from it; a number written as text is refused, because it could slip past a
//! comparison. It never looks at a signature; until `trust` has verified it, nothing here is proven.

use std::collections::BTreeMap;
use std::fmt;
use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jiff::{SignedDuration, Timestamp};
use serde::de::{Deserialize, Deserializer, MapAccess, Visitor};
use serde_json::value::RawValue;

use super::keys::MAX_KID;
use super::{Client, LEEWAY, Refusal};
use crate::config::SignatureAlgorithm;

/// Longest token, in bytes.
const MAX_TOKEN: usize = 16 * 1024;
/// Longest `jti`, in bytes: it is stored.
const MAX_JTI: usize = 512;
/// Header members that bring their own key or change what is signed. None of them is ever used; a
/// token that has one was not made by an EHR that follows CDS Hooks.
const REFUSED_MEMBERS: [&str; 5] = ["jwk", "x5u", "x5c", "crit", "b64"];

/// A token in its parts.
pub(super) struct Token<'a> {
    pub(super) header: Header,
    pub(super) claims: Claims,
    /// What the signature is over: the first two parts as they were sent.
    pub(super) signed: &'a str,
    /// The third part.
    pub(super) signature: &'a str,
}

/// What is used of the header.
pub(super) struct Header {
    pub(super) algorithm: SignatureAlgorithm,
    pub(super) kid: String,
    jku: Option<String>,
}

/// What is used of the claims.
pub(super) struct Claims {
    pub(super) issuer: String,
    pub(super) jti: String,
    pub(super) expires: Timestamp,
    pub(super) issued: Timestamp,
    not_before: Option<Timestamp>,
    audiences: Vec<String>,
}

impl<'a> Token<'a> {
    pub(super) fn parse(text: &'a str) -> Result<Self, Refusal> {
        if text.len() > MAX_TOKEN {
            return Err(Refusal::TooLong);
        }
        let (signed, signature) = text.rsplit_once('.').ok_or(Refusal::Malformed)?;
        let (header, claims) = signed.split_once('.').ok_or(Refusal::Malformed)?;
        let (header, claims) = (decode(header)?, decode(claims)?);
        Ok(Self {
            header: Header::read(&Members::parse(&header)?)?,
            claims: Claims::read(&Members::parse(&claims)?)?,
            signed,
            signature,
        })
    }
}

impl Header {
    fn read(members: &Members<'_>) -> Result<Self, Refusal> {
        if let Some(refused) = REFUSED_MEMBERS
            .into_iter()
            .find(|name| members.0.contains_key(*name))
        {
            return Err(Refusal::Header(refused));
        }
        let text = |name| members.text(name).map_err(|Mistyped| Refusal::Header(name));
        if text("typ")?.is_some_and(|kind| !kind.eq_ignore_ascii_case("JWT")) {
            return Err(Refusal::Header("typ"));
        }
        let kid = text("kid")?.filter(|kid| !kid.is_empty() && kid.chars().count() <= MAX_KID);
        let algorithm = match text("alg")?.ok_or(Refusal::Header("alg"))?.as_str() {
            "ES256" => SignatureAlgorithm::ES256,
            "ES384" => SignatureAlgorithm::ES384,
            "RS256" => SignatureAlgorithm::RS256,
            "RS384" => SignatureAlgorithm::RS384,
            _ => return Err(Refusal::Algorithm),
        };
        Ok(Self {
            algorithm,
            kid: kid.ok_or(Refusal::Header("kid"))?,
            jku: text("jku")?,
        })
    }

    /// Whether `client` may use such a header.
    pub(super) fn check(&self, client: &Client) -> Result<(), Refusal> {
        if !client.allows(self.algorithm) {
            return Err(Refusal::Algorithm);
        }
        match &self.jku {
            Some(jku) if client.jku() != Some(jku) => Err(Refusal::ForeignKeySet),
            Some(_) | None => Ok(()),
        }
    }
}

impl Claims {
    fn read(members: &Members<'_>) -> Result<Self, Refusal> {
        let text = |name| members.text(name).ok().flatten().ok_or(Refusal::Claim(name));
        let instant = |name| members.instant(name).map_err(|Mistyped| Refusal::Claim(name));
        let jti = text("jti")?;
        if jti.is_empty() || jti.len() > MAX_JTI {
            return Err(Refusal::Claim("jti"));
        }
        if !members.is_text_if_there("sub") {
            return Err(Refusal::Claim("sub"));
        }
        Ok(Self {
            issuer: text("iss")?,
            jti,
            expires: instant("exp")?.ok_or(Refusal::Claim("exp"))?,
            issued: instant("iat")?.ok_or(Refusal::Claim("iat"))?,
            not_before: instant("nbf")?,
            audiences: members.audiences().ok_or(Refusal::Claim("aud"))?,
        })
    }

    /// Whether the claims hold at `now` for a call that is meant for one of `audiences`.
    pub(super) fn check(
        &self,
        audiences: &[String],
        now: Timestamp,
        max_life: Duration,
    ) -> Result<(), Refusal> {
        let meant = |own: &String| {
            audiences
                .iter()
                .any(|audience| without_slash(audience) == without_slash(own))
        };
        if !self.audiences.iter().any(meant) {
            return Err(Refusal::Audience);
        }
        let life = self.expires.duration_since(self.issued);
        if life <= SignedDuration::ZERO || life.unsigned_abs() > max_life {
            return Err(Refusal::Life);
        }
        if self.issued.duration_since(now) > LEEWAY {
            return Err(Refusal::IssuedInFuture);
        }
        if now.duration_since(self.expires) >= LEEWAY {
            return Err(Refusal::Expired);
        }
        if self
            .not_before
            .is_some_and(|start| start.duration_since(now) > LEEWAY)
        {
            return Err(Refusal::NotYetValid);
        }
        Ok(())
    }
}

fn without_slash(address: &str) -> &str {
    address.strip_suffix('/').unwrap_or(address)
}

fn decode(part: &str) -> Result<Vec<u8>, Refusal> {
    URL_SAFE_NO_PAD.decode(part).map_err(|_| Refusal::Malformed)
}

/// The members of one JSON object, each once, with their values as they are written.
struct Members<'a>(BTreeMap<String, &'a RawValue>);

/// A member is there, but its value is not of the type that it must have.
struct Mistyped;

impl<'a> Members<'a> {
    fn parse(json: &'a [u8]) -> Result<Self, Refusal> {
        match serde_json::from_slice(json).map_err(|_| Refusal::Malformed)? {
            Written::Once(members) => Ok(members),
            Written::Twice => Err(Refusal::Duplicate),
        }
    }

    fn text(&self, name: &str) -> Result<Option<String>, Mistyped> {
        let Some(value) = self.0.get(name) else {
            return Ok(None);
        };
        serde_json::from_str(value.get()).map(Some).map_err(|_| Mistyped)
    }

    /// Whether a member that nothing reads is of its type: a token with one that is not was made by no library.
    fn is_text_if_there(&self, name: &str) -> bool {
        let value = self.0.get(name).map(|value| value.get());
        value.is_none_or(|value| serde_json::from_str::<Option<String>>(value).is_ok())
    }

    /// Seconds since 1970 as a number, whole or with a fraction (RFC 7519, NumericDate).
    fn instant(&self, name: &str) -> Result<Option<Timestamp>, Mistyped> {
        let Some(value) = self.0.get(name) else {
            return Ok(None);
        };
        let seconds: f64 = serde_json::from_str(value.get()).map_err(|_| Mistyped)?;
        // A cast of a number that is too large gives the largest one, which is out of range as well.
        Timestamp::from_microsecond((seconds * 1e6) as i64)
            .map(Some)
            .map_err(|_| Mistyped)
    }

    fn audiences(&self) -> Option<Vec<String>> {
        let value = self.0.get("aud")?.get();
        serde_json::from_str(value)
            .map(|one| vec![one])
            .or_else(|_| serde_json::from_str(value))
            .ok()
    }
}

/// A JSON object as it was written.
enum Written<'a> {
    Once(Members<'a>),
    /// Some member stands twice.
    Twice,
}

impl<'de: 'a, 'a> Deserialize<'de> for Written<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(EachOnce)
    }
}

struct EachOnce;

impl<'de> Visitor<'de> for EachOnce {
    type Value = Written<'de>;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
        let mut members = BTreeMap::new();
        let mut twice = false;
        while let Some((name, value)) = map.next_entry::<String, &'de RawValue>()? {
            twice |= members.insert(name, value).is_some();
        }
        Ok(if twice {
            Written::Twice
        } else {
            Written::Once(Members(members))
        })
    }
}
