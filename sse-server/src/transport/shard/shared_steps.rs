//! Steps of a group that are computed once and shared by all members with the same progress.

use bytes::Bytes;
use sse_engine::{
    Chunk, Cursor, Driver, EncodedPage, Failed, Lasts, Millis, Progress, Step, StreamName, Surroundings, WRITE_BYTES,
    Write,
};

use crate::hub::{GrantedStream, Hub, Subscriber, Waiter};

/// The number of steps remembered. The members of a group are mostly at one or two places.
const PLACES: usize = 32;

/// An event from this size on is framed once for all members, however many turns it takes to serve them.
const LARGE: usize = 16 << 10;

/// The next steps of one group, by the progress of the member.
#[derive(Debug, Default)]
pub(super) struct Memo {
    steps: Vec<Known>,
    /// The last large event, as all groups share it, and framed as a chunk.
    large: Option<(Bytes, Chunk)>,
}

#[derive(Debug)]
struct Known {
    from: Progress,
    step: Step<Chunk>,
    to: Progress,
}

impl Memo {
    /// Forgets all steps, because another group has its turn or time has passed.
    pub(super) fn clear(&mut self) {
        self.steps.clear();
    }

    /// Frames what is written. Peers that don't take it share one copy of a large event.
    fn frame(&mut self, write: Write) -> Chunk {
        let Write::One(event) = &write else { return write.into_chunk() };
        if event.len() < LARGE {
            return write.into_chunk();
        }
        let is_same = |known: &Bytes| known.as_ptr() == event.as_ptr() && known.len() == event.len();
        match &self.large {
            Some((known, chunk)) if is_same(known) => chunk.clone(),
            _ => {
                let event = event.clone();
                let chunk = write.into_chunk();
                self.large = Some((event, chunk.clone()));
                chunk
            }
        }
    }
}

/// The session's driver for one connection of a shard.
pub(super) struct ShardDriver<'a> {
    hub: &'a Hub,
    shard: usize,
    memo: &'a mut Memo,
    name: Option<StreamName>,
}

impl<'a> ShardDriver<'a> {
    /// The driver for the stream of `subscriber`, and the time for it: a turn takes a while, so that `now` may be past, and
    /// nothing is sent after the end of a grant.
    pub(super) fn of(
        subscriber: &Subscriber,
        (hub, shard): (&'a Hub, usize),
        memo: &'a mut Memo,
        now: Millis,
    ) -> (Self, Millis) {
        let name = subscriber.granted().map(GrantedStream::name);
        let now = if name.is_some() { hub.clock().now() } else { now };
        (Self { hub, shard, memo, name }, now)
    }
}

impl Driver for ShardDriver<'_> {
    type Events = Chunk;

    fn surroundings(&self) -> &impl Surroundings {
        self.hub
    }

    fn stream_name(&self) -> Option<StreamName> {
        self.name
    }

    fn next(&mut self, cursor: &mut Cursor) -> Result<Step<Chunk>, Failed> {
        let from = cursor.progress();
        if let Some(known) = self.memo.steps.iter().find(|known| known.from == from) {
            cursor.jump_to(known.to);
            return Ok(known.step.clone());
        }
        let step = self.hub.next(cursor, WRITE_BYTES, Waiter::Shard(self.shard))?.map(|write| self.memo.frame(write));
        if self.memo.steps.len() == PLACES {
            self.memo.steps.remove(0);
        }
        self.memo.steps.push(Known { from, step: step.clone(), to: cursor.progress() });
        Ok(step)
    }

    fn next_lasts(&mut self, cursor: &mut Cursor, lasts: &mut Lasts) -> Result<Step<Chunk>, Failed> {
        Ok(self.hub.next_lasts(cursor, lasts, WRITE_BYTES)?.map(Write::into_chunk))
    }

    fn carry(&mut self, write: Write) -> Chunk {
        write.into_chunk()
    }

    fn accept_page(&mut self, cursor: &mut Cursor, page: EncodedPage) -> Result<Step<Chunk>, Failed> {
        Ok(self.hub.accept_page(cursor, page)?.map(Write::into_chunk))
    }
}
