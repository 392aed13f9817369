//! When the tabs are told where a hub's stream is, besides by its events.

use std::time::Duration;

use super::notice::BEAT;

/// What goes round of an event.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Forward {
    Event,
    /// No more than its ID, as a hub tells it by a cursor.
    Place,
    Nothing,
}

/// A hub says where it is only when it has nothing to send. So who takes over from one that heard many events of other
/// names, which need not go round, would ask for all of these again.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct PlaceThrottle {
    /// When the tabs were last told a place of the stream; none as long as it is not known to be a hub's.
    at: Option<Duration>,
}

impl PlaceThrottle {
    /// An event of a name that is the hub's own. All of those go round.
    pub(super) const fn hub_event(&mut self, now: Duration) {
        self.at = Some(now);
    }

    /// Any other event; `wanted` if it is of a name that the tabs want.
    pub(super) fn other_event(&mut self, wanted: bool, now: Duration) -> Forward {
        let Some(at) = self.at else { return if wanted { Forward::Event } else { Forward::Nothing } };
        if !wanted && now < at.saturating_add(BEAT) {
            return Forward::Nothing;
        }
        self.at = Some(now);
        if wanted { Forward::Event } else { Forward::Place }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn of_what_nobody_wants_the_place_is_told_now_and_then() {
        let mut throttle = PlaceThrottle::default();
        throttle.hub_event(Duration::ZERO);
        let soon = BEAT - Duration::from_millis(1);
        assert_eq!(throttle.other_event(false, soon), Forward::Nothing);
        assert_eq!(throttle.other_event(true, soon), Forward::Event);
        assert_eq!(throttle.other_event(false, BEAT), Forward::Nothing);
        assert_eq!(throttle.other_event(false, soon + BEAT), Forward::Place);
        assert_eq!(throttle.other_event(false, soon + BEAT), Forward::Nothing);
    }

    #[test]
    fn of_another_servers_stream_no_place_is_told() {
        let mut throttle = PlaceThrottle::default();
        assert_eq!(throttle.other_event(true, Duration::ZERO), Forward::Event);
        assert_eq!(throttle.other_event(false, 2 * BEAT), Forward::Nothing);
    }
}
