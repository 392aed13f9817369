//! Where a `since` begins. Tabs that share a connection have had what a newcomer wants of the past, and the channel
//! remembers only the last of it; so the newcomer asks the hub by a connection of its own, and joins at that place.

use std::{
    cell::RefCell,
    rc::{Rc, Weak},
};

use sse_core::EventId;

use super::{
    across::{Line, Program},
    web::{Held, Recipient, Shared},
};
use crate::{
    Signal, State,
    decoder::RawEvent,
    driver::{Driver, with},
    signal::{CURSOR, GAP},
    sink::Sink,
    transport::Connection,
};

/// The connection of a tab that is to begin some time ago: first one of its own, then a place among the tabs. A server
/// that is no hub can't be asked in this way, and the tab stays alone.
pub(super) struct Scout {
    name: String,
    line: Line,
    driver: Weak<Driver>,
    stage: RefCell<Stage>,
}

enum Stage {
    /// It is known by what comes first whether there is a hub. None while the connection is begun or let go of, when
    /// what it says is not heeded.
    Asking(Option<Rc<dyn Held>>),
    Alone(#[expect(dead_code, reason = "held to be dropped")] Rc<dyn Held>),
    Joined(#[expect(dead_code, reason = "likewise")] Shared),
}

impl Scout {
    pub(super) fn send(name: String, line: Line, driver: &Weak<Driver>) -> Rc<Self> {
        let scout = Rc::new(Self { name, line, driver: driver.clone(), stage: RefCell::new(Stage::Asking(None)) });
        let held = scout.line.open(&EventId::default(), Rc::new(Report(Rc::downgrade(&scout))));
        scout.stage.replace(Stage::Asking(Some(held)));
        scout
    }

    /// The hub's first word: from here on.
    fn join(&self, id: &str) {
        let place = EventId::new(id).unwrap_or_default(); // it was one for a browser, or a parser
        let gone = self.stage.replace(Stage::Asking(None));
        drop(gone);
        let shared = Shared::join(&self.name, place, Program(self.driver.clone()), self.line.clone());
        self.stage.replace(Stage::Joined(shared));
    }

    /// No hub.
    fn stay(&self) {
        let mut stage = self.stage.borrow_mut();
        if let Stage::Asking(held) = &mut *stage
            && let Some(held) = held.take()
        {
            *stage = Stage::Alone(held);
            drop(stage);
            Program(self.driver.clone()).state(State::Open);
        }
    }

    fn is_connected(&self) -> bool {
        matches!(*self.stage.borrow(), Stage::Asking(Some(_)) | Stage::Alone(_))
    }

    fn is_asking(&self) -> bool {
        matches!(*self.stage.borrow(), Stage::Asking(_))
    }
}

impl Connection for Rc<Scout> {}

/// What the connection of its own says.
struct Report(Weak<Scout>);

impl Report {
    fn hand_on(&self, event: RawEvent<'_>) {
        if let Some(scout) = self.0.upgrade() {
            with(&scout.driver, |driver| driver.event(event));
        }
    }
}

impl Sink for Report {
    fn take(&self, event: RawEvent<'_>) {
        if let Some(scout) = self.0.upgrade() {
            scout.stay();
        }
        self.hand_on(event);
    }

    fn take_hubs(&self, event: RawEvent<'_>) {
        let Some(scout) = self.0.upgrade() else { return };
        let is_place = [CURSOR, GAP].contains(&event.name) && !event.id.is_empty();
        self.hand_on(event); // a gap is the program's, and of a cursor it has the place to go on from
        if is_place && scout.is_asking() {
            scout.join(event.id);
        }
    }

    fn take_signal(&self, signal: &Signal) {
        let Some(scout) = self.0.upgrade() else { return };
        if !scout.is_connected() {
            return;
        }
        match signal {
            Signal::State(State::Open) if scout.is_asking() => {} // not before it has joined
            Signal::State(state) => Program(scout.driver.clone()).state(*state),
            Signal::Refused(_) | Signal::TooLong(_) => with(&scout.driver, |driver| driver.dispatcher().signal(signal)),
            Signal::Gap(_) | Signal::Drain(_) => {} // the hub's own events
        }
    }
}

impl std::fmt::Debug for Report {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Report").finish_non_exhaustive()
    }
}
