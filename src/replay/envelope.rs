//! A request as the service keeps it, with what the FHIR server answered and when that was.
//!
//! Turns a call into one JSON object and back. It is patient data. What it never holds is `fhirAuthorization`:
//! the token of the call ends with the call.

use crate::clinical::gap::Why;
use crate::clinical::record::{SOURCES, Source};
use crate::fhir::client::Fetched;
use crate::gather::Answer;
use jiff::Timestamp;
use serde::ser::Error as _;
use serde::{Deserialize, Serialize, Serializer};
use serde_json::value::RawValue;
use std::collections::BTreeMap;

/// The first member, by which such a file is known; its value is the version of the form.
const MARK: &str = "stepdown-capture";
const VERSION: u32 = 1;
/// The member that is never kept.
const GRANT: &str = "fhirAuthorization";

/// A call to be kept.
pub struct Envelope {
    /// When it was judged.
    pub at: Timestamp,
    /// Name of the client in the settings.
    pub client: String,
    /// Version of the tables that answered.
    pub content: String,
    /// The body as it came.
    pub body: Vec<u8>,
    /// What the FHIR server was asked for, and answered.
    pub fetched: Vec<Answer>,
}

/// Why a call cannot be kept.
#[derive(Debug, thiserror::Error)]
#[error("the request is not JSON")]
pub struct NotKept(#[from] serde_json::Error);

#[derive(Serialize, Deserialize)]
struct Written<'a> {
    #[serde(rename = "stepdown-capture")]
    version: u32,
    at: String,
    client: String,
    content: String,
    #[serde(borrow, serialize_with = "without_grant")]
    request: &'a RawValue,
    #[serde(borrow)]
    fetched: Vec<WrittenRead<'a>>,
}

#[derive(Serialize, Deserialize)]
struct WrittenRead<'a> {
    source: Option<String>,
    #[serde(borrow)]
    pages: Vec<&'a RawValue>,
    missing: Option<String>,
}

/// A kept call as it is read again.
pub struct KeptRead<'a> {
    /// When it was judged.
    pub at: Timestamp,
    /// Name of the client.
    pub client: String,
    /// The body, without its grant.
    pub request: &'a [u8],
    /// The answers of the FHIR server.
    pub answers: Vec<Answer>,
}

/// Writes the members of a request one by one, without its grant.
fn without_grant<S: Serializer>(request: &RawValue, out: S) -> Result<S::Ok, S::Error> {
    let mut members: BTreeMap<String, &RawValue> =
        serde_json::from_str(request.get()).map_err(S::Error::custom)?;
    members.remove(GRANT);
    members.serialize(out)
}

impl Envelope {
    /// Writes it as one JSON object.
    ///
    /// # Errors
    /// `NotKept` if the body, or a page of an answer, is no JSON.
    pub fn write(&self) -> Result<Vec<u8>, NotKept> {
        let written = Written {
            version: VERSION,
            at: self.at.to_string(),
            client: self.client.clone(),
            content: self.content.clone(),
            request: serde_json::from_slice(&self.body)?,
            fetched: self.fetched.iter().map(written).collect::<Result<_, _>>()?,
        };
        Ok(serde_json::to_vec(&written)?)
    }
}

fn written(answer: &Answer) -> Result<WrittenRead<'_>, serde_json::Error> {
    let pages = answer.fetched.pages.iter();
    Ok(WrittenRead {
        source: answer.source.map(|source| source.key().to_owned()),
        pages: pages
            .map(|page| serde_json::from_str(page))
            .collect::<Result<_, _>>()?,
        missing: answer.fetched.missing.map(|why| why.code().to_owned()),
    })
}

/// Whether these bytes are a kept call and not a plain request.
pub fn begins_with_mark(bytes: &[u8]) -> bool {
    let rest = bytes.trim_ascii_start().strip_prefix(b"{");
    let rest = rest.map(<[u8]>::trim_ascii_start);
    let name = rest.and_then(|rest| rest.strip_prefix(b"\""));
    name.is_some_and(|name| name.starts_with(MARK.as_bytes()))
}

