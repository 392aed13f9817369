//! All that needs a real browser: the hub's own page, the npm package, the examples' pages.
//!
//! `cargo xtask test --only browser-tests` builds what the browsers load, names it in the environment, and runs this.
//! Modules whose tests keep a machine busy are run one test at a time: `stays`.

mod chat;
mod dashboard;
#[cfg(target_os = "linux")] // it shows Linux's counters
mod host_dashboard;
mod hub_page;
mod llm_relay;
mod npm;
mod stays;
mod tls;
