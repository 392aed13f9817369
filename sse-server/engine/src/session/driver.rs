//! What a session needs from its driver, and what it asks of it.

use std::time::Duration;

use bytes::Bytes;

use crate::{Cursor, DrainReason, EncodedPage, GapReason, Lasts, Millis, Position, Step, StoreRead, StreamName, Write};

/// What the hub itself says on a stream.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Control {
    /// Its own events. A heartbeat is an `sse-cursor` with the position served.
    #[default]
    Events,
    /// Its own events. A heartbeat is a comment.
    CommentHeartbeats,
    /// Nothing but comments, for programs that take every event for one that was published. A gap in the middle ends the
    /// stream; one at its opening is told in the response's head.
    Off,
}

/// Why a stream ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum StreamEnd {
    /// The client is to return.
    Drained(DrainReason),
    /// All topics of the stream have ended.
    TopicsEnded,
}

/// The times of all streams.
#[derive(Debug, Clone, Copy)]
pub struct Timing {
    /// The silence after which a heartbeat is sent.
    pub heartbeat: Duration,
    /// The shortest reconnection time. Up to as much again is added at random.
    pub retry: Duration,
    /// The age at which a stream ends, give or take a tenth; zero means never.
    pub max_age: Duration,
}

/// What all sessions of a hub share.
pub trait Surroundings {
    /// The last event that subscribers may have.
    fn shown(&self) -> u64;

    /// The position of `seq` in this log.
    fn position(&self, seq: u64) -> Position;

    /// The times of all streams.
    fn timing(&self) -> &Timing;

    /// A random number, for jitter.
    fn random(&self) -> u32;
}

/// What a session needs from its driver.
pub trait Driver {
    /// The form in which events are carried: framed or not, shared or not.
    type Events;

    /// What all sessions of the hub share.
    fn surroundings(&self) -> &impl Surroundings;

    /// The name of the stream, if it has one.
    fn stream_name(&self) -> Option<StreamName>;

    /// The next step of the cursor: [`Engine::next`](crate::Engine::next), or a cached result. A driver that returns
    /// [`Step::CaughtUp`] has to poll the session again once the cursor's group has matched an event.
    ///
    /// # Errors
    ///
    /// [`Failed`] if the log has failed for good.
    fn next(&mut self, cursor: &mut Cursor) -> Result<Step<Self::Events>, Failed>;

    /// The next step of a stream that begins with the last event of each topic:
    /// [`Engine::next_lasts`](crate::Engine::next_lasts).
    ///
    /// # Errors
    ///
    /// [`Failed`] if the log has failed for good.
    fn next_lasts(&mut self, cursor: &mut Cursor, lasts: &mut Lasts) -> Result<Step<Self::Events>, Failed>;

    /// Carries what was read from the store.
    fn carry(&mut self, write: Write) -> Self::Events;

    /// Continues with a page from the store: [`Engine::accept_page`](crate::Engine::accept_page).
    ///
    /// # Errors
    ///
    /// [`Failed`] if the log has failed for good.
    fn accept_page(&mut self, cursor: &mut Cursor, page: EncodedPage) -> Result<Step<Self::Events>, Failed>;
}

/// The log has failed for good.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Failed;

/// What the driver of a session has to do next.
#[derive(Debug, PartialEq, Eq)]
pub enum Action<E> {
    /// Write these events, then poll again.
    Events {
        /// The events.
        events: E,
        /// The number of events.
        count: usize,
    },
    /// Write a block of the hub's own, then poll again.
    Control {
        /// The block.
        block: Bytes,
        /// Its kind.
        kind: ControlKind,
    },
    /// Read this range from the store, and pass the page to [`Session::accept_page`](crate::Session::accept_page).
    ReadStore(StoreRead),
    /// Poll again after others have had their turn.
    Yield,
    /// Poll again at this time, or as soon as the group has matched an event.
    WaitUntil(Millis),
    /// Write the last block, and end the stream cleanly.
    End {
        /// The block that says why; nothing if the hub [says nothing](Control::Off).
        last_words: Bytes,
        /// The reason.
        reason: StreamEnd,
    },
    /// The stream has already ended.
    Ended,
}

/// The kinds of blocks that the hub sends itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ControlKind {
    /// The first block of the stream.
    Opening,
    /// A heartbeat.
    Heartbeat,
    /// A gap in the middle of the stream.
    Gap(GapReason),
}
