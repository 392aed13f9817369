//! What an application may decide about reconnecting.

use std::{rc::Rc, time::Duration};

use sse_core::session::Policy;

use super::Refusal;

/// A hub's interval unless it is configured otherwise.
const HEARTBEAT: Duration = Duration::from_secs(15);

/// What a heartbeat may be late: a slow network's worst, and a page that was busy.
const MARGIN: Duration = Duration::from_secs(5);

/// How long an answer's head may take. Three times what a TCP connection needs that loses its first packets.
const HEAD: Duration = Duration::from_secs(30);

/// What an application may decide. The defaults give their reasons in the builder, which sets each.
#[derive(Clone)]
pub(crate) struct Settings {
    /// How long the waits are. Its `retry_statuses` are not used: `retries` says what is tried again.
    pub(crate) policy: Policy,
    /// Whether a refusal may pass, so that it makes sense to try again.
    pub(crate) retries: Rc<dyn Fn(&Refusal) -> bool>,
    /// After how many refusals in a row to stop all the same.
    pub(crate) give_up_after: Option<u32>,
    pub(crate) watchdog: Option<Watchdog>,
    /// For how long a hidden page stays connected, if not for ever.
    pub(crate) pause_when_hidden: Option<Duration>,
    /// Whether the connection is one that tabs share: then it has a life of its own, in the tab that holds it, and the
    /// only thing decided here is whether this tab takes part.
    pub(crate) is_across_tabs: bool,
}

/// What silence is taken for a dead connection.
#[derive(Debug, Clone, Copy, Hash)]
pub(crate) struct Watchdog {
    pub(crate) heartbeat: Duration,
    pub(crate) margin: Duration,
    /// Whether the application says that the server sends heartbeats. Else it is up to the server to show it.
    pub(crate) promised: bool,
    pub(crate) head: Duration,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            policy: Policy::default(),
            retries: Rc::new(Refusal::may_pass),
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

    /// How long a server that sends heartbeats may be silent.
    pub(crate) const fn silence(self) -> Duration {
        self.heartbeat.saturating_add(self.margin)
    }
}
