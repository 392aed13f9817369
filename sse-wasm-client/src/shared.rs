//! One connection for several readers.

use std::{cell::Cell, rc::Rc};

use crate::{Callback, DecodeError, Delivery, EventSource, Events, fan::Fan, sink::Item};

/// A connection with several readers, from [`EventSource::into_shared`]. A clone is another handle of the same
/// connection, which closes when the last is dropped; streams and callbacks keep it open no longer.
///
/// ```no_run
/// use futures_util::StreamExt;
/// use sse_wasm_client::{ConnectError, EventSource};
///
/// async fn follow() -> Result<(), ConnectError> {
///     let ticks = EventSource::untyped("/events?topic=clock").connect()?.into_shared();
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
pub struct Shared<T> {
    inner: Rc<Inner<T>>,
}

#[derive(Debug)]
struct Inner<T> {
    source: EventSource<T>,
    fan: Rc<Fan<T>>,
    /// Whether there was a reader yet. Until then events wait in the source's own queue.
    begun: Cell<bool>,
}

/// What the connection hands its events to. It ends the readers' streams when that lets go of it.
struct Feed<T>(Rc<Fan<T>>);

impl<T: 'static> Shared<T> {
    pub(crate) fn new(source: EventSource<T>) -> Self {
        let fan = Rc::new(Fan::new(source.queue()));
        Self { inner: Rc::new(Inner { source, fan, begun: Cell::new(false) }) }
    }

    /// The events from now on, for one more reader; for the first, those that wait already too. No reader holds up the
    /// others: each has a queue of its own, where the oldest makes room and is counted.
    pub fn events(&self) -> Events<T> {
        let events = self.inner.fan.events();
        self.begin();
        if self.inner.source.state().is_closed() {
            self.inner.fan.end();
        }
        events
    }

    /// Calls the function for each event from now on, as it arrives, until the [`Callback`] is dropped. The first reader
    /// gets those that wait already, before this returns.
    pub fn on_event(&self, callback: impl FnMut(&Result<Delivery<T>, DecodeError>) + 'static) -> Callback {
        let callback = self.inner.fan.on_event(callback);
        self.begin();
        callback
    }

    fn begin(&self) {
        if !self.inner.begun.replace(true) {
            let feed = Feed(Rc::clone(&self.inner.fan));
            self.inner.source.divert(move |item| feed.send(item));
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

impl<T> Clone for Shared<T> {
    fn clone(&self) -> Self {
        Self { inner: Rc::clone(&self.inner) }
    }
}

impl<T> Feed<T> {
    fn send(&self, item: Item<T>) {
        self.0.send(item);
    }
}

impl<T> Drop for Feed<T> {
    fn drop(&mut self) {
        self.0.end();
    }
}
