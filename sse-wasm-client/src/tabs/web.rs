//! A tab in the browser: carries out what a [`Tab`] asks for, by the browser's locks and channels, and tells it what
//! happens.

mod channel;
mod freeze;
mod lock;
#[cfg(test)]
mod tests;

use std::{
    cell::{Cell, RefCell},
    fmt,
    rc::{Rc, Weak},
    time::Duration,
};

use sse_core::EventId;

use self::{
    channel::Channel,
    freeze::FreezeListener,
    lock::{Fate, Lock},
};
use super::{Tab, aside::Aside, notice::Notice, output::Output, shared_name::VERSION};
use crate::{
    Delivery, Message, State,
    clock::{self, Timer},
    weak::with,
};

/// Takes what the shared stream has for this tab.
pub(crate) trait Recipient {
    /// An event of the server, which may be one of the hub's own, or a gap of this tab only.
    fn event(&self, event: Delivery<Message>);

    /// The state of the stream.
    fn state(&self, state: State);

    /// Anything else that is reported of it.
    fn aside(&self, aside: Aside);
}

/// Opens the stream when this tab leads.
pub(crate) trait Connect {
    /// Opens a connection that resumes after `last_event_id` and reconnects by itself until it is dropped. It reports
    /// to `feed`, but not before this returns.
    fn connect(&self, last_event_id: &EventId, feed: Feed) -> Rc<dyn HeldConnection>;
}

/// A connection that this tab holds. Dropping it closes it.
pub(crate) trait HeldConnection {
    /// Acts on deadlines that have passed: its own timers may be late.
    fn check_deadlines(&self);
}

/// The place of this page among the tabs that share a stream. Dropping it leaves them, and closes the stream if this
/// tab leads.
pub(crate) struct Membership {
    inner: Rc<MembershipInner>,
}

/// Where a connection reports to the tab that holds it. After the tab has closed it, reports are ignored.
#[derive(Debug, Clone)]
pub(crate) struct Feed {
    inner: Weak<MembershipInner>,
    connection: u64,
}

struct MembershipInner {
    tab: RefCell<Tab>,
    name: String,
    recipient: Box<dyn Recipient>,
    connect: Box<dyn Connect>,
    channel: RefCell<Option<Channel>>,
    lock: RefCell<Option<Lock>>,
    /// The number of the latest request for the lock. What becomes of earlier ones is ignored.
    lock_request: Cell<u64>,
    connection: RefCell<Option<Rc<dyn HeldConnection>>>,
    /// The number of the latest connection. What earlier ones report is ignored.
    connection_number: Cell<u64>,
    timer: Timer,
    page: RefCell<Option<FreezeListener>>,
    /// Set while outputs are carried out, so that one that leads back here doesn't start a second round.
    is_performing: Cell<bool>,
    own: Weak<Self>,
}

impl Membership {
    /// Joins the tabs that share what `name` stands for, to resume after `last_event_id`, or, if that is empty, to
    /// begin with what comes from now on. Where the browser lacks locks or channels, this tab has a connection of its
    /// own.
    pub(crate) fn join(
        name: &str,
        last_event_id: EventId,
        recipient: impl Recipient + 'static,
        connect: impl Connect + 'static,
    ) -> Self {
        let name = [VERSION, name].concat();
        let inner = Rc::new_cyclic(|own: &Weak<MembershipInner>| {
            let timed = own.clone();
            MembershipInner {
                tab: RefCell::new(Tab::new(clock::entropy() >> 11, last_event_id, clock::now())), // 53 bits: see `Term`
                recipient: Box::new(recipient),
                connect: Box::new(connect),
                channel: RefCell::new(None),
                lock: RefCell::new(None),
                lock_request: Cell::new(0),
                connection: RefCell::new(None),
                connection_number: Cell::new(0),
                timer: Timer::new(move || with(&timed, MembershipInner::handle_timer)),
                page: RefCell::new(None),
                is_performing: Cell::new(false),
                own: own.clone(),
                name,
            }
        });
        let own = inner.own.clone();
        let channel = Channel::open(&inner.name, move |text| with(&own, |inner| inner.handle_text(text)));
        if channel.is_none() {
            inner.tab.borrow_mut().handle_unavailable();
        }
        inner.channel.replace(channel);
        let own = inner.own.clone();
        inner.page.replace(FreezeListener::listen(move |runs| with(&own, |inner| inner.handle_page(runs))));
        inner.perform_outputs();
        Self { inner }
    }
}

