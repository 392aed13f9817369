//! Events over anything that reads and writes bytes, with `tokio_util`.

use std::io;

use alloc::collections::VecDeque;

use bytes::BytesMut;
use tokio_util::codec::{Decoder, Encoder};

use crate::{Event, Limits, Parser};

/// Reads and writes events, for `tokio_util`'s `Framed`, `FramedRead` and `FramedWrite`.
///
/// What is unfinished when the input ends is discarded, as the standard has it.
///
/// ```
/// use bytes::BytesMut;
/// use sse_core::{Event, EventCodec};
/// use tokio_util::codec::{Decoder, Encoder};
///
/// let mut wire = BytesMut::new();
/// EventCodec::new().encode(Event::message("hello"), &mut wire)?;
/// let event = EventCodec::new().decode(&mut wire)?.unwrap();
/// assert_eq!(event.data().unwrap(), "hello");
/// # Ok::<(), std::io::Error>(())
/// ```
#[derive(Debug, Default)]
pub struct EventCodec {
    parser: Parser,
    ready: VecDeque<Event>,
}

impl EventCodec {
    /// A codec at the start of a stream.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// A codec that reads within limits of one's own.
    #[must_use]
    pub fn with_limits(limits: Limits) -> Self {
        Self { parser: Parser::with_limits(limits), ready: VecDeque::new() }
    }

    /// What it reads with: it knows the last event ID and the reconnection time.
    #[must_use]
    pub const fn parser(&self) -> &Parser {
        &self.parser
    }
}

impl Decoder for EventCodec {
    type Item = Event;
    type Error = io::Error;

    fn decode(&mut self, input: &mut BytesMut) -> io::Result<Option<Event>> {
        if !input.is_empty() {
            let piece = input.split().freeze();
            let Self { parser, ready } = self;
            parser.feed_bytes(&piece, |event| ready.push_back(event));
        }
        Ok(self.ready.pop_front())
    }
}

impl Encoder<Event> for EventCodec {
    type Error = io::Error;

    fn encode(&mut self, event: Event, wire: &mut BytesMut) -> io::Result<()> {
        self.encode(&event, wire)
    }
}

impl Encoder<&Event> for EventCodec {
    type Error = io::Error;

    fn encode(&mut self, event: &Event, wire: &mut BytesMut) -> io::Result<()> {
        wire.reserve(event.encoded_len());
        event.encode(wire);
        Ok(())
    }
}
