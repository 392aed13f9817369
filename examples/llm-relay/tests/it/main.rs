//! What readers have of a run, while the relay, the hub and the provider are killed.

mod killed;
mod provider;
mod routes;
mod stage;
mod stopped;
