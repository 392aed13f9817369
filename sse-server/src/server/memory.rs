//! Memory that many connections took is given back when they have gone, or have become streams.

use std::time::Duration;

use tokio::time::sleep;

use crate::base::{connections::Connections, memory::give_back};

/// How often it is looked whether connections have come or gone.
const LOOK: Duration = Duration::from_secs(5);

/// The least number of connections that have to come or go before it is worth it.
const MANY: usize = 256;

/// Gives memory back after a rush of new connections, and each time that half of them have gone, until it is dropped.
pub(super) async fn watch(connections: Connections) {
    let mut seen = Seen::default();
    loop {
        sleep(LOOK).await;
        if seen.look(connections.take_most(), connections.count(), connections.opened()) {
            let _ = tokio::task::spawn_blocking(give_back).await; // it takes milliseconds
        }
    }
}

/// What was seen of the connections so far.
#[derive(Debug, Default)]
struct Seen {
    /// The most that were open at once since memory was given back.
    most: usize,
    /// All that were opened so far.
    opened: usize,
    /// The most that were opened between two looks since memory was given back: what reading and answering a request
    /// takes lies between the little that its stream takes.
    rush: usize,
}

impl Seen {
    /// Returns true if memory is to be given back: `most` were open at once since the last look, `open` are now, and
    /// `opened` were opened so far.
    fn look(&mut self, most: usize, open: usize, opened: usize) -> bool {
        let new = opened.saturating_sub(self.opened);
        self.opened = opened;
        self.most = self.most.max(most);
        self.rush = self.rush.max(new);
        let have_gone = self.most.saturating_sub(open) >= MANY.max(self.most / 2);
        let is_calm = self.rush >= MANY && new < self.rush / 8;
        if have_gone || is_calm {
            (self.most, self.rush) = (open, new);
        }
        have_gone || is_calm
    }
}

#[cfg(test)]
mod tests {
    use super::{MANY, Seen};

    #[test]
    fn memory_is_given_back_once_after_a_rush() {
        let mut seen = Seen::default();
        assert!(!seen.look(5_000, 5_000, 5_000));
        assert!(!seen.look(9_000, 9_000, 9_000), "others still come");
        assert!(seen.look(9_100, 9_100, 9_100));
        assert!(!seen.look(9_100, 9_100, 9_100));
    }

    #[test]
    fn memory_is_given_back_when_half_have_gone() {
        let mut seen = Seen::default();
        seen.look(5_000, 5_000, 5_000);
        seen.look(5_000, 5_000, 5_000);
        assert!(!seen.look(5_000, 2_600, 5_000));
        assert!(seen.look(2_600, 2_500, 5_000));
        assert!(!seen.look(2_500, 2_500, 5_000));
    }

    #[test]
    fn a_steady_coming_and_going_is_no_rush() {
        let mut seen = Seen::default();
        let per_look = 2 * MANY;
        assert!((1..100).all(|look| !seen.look(100, 100, look * per_look)));
    }

    #[test]
    fn few_are_not_worth_it() {
        let mut seen = Seen::default();
        assert!(!seen.look(MANY - 1, MANY - 1, MANY - 1));
        assert!(!seen.look(MANY - 1, 0, MANY - 1));
    }
}