impl Drop for Membership {
    fn drop(&mut self) {
        self.inner.change(|tab, _| tab.close());
    }
}

impl Feed {
    /// Reports an event of the server, which may be one of the hub's own.
    pub(crate) fn event(&self, event: Delivery<Message>) {
        self.change(|tab, now| tab.handle_event(event, now));
    }

    /// Reports the state of the connection.
    pub(crate) fn state(&self, state: State) {
        self.change(|tab, now| tab.handle_state(state, now));
    }

    /// Reports anything else.
    pub(crate) fn aside(&self, aside: Aside) {
        self.change(|tab, _| tab.handle_aside(aside));
    }

    fn change(&self, change: impl FnOnce(&mut Tab, Duration)) {
        with(&self.inner, |inner| {
            if inner.connection_number.get() == self.connection {
                inner.change(change);
            }
        });
    }
}

impl MembershipInner {
    fn change(&self, change: impl FnOnce(&mut Tab, Duration)) {
        change(&mut self.tab.borrow_mut(), clock::now());
        self.perform_outputs();
    }

    fn handle_timer(&self) {
        self.timer.fired();
        self.change(Tab::handle_time);
    }

    fn handle_text(&self, text: &str) {
        if let Some(notice) = Notice::decode(text, clock::now()) {
            self.change(|tab, now| tab.handle_notice(notice, now));
        }
    }

    fn handle_page(&self, runs: bool) {
        self.change(|tab, now| if runs { tab.handle_resumed(now) } else { tab.handle_frozen() });
    }

    /// Carries out all outputs of the tab. Others may call back into this one meanwhile, so nothing is borrowed; a
    /// nested call returns at once and leaves its outputs to the outer one.
    fn perform_outputs(&self) {
        if self.is_performing.replace(true) {
            return;
        }
        loop {
            let output = self.tab.borrow_mut().poll_output();
            let Some(output) = output else { break };
            match output {
                Output::Request => self.request_lock(false),
                Output::Steal => self.request_lock(true),
                Output::Release => {
                    self.lock_request.set(self.lock_request.get() + 1);
                    let gone = self.lock.take();
                    drop(gone);
                }
                Output::Post(notice) => {
                    if let Some(channel) = &*self.channel.borrow() {
                        channel.post(&notice.encode(clock::now()));
                    }
                }
                Output::Connect { last_event_id } => {
                    self.connection_number.set(self.connection_number.get() + 1);
                    let feed = Feed { inner: self.own.clone(), connection: self.connection_number.get() };
                    let made = self.connect.connect(&last_event_id, feed);
                    let gone = self.connection.replace(Some(made));
                    drop(gone);
                }
                Output::Disconnect => {
                    self.connection_number.set(self.connection_number.get() + 1);
                    let gone = self.connection.take();
                    drop(gone);
                }
                Output::CheckDeadlines => {
                    let held = self.connection.borrow().clone();
                    if let Some(held) = held {
                        held.check_deadlines();
                    }
                }
                Output::Event(event) => self.recipient.event(event),
                Output::State(state) => self.recipient.state(state),
                Output::Aside(aside) => self.recipient.aside(aside),
            }
        }
        self.is_performing.set(false);
        let next_time = self.tab.borrow().next_time();
        self.timer.set(next_time, clock::now);
    }

    /// Requests the lock, in place of an earlier request.
    fn request_lock(&self, steal: bool) {
        let number = self.lock_request.get() + 1;
        self.lock_request.set(number);
        let gone = self.lock.take();
        drop(gone);
        let own = self.own.clone();
        let tell = move |fate| {
            with(&own, |inner| {
                if inner.lock_request.get() == number {
                    inner.change(|tab, now| match fate {
                        Fate::Granted => tab.handle_granted(now),
                        Fate::Stolen => tab.handle_stolen(now),
                        Fate::Refused => tab.handle_unavailable(),
                    });
                }
            });
        };
        let lock = Lock::request(&self.name, steal, tell);
        if lock.is_none() {
            self.tab.borrow_mut().handle_unavailable();
        }
        self.lock.replace(lock);
    }
}

impl fmt::Debug for Membership {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.inner.fmt(f)
    }
}

impl fmt::Debug for MembershipInner {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Membership").field("name", &self.name).field("lock", &self.lock).finish_non_exhaustive()
    }
}
