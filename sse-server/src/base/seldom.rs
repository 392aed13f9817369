//! Log lines that say the same again and again.

use std::time::{Duration, Instant};

use super::lock::Slot;

/// Lets one of many equal log lines through, then none for a while.
#[derive(Debug)]
pub(crate) struct Seldom {
    pause: Duration,
    state: Slot<State>,
}

#[derive(Debug, Default)]
struct State {
    last: Option<Instant>,
    /// How many were held back since.
    held: u64,
}

impl Seldom {
    /// One a minute.
    pub(crate) const fn a_minute() -> Self {
        Self { pause: Duration::from_secs(60), state: Slot::new(State { last: None, held: 0 }) }
    }

    /// Returns how many were held back since the last one if another may go out, else `None`.
    pub(crate) fn due(&self) -> Option<u64> {
        self.state.with(|state| {
            if state.last.is_some_and(|last| last.elapsed() < self.pause) {
                state.held += 1;
                return None;
            }
            state.last = Some(Instant::now());
            Some(std::mem::take(&mut state.held))
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_goes_out_and_the_others_are_counted() {
        let never_again = Seldom { pause: Duration::MAX, ..Seldom::a_minute() };
        assert_eq!((never_again.due(), never_again.due(), never_again.due()), (Some(0), None, None));
        let always = Seldom { pause: Duration::ZERO, state: never_again.state };
        assert_eq!((always.due(), always.due()), (Some(2), Some(0)));
    }
}
