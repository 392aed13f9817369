//! Steps of a group that are computed once and shared by all members at the same place.

use sse_engine::{Chunk, Cursor, Driver, Failed, Place, Step, StorePage, Surroundings, WRITE_BYTES, Write};

use crate::hub::{Hub, Wakes};

/// The number of places remembered. Members of a group are mostly at one or two.
const PLACES: usize = 32;

/// The next steps of one group, by the place of the member.
#[derive(Debug, Default)]
pub(super) struct Memo(Vec<Known>);

#[derive(Debug)]
struct Known {
    from: Place,
    step: Step<Chunk>,
    to: Place,
}

impl Memo {
    /// Forgets all steps, because another group has its turn or time has passed.
    pub(super) fn clear(&mut self) {
        self.0.clear();
    }
}

/// The session's driver for one connection of a shard.
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
        let step = self.hub.next(cursor, WRITE_BYTES, Wakes::Shard(self.shard))?.map(Write::into_chunk);
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
