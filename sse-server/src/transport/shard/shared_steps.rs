//! Steps of a group that are computed once and shared by all members with the same progress.

use sse_engine::{Chunk, Cursor, Driver, Failed, Lasts, Progress, Step, StorePage, Surroundings, WRITE_BYTES, Write};

use crate::hub::{Hub, Wakes};

/// The number of steps remembered. The members of a group are mostly at one or two places.
const PLACES: usize = 32;

/// The next steps of one group, by the progress of the member.
#[derive(Debug, Default)]
pub(super) struct Memo(Vec<Known>);

#[derive(Debug)]
struct Known {
    from: Progress,
    step: Step<Chunk>,
    to: Progress,
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
        let from = cursor.progress();
        if let Some(known) = self.memo.0.iter().find(|known| known.from == from) {
            cursor.jump_to(known.to);
            return Ok(known.step.clone());
        }
        let step = self.hub.next(cursor, WRITE_BYTES, Wakes::Shard(self.shard))?.map(Write::into_chunk);
        if self.memo.0.len() == PLACES {
            self.memo.0.remove(0);
        }
        self.memo.0.push(Known { from, step: step.clone(), to: cursor.progress() });
        Ok(step)
    }

    fn next_lasts(&mut self, cursor: &mut Cursor, lasts: &mut Lasts) -> Result<Step<Chunk>, Failed> {
        Ok(self.hub.next_lasts(cursor, lasts, WRITE_BYTES)?.map(Write::into_chunk))
    }

    fn carry(&mut self, write: Write) -> Chunk {
        write.into_chunk()
    }

    fn accept_page(&mut self, cursor: &mut Cursor, page: StorePage) -> Result<Step<Chunk>, Failed> {
        Ok(self.hub.accept_page(cursor, page)?.map(Write::into_chunk))
    }
}
