//! Times, and the names of groups.

/// A publish time: milliseconds since the Unix epoch. It never goes back along the log.
pub type Millis = u64;

/// A group's place in the table of groups, valid while the group has members.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct GroupId(u32);

impl GroupId {
    pub(crate) fn new(index: usize) -> Self {
        Self(u32::try_from(index).expect("groups are bounded far below"))
    }

    /// The place as an index. Places are reused, the lowest first, so they stay dense.
    pub const fn index(self) -> usize {
        self.0 as usize
    }
}
