//! A hub to publish at, patience with an end, and the books on what an `EventSource` holds.

use std::{cell::Cell, future::Future, pin::pin};

use futures_util::{
    Stream, StreamExt,
    future::{Either, select},
};
use js_sys::{Date, Promise};
use serde::{Deserialize, Serialize};
use sse_wasm_client::{EventId, Signal, Signals, State, typed};
use wasm_bindgen::{JsCast, JsValue, prelude::wasm_bindgen};
use wasm_bindgen_futures::JsFuture;
use web_sys::{RequestInit, Response};

/// The hub's address, which allows the tests' page.
pub(crate) const HUB: &str = env!("SSE_TEST_HUB", "run these tests by `cargo xtask test --only wasm-tests`");

/// Long enough for a slow machine.
const PATIENCE_MS: i32 = 10_000;

/// A topic that no other test and no earlier run has.
pub(crate) fn topic() -> String {
    thread_local!(static COUNT: Cell<u32> = const { Cell::new(0) });
    COUNT.set(COUNT.get() + 1);
    format!("wasm-client/{}/{}", Date::now(), COUNT.get())
}

/// The URL of the topic's stream.
pub(crate) fn events(topic: &str) -> String {
    format!("{HUB}/events?topic={topic}")
}

/// Publishes, and gives the event's ID.
pub(crate) async fn publish(topic: &str, name: &str, data: &str) -> EventId {
    #[derive(Deserialize)]
    struct Published {
        id: String,
    }
    let request = RequestInit::new();
    request.set_method("POST");
    request.set_body(&data.into());
    let url = format!("{HUB}/publish/{topic}?event={name}");
    let window = web_sys::window().expect("the tests run in a page");
    let response: Response = within(JsFuture::from(window.fetch_with_str_and_init(&url, &request)))
        .await
        .and_then(JsCast::dyn_into)
        .expect("the hub answers the page");
    let text = within(JsFuture::from(response.text().unwrap())).await.unwrap().as_string().unwrap();
    assert_eq!(response.status(), 200, "{text}");
    let Published { id } = serde_json::from_str(&text).unwrap();
    EventId::new(id).unwrap()
}

/// Publishes a value as its type has it.
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

/// Waits until something is so.
pub(crate) async fn until(mut is_so: impl FnMut() -> bool) {
    within(async {
        while !is_so() {
            sleep(5).await;
        }
    })
    .await;
}

/// The future's value, in reasonable time.
pub(crate) async fn within<F: Future>(future: F) -> F::Output {
    match select(pin!(future), pin!(sleep(PATIENCE_MS))).await {
        Either::Left((value, _)) => value,
        Either::Right(_) => panic!("nothing came of it for {PATIENCE_MS} ms"),
    }
}

async fn sleep(milliseconds: i32) {
    let promise = Promise::new(&mut |resolve, _| {
        let window = web_sys::window().expect("the tests run in a page");
        window.set_timeout_with_callback_and_timeout_and_arguments_0(&resolve, milliseconds).unwrap();
    });
    let _: Result<JsValue, JsValue> = JsFuture::from(promise).await;
}

#[wasm_bindgen(inline_js = r#"
    const { addEventListener, removeEventListener } = EventSource.prototype;
    const registered = new Map(); // EventSource -> names
    const counted = new WeakMap(); // listener -> the same, counting its calls
    let calls = 0;

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
    /// How many `EventSource`s are not closed.
    pub(crate) fn open_sources() -> u32;
    /// How many listeners are registered with all of them.
    pub(crate) fn listeners() -> u32;
    /// How often one was called.
    pub(crate) fn listener_calls() -> u32;
    /// Forgets about closed `EventSource`s, so that they can be collected.
    pub(crate) fn clear_books();
}
