//! The application's handles of a connection.

use std::{
    fmt,
    pin::Pin,
    rc::Rc,
    task::{Context, Poll},
};

use futures_util::Stream;
use sse_core::EventId;

use crate::{
    DecodeError, Delivery, Signals, State, States, clock,
    driver::Driver,
    signal::QUEUE,
    sink::{Deliveries, DeliveryResult, Sink},
};

/// A connection to an event stream, as a [`Stream`] of its events.
///
/// `T` is an externally tagged enum, whose variants are the events to listen for, or [`Message`](crate::Message).
///
/// The stream outlasts single connections. It ends once the state is [`State::Closed`] and everything that had arrived
/// is read. Dropping it closes the connection, and removes all listeners and timers.
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
    driver: Rc<Driver>,
    deliveries: Rc<Deliveries<T>>,
    queue: usize,
}

impl<T> EventSource<T> {
    /// The states of the connection and what the hub says about the stream, beginning with the present state.
    ///
    /// If it is called before the first `.await` after connecting, no signal is missed.
    pub fn signals(&self) -> Signals {
        self.signals_up_to(QUEUE)
    }

    /// The same for a reader for whom up to `capacity` signals wait.
    pub fn signals_up_to(&self, capacity: usize) -> Signals {
        self.driver.dispatcher().signals(capacity)
    }

    /// The states alone of [`signals`](Self::signals), beginning with the present one.
    pub fn states(&self) -> States {
        States(self.signals())
    }

    /// The present state of the connection.
    #[must_use]
    pub fn state(&self) -> State {
        self.driver.dispatcher().state()
    }

    /// The ID with which the client would resume: that of the last event that arrived, or the one given at the start.
    ///
    /// That event may still wait in the queue. To resume after what has been processed, store [`Delivery::id`].
    #[must_use]
    pub fn last_event_id(&self) -> EventId {
        self.driver.dispatcher().last_event_id()
    }

    /// How many deliveries were dropped because they were not taken in time.
    #[must_use]
    pub fn dropped(&self) -> u64 {
        self.deliveries.dropped()
    }

    /// Closes the connection for good. What has arrived can still be read.
    pub fn close(&self) {
        self.driver.change(|reconnect, _| reconnect.close());
    }
}

impl<T: 'static> EventSource<T> {
    pub(crate) const fn new(driver: Rc<Driver>, deliveries: Rc<Deliveries<T>>, queue: usize) -> Self {
        Self { driver, deliveries, queue }
    }

    /// Calls `callback` for each event as it arrives, beginning with those that wait already, until the [`Listening`]
    /// is dropped, which closes the connection. There is no queue, so no event is dropped.
    ///
    /// ```no_run
    /// use sse_wasm_client::{ConnectError, EventSource, Listening, Message};
    ///
    /// # fn listen() -> Result<Listening<Message>, ConnectError> {
    /// let ticks = EventSource::untyped("/events?topic=clock").connect()?;
    /// let listening = ticks.on_event(|event| match event {
    ///     Ok(tick) => show(&tick.value.data),
    ///     Err(undecoded) => warn(undecoded),
    /// });
    /// # Ok(listening) }
    /// # fn show(_: &str) {}
    /// # fn warn(_: impl std::error::Error) {}
    /// ```
    pub fn on_event(self, callback: impl FnMut(Result<Delivery<T>, DecodeError>) + 'static) -> Listening<T> {
        self.divert(callback);
        Listening { source: self }
    }

    pub(crate) fn divert(&self, callback: impl FnMut(DeliveryResult<T>) + 'static) {
        self.deliveries.divert(Box::new(callback));
    }

    pub(crate) const fn queue(&self) -> usize {
        self.queue
    }
}

impl<T> Stream for EventSource<T> {
    type Item = Result<Delivery<T>, DecodeError>;

    fn poll_next(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let polled = self.deliveries.poll_next(context);
        let dispatcher = self.driver.dispatcher();
        if dispatcher.has_dropped() {
            dispatcher.tell_dropped(clock::now());
        }
        polled
    }
}

impl<T> Drop for EventSource<T> {
    fn drop(&mut self) {
        self.driver.release();
    }
}

impl<T> fmt::Debug for EventSource<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("EventSource")
            .field("driver", &self.driver)
            .field("state", &self.state())
            .field("last_event_id", &self.last_event_id())
            .finish_non_exhaustive()
    }
}

/// A connection whose events go to a function, from [`EventSource::on_event`]. Dropping it closes the connection.
#[derive(Debug)]
#[must_use = "the connection is closed when this is dropped"]
pub struct Listening<T> {
    source: EventSource<T>,
}

impl<T> Listening<T> {
    /// Closes the connection for good. The function is not called any more.
    pub fn close(&self) {
        self.source.close();
    }

    /// The connection itself, for its state and signals.
    pub const fn source(&self) -> &EventSource<T> {
        &self.source
    }
}
