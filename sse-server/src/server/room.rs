//! How many connections fit into the descriptors that the process may open.

use super::error::ServeError;

/// The most connections to the operator's listener.
const ADMIN: usize = 64;

/// The most connections of a listener beyond its limit that still get a response saying that the hub is full. Any further
/// ones are closed.
const SURPLUS: usize = 64;

/// The fewest connections with which it is worth starting, unless fewer are configured.
const FEWEST: usize = 16;

/// What there is room for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Room {
    /// The limit of descriptors, where there is one.
    pub(super) descriptors: Option<usize>,
    pub(super) connections: usize,
    pub(super) admin: usize,
    /// On each of the listeners.
    pub(super) surplus: usize,
}

impl Room {
    /// The room for `configured` connections beside `shards` shards, and `small` listeners that have few.
    ///
    /// # Errors
    ///
    /// [`ServeError::Descriptors`] if the process may open too few.
    pub(super) fn find(configured: usize, shards: usize, small: usize) -> Result<Self, ServeError> {
        #[cfg(unix)]
        if let Ok((descriptors, _)) = rlimit::Resource::NOFILE.get() {
            let descriptors = usize::try_from(descriptors).unwrap_or(usize::MAX);
            let room = Self::within(descriptors, shards, small);
            let fewest = configured.min(FEWEST);
            if room.connections < fewest {
                let fits = |descriptors: &usize| Self::within(*descriptors, shards, small).connections >= fewest;
                let needed = (descriptors..).find(fits).unwrap_or(usize::MAX);
                return Err(ServeError::Descriptors { descriptors, needed });
            }
            return Ok(Self { connections: configured.min(room.connections), ..room });
        }
        let _ = (shards, small);
        Ok(Self { descriptors: None, connections: configured, admin: ADMIN, surplus: SURPLUS })
    }

    /// The most that fits into `descriptors`. Where they are few, all parts shrink.
    #[cfg(unix)]
    fn within(descriptors: usize, shards: usize, small: usize) -> Self {
        // The runtime, the listeners and the log have about twenty, and each shard two.
        let own = (descriptors / 4).clamp(32, 64) + 2 * shards;
        let left = descriptors.saturating_sub(own);
        let (admin, surplus) = (ADMIN.min(left / 8), SURPLUS.min(left / 16));
        Self {
            descriptors: Some(descriptors),
            connections: left - small * admin - (1 + small) * surplus,
            admin,
            surplus,
        }
    }
}

#[cfg(all(test, unix))]
mod tests {
    use super::*;

    #[test]
    fn few_descriptors_leave_room_for_clients_and_many_keep_a_reserve_of_256() {
        for (descriptors, connections) in [(64, 23), (128, 71), (256, 143), (1024, 774), (20_000, 19_740)] {
            let room = Room::within(descriptors, 2, 1);
            assert_eq!(room.connections, connections, "{descriptors}");
            assert!(room.connections + room.admin + 2 * room.surplus + 4 + 32 <= descriptors);
        }
        for descriptors in 0..2000 {
            let (less, more) = (Room::within(descriptors, 2, 1), Room::within(descriptors + 1, 2, 1));
            assert!(less.connections <= more.connections + 2, "one more never costs much: {descriptors}");
        }
    }
}
