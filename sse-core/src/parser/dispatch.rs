//! What happens at a blank line.

use core::{mem, str};

use alloc::{borrow::Cow, vec::Vec};

use super::{
    Parser,
    block::{Block, Input, Value},
    buffer::give_back,
};
use crate::{
    Item,
    item::{BlockPart, EventRef, NotUtf8},
    utf8,
};

/// Receives the items that become complete.
pub(super) trait Sink {
    /// Receives any item but an event.
    fn item(&mut self, item: Item<'_>);

    /// Receives an event; `inherits` says that its ID is that of an earlier one.
    fn event(&mut self, event: EventRef<'_>, inherits: bool);

    /// Receives an event whose data is in the parser's buffer, to be read or taken over.
    fn kept(&mut self, name: &str, id: &str, data: &mut Vec<u8>, inherits: bool);
}

impl<F: FnMut(Item<'_>)> Sink for F {
    #[inline(always)]
    fn item(&mut self, item: Item<'_>) {
        self(item);
    }

    #[inline(always)]
    fn event(&mut self, event: EventRef<'_>, _: bool) {
        self(Item::Event(event));
    }

    #[inline(always)]
    fn kept(&mut self, name: &str, id: &str, data: &mut Vec<u8>, _: bool) {
        self(Item::Event(EventRef { name, id, data: &utf8::lossy(data) }));
    }
}

impl Parser {
    /// Ends the block: commits its ID, and dispatches an event if there is data.
    #[inline]
    pub(super) fn dispatch(&mut self, input: &mut Input<'_>, sink: &mut impl Sink) {
        let fault = if self.strict { self.fault(input.bytes) } else { None };
        let block = self.block;
        match block.id {
            Value::Absent => {}
            Value::Input { start, end } if input.is_text(start, end) => input.id = Some((start, end)),
            Value::Input { start, end } => {
                // decoded once, not again for each event that inherits it
                self.commit(&input.bytes[start..end]);
                input.id = None;
            }
            Value::Kept => {
                let id = mem::take(&mut self.id);
                self.commit(&id);
                self.id = id;
                input.id = None;
            }
        }
        if let Some(limit) = block.over {
            self.dropped += 1;
            sink.item(Item::Dropped(limit));
        } else if let Some(fault) = fault {
            self.dropped += 1;
            sink.item(Item::NotUtf8(fault));
        } else if block.data != Value::Absent {
            let id = match input.id {
                Some((start, end)) => input.text(start, end),
                None => Cow::Borrowed(self.last_event_id.as_str()),
            };
            let name = match block.name {
                Value::Absent => Cow::Borrowed(""),
                Value::Input { start, end } => input.text(start, end),
                Value::Kept => utf8::lossy(&self.name),
            };
            let name = if name.is_empty() { "message" } else { &name };
            let inherits = block.id == Value::Absent;
            match block.data {
                Value::Input { start, end } => {
                    let data = &input.text(start, end);
                    sink.event(EventRef { name, data, id: &id }, inherits);
                }
                _ => sink.kept(name, &id, &mut self.data, inherits),
            }
        }
        if block.data == Value::Kept {
            give_back(&mut self.data);
        }
        self.block = Block::EMPTY;
    }

    /// The first part of the block that is not UTF-8. If that is the ID, it is removed from the block.
    #[cold]
    pub(super) fn fault(&mut self, input: &[u8]) -> Option<NotUtf8> {
        let block = &mut self.block;
        let parts = [
            (BlockPart::Id, block.id, &self.id),
            (BlockPart::Name, block.name, &self.name),
            (BlockPart::Data, block.data, &self.data),
        ];
        let fault = parts.into_iter().find_map(|(part, value, kept)| {
            let bytes = match value {
                Value::Absent => return None,
                Value::Input { start, end } => &input[start..end],
                Value::Kept => kept,
            };
            let error = str::from_utf8(bytes).err()?;
            Some(NotUtf8 { part, valid_up_to: error.valid_up_to() })
        })?;
        if fault.part == BlockPart::Id {
            block.id = Value::Absent;
        }
        Some(fault)
    }

    pub(super) fn end_block(&mut self) {
        self.block = Block::EMPTY;
        give_back(&mut self.data);
    }
}
