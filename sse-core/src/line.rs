//! What one line says.

use core::time::Duration;

/// One line of an event stream, without its end.
///
/// Source: [processing a field](https://html.spec.whatwg.org/multipage/server-sent-events.html#processField).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Line<'a> {
    Blank,
    Comment(&'a [u8]),
    Data(&'a [u8]),
    Name(&'a [u8]),
    Id(&'a [u8]),
    Retry(Duration),
    /// A field that the standard does not know, or a `retry` that is not a number.
    Ignored,
}

impl<'a> Line<'a> {
    #[inline]
    pub(crate) fn read(line: &'a [u8]) -> Self {
        match line {
            [] => Self::Blank,
            [b':', text @ ..] => Self::Comment(without_space(text)),
            [b'd', b'a', b't', b'a', rest @ ..] => value(rest).map_or(Self::Ignored, Self::Data),
            [b'i', b'd', rest @ ..] => value(rest).map_or(Self::Ignored, Self::Id),
            [b'e', b'v', b'e', b'n', b't', rest @ ..] => {
                value(rest).map_or(Self::Ignored, Self::Name)
            }
            [b'r', b'e', b't', b'r', b'y', rest @ ..] => {
                value(rest).and_then(milliseconds).map_or(Self::Ignored, Self::Retry)
            }
            _ => Self::Ignored,
        }
    }
}

/// The value after a field's name: empty without a colon; `None` if the name goes on.
#[inline]
fn value(rest: &[u8]) -> Option<&[u8]> {
    match rest {
        [] => Some(rest),
        [b':', value @ ..] => Some(without_space(value)),
        _ => None,
    }
}

#[inline]
fn without_space(value: &[u8]) -> &[u8] {
    value.strip_prefix(b" ").unwrap_or(value)
}

/// ASCII digits only; a number too large for 64 bits is the largest.
fn milliseconds(value: &[u8]) -> Option<Duration> {
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
