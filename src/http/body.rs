//! The body of a request within its limits.
//!
//! Reads a JSON body whole, or refuses it: 413 beyond the limit, 408 if it dribbles in, 415 for another
//! media type or any content coding (a compressed body could hide a larger one).

use super::error::Refused;
use actix_web::http::Method;
use actix_web::http::header::{CONTENT_ENCODING, CONTENT_LENGTH};
use actix_web::{HttpMessage, HttpRequest, web};
use futures_util::StreamExt;
use std::cell::Cell;
use std::ops::Deref;
use std::time::Duration;
use tokio::time::timeout;

/// A body that was read whole.
///
/// Its memory is kept for the next one of this worker: an allocator that gets back and gives out a hundred kilobytes
/// for each call tidies up all of its small pieces as often.
pub(super) struct Body(Vec<u8>);

thread_local! {
    static SPARE: Cell<Vec<u8>> = const { Cell::new(Vec::new()) };
}

/// More memory than this is given back; few bodies are as long.
const MOST_KEPT: usize = 1 << 20;

impl Body {
    fn of(expected: usize) -> Self {
        let mut bytes = SPARE.take();
        bytes.reserve(expected);
        Body(bytes)
    }
}

impl Deref for Body {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        &self.0
    }
}

impl Drop for Body {
    fn drop(&mut self) {
        let mut bytes = std::mem::take(&mut self.0);
        if bytes.capacity() <= MOST_KEPT {
            bytes.clear();
            // Without it, when the worker ends, there is nothing to keep.
            let _ = SPARE.try_with(|spare| spare.set(bytes));
        }
    }
}

/// Reads the body, up to so many bytes and within that time.
pub(super) async fn read(
    request: &HttpRequest,
    payload: &mut web::Payload,
    (limit, within): (usize, Duration),
) -> Result<Body, Refused> {
    let announced = request
        .headers()
        .get(CONTENT_LENGTH)
        .and_then(|l| l.to_str().ok()?.parse::<usize>().ok());
    if announced.is_some_and(|length| length > limit) {
        return Err(Refused::TooLarge);
    }
    let whole = collect(payload, announced.unwrap_or_default(), limit);
    let body = timeout(within, whole).await.map_err(|_| Refused::Slow)??;
    // A call without a body, such as a GET, has no media type to be wrong.
    if request.method() == Method::POST || !body.is_empty() {
        check_media_type(request)?;
    }
    Ok(body)
}

async fn collect(payload: &mut web::Payload, expected: usize, limit: usize) -> Result<Body, Refused> {
    let mut body = Body::of(expected);
    let bytes = &mut body.0;
    while let Some(chunk) = payload.next().await {
        let chunk = chunk.map_err(|_| Refused::bad("body", "could not be read to its end"))?;
        if bytes.len() + chunk.len() > limit {
            return Err(Refused::TooLarge);
        }
        bytes.extend_from_slice(&chunk);
    }
    Ok(body)
}

fn check_media_type(request: &HttpRequest) -> Result<(), Refused> {
    if request.headers().contains_key(CONTENT_ENCODING) {
        return Err(Refused::MediaType(
            "Content-Encoding is not supported; send plain JSON",
        ));
    }
    let kind = request.content_type().to_ascii_lowercase();
    let is_json = kind == "application/json" || kind.starts_with("application/") && kind.ends_with("+json");
    if is_json {
        Ok(())
    } else {
        Err(Refused::MediaType("Content-Type must be application/json"))
    }
}
