//! Does what a connection's life asks for, and tells it what happens.

use std::{
    cell::{Cell, RefCell},
    fmt,
    rc::{Rc, Weak},
    time::Duration,
};

use crate::{
    ConnectError, Refusal,
    clock::{self, Timer},
    decoder::RawEvent,
    dispatcher::Dispatcher,
    page::{PageEvent, PageListener},
    reconnect::{Action, Reconnect},
    sink::Sink,
    transport::{Connection, Dial},
};

/// One connection after the other. It has one owner, who releases it; everybody else holds it weakly.
pub(crate) struct Driver {
    dispatcher: Dispatcher,
    dial: Box<dyn Dial>,
    connection: RefCell<Option<Box<dyn Connection>>>,
    timer: Timer,
    page: RefCell<Option<PageListener>>,
    /// Whether something is being done.
    is_performing: Cell<bool>,
    own: Weak<Self>,
}

impl Driver {
    /// Makes the first connection. What trying again would not help against is an error.
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

    /// One that does nothing until it [runs](Self::run).
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

    /// Does what there is to do from now on, and listens to the page.
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

    /// An event that the browser's `EventSource` has read.
    pub(crate) fn event(&self, event: RawEvent<'_>) {
        self.dispatcher.handle_browsers_event(event, clock::now());
        self.perform_actions();
    }

    pub(crate) fn refused(&self, refusal: Refusal) {
        self.dispatcher.handle_refusal(refusal, clock::now(), clock::entropy());
        self.perform_actions();
    }

    pub(crate) fn ended(&self) {
        self.change(|reconnect, now| reconnect.handle_end(now, clock::entropy()));
    }

    /// Everything else.
    pub(crate) fn change(&self, change: impl FnOnce(&mut Reconnect, Duration)) {
        self.dispatcher.change(|reconnect| change(reconnect, clock::now()));
        self.perform_actions();
    }

    /// The owner wants no more of it, and does not want to be told either.
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

    /// Does what there is to do. Nothing is borrowed while a connection is let go of or made: that may lead back here,
    /// and then it is for whoever was here first to go on until all is done.
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
                        // It went well before, so this is nothing about the URL.
                        self.dispatcher.change(|reconnect| reconnect.handle_end(clock::now(), clock::entropy()));
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

/// Does something with a driver that is still there.
pub(crate) fn with(driver: &Weak<Driver>, act: impl FnOnce(&Driver)) {
    if let Some(driver) = driver.upgrade() {
        act(&driver);
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
