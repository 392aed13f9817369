//! Callbacks of the browser hold what they call weakly, so that they don't keep it alive.

use std::rc::Weak;

/// Calls `act` with what `held` points to, if that is still there.
pub(crate) fn with<T>(held: &Weak<T>, act: impl FnOnce(&T)) {
    if let Some(held) = held.upgrade() {
        act(&held);
    }
}
