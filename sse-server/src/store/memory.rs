//! A log that lives as long as the process: the hub's window is all that is retained.

use crate::hub::{Epoch, Millis};

/// Gives out positions and publish times. A new one is a new epoch.
#[derive(Debug)]
pub(crate) struct Memory {
    last_seq: u64,
    last_time: Millis,
}

impl Memory {
    /// A new, empty log.
    pub(crate) const fn new() -> Self {
        Self { last_seq: 0, last_time: 0 }
    }

    /// A name for this incarnation of the log: random, so that no ID is ever used twice.
    pub(crate) fn epoch() -> std::io::Result<Epoch> {
        Ok(Epoch::new(getrandom::u64()?))
    }

    /// The next position, and the time, which never goes back even if the clock does.
    pub(crate) fn append(&mut self, now: Millis) -> (u64, Millis) {
        self.last_seq += 1;
        self.last_time = self.last_time.max(now);
        (self.last_seq, self.last_time)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn positions_go_up_and_time_never_goes_back() {
        let mut store = Memory::new();
        assert_eq!([store.append(5), store.append(3), store.append(9)], [(1, 5), (2, 5), (3, 9)]);
    }

    #[test]
    fn epochs_differ() {
        assert_ne!(Memory::epoch().unwrap(), Memory::epoch().unwrap());
    }
}
