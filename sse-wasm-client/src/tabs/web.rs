//! The tabs of a browser: does what a [`Tab`] asks for, and tells it what happens.

mod channel;
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
use wasm_bindgen::{JsCast, closure::Closure};
use web_sys::{Event, EventTarget};

use self::{
    channel::Channel,
    lock::{Fate, Lock},
};
use super::{Aside, Notice, Output, Tab};
use crate::{
    Delivery, Message, State,
    clock::{self, Timer},
};

/// What tabs with another form of notices don't share: those of a page that was built before or after.
const FORM: &str = "sse-wasm-client/1 ";

/// Gets what the shared stream has for this tab.
pub(crate) trait Recipient {
    /// An event of the server, be it the hub's own, or a gap that only this tab has.
    fn event(&self, event: Delivery<Message>);

    /// How the stream stands.
    fn state(&self, state: State);

    /// What is said of it beside that.
    fn aside(&self, aside: Aside);
}

/// Opens connections, when this tab is to hold the stream.
pub(crate) trait Connect {
    /// Opens one after this ID, which makes itself anew as long as it lives, and says to the feed what comes of it, but
    /// not before this returns. Dropping what it gives closes it.
    fn connect(&self, last_event_id: &EventId, feed: Feed) -> Rc<dyn Held>;
}

/// A connection that this tab holds.
pub(crate) trait Held {
    /// Time has passed, and its own timers may be late.
    fn look(&self);
}

/// A place among the tabs that share a stream. Dropping it leaves, and lets go of the stream.
pub(crate) struct Shared {
    inner: Rc<Inner>,
}

/// What a connection says to the tab that holds it. Once that has let go of it nothing is heard of it.
#[derive(Debug, Clone)]
pub(crate) struct Feed {
    inner: Weak<Inner>,
    connection: u64,
}

struct Inner {
    tab: RefCell<Tab>,
    name: String,
    recipient: Box<dyn Recipient>,
    connect: Box<dyn Connect>,
    channel: RefCell<Option<Channel>>,
    lock: RefCell<Option<Lock>>,
    /// Counts the requests for the lock, of which only the last is heard.
    request: Cell<u64>,
    connection: RefCell<Option<Rc<dyn Held>>>,
    /// Counts those, likewise.
    number: Cell<u64>,
    timer: Timer,
    page: RefCell<Option<FreezeListener>>,
    /// Whether outputs are being dealt with. What is called then may come back here; its outputs wait their turn.
    is_busy: Cell<bool>,
    own: Weak<Self>,
}

impl Shared {
    /// Joins the tabs that share what this name stands for, to go on after this ID, or with what comes from now on if it
    /// is empty. Without locks or a channel this tab has a connection of its own.
    pub(crate) fn join(
        name: &str,
        last_event_id: EventId,
        recipient: impl Recipient + 'static,
        connect: impl Connect + 'static,
    ) -> Self {
        let name = [FORM, name].concat();
        let inner = Rc::new_cyclic(|own: &Weak<Inner>| {
            let ticked = own.clone();
            Inner {
                tab: RefCell::new(Tab::new(clock::entropy(), last_event_id, clock::now())),
                recipient: Box::new(recipient),
                connect: Box::new(connect),
                channel: RefCell::new(None),
                lock: RefCell::new(None),
                request: Cell::new(0),
                connection: RefCell::new(None),
                number: Cell::new(0),
                timer: Timer::new(move || with(&ticked, Inner::tick)),
                page: RefCell::new(None),
                is_busy: Cell::new(false),
                own: own.clone(),
                name,
            }
        });
        let heard = inner.own.clone();
        let channel = Channel::open(&inner.name, move |text| {
            with(&heard, |inner| inner.hear(text));
        });
        if channel.is_none() {
            inner.tab.borrow_mut().handle_unavailable();
        }
        inner.channel.replace(channel);
        let turned = inner.own.clone();
        inner.page.replace(FreezeListener::listen(move |runs| with(&turned, |inner| inner.handle_page(runs))));
        inner.turn();
        Self { inner }
    }
}

impl Drop for Shared {
    fn drop(&mut self) {
        self.inner.change(|tab, _| tab.close());
    }
}

impl Feed {
    /// An event of the server, be it the hub's own.
    pub(crate) fn event(&self, event: Delivery<Message>) {
        self.change(|tab, now| tab.handle_event(event, now));
    }

    /// How the connection stands.
    pub(crate) fn state(&self, state: State) {
        self.change(|tab, now| tab.handle_state(state, now));
    }

