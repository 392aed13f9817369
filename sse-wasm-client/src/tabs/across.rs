//! The seam between one tab's client and the tabs: to connect is to join them.

use std::{
    cell::Cell,
    hash::{DefaultHasher, Hash, Hasher},
    mem,
    rc::{Rc, Weak},
    time::Duration,
};

use sse_core::{EventId, EventName};

use super::{
    Aside,
    place_throttle::{Forward, PlaceThrottle},
    scout::Scout,
    web::{Connect, Feed, Held, Recipient, Shared},
};
use crate::{
    ConnectError, Delivery, Message, Signal, State, clock,
    decoder::RawEvent,
    driver::{Driver, with},
    reconnect::{Reconnect, Settings},
    signal::CURSOR,
    sink::Sink,
    transport::{Connection, Dial, Sealed, Sharable},
    url,
};

/// One connection for all tabs of a browser, made by `V` in one of them. What
/// [`Builder::across_tabs`](crate::Builder::across_tabs) makes of a transport.
#[derive(Debug)]
pub struct AcrossTabs<V>(pub(crate) V);

impl<V: Sharable> Sealed for AcrossTabs<V> {
    fn dial(self, url: String, names: &[EventName], settings: &mut Settings) -> Result<Box<dyn Dial>, ConnectError> {
        self.0.check(&url)?;
        let name = name(&self.0, &url, names, settings);
        // To pause is each tab's own affair: it leaves the others. All else is the connection's.
        let own = Settings {
            pause_when_hidden: settings.pause_when_hidden.take(),
            is_across_tabs: true,
            ..Settings::default()
        };
        let mut settings = mem::replace(settings, own);
        let has_since = url::has_since(&url);
        let line = Line { dial: self.0.dial(url, names, &mut settings)?.into(), settings, names: names.into() };
        Ok(Box::new(Tabs { name, has_since, line }))
    }
}

/// What those have in common that can share a connection. Headers may hold secrets, so what can be is hashed.
fn name<V: Sharable>(by: &V, url: &str, names: &[EventName], settings: &Settings) -> String {
    let Settings { policy, give_up_after, watchdog, .. } = settings;
    let mut names = names.to_vec();
    names.sort_unstable();
    let mut hasher = DefaultHasher::new();
    (V::NAME, by, names, policy.reconnection_time, policy.max_wait, give_up_after, watchdog).hash(&mut hasher);
    [&hasher.finish().to_string(), " ", url].concat()
}

struct Tabs {
    name: String,
    has_since: bool,
    line: Line,
}

impl Dial for Tabs {
    fn dial(&self, last_event_id: &EventId, driver: &Weak<Driver>) -> Result<Box<dyn Connection>, ConnectError> {
        if self.has_since && last_event_id.text().is_empty() {
            return Ok(Box::new(Scout::send(self.name.clone(), self.line.clone(), driver)));
        }
        let recipient = Program(driver.clone());
        Ok(Box::new(Shared::join(&self.name, last_event_id.clone(), recipient, self.line.clone())))
    }
}

impl Connection for Shared {}

/// This tab's program, by its driver.
pub(super) struct Program(pub(super) Weak<Driver>);

impl Recipient for Program {
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

/// How the connection itself is made, when it is this tab that holds it.
#[derive(Clone)]
pub(super) struct Line {
    dial: Rc<dyn Dial>,
    settings: Settings,
    names: Rc<[EventName]>,
}

impl Connect for Line {
    fn connect(&self, last_event_id: &EventId, feed: Feed) -> Rc<dyn Held> {
        self.open(last_event_id, Rc::new(Mouth { feed, names: Rc::clone(&self.names), throttle: Cell::default() }))
    }
}

impl Line {
    /// Makes the connection, which says to the sink what comes of it.
    pub(super) fn open(&self, last_event_id: &EventId, sink: Rc<dyn Sink>) -> Rc<dyn Held> {
        let reconnect = Reconnect::new(self.settings.clone(), last_event_id.clone(), clock::now());
        let driver = Driver::new(reconnect, sink, Box::new(Rc::clone(&self.dial)));
        driver.run();
        Rc::new(Own(driver))
    }
}

struct Own(Rc<Driver>);

impl Held for Own {
    fn look(&self) {
        self.0.change(|reconnect, now| reconnect.handle_time(now, clock::entropy()));
    }
}

impl Drop for Own {
    fn drop(&mut self) {
        self.0.release();
    }
}

/// Hands what the connection says to the tabs. There is always room: one tab is not to hold up the others.
#[derive(Debug)]
struct Mouth {
    feed: Feed,
    /// A connection may bring others too, which need not go round.
    names: Rc<[EventName]>,
    throttle: Cell<PlaceThrottle>,
}

impl Mouth {
    fn throttled<R>(&self, decide: impl FnOnce(&mut PlaceThrottle, Duration) -> R) -> R {
        let mut throttle = self.throttle.get();
        let decided = decide(&mut throttle, clock::now());
        self.throttle.set(throttle);
        decided
    }

    fn hand_on(&self, event: RawEvent<'_>, name: EventName) {
        self.feed.event(event.untyped(name));
    }
}

impl Sink for Mouth {
    fn take(&self, event: RawEvent<'_>) {
        let name = self.names.iter().find(|name| name.text() == event.name);
        match (self.throttled(|throttle, now| throttle.other_event(name.is_some(), now)), name) {
            (Forward::Event, Some(name)) => self.hand_on(event, name.clone()),
            (Forward::Place, _) => self.hand_on(RawEvent { data: "", ..event }, EventName::from_static(CURSOR)),
            _ => {}
        }
    }

    fn take_hubs(&self, event: RawEvent<'_>) {
        self.throttled(PlaceThrottle::hub_event);
        let name = EventName::new(event.name).unwrap_or_default(); // one of the hub's
        self.hand_on(event, name);
    }

    fn take_signal(&self, signal: &Signal) {
        match signal {
            Signal::State(state) => self.feed.state(*state),
            Signal::Refused(refusal) => self.feed.aside(Aside::Refused(refusal.clone())),
            Signal::TooLong(limit) => self.feed.aside(Aside::TooLong(*limit)),
            Signal::Gap(_) | Signal::Drain(_) => {} // the hub's own events
        }
    }
}
