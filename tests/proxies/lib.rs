//! The proxies' files of `docs/operations.md`, run with the real programs before the hub's own program.
//!
//! There is nothing to use here, only a test: `cargo xtask test --only proxies`.
