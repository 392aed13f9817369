//! The room for what is appended and not yet written: publishers wait while there is none.

use std::{iter::Sum, ops::AddAssign, sync::Arc};

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use crate::store::StoreError;

/// What the file may be behind by: bytes of events, and topics that it does not know yet.
///
/// They are apart: who publishes to known topics does not wait behind those who make new ones.
#[derive(Debug)]
pub(super) struct Room {
    bytes: Arc<Semaphore>,
    topics: Arc<Semaphore>,
    most_topics: usize,
}

/// How much room something takes.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Size {
    pub(super) bytes: usize,
    pub(super) topics: usize,
}

/// A share of the room, until this is dropped.
#[derive(Debug)]
pub(super) struct Permit {
    size: Size,
    _topics: Option<OwnedSemaphorePermit>,
    _bytes: OwnedSemaphorePermit,
}

impl Room {
    /// The most bytes of events in memory that are not yet written. Beyond that, publishers wait.
    pub(super) const BYTES: usize = 32 << 20;

    /// Room for `topics` new topics: they are in memory until the file has caught up.
    pub(super) fn new(topics: usize) -> Self {
        let most_topics = topics.clamp(1, Semaphore::MAX_PERMITS);
        let (bytes, topics) = (Semaphore::new(Self::BYTES), Semaphore::new(most_topics));
        Self { bytes: bytes.into(), topics: topics.into(), most_topics }
    }

    /// The size from which on what is queued is written without waiting for the interval to pass.
    pub(super) const fn eager(&self) -> Size {
        Size { bytes: Self::BYTES / 4, topics: self.most_topics.div_ceil(4) }
    }

    /// Waits for a share. What is larger than all the room takes all.
    pub(super) async fn acquire(&self, size: Size) -> Result<Permit, StoreError> {
        let permits = |size: usize, most: usize| u32::try_from(size.min(most)).unwrap_or(u32::MAX);
        // the topics first: who waits for them holds no bytes that others could have
        let topics = match permits(size.topics, self.most_topics) {
            0 => None,
            permits => Some(self.topics.clone().acquire_many_owned(permits).await.map_err(|_| StoreError::Closed)?),
        };
        let bytes = self.bytes.clone().acquire_many_owned(permits(size.bytes, Self::BYTES)).await;
        Ok(Permit { size, _topics: topics, _bytes: bytes.map_err(|_| StoreError::Closed)? })
    }
}

impl Permit {
    pub(super) const fn size(&self) -> Size {
        self.size
    }
}

impl Size {
    /// Returns true if this is `other` or more, in bytes or in topics.
    pub(super) const fn reaches(self, other: Self) -> bool {
        self.bytes >= other.bytes || self.topics >= other.topics
    }
}

impl AddAssign for Size {
    fn add_assign(&mut self, other: Self) {
        self.bytes += other.bytes;
        self.topics += other.topics;
    }
}

impl Sum for Size {
    fn sum<I: Iterator<Item = Self>>(sizes: I) -> Self {
        sizes.fold(Self::default(), |mut sum, size| {
            sum += size;
            sum
        })
    }
}
