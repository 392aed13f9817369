//! The block that is being read.

use alloc::{borrow::Cow, vec::Vec};

use crate::{
    Limit,
    line::{self, Line},
    utf8,
};

/// The number of bytes that are copied at once.
const COPIED_AT_ONCE: usize = 4096;

/// Where a field's value is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Value {
    Absent,
    /// In the current input; never between two calls.
    Input {
        start: usize,
        end: usize,
    },
    /// In the parser's buffer of that field.
    Kept,
}

/// The fields of the block so far.
#[derive(Debug, Clone, Copy)]
pub(super) struct Block {
    /// Whether a field was set or a limit exceeded, so that there is something to do at the blank line.
    pub(super) begun: bool,
    pub(super) data: Value,
    pub(super) name: Value,
    pub(super) id: Value,
    /// The limit that the block exceeded first; its data is incomplete then.
    pub(super) over: Option<Limit>,
}

impl Block {
    pub(super) const EMPTY: Self =
        Self { begun: false, data: Value::Absent, name: Value::Absent, id: Value::Absent, over: None };

    pub(super) fn go_over(&mut self, limit: Limit) {
        self.begun = true;
        self.over.get_or_insert(limit);
    }

    /// Begins a data line in `buffer`, which holds the ones before it.
    #[inline]
    pub(super) fn push_data_line(&mut self, buffer: &mut Vec<u8>, value: &[u8], limit: usize) {
        if self.data == Value::Absent {
            buffer.clear();
        } else {
            self.push_data(buffer, b"\n", limit);
        }
        self.data = Value::Kept;
        self.begun = true;
        self.push_data(buffer, value, limit);
    }

    #[inline]
    pub(super) fn push_data(&mut self, buffer: &mut Vec<u8>, chunk: &[u8], limit: usize) {
        if self.over.is_some() {
            return;
        }
        if chunk.len() > limit - buffer.len() {
            buffer.clear();
            return self.go_over(Limit::Event);
        }
        if chunk.len() <= COPIED_AT_ONCE {
            return buffer.extend_from_slice(chunk);
        }
        // in parts: for a large copy the C library may choose `rep movsb`, which is several times slower than its loop
        // when source and target are aligned differently, as here
        buffer.reserve(chunk.len());
        chunk.chunks(COPIED_AT_ONCE).for_each(|part| buffer.extend_from_slice(part));
    }
}

/// The input of one call.
pub(super) struct Input<'a> {
    pub(super) bytes: &'a [u8],
    /// The longest prefix of it that is UTF-8, once it has been needed.
    pub(super) text: Option<&'a str>,
    /// Where the last event ID lies, if it was committed in this input and has not been copied yet.
    pub(super) id: Option<(usize, usize)>,
}

impl<'a> Input<'a> {
    #[inline(always)]
    pub(super) fn text(&mut self, start: usize, end: usize) -> Cow<'a, str> {
        let text = match self.text {
            Some(text) => text,
            None => self.read(),
        };
        match text.get(start..end) {
            Some(text) => Cow::Borrowed(text),
            None => utf8::lossy(&self.bytes[start..end]),
        }
    }

    /// Returns true if the bytes from `start` to `end` lie in the prefix that is UTF-8, on character boundaries.
    #[inline(always)]
    pub(super) fn is_text(&mut self, start: usize, end: usize) -> bool {
        let text = match self.text {
            Some(text) => text,
            None => self.read(),
        };
        text.get(start..end).is_some()
    }

    #[cold]
    fn read(&mut self) -> &'a str {
        self.text.insert(utf8::prefix(self.bytes))
    }
}

/// Handles a line over its limit, of which `start` is the beginning. If it is a field of the event, the block is
/// dropped; otherwise the line has no effect.
pub(super) fn long_line(start: &[u8], block: &mut Block) {
    match line::read(start).0 {
        Line::Data => {
            block.data = Value::Kept;
            block.go_over(Limit::Line);
        }
        Line::Name | Line::Id => block.go_over(Limit::Line),
        _ => {}
    }
}

/// Copies `value` into `buffer`, in place of what it held.
pub(super) fn keep(value: &[u8], buffer: &mut Vec<u8>) -> Value {
    buffer.clear();
    buffer.extend_from_slice(value);
    Value::Kept
}
