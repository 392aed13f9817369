//! Whether the disk answers. A thread looks at it, since all others may be waiting for it.

use std::{
    collections::BTreeMap,
    time::{Duration, Instant},
};

use tokio::sync::watch;

use crate::{base::lock::Slot, store::StoreError};

/// What the disk was asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Asked {
    Read,
    Write,
}

/// What the disk was asked for and has not answered.
#[derive(Debug)]
pub(super) struct Disk {
    /// How long it may take to answer.
    timeout: Duration,
    open: Slot<Open>,
    stalls: watch::Sender<Stalls>,
}

#[derive(Debug, Default)]
struct Open {
    next: u64,
    /// In the order in which they were asked.
    asked: BTreeMap<u64, (Asked, Instant)>,
}

/// What the disk has not answered for too long.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
struct Stalls {
    reads: bool,
    writes: bool,
}

/// An open question, which is answered when this is dropped.
#[derive(Debug)]
pub(super) struct Question<'a>(&'a Disk, u64);

impl Disk {
    pub(super) fn new(timeout: Duration) -> Self {
        Self { timeout, open: Slot::default(), stalls: watch::Sender::default() }
    }

    pub(super) fn timeout(&self) -> Duration {
        self.timeout
    }

    pub(super) fn ask(&self, asked: Asked) -> Question<'_> {
        let id = self.open.with(|open| {
            open.next += 1;
            open.asked.insert(open.next, (asked, Instant::now()));
            open.next
        });
        Question(self, id)
    }

    /// Looks at how long the open questions have been waiting.
    pub(super) fn look(&self) {
        let stalls = self.open.with(|open| {
            let slow = |wanted| {
                let mut waiting = open.asked.values().filter(|(asked, _)| *asked == wanted);
                waiting.next().is_some_and(|(_, since)| since.elapsed() > self.timeout)
            };
            Stalls { reads: slow(Asked::Read), writes: slow(Asked::Write) }
        });
        let changed = self.stalls.send_if_modified(|known| std::mem::replace(known, stalls) != stalls);
        if changed && stalls != Stalls::default() {
            let (reads, writes, after_s) = (stalls.reads, stalls.writes, self.timeout.as_secs());
            tracing::warn!(reads, writes, after_s, "the disk does not answer");
        } else if changed {
            tracing::info!("the disk answers again");
        }
    }

    /// Returns an error if the disk has not answered for too long, whatever it was asked.
    pub(super) fn health(&self) -> Result<(), StoreError> {
        let Stalls { reads, writes } = *self.stalls.borrow();
        if reads || writes { Err(self.error()) } else { Ok(()) }
    }

    /// Returns an error if the disk has not answered a write for too long.
    pub(super) fn writes(&self) -> Result<(), StoreError> {
        if self.stalls.borrow().writes { Err(self.error()) } else { Ok(()) }
    }

    /// Waits until the disk has not answered what it was `asked` for too long.
    pub(super) async fn stalled(&self, asked: Asked) -> StoreError {
        let stalled = |stalls: &Stalls| if asked == Asked::Read { stalls.reads } else { stalls.writes };
        let mut stalls = self.stalls.subscribe();
        match stalls.wait_for(stalled).await {
            Ok(_) => self.error(),
            Err(_) => StoreError::Closed,
        }
    }

    fn error(&self) -> StoreError {
        StoreError::Stalled(self.timeout)
    }
}

impl Drop for Question<'_> {
    fn drop(&mut self) {
        self.0.open.with(|open| open.asked.remove(&self.1));
        if *self.0.stalls.borrow() != Stalls::default() {
            self.0.look();
        }
    }
}
