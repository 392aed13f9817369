//! Carries out what [`Reconnect`] decides, and tells it what happens: to the connection, the timer and the page.

use std::{
    cell::{Cell, RefCell},
    fmt,
    rc::{Rc, Weak},
    time::Duration,
};

use sse_core::EventId;

use crate::{
    CloseReason, ConnectError, Refusal,
    clock::{self, Timer},
    decoder::RawEvent,
    dispatcher::Dispatcher,
    page::{PageEvent, PageListener},
    reconnect::{Action, Reconnect},
    sink::Sink,
    weak::with,
};

/// Makes connections.
pub(crate) trait Dial {
    /// Makes a connection that resumes after `last_event_id`. It reports to `driver`, but not before this returns.
    fn dial(&self, last_event_id: &EventId, driver: &Weak<Driver>) -> Result<Box<dyn Connection>, ConnectError>;
}

impl Dial for Rc<dyn Dial> {
    fn dial(&self, last_event_id: &EventId, driver: &Weak<Driver>) -> Result<Box<dyn Connection>, ConnectError> {
        (**self).dial(last_event_id, driver)
    }
}

/// A connection, or an attempt at one. Dropping it ends it and removes its listeners.
pub(crate) trait Connection {}

/// Makes one connection after another. It has one owner, who [releases](Self::release) it; everybody else holds it
/// weakly.
pub(crate) struct Driver {
    dispatcher: Dispatcher,
    dial: Box<dyn Dial>,
    connection: RefCell<Option<Box<dyn Connection>>>,
    timer: Timer,
    page: RefCell<Option<PageListener>>,
    /// Set while actions are carried out, so that one that leads back here doesn't start a second round.
    is_performing: Cell<bool>,
    own: Weak<Self>,
}

impl Driver {
    /// Makes the first connection.
    ///
    /// # Errors
    ///
    /// [`ConnectError`] if that fails: trying again would not help.
    pub(crate) fn start(
        reconnect: Reconnect,
        sink: Rc<dyn Sink>,
        dial: Box<dyn Dial>,
    ) -> Result<Rc<Self>, ConnectError> {
        let driver = Self::new(reconnect, sink, dial);
        if let Some(Action::Connect(id)) = driver.dispatcher.poll_action() {
            driver.connection.replace(Some(driver.dial.dial(&id, &driver.own)?));
        }
        driver.run();
        Ok(driver)
    }

    /// A driver that does nothing until it [runs](Self::run).
    pub(crate) fn new(reconnect: Reconnect, sink: Rc<dyn Sink>, dial: Box<dyn Dial>) -> Rc<Self> {
        Rc::new_cyclic(|own: &Weak<Self>| {
            let timed = own.clone();
            Self {
                dispatcher: Dispatcher::new(reconnect, sink),
                dial,
                connection: RefCell::new(None),
                timer: Timer::new(move || with(&timed, Self::handle_timer)),
                page: RefCell::new(None),
                is_performing: Cell::new(false),
                own: own.clone(),
            }
        })
    }

    /// Listens to the page and carries out actions from now on.
    pub(crate) fn run(&self) {
        let own = self.own.clone();
        let page = PageListener::listen(move |event| with(&own, |driver| driver.handle_page_event(event)));
        if page.is_hidden() {
            self.dispatcher.change(|reconnect| reconnect.handle_hidden(clock::now()));
        }
        self.page.replace(Some(page));
        self.perform_actions();
    }

    pub(crate) fn dispatcher(&self) -> &Dispatcher {
        &self.dispatcher
    }

    /// The browser's `EventSource` has read an event.
    pub(crate) fn event(&self, event: RawEvent<'_>) {
        self.dispatcher.handle_browsers_event(event, clock::now());
        self.perform_actions();
    }

    /// See [`Reconnect::handle_refusal`].
    pub(crate) fn refused(&self, refusal: Refusal) {
        self.dispatcher.handle_refusal(refusal, clock::now(), clock::entropy());
        self.perform_actions();
    }

    /// See [`Reconnect::handle_end`].
    pub(crate) fn ended(&self, why: CloseReason) {
        self.change(|reconnect, now| reconnect.handle_end(why, now, clock::entropy()));
    }

    /// Hands any other input to the state machine.
    pub(crate) fn change(&self, change: impl FnOnce(&mut Reconnect, Duration)) {
        self.dispatcher.change(|reconnect| change(reconnect, clock::now()));
        self.perform_actions();
    }

    /// Closes the connection without telling the owner, who has no more use for it.
    pub(crate) fn release(&self) {
        self.dispatcher.end();
        self.change(|reconnect, _| reconnect.close());
    }

    fn handle_timer(&self) {
        self.timer.fired();
        self.change(|reconnect, now| reconnect.handle_time(now, clock::entropy()));
    }

    fn handle_page_event(&self, event: PageEvent) {
        self.change(|reconnect, now| match event {
            PageEvent::Online => reconnect.handle_online(now),
            PageEvent::Offline => reconnect.handle_offline(now),
            PageEvent::Hidden => reconnect.handle_hidden(now),
            PageEvent::Visible => reconnect.handle_visible(now),
            PageEvent::Stored => reconnect.handle_stored(now),
            PageEvent::Restored => reconnect.handle_restored(now),
        });
    }

    /// Carries out all actions that are due. Making or dropping a connection may call back into this driver, so nothing
    /// is borrowed meanwhile; a nested call returns at once and leaves its actions to the outer one.
    pub(crate) fn perform_actions(&self) {
        if self.is_performing.replace(true) {
            return;
        }
        while let Some(action) = self.dispatcher.poll_action() {
            let made = match action {
                Action::Disconnect => None,
                Action::Connect(id) => {
                    let made = self.dial.dial(&id, &self.own);
                    if made.is_err() {
                        // The first attempt succeeded, so the URL is not at fault, and trying again may help.
                        self.dispatcher.change(|reconnect| {
                            reconnect.handle_end(CloseReason::Failed, clock::now(), clock::entropy());
                        });
                    }
                    made.ok()
                }
            };
            let gone = self.connection.replace(made);
            drop(gone);
        }
        self.timer.set(self.dispatcher.next_time(), clock::now);
        if self.dispatcher.state().is_closed() {
            let gone = self.page.take();
            drop(gone);
        }
        self.is_performing.set(false);
    }
}

impl fmt::Debug for Driver {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Driver")
            .field("dispatcher", &self.dispatcher)
            .field("timer", &self.timer)
            .finish_non_exhaustive()
    }
}
