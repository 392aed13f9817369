//! One connection for several readers.

use std::{cell::Cell, rc::Rc};

use crate::{Callback, DecodeError, Delivery, EventSource, Events, readers::Readers, sink::DeliveryResult};

/// A connection with several readers, from [`EventSource::into_broadcast`]. A clone is another handle of the same
/// connection. It closes when the last handle is dropped; streams and callbacks don't keep it open.
///
/// ```no_run
/// use futures_util::StreamExt;
/// use sse_wasm_client::{ConnectError, EventSource};
///
/// async fn follow() -> Result<(), ConnectError> {
///     let ticks = EventSource::untyped("/events?topic=clock").connect()?.into_broadcast();
///     let _counting = ticks.on_event(|_| count());
///
///     let mut events = ticks.events();
///     while let Some(tick) = events.next().await {
///         if let Ok(tick) = &*tick {
///             show(&tick.value.data);
///         }
///     }
///     Ok(())
/// }
/// # fn count() {}
/// # fn show(_: &str) {}
/// ```
#[derive(Debug)]
#[must_use = "the connection is closed when the last handle is dropped"]
pub struct Broadcast<T> {
    inner: Rc<Inner<T>>,
}

#[derive(Debug)]
struct Inner<T> {
    source: EventSource<T>,
    readers: Rc<Readers<T>>,
    /// There has been a reader. Until then events wait in the queue of `source`.
    has_begun: Cell<bool>,
}

/// What the connection hands events to. When the connection drops it, the readers' streams end.
struct EndOnDrop<T>(Rc<Readers<T>>);

impl<T: 'static> EventSource<T> {
    /// Makes a handle for several readers, each of which gets every event.
    pub fn into_broadcast(self) -> Broadcast<T> {
        Broadcast::new(self)
    }
}

impl<T: 'static> Broadcast<T> {
    fn new(source: EventSource<T>) -> Self {
        let readers = Rc::new(Readers::new(source.queue()));
        Self { inner: Rc::new(Inner { source, readers, has_begun: Cell::new(false) }) }
    }

    /// Adds a reader of the events from now on. The first reader also gets the events that wait already. No reader
    /// holds up the others: each has a queue of its own, which drops the oldest event when it is full, and counts it.
    pub fn events(&self) -> Events<T> {
        let events = self.inner.readers.events();
        self.begin();
        if self.inner.source.state().is_closed() {
            self.inner.readers.end();
        }
        events
    }

    /// Calls `callback` for each event from now on, as it arrives, until the [`Callback`] is dropped. If it is the
    /// first reader, it gets the events that wait already before this returns.
    pub fn on_event(&self, callback: impl FnMut(&Result<Delivery<T>, DecodeError>) + 'static) -> Callback {
        let callback = self.inner.readers.on_event(callback);
        self.begin();
        callback
    }

    fn begin(&self) {
        if !self.inner.has_begun.replace(true) {
            let readers = EndOnDrop(Rc::clone(&self.inner.readers));
            self.inner.source.divert(move |item| readers.send(item));
        }
    }

    /// Closes the connection for good, for all readers.
    pub fn close(&self) {
        self.inner.source.close();
    }

    /// The connection itself, for its state and signals.
    pub fn source(&self) -> &EventSource<T> {
        &self.inner.source
    }
}

impl<T> Clone for Broadcast<T> {
    fn clone(&self) -> Self {
        Self { inner: Rc::clone(&self.inner) }
    }
}

impl<T> EndOnDrop<T> {
    fn send(&self, item: DeliveryResult<T>) {
        self.0.send(item);
    }
}

impl<T> Drop for EndOnDrop<T> {
    fn drop(&mut self) {
        self.0.end();
    }
}
