//! Events out of a stream of bytes.

use core::{
    pin::Pin,
    task::{Context, Poll, ready},
    time::Duration,
};

use alloc::collections::VecDeque;

use bytes::Bytes;
use futures_core::Stream;
use pin_project_lite::pin_project;

use crate::{Event, FieldError, Limits, Parser};

pin_project! {
    /// The events of a stream of bytes, such as the body of a response.
    ///
    /// An error of the source is an item; the stream goes on after it if the source does. What is unfinished when the
    /// source ends is discarded, as the standard has it. At most the events of one piece are held.
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
        parser: Parser,
        ready: VecDeque<Event>,
        ended: bool,
    }
}

impl<S> EventStream<S> {
    /// Reads events from `source`.
    pub fn new(source: S) -> Self {
        Self::with_limits(source, Limits::default())
    }

    /// Reads events from `source` within limits of one's own.
    pub fn with_limits(source: S, limits: Limits) -> Self {
        Self { source, parser: Parser::with_limits(limits), ready: VecDeque::new(), ended: false }
    }

    /// Begins with the last event ID of an earlier connection.
    ///
    /// # Errors
    ///
    /// [`FieldError`] if it holds CR, LF or NUL: no stream can have sent it.
    pub fn set_last_event_id(&mut self, id: &str) -> Result<(), FieldError> {
        self.parser.set_last_event_id(id)
    }

    /// The last event ID of what was read from the source. Events that were not taken yet may be before it.
    #[must_use]
    pub fn last_event_id(&self) -> &str {
        self.parser.last_event_id()
    }

    /// The reconnection time last set by the stream.
    #[must_use]
    pub const fn retry(&self) -> Option<Duration> {
        self.parser.retry()
    }

    /// How many events went over a limit and were dropped.
    #[must_use]
    pub const fn dropped(&self) -> u64 {
        self.parser.dropped()
    }

    /// The source again.
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
            if let Some(event) = this.ready.pop_front() {
                return Poll::Ready(Some(Ok(event)));
            }
            if *this.ended {
                return Poll::Ready(None);
            }
            match ready!(this.source.as_mut().poll_next(cx)) {
                Some(Ok(piece)) => {
                    this.parser.feed_bytes(&piece.into(), |event| this.ready.push_back(event));
                }
                Some(Err(error)) => return Poll::Ready(Some(Err(error))),
                None => *this.ended = true,
            }
        }
    }
}
