//! sse-wasm-client.
