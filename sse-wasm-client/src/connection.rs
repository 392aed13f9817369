//! The browser's `EventSource` with our listener on it.

use std::rc::Rc;

use js_sys::Error;
use sse_core::{EventId, EventName};
use wasm_bindgen::{JsCast, JsValue, closure::Closure};
use web_sys::{Event, EventSource, EventSourceInit, MessageEvent};

use crate::{
    ConnectError, Delivery, Message,
    inbox::Inbox,
    signal::{CURSOR, DRAIN, GAP},
};

/// The browser's own event for a connection that is lost or refused. A server may name its events so too.
const ERROR: EventName = EventName::from_static("error");

/// An open `EventSource`. Dropping it takes the listener off and closes.
#[derive(Debug)]
pub(crate) struct Connection {
    source: EventSource,
    /// What `listener` is registered for, each name once.
    names: Vec<EventName>,
    listener: Closure<dyn Fn(Event)>,
}

impl Connection {
    /// Opens it and puts all that it says into the inbox.
    pub(crate) fn open<T: 'static>(
        url: &str,
        with_credentials: bool,
        names: &[EventName],
        inbox: Rc<Inbox<T>>,
    ) -> Result<Self, ConnectError> {
        let init = EventSourceInit::new();
        init.set_with_credentials(with_credentials);
        let source = EventSource::new_with_event_source_init_dict(url, &init).map_err(refusal)?;
        let listener = Closure::new(move |event: Event| hear(&inbox, event));
        let mut connection = Self { source, names: Vec::new(), listener };
        for name in [ERROR, CURSOR, GAP, DRAIN].iter().chain(names) {
            connection.listen(name)?;
        }
        Ok(connection)
    }

    fn listen(&mut self, name: &EventName) -> Result<(), ConnectError> {
        if self.names.contains(name) {
            return Ok(()); // `error`, asked for by the application too
        }
        let listener = self.listener.as_ref().unchecked_ref();
        self.source.add_event_listener_with_callback(name.as_str(), listener).map_err(refusal)?;
        self.names.push(name.clone());
        Ok(())
    }
}

impl Drop for Connection {
    fn drop(&mut self) {
        let listener = self.listener.as_ref().unchecked_ref();
        for name in &self.names {
            // It throws for no name that could be added.
            let _ = self.source.remove_event_listener_with_callback(name.as_str(), listener);
        }
        self.source.close();
    }
}

/// Tells the server's events from the browser's own: those of the server have data, whatever their name.
fn hear<T>(inbox: &Inbox<T>, event: Event) {
    match event.dyn_into::<MessageEvent>() {
        Ok(event) => inbox.handle_event(delivery(&event)),
        Err(event) if event.type_() == ERROR.as_str() => match ready_state(&event) {
            Some(EventSource::CLOSED) => inbox.handle_refused(),
            Some(EventSource::CONNECTING) => inbox.handle_lost(),
            _ => {}
        },
        Err(_) => {} // `open`, which says nothing that the first event does not say better
    }
}

fn ready_state(event: &Event) -> Option<u16> {
    event.target()?.dyn_ref().map(EventSource::ready_state)
}

/// A browser has already taken out of name and ID what can't stand there, so the checks don't fail.
fn delivery(event: &MessageEvent) -> Delivery<Message> {
    Delivery {
        value: Message {
            name: EventName::new(event.type_()).unwrap_or_default(),
            data: event.data().as_string().unwrap_or_default().into(),
        },
        id: EventId::new(event.last_event_id()).unwrap_or_default(),
        origin: event.origin().into(),
    }
}

fn refusal(thrown: JsValue) -> ConnectError {
    ConnectError::Browser(match thrown.dyn_into::<Error>() {
        Ok(error) => error.message().into(),
        Err(other) => format!("{other:?}"),
    })
}
