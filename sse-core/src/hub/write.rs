//! Writing the hub's own events.

use alloc::string::String;
use core::time::Duration;

use bytes::BufMut;
use serde::Serialize;

use super::Position;
use crate::{Event, EventName};

/// Appends a block of the hub's own.
pub(super) fn encode(
    name: EventName,
    position: Option<Position>,
    retry: Option<Duration>,
    data: &impl Serialize,
    buf: &mut impl BufMut,
) {
    let mut event = Event::builder().name(name).data(to_json(data));
    if let Some(position) = position {
        event = event.id(position.id());
    }
    if let Some(retry) = retry {
        event = event.retry(retry);
    }
    event.build().encode(buf);
}

/// The JSON of a struct of texts and numbers.
pub(super) fn to_json(value: &impl Serialize) -> String {
    serde_json::to_string(value).expect("texts and numbers can be written as JSON")
}

/// The longest beginning of `text` that has at most `max` bytes and ends between two characters.
pub(super) fn prefix(text: &str, max: usize) -> &str {
    let mut end = max.min(text.len());
    while !text.is_char_boundary(end) {
        end -= 1; // 0 is a boundary
    }
    &text[..end]
}
