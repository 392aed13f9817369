//! What the page says, and with which shape.

use std::time::Duration;

use sse_wasm_client::{CloseReason, Gap, GapReason, State};

/// How the connection stands, for eyes and ears: told by words, by a shape, and by a colour that the style gives to the
/// kind.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Standing {
    /// For the style.
    pub kind: &'static str,
    /// For people.
    pub words: String,
    /// An SVG path in a box of 12 by 12.
    pub shape: &'static str,
}

const RING: &str = "M6 1a5 5 0 1 0 5 5h-2a3 3 0 1 1-3-3z"; // a quarter is open
const DISC: &str = "M6 1a5 5 0 1 0 0 10a5 5 0 1 0 0-10z";
const TRIANGLE: &str = "M6 1l5.5 10h-11z";
const BARS: &str = "M2 1h3v10h-3zM7 1h3v10h-3z";
const SQUARE: &str = "M1.5 1.5h9v9h-9z";

impl Standing {
    /// Of this state, where the connection was open before or was not.
    #[must_use]
    pub fn of(state: State, again: bool) -> Self {
        let (kind, words, shape) = match state {
            State::Connecting if again => ("connecting", "reconnecting\u{a0}…".to_owned(), RING),
            State::Connecting => ("connecting", "connecting\u{a0}…".to_owned(), RING),
            State::Open => ("open", "live".to_owned(), DISC),
            State::Waiting { .. } => ("waiting", "no connection".to_owned(), TRIANGLE),
            State::Paused => ("paused", "paused".to_owned(), BARS),
            State::Closed { why: CloseReason::ByApplication } => ("stopped", "stopped".to_owned(), SQUARE),
            State::Closed { why } => ("closed", format!("closed: {why}"), SQUARE),
            other => ("connecting", other.to_string(), RING),
        };
        Self { kind, words, shape }
    }
}

/// What goes on meanwhile: when the next try is due, or for how long there has been no connection. Times are the page's
/// `performance.now()`; `lost` is when it was last open.
#[must_use]
pub fn meanwhile(state: State, lost: Option<Duration>, now: Duration) -> Option<String> {
    match state {
        State::Waiting { until, .. } => {
            Some(format!("again in {} s", until.saturating_sub(now).as_millis().div_ceil(1000)))
        }
        State::Connecting => lost.map(|lost| format!("for {} s", now.saturating_sub(lost).as_secs())),
        _ => None,
    }
}

/// What a gap means here, and whether all that there is comes once more after it.
#[must_use]
pub fn gap(gap: &Gap) -> (&'static str, bool) {
    match gap.reason {
        GapReason::Epoch | GapReason::Unknown => ("The hub has begun a new log: all before this is gone.", true),
        GapReason::Trimmed => ("Orders are missing here: the hub no longer had them.", false),
        GapReason::Lost => ("Orders may be missing here: the hub lost some in a crash.", false),
        GapReason::Lagged => ("Orders are missing here: this page was too slow.", false),
        _ => ("Orders may be missing here.", false),
    }
}

/// `€1,234.50`
#[must_use]
pub fn euros(cents: i64) -> String {
    let sign = if cents < 0 { "−" } else { "" };
    let cents = cents.unsigned_abs();
    format!("{sign}€{}.{:02}", thousands(cents / 100), cents % 100)
}

/// `€1,234`, for what is round; for less than that, the cents.
#[must_use]
pub fn round_euros(cents: u64) -> String {
    match cents % 100 {
        0 => format!("€{}", thousands(cents / 100)),
        _ => euros(i64::try_from(cents).unwrap_or(i64::MAX)),
    }
}

/// `1,234,567`
#[must_use]
pub fn thousands(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::with_capacity(digits.len() + digits.len() / 3);
    for (at, digit) in digits.char_indices() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_state_has_words_and_a_shape_of_its_own() {
        let until = Duration::from_secs(9);
        let why = CloseReason::GaveUp;
        let states = [
            State::Connecting,
            State::Open,
            State::Waiting { attempt: 1, until },
            State::Paused,
            State::Closed { why },
        ];
        let standings = states.map(|state| Standing::of(state, false));
        for (at, one) in standings.iter().enumerate() {
            for other in &standings[at + 1..] {
                assert!(
                    one.kind != other.kind && one.words != other.words && one.shape != other.shape,
                    "{one:?} {other:?}"
                );
            }
        }
        assert_eq!(standings[4].words, "closed: refused too often in a row");
        assert_eq!(Standing::of(State::Closed { why: CloseReason::ByApplication }, true).words, "stopped");
    }

    #[test]
    fn the_wait_counts_down_to_nothing_and_no_further() {
        let state = State::Waiting { attempt: 1, until: Duration::from_millis(9_500) };
        let left = |ms| meanwhile(state, None, Duration::from_millis(ms)).unwrap();
        let left = [left(0), left(8_499), left(8_500), left(9_499), left(9_500), left(60_000)];
        assert_eq!(left, [10, 2, 1, 1, 0, 0].map(|seconds| format!("again in {seconds} s")));
    }

    #[test]
    fn a_connection_that_was_lost_is_so_for_some_time() {
        let [lost, now] = [1_000, 3_999].map(Duration::from_millis);
        assert_eq!(meanwhile(State::Connecting, Some(lost), now).unwrap(), "for 2 s");
        assert_eq!(meanwhile(State::Connecting, Some(now), lost).unwrap(), "for 0 s");
        assert_eq!(meanwhile(State::Connecting, None, now), None, "it never was open");
        assert_eq!(meanwhile(State::Open, Some(lost), now), None);
        assert_eq!(Standing::of(State::Connecting, true).words, "reconnecting\u{a0}…");
    }

    #[test]
    fn only_a_new_log_is_a_new_beginning() {
        use GapReason::{Epoch, Lagged, Lost, Other, Trimmed, Unknown};
        let anew = [Epoch, Unknown, Trimmed, Lost, Lagged, Other].map(|reason| {
            let mut one = Gap::default();
            one.reason = reason;
            gap(&one).1
        });
        assert_eq!(anew, [true, true, false, false, false, false]);
    }

    #[test]
    fn money_is_read_easily() {
        let euros = [0, 5, -5, 123_450, -123_456_789, i64::MIN].map(euros);
        let expected = ["€0.00", "€0.05", "−€0.05", "€1,234.50", "−€1,234,567.89", "−€92,233,720,368,547,758.08"];
        assert_eq!(euros, expected);
        assert_eq!([10_000, 100_000, 50].map(round_euros), ["€100", "€1,000", "€0.50"]);
    }
}
