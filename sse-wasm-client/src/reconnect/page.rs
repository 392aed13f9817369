//! What happens to the page, as far as connecting depends on it.

use std::time::Duration;

use super::{Phase, Reconnect};

impl Reconnect {
    /// The network is back.
    pub(crate) fn handle_online(&mut self, now: Duration) {
        self.online = true;
        match self.phase {
            Phase::Waiting { .. } => self.connect_soon(now),
            // The browser's own wait may be long, or its attempt may hang on the network that is gone.
            Phase::Connecting { by_browser: true, .. } => {
                self.disconnect(now);
                self.connect(now);
            }
            _ => {}
        }
    }

    /// The network is gone, as far as the browser knows. Servers on the same machine are still there, and some browsers
    /// in virtual machines never see a network, so this client goes on trying, at the longest of its waits.
    pub(crate) fn handle_offline(&mut self, now: Duration) {
        self.online = false;
        if let Phase::Waiting { until, .. } = &mut self.phase {
            *until = (*until).max(now.saturating_add(self.settings.policy.max_wait));
        }
    }

    /// The page is hidden.
    pub(crate) const fn handle_hidden(&mut self, now: Duration) {
        if self.hidden_since.is_none() {
            self.hidden_since = Some(now);
        }
    }

    /// The page is visible, so it is not in the back/forward cache either.
    pub(crate) fn handle_visible(&mut self, now: Duration) {
        self.hidden_since = None;
        self.stored = false;
        self.resume(now);
    }

    /// The page is left, and may be put into the back/forward cache. No connection survives there, and a page that has
    /// one may not be put there at all.
    pub(crate) fn handle_stored(&mut self, now: Duration) {
        self.stored = true;
        self.pause(now);
    }

    /// The page is shown: from the back/forward cache, or for the first time.
    pub(crate) fn handle_restored(&mut self, now: Duration) {
        if std::mem::take(&mut self.stored) {
            self.resume(now);
        }
    }
}
