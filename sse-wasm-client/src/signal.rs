//! What is said about the stream instead of on it.

use std::{
    cell::RefCell,
    pin::Pin,
    rc::{Rc, Weak},
    task::{Context, Poll, ready},
};

use futures_util::Stream;
use serde::{Deserialize, de::DeserializeOwned};
use sse_core::{EventId, Text};

use crate::{Limit, Refusal, State, queue::Queue};

/// The hub's own events.
pub(crate) const CURSOR: &str = "sse-cursor";
pub(crate) const GAP: &str = "sse-gap";
pub(crate) const DRAIN: &str = "sse-drain";

/// How many signals wait for a reader before the oldest makes room.
const QUEUE: usize = 64;

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
    /// How the connection stands from now on.
    State(State),
    /// Events may have been lost. What is built from the stream is to be fetched anew.
    Gap(Gap),
    /// The hub is about to end the stream; the client connects again and goes on where it was.
    Drain(Drain),
    /// The server answered with something else than a stream. The state that follows says what becomes of it.
    Refused(Refusal),
    /// An event went over one of the limits, so it is not delivered. Over fetch only: a browser has limits of its own.
    TooLong(Limit),
}

/// A place in the stream where events may have been lost (`sse-gap`).
///
/// Signals are a stream of their own, so a gap may be read before or after the deliveries around it. Where it belongs is
/// told by [`first`](Self::first): the event with that ID and what follows it came after the gap.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Gap {
    /// Why they can't be had.
    pub reason: GapReason,
    /// The place that was asked for, as far as the hub repeats it.
    pub requested: Text,
    /// The ID of the first event after the gap, if there is one already. Deliveries before it are older than the gap. It
    /// may be one of a name that is not listened for; then the next delivery is the first after the gap.
    pub first: Option<EventId>,
}

/// Why events can't be had.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash, Deserialize)]
#[serde(rename_all = "lowercase")]
#[non_exhaustive]
pub enum GapReason {
    /// They were retained no longer.
    Trimmed,
    /// The place belongs to another incarnation of the hub's log. All that this one retains follows.
    Epoch,
    /// The hub never gave that ID. All that it retains follows.
    Unknown,
    /// The hub lost them in a crash.
    Lost,
    /// This client was too slow for the hub to keep them.
    Lagged,
    /// A reason that this version doesn't know.
    #[default]
    #[serde(other)]
    Other,
}

/// The end of a stream, announced (`sse-drain`).
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Drain {
    /// Why it ends.
    pub reason: DrainReason,
}

/// Why a hub ends a stream.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash, Deserialize)]
#[serde(rename_all = "lowercase")]
#[non_exhaustive]
pub enum DrainReason {
    /// The hub shuts down.
    Shutdown,
    /// The stream has lasted as long as one may.
    Age,
    /// What allowed the stream has expired.
    Expired,
    /// This client was too slow.
    Lag,
    /// A reason that this version doesn't know.
    #[default]
    #[serde(other)]
    Other,
}

impl Gap {
    /// Reads the data of `sse-gap`. A gap that does not read is a gap all the same.
    pub(crate) fn read(data: &str) -> Self {
        #[derive(Default, Deserialize)]
        #[serde(default)]
        struct Data {
            reason: GapReason,
            requested: String,
            first: Option<String>,
        }
        let Data { reason, requested, first } = read(data);
        Self { reason, requested: requested.into(), first: first.and_then(|id| EventId::new(id).ok()) }
    }
}

impl Drain {
    /// Reads the data of `sse-drain`.
    pub(crate) fn read(data: &str) -> Self {
        #[derive(Default, Deserialize)]
        #[serde(default)]
        struct Data {
            reason: DrainReason,
        }
        Self { reason: read::<Data>(data).reason }
    }
}

fn read<T: DeserializeOwned + Default>(data: &str) -> T {
    serde_json::from_str(data).unwrap_or_default()
}

/// The signals of one `EventSource`, from the state at the time that they were asked for. Ends with the source.
///
/// Up to 64 wait to be read; then the oldest makes room, and is counted.
#[derive(Debug)]
#[must_use = "a stream does nothing unless it is polled"]
pub struct Signals(Rc<Queue<Signal>>);

impl Signals {
    /// How many signals were not read in time.
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

/// The states of one `EventSource`, from the present one on. Ends with the source.
///
/// It passes over all [`Signals`] but [`Signal::State`].
#[derive(Debug)]
#[must_use = "a stream does nothing unless it is polled"]
pub struct States(pub(crate) Signals);

impl States {
    /// How many signals, states or others, were not read in time.
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

/// Hands a signal to everyone who reads them.
#[derive(Debug, Default)]
pub(crate) struct Signaller(RefCell<Vec<Weak<Queue<Signal>>>>);

impl Signaller {
    /// A reader of all signals after this one.
    pub(crate) fn subscribe(&self, first: Signal) -> Signals {
        let queue = Rc::new(Queue::new(QUEUE));
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

    /// Those who still read. A list of its own: one who is woken may subscribe or leave.
    fn readers(&self) -> Vec<Rc<Queue<Signal>>> {
        self.0.borrow().iter().filter_map(Weak::upgrade).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_gap_as_hubs_send_it() {
        let gap = Gap::read(r#"{"reason":"trimmed","requested":"é\"\r","first":"e-4"}"#);
        assert_eq!(
            gap,
            Gap { reason: GapReason::Trimmed, requested: "é\"\r".into(), first: Some(EventId::from_static("e-4")) }
        );
        assert_eq!(Gap::read(r#"{"reason":"epoch","requested":"x","first":null}"#).first, None);
    }

    #[test]
    fn every_reason_is_known_by_its_name() {
        for (name, reason) in [
            ("trimmed", GapReason::Trimmed),
            ("epoch", GapReason::Epoch),
            ("unknown", GapReason::Unknown),
            ("lost", GapReason::Lost),
            ("lagged", GapReason::Lagged),
            ("eclipse", GapReason::Other),
        ] {
            let data = format!(r#"{{"reason":"{name}","requested":"","first":null}}"#);
            assert_eq!(Gap::read(&data).reason, reason);
        }
        for (name, reason) in [
            ("shutdown", DrainReason::Shutdown),
            ("age", DrainReason::Age),
            ("expired", DrainReason::Expired),
            ("lag", DrainReason::Lag),
            ("eclipse", DrainReason::Other),
        ] {
            assert_eq!(Drain::read(&format!(r#"{{"reason":"{name}"}}"#)).reason, reason);
        }
    }

    #[test]
    fn what_does_not_read_is_not_passed_over() {
        for data in ["", "null", "{", "{}", r#"{"reason":7}"#] {
            assert_eq!(Gap::read(data), Gap::default(), "{data}");
            assert_eq!(Drain::read(data), Drain::default(), "{data}");
        }
        assert_eq!(Gap::read(r#"{"reason":"lost","more":1}"#).reason, GapReason::Lost);
    }

    #[test]
    fn those_who_come_and_go_leave_nothing() {
        let signaller = Signaller::default();
        for _ in 0..10 {
            drop(signaller.subscribe(Signal::State(State::Open)));
        }
        assert_eq!(signaller.0.borrow().len(), 1);
    }
}
