//! How a stream is got: by the browser's `EventSource`, or by `fetch`.

mod event_source;
mod fetch;

use std::{fmt, rc::Weak};

use js_sys::Error;
use sse_core::EventId;
use wasm_bindgen::{JsCast, JsValue};

use crate::{ConnectError, driver::Driver};

pub use event_source::ByEventSource;
pub use fetch::{ByFetch, Credentials};

/// How a stream is got: [`ByEventSource`] or [`ByFetch`]. There are no others.
#[expect(private_bounds, reason = "that is what seals it")]
pub trait Transport: Sealed + fmt::Debug + 'static {}

impl<V: Sealed + fmt::Debug + 'static> Transport for V {}

pub(crate) trait Sealed {
    /// What makes connections to this URL. They need only tell events of these names, and the hub's.
    fn dial(self, url: String, names: &[String]) -> Box<dyn Dial>;
}

/// Makes connections.
pub(crate) trait Dial {
    /// Makes one that goes on after this ID, and tells the driver what becomes of it, but not before this returns.
    fn dial(&self, last_event_id: &EventId, driver: &Weak<Driver>) -> Result<Box<dyn Connection>, ConnectError>;
}

/// A connection. Dropping it lets go of it, and of every listener.
pub(crate) trait Connection {}

fn refusal(thrown: JsValue) -> ConnectError {
    ConnectError::Browser(match thrown.dyn_into::<Error>() {
        Ok(error) => error.message().into(),
        Err(other) => format!("{other:?}"),
    })
}
