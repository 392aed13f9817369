//! What comes next for a group, looked up once for all members at the same place.

use sse_engine::{Chunk, Cursor, Driver, Failed, Place, Step, StorePage, Surroundings, Write};

use crate::hub::{Hub, Wakes};

/// How many bytes of events one write has at most, if it has more than one event.
pub(super) const ROOM: usize = 64 << 10;

/// How many places are remembered at a time. Members of a group are mostly at one or two.
const PLACES: usize = 32;

/// What the members of one group got next, by where they were.
#[derive(Debug, Default)]
pub(super) struct Memo(Vec<Known>);

#[derive(Debug)]
struct Known {
    from: Place,
    step: Step<Chunk>,
    to: Place,
}

impl Memo {
    /// It is another group's turn, or later.
    pub(super) fn clear(&mut self) {
        self.0.clear();
    }
}

/// A shard, as the session of one of its connections sees it.
pub(super) struct Member<'a> {
    pub(super) hub: &'a Hub,
    pub(super) shard: usize,
    pub(super) memo: &'a mut Memo,
}

impl Driver for Member<'_> {
    type Events = Chunk;

    fn surroundings(&self) -> &impl Surroundings {
        self.hub
    }

    fn next(&mut self, cursor: &mut Cursor) -> Result<Step<Chunk>, Failed> {
        let from = cursor.place();
        if let Some(known) = self.memo.0.iter().find(|known| known.from == from) {
            cursor.follow(known.to);
            return Ok(known.step.clone());
        }
        let step = self.hub.next(cursor, ROOM, Wakes::Shard(self.shard))?.map(Write::into_chunk);
        if self.memo.0.len() == PLACES {
            self.memo.0.remove(0);
        }
        self.memo.0.push(Known { from, step: step.clone(), to: cursor.place() });
        Ok(step)
    }

    fn take(&mut self, cursor: &mut Cursor, page: StorePage) -> Result<Step<Chunk>, Failed> {
        Ok(self.hub.take(cursor, page)?.map(Write::into_chunk))
    }
}
