//! Those who wait for events elsewhere than in a task.

use std::fmt;

use sse_engine::GroupId;

/// A group with members in a shard that wait for an event of it, and there is one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct ReadyGroup {
    /// The shard's number, below [`MAX_SHARDS`](crate::config::MAX_SHARDS).
    pub(crate) shard: usize,
    pub(crate) group: GroupId,
}

/// The shards, as the hub knows them. It calls them without holding its lock.
pub(crate) trait Waiters: fmt::Debug + Send + Sync {
    /// There are events for these groups, which are in no particular order and may be put in another.
    fn ready(&self, groups: &mut [ReadyGroup]);

    /// A shutdown has begun.
    fn drain(&self);
}

// There is a bit for each shard.
const _: () = assert!(crate::config::MAX_SHARDS <= u64::BITS as usize);
