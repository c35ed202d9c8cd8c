//! A signed-in browser: a cookie that proves who it is for half an hour, at every replica.
//!
//! Turns an operator into a signed value and back. Nothing is kept of it, so that each replica can check it; what
//! was signed out is spent in the journal like a token, so that each replica knows. It ends with its token: the
//! key is made of it. Forms carry a value that only a page of the same session can know (ASVS 5.0, 3.5, 7.2).

use super::gate::{Operator, Operators};
use actix_web::HttpRequest;
use actix_web::http::header::COOKIE;
use aws_lc_rs::hmac;
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

const NAME: &str = "stepdown-operator";
/// Seconds without use after which it ends.
const IDLE: i64 = 1_800;
/// Seconds after which it ends in any case.
const LIFE: i64 = 8 * 3_600;
/// Seconds after which a page that is shown makes it last longer.
const RENEW: i64 = 60;

/// Who is signed in.
pub(super) struct Session {
    claims: Claims,
    key: hmac::Key,
}

#[derive(Clone, Serialize, Deserialize)]
struct Claims {
    /// Name of the operator.
    name: String,
    id: Uuid,
    /// Seconds since 1970.
    began: i64,
    ends: i64,
}

impl Session {
    /// A new one.
    pub(super) fn begin(operator: &Operator, now: Timestamp) -> Self {
        let now = now.as_second();
        Self {
            claims: Claims {
                name: operator.name.clone(),
                id: Uuid::new_v4(),
                began: now,
                ends: now + IDLE,
            },
            key: operator.key.clone(),
        }
    }

    /// The one whose cookie the request sends.
    pub(super) fn of(request: &HttpRequest, operators: &Operators, now: Timestamp) -> Option<Self> {
        let headers = request.headers().get_all(COOKIE);
        let pairs = headers
            .filter_map(|header| header.to_str().ok())
            .flat_map(|header| header.split(';'))
            .filter_map(|pair| pair.trim().split_once('='));
        let mut sent = pairs.filter(|(name, _)| *name == NAME).map(|(_, value)| value);
        sent.find_map(|value| Self::read(value, operators, now))
    }

    fn read(value: &str, operators: &Operators, now: Timestamp) -> Option<Self> {
        let (payload, tag) = value.split_once('.')?;
        let claims: Claims = serde_json::from_slice(&URL_SAFE_NO_PAD.decode(payload).ok()?).ok()?;
        let key = operators.named(&claims.name)?.key.clone();
        let tag = URL_SAFE_NO_PAD.decode(tag).ok()?;
        hmac::verify(&key, payload.as_bytes(), &tag).ok()?;
        (now.as_second() < claims.ends).then_some(Self { claims, key })
    }

    /// Name of the operator.
    pub(super) fn who(&self) -> &str {
        &self.claims.name
    }

    /// What is spent when it is signed out, and until when.
    pub(super) fn id(&self) -> (String, Option<Timestamp>) {
        let over = Timestamp::from_second(self.claims.began + LIFE).ok();
        (self.claims.id.to_string(), over)
    }

    /// The cookie to send, if it is to last longer.
    pub(super) fn renewed(&mut self, now: Timestamp, secure: bool) -> Option<String> {
        let ends = (now.as_second() + IDLE).min(self.claims.began + LIFE);
        if ends < self.claims.ends + RENEW {
            return None;
        }
        self.claims.ends = ends;
        Some(self.cookie(now, secure))
    }

    /// The cookie. Without a path it is for the folder of the page that sets it, as the browser sees it.
    pub(super) fn cookie(&self, now: Timestamp, secure: bool) -> String {
        // Claims of texts and numbers can always be written.
        let claims = serde_json::to_vec(&self.claims).unwrap_or_default();
        let payload = URL_SAFE_NO_PAD.encode(claims);
        let tag = URL_SAFE_NO_PAD.encode(hmac::sign(&self.key, payload.as_bytes()));
        let life = self.claims.ends - now.as_second();
        cookie(&format!("{payload}.{tag}"), life, secure)
    }

