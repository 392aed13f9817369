//! `[limits]`

use super::{
    section::{GIB, MIB, TIB, section},
    setting::{Bytes, Count},
};

section! {
    /// How much of everything.
    pub struct Limits {
        /// Connections in all. The descriptors that the process may open, less 256, are the other limit.
        pub connections: usize = 100_000, takes Count(1..=10_000_000), see "[how large](operations.md#how-large)";

        /// Streams in all. 0: nine tenths of the connections there may be, so that publishers get through when streams are
        /// full.
        pub streams: usize = 0, takes Count(0..=10_000_000);

        /// Connections from one address, or from one /64 of IPv6. 0: nine tenths of those there may be, so that no one
        /// takes all. Proxies that are [trusted](operations.md#behind-a-proxy) may have all.
        pub connections_per_address: usize = 0, takes Count(0..=10_000_000);

        /// Streams from one address, or from one /64 of IPv6. 0: nine tenths of those there may be.
        pub per_address: usize = 0, takes Count(0..=10_000_000);

        /// Distinct sets of selectors that streams from one address brought, or from one /64 of IPv6. 0: no limit.
        ///
        /// Behind a proxy that is not [trusted](operations.md#behind-a-proxy) all come from one address: set it to 0 there.
        pub groups_per_address: usize = 15_000, takes Count(0..=10_000_000);

        /// Events a second that one subject may publish, or without access control one address (a /64 of IPv6). 0: no limit.
        ///
        /// As many may come at once; an array that has more is refused.
        pub publish_rate: usize = 0, takes Count(0..=10_000_000);

        /// Topics a minute that are new to the log, by what one subject or address publishes. 0: no limit.
        ///
        /// As many may come at once; an array that has more is refused. Topics beyond `window.topics` push out others.
        pub new_topics_rate: usize = 0, takes Count(0..=10_000_000);

        /// Bytes of data a second that one subject or address may publish. 0: no limit.
        pub publish_bytes_rate: usize = 0, takes Bytes(0..=4 * GIB - 1);

        /// Selectors of one stream.
        pub selectors: usize = 64, takes Count(1..=200);

        /// Distinct sets of selectors among the subscribers.
        pub groups: usize = 20_000, takes Count(1..=10_000_000);

        /// Bytes of all these sets together: of each selector its text and about 230 bytes.
        ///
        /// A set of one short topic takes half a KB, one of 64 long topics 31 KB.
        pub selector_bytes: usize = 256 * MIB, takes Bytes(MIB..=TIB);

        /// Segments of all patterns together, those in common counted once; about 200 bytes each.
        ///
        /// The patterns of one stream may have 256.
        pub pattern_nodes: usize = 500_000, takes Count(1..=100_000_000);

        /// Bytes kept for clients that have not taken them, all together; for a stream at most 128 KiB, or one event and
        /// 64 KiB. What many wait for is kept once, and counted once.
        ///
        /// Beyond, those that stall are cut off. Other responses count, too.
        pub pinned_bytes: usize = 256 * MIB, takes Bytes(MIB..=TIB);
    }
}
