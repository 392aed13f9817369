//! The event stream format, read as it arrives.
//!
//! ```text
//!              bytes of a line                  line end                    blank line
//!   input ──────────────────────▶ carried line ──────────▶ fields of block ────────────▶ Item
//!      └───── whole line in the input ────────────────────▲
//! ```
//!
//! Source: [Interpreting an event stream](https://html.spec.whatwg.org/multipage/server-sent-events.html#event-stream-interpretation).

use core::{mem, str, time::Duration};

use alloc::{borrow::Cow, string::String, vec::Vec};

use crate::{
    Limit, Limits,
    item::{EventRef, Item},
    line::Line,
    scan::LineEnds,
};

const BOM: [u8; 3] = [0xEF, 0xBB, 0xBF];

/// How a data line begins.
const DATA: &[u8] = b"data:";

/// A buffer that grew beyond this for one event is given back after it.
const KEPT_CAPACITY: usize = 64 << 10;

/// Reads an event stream from pieces of any size and hands out what is in it.
///
/// Input that ends in the middle of anything is kept; nothing is handed out before it is whole. Text is lent from the
/// input where it lies whole in it, else from the parser's own buffers, so in the steady state nothing is allocated.
///
/// ```
/// use sse_core::{Item, Parser};
///
/// let mut parser = Parser::new();
/// let mut seen = Vec::new();
/// for piece in ["id: 7\ndata: hel", "lo\n", "\n"] {
///     parser.feed(piece.as_bytes(), |item| {
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
    /// How many bytes of a byte order mark have been seen; all of them, or none to come: its length.
    bom: usize,
    /// The last byte was a CR, so an LF that follows belongs to the same line end.
    after_cr: bool,
    carried: Carried,
    /// What is kept of the carried line: at most one byte more than its limit.
    line: Vec<u8>,
    /// The carried line's length so far, kept or not.
    line_len: usize,
    /// The fields of the unfinished block, where `has` says so.
    data: Vec<u8>,
    name: Vec<u8>,
    id: Vec<u8>,
    has: Has,
    over: Option<Limit>,
    dropped: u64,
    last_event_id: String,
    retry: Option<Duration>,
}

/// An unfinished line, kept from one input to the next.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Carried {
    Nothing,
    /// In `line`.
    Line,
    /// The line is known to be data; its value goes straight to `data`. `over` is what held before it.
    Data {
        over: Option<Limit>,
    },
}

#[derive(Debug, Clone, Copy, Default)]
struct Has {
    data: bool,
    name: bool,
    id: bool,
}

/// A field's value during one call of `feed`.
#[derive(Clone, Copy)]
enum Value<'a> {
    Absent,
    Input(&'a [u8]),
    /// In the parser's buffer of that field.
    Kept,
}

