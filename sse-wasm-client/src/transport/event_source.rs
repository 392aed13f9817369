//! The browser's own `EventSource`.

use std::{borrow::Cow, rc::Weak};

use sse_core::{
    EventId, EventName,
    hub::names::event::{CURSOR, DRAIN, END, GAP},
};
use wasm_bindgen::{JsCast, closure::Closure};
use web_sys::{Event, EventSource, EventSourceInit, MessageEvent};

use super::{Sealed, Sharable, refused, refused_url};
use crate::{
    ConnectError, Refusal,
    decoder::RawEvent,
    driver::{Connection, Dial, Driver},
    reconnect::Settings,
    transport_options::TransportOptions,
    url,
    weak::with,
};

/// The browser's own events: a response has begun; the connection is lost or refused. A server's events may have these
/// names too.
const OPEN: &str = "open";
const ERROR: &str = "error";

/// The name of events without one. They are listened for in any case, as signs of life and for their IDs.
const MESSAGE: &str = "message";

/// The browser's own `EventSource`, which adds no code to the page. It tells no status and sends no headers.
#[derive(Debug, Default)]
pub struct ByEventSource {
    pub(crate) with_credentials: bool,
}

impl Sealed for ByEventSource {
    fn dialer(self, url: String, names: &[EventName], _: &mut Settings) -> Result<Box<dyn Dial>, ConnectError> {
        let own = [OPEN, ERROR, MESSAGE, CURSOR, GAP, DRAIN, END];
        let others = names.iter().map(EventName::as_str).filter(|name| !own.contains(name));
        let names = own.into_iter().chain(others).map(String::from).collect();
        Ok(Box::new(EventSourceDialer { url, with_credentials: self.with_credentials, names }))
    }
}

impl Sharable for ByEventSource {
    fn options(&self) -> TransportOptions<'_> {
        TransportOptions::EventSource { with_credentials: self.with_credentials }
    }
}

struct EventSourceDialer {
    url: String,
    with_credentials: bool,
    /// What to listen for, without duplicates.
    names: Vec<String>,
}

impl Dial for EventSourceDialer {
    fn dial(&self, last_event_id: &EventId, driver: &Weak<Driver>) -> Result<Box<dyn Connection>, ConnectError> {
        let mut url = Cow::Borrowed(&self.url);
        if !last_event_id.text().is_empty() {
            url = Cow::Owned(url::with_last_event_id(&url, last_event_id));
        }
        let init = EventSourceInit::new();
        init.set_with_credentials(self.with_credentials);
        let source =
            EventSource::new_with_event_source_init_dict(&url, &init).map_err(|thrown| refused_url(&url, thrown))?;
        let (driver, own) = (driver.clone(), source.clone());
        let listener = Closure::new(move |event: Event| with(&driver, |driver| handle(driver, &own, event)));
        let mut connection = EventSourceConnection { source, names: Vec::new(), listener };
        for name in &self.names {
            connection.listen(name)?;
        }
        Ok(Box::new(connection))
    }
}

struct EventSourceConnection {
    source: EventSource,
    /// What `listener` is registered for.
    names: Vec<String>,
    listener: Closure<dyn Fn(Event)>,
}

impl Connection for EventSourceConnection {}

impl EventSourceConnection {
    fn listen(&mut self, name: &str) -> Result<(), ConnectError> {
        let listener = self.listener.as_ref().unchecked_ref();
        self.source.add_event_listener_with_callback(name, listener).map_err(refused)?;
        self.names.push(name.to_owned());
        Ok(())
    }
}

impl Drop for EventSourceConnection {
    fn drop(&mut self) {
        let listener = self.listener.as_ref().unchecked_ref();
        for name in &self.names {
            // It never throws for a name that could be added.
            let _ = self.source.remove_event_listener_with_callback(name, listener);
        }
        self.source.close();
    }
}

/// Tells the server's events from the browser's own: the server's are message events, whatever their name.
fn handle(driver: &Driver, source: &EventSource, event: Event) {
    let name = event.type_();
    match event.dyn_into::<MessageEvent>() {
        Ok(event) => driver.event(RawEvent {
            name: &name,
            data: &event.data().as_string().unwrap_or_default(),
            id: &event.last_event_id(),
            origin: &event.origin().into(),
        }),
        Err(_) if name == OPEN => driver.change(|reconnect, now| reconnect.handle_head(None, now)),
        Err(_) if name == ERROR => match source.ready_state() {
            EventSource::CLOSED => driver.refused(Refusal::default()),
            EventSource::CONNECTING => driver.change(|reconnect, now| reconnect.handle_lost(now)),
            _ => {}
        },
        Err(_) => {}
    }
}
