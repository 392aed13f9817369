//! What follows when a connection ends or is refused.

use std::{rc::Rc, time::Duration};

use super::{Reconnect, Reconnection};
use crate::{CloseReason, Refusal};

impl Reconnect {
    /// The connection ended or failed, as `why` says, and the browser makes no other.
    pub(crate) fn handle_end(&mut self, why: CloseReason, now: Duration, entropy: u64) {
        if self.is_connected() && !self.end_for_good(why) {
            self.wait(None, now, entropy);
        }
    }

    /// Decides whether to try again after a refusal. It is the application's function and may call back into the
    /// client, so it must not be called while this is borrowed.
    pub(crate) fn may_pass(&self) -> Rc<dyn Fn(&Refusal) -> bool> {
        Rc::clone(&self.settings.may_pass)
    }

    /// The response was no stream, or the browser's `EventSource` gave up, as it does then. `may_pass` is what the
    /// [function](Self::may_pass) said of the refusal.
    pub(crate) fn handle_refusal(&mut self, refusal: &Refusal, may_pass: bool, now: Duration, entropy: u64) {
        if !self.is_connected() {
            return;
        }
        self.refusals = self.refusals.saturating_add(1);
        let final_reason = if may_pass && self.may_repeat() {
            self.settings.give_up_after.filter(|max| self.refusals >= *max).map(|_| CloseReason::GaveUp)
        } else {
            Some(match refusal.status {
                Some(200) => CloseReason::NotAnEventStream,
                Some(status) => CloseReason::Status(status),
                None => CloseReason::GaveUp,
            })
        };
        match final_reason {
            Some(why) => self.finish(why),
            None => self.wait(refusal.retry_after, now, entropy),
        }
    }

    /// Returns true if the stream may be asked for again.
    pub(super) fn may_repeat(&self) -> bool {
        match self.settings.reconnection.unwrap_or(Reconnection::Always) {
            Reconnection::Always => true,
            Reconnection::UntilBegun => !self.has_begun,
            Reconnection::OnceResumable => !self.last_event_id.is_empty(),
            Reconnection::Never => false,
        }
    }

    /// Closes the connection if it may not be made again. Returns true if so.
    pub(super) fn end_for_good(&mut self, why: CloseReason) -> bool {
        let ends = !self.may_repeat();
        if ends {
            self.finish(why);
        }
        ends
    }
}
