//! Everything that a connection reports passes through here, and is dispatched: to the state machine, to readers of
//! signals, and to the [`Sink`] of events. Knows no browser.

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

/// The least time between signals of dropped events.
const TELL: Duration = Duration::from_secs(1);

/// For `now` and `entropy` see [`Reconnect`](crate::reconnect).
#[derive(Debug)]
pub(crate) struct Dispatcher {
    reconnect: RefCell<Reconnect>,
    /// The last state that was signalled.
    state: Cell<State>,
    sink: Rc<dyn Sink>,
    signaller: Signaller,
    /// How many dropped events were signalled, and from when on more may be.
    told: Cell<(u64, Duration)>,
}

impl Dispatcher {
    pub(crate) fn new(reconnect: Reconnect, sink: Rc<dyn Sink>) -> Self {
        Self {
            state: Cell::new(reconnect.state()),
            reconnect: RefCell::new(reconnect),
            sink,
            signaller: Signaller::default(),
            told: Cell::default(),
        }
    }

    /// Dispatches an event that the browser's `EventSource` has read. Its ID is empty until the server sets one, for a
    /// connection that the browser made again too; until then the ID that the connection was made with counts.
    pub(crate) fn handle_browsers_event(&self, event: RawEvent<'_>, now: Duration) {
        if event.id.is_empty() {
            let start = self.reconnect.borrow().start().clone();
            self.handle_event(RawEvent { id: start.as_str(), ..event }, now);
        } else {
            self.handle_event(event, now);
        }
    }

    /// Dispatches an event of the server, whatever its name.
    pub(crate) fn handle_event(&self, event: RawEvent<'_>, now: Duration) {
        let RawEvent { name, data, id, .. } = event;
        let control = ControlEvent::decode(name, data);
        let counts = self.change(|reconnect| match control {
            Some(ControlEvent::Drain(_)) => reconnect.handle_drain(id, now),
            Some(_) => reconnect.handle_event(id, true, now),
            None => reconnect.handle_event(id, false, now),
        });
        if !counts {
            return;
        }
        match control {
            None => {
                self.sink.take(event);
                return self.tell_dropped(now);
            }
            Some(ControlEvent::Gap(gap)) => self.signaller.send(&Signal::Gap(gap)),
            Some(ControlEvent::Drain(drain)) => self.signaller.send(&Signal::Drain(drain)),
            Some(ControlEvent::End(end)) => {
                self.signaller.send(&Signal::End(end));
                self.sink.take_hubs(event);
                return self.change(Reconnect::handle_last);
            }
            Some(_) => {} // a cursor tells no more than its ID
        }
        self.sink.take_hubs(event);
    }

    /// Returns true if events were dropped that were not signalled.
    pub(crate) fn has_dropped(&self) -> bool {
        self.sink.dropped() > self.told.get().0
    }

    /// Signals how many events were dropped, unless it has done so a moment ago.
    pub(crate) fn tell_dropped(&self, now: Duration) {
        let (told, earliest) = self.told.get();
        let count = self.sink.dropped() - told;
        if count > 0 && now >= earliest {
            self.told.set((told + count, now.saturating_add(TELL)));
            self.signal(&Signal::Dropped(count));
        }
    }

    /// An event exceeded a limit and was discarded.
    pub(crate) fn handle_too_long(&self, limit: Limit) {
        if self.reconnect.borrow().is_connected() {
            self.signal(&Signal::TooLong(limit));
        }
    }

    /// Hands a signal to its readers and to the sink.
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
            let may_pass = self.reconnect.borrow().may_pass();
            let may_pass = may_pass(&refusal);
            self.change(|reconnect| reconnect.handle_refusal(&refusal, may_pass, now, entropy));
        }
    }

    /// Hands any other input to the state machine, and signals the state if it is another one then.
    pub(crate) fn change<R>(&self, change: impl FnOnce(&mut Reconnect) -> R) -> R {
        let (result, state) = {
            let reconnect = &mut *self.reconnect.borrow_mut();
            (change(reconnect), reconnect.state())
        };
        if self.state.replace(state) != state {
            if state.is_closed() {
                self.tell_dropped(Duration::MAX);
            }
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

    /// Ends the sink and all readers of signals, after what they hold.
    pub(crate) fn end(&self) {
        self.sink.end();
        self.signaller.end();
    }

    pub(crate) fn signals(&self, capacity: usize) -> Signals {
        let state = self.state.get();
        let signals = self.signaller.subscribe(Signal::State(state), capacity);
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
