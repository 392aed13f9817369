//! The event stream format, read as it arrives.
//!
//! ```text
//!              bytes of a line                  line end                    blank line
//!   input ──────────────────────▶ carried line ──────────▶ fields of block ────────────▶ Item
//!      └───── whole line in the input ────────────────────▲
//! ```
//!
//! Source: [Interpreting an event
//! stream](https://html.spec.whatwg.org/multipage/server-sent-events.html#event-stream-interpretation).

mod block;
mod buffer;
mod carried;
mod dispatch;
mod owned;
#[cfg(test)]
mod tests;

use core::{mem, time::Duration};

use alloc::{string::String, vec::Vec};

use bytes::Bytes;

use crate::{
    Event, EventId, FieldError, Limit, Limits,
    item::Item,
    line::{self, Line},
    scan::LineEnds,
    utf8,
};
use block::{Block, Input, Value, keep, long_line};
use carried::Carried;
use dispatch::Sink;
use owned::OwnedSink;

const BOM: [u8; 3] = [0xEF, 0xBB, 0xBF];

/// Reads an event stream from chunks of any size, and hands out the items in it.
///
/// What is incomplete at the end of a chunk is kept until the rest arrives. Text that lies whole in a chunk is borrowed
/// from it, other text from the parser's own buffers, so in the steady state nothing is allocated.
///
/// ```
/// use sse_core::{Item, Parser};
///
/// let mut parser = Parser::new();
/// let mut seen = Vec::new();
/// for chunk in ["id: 7\ndata: hel", "lo\n", "\n"] {
///     parser.feed(chunk.as_bytes(), |item| {
///         if let Item::Event(event) = item {
///             seen.push((event.name().to_owned(), event.data().to_owned(), event.id().to_owned()));
///         }
///     });
/// }
/// assert_eq!(seen, [("message".into(), "hello".into(), "7".into())]);
/// ```
#[derive(Debug, Clone)]
pub struct Parser {
    limits: Limits,
    strict: bool,
    /// The number of bytes of a byte order mark that have been seen; its length once it is complete or can't come any
    /// more.
    bom: usize,
    /// The last byte was a CR, so an LF that follows belongs to the same line end.
    after_cr: bool,
    carried: Carried,
    /// The carried line, as far as it is kept: at most one byte more than its limit.
    line: Vec<u8>,
    /// The carried line's length so far, kept or not.
    line_len: usize,
    /// The fields of the unfinished block that `block` says are kept.
    data: Vec<u8>,
    name: Vec<u8>,
    id: Vec<u8>,
    block: Block,
    dropped: u64,
    last_event_id: String,
    retry: Option<Duration>,
}

impl Default for Parser {
    fn default() -> Self {
        Self::new()
    }
}

impl Parser {
    /// A parser at the start of a stream, with the default [`Limits`].
    #[must_use]
    pub fn new() -> Self {
        Self::with_limits(Limits::default())
    }

    /// A parser at the start of a stream, with `limits`.
    #[must_use]
    pub const fn with_limits(limits: Limits) -> Self {
        Self {
            limits,
            strict: false,
            bom: 0,
            after_cr: false,
            carried: Carried::Nothing,
            line: Vec::new(),
            line_len: 0,
            data: Vec::new(),
            name: Vec::new(),
            id: Vec::new(),
            block: Block::EMPTY,
            dropped: 0,
            last_event_id: String::new(),
            retry: None,
        }
    }

    /// Makes the parser strict: a block whose name, data or ID is not UTF-8 dispatches nothing and is reported as
    /// [`Item::NotUtf8`]. Otherwise invalid UTF-8 becomes U+FFFD, as the standard requires.
    #[must_use]
    pub const fn strict(mut self) -> Self {
        self.strict = true;
        self
    }

