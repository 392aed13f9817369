//! Turns: long work is done in slices, and others have theirs between them.
//!
//! A thread that computes for milliseconds keeps its core until the scheduler's next tick, some 4 to 10 ms, from a thread
//! that was woken meanwhile, even if another core is idle: a subscriber would wait as long for its event. To give the core
//! up costs less than a microsecond if nobody waits for it, and what was left of the tick if somebody does.

use std::thread;

/// Gives the threads that wait for this core their turn.
pub(crate) fn of_threads() {
    thread::yield_now();
}

/// Gives the threads that wait for this core their turn, and the tasks that wait for this thread.
pub(crate) async fn of_others() {
    of_threads();
    tokio::task::yield_now().await;
}
