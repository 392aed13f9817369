//! The smallest program that follows typed events: an enum, the browser's `EventSource`, and a line in the console for
//! each event.
//!
//! `cargo xtask wasm` builds it to measure the client: it is what a page downloads for one.

#![cfg_attr(not(target_arch = "wasm32"), allow(missing_docs, reason = "there is nothing to it outside a browser"))]
#![cfg(target_arch = "wasm32")]

use futures_util::StreamExt;
use serde::Deserialize;
use sse_wasm_client::{EventSource, Signal, State};
use wasm_bindgen::prelude::wasm_bindgen;
use wasm_bindgen_futures::spawn_local;

#[wasm_bindgen]
extern "C" {
    #[wasm_bindgen(js_namespace = console)]
    fn log(words: &str);
}

#[derive(Deserialize)]
#[serde(rename_all = "snake_case")]
enum Order {
    Placed { customer: String, total: f64 },
    Shipped(String),
    Cancelled,
}

#[wasm_bindgen(start)]
fn start() {
    let orders = EventSource::<Order>::builder("/events?topic=orders/*").connect();
    let Ok(mut orders) = orders else { return log("no connection can be made") };

    let mut signals = orders.signals();
    spawn_local(async move {
        while let Some(signal) = signals.next().await {
            match signal {
                Signal::State(State::Open) => log("live"),
                Signal::State(_) => log("not connected"),
                Signal::Gap(_) => log("something may be missing"),
                _ => {}
            }
        }
    });
    spawn_local(async move {
        while let Some(delivery) = orders.next().await {
            match delivery.map(|delivery| delivery.value) {
                Ok(Order::Placed { customer, total }) if total > 0.0 => log(&customer),
                Ok(Order::Placed { .. }) => log("for nothing"),
                Ok(Order::Shipped(to)) => log(&to),
                Ok(Order::Cancelled) => log("cancelled"),
                Err(undecoded) => log(&undecoded.to_string()),
            }
        }
    });
}
