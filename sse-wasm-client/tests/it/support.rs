//! A hub to publish to, timeouts, and counts of what `EventSource`s hold.

use std::{cell::Cell, future::Future, pin::pin};

use futures_util::{
    Stream, StreamExt,
    future::{Either, select},
};
use js_sys::{Array, Date, Promise};
use serde::{Deserialize, Serialize};
use sse_wasm_client::{EventId, Signal, Signals, State, typed};
use wasm_bindgen::{JsCast, JsValue, prelude::wasm_bindgen};
use wasm_bindgen_futures::JsFuture;
use web_sys::{RequestInit, Response};

/// The address of the hub, which allows the tests' page.
pub(crate) const HUB: &str = env!("SSE_TEST_HUB", "run these tests by `cargo xtask test --only wasm-tests`");

/// A timeout that is long enough for a slow machine.
const PATIENCE_MS: i32 = 10_000;

/// A topic of its own for each test and run.
pub(crate) fn topic() -> String {
    thread_local!(static COUNT: Cell<u32> = const { Cell::new(0) });
    COUNT.set(COUNT.get() + 1);
    format!("wasm-client/{}/{}", Date::now(), COUNT.get())
}

/// The URL of the topic's stream.
pub(crate) fn events(topic: &str) -> String {
    format!("{HUB}/events?topic={topic}")
}

/// Publishes an event and returns its ID.
pub(crate) async fn publish(topic: &str, name: &str, data: &str) -> EventId {
    #[derive(Deserialize)]
    struct Published {
        id: String,
    }
    let url = format!("{HUB}/publish/{topic}?event={name}");
    let Published { id } = serde_json::from_str(&request("POST", &url, "text/plain", data).await).unwrap();
    EventId::new(id).unwrap()
}

/// Ends a topic, without an event of its own.
pub(crate) async fn end(topic: &str) {
    request("POST", &format!("{HUB}/publish/{topic}?end"), "text/plain", "").await;
}

/// Publishes events with this data in one request.
pub(crate) async fn publish_many(topic: &str, name: &str, data: impl Iterator<Item = String>) {
    let line = |data| format!("{}\n", serde_json::json!({ "topic": topic, "event": name, "data": data }));
    let lines: String = data.map(line).collect();
    request("POST", &format!("{HUB}/publish"), "application/x-ndjson", &lines).await;
}

/// How many streams the hub serves with this topic.
pub(crate) async fn subscribers(topic: &str) -> u64 {
    let text = request("GET", &format!("{HUB}/topics/{topic}"), "", "").await;
    let topic: serde_json::Value = serde_json::from_str(&text).unwrap();
    topic["subscribers"].as_u64().unwrap_or_else(|| panic!("{topic}"))
}

/// How many locks those that share the topic hold and wait for.
pub(crate) async fn locks_of(topic: &str) -> [f64; 2] {
    let counts: Array = locks(topic).await.into();
    [counts.get(0), counts.get(1)].map(|count| count.as_f64().unwrap())
}

/// The body of a response, whose status has to be 200.
pub(crate) async fn request(method: &str, url: &str, content_type: &str, body: &str) -> String {
    let init = RequestInit::new();
    init.set_method(method);
    if !body.is_empty() || method == "POST" {
        init.set_body(&body.into());
        let headers = web_sys::Headers::new().unwrap();
        headers.set("Content-Type", content_type).unwrap();
        init.set_headers(&headers);
    }
    let window = web_sys::window().expect("the tests run in a page");
    let response: Response = within(JsFuture::from(window.fetch_with_str_and_init(url, &init)))
        .await
        .and_then(JsCast::dyn_into)
        .expect("the server answers the page");
    let text = within(JsFuture::from(response.text().unwrap())).await.unwrap().as_string().unwrap();
    assert_eq!(response.status(), 200, "{text}");
    text
}

/// Publishes a value, encoded by its schema.
pub(crate) async fn publish_value<T: Serialize>(topic: &str, value: &T) -> EventId {
    let event = typed::encode(value).unwrap().build();
    publish(topic, event.name(), event.data().unwrap()).await
}

/// The next item.
pub(crate) async fn next<S: Stream + Unpin>(stream: &mut S) -> S::Item {
    within(stream.next()).await.expect("the stream goes on")
}

/// The next items.
pub(crate) async fn take<S: Stream + Unpin>(stream: &mut S, count: usize) -> Vec<S::Item> {
    let mut items = Vec::new();
    while items.len() < count {
        items.push(next(stream).await);
    }
    items
}

