//! Idempotency keys in requests.

use http::HeaderMap;
use sse_core::hub::names::header::IDEMPOTENCY_KEY;

use crate::http::problem::Problem;

const MAX_BYTES: usize = 128;

/// The key in the header, which covers the whole request.
pub(super) fn of_request(headers: &HeaderMap) -> Result<Option<String>, Problem> {
    let mut keys = headers.get_all(IDEMPOTENCY_KEY).iter();
    match (keys.next(), keys.next()) {
        (None, _) => Ok(None),
        (Some(key), None) => check(&String::from_utf8_lossy(key.as_bytes()), "the header Idempotency-Key").map(Some),
        (Some(_), Some(_)) => Err(Problem::invalid("the header Idempotency-Key is given twice; give it once")),
    }
}

/// The key in the member of an event.
pub(super) fn of_event(key: &str) -> Result<String, Problem> {
    check(key, "the member `key`")
}

fn check(key: &str, what: &str) -> Result<String, Problem> {
    if (1..=MAX_BYTES).contains(&key.len()) && key.bytes().all(|byte| byte.is_ascii_graphic()) {
        return Ok(key.to_owned());
    }
    Err(Problem::invalid(format!("{what} is {key:?}; it takes 1 to {MAX_BYTES} visible ASCII characters")))
}
