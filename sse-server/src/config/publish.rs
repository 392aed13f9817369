//! `[publish]`

use std::time::Duration;

use super::{
    error::ConfigError,
    section::{DAY, GIB, HOUR, KIB, MIB, MINUTE, MS, SECOND, TIB, section},
    setting::{Bytes, Count},
};

section! {
    /// What publishers may send.
    pub struct Publish {
        /// Bytes of one event: a text body, a JSON object, a line of NDJSON. Each is held in memory whole.
        pub max_event_bytes: usize = 256 * KIB, takes Bytes(1..=16 * MIB);

        /// Bytes of a JSON array. NDJSON is streamed, and has no end.
        pub max_request_bytes: usize = 16 * MIB, takes Bytes(1..=GIB);

        /// Bytes of all bodies together that are being read; of NDJSON, those of unfinished lines.
        ///
        /// Beyond, publishers are told to come again: 503. An eighth of it is kept for bodies of at most 64 KiB.
        pub max_bytes_in_flight: usize = 128 * MIB, takes Bytes(MIB..=TIB);

        /// The least reconnection time that an event may set; less becomes this.
        pub retry_min: Duration = 100 * MS, takes MS..=DAY;

        /// The greatest reconnection time that an event may set; more becomes this. Not below `retry_min`.
        pub retry_max: Duration = HOUR, takes MS..=DAY;

        /// Idempotency keys remembered. 0: none, so that keys have no effect.
        ///
        /// Each takes about 300 to 800 bytes, by the length of key and topic. Beyond, the oldest are forgotten.
        pub keys: usize = 100_000, takes Count(0..=100_000_000);

        /// How long a key is remembered. Make it longer than publishers keep trying.
        pub key_window: Duration = 10 * MINUTE, takes SECOND..=30 * DAY;
    }
}

impl Publish {
    /// Refuses values that are allowed by themselves but not together.
    pub(super) fn check(&self) -> Result<(), ConfigError> {
        if self.retry_min > self.retry_max {
            return Err(ConfigError::conflict(
                "publish.retry_min",
                "is above publish.retry_max: the least time must not exceed the greatest",
            ));
        }
        Ok(())
    }

    /// The reconnection time that an event sets which asks for `retry`.
    pub(crate) fn clamp_retry(&self, retry: Duration) -> Duration {
        retry.clamp(self.retry_min, self.retry_max)
    }
}
