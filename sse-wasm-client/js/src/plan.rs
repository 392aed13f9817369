//! The options of a connection, as `options.js` has checked them.

use std::{iter, time::Duration};

use js_sys::{Array, Function, Promise, TypeError};
use sse_wasm_client::{Builder, ConnectError, Credentials, EventId, EventSource, Message, Reconnection, Transport};
use wasm_bindgen::{
    JsCast,
    prelude::{JsValue, wasm_bindgen},
};
use wasm_bindgen_futures::JsFuture;

use crate::{signals::of_refusal, words};

#[wasm_bindgen]
extern "C" {
    /// Times are in milliseconds. An option that was not set is `undefined`.
    pub type Plan;
    #[wasm_bindgen(method, getter)]
    fn url(this: &Plan) -> String;
    #[wasm_bindgen(method, getter)]
    fn events(this: &Plan) -> Vec<String>;
    #[wasm_bindgen(method, getter, js_name = lastEventId)]
    fn last_event_id(this: &Plan) -> Option<String>;
    #[wasm_bindgen(method, getter, js_name = withCredentials)]
    fn with_credentials(this: &Plan) -> bool;
    #[wasm_bindgen(method, getter)]
    fn fetch(this: &Plan) -> Option<FetchPlan>;
    #[wasm_bindgen(method, getter)]
    fn shared(this: &Plan) -> bool;
    /// 0 for never.
    #[wasm_bindgen(method, getter)]
    fn heartbeat(this: &Plan) -> Option<f64>;
    #[wasm_bindgen(method, getter, js_name = pauseWhenHidden)]
    fn pause_when_hidden(this: &Plan) -> Option<f64>;
    #[wasm_bindgen(method, getter, js_name = reconnectionTime)]
    fn reconnection_time(this: &Plan) -> Option<f64>;
    #[wasm_bindgen(method, getter, js_name = maxWait)]
    fn max_wait(this: &Plan) -> Option<f64>;
    #[wasm_bindgen(method, getter, js_name = giveUpAfter)]
    fn give_up_after(this: &Plan) -> Option<u32>;
    #[wasm_bindgen(method, getter)]
    fn capacity(this: &Plan) -> Option<u32>;
    /// True, false, or `"refused"`; `undefined` for a `POST` that may be repeated once it has an ID.
    #[wasm_bindgen(method, getter)]
    fn reconnect(this: &Plan) -> JsValue;

    pub type FetchPlan;
    /// Names and values in turn.
    #[wasm_bindgen(method, getter)]
    fn headers(this: &FetchPlan) -> Vec<String>;
    /// Returns a promise of the same, or of `undefined` if it has no headers. It never throws.
    #[wasm_bindgen(method, getter, js_name = headersFrom)]
    fn headers_from(this: &FetchPlan) -> Option<Function>;
    /// Returns true if a refusal may pass; `undefined` means the default. It never throws.
    #[wasm_bindgen(method, getter, js_name = retryIf)]
    fn retry_if(this: &FetchPlan) -> Option<Function>;
    /// Makes it a `POST`.
    #[wasm_bindgen(method, getter)]
    fn body(this: &FetchPlan) -> Option<String>;
    #[wasm_bindgen(method, getter)]
    fn credentials(this: &FetchPlan) -> Option<String>;
    #[wasm_bindgen(method, getter, js_name = lastEventIdInQuery)]
    fn last_event_id_in_query(this: &FetchPlan) -> bool;
}

impl Plan {
    /// Makes the connection.
    pub(crate) fn connect(&self) -> Result<EventSource<Message>, JsValue> {
        let builder = EventSource::untyped(self.url());
        let connected = match self.fetch() {
            None => {
                let builder = builder.with_credentials(self.with_credentials());
                if self.shared() { self.finish(builder.across_tabs())? } else { self.finish(builder)? }
            }
            Some(plan) => {
                let mut builder = builder.fetch();
                for (name, value) in pairs(plan.headers()) {
                    builder = builder.header(name, value);
                }
                if let Some(headers) = plan.headers_from() {
                    builder = builder.headers_from(move || promised_headers(headers.call0(&JsValue::UNDEFINED)));
                }
                if let Some(retry_if) = plan.retry_if() {
                    builder = builder.retry_if(move |refusal| {
                        match retry_if.call1(&JsValue::UNDEFINED, &of_refusal(refusal)) {
                            Ok(may_pass) if may_pass.is_undefined() => refusal.may_pass(),
                            Ok(may_pass) => may_pass == JsValue::TRUE,
                            Err(_) => false,
                        }
                    });
                }
                if let Some(body) = plan.body() {
                    builder = builder.post(body);
                }
                builder = builder.credentials(match plan.credentials().as_deref() {
                    Some("omit") => Credentials::Omit,
                    Some("include") => Credentials::Include,
                    _ => Credentials::SameOrigin,
                });
                if plan.last_event_id_in_query() {
                    builder = builder.last_event_id_in_query();
                }
                if self.shared() { self.finish(builder.across_tabs())? } else { self.finish(builder)? }
            }
        };
        connected.map_err(|error| type_error(&words::refused(&error)))
    }

    /// Sets the options that all transports have, and connects.
    fn finish<V: Transport>(
        &self,
        mut builder: Builder<Message, V>,
    ) -> Result<Result<EventSource<Message>, ConnectError>, JsValue> {
        for name in self.events() {
            builder = builder.listen(name);
        }
        if let Some(id) = self.last_event_id() {
            let id = EventId::new(id).map_err(|error| type_error(&format!("option lastEventId: {error}")))?;
            builder = builder.last_event_id(id);
        }
        match self.heartbeat() {
            Some(0.0) => builder = builder.no_watchdog(),
            Some(interval) => builder = builder.heartbeat(milliseconds(interval)),
            None => {}
        }
        if let Some(after) = self.pause_when_hidden() {
            builder = builder.pause_when_hidden(milliseconds(after));
        }
        if let Some(time) = self.reconnection_time() {
            builder = builder.reconnection_time(milliseconds(time));
        }
        if let Some(time) = self.max_wait() {
            builder = builder.max_wait(milliseconds(time));
        }
        if let Some(refusals) = self.give_up_after() {
            builder = builder.give_up_after(refusals);
        }
        builder = builder.reconnect(match self.reconnect() {
            when if when.is_undefined() => Reconnection::OnceResumable,
            when if when == JsValue::FALSE => Reconnection::Never,
            when if when.is_string() => Reconnection::UntilBegun,
            _ => Reconnection::Always,
        });
        if let Some(capacity) = self.capacity() {
            builder = builder.queue(capacity as usize);
        }
        Ok(builder.connect())
    }
}

/// Awaits the headers that a function of the page promised.
async fn promised_headers(promised: Result<JsValue, JsValue>) -> Option<Vec<(String, String)>> {
    let promise = promised.ok()?.dyn_into::<Promise>().ok()?;
    let headers = JsFuture::from(promise).await.ok()?.dyn_into::<Array>().ok()?;
    Some(pairs(headers.iter().filter_map(|word| word.as_string()).collect()))
}

/// Pairs up names and values that alternate.
fn pairs(words: Vec<String>) -> Vec<(String, String)> {
    let mut words = words.into_iter();
    iter::from_fn(|| Some((words.next()?, words.next()?))).collect()
}

fn milliseconds(number: f64) -> Duration {
    Duration::from_micros((number * 1000.0) as u64)
}

fn type_error(message: &str) -> JsValue {
    TypeError::new(message).into()
}
