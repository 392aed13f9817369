//! Signals as plain objects of JavaScript.

use std::{cell::RefCell, future::poll_fn, rc::Rc, task::Poll, time::Duration};

use futures_util::StreamExt;
use js_sys::{Array, Object, Promise, Reflect};
use sse_wasm_client::{CloseReason, Drain, End, Gap, Problem, Refusal, Signal, Signals, State};
use wasm_bindgen::prelude::{JsValue, wasm_bindgen};
use wasm_bindgen_futures::future_to_promise;

use crate::words;

/// Waits for one signal at a time. Once this is freed, a promise that still waits is never settled.
#[wasm_bindgen]
#[derive(Debug)]
pub struct SignalReader(Rc<RefCell<Signals>>);

impl SignalReader {
    pub(crate) fn new(signals: Signals) -> Self {
        Self(Rc::new(RefCell::new(signals)))
    }
}

#[wasm_bindgen]
impl SignalReader {
    /// Returns a promise of the next signal, or of `undefined` when there will be none.
    pub fn next(&self) -> Promise {
        let signals = Rc::downgrade(&self.0);
        future_to_promise(async move {
            let signal = poll_fn(|context| match signals.upgrade() {
                Some(signals) => signals.borrow_mut().poll_next_unpin(context),
                None => Poll::Ready(None),
            });
            Ok(signal.await.map_or(JsValue::UNDEFINED, |signal| of_signal(&signal).into()))
        })
    }

    #[wasm_bindgen(getter)]
    pub fn dropped(&self) -> f64 {
        self.0.borrow().dropped() as f64
    }
}

pub(crate) fn of_state(state: State) -> Object {
    let object = typed("kind", words::state(state));
    match state {
        State::Waiting { attempt, until } => {
            set(&object, "attempt", attempt);
            set(&object, "until", milliseconds(until));
        }
        State::Closed { why } => {
            set(&object, "why", words::close_reason(why));
            if let CloseReason::Status(status) = why {
                set(&object, "status", status);
            }
        }
        _ => {}
    }
    object
}

fn of_signal(signal: &Signal) -> Object {
    match signal {
        Signal::State(state) => {
            let object = typed("type", "state");
            set(&object, "state", of_state(*state));
            object
        }
        Signal::Gap(Gap { reason, requested, first, .. }) => {
            let object = typed("type", "gap");
            set(&object, "reason", reason.as_str());
            set(&object, "requested", &**requested);
            set(&object, "first", first.as_ref().map_or(JsValue::NULL, |id| id.as_str().into()));
            object
        }
        Signal::Drain(Drain { reason, .. }) => {
            let object = typed("type", "drain");
            set(&object, "reason", reason.as_str());
            object
        }
        Signal::End(End { topics, .. }) => {
            let object = typed("type", "end");
            set(&object, "topics", topics.iter().map(|topic| JsValue::from_str(topic)).collect::<Array>());
            object
        }
        Signal::Refused(refusal) => of_refusal(refusal),
        Signal::TooLong(limit) => {
            let object = typed("type", "too-long");
            set(&object, "limit", words::limit(*limit));
            object
        }
        Signal::Dropped(count) => {
            let object = typed("type", "dropped");
            set(&object, "count", *count as f64);
            object
        }
        _ => typed("type", "other"),
    }
}

pub(crate) fn of_refusal(Refusal { status, problem, retry_after, .. }: &Refusal) -> Object {
    let object = typed("type", "refused");
    set(&object, "status", status.map_or(JsValue::NULL, JsValue::from));
    set(&object, "problem", problem.as_ref().map_or(JsValue::NULL, |problem| of_problem(problem).into()));
    set(&object, "retryAfter", retry_after.map_or(JsValue::NULL, |time| milliseconds(time).into()));
    object
}

fn of_problem(problem: &Problem) -> Object {
    let Problem { kind, title, detail, .. } = problem;
    let object = typed("type", kind);
    for (name, words) in [("title", title), ("detail", detail)] {
        set(&object, name, words.as_deref().map_or(JsValue::NULL, JsValue::from_str));
    }
    object
}

fn typed(name: &str, word: &str) -> Object {
    let object = Object::new();
    set(&object, name, word);
    object
}

fn set(object: &Object, name: &str, value: impl Into<JsValue>) {
    // It never fails on an object that was just made.
    let _ = Reflect::set(object, &name.into(), &value.into());
}

fn milliseconds(time: Duration) -> f64 {
    time.as_secs_f64() * 1000.0
}
