//! The load tool against a server that loses, doubles and swaps events when told to.

mod runs;
mod server;
mod tls;