    /// What it says beside that.
    pub(crate) fn aside(&self, aside: Aside) {
        self.change(|tab, _| tab.handle_aside(aside));
    }

    fn change(&self, change: impl FnOnce(&mut Tab, Duration)) {
        with(&self.inner, |inner| {
            if inner.number.get() == self.connection {
                inner.change(change);
            }
        });
    }
}

impl Inner {
    fn change(&self, change: impl FnOnce(&mut Tab, Duration)) {
        change(&mut self.tab.borrow_mut(), clock::now());
        self.turn();
    }

    fn tick(&self) {
        self.timer.fired();
        self.change(Tab::handle_time);
    }

    fn hear(&self, text: &str) {
        if let Some(notice) = Notice::decode(text, clock::now()) {
            self.change(|tab, now| tab.handle_notice(notice, now));
        }
    }

    fn handle_page(&self, runs: bool) {
        self.change(|tab, now| if runs { tab.handle_resumed(now) } else { tab.handle_frozen() });
    }

    /// Does what there is to do. Nothing is borrowed while others are called.
    fn turn(&self) {
        if self.is_busy.replace(true) {
            return;
        }
        loop {
            let output = self.tab.borrow_mut().poll_output();
            let Some(output) = output else { break };
            match output {
                Output::Request => self.request(false),
                Output::Steal => self.request(true),
                Output::Release => {
                    self.request.set(self.request.get() + 1);
                    let gone = self.lock.take();
                    drop(gone);
                }
                Output::Post(notice) => {
                    if let Some(channel) = &*self.channel.borrow() {
                        channel.post(&notice.encode(clock::now()));
                    }
                }
                Output::Connect { last_event_id } => {
                    self.number.set(self.number.get() + 1);
                    let feed = Feed { inner: self.own.clone(), connection: self.number.get() };
                    let made = self.connect.connect(&last_event_id, feed);
                    let gone = self.connection.replace(Some(made));
                    drop(gone);
                }
                Output::Disconnect => {
                    self.number.set(self.number.get() + 1);
                    let gone = self.connection.take();
                    drop(gone);
                }
                Output::Look => {
                    let held = self.connection.borrow().clone();
                    if let Some(held) = held {
                        held.look();
                    }
                }
                Output::Event(event) => self.recipient.event(event),
                Output::State(state) => self.recipient.state(state),
                Output::Aside(aside) => self.recipient.aside(aside),
            }
        }
        self.is_busy.set(false);
        let next_time = self.tab.borrow().next_time();
        self.timer.set(next_time, clock::now);
    }

    /// Asks for the lock, in place of what was asked before.
    fn request(&self, steal: bool) {
        let number = self.request.get() + 1;
        self.request.set(number);
        let gone = self.lock.take();
        drop(gone);
        let told = self.own.clone();
        let tell = move |fate| {
            with(&told, |inner| {
                if inner.request.get() == number {
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

fn with(inner: &Weak<Inner>, act: impl FnOnce(&Inner)) {
    if let Some(inner) = inner.upgrade() {
        act(&inner);
    }
}

impl fmt::Debug for Shared {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.inner.fmt(f)
    }
}

impl fmt::Debug for Inner {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Shared").field("name", &self.name).field("lock", &self.lock).finish_non_exhaustive()
    }
}

/// When the page is put to sleep, and when it runs again, as far as the browser tells. That it is left and may be stored
/// is not looked for here: whoever has a place among the tabs leaves then.
#[derive(Debug)]
struct FreezeListener {
    document: EventTarget,
    listener: Closure<dyn Fn(Event)>,
}

const FREEZE: &str = "freeze";
const RESUME: &str = "resume";

impl FreezeListener {
    /// Tells whether it runs. A worker has no document, and is told nothing.
    fn listen(turned: impl Fn(bool) + 'static) -> Option<Self> {
        let document = js_sys::Reflect::get(&js_sys::global(), &"document".into()).ok()?.dyn_into().ok()?;
        let listener = Closure::new(move |event: Event| turned(event.type_() == RESUME));
        let page = Self { document, listener };
        for name in [FREEZE, RESUME] {
            // It throws for no listener that is a function.
            let _ = page.document.add_event_listener_with_callback(name, page.listener.as_ref().unchecked_ref());
        }
        Some(page)
    }
}

impl Drop for FreezeListener {
    fn drop(&mut self) {
        for name in [FREEZE, RESUME] {
            let _ = self.document.remove_event_listener_with_callback(name, self.listener.as_ref().unchecked_ref());
        }
    }
}
