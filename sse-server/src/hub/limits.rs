//! How many of everything there may be, and how many of them for one client.

use super::Hub;

impl Hub {
    /// The system has room for `connections` only, which may be fewer than configured.
    pub(crate) fn bound_connections(&self, connections: usize) {
        self.0.core.bound_connections(connections);
    }

    fn max_connections(&self) -> usize {
        self.config().limits.connections.min(self.0.core.max_connections())
    }

    /// The most connections from one address.
    pub(crate) fn max_connections_of_one(&self) -> usize {
        given_or_most_of(self.config().limits.connections_per_address, self.max_connections())
    }

    /// The most streams. Over HTTP/2 one connection carries many.
    pub(super) fn max_streams(&self) -> usize {
        given_or_most_of(self.config().limits.streams, self.config().limits.connections)
    }

    /// Returns true if streams hold so many connections of their own that the rest is left to those who publish.
    pub(crate) fn leaves_connections_to_requests(&self) -> bool {
        self.0.core.connections_held() >= self.max_streams().min(most_of(self.max_connections()))
    }

    /// The most streams from one address.
    pub(super) fn max_streams_of_one(&self) -> usize {
        given_or_most_of(self.config().limits.per_address, self.max_streams())
    }
}

/// `given`, or nine tenths of `all` where 0 is given.
fn given_or_most_of(given: usize, all: usize) -> usize {
    if given > 0 { given } else { most_of(all) }
}

const fn most_of(all: usize) -> usize {
    all - all / 10
}
