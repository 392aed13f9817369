//! Places in the log, and how they read on the wire.

use alloc::string::ToString;
use core::{cmp::Ordering, fmt, str};

use crate::EventId;

/// The digits of an ID, in the order of their bytes. There are 32, so a digit is five bits.
const DIGITS: &[u8; 32] = b"0123456789abcdefghijklmnopqrstuv";
const EPOCH_DIGITS: usize = 12;
const SEQ_DIGITS: usize = 11;

/// One incarnation of a hub's log: a number of 60 bits. As text, 12 digits.
///
/// ```
/// use sse_core::hub::Epoch;
///
/// assert_eq!(Epoch::new(33).to_string(), "000000000011");
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Epoch(u64);

impl Epoch {
    /// An epoch of the lower 60 bits of `bits`, which are best random.
    #[must_use]
    pub const fn new(bits: u64) -> Self {
        Self(bits & ((1 << (5 * EPOCH_DIGITS)) - 1))
    }

    /// The number.
    #[must_use]
    pub const fn bits(self) -> u64 {
        self.0
    }
}

impl fmt::Display for Epoch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(text(&digits::<EPOCH_DIGITS>(self.0))?)
    }
}

/// A place in a hub's log: just after the event of this sequence number. Sequence number 0 is before the first event.
///
/// It is the ID of that event. As text, `<epoch>-<seq>` in a fixed width, so that within an epoch the order of the bytes
/// is the order of the log. Positions of different epochs do not compare:
///
/// ```
/// use sse_core::hub::{Epoch, Position};
///
/// let [a, b] = [9, 10].map(|seq| Position::new(Epoch::new(7), seq));
/// assert!(a < b && a.to_string() < b.to_string());
/// assert_eq!(a.partial_cmp(&Position::new(Epoch::new(8), 9)), None);
///
/// assert_eq!(Position::parse("000000000007-0000000000a"), Some(b));
/// assert_eq!(Position::parse("evt-9k2f"), None); // another server's ID
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Position {
    epoch: Epoch,
    /// At most `MAX_SEQ`.
    seq: u64,
}

impl Position {
    /// The highest sequence number that has a text: 55 bits, which last a thousand years at a million events a second.
    pub const MAX_SEQ: u64 = (1 << (5 * SEQ_DIGITS)) - 1;

    /// The place just after the event `seq` of an epoch. A `seq` above [`MAX_SEQ`](Self::MAX_SEQ) is taken as
    /// `MAX_SEQ`.
    #[must_use]
    pub const fn new(epoch: Epoch, seq: u64) -> Self {
        Self { epoch, seq: if seq > Self::MAX_SEQ { Self::MAX_SEQ } else { seq } }
    }

    /// The incarnation of the log.
    #[must_use]
    pub const fn epoch(self) -> Epoch {
        self.epoch
    }

    /// The sequence number of the event just before this place; 0 if there is none.
    #[must_use]
    pub const fn seq(self) -> u64 {
        self.seq
    }

    /// The position as an event ID.
    #[must_use]
    pub fn id(self) -> EventId {
        EventId::new(self.to_string()).expect("digits and a hyphen can stand in an ID")
    }

    /// Reads an ID of a hub's form. Any other, an ID of another server say, is `None`.
    #[must_use]
    pub fn parse(id: &str) -> Option<Self> {
        let (epoch, seq) = id.split_once('-')?;
        Some(Self { epoch: Epoch(number(epoch, EPOCH_DIGITS)?), seq: number(seq, SEQ_DIGITS)? })
    }
}

impl PartialOrd for Position {
    /// The order of the log; `None` if the epochs differ.
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        (self.epoch == other.epoch).then(|| self.seq.cmp(&other.seq))
    }
}

impl fmt::Display for Position {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut id = [b'-'; EPOCH_DIGITS + 1 + SEQ_DIGITS];
        id[..EPOCH_DIGITS].copy_from_slice(&digits::<EPOCH_DIGITS>(self.epoch.0));
        id[EPOCH_DIGITS + 1..].copy_from_slice(&digits::<SEQ_DIGITS>(self.seq));
        f.write_str(text(&id)?)
    }
}

fn digits<const COUNT: usize>(mut number: u64) -> [u8; COUNT] {
    let mut text = [0; COUNT];
    for digit in text.iter_mut().rev() {
        *digit = DIGITS[(number % DIGITS.len() as u64) as usize];
        number /= DIGITS.len() as u64;
    }
    text
}

fn text(digits: &[u8]) -> Result<&str, fmt::Error> {
    str::from_utf8(digits).map_err(|_| fmt::Error)
}

fn number(text: &str, count: usize) -> Option<u64> {
    if text.len() != count {
        return None;
    }
    text.bytes().try_fold(0, |number, byte| {
        let digit = match byte {
            b'0'..=b'9' => byte - b'0',
            b'a'..=b'v' => byte - b'a' + 10,
            _ => return None,
        };
        Some(number << 5 | u64::from(digit))
    })
}

#[cfg(test)]
mod tests {
    use alloc::string::{String, ToString};

    use proptest::prelude::*;

    use super::*;

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(1000))]

        #[test]
        fn an_id_is_read_back(epoch: u64, seq in 0..=Position::MAX_SEQ) {
            let position = Position::new(Epoch::new(epoch), seq);
            let id = position.to_string();
            prop_assert_eq!(id.len(), 24);
            prop_assert!(id.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'z' | b'-')));
            prop_assert_eq!(Position::parse(&id), Some(position));
            prop_assert_eq!(position.id().to_string(), id.clone());
            prop_assert_eq!(id.split_once('-').map(|(epoch, _)| epoch.to_string()), Some(position.epoch().to_string()));
        }

        #[test]
        fn bytes_are_in_the_order_of_the_log(a in 0..=Position::MAX_SEQ, b in 0..=Position::MAX_SEQ) {
            let at = |seq| Position::new(Epoch::new(7), seq);
            prop_assert_eq!(at(a).to_string().cmp(&at(b).to_string()), a.cmp(&b));
            prop_assert_eq!(at(a).partial_cmp(&at(b)), Some(a.cmp(&b)));
        }

        #[test]
        fn epochs_do_not_compare(a: u64, b: u64, seq in 0..=Position::MAX_SEQ) {
            let (a, b) = (Epoch::new(a), Epoch::new(b));
            let order = Position::new(a, seq).partial_cmp(&Position::new(b, seq));
            prop_assert_eq!(order, (a == b).then_some(Ordering::Equal));
        }

        #[test]
        fn nothing_else_is_an_id(text in "[0-9a-v]{11,13}-[0-9a-w]{10,12}|[0-9a-v]{12}-[0-9a-v]{11}|.*") {
            let text: String = text;
            if let Some(position) = Position::parse(&text) {
                prop_assert_eq!(position.to_string(), text);
            }
        }

        #[test]
        fn no_number_is_written_as_a_smaller_one(seq: u64) {
            prop_assert_eq!(Position::new(Epoch::new(0), seq).seq(), seq.min(Position::MAX_SEQ));
        }
    }
}
