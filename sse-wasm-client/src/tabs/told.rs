//! When the tabs are told where a hub's stream is, besides by its events.

use std::time::Duration;

use super::BEAT;

/// What goes round of an event.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Word {
    Event,
    /// No more than its ID, as a hub tells it by a cursor.
    Place,
    Nothing,
}

/// A hub says where it is only when it has nothing to send. So who takes over from one that heard many events of other
/// names, which need not go round, would ask for all of these again.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Told {
    /// When the tabs were last told a place of the stream; none as long as it is not known to be a hub's.
    at: Option<Duration>,
}

impl Told {
    /// An event of a name that is the hub's own. All of those go round.
    pub(super) const fn hubs(&mut self, now: Duration) {
        self.at = Some(now);
    }

    /// Any other event; `wanted` if it is of a name that the tabs want.
    pub(super) fn any(&mut self, wanted: bool, now: Duration) -> Word {
        let Some(at) = self.at else { return if wanted { Word::Event } else { Word::Nothing } };
        if !wanted && now < at.saturating_add(BEAT) {
            return Word::Nothing;
        }
        self.at = Some(now);
        if wanted { Word::Event } else { Word::Place }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn of_what_nobody_wants_the_place_is_told_now_and_then() {
        let mut told = Told::default();
        told.hubs(Duration::ZERO);
        let soon = BEAT - Duration::from_millis(1);
        assert_eq!(told.any(false, soon), Word::Nothing);
        assert_eq!(told.any(true, soon), Word::Event);
        assert_eq!(told.any(false, BEAT), Word::Nothing);
        assert_eq!(told.any(false, soon + BEAT), Word::Place);
        assert_eq!(told.any(false, soon + BEAT), Word::Nothing);
    }

    #[test]
    fn of_another_servers_stream_no_place_is_told() {
        let mut told = Told::default();
        assert_eq!(told.any(true, Duration::ZERO), Word::Event);
        assert_eq!(told.any(false, 2 * BEAT), Word::Nothing);
    }
}