    /// Reads the next chunk of the stream, of any length, and calls `each` with every item that it completes. If `each`
    /// panics, call [`reconnect`](Self::reconnect) before the parser is used again.
    ///
    /// Source: [parsing](https://html.spec.whatwg.org/multipage/server-sent-events.html#parsing-an-event-stream) and
    /// [interpretation](https://html.spec.whatwg.org/multipage/server-sent-events.html#event-stream-interpretation).
    #[inline]
    pub fn feed<F>(&mut self, input: &[u8], mut each: F)
    where
        F: FnMut(Item<'_>),
    {
        self.read(input, &mut each);
    }

    /// Reads the next chunk of the stream, and calls `each` with every event that it completes, owned. Text that lies
    /// whole in the chunk shares it, so an event that is kept keeps the whole chunk: copy its text, as with
    /// `Text::from(&*text)`, to release it. Other items are left out; see [`retry`](Self::retry) and
    /// [`dropped`](Self::dropped).
    ///
    /// ```
    /// use bytes::Bytes;
    /// use sse_core::Parser;
    ///
    /// let mut events = Vec::new();
    /// Parser::new().feed_bytes(&Bytes::from_static(b"data: hello\n\n"), |event| events.push(event));
    /// assert_eq!(events[0].data().unwrap(), "hello");
    /// ```
    pub fn feed_bytes<F>(&mut self, input: &Bytes, each: F)
    where
        F: FnMut(Event),
    {
        self.read(input, &mut OwnedSink::new(input, each));
    }

    #[inline(always)]
    fn read(&mut self, input: &[u8], sink: &mut impl Sink) {
        let bytes = self.skip_start(input);
        let mut input = Input { bytes, text: None, id: None };
        let mut ends = LineEnds::new(bytes);
        let mut start = 0;
        if self.carried != Carried::Nothing {
            let Some(end) = ends.next() else { return self.carry(bytes) };
            self.carry(&bytes[..end]);
            self.end_carried(sink);
            start = after_line_end(bytes, end);
        }
        while let Some(end) = ends.next() {
            let Some(line) = bytes.get(start..end) else { continue }; // of a line end already passed
            let mut blank = line.is_empty();
            if !blank {
                self.line_of_input(&mut input, start, line, sink);
            }
            start = match bytes[end..] {
                [b'\n', b'\n', ..] if !blank => {
                    blank = true;
                    ends.pass();
                    end + 2
                }
                [b'\r', b'\n', ..] => end + 2,
                _ => end + 1,
            };
            if blank && self.block.begun {
                self.dispatch(&mut input, sink);
            }
        }
        if let Some(last) = bytes.last() {
            self.after_cr = *last == b'\r';
        }
        self.keep(&input);
        self.carry(&bytes[start..]);
    }

    /// Sets the last event ID, as if `id` had come with an earlier connection; an empty `id` means none. Limits do not
    /// apply to what the caller sets itself.
    ///
    /// # Errors
    ///
    /// [`FieldError`] if it holds CR, LF or NUL: no stream can have sent it, and it must not get into a request header.
    pub fn set_last_event_id(&mut self, id: &str) -> Result<(), FieldError> {
        EventId::check(id)?;
        self.last_event_id.clear();
        self.last_event_id.push_str(id);
        Ok(())
    }

    /// The last event ID: that of the most recent complete block that had one. Send it when reconnecting.
    #[must_use]
    pub fn last_event_id(&self) -> &str {
        &self.last_event_id
    }

    /// The reconnection time last set by the stream.
    #[must_use]
    pub const fn retry(&self) -> Option<Duration> {
        self.retry
    }

    /// The number of blocks dropped so far because they exceeded a limit or, if the parser is [strict](Self::strict),
    /// were not UTF-8.
    #[must_use]
    pub const fn dropped(&self) -> u64 {
        self.dropped
    }

    /// Begins a new stream. What is unfinished is discarded; the last event ID and the reconnection time stay.
    pub fn reconnect(&mut self) {
        self.bom = 0;
        self.after_cr = false;
        self.end_line();
        self.end_block();
    }

    /// Strips a byte order mark at the start of the stream, and the LF of a CRLF that was cut in two.
    #[inline]
    fn skip_start<'a>(&mut self, input: &'a [u8]) -> &'a [u8] {
        if self.bom < BOM.len() {
            return self.skip_bom(input);
        }
        if self.after_cr && !input.is_empty() {
            self.after_cr = false;
            return input.strip_prefix(b"\n").unwrap_or(input);
        }
        input
    }

    fn skip_bom<'a>(&mut self, mut input: &'a [u8]) -> &'a [u8] {
        while self.bom < BOM.len() {
            let Some(first) = input.first() else { return input };
            if *first == BOM[self.bom] {
                self.bom += 1;
                input = &input[1..];
            } else {
                // it is no mark: what was taken for one begins the first line
                let seen = mem::replace(&mut self.bom, BOM.len());
                self.carry(&BOM[..seen]);
            }
        }
        input
    }

    /// Reads a line that lies whole in the input and is not blank.
    #[inline(always)]
    fn line_of_input(&mut self, input: &mut Input<'_>, start: usize, line: &[u8], sink: &mut impl Sink) {
        if line.len() > self.limits.line {
            return long_line(&line[..=self.limits.line], &mut self.block);
        }
        let (kind, from) = line::read(line);
        let end = start + line.len();
        if kind == Line::Comment {
            return sink.item(Item::Comment(&input.text(start + from, end)));
        }
        let block = &mut self.block;
        let value = Value::Input { start: start + from, end };
        let len = line.len() - from;
        block.begun |= matches!(kind, Line::Data | Line::Name | Line::Id);
        match kind {
            Line::Data if block.data == Value::Absent => {
                block.data = value;
                if len > self.limits.event {
                    block.data = Value::Kept; // as an empty value
                    block.go_over(Limit::Event);
                }
            }
            Line::Data => self.next_data_line(input.bytes, &line[from..]),
            Line::Name if len > self.limits.name => block.go_over(Limit::Name),
            Line::Name => block.name = value,
            Line::Id if line[from..].contains(&0) => {}
            Line::Id if len > self.limits.id => block.go_over(Limit::Id),
            Line::Id => block.id = value,
            Line::Retry => self.set_retry(line::milliseconds(&line[from..]), sink),
            Line::Blank | Line::Comment | Line::Ignored => {}
        }
    }

    fn set_retry(&mut self, time: Option<Duration>, sink: &mut impl Sink) {
        if let Some(time) = time {
            self.retry = Some(time);
            sink.item(Item::Retry(time));
        }
    }

    /// Reads a data line after the first. They are joined in the parser's buffer.
    fn next_data_line(&mut self, input: &[u8], value: &[u8]) {
        let block = &mut self.block;
        if let Value::Input { start, end } = block.data {
            block.data = keep(&input[start..end], &mut self.data);
        }
        block.push_data_line(&mut self.data, value, self.limits.event);
    }

    /// Copies the unfinished block out of the input, for the next call.
    #[inline]
    fn keep(&mut self, input: &Input<'_>) {
        if let Some((start, end)) = input.id {
            self.commit(&input.bytes[start..end]);
        }
        if !self.block.begun {
            return;
        }
        let Block { data, name, id, .. } = &mut self.block;
        for (value, buffer) in [(data, &mut self.data), (name, &mut self.name), (id, &mut self.id)] {
            if let Value::Input { start, end } = *value {
                *value = keep(&input.bytes[start..end], buffer);
            }
        }
    }

    fn commit(&mut self, id: &[u8]) {
        self.last_event_id.clear();
        self.last_event_id.push_str(&utf8::lossy(id));
    }
}

/// Where the next line starts after the line end at `end`; a CRLF is one line end.
#[inline]
fn after_line_end(input: &[u8], end: usize) -> usize {
    if let Some([b'\r', b'\n', ..]) = input.get(end..) { end + 2 } else { end + 1 }
}
