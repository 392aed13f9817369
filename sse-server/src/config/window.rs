//! `[window]`

use super::{
    section::{KIB, MIB, TIB, section},
    setting::{Bytes, Count},
};

section! {
    /// The window of recent events in memory, from which everything is sent.
    ///
    /// When any bound is reached, the oldest events go.
    pub struct Window {
        /// Events. At 200 bytes each they take about 24 MB.
        pub events: usize = 65_536, takes Count(1..=100_000_000);

        /// Bytes of events as they are sent, and what keeping them costs.
        ///
        /// The newest event stays, whatever its size. Events that someone has read with `envelope=json` count twice,
        /// for they are kept in both forms; what is too much then goes at the next publish.
        pub bytes: usize = 64 * MIB, takes Bytes(64 * KIB..=TIB);

        /// Topics that have been published to; about 300 bytes each.
        ///
        /// Beyond, those without events are forgotten, the oldest first; if all have events, one of the smallest topics loses
        /// its own.
        pub topics: usize = 20_000, takes Count(1..=10_000_000);
    }
}
