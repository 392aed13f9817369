//! Times, and the IDs of groups.

use std::time::Duration;

/// A time in milliseconds since the Unix epoch, or a span of time in milliseconds. Publish times never decrease along the
/// log.
pub type Millis = u64;

/// A time in milliseconds, or the longest if it is longer.
pub fn millis(time: Duration) -> Millis {
    Millis::try_from(time.as_millis()).unwrap_or(Millis::MAX)
}

/// The ID of a group, valid while the group has members.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct GroupId(u32);

impl GroupId {
    pub(crate) fn new(index: usize) -> Self {
        Self(u32::try_from(index).expect("groups are bounded far below"))
    }

    /// The ID as an index. IDs are reused, the lowest first, so they stay dense.
    pub const fn index(self) -> usize {
        self.0 as usize
    }
}