    /// What the forms of its pages carry.
    pub(super) fn form_token(&self) -> String {
        let said = format!("form {}", self.claims.id);
        URL_SAFE_NO_PAD.encode(hmac::sign(&self.key, said.as_bytes()))
    }

    /// Whether a form is of one of its pages.
    pub(super) fn owns(&self, form_token: &str) -> bool {
        let said = format!("form {}", self.claims.id);
        let tag = URL_SAFE_NO_PAD.decode(form_token).unwrap_or_default();
        hmac::verify(&self.key, said.as_bytes(), &tag).is_ok()
    }

    /// The session of whoever it is, where nobody signs in: always the same, so that forms stay good.
    pub(super) fn for_demo(operator: &Operator, now: Timestamp) -> Self {
        let mut session = Self::begin(operator, now);
        session.claims.id = Uuid::nil();
        session
    }
}

/// A cookie that no script reads and no other site sends; a life of 0 removes it.
fn cookie(value: &str, life: i64, secure: bool) -> String {
    let secure = if secure { "; Secure" } else { "" };
    format!("{NAME}={value}; Max-Age={life}; HttpOnly; SameSite=Strict{secure}")
}

/// The cookie that removes the other one.
pub(super) fn ended(secure: bool) -> String {
    cookie("", 0, secure)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::OperatorConfig;
    use actix_web::test::TestRequest;
    use std::sync::Arc;

    fn operators(token: &str) -> Operators {
        let one = OperatorConfig {
            name: "a".into(),
            token: token.into(),
        };
        Operators::new(&[one], Arc::default(), false)
    }

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(second).unwrap()
    }

    fn sent(cookie: &str, operators: &Operators, now: i64) -> Option<Session> {
        let pair = cookie.split(';').next().unwrap().to_owned();
        let request = TestRequest::default()
            .insert_header((COOKIE, pair))
            .to_http_request();
        Session::of(&request, operators, at(now))
    }

    #[test]
    fn a_session_ends_when_it_should_and_cannot_be_made_up() {
        let operators = operators("secret");
        let mut session = Session::begin(operators.named("a").unwrap(), at(1_000));
        let cookie = session.cookie(at(1_000), true);
        assert!(
            cookie.ends_with("; Max-Age=1800; HttpOnly; SameSite=Strict; Secure"),
            "{cookie}"
        );
        assert!(!cookie.contains("secret"));
        assert_eq!(sent(&cookie, &operators, 2_799).unwrap().who(), "a");
        assert!(sent(&cookie, &operators, 2_800).is_none());
        assert!(sent(&cookie, &self::operators("changed"), 1_001).is_none());
        let (value, _) = cookie.split_once(';').unwrap();
        let (payload, tag) = value.split_once('.').unwrap();
        for forged in [
            format!("{payload}x.{tag}"),
            format!("{payload}."),
            payload.to_owned(),
        ] {
            assert!(sent(&forged, &operators, 1_001).is_none(), "{forged}");
        }
        assert!(session.renewed(at(1_010), true).is_none());
        let renewed = session.renewed(at(1_500), true).unwrap();
        assert!(sent(&renewed, &operators, 3_299).is_some());
        session.claims.ends = 29_000;
        let last = session.renewed(at(29_790), true).unwrap();
        assert!(sent(&last, &operators, 29_799).is_some() && sent(&last, &operators, 29_800).is_none());
    }

    #[test]
    fn a_form_belongs_to_its_session() {
        let operators = operators("secret");
        let begin = || Session::begin(operators.named("a").unwrap(), at(1));
        let (one, other) = (begin(), begin());
        assert!(one.owns(&one.form_token()));
        for foreign in [other.form_token(), String::new(), "x".to_owned()] {
            assert!(!one.owns(&foreign));
        }
    }
}
