//! The client in a browser, in one program: its parts are built, linked and opened once.
#![cfg(target_arch = "wasm32")]

mod fetch;
mod hub;
mod script;
mod support;
mod tabs;

wasm_bindgen_test::wasm_bindgen_test_configure!(run_in_browser);
