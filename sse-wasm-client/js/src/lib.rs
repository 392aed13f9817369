//! What the npm package `sse-wasm-client` has in WebAssembly: a connection made as `options.js` says, whose events and
//! signals are fetched one by one. Everything that JavaScript sees of it is in `package/index.js`.

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
