//! Events from a stream of bytes.

use core::{
    pin::Pin,
    task::{Context, Poll, ready},
    time::Duration,
};

use bytes::Bytes;
use futures_core::Stream;
use pin_project_lite::pin_project;

use crate::{Event, FieldError, Parser, queue::EventQueue};

pin_project! {
    /// The events of a stream of bytes, such as the body of a response.
    ///
    /// An error of the source is passed on as an item, and the stream continues if the source does. An event that is
    /// unfinished when the source ends is discarded, as the standard requires. At most one chunk is held, and the
    /// events of 16 KiB of it. Text that lies whole in a chunk shares it, so an event that is kept keeps its chunk.
    ///
    /// ```
    /// use futures_util::{FutureExt, StreamExt, stream};
    /// use sse_core::EventStream;
    ///
    /// let body = stream::iter(["data: hel", "lo\n\n"].map(Ok::<_, std::io::Error>));
    /// let mut events = EventStream::new(body);
    /// let event = events.next().now_or_never().flatten().unwrap()?;
    /// assert_eq!(event.data().unwrap(), "hello");
    /// # Ok::<(), std::io::Error>(())
    /// ```
    #[derive(Debug)]
    pub struct EventStream<S> {
        #[pin]
        source: S,
        queue: EventQueue,
        unread: Bytes,
        ended: bool,
    }
}

impl<S> EventStream<S> {
    /// Reads events from `source`.
    pub fn new(source: S) -> Self {
        Self::with_parser(source, Parser::new())
    }

    /// Reads events from `source` with `parser`, which may have limits, be strict, or begin with a last event ID.
    pub const fn with_parser(source: S, parser: Parser) -> Self {
        Self { source, queue: EventQueue::new(parser), unread: Bytes::new(), ended: false }
    }

    /// Begins with the last event ID of an earlier connection.
    ///
    /// # Errors
    ///
    /// [`FieldError`] if it holds CR, LF or NUL: no stream can have sent it.
    pub fn set_last_event_id(&mut self, id: &str) -> Result<(), FieldError> {
        self.queue.parser.set_last_event_id(id)
    }

    /// The last event ID of what has been read from the source. It may be that of an event which has not been taken
    /// yet.
    #[must_use]
    pub fn last_event_id(&self) -> &str {
        self.queue.parser.last_event_id()
    }

    /// The reconnection time last set by the stream.
    #[must_use]
    pub const fn retry(&self) -> Option<Duration> {
        self.queue.parser.retry()
    }

    /// How many blocks were [dropped](Parser::dropped).
    #[must_use]
    pub const fn dropped(&self) -> u64 {
        self.queue.parser.dropped()
    }

    /// Returns the source. Events that have been read but not taken are lost.
    pub fn into_inner(self) -> S {
        self.source
    }
}

impl<S, B, E> Stream for EventStream<S>
where
    S: Stream<Item = Result<B, E>>,
    B: Into<Bytes>,
{
    type Item = Result<Event, E>;

    fn poll_next(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let mut this = self.project();
        loop {
            let unread = &mut *this.unread;
            let event = this.queue.next(|most| (!unread.is_empty()).then(|| unread.split_to(most.min(unread.len()))));
            if let Some(event) = event {
                return Poll::Ready(Some(Ok(event)));
            }
            if *this.ended {
                return Poll::Ready(None);
            }
            match ready!(this.source.as_mut().poll_next(cx)) {
                Some(Ok(chunk)) => *this.unread = chunk.into(),
                Some(Err(error)) => return Poll::Ready(Some(Err(error))),
                None => *this.ended = true,
            }
        }
    }
}
