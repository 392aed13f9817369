//! Makes owned events.

use core::mem;

use alloc::{borrow::Cow, vec::Vec};
use bytes::Bytes;

use super::{buffer::KEPT_CAPACITY, dispatch::Sink};
use crate::{Event, EventId, EventName, EventRef, Item, Text, utf8};

/// Data of at least this size takes over the buffer instead of being copied, unless the buffer is much larger.
const TAKEN_FROM: usize = 4096;

/// Makes events whose text shares `input` where it lies within it.
pub(super) struct OwnedSink<'a, F> {
    input: &'a Bytes,
    /// A copy of the last event ID, for the events that inherit it.
    inherited: Option<Text>,
    each: F,
}

impl<F: FnMut(Event)> Sink for OwnedSink<'_, F> {
    #[inline(always)]
    fn item(&mut self, _: Item<'_>) {}

    #[inline(always)]
    fn event(&mut self, event: EventRef<'_>, inherits: bool) {
        let data = Text::within(self.input, event.data);
        self.give(event.name, event.id, data, inherits);
    }

    #[inline(never)]
    fn kept(&mut self, name: &str, id: &str, data: &mut Vec<u8>, inherits: bool) {
        self.give(name, id, text(data), inherits);
    }
}

impl<'a, F: FnMut(Event)> OwnedSink<'a, F> {
    pub(super) const fn new(input: &'a Bytes, each: F) -> Self {
        Self { input, inherited: None, each }
    }

    #[inline(always)]
    fn give(&mut self, name: &str, id: &str, data: Text, inherits: bool) {
        // the parser gives no name with CR or LF and no ID with NUL, so neither is checked again
        let event = Event {
            comment: None,
            name: (name != "message").then(|| EventName::trusted(Text::within(self.input, name))),
            id: (!id.is_empty()).then(|| EventId::trusted(self.id(id, inherits))),
            retry: None,
            data: Some(data),
        };
        (self.each)(event);
    }

    fn id(&mut self, id: &str, inherits: bool) -> Text {
        match &self.inherited {
            Some(inherited) if inherits && inherited == id => inherited.clone(),
            _ if inherits => self.inherited.insert(Text::within(self.input, id)).clone(),
            _ => Text::within(self.input, id),
        }
    }
}

/// The text of `buffer`, which the caller may then clear.
fn text(buffer: &mut Vec<u8>) -> Text {
    match utf8::lossy(buffer) {
        Cow::Owned(text) => Text::from(text),
        Cow::Borrowed(text) if text.len() < TAKEN_FROM.max(buffer.capacity() / 2) => Text::from(text),
        Cow::Borrowed(_) => {
            let next = Vec::with_capacity(buffer.len().min(KEPT_CAPACITY));
            Text::trusted(Bytes::from(mem::replace(buffer, next)))
        }
    }
}
