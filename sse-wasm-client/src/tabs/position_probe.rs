//! Finds the position at which a `since` begins. The other tabs are past it, and the leader remembers only the last
//! events; so a tab that joins asks the hub by a connection of its own, and joins at that position.

use std::{
    cell::RefCell,
    fmt,
    rc::{Rc, Weak},
};

use sse_core::{
    EventId,
    hub::names::event::{CURSOR, GAP},
};

use super::{
    connector::{Connector, ToDriver},
    web::{HeldConnection, Membership, Recipient},
};
use crate::{
    Signal, State,
    decoder::RawEvent,
    driver::{Connection, Driver},
    sink::Sink,
    weak::with,
};

/// The connection of a tab that is to begin in the past: first one of its own, then a membership among the tabs. A
/// server that is no hub does not tell positions, so with one the tab keeps its own connection.
pub(super) struct PositionProbe {
    name: String,
    connector: Connector,
    driver: Weak<Driver>,
    stage: RefCell<Stage>,
}

enum Stage {
    /// Nothing has arrived yet, and the first event will tell whether the server is a hub. `None` while the connection
    /// is opened or dropped, when what it reports is ignored.
    Asking(Option<Rc<dyn HeldConnection>>),
    Alone(#[expect(dead_code, reason = "held to be dropped")] Rc<dyn HeldConnection>),
    Joined(#[expect(dead_code, reason = "held to be dropped")] Membership),
}

impl PositionProbe {
    pub(super) fn send(name: String, connector: Connector, driver: &Weak<Driver>) -> Rc<Self> {
        let stage = RefCell::new(Stage::Asking(None));
        let probe = Rc::new(Self { name, connector, driver: driver.clone(), stage });
        let held = probe.connector.open(&EventId::default(), Rc::new(ProbeSink(Rc::downgrade(&probe))));
        probe.stage.replace(Stage::Asking(Some(held)));
        probe
    }

    /// The hub told its position: this tab joins the others there.
    fn join(&self, id: &str) {
        let position = EventId::new(id).unwrap_or_default(); // never fails: it was the ID of an event
        let gone = self.stage.replace(Stage::Asking(None));
        drop(gone);
        let recipient = ToDriver(self.driver.clone());
        let membership = Membership::join(&self.name, position, recipient, self.connector.clone());
        self.stage.replace(Stage::Joined(membership));
    }

    /// The server is no hub: this tab stays alone.
    fn stay_alone(&self) {
        let mut stage = self.stage.borrow_mut();
        if let Stage::Asking(held) = &mut *stage
            && let Some(held) = held.take()
        {
            *stage = Stage::Alone(held);
            drop(stage);
            ToDriver(self.driver.clone()).state(State::Open);
        }
    }

    fn is_connected(&self) -> bool {
        matches!(*self.stage.borrow(), Stage::Asking(Some(_)) | Stage::Alone(_))
    }

    fn is_asking(&self) -> bool {
        matches!(*self.stage.borrow(), Stage::Asking(_))
    }
}

impl Connection for Rc<PositionProbe> {}

/// Takes what the probe's own connection reports.
struct ProbeSink(Weak<PositionProbe>);

impl ProbeSink {
    fn forward(&self, event: RawEvent<'_>) {
        if let Some(probe) = self.0.upgrade() {
            with(&probe.driver, |driver| driver.event(event));
        }
    }
}

impl Sink for ProbeSink {
    fn take(&self, event: RawEvent<'_>) {
        if let Some(probe) = self.0.upgrade() {
            probe.stay_alone();
        }
        self.forward(event);
    }

    fn take_hubs(&self, event: RawEvent<'_>) {
        let Some(probe) = self.0.upgrade() else { return };
        let has_position = [CURSOR, GAP].contains(&event.name) && !event.id.is_empty();
        self.forward(event); // the program is told of a gap, and resumes after the ID of either
        if has_position && probe.is_asking() {
            probe.join(event.id);
        }
    }

    fn take_signal(&self, signal: &Signal) {
        let Some(probe) = self.0.upgrade() else { return };
        if !probe.is_connected() {
            return;
        }
        match signal {
            Signal::State(State::Open) if probe.is_asking() => {} // open once it has joined
            Signal::State(state) => ToDriver(probe.driver.clone()).state(*state),
            Signal::Refused(_) | Signal::TooLong(_) => with(&probe.driver, |driver| driver.dispatcher().signal(signal)),
            Signal::Gap(_) | Signal::Drain(_) | Signal::End(_) | Signal::Dropped(_) => {} // forwarded as the hub's own events
        }
    }
}

impl fmt::Debug for ProbeSink {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ProbeSink").finish_non_exhaustive()
    }
}
