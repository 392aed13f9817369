//! What concerns the stream and not its subject.

use std::{
    cell::RefCell,
    pin::Pin,
    rc::{Rc, Weak},
    task::{Context, Poll, ready},
};

use futures_util::Stream;
use sse_core::{
    Limit,
    hub::{Drain, End, Gap},
};

use crate::{Refusal, State, queue::Queue};

/// How many signals wait for a reader before the oldest is dropped.
pub(crate) const QUEUE: usize = 64;

/// Something about the stream itself.
///
/// ```
/// use sse_wasm_client::{Gap, Signal, State};
///
/// fn notice(signal: &Signal) -> String {
///     match signal {
///         Signal::State(State::Open) => "live".into(),
///         Signal::State(State::Connecting) => "connecting …".into(),
///         Signal::Gap(Gap { first: Some(first), .. }) => format!("something is missing before {first}"),
///         other => format!("{other:?}"),
///     }
/// }
/// assert_eq!(notice(&Signal::State(State::Open)), "live");
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Signal {
    /// The state of the connection from now on.
    State(State),
    /// Events may be missing: fetch anew what was built from the stream.
    ///
    /// Signals are not in order with deliveries, so a gap may be read before or after the deliveries around it. Where
    /// it belongs is told by [`Gap::first`]: the event with that ID and all that follow it came after the gap. It may
    /// be an event that is not listened for; then the next delivery is the first after the gap.
    Gap(Gap),
    /// The hub is about to end the stream. The client connects again, and resumes where it was.
    Drain(Drain),
    /// All topics of the stream have ended, and everything has come. The state that follows is
    /// [`CloseReason::Ended`](crate::CloseReason::Ended); after a 204 it comes without this signal.
    End(End),
    /// The server refused: its response was no stream. The state that follows tells whether the client tries again.
    Refused(Refusal),
    /// An event exceeded a limit and was not delivered. Only over fetch: the browser's own limits are not told.
    TooLong(Limit),
    /// So many events more were dropped, because they were not read in time. Told at once, and of those that follow
    /// within a second together, with the next event that comes or is read.
    /// `EventSource::dropped` counts them all.
    Dropped(u64),
}

/// The signals of one `EventSource`, beginning with its state at the time of the call. Ends with the source.
///
/// Up to 64 wait to be read; then the oldest is dropped and counted.
#[derive(Debug)]
#[must_use = "a stream does nothing unless it is polled"]
pub struct Signals(Rc<Queue<Signal>>);

impl Signals {
    /// How many signals were dropped because they were not read in time.
    #[must_use]
    pub fn dropped(&self) -> u64 {
        self.0.dropped()
    }
}

impl Stream for Signals {
    type Item = Signal;

    fn poll_next(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Signal>> {
        self.0.poll_next(context)
    }
}

/// The states of one `EventSource`, beginning with the present one: [`Signals`] without all but [`Signal::State`]. Ends
/// with the source.
#[derive(Debug)]
#[must_use = "a stream does nothing unless it is polled"]
pub struct States(pub(crate) Signals);

impl States {
    /// How many signals, states or others, were dropped because they were not read in time.
    #[must_use]
    pub fn dropped(&self) -> u64 {
        self.0.dropped()
    }
}

impl Stream for States {
    type Item = State;

    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<State>> {
        loop {
            match ready!(Pin::new(&mut self.0).poll_next(context)) {
                Some(Signal::State(state)) => return Poll::Ready(Some(state)),
                Some(_) => {}
                None => return Poll::Ready(None),
            }
        }
    }
}

/// Hands signals to all their readers.
#[derive(Debug, Default)]
pub(crate) struct Signaller(RefCell<Vec<Weak<Queue<Signal>>>>);

impl Signaller {
    /// Adds a reader, for which up to `capacity` wait, and which gets `first` and then all signals.
    pub(crate) fn subscribe(&self, first: Signal, capacity: usize) -> Signals {
        let queue = Rc::new(Queue::new(capacity));
        queue.push(first);
        let mut queues = self.0.borrow_mut();
        queues.retain(|queue| queue.strong_count() > 0);
        queues.push(Rc::downgrade(&queue));
        Signals(queue)
    }

    pub(crate) fn send(&self, signal: &Signal) {
        for queue in self.readers() {
            queue.push(signal.clone());
        }
    }

    pub(crate) fn end(&self) {
        for queue in self.readers() {
            queue.end();
        }
    }

    /// The readers of this moment, as a list of its own: one that is woken may add or drop readers.
    fn readers(&self) -> Vec<Rc<Queue<Signal>>> {
        self.0.borrow().iter().filter_map(Weak::upgrade).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn those_who_come_and_go_leave_nothing() {
        let signaller = Signaller::default();
        for _ in 0..10 {
            drop(signaller.subscribe(Signal::State(State::Open), QUEUE));
        }
        assert_eq!(signaller.0.borrow().len(), 1);
    }
}
