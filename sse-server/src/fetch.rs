//! Asking another server over HTTP.

#[cfg_attr(not(feature = "fetch"), path = "fetch/without.rs")]
mod client;

pub(crate) use client::Fetch;
