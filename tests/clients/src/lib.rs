//! Clients of server-sent events that others wrote, run against the hub's own program.
//!
//! There is nothing to use here, only a test: `cargo xtask test --only clients`. Each client has a small adapter in
//! `adapters`, which says on its standard output what the client shows of a stream.
