//! How a target's input is read: in parts, between bytes that UTF-8 does not have. So an input can be read by eye, and
//! the fuzzer cuts a stream by putting in one byte.
#![allow(dead_code, reason = "each target uses its part")]

use std::time::Duration;

use sse_core::Limits;

pub fn parts(input: &[u8]) -> impl Iterator<Item = &[u8]> {
    input.split(|byte| *byte == 0xFF)
}

pub fn text(part: &[u8]) -> String {
    String::from_utf8_lossy(part).into_owned()
}

/// A byte for each limit: line, event, ID, name. Those that are not there are out of the way.
pub fn limits(part: &[u8]) -> Limits {
    let limit = |at: usize| part.get(at).map_or(1 << 20, |byte| usize::from(*byte));
    let mut limits = Limits::new(limit(0), limit(1));
    (limits.id, limits.name) = (limit(2), limit(3));
    limits
}

/// The number that a text begins with.
pub fn number(text: &str) -> u64 {
    let digits = text.bytes().take_while(u8::is_ascii_digit);
    digits.fold(0, |number: u64, digit| number.saturating_mul(10).saturating_add(u64::from(digit - b'0')))
}

/// Microseconds, or the longest time there is.
pub fn time(text: &str) -> Duration {
    match number(text) {
        u64::MAX => Duration::MAX,
        micros => Duration::from_micros(micros),
    }
}
