//! `fetch`, with sse-core's parser on what it brings.

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

use super::{Asked, Connection, Dial, Sealed, Sharable, refusal, refusal_of};
use crate::{
    ConnectError, Problem, Refusal,
    answer::{self, Answer},
    clock,
    decoder::RawEvent,
    driver::{Driver, with},
    reconnect::Settings,
    url,
};

#[wasm_bindgen]
extern "C" {
    /// The global function, in a page as in a worker. One that a page has put there may throw.
    #[wasm_bindgen(catch)]
    fn fetch(request: &Request) -> Result<Promise, JsValue>;
}

/// How much of a refusal's body is read: a problem's details are a few lines.
const MAX_PROBLEM: usize = 16 << 10;

/// `data` and two line ends: no event is shorter. So that many bytes hold no more than one event each, and the first
/// may end one that had begun before.
const SHORTEST_EVENT: usize = 6;

/// `fetch`, which can send headers and a body, and tells what the server answers.
#[derive(Debug, Default, Hash)]
pub struct ByFetch {
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) asked: Option<Asked>,
    pub(crate) body: Option<String>,
    pub(crate) credentials: Credentials,
    pub(crate) limits: Limits,
    pub(crate) id_in_query: bool,
}

/// To whom `fetch` sends cookies, and whose it keeps.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash)]
pub enum Credentials {
    /// Nobody.
    Omit,
    /// The page's own origin. As in the browser, this is the default.
    #[default]
    SameOrigin,
    /// Other origins too, if they allow it by name.
    Include,
}

impl Sealed for ByFetch {
    fn dial(self, url: String, _: &[EventName], _: &mut Settings) -> Result<Box<dyn Dial>, ConnectError> {
        Ok(Box::new(Fetches { url, with: self }))
    }
}

impl Sharable for ByFetch {
    const NAME: &str = "fetch";

    fn check(&self, url: &str) -> Result<(), ConnectError> {
        let controller = AbortController::new().map_err(refusal)?;
        self.request(url, &EventId::default(), &controller).map(drop)
    }
}

struct Fetches {
    url: String,
    with: ByFetch,
}

impl Dial for Fetches {
    fn dial(&self, last_event_id: &EventId, driver: &Weak<Driver>) -> Result<Box<dyn Connection>, ConnectError> {
        let controller = AbortController::new().map_err(refusal)?;
        let request = self.with.request(&self.url, last_event_id, &controller)?;
        let mut parser = Parser::with_limits(self.with.limits);
        // An ID that could not be set was refused when it was made.
        let _ = parser.set_last_event_id(last_event_id.as_str());
        let live = Rc::new(Cell::new(true));
        let following = Following { driver: driver.clone(), parser, live: Rc::clone(&live), buffer: Vec::new() };
        let (task, handle) = abortable(following.run(request, self.with.asked.clone()));
        spawn_local(async {
            let _ = task.await; // aborted or done: all the same
        });
        Ok(Box::new(Open { live, controller, task: handle }))
    }
}

