//! `fetch`, whose responses are read by sse-core's parser.

use std::{
    cell::Cell,
    future::poll_fn,
    rc::{Rc, Weak},
    time::Duration,
};

use futures_util::future::{AbortHandle, abortable};
use js_sys::{Date, Promise, Reflect, Uint8Array};
use sse_core::{EventId, EventName, Item, Limits, Parser, Text};
use wasm_bindgen::{JsCast, JsValue, prelude::wasm_bindgen};
use wasm_bindgen_futures::{JsFuture, spawn_local};
use web_sys::{
    AbortController, Headers, ReadableStreamDefaultReader, Request, RequestCache, RequestCredentials, RequestInit,
    Response,
};

use super::{HeaderProvider, Sealed, Sharable, refused, refused_header, refused_url};
use crate::{
    CloseReason, ConnectError, Problem, Refusal, clock,
    decoder::RawEvent,
    driver::{Connection, Dial, Driver},
    reconnect::Settings,
    response::{self, ResponseHead},
    transport_options::TransportOptions,
    url,
    weak::with,
};

#[wasm_bindgen]
extern "C" {
    /// The global function, in a page as in a worker. It throws only if the page has replaced it.
    #[wasm_bindgen(catch)]
    fn fetch(request: &Request) -> Result<Promise, JsValue>;
}

/// The status that tells a client not to connect again.
const NO_CONTENT: u16 = 204;

/// How many bytes of a refusal's body are read: problem details take a few lines.
const MAX_PROBLEM: usize = 16 << 10;

/// The length in bytes of the shortest event, `data` and two line ends: n times as many bytes complete at most n
/// events, counting one that began before them.
const SHORTEST_EVENT: usize = 6;

/// `fetch`, which sends headers and a body, and tells the status and the body of a refusal.
#[derive(Debug, Default)]
pub struct ByFetch {
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) header_provider: Option<HeaderProvider>,
    pub(crate) body: Option<String>,
    pub(crate) credentials: Credentials,
    pub(crate) limits: Limits,
    pub(crate) last_event_id_in_query: bool,
}

/// Which servers `fetch` sends cookies to, and accepts them from.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Credentials {
    /// None.
    Omit,
    /// Those of the page's own origin. The default, as in the browser.
    #[default]
    SameOrigin,
    /// Those of other origins too, if they allow the page's origin by name.
    Include,
}

impl Sealed for ByFetch {
    fn dialer(self, url: String, _: &[EventName], _: &mut Settings) -> Result<Box<dyn Dial>, ConnectError> {
        Ok(Box::new(FetchDialer { url, by: self }))
    }
}

impl Sharable for ByFetch {
    fn options(&self) -> TransportOptions<'_> {
        TransportOptions::Fetch {
            headers: &self.headers,
            has_header_provider: self.header_provider.is_some(),
            body: self.body.as_deref(),
            credentials: match self.credentials {
                Credentials::Omit => "omit",
                Credentials::SameOrigin => "same-origin",
                Credentials::Include => "include",
            },
            last_event_id_in_query: self.last_event_id_in_query,
            limits: self.limits,
        }
    }

    fn check(&self, url: &str) -> Result<(), ConnectError> {
        let controller = AbortController::new().map_err(refused)?;
        self.request(url, &EventId::default(), &controller).map(drop)
    }
}

struct FetchDialer {
    url: String,
    by: ByFetch,
}

impl Dial for FetchDialer {
    fn dial(&self, last_event_id: &EventId, driver: &Weak<Driver>) -> Result<Box<dyn Connection>, ConnectError> {
        let controller = AbortController::new().map_err(refused)?;
        let request = self.by.request(&self.url, last_event_id, &controller)?;
        let mut parser = Parser::with_limits(self.by.limits);
        // It never fails: an `EventId` was checked when it was made.
        let _ = parser.set_last_event_id(last_event_id.as_str());
        let live = Rc::new(Cell::new(true));
        let exchange = Exchange { driver: driver.clone(), parser, live: Rc::clone(&live), buffer: Vec::new() };
        let (task, handle) = abortable(exchange.run(request, self.by.header_provider.clone()));
        spawn_local(async {
            let _ = task.await; // whether it was aborted does not matter
        });
        Ok(Box::new(FetchConnection { live, controller, task: handle }))
    }
}

