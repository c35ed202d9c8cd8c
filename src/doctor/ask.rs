//! Asking a server, and what every answer tells besides its body: the clock, the certificate.
//!
//! Turns an address into an [`Answer`] or into the reason why there is none. It follows no redirect, uses no
//! proxy, sends no token, and reads at most 4 MiB.

use super::Findings;
use crate::clock::Clock;
use crate::config::ClientTls;
use crate::trust::LEEWAY;
use jiff::fmt::rfc2822;
use reqwest::header::{ACCEPT, DATE, HeaderMap, LOCATION};
use reqwest::tls::TlsInfo;
use reqwest::{Client, ClientBuilder, Method, RequestBuilder};
use std::error::Error;
use std::time::Duration;
use url::Url;
use x509_parser::prelude::{FromDer, X509Certificate};

/// Time for one question.
const WITHIN: Duration = Duration::from_secs(5);
/// Largest body that is read: capability statements are long.
const LARGEST: usize = 4 * 1024 * 1024;
/// Days before its end from which a certificate should be renewed.
const SOON: i64 = 21;
/// A difference of clocks, in seconds, that is worth a look.
const SKEWED: i64 = 10;
/// Longest text from elsewhere that is shown.
const SHOWN: usize = 160;

/// Asks servers.
pub(super) struct Asker(Client);

/// What a server answered.
pub(super) struct Answer {
    pub(super) status: u16,
    pub(super) headers: HeaderMap,
    pub(super) body: Vec<u8>,
    /// How many seconds its clock is ahead of ours, where it says.
    ahead: Option<i64>,
    /// Days until its certificate ends, where there is one.
    days: Option<i64>,
}

impl Asker {
    pub(super) fn new(tls: Option<&ClientTls>) -> reqwest::Result<Self> {
        let builder: ClientBuilder = Client::builder()
            .redirect(reqwest::redirect::Policy::none())
            .no_proxy()
            .timeout(WITHIN)
            .tls_info(true)
            .user_agent(concat!("stepdown-doctor/", env!("CARGO_PKG_VERSION")));
        match tls {
            Some(tls) => tls.applied(builder).build().map(Self),
            None => builder.build().map(Self),
        }
    }

    /// Reads an address.
    pub(super) async fn get(&self, address: &Url, accept: &str) -> Result<Answer, String> {
        self.send(self.0.get(address.clone()).header(ACCEPT, accept))
            .await
    }

    /// Asks as a browser does before it lets a page of another origin call.
    pub(super) async fn preflight(&self, address: &Url, origin: &str) -> Result<Answer, String> {
        let request = self.0.request(Method::OPTIONS, address.clone());
        let request = request
            .header("origin", origin)
            .header("access-control-request-method", "POST")
            .header("access-control-request-headers", "authorization,content-type");
        self.send(request).await
    }

    async fn send(&self, request: RequestBuilder) -> Result<Answer, String> {
        let mut response = request.send().await.map_err(reason)?;
        let now = Clock::Real.now().as_second();
        let info = response.extensions().get::<TlsInfo>();
        let days = info.and_then(TlsInfo::peer_certificate).and_then(days_left);
        let (status, headers) = (response.status().as_u16(), response.headers().clone());
        let mut body = Vec::new();
        while let Some(chunk) = response.chunk().await.map_err(reason)? {
            if body.len() + chunk.len() > LARGEST {
                return Err("the answer is larger than 4 MiB".to_owned());
            }
            body.extend_from_slice(&chunk);
        }
        Ok(Answer {
            status,
            ahead: date(&headers).map(|theirs| theirs - now),
            headers,
            body,
            days,
        })
    }
}

impl Answer {
    /// What a status other than the expected one says, in words.
    pub(super) fn told(&self) -> String {
        match (self.status, self.headers.get(LOCATION)) {
            (status @ 300..=399, Some(_)) => format!("status {status}, a redirect, which is never followed"),
            (status, _) => format!("status {status}"),
        }
    }

    /// Judges the clock of the server: tokens and assertions are valid for minutes.
    pub(super) fn judge_clock(&self, findings: &mut Findings<'_>) {
        let most = LEEWAY.as_secs();
        let remedy = "let both machines keep their time by NTP.";
        match self.ahead {
            None => findings.warning(
                "clock",
                "the server sends no Date: its clock was not compared.",
                remedy,
            ),
            Some(ahead) if ahead.abs() > most => {
                let says = format!(
                    "the server's clock is {ahead:+} s from ours; tokens are refused beyond {most} s."
                );
                findings.problem("clock", says, remedy);
            }
            Some(ahead) if ahead.abs() > SKEWED => {
                findings.warning(
                    "clock",
                    format!("the server's clock is {ahead:+} s from ours."),
                    remedy,
                );
            }
            Some(ahead) => findings.ok("clock", format!("the server's clock is {ahead:+} s from ours.")),
        }
    }

    /// Judges how long the certificate of the server is valid.
    pub(super) fn judge_certificate(&self, check: &'static str, findings: &mut Findings<'_>) {
        if let Some(days) = self.days {
            judge_days(check, days, findings);
        }
    }
}

/// Judges the days that a certificate has left.
pub(super) fn judge_days(check: &'static str, days: i64, findings: &mut Findings<'_>) {
    let says = format!("the certificate is valid for {days} more days.");
    if days < SOON {
        findings.warning(
            check,
            says,
            "renew it; `POST /reload` or SIGHUP takes ours into use.",
        );
    } else {
        findings.ok(check, says);
    }
}

/// Days until a certificate (DER) ends.
pub(super) fn days_left(certificate: &[u8]) -> Option<i64> {
    let (_, read) = X509Certificate::from_der(certificate).ok()?;
    let left = read.validity().not_after.timestamp() - Clock::Real.now().as_second();
    Some(left.div_euclid(86_400))
}

fn date(headers: &HeaderMap) -> Option<i64> {
    let text = headers.get(DATE)?.to_str().ok()?;
    let parsed = rfc2822::DateTimeParser::new().parse_timestamp(text).ok()?;
    Some(parsed.as_second())
}

/// Why there was no answer, down to the cause; without the address.
fn reason(error: reqwest::Error) -> String {
    if error.is_timeout() {
        return format!("no answer within {} s", WITHIN.as_secs());
    }
    let error = error.without_url();
    let mut cause: &dyn Error = &error;
    while let Some(deeper) = cause.source() {
        cause = deeper;
    }
    shown(&cause.to_string())
}

/// An address without its query, which may hold a key.
pub(super) fn place(url: &Url) -> String {
    let mut url = url.clone();
    url.set_query(None);
    url.set_fragment(None);
    url.to_string()
}

/// Text from elsewhere for a terminal: printable, and short.
pub(super) fn shown(text: &str) -> String {
    let plain = text.chars().map(|c| if c.is_control() { ' ' } else { c });
    let mut cut: String = plain.take(SHOWN + 1).collect();
    if cut.chars().count() > SHOWN {
        cut = cut.chars().take(SHOWN).chain(['…']).collect();
    }
    cut
}
