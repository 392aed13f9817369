//! What a tab asks its driver to do.

use sse_core::EventId;

use super::{aside::Aside, notice::Notice};
use crate::{Delivery, Message, State};

/// What a tab asks its driver to do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Output {
    /// Queue for the lock. This ends an earlier request.
    Request,
    /// Take the lock from its holder. This ends an earlier request.
    Steal,
    /// Release the lock, or leave the queue for it.
    Release,
    /// Send this to all other tabs.
    Post(Notice),
    /// Open the stream after this ID; empty for none.
    Connect { last_event_id: EventId },
    /// Close the stream. Nothing more of it is to be handed in.
    Disconnect,
    /// Have the stream check its deadlines, since its own timers may be late.
    CheckDeadlines,
    /// Hand this event to the program. It may be one of the hub's own.
    Event(Delivery<Message>),
    /// Tell the program the state of the stream.
    State(State),
    /// Tell the program something else about the stream.
    Aside(Aside),
}
