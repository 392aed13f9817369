//! What is written for a group, made once for all members at the same place.

use crate::{
    handle::Subscriber,
    hub::{Chunk, Gap, Place, Span, Step},
};

/// How many bytes of events one write has at most, if it has more than one event.
pub(super) const ROOM: usize = 64 << 10;

/// How many places are remembered at a time. Members of a group are mostly at one or two.
const PLACES: usize = 32;

/// The last chunk of a body.
pub(super) const LAST_CHUNK: &[u8] = b"0\r\n\r\n";

/// What comes next for a subscriber: a [`Step`], its events as a chunk.
#[derive(Debug, Clone)]
pub(super) enum Next {
    Events { chunk: Chunk, events: usize },
    Gap(Gap),
    Read(Span),
    Wait,
    Again,
    Lagged,
}

impl From<Step> for Next {
    fn from(step: Step) -> Self {
        match step {
            Step::Write { write, events } => Self::Events { chunk: write.into_chunk(), events },
            Step::Gap(gap) => Self::Gap(gap),
            Step::Read(span) => Self::Read(span),
            Step::Wait => Self::Wait,
            Step::Again => Self::Again,
            Step::Lagged => Self::Lagged,
        }
    }
}

/// What members of one group got next, by where they were.
#[derive(Debug)]
pub(super) struct Memo {
    shard: usize,
    known: Vec<(Place, Next, Place)>,
}

impl Memo {
    pub(super) const fn new(shard: usize) -> Self {
        Self { shard, known: Vec::new() }
    }

    /// Another group's turn, or a later time.
    pub(super) fn clear(&mut self) {
        self.known.clear();
    }

    pub(super) fn next(&mut self, subscriber: &mut Subscriber) -> Next {
        let from = subscriber.place();
        if let Some((_, next, to)) = self.known.iter().find(|(known, ..)| *known == from) {
            subscriber.follow(*to);
            return next.clone();
        }
        let next = Next::from(subscriber.next(ROOM, self.shard));
        if self.known.len() == PLACES {
            self.known.remove(0);
        }
        self.known.push((from, next.clone(), subscriber.place()));
        next
    }
}
