//! What one line says.

use core::time::Duration;

/// What a line of an event stream is, by its field's name.
///
/// Source: [interpreting a
/// line](https://html.spec.whatwg.org/multipage/server-sent-events.html#event-stream-interpretation).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Line {
    Blank,
    Comment,
    Data,
    Name,
    Id,
    Retry,
    /// A field that the standard does not know.
    Ignored,
}

/// Reads a line without its end: what kind it is, and where its value begins. One space after the colon does not belong
/// to the value.
#[inline(always)]
pub(crate) fn read(line: &[u8]) -> (Line, usize) {
    let (kind, name) = match line {
        [] => return (Line::Blank, 0),
        [b':', ..] => (Line::Comment, 0),
        [b'd', b'a', b't', b'a', ..] => (Line::Data, 4),
        [b'i', b'd', ..] => (Line::Id, 2),
        [b'e', b'v', b'e', b'n', b't', ..] => (Line::Name, 5),
        [b'r', b'e', b't', b'r', b'y', ..] => (Line::Retry, 5),
        _ => return (Line::Ignored, 0),
    };
    match line[name..] {
        [] => (kind, name),
        [b':', b' ', ..] => (kind, name + 2),
        [b':', ..] => (kind, name + 1),
        _ => (Line::Ignored, 0),
    }
}

/// The reconnection time that a `retry` field sets, which must be ASCII digits only. A number of milliseconds that does
/// not fit in 64 bits becomes the largest one.
pub(crate) fn milliseconds(value: &[u8]) -> Option<Duration> {
    if value.is_empty() {
        return None;
    }
    let mut number = 0_u64;
    for byte in value {
        if !byte.is_ascii_digit() {
            return None;
        }
        number = number.saturating_mul(10).saturating_add(u64::from(byte - b'0'));
    }
    Some(Duration::from_millis(number))
}
