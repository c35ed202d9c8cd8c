//! HTTP/1.1 as far as the benchmarks speak it, so that what they measure is not a client library.

/// The head of a POST with JSON; without a token, without the header.
pub fn head(path: &str, token: Option<&str>, length: usize) -> String {
    let authorization = token.map_or_else(String::new, |token| format!("Authorization: Bearer {token}\r\n"));
    format!(
        "POST {path} HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n{authorization}Content-Length: {length}\r\n\r\n"
    )
}

/// An answer that is there whole.
pub struct Answer<'a> {
    /// Its status.
    pub status: u16,
    /// Whether another request may follow on the connection.
    pub stays_open: bool,
    body: &'a [u8],
}

impl Answer<'_> {
    /// Whether it is served, and with a card.
    pub fn has_card(&self) -> bool {
        self.status == 200 && self.body.windows(9).any(|window| window == b"\"summary\"")
    }
}

/// The answer in what has come so far; `None` if it is not there whole yet.
pub fn answer(bytes: &[u8]) -> Option<Answer<'_>> {
    let end = bytes.windows(4).position(|window| window == b"\r\n\r\n")?;
    let head = std::str::from_utf8(&bytes[..end]).unwrap().to_ascii_lowercase();
    let header = |name: &str| {
        head.lines()
            .find_map(|line| line.strip_prefix(name))
            .map(str::trim)
    };
    let length: usize = header("content-length:").map_or(0, |length| length.parse().unwrap());
    let body = bytes.get(end + 4..end + 4 + length)?;
    let status = head.get(9..12).and_then(|status| status.parse().ok());
    Some(Answer {
        status: status.unwrap(),
        stays_open: header("connection:") != Some("close"),
        body,
    })
}
