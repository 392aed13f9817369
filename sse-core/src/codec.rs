//! Events over anything that reads and writes bytes, with `tokio_util`.

use std::io;

use bytes::BytesMut;
use tokio_util::codec::{Decoder, Encoder};

use crate::{Event, Parser, queue::EventQueue};

/// Reads and writes events, for `tokio_util`'s `Framed`, `FramedRead` and `FramedWrite`.
///
/// An event that is unfinished when the input ends is discarded, as the standard requires.
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
pub struct EventCodec(EventQueue);

impl EventCodec {
    /// A codec at the start of a stream.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// A codec that reads with `parser`, which may have limits, be strict, or begin with a last event ID.
    #[must_use]
    pub const fn with_parser(parser: Parser) -> Self {
        Self(EventQueue::new(parser))
    }

    /// The parser, which has the last event ID and the reconnection time.
    #[must_use]
    pub const fn parser(&self) -> &Parser {
        &self.0.parser
    }
}

impl Decoder for EventCodec {
    type Item = Event;
    type Error = io::Error;

    fn decode(&mut self, input: &mut BytesMut) -> io::Result<Option<Event>> {
        Ok(self.0.next(|most| (!input.is_empty()).then(|| input.split_to(most.min(input.len())).freeze())))
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
