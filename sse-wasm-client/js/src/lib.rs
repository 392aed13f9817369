//! The WebAssembly part of the npm package `sse-wasm-client`: a connection with the options that `options.js` has
//! checked, whose events and signals are taken one by one. `package/index.js` is all that applications see.

#![cfg_attr(
    not(target_arch = "wasm32"),
    allow(dead_code, reason = "what uses the words is built for the browser only")
)]
#![allow(unreachable_pub, reason = "wasm-bindgen exports only what is `pub`")]

#[cfg(target_arch = "wasm32")]
mod connection;
#[cfg(target_arch = "wasm32")]
mod plan;
#[cfg(target_arch = "wasm32")]
mod signals;

mod words;
