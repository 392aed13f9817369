//! What an application holds.

use std::{
    fmt,
    pin::Pin,
    rc::Rc,
    task::{Context, Poll},
};

use futures_util::Stream;
use serde::de::DeserializeOwned;
use sse_core::EventId;

use crate::{
    Builder, ConnectError, DecodeError, Delivery, Message, Signals, State, connection::Connection, inbox::Inbox,
    reader::Reader,
};

/// A connection to an event stream, as a [`Stream`] of its events.
///
/// `T` is an externally tagged enum, whose variants are the events that are listened for, or [`Message`].
///
/// The stream ends once the browser has given up and what had arrived is read. Dropping it closes the connection and
/// removes every listener.
///
/// ```no_run
/// use futures_util::StreamExt;
/// use sse_wasm_client::{ConnectError, EventSource, Signal, State};
/// use wasm_bindgen_futures::spawn_local;
///
/// async fn follow() -> Result<(), ConnectError> {
///     let mut ticks = EventSource::untyped("/events?topic=clock").listen("tick").connect()?;
///
///     let mut signals = ticks.signals();
///     spawn_local(async move {
///         while let Some(signal) = signals.next().await {
///             match signal {
///                 Signal::State(state) => light_up(state == State::Open),
///                 Signal::Gap(_) => fetch_anew(),
///                 _ => {}
///             }
///         }
///     });
///
///     while let Some(Ok(tick)) = ticks.next().await {
///         show(&tick.value.data);
///     }
///     Ok(())
/// }
/// # fn light_up(_: bool) {}
/// # fn fetch_anew() {}
/// # fn show(_: &str) {}
/// ```
#[must_use = "a connection is closed when it is dropped"]
pub struct EventSource<T> {
    inbox: Rc<Inbox<T>>,
    connection: Connection,
}

impl<T: DeserializeOwned + 'static> EventSource<T> {
    /// Begins a connection for the events that the enum `T` describes.
    ///
    /// The URL may be relative to the page's.
    pub fn builder(url: impl Into<String>) -> Builder<T> {
        Builder::typed(url.into())
    }
}

impl EventSource<Message> {
    /// Begins a connection for events without a name (`message`), and those that [`Builder::listen`] adds.
    ///
    /// The URL may be relative to the page's.
    pub fn untyped(url: impl Into<String>) -> Builder<Message> {
        Builder::untyped(url.into())
    }
}

impl<T> EventSource<T> {
    /// What becomes of the connection, and what the hub says about the stream, beginning with the present state.
    ///
    /// Who asks before the first `.await` after connecting misses nothing.
    pub fn signals(&self) -> Signals {
        self.inbox.signals()
    }

    /// How the connection stands.
    #[must_use]
    pub fn state(&self) -> State {
        self.inbox.state()
    }

    /// The ID with which the browser would resume: that of the last event to arrive, or the one given at the start.
    ///
    /// What arrived may still wait in the queue. To resume after what has been dealt with, keep [`Delivery::id`].
    #[must_use]
    pub fn last_event_id(&self) -> EventId {
        self.inbox.last_event_id()
    }

    /// How many deliveries made room for later ones, because they were not taken in time.
    #[must_use]
    pub fn dropped(&self) -> u64 {
        self.inbox.dropped()
    }
}

impl<T: 'static> EventSource<T> {
    pub(crate) fn connect(
        url: &str,
        with_credentials: bool,
        reader: Reader<T>,
        queue: usize,
        last_event_id: EventId,
    ) -> Result<Self, ConnectError> {
        let names = reader.names().to_vec();
        let inbox = Rc::new(Inbox::new(reader, queue, last_event_id));
        let connection = Connection::open(url, with_credentials, &names, Rc::clone(&inbox))?;
        Ok(Self { inbox, connection })
    }
}

impl<T> Stream for EventSource<T> {
    type Item = Result<Delivery<T>, DecodeError>;

    fn poll_next(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        self.inbox.poll_delivery(context)
    }
}

impl<T> Drop for EventSource<T> {
    fn drop(&mut self) {
        self.inbox.end(); // for who still holds its signals
    }
}

impl<T> fmt::Debug for EventSource<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("EventSource")
            .field("connection", &self.connection)
            .field("state", &self.state())
            .field("last_event_id", &self.last_event_id())
            .finish_non_exhaustive()
    }
}
