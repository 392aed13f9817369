//! How a stream is got: by the browser's `EventSource`, or by `fetch`.

mod asked;
mod event_source;
mod fetch;

use std::{
    fmt,
    hash::Hash,
    rc::{Rc, Weak},
};

use js_sys::{Error, Reflect};
use sse_core::{EventId, EventName};
use wasm_bindgen::{JsCast, JsValue};
use web_sys::Url;

use crate::{ConnectError, driver::Driver, reconnect::Settings};

pub(crate) use asked::Asked;
pub use event_source::ByEventSource;
pub use fetch::{ByFetch, Credentials};

/// How a stream is got: [`ByEventSource`] or [`ByFetch`], and [`AcrossTabs`](crate::AcrossTabs) by one of these. There
/// are no others.
#[expect(private_bounds, reason = "that is what seals it")]
pub trait Transport: Sealed + fmt::Debug + 'static {}

impl<V: Sealed + fmt::Debug + 'static> Transport for V {}

pub(crate) trait Sealed {
    /// What makes connections to this absolute URL, whose lives are lived by these settings. They need only tell events
    /// of these names, and the hub's.
    fn dial(self, url: String, names: &[EventName], settings: &mut Settings) -> Result<Box<dyn Dial>, ConnectError>;
}

/// One whose connections can be shared, by all to whom it is equal.
pub(crate) trait Sharable: Sealed + Hash {
    /// What it is called.
    const NAME: &str;

    /// What the browser would refuse is refused here.
    fn check(&self, _url: &str) -> Result<(), ConnectError> {
        Ok(())
    }
}

/// Makes connections.
pub(crate) trait Dial {
    /// Makes one that goes on after this ID, and tells the driver what becomes of it, but not before this returns.
    fn dial(&self, last_event_id: &EventId, driver: &Weak<Driver>) -> Result<Box<dyn Connection>, ConnectError>;
}

impl Dial for Rc<dyn Dial> {
    fn dial(&self, last_event_id: &EventId, driver: &Weak<Driver>) -> Result<Box<dyn Connection>, ConnectError> {
        (**self).dial(last_event_id, driver)
    }
}

/// A connection. Dropping it lets go of it, and of every listener.
pub(crate) trait Connection {}

/// The URL as the page means it now: later, it may have another address of its own.
pub(crate) fn absolute(url: &str) -> Result<String, ConnectError> {
    let base = base();
    let resolved = if base.is_empty() { Url::new(url) } else { Url::new_with_base(url, &base) };
    Ok(resolved.map_err(|thrown| refusal_of("URL", url, thrown))?.href())
}

/// What URLs are relative to: a document's base, or a worker's own address; empty where there is none.
fn base() -> String {
    let member = |of: &JsValue, name: &str| Reflect::get(of, &name.into()).unwrap_or_default();
    let global = js_sys::global();
    let base = match member(&global, "document") {
        document if document.is_object() => member(&document, "baseURI"),
        _ => member(&member(&global, "location"), "href"),
    };
    base.as_string().unwrap_or_default()
}

fn refusal(thrown: JsValue) -> ConnectError {
    ConnectError::Browser(["the connection: ", &words(thrown)].concat())
}

/// The same, of something that the application has said.
fn refusal_of(what: &str, value: &str, thrown: JsValue) -> ConnectError {
    ConnectError::Browser(["the ", what, " `", value, "`: ", &words(thrown)].concat())
}

fn words(thrown: JsValue) -> String {
    match thrown.dyn_into::<Error>() {
        Ok(error) => error.message().into(),
        Err(other) => format!("{other:?}"),
    }
}
