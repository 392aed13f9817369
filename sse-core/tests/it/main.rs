//! The crate from outside, in one program: its parts are built and linked once.

mod costs;
mod forms;
#[cfg(feature = "hub")]
mod hub;
mod limits;
mod properties;
mod session;
mod support;
mod typed;
mod vectors;

/// Counts thread by thread, so tests beside each other don't count for each other.
#[global_allocator]
static COUNTING: support::memory::Counting = support::memory::Counting;