impl ByFetch {
    fn request(
        &self,
        url: &str,
        last_event_id: &EventId,
        controller: &AbortController,
    ) -> Result<Request, ConnectError> {
        let headers = Headers::new().map_err(refused)?;
        headers.set("Accept", "text/event-stream").map_err(refused)?;
        for (name, value) in &self.headers {
            headers.set(name, value).map_err(|thrown| refused_header(name, thrown))?;
        }
        let mut url = url.to_owned();
        if !last_event_id.text().is_empty() {
            if self.last_event_id_in_query {
                url = url::with_last_event_id(&url, last_event_id);
            } else {
                url = url::with_last_event_id(&url, &EventId::default());
                headers.set("Last-Event-ID", &response::header_value(last_event_id)).map_err(refused)?;
            }
        }
        let init = RequestInit::new();
        init.set_headers(&headers);
        if let Some(body) = &self.body {
            init.set_method("POST");
            init.set_body(&JsValue::from_str(body));
        }
        init.set_credentials(match self.credentials {
            Credentials::Omit => RequestCredentials::Omit,
            Credentials::SameOrigin => RequestCredentials::SameOrigin,
            Credentials::Include => RequestCredentials::Include,
        });
        // This also sends `Cache-Control: no-cache`, which as a header of our own would take a preflight.
        init.set_cache(RequestCache::NoStore);
        init.set_signal(Some(&controller.signal()));
        Request::new_with_str_and_init(&url, &init).map_err(|thrown| refused_url(&url, thrown))
    }
}

struct FetchConnection {
    live: Rc<Cell<bool>>,
    controller: AbortController,
    task: AbortHandle,
}

impl Connection for FetchConnection {}

impl Drop for FetchConnection {
    fn drop(&mut self) {
        self.live.set(false);
        self.controller.abort();
        self.task.abort();
    }
}

/// One request and its response. It holds the driver only while it has something to report.
struct Exchange {
    driver: Weak<Driver>,
    parser: Parser,
    /// Cleared when the connection is dropped, which may happen while one of several events is dispatched.
    live: Rc<Cell<bool>>,
    /// Reused for every chunk.
    buffer: Vec<u8>,
}

impl Exchange {
    async fn run(mut self, request: Request, header_provider: Option<HeaderProvider>) {
        if let Some(provider) = header_provider {
            let are_set = provider.set_on(&request.headers()).await;
            if !are_set || !self.live.get() {
                return self.ended(CloseReason::Failed);
            }
        }
        let response = match fetch(&request) {
            Ok(promise) => JsFuture::from(promise).await,
            Err(thrown) => Err(thrown),
        };
        match response {
            Ok(response) => self.handle_response(&response.unchecked_into()).await,
            Err(_) => self.ended(CloseReason::Failed), // unreachable or forbidden by CORS: a page is not told which
        }
    }

    /// Reports that nothing more will come, unless the application dropped the connection while it provided headers.
    fn ended(&self, why: CloseReason) {
        if self.live.get() {
            with(&self.driver, |driver| driver.ended(why));
        }
    }

    async fn handle_response(&mut self, response: &Response) {
        let headers = response.headers();
        let header = |name| headers.get(name).ok().flatten();
        let head = ResponseHead {
            status: response.status(),
            content_type: header("content-type"),
            heartbeat: header("sse-heartbeat"),
        };
        let mut body = Body::of(response);
        if head.is_stream() {
            with(&self.driver, |driver| driver.change(|reconnect, now| reconnect.handle_head(head.heartbeat(), now)));
            let origin = response::origin(&response.url());
            let why = loop {
                match body.read(&mut self.buffer).await {
                    Some(0) => break CloseReason::Ended,
                    Some(len) => self.feed(len, &origin).await,
                    None => break CloseReason::Failed,
                }
            };
            self.ended(why);
        } else if head.status == NO_CONTENT {
            with(&self.driver, |driver| driver.change(|reconnect, _| reconnect.handle_last()));
        } else {
            let retry_after = header("retry-after").and_then(|value| retry_after(&value));
            let mut problem = None;
            if head.is_json() {
                problem = Problem::parse(&body.read_start(MAX_PROBLEM).await);
            }
            let refusal = Refusal { status: Some(head.status), problem, retry_after };
            with(&self.driver, |driver| driver.refused(refusal));
        }
    }

