//! When the tabs are told the position of a hub's stream, besides by events.

use std::time::Duration;

use super::notice::BEAT;

/// How much of an event is forwarded to the tabs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Forward {
    Event,
    /// Only its ID, as a cursor.
    Position,
    Nothing,
}

/// A hub tells its position only when it has nothing else to send. Events that the tabs don't listen for are not
/// forwarded, so after many of these a tab that takes over would request them all again. Now and then it is told the
/// position.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct PositionThrottle {
    /// When the tabs were last told a position; `None` while the server is not known to be a hub.
    at: Option<Duration>,
}

impl PositionThrottle {
    /// An event of the hub's own, which is always forwarded.
    pub(super) const fn hub_event(&mut self, now: Duration) {
        self.at = Some(now);
    }

    /// Any other event. `wanted` tells whether the tabs listen for it.
    pub(super) fn other_event(&mut self, wanted: bool, now: Duration) -> Forward {
        let Some(at) = self.at else { return if wanted { Forward::Event } else { Forward::Nothing } };
        if !wanted && now < at.saturating_add(BEAT) {
            return Forward::Nothing;
        }
        self.at = Some(now);
        if wanted { Forward::Event } else { Forward::Position }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn of_what_nobody_wants_the_place_is_told_now_and_then() {
        let mut throttle = PositionThrottle::default();
        throttle.hub_event(Duration::ZERO);
        let soon = BEAT - Duration::from_millis(1);
        assert_eq!(throttle.other_event(false, soon), Forward::Nothing);
        assert_eq!(throttle.other_event(true, soon), Forward::Event);
        assert_eq!(throttle.other_event(false, BEAT), Forward::Nothing);
        assert_eq!(throttle.other_event(false, soon + BEAT), Forward::Position);
        assert_eq!(throttle.other_event(false, soon + BEAT), Forward::Nothing);
    }

    #[test]
    fn of_another_servers_stream_no_place_is_told() {
        let mut throttle = PositionThrottle::default();
        assert_eq!(throttle.other_event(true, Duration::ZERO), Forward::Event);
        assert_eq!(throttle.other_event(false, 2 * BEAT), Forward::Nothing);
    }
}
