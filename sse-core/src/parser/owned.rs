//! Events to keep.

use core::mem;

use alloc::{borrow::Cow, vec::Vec};
use bytes::Bytes;

use super::{KEPT_CAPACITY, dispatch::Sink};
use crate::{Event, EventId, EventName, Item, Text, utf8};

/// Data from this size on takes the buffer with it instead of a copy, if that is not much larger.
const TAKEN_FROM: usize = 4096;

/// Makes events whose text shares one input where it lies in it.
pub(super) struct Owner<'a, F> {
    input: &'a Bytes,
    /// The last event ID that was copied: events inherit it, and share the copy.
    id: Text,
    each: F,
}

impl<F: FnMut(Event)> Sink for Owner<'_, F> {
    #[inline(always)]
    fn item(&mut self, item: Item<'_>) {
        if let Item::Event(event) = item {
            let data = Text::within(self.input, event.data);
            self.event(event.name, event.id, data);
        }
    }

    #[inline(never)]
    fn kept(&mut self, name: &str, id: &str, data: &mut Vec<u8>) {
        self.event(name, id, text(data));
    }
}

impl<'a, F: FnMut(Event)> Owner<'a, F> {
    pub(super) const fn new(input: &'a Bytes, each: F) -> Self {
        Self { input, id: Text::from_static(""), each }
    }

    fn id(&mut self, id: &str) -> Text {
        if self.id != id {
            match Text::shared(self.input, id) {
                Some(id) => return id,
                None => self.id = Text::from(id),
            }
        }
        self.id.clone()
    }

    #[inline(always)]
    fn event(&mut self, name: &str, id: &str, data: Text) {
        // A name without CR and LF and an ID without NUL are what the parser gives, so they are not checked again.
        let event = Event {
            comment: None,
            name: (name != "message").then(|| EventName::trusted(Text::within(self.input, name))),
            id: (!id.is_empty()).then(|| EventId::trusted(self.id(id))),
            retry: None,
            data: Some(data),
        };
        (self.each)(event);
    }
}

/// The text of a buffer that is then free to be cleared.
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