    /// Parses the first `len` bytes of the buffer, no faster than the application takes events.
    async fn feed(&mut self, len: usize, origin: &Text) {
        let mut start = 0;
        while start < len {
            let Some(driver) = self.driver.upgrade() else { return };
            let now = clock::now();
            let dispatcher = driver.dispatcher();
            let sink = Rc::clone(dispatcher.sink());
            if sink.is_tight() {
                driver.change(|reconnect, now| reconnect.handle_hold(true, now));
                drop(driver); // or the wait would keep it alive
                poll_fn(|context| sink.poll_room(context)).await;
                with(&self.driver, |driver| driver.change(|reconnect, now| reconnect.handle_hold(false, now)));
                continue;
            }
            let end = len.min(start.saturating_add(sink.room().saturating_mul(SHORTEST_EVENT)));
            dispatcher.change(|reconnect| reconnect.handle_heard(now));
            self.parser.feed(&self.buffer[start..end], |item| match item {
                _ if !self.live.get() => {}
                Item::Event(event) => {
                    dispatcher
                        .handle_event(RawEvent { name: event.name(), data: event.data(), id: event.id(), origin }, now);
                }
                Item::Retry(time) => dispatcher.change(|reconnect| reconnect.handle_retry(time)),
                Item::Dropped(limit) => dispatcher.handle_too_long(limit),
                _ => {}
            });
            if self.live.get() {
                dispatcher.change(|reconnect| reconnect.handle_id(self.parser.last_event_id()));
            }
            driver.perform_actions();
            start = end;
        }
    }
}

/// The body of a response, chunk by chunk.
struct Body(Option<ReadableStreamDefaultReader>);

impl Body {
    fn of(response: &Response) -> Self {
        Self(response.body().and_then(|body| body.get_reader().dyn_into().ok()))
    }

    /// Copies the next chunk to the start of `buffer` and returns its length: 0 once the body has ended, `None` if it
    /// has failed.
    async fn read(&mut self, buffer: &mut Vec<u8>) -> Option<usize> {
        let Some(reader) = &self.0 else { return Some(0) };
        loop {
            let read = JsFuture::from(reader.read()).await.ok()?;
            let chunk = Reflect::get(&read, &"value".into()).ok()?;
            if chunk.is_undefined() {
                return Some(0);
            }
            let chunk: Uint8Array = chunk.dyn_into().ok()?;
            let len = chunk.length() as usize;
            if len == 0 {
                continue;
            }
            if buffer.len() < len {
                buffer.resize(len, 0);
            }
            chunk.copy_to(&mut buffer[..len]);
            return Some(len);
        }
    }

    /// Reads up to `max` bytes.
    async fn read_start(&mut self, max: usize) -> Vec<u8> {
        let (mut start, mut buffer) = (Vec::new(), Vec::new());
        while start.len() < max
            && let Some(len @ 1..) = self.read(&mut buffer).await
        {
            start.extend_from_slice(&buffer[..len]);
        }
        start.truncate(max);
        start
    }
}

/// How long a `Retry-After` asks to wait, given in seconds or as a date.
fn retry_after(value: &str) -> Option<Duration> {
    response::retry_after_seconds(value).or_else(|| {
        let milliseconds = Date::parse(value) - Date::now();
        (!milliseconds.is_nan()).then(|| Duration::from_millis(milliseconds.max(0.0) as u64))
    })
}