/// Waits for a state, passing over other signals.
pub(crate) async fn reach(signals: &mut Signals, state: State) {
    while next(signals).await != Signal::State(state) {}
}

/// Waits until a condition holds.
pub(crate) async fn until(mut is_so: impl FnMut() -> bool) {
    within(async {
        while !is_so() {
            sleep(5).await;
        }
    })
    .await;
}

/// Dispatches an event on the page.
pub(crate) fn befall(event: &str) {
    web_sys::window().unwrap().dispatch_event(&web_sys::Event::new(event).unwrap()).unwrap();
}

/// Hides the page, or shows it, as far as it can tell.
pub(crate) fn hide(hidden: bool) {
    set_hidden(hidden);
    let document = js_sys::Reflect::get(&js_sys::global(), &"document".into()).unwrap();
    let changed = web_sys::Event::new("visibilitychange").unwrap();
    document.unchecked_into::<web_sys::EventTarget>().dispatch_event(&changed).unwrap();
}

/// Awaits a future, and panics if it takes too long.
pub(crate) async fn within<F: Future>(future: F) -> F::Output {
    match select(pin!(future), pin!(sleep(PATIENCE_MS))).await {
        Either::Left((value, _)) => value,
        Either::Right(_) => panic!("nothing came of it for {PATIENCE_MS} ms"),
    }
}

pub(crate) async fn sleep(milliseconds: i32) {
    let _: Result<JsValue, JsValue> = JsFuture::from(after(milliseconds)).await;
}

#[wasm_bindgen(inline_js = r#"
    const { addEventListener, removeEventListener } = EventSource.prototype;
    const registered = new Map(); // EventSource -> names
    const counted = new WeakMap(); // listener -> the same, counting its calls
    let calls = 0;

    export const locks = async part => {
        const { held, pending } = await navigator.locks.query();
        return [held, pending].map(locks => locks.filter(lock => lock.name.includes(part)).length);
    };

    // The tests' own timers are not counted.
    const { setTimeout, clearTimeout } = globalThis;
    const timers = new Set();
    export const after = milliseconds => new Promise(done => setTimeout(done, milliseconds));
    globalThis.setTimeout = (tick, milliseconds) => {
        const timer = setTimeout(() => { timers.delete(timer); tick(); }, milliseconds);
        timers.add(timer);
        return timer;
    };
    globalThis.clearTimeout = timer => { timers.delete(timer); clearTimeout(timer); };
    export const pending_timers = () => timers.size;

    export const set_hidden = hidden => {
        Object.defineProperty(document, "hidden", { value: hidden, configurable: true });
    };

    let of_page = 0;
    for (const target of [window, document]) {
        const { addEventListener, removeEventListener } = target;
        target.addEventListener = (...all) => { of_page += 1; addEventListener.apply(target, all); };
        target.removeEventListener = (...all) => { of_page -= 1; removeEventListener.apply(target, all); };
    }
    export const page_listeners = () => of_page;

    EventSource.prototype.addEventListener = function (name, listener) {
        if (!counted.has(listener)) {
            counted.set(listener, event => { calls += 1; listener(event); });
        }
        if (!registered.has(this)) registered.set(this, new Set());
        registered.get(this).add(name);
        addEventListener.call(this, name, counted.get(listener));
    };
    EventSource.prototype.removeEventListener = function (name, listener) {
        registered.get(this).delete(name);
        removeEventListener.call(this, name, counted.get(listener));
    };

    export function open_sources() {
        return [...registered.keys()].filter(source => source.readyState !== EventSource.CLOSED).length;
    }
    export function listeners() {
        return [...registered.values()].reduce((sum, names) => sum + names.size, 0);
    }
    export function listener_calls() { return calls; }
    export function clear_books() {
        for (const source of registered.keys()) {
            if (source.readyState === EventSource.CLOSED) registered.delete(source);
        }
    }
"#)]
extern "C" {
    fn set_hidden(hidden: bool);
    fn after(milliseconds: i32) -> Promise;
    /// How many locks with this in their names are held, and how many are waited for.
    async fn locks(part: &str) -> JsValue;
    /// How many timers are set.
    pub(crate) fn pending_timers() -> u32;
    /// How many listeners the window and the document have.
    pub(crate) fn page_listeners() -> i32;
    /// How many `EventSource`s are not closed.
    pub(crate) fn open_sources() -> u32;
    /// How many listeners are registered with all of them.
    pub(crate) fn listeners() -> u32;
    /// How often one was called.
    pub(crate) fn listener_calls() -> u32;
    /// Forgets about closed `EventSource`s, so that they can be collected.
    pub(crate) fn clear_books();
}
