//! What an application may decide about reconnecting.

use std::{rc::Rc, time::Duration};

use sse_core::session::Policy;

use crate::Refusal;

/// A hub's heartbeat interval unless it is configured otherwise.
const HEARTBEAT: Duration = Duration::from_secs(15);

/// How late a heartbeat may be: for a slow network at its worst, or a busy page.
const MARGIN: Duration = Duration::from_secs(5);

/// How long a response's head may take. Three times what a TCP connection needs that loses its first packets.
const HEAD: Duration = Duration::from_secs(30);

/// When a stream is asked for again that has ended, failed, or was refused in a way that may pass.
///
/// One that is not asked for again is closed: as [`Ended`](crate::CloseReason::Ended) if the response was whole, else as
/// [`Failed`](crate::CloseReason::Failed).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Reconnection {
    /// Whenever that happens.
    Always,
    /// As long as no stream has begun: so a request is repeated only if the server has not answered it yet.
    UntilBegun,
    /// Once a stream has given an ID, from which the next one resumes. Until then never.
    OnceResumable,
    /// Never.
    Never,
}

/// What an application may decide. The methods of the builder give the reasons for the defaults.
#[derive(Clone)]
pub(crate) struct Settings {
    /// The lengths of waits. Its `retry_statuses` are not used: `may_pass` decides.
    pub(crate) policy: Policy,
    /// Returns true if a refusal may pass, so that it makes sense to try again.
    pub(crate) may_pass: Rc<dyn Fn(&Refusal) -> bool>,
    /// By default always.
    pub(crate) reconnection: Option<Reconnection>,
    /// How many refusals in a row end the client in any case.
    pub(crate) give_up_after: Option<u32>,
    pub(crate) watchdog: Option<Watchdog>,
    /// How long a hidden page stays connected; `None` for ever.
    pub(crate) pause_when_hidden: Option<Duration>,
    /// Tabs share the connection. It has a state machine of its own in the tab that holds it; this one decides only
    /// whether this tab takes part.
    pub(crate) is_across_tabs: bool,
}

/// How much silence means that a connection is dead.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Watchdog {
    pub(crate) heartbeat: Duration,
    pub(crate) margin: Duration,
    /// The application says that the server sends heartbeats. Otherwise the server has to show that it does.
    pub(crate) promised: bool,
    /// How long the head of a response may take.
    pub(crate) head: Duration,
}

/// How long the server of one stream may be silent.
#[derive(Debug, Clone, Copy)]
pub(crate) struct SilenceLimit {
    pub(crate) limit: Duration,
    /// The server sends heartbeats, so the limit holds after the first event too.
    pub(crate) has_heartbeats: bool,
}

impl Settings {
    /// How long to wait after `failures` attempts in a row. `asked` is what the server set, if it did.
    pub(crate) fn wait(&self, asked: Option<Duration>, failures: u32, entropy: u64) -> Duration {
        let policy = &self.policy;
        match asked {
            Some(asked) => policy.wait(asked.min(policy.max_asked), failures, entropy),
            // A server that sets a reconnection time spreads its clients. This one did not, so the first wait is random
            // too.
            None => policy.wait(policy.reconnection_time, failures.saturating_add(1), entropy),
        }
    }
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            policy: Policy::default(),
            may_pass: Rc::new(Refusal::may_pass),
            reconnection: None,
            give_up_after: None,
            watchdog: Some(Watchdog { heartbeat: HEARTBEAT, margin: MARGIN, promised: false, head: HEAD }),
            pause_when_hidden: None,
            is_across_tabs: false,
        }
    }
}

impl Watchdog {
    pub(crate) const fn promised(heartbeat: Duration) -> Self {
        Self { heartbeat, margin: MARGIN, promised: true, head: HEAD }
    }

    /// The limit for a stream whose response's head announces this interval of heartbeats, or none.
    pub(crate) fn announced(self, heartbeat: Option<Duration>) -> SilenceLimit {
        SilenceLimit {
            limit: heartbeat.unwrap_or(self.heartbeat).saturating_add(self.margin),
            has_heartbeats: self.promised || heartbeat.is_some(),
        }
    }

    /// How long a server that sends heartbeats may be silent.
    pub(crate) const fn silence_limit(self) -> Duration {
        self.heartbeat.saturating_add(self.margin)
    }
}
