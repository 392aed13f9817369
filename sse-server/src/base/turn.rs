//! Turns: long work is done in slices, and others have theirs between them.
//!
//! A thread that computes for milliseconds keeps its core until the scheduler's next tick, some 4 to 10 ms, from a thread
//! that was woken meanwhile, even if another core is idle: a subscriber would wait as long for its event. To give the core
//! up costs less than a microsecond if nobody waits for it. Beside a process that computes all the time it costs a slice of
//! that one's, some 4 ms, so it is not done after each slice.

use std::{
    cell::Cell,
    thread,
    time::{Duration, Instant},
};

/// How long a thread computes before it gives its core up.
const SPELL: Duration = Duration::from_micros(500);

thread_local! {
    /// When this thread last gave its core up.
    static LAST: Cell<Option<Instant>> = const { Cell::new(None) };
}

/// Gives the threads that wait for this core their turn, if it is time for it.
pub(crate) fn of_threads() {
    if LAST.get().is_none_or(|last| last.elapsed() >= SPELL) {
        thread::yield_now();
        LAST.set(Some(Instant::now()));
    }
}

/// Gives the threads that wait for this core their turn, and the tasks that wait for this thread.
pub(crate) async fn of_others() {
    of_threads();
    tokio::task::yield_now().await;
}
