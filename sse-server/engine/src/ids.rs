//! Places in the log and how they read on the wire, times, and the names of groups.

use std::{fmt, str};

use sse_core::EventId;

/// The digits of an ID, in the order of their bytes. 32 of them, so a digit is five bits.
const DIGITS: &[u8; 32] = b"0123456789abcdefghijklmnopqrstuv";
const EPOCH_DIGITS: usize = 12;
const SEQ_DIGITS: usize = 11;

/// A publish time: milliseconds since the Unix epoch. It never goes back along the log.
pub type Millis = u64;

/// A group's place in the table of groups, valid while the group has members.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct GroupId(u32);

impl GroupId {
    pub(crate) fn new(index: usize) -> Self {
        Self(u32::try_from(index).expect("groups are bounded far below"))
    }

    /// The place as an index. Places are reused, the lowest first, so they stay dense.
    pub const fn index(self) -> usize {
        self.0 as usize
    }
}

/// One incarnation of the log.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Epoch(u64);

impl Epoch {
    /// The epoch of the lower 60 of these bits.
    pub const fn new(bits: u64) -> Self {
        Self(bits & ((1 << (5 * EPOCH_DIGITS)) - 1))
    }

    /// The bits that name it.
    pub const fn bits(self) -> u64 {
        self.0
    }
}

/// A place in the log: just behind the event of this sequence number. 0 is before the first.
///
/// As text, `<epoch>-<seq>` in a fixed width, so that within an epoch the order of the bytes is the order of the log.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Position {
    /// Which log.
    pub epoch: Epoch,
    /// Which event of it.
    pub seq: u64,
}

impl Position {
    /// The ID of the event at this position.
    pub fn id(self) -> EventId {
        EventId::new(self.to_string()).expect("digits and a hyphen can stand in an ID")
    }

    /// Reads an ID of this engine's form.
    pub fn parse(id: &str) -> Option<Self> {
        let (epoch, seq) = id.split_once('-')?;
        Some(Self { epoch: Epoch(number(epoch, EPOCH_DIGITS)?), seq: number(seq, SEQ_DIGITS)? })
    }
}

impl fmt::Display for Position {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut text = [b'-'; EPOCH_DIGITS + 1 + SEQ_DIGITS];
        digits(self.epoch.0, &mut text[..EPOCH_DIGITS]);
        digits(self.seq, &mut text[EPOCH_DIGITS + 1..]);
        f.write_str(str::from_utf8(&text).map_err(|_| fmt::Error)?)
    }
}

fn digits(mut number: u64, text: &mut [u8]) {
    for digit in text.iter_mut().rev() {
        *digit = DIGITS[(number % DIGITS.len() as u64) as usize];
        number /= DIGITS.len() as u64;
    }
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
    use proptest::prelude::*;

    use super::*;

    const MAX_SEQ: u64 = (1 << 55) - 1;

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(1000))]

        #[test]
        fn an_id_is_read_back(epoch: u64, seq in 0..=MAX_SEQ) {
            let position = Position { epoch: Epoch::new(epoch), seq };
            let id = position.to_string();
            prop_assert_eq!(id.len(), 24);
            prop_assert!(id.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'z' | b'-')));
            prop_assert_eq!(Position::parse(&id), Some(position));
        }

        #[test]
        fn bytes_are_in_the_order_of_the_log(a in 0..=MAX_SEQ, b in 0..=MAX_SEQ) {
            let id = |seq| Position { epoch: Epoch::new(7), seq }.to_string();
            prop_assert_eq!(id(a).cmp(&id(b)), a.cmp(&b));
        }

        #[test]
        fn nothing_else_is_an_id(text in "[0-9a-v]{11,13}-[0-9a-w]{10,12}|[0-9a-v]{12}-[0-9a-v]{11}|.*") {
            if let Some(position) = Position::parse(&text) {
                prop_assert_eq!(position.to_string(), text);
            }
        }
    }
}
