//! Subscribers that wait for events outside of a task.

use std::fmt;

use sse_engine::GroupId;

/// A group with an event for members that wait in a shard.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct ReadyGroup {
    /// The shard's number, below [`MAX_SHARDS`](crate::config::MAX_SHARDS).
    pub(crate) shard: usize,
    pub(crate) group: GroupId,
}

/// The hub's view of the shards. It calls them without holding its lock.
pub(crate) trait Waiters: fmt::Debug + Send + Sync {
    /// There are events for `groups`, which are in no particular order and may be reordered.
    fn ready(&self, groups: &mut [ReadyGroup]);

    /// A shutdown has started.
    fn drain(&self);
}

// The sets of shards have a bit for each.
const _: () = assert!(crate::config::MAX_SHARDS <= u64::BITS as usize);