/// The fields of a block during one call of `feed`.
struct Block<'a> {
    data: Value<'a>,
    name: Value<'a>,
    id: Value<'a>,
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

    /// A parser at the start of a stream, with limits of one's own.
    #[must_use]
    pub const fn with_limits(limits: Limits) -> Self {
        Self {
            limits,
            bom: 0,
            after_cr: false,
            carried: Carried::Nothing,
            line: Vec::new(),
            line_len: 0,
            data: Vec::new(),
            name: Vec::new(),
            id: Vec::new(),
            has: Has { data: false, name: false, id: false },
            over: None,
            dropped: 0,
            last_event_id: String::new(),
            retry: None,
        }
    }

    /// Reads the next piece of the stream, of any length, and calls `each` for whatever became whole.
    pub fn feed<F>(&mut self, input: &[u8], mut each: F)
    where
        F: FnMut(Item<'_>),
    {
        let input = self.skip_start(input);
        let mut block = Block::kept(self.has);
        let mut ends = LineEnds::new(input);
        let mut start = 0;
        if self.carried != Carried::Nothing {
            let Some(end) = ends.next() else { return self.carry(input) };
            self.carry(&input[..end]);
            self.end_carried(&mut block, &mut each);
            start = self.after_line_end(input, end);
        }
        for end in ends {
            if end < start {
                continue; // the LF of a CRLF
            }
            self.line_of_input(&input[start..end], &mut block, &mut each);
            start = self.after_line_end(input, end);
        }
        self.keep(&block);
        self.carry(&input[start..]);
    }

    /// Sets the last event ID, as if it had come with an earlier connection.
    pub fn set_last_event_id(&mut self, id: &str) {
        self.last_event_id.clear();
        self.last_event_id.push_str(id);
    }

    /// The last event ID: of the last block that was ended by a blank line and had one. Send it when reconnecting.
    #[must_use]
    pub fn last_event_id(&self) -> &str {
        &self.last_event_id
    }

    /// The reconnection time last set by the stream.
    #[must_use]
    pub const fn retry(&self) -> Option<Duration> {
        self.retry
    }

    /// How many blocks went over a limit and were dropped, in all.
    #[must_use]
    pub const fn dropped(&self) -> u64 {
        self.dropped
    }

    /// Begins a new stream: what was unfinished is discarded; last event ID and reconnection time stay.
    pub fn reconnect(&mut self) {
        self.bom = 0;
        self.after_cr = false;
        self.end_line();
        self.end_block();
    }

    /// Takes off a byte order mark at the start of the stream, and the LF of a CRLF that was cut.
    fn skip_start<'a>(&mut self, mut input: &'a [u8]) -> &'a [u8] {
        while self.bom < BOM.len() {
            let Some(first) = input.first() else { return input };
            if *first == BOM[self.bom] {
                self.bom += 1;
                input = &input[1..];
            } else {
                // no mark after all: what was taken for one begins the first line
                let seen = mem::replace(&mut self.bom, BOM.len());
                self.carry(&BOM[..seen]);
            }
        }
        if self.after_cr && !input.is_empty() {
            self.after_cr = false;
            return input.strip_prefix(b"\n").unwrap_or(input);
        }
        input
    }

    /// Where the next line starts, after the line end at `end`.
    fn after_line_end(&mut self, input: &[u8], end: usize) -> usize {
        if input[end] == b'\n' {
            return end + 1;
        }
        match input.get(end + 1) {
            Some(b'\n') => end + 2,
            Some(_) => end + 1,
            None => {
                self.after_cr = true;
                end + 1
            }
        }
    }

    /// A line that lies whole in the input.
    #[inline]
    fn line_of_input<'a>(
        &mut self,
        line: &'a [u8],
        block: &mut Block<'a>,
        each: &mut impl FnMut(Item<'_>),
    ) {
        if line.len() > self.limits.line {
            return self.long_line(&line[..=self.limits.line]);
        }
        match Line::read(line) {
            Line::Blank => self.dispatch(block, each),
            Line::Data(value) => {
                self.has.data = true;
                match block.data {
                    Value::Absent if value.len() <= self.limits.event => {
                        block.data = Value::Input(value);
                    }
                    Value::Absent => self.go_over(Limit::Event),
                    Value::Input(first) => {
                        self.data.clear();
                        self.data.extend_from_slice(first);
                        block.data = Value::Kept;
                        self.push_data_line(false, value);
                    }
                    Value::Kept => self.push_data_line(false, value),
                }
            }
            Line::Name(value) if value.len() > self.limits.name => self.go_over(Limit::Name),
            Line::Name(value) => block.name = Value::Input(value),
            Line::Id(value) if value.contains(&0) => {}
            Line::Id(value) if value.len() > self.limits.id => self.go_over(Limit::Id),
            Line::Id(value) => block.id = Value::Input(value),
            other => self.beside_block(other, each),
        }
    }

    /// The carried line has ended.
    fn end_carried(&mut self, block: &mut Block<'_>, each: &mut impl FnMut(Item<'_>)) {
        let line = mem::take(&mut self.line);
        if let Carried::Data { over } = self.carried {
            block.data = Value::Kept;
            if self.line_len > self.limits.line {
                self.over = over.or(Some(Limit::Line)); // as if the line had come whole
            }
        } else if self.line_len > self.limits.line {
            self.long_line(&line);
        } else {
            match Line::read(&line) {
                Line::Blank => self.dispatch(block, each),
                Line::Data(value) => {
                    let first = matches!(block.data, Value::Absent);
                    block.data = Value::Kept;
                    self.push_data_line(first, value);
                }
                Line::Name(value) if value.len() > self.limits.name => self.go_over(Limit::Name),
                Line::Name(value) => {
                    self.name.clear();
                    self.name.extend_from_slice(value);
                    block.name = Value::Kept;
                }
                Line::Id(value) if value.contains(&0) => {}
                Line::Id(value) if value.len() > self.limits.id => self.go_over(Limit::Id),
                Line::Id(value) => {
                    self.id.clear();
                    self.id.extend_from_slice(value);
                    block.id = Value::Kept;
                }
                other => self.beside_block(other, each),
            }
        }
        self.line = line;
        self.end_line();
    }

    /// A line that says nothing about the block it stands in.
    fn beside_block(&mut self, line: Line<'_>, each: &mut impl FnMut(Item<'_>)) {
        match line {
            Line::Retry(time) => {
                self.retry = Some(time);
                each(Item::Retry(time));
            }
            Line::Comment(bytes) => each(Item::Comment(&text(bytes))),
            _ => {}
        }
    }

    /// A line over its limit: of a field that makes the block incomplete, or of no consequence.
    fn long_line(&mut self, start: &[u8]) {
        match Line::read(start) {
            Line::Data(_) => {
                self.has.data = true;
                self.go_over(Limit::Line);
            }
            Line::Name(_) | Line::Id(_) => self.go_over(Limit::Line),
            _ => {}
        }
    }

    fn go_over(&mut self, limit: Limit) {
        self.over.get_or_insert(limit);
        self.data.clear();
    }

    fn push_data_line(&mut self, first: bool, value: &[u8]) {
        self.has.data = true;
        if !first {
            self.push_data(b"\n");
        }
        self.push_data(value);
    }

    fn push_data(&mut self, piece: &[u8]) {
        if self.over.is_some() {
            return;
        }
        if piece.len() > self.limits.event - self.data.len() {
            return self.go_over(Limit::Event);
        }
        self.data.extend_from_slice(piece);
    }

    /// Keeps what there is of the block for the next input.
    fn keep(&mut self, block: &Block<'_>) {
        self.has.data |= !matches!(block.data, Value::Absent);
        if let Value::Input(value) = block.data {
            self.data.clear();
            self.data.extend_from_slice(value);
        }
        self.has.name = keep_value(block.name, &mut self.name);
        self.has.id = keep_value(block.id, &mut self.id);
    }

    /// Keeps a piece of an unfinished line.
    fn carry(&mut self, piece: &[u8]) {
        if piece.is_empty() {
            return;
        }
        self.line_len = self.line_len.saturating_add(piece.len());
        if let Carried::Data { .. } = self.carried {
            if self.line_len > self.limits.line {
                return self.go_over(Limit::Line);
            }
            return self.push_data(piece);
        }
        self.carried = Carried::Line;
        let room = self.limits.line.saturating_add(1) - self.line.len();
        self.line.extend_from_slice(&piece[..piece.len().min(room)]);
        // One byte more than the colon: it says whether a space is to be taken off.
        if self.line.len() > DATA.len()
            && self.line.starts_with(DATA)
            && self.line_len <= self.limits.line
        {
            self.carried = Carried::Data { over: self.over };
            let line = mem::take(&mut self.line);
            if let Line::Data(value) = Line::read(&line) {
                let first = !self.has.data;
                if first {
                    self.data.clear();
                }
                self.push_data_line(first, value);
            }
            self.line = line;
            self.line.clear();
        }
    }

    fn end_line(&mut self) {
        self.carried = Carried::Nothing;
        self.line_len = 0;
        give_back(&mut self.line);
    }

    /// The blank line: commits the ID, and dispatches if there is data.
    fn dispatch(&mut self, block: &mut Block<'_>, each: &mut impl FnMut(Item<'_>)) {
        let id = block.id.bytes(&self.id);
        if let Some(id) = id {
            self.last_event_id.clear();
            self.last_event_id.push_str(&text(id));
        }
        if let Some(limit) = self.over {
            self.dropped += 1;
            each(Item::Dropped(limit));
        } else if let Some(data) = block.data.bytes(&self.data) {
            let name = block.name.bytes(&self.name).filter(|name| !name.is_empty());
            each(Item::Event(EventRef {
                name: &text(name.unwrap_or(b"message")),
                data: &text(data),
                id: &self.last_event_id,
            }));
        }
        *block = Block::kept(Has::default());
        self.end_block();
    }

    fn end_block(&mut self) {
        self.has = Has::default();
        self.over = None;
        give_back(&mut self.data);
        give_back(&mut self.name);
        give_back(&mut self.id);
    }
}