impl ByFetch {
    fn request(
        &self,
        url: &str,
        last_event_id: &EventId,
        controller: &AbortController,
    ) -> Result<Request, ConnectError> {
        let headers = Headers::new().map_err(refusal)?;
        headers.set("Accept", "text/event-stream").map_err(refusal)?;
        for (name, value) in &self.headers {
            headers.set(name, value).map_err(|thrown| refusal_of("header", name, thrown))?;
        }
        let mut url = url.to_owned();
        if !last_event_id.text().is_empty() {
            if self.id_in_query {
                url = url::with_last_event_id(&url, last_event_id);
            } else {
                url = url::with_last_event_id(&url, &EventId::default());
                headers.set("Last-Event-ID", &answer::header_value(last_event_id)).map_err(refusal)?;
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
        // Sends `Cache-Control: no-cache` too. As a header of ours it would need leave from another origin.
        init.set_cache(RequestCache::NoStore);
        init.set_signal(Some(&controller.signal()));
        Request::new_with_str_and_init(&url, &init).map_err(|thrown| refusal_of("URL", &url, thrown))
    }
}

struct Open {
    live: Rc<Cell<bool>>,
    controller: AbortController,
    task: AbortHandle,
}

impl Connection for Open {}

impl Drop for Open {
    fn drop(&mut self) {
        self.live.set(false);
        self.controller.abort();
        self.task.abort();
    }
}

/// What reads one answer. It holds the driver only while it has something to tell.
struct Following {
    driver: Weak<Driver>,
    parser: Parser,
    /// False once the connection is dropped. That may happen while one event of many is handed over.
    live: Rc<Cell<bool>>,
    /// Used again for every chunk.
    buffer: Vec<u8>,
}

impl Following {
    async fn run(mut self, request: Request, asked: Option<Asked>) {
        if let Some(asked) = asked {
            let given = asked.put_into(&request.headers()).await;
            if !given || !self.live.get() {
                return self.ended();
            }
        }
        let answered = match fetch(&request) {
            Ok(promise) => JsFuture::from(promise).await,
            Err(thrown) => Err(thrown),
        };
        match answered {
            Ok(response) => self.answer(&response.unchecked_into()).await,
            Err(_) => self.ended(), // not reached, or not allowed to: a page is not told which
        }
    }

    /// Nothing more will come. What the page does while it is asked for headers may have dropped the connection.
    fn ended(&self) {
        if self.live.get() {
            with(&self.driver, Driver::ended);
        }
    }

    async fn answer(&mut self, response: &Response) {
        let headers = response.headers();
        let head = |name| headers.get(name).ok().flatten();
        let answer =
            Answer { status: response.status(), content_type: head("content-type"), heartbeat: head("sse-heartbeat") };
        let mut body = Body::of(response);
        if answer.is_stream() {
            with(&self.driver, |driver| driver.change(|reconnect, now| reconnect.handle_head(answer.heartbeat(), now)));
            let origin = answer::origin(&response.url());
            while let Some(len) = body.read(&mut self.buffer).await {
                self.feed(len, &origin).await;
            }
            self.ended();
        } else {
            let retry_after = head("retry-after").and_then(|value| retry_after(&value));
            let mut problem = None;
            if answer.is_json() {
                problem = Problem::read(&body.start(MAX_PROBLEM).await);
            }
            let refusal = Refusal { status: Some(answer.status), problem, retry_after };
            with(&self.driver, |driver| driver.refused(refusal));
        }
    }

    /// Reads what is in the buffer, no faster than the application takes it.
    async fn feed(&mut self, len: usize, origin: &Text) {
        let mut start = 0;
        while start < len {
            let Some(driver) = self.driver.upgrade() else { return };
            let now = clock::now();
            let dispatcher = driver.dispatcher();
            let sink = Rc::clone(dispatcher.sink());
            if sink.is_tight() {
                driver.change(|reconnect, now| reconnect.handle_hold(true, now));
                drop(driver); // its owner may drop it meanwhile
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

/// The body of an answer, as it comes.
struct Body(Option<ReadableStreamDefaultReader>);

impl Body {
    fn of(response: &Response) -> Self {
        Self(response.body().and_then(|body| body.get_reader().dyn_into().ok()))
    }

    /// Puts the next chunk at the start of the buffer, and tells its length. `None` says that it has ended, or broken.
    async fn read(&mut self, buffer: &mut Vec<u8>) -> Option<usize> {
        let read = JsFuture::from(self.0.as_ref()?.read()).await.ok()?;
        let chunk: Uint8Array = Reflect::get(&read, &"value".into()).ok()?.dyn_into().ok()?;
        let len = chunk.length() as usize;
        if buffer.len() < len {
            buffer.resize(len, 0);
        }
        chunk.copy_to(&mut buffer[..len]);
        Some(len)
    }

    /// The first bytes of it.
    async fn start(&mut self, most: usize) -> Vec<u8> {
        let (mut start, mut buffer) = (Vec::new(), Vec::new());
        while start.len() < most
            && let Some(len) = self.read(&mut buffer).await
        {
            start.extend_from_slice(&buffer[..len]);
        }
        start.truncate(most);
        start
    }
}

/// The time that a `Retry-After` names: seconds, or until a date.
fn retry_after(value: &str) -> Option<Duration> {
    answer::retry_after_seconds(value).or_else(|| {
        let milliseconds = Date::parse(value) - Date::now();
        (!milliseconds.is_nan()).then(|| Duration::from_millis(milliseconds.max(0.0) as u64))
    })
}
