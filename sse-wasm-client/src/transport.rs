//! How a stream is fetched: by the browser's `EventSource`, or by `fetch`.

mod event_source;
mod fetch;
mod header_provider;

use std::fmt;

use js_sys::{Error, Reflect};
use sse_core::EventName;
use wasm_bindgen::{JsCast, JsValue};
use web_sys::Url;

use crate::{ConnectError, driver::Dial, reconnect::Settings, transport_options::TransportOptions};

pub use event_source::ByEventSource;
pub use fetch::{ByFetch, Credentials};
pub(crate) use header_provider::HeaderProvider;

/// How a stream is fetched: [`ByEventSource`] or [`ByFetch`], or one of these [`AcrossTabs`](crate::AcrossTabs). This
/// trait is sealed.
#[expect(private_bounds, reason = "that is what seals it")]
pub trait Transport: Sealed + fmt::Debug + 'static {}

impl<V: Sealed + fmt::Debug + 'static> Transport for V {}

pub(crate) trait Sealed {
    /// Returns what makes connections to `url`, which is absolute. They report events with one of `names` and the hub's
    /// own, and may report others. `settings` are the driver's; a transport that has drivers of its own may take some.
    fn dialer(self, url: String, names: &[EventName], settings: &mut Settings) -> Result<Box<dyn Dial>, ConnectError>;
}

/// A transport whose connections tabs can share. Tabs share one if their transports have the same options.
pub(crate) trait Sharable: Sealed {
    fn options(&self) -> TransportOptions<'_>;

    /// Returns the error that the browser would refuse a connection with.
    fn check(&self, _url: &str) -> Result<(), ConnectError> {
        Ok(())
    }
}

/// Resolves `url` against the page's address as of now, which may be another by the next connection.
pub(crate) fn absolute(url: &str) -> Result<String, ConnectError> {
    let base = base();
    let resolved = if base.is_empty() { Url::new(url) } else { Url::new_with_base(url, &base) };
    Ok(resolved.map_err(|thrown| refused_url(url, thrown))?.href())
}

/// What URLs are relative to: a document's base, or a worker's own address; empty where there is neither.
fn base() -> String {
    let member = |of: &JsValue, name: &str| Reflect::get(of, &name.into()).unwrap_or_default();
    let global = js_sys::global();
    let base = match member(&global, "document") {
        document if document.is_object() => member(&document, "baseURI"),
        _ => member(&member(&global, "location"), "href"),
    };
    base.as_string().unwrap_or_default()
}

fn refused(thrown: JsValue) -> ConnectError {
    ConnectError::Browser { message: message(thrown) }
}

fn refused_url(url: &str, thrown: JsValue) -> ConnectError {
    ConnectError::Url { url: url.to_owned(), message: message(thrown) }
}

fn refused_header(name: &str, thrown: JsValue) -> ConnectError {
    ConnectError::Header { name: name.to_owned(), message: message(thrown) }
}

/// The text of an exception.
fn message(thrown: JsValue) -> String {
    match thrown.dyn_into::<Error>() {
        Ok(error) => error.message().into(),
        Err(other) => format!("{other:?}"),
    }
}
