//! Where everything that a connection says goes through: told apart, counted, and handed to who waits for it. Knows no
//! browser.

use std::{
    cell::{Cell, RefCell},
    rc::Rc,
    time::Duration,
};

use sse_core::{EventId, hub::ControlEvent};

use crate::{
    Limit, Refusal, Signal, Signals, State,
    decoder::RawEvent,
    reconnect::{Action, Reconnect},
    signal::Signaller,
    sink::Sink,
};

/// `now` and entropy are [`Reconnect`]'s.
#[derive(Debug)]
pub(crate) struct Dispatcher {
    reconnect: RefCell<Reconnect>,
    /// What has been told of it.
    state: Cell<State>,
    sink: Rc<dyn Sink>,
    signaller: Signaller,
}

impl Dispatcher {
    pub(crate) fn new(reconnect: Reconnect, sink: Rc<dyn Sink>) -> Self {
        Self {
            state: Cell::new(reconnect.state()),
            reconnect: RefCell::new(reconnect),
            sink,
            signaller: Signaller::default(),
        }
    }

    /// An event of the server, of whatever name, as the browser's `EventSource` gives it: with no ID until the server
    /// sets one. It sends none either when it connects again, so that the URL's counts.
    pub(crate) fn handle_browsers_event(&self, event: RawEvent<'_>, now: Duration) {
        if event.id.is_empty() {
            let start = self.reconnect.borrow().start().clone();
            self.handle_event(RawEvent { id: start.as_str(), ..event }, now);
        } else {
            self.handle_event(event, now);
        }
    }

    /// An event of the server, of whatever name.
    pub(crate) fn handle_event(&self, event: RawEvent<'_>, now: Duration) {
        let RawEvent { name, data, id, .. } = event;
        let control = ControlEvent::decode(name, data);
        if !self.change(|reconnect| reconnect.handle_event(id, control.is_some(), now)) {
            return;
        }
        match control {
            None => return self.sink.take(event),
            Some(ControlEvent::Gap(gap)) => self.signaller.send(&Signal::Gap(gap)),
            Some(ControlEvent::Drain(drain)) => self.signaller.send(&Signal::Drain(drain)),
            Some(_) => {} // a cursor tells no more than its ID
        }
        self.sink.take_hubs(event);
    }

    /// An event was over a limit, and is lost.
    pub(crate) fn handle_too_long(&self, limit: Limit) {
        if self.reconnect.borrow().is_connected() {
            self.signal(&Signal::TooLong(limit));
        }
    }

    /// Something that was said about the stream, and is to be known.
    pub(crate) fn signal(&self, signal: &Signal) {
        self.signaller.send(signal);
        self.sink.take_signal(signal);
    }

    /// See [`Reconnect::handle_refusal`].
    pub(crate) fn handle_refusal(&self, refusal: Refusal, now: Duration, entropy: u64) {
        let counts = self.reconnect.borrow().is_connected();
        if counts {
            let signal = Signal::Refused(refusal);
            self.signal(&signal);
            let Signal::Refused(refusal) = signal else { return };
            let retries = self.reconnect.borrow().retries();
            let may_pass = retries(&refusal);
            self.change(|reconnect| reconnect.handle_refusal(&refusal, may_pass, now, entropy));
        }
    }

    /// Everything else that happens to the connection.
    pub(crate) fn change<R>(&self, change: impl FnOnce(&mut Reconnect) -> R) -> R {
        let (result, state) = {
            let reconnect = &mut *self.reconnect.borrow_mut();
            (change(reconnect), reconnect.state())
        };
        if self.state.replace(state) != state {
            self.signal(&Signal::State(state));
            if state.is_closed() {
                self.end();
            }
        }
        result
    }

    pub(crate) fn poll_action(&self) -> Option<Action> {
        self.reconnect.borrow_mut().poll_action()
    }

    pub(crate) fn next_time(&self) -> Option<Duration> {
        self.reconnect.borrow().next_time()
    }

    /// Nothing more will come.
    pub(crate) fn end(&self) {
        self.sink.end();
        self.signaller.end();
    }

    pub(crate) fn signals(&self) -> Signals {
        let state = self.state.get();
        let signals = self.signaller.subscribe(Signal::State(state));
        if state.is_closed() {
            self.signaller.end();
        }
        signals
    }

    pub(crate) fn state(&self) -> State {
        self.state.get()
    }

    pub(crate) fn last_event_id(&self) -> EventId {
        self.reconnect.borrow().last_event_id()
    }

    pub(crate) const fn sink(&self) -> &Rc<dyn Sink> {
        &self.sink
    }
}

#[cfg(test)]
mod tests;