impl<'a> KeptRead<'a> {
    /// Reads a kept call.
    ///
    /// # Errors
    /// The field that is wrong, and how.
    pub fn of(bytes: &'a [u8]) -> Result<Self, String> {
        let written: Written<'a> = serde_json::from_slice(bytes).map_err(|error| malformed(&error))?;
        if written.version != VERSION {
            return Err(format!(
                "{MARK} is of version {}; this program reads 1",
                written.version
            ));
        }
        let at = written.at.parse().map_err(|_| "at is no instant".to_owned())?;
        Ok(KeptRead {
            at,
            client: written.client,
            request: written.request.get().as_bytes(),
            answers: written.fetched.iter().map(answer).collect::<Result<_, _>>()?,
        })
    }
}

/// Where it goes wrong. What stands there may be a part of a chart, so it is not repeated.
fn malformed(error: &serde_json::Error) -> String {
    let (line, column) = (error.line(), error.column());
    format!("is no kept request of this program (line {line}, column {column})")
}

fn answer(read: &WrittenRead<'_>) -> Result<Answer, String> {
    let source = match &read.source {
        None => None,
        Some(name) => Some(source(name).ok_or("fetched.source is no source")?),
    };
    let missing = match &read.missing {
        None => None,
        Some(code) => Some(Why::of(code).ok_or("fetched.missing is no reason")?),
    };
    let pages = read.pages.iter().map(|page| page.get().to_owned());
    Ok(Answer {
        source,
        fetched: Fetched {
            pages: pages.collect(),
            missing,
        },
    })
}

fn source(name: &str) -> Option<Source> {
    SOURCES.into_iter().find(|source| source.key() == name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_grant_is_not_kept_and_all_else_comes_back() {
        let page = r#"{"resourceType":"Bundle","type":"searchset"}"#;
        let kept = Envelope {
            at: "2026-11-22T08:00:00.123456Z".parse().unwrap(),
            client: "hospital".to_owned(),
            content: "1".to_owned(),
            body: br#"{"hook":"x","fhirAuthorization":{"access_token":"canary"},"context":{"a":1}}"#.to_vec(),
            fetched: vec![Answer {
                source: Some(Source::Conditions),
                fetched: Fetched {
                    pages: vec![page.to_owned()],
                    missing: Some(Why::FetchFailed),
                },
            }],
        };
        let written = kept.write().unwrap();
        assert!(begins_with_mark(&written) && !begins_with_mark(b"{\"hook\": \"stepdown-capture\"}"));
        assert!(!String::from_utf8_lossy(&written).contains("canary"));
        let read = KeptRead::of(&written).unwrap();
        assert_eq!((read.at, read.client.as_str()), (kept.at, "hospital"));
        assert_eq!(read.request, br#"{"context":{"a":1},"hook":"x"}"#);
        assert_eq!(read.answers[0].fetched.pages, [page]);
        assert_eq!(read.answers[0].fetched.missing, Some(Why::FetchFailed));
        assert_eq!(read.answers[0].source, Some(Source::Conditions));
    }

    #[test]
    fn what_is_wrong_with_a_kept_call_is_named() {
        let with = |at: &str, fetched: &str| {
            format!(
                r#"{{"stepdown-capture":1,"at":"{at}","client":"a","content":"1","request":{{}},"fetched":[{fetched}]}}"#
            )
        };
        let good = "2026-11-22T08:00:00Z";
        for (text, expected) in [
            (with("yesterday", ""), "at is no instant"),
            (
                with(good, r#"{"source":"shoes","pages":[],"missing":null}"#),
                "fetched.source",
            ),
            (
                with(good, r#"{"source":null,"pages":[],"missing":"lost"}"#),
                "fetched.missing",
            ),
            (with(good, "").replace(":1,", ":2,"), "version 2"),
            (
                with(good, "").replace("\"client\":\"a\"", "\"client\":[\"canary\"]"),
                "(line 1, column",
            ),
        ] {
            let said = KeptRead::of(text.as_bytes()).err().unwrap();
            assert!(said.contains(expected) && !said.contains("canary"), "{said}");
        }
    }
}
