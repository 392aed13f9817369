//! `[stream]`

use std::time::Duration;

use super::{
    section::{DAY, HOUR, MINUTE, MS, SECOND, TIB, section},
    setting::{Bytes, choices},
};
use sse_engine::LagPolicy;

section! {
    /// What subscribers get.
    pub struct Stream {
        /// How long a stream is silent before a heartbeat.
        ///
        /// Keep it below the 30 s to 60 s after which proxies cut an idle connection. Clients are told whole seconds,
        /// rounded up. On Linux a client that acknowledges nothing for as long, or for `write_stall` if that is longer,
        /// is gone.
        pub heartbeat: Duration = 15 * SECOND, takes SECOND..=5 * MINUTE,
            see "[why](records/0007-user-timeout-is-the-heartbeat.md)";

        /// The least reconnection time that clients are told.
        ///
        /// Up to as much again is added, drawn for each stream, so that they do not all come back at once.
        pub retry: Duration = 2 * SECOND, takes 10 * MS..=5 * MINUTE;

        /// How long a stream lives, give or take a tenth. 0 s: for ever.
        ///
        /// It ends with `sse-drain`, and the client resumes. A browser that died behind a proxy is freed only by this.
        pub max_age: Duration = HOUR, takes Duration::ZERO..=30 * DAY;

        /// What happens to a subscriber that fell too far behind.
        pub lag: Lag = Lag::Disconnect;

        /// How old the first event may be that a connected subscriber has not taken, with `lag = "disconnect"`.
        ///
        /// It is checked when the subscriber takes bytes.
        pub lag_time: Duration = 30 * SECOND, takes SECOND..=DAY;

        /// How many bytes, of all topics, may have been published after that event. 0: as many as the window holds.
        ///
        /// Set it above what one request may publish, or each such request ends the streams that it is for.
        pub lag_bytes: usize = 0, takes Bytes(0..=TIB);

        /// How long a client may take nothing of what waits for it. Then it is cut off, and a subscriber resumes by its
        /// last event ID.
        ///
        /// It holds for every response: over HTTP/1 the connection ends, over HTTP/2 the stream is reset. On Linux bytes
        /// that the client's system acknowledged are taken; elsewhere those for which the socket has made room. A stream
        /// past its age or its moment of a shutdown has as long for its last bytes.
        pub write_stall: Duration = 10 * SECOND, takes SECOND..=DAY;

        /// How a stream is turned away when the hub is full or draining.
        pub overload: Overload = Overload::Retry, see "[refusals](http.md#refusals)";
    }
}

choices! {
    /// What happens to a subscriber that fell too far behind.
    pub enum Lag {
        /// Its stream ends, and it resumes by its last event ID.
        Disconnect = "disconnect",
        /// The stream goes on after an `sse-gap`.
        Gap = "gap",
    }
}

choices! {
    /// How a new stream is turned away when the hub is full or draining.
    pub enum Overload {
        /// The answer is 200, one `sse-drain`, and the end: another status makes an `EventSource` give up for good.
        Retry = "retry",
        /// The answer is 429 or 503.
        Status = "status",
    }
}

impl Stream {
    /// The time after which a peer that acknowledges nothing is considered gone: a heartbeat, or longer if it may stall
    /// for longer.
    pub(crate) fn user_timeout(&self) -> Duration {
        self.heartbeat.max(self.write_stall)
    }
}

impl Lag {
    pub(crate) const fn policy(self) -> LagPolicy {
        match self {
            Self::Disconnect => LagPolicy::Disconnect,
            Self::Gap => LagPolicy::Gap,
        }
    }
}
