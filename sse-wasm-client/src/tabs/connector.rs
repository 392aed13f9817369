//! What joins the tabs to one tab's client: the program that they deliver to, and the connection of the tab that leads.

use std::{
    cell::Cell,
    rc::{Rc, Weak},
    time::Duration,
};

use sse_core::{EventId, EventName, hub::names::event::CURSOR};

use super::{
    aside::Aside,
    position_throttle::{Forward, PositionThrottle},
    web::{Connect, Feed, HeldConnection, Recipient},
};
use crate::{
    Delivery, Message, Signal, State, clock,
    decoder::RawEvent,
    driver::{Dial, Driver},
    reconnect::{Reconnect, Settings},
    sink::Sink,
    weak::with,
};

/// Delivers to this tab's program, by way of its driver.
pub(super) struct ToDriver(pub(super) Weak<Driver>);

impl Recipient for ToDriver {
    fn event(&self, event: Delivery<Message>) {
        let Delivery { value: Message { name, data }, id, origin } = &event;
        with(&self.0, |driver| driver.event(RawEvent { name: name.as_str(), data, id: id.as_str(), origin }));
    }

    fn state(&self, state: State) {
        with(&self.0, |driver| driver.change(|reconnect, _| reconnect.adopt(state)));
    }

    fn aside(&self, aside: Aside) {
        with(&self.0, |driver| driver.dispatcher().signal(&aside.into()));
    }
}

/// Opens the connection that all tabs share, when this tab leads.
#[derive(Clone)]
pub(super) struct Connector {
    pub(super) dial: Rc<dyn Dial>,
    pub(super) settings: Settings,
    /// The names that the tabs listen for.
    pub(super) names: Rc<[EventName]>,
}

impl Connect for Connector {
    fn connect(&self, last_event_id: &EventId, feed: Feed) -> Rc<dyn HeldConnection> {
        let names = Rc::clone(&self.names);
        self.open(last_event_id, Rc::new(Forwarder { feed, names, throttle: Cell::default() }))
    }
}

impl Connector {
    /// Opens a connection that reports to `sink`.
    pub(super) fn open(&self, last_event_id: &EventId, sink: Rc<dyn Sink>) -> Rc<dyn HeldConnection> {
        let reconnect = Reconnect::new(self.settings.clone(), last_event_id.clone(), clock::now());
        let driver = Driver::new(reconnect, sink, Box::new(Rc::clone(&self.dial)));
        driver.run();
        Rc::new(OwnedDriver(driver))
    }
}

struct OwnedDriver(Rc<Driver>);

impl HeldConnection for OwnedDriver {
    fn check_deadlines(&self) {
        self.0.change(|reconnect, now| reconnect.handle_time(now, clock::entropy()));
    }
}

impl Drop for OwnedDriver {
    fn drop(&mut self) {
        self.0.release();
    }
}

/// Forwards what the connection reports to the tabs. It always has room, so that no tab holds up the others.
#[derive(Debug)]
struct Forwarder {
    feed: Feed,
    /// What the tabs listen for. A connection may report other events, which are not forwarded.
    names: Rc<[EventName]>,
    throttle: Cell<PositionThrottle>,
}

impl Forwarder {
    fn throttled<R>(&self, decide: impl FnOnce(&mut PositionThrottle, Duration) -> R) -> R {
        let mut throttle = self.throttle.get();
        let decided = decide(&mut throttle, clock::now());
        self.throttle.set(throttle);
        decided
    }

    fn forward(&self, event: RawEvent<'_>, name: EventName) {
        self.feed.event(event.untyped(name));
    }
}

impl Sink for Forwarder {
    fn take(&self, event: RawEvent<'_>) {
        let name = self.names.iter().find(|name| name.text() == event.name);
        match (self.throttled(|throttle, now| throttle.other_event(name.is_some(), now)), name) {
            (Forward::Event, Some(name)) => self.forward(event, name.clone()),
            (Forward::Position, _) => self.forward(RawEvent { data: "", ..event }, EventName::from_static(CURSOR)),
            _ => {}
        }
    }

    fn take_hubs(&self, event: RawEvent<'_>) {
        self.throttled(PositionThrottle::hub_event);
        let name = EventName::new(event.name).unwrap_or_default(); // never fails: it is one of the hub's
        self.forward(event, name);
    }

    fn take_signal(&self, signal: &Signal) {
        match signal {
            Signal::State(state) => self.feed.state(*state),
            Signal::Refused(refusal) => self.feed.aside(Aside::Refused(refusal.clone())),
            Signal::TooLong(limit) => self.feed.aside(Aside::TooLong(*limit)),
            Signal::Gap(_) | Signal::Drain(_) | Signal::End(_) | Signal::Dropped(_) => {} // the hub's are forwarded as the hub's own events
        }
    }
}
