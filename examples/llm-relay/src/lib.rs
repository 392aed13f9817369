//! A language model's answer, poured into a hub as it is made.
//!
//! ```text
//!  provider ──▶ listen ──▶ journal ──▶ pour ──▶ hub: runs/ID ──▶ pages
//!                  ▲                            hub: runs/ID/stop ◀─ a page
//!                  └──────────── stops ◀────────┘
//! ```
//!
//! | route | |
//! |---|---|
//! | `GET /`, `/relay.js`, `/style.css` | the page, which reads the hub itself |
//! | `GET /sse-wasm-client/…` | the npm package that it imports |
//! | `POST /prompts` | a prompt as text; the answer is `{"run":"ID"}` |
//! | `POST /v1/chat/completions` | a provider that is made up, unless another is named |
//!
//! There is no shutdown: what the relay must not lose is in the journal before anyone sees it, so Ctrl-C and a kill are
//! the same to it.

mod options;

mod relay;
mod runs;

mod listen;
mod pour;
mod stops;

mod journal;
mod mock;
mod provider;
mod site;

pub use mock::answer;
pub use options::Options;
pub use relay::Relay;