impl Block<'_> {
    const fn kept(has: Has) -> Self {
        const fn value<'a>(kept: bool) -> Value<'a> {
            if kept { Value::Kept } else { Value::Absent }
        }
        Self { data: value(has.data), name: value(has.name), id: value(has.id) }
    }
}

impl<'a> Value<'a> {
    fn bytes<'b>(self, kept: &'b [u8]) -> Option<&'b [u8]>
    where
        'a: 'b,
    {
        match self {
            Self::Absent => None,
            Self::Input(value) => Some(value),
            Self::Kept => Some(kept),
        }
    }
}

fn keep_value(value: Value<'_>, buffer: &mut Vec<u8>) -> bool {
    if let Value::Input(value) = value {
        buffer.clear();
        buffer.extend_from_slice(value);
    }
    !matches!(value, Value::Absent)
}

/// Invalid UTF-8 becomes U+FFFD, one for each maximal subpart.
#[inline]
fn text(bytes: &[u8]) -> Cow<'_, str> {
    // the whole check first: it is faster than the lossy one
    str::from_utf8(bytes).map_or_else(|_| String::from_utf8_lossy(bytes), Cow::Borrowed)
}

fn give_back(buffer: &mut Vec<u8>) {
    buffer.clear();
    if buffer.capacity() > KEPT_CAPACITY {
        buffer.shrink_to(KEPT_CAPACITY);
    }
}
