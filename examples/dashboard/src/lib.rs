//! A shop's orders, drawn live. One crate is both halves: the program that publishes the events and serves the page, and
//! the page itself, compiled to wasm. What they share is a type, [`event::Event`].
//!
//! ```text
//!   Shop ──▶ Event ──▶ hub ──▶ EventSource::<Event> ──▶ Board ──▶ signals, Chart, words ──▶ page
//!   └──── the program ────┘    └──────────────────── in the browser ────────────────────────┘
//! ```

pub mod event;

#[cfg(not(target_arch = "wasm32"))]
pub mod shop;
#[cfg(not(target_arch = "wasm32"))]
pub mod site;

pub mod board;
pub mod chart;
pub mod words;

#[cfg(target_arch = "wasm32")]
pub mod page;
