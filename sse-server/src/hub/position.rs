//! Places in the log, and how they read on the wire.

use std::{fmt, str};

use sse_core::EventId;

/// The digits of an ID, in the order of their bytes. 32 of them, so a digit is five bits.
const DIGITS: &[u8; 32] = b"0123456789abcdefghijklmnopqrstuv";
const EPOCH_DIGITS: usize = 12;
const SEQ_DIGITS: usize = 11;

/// One incarnation of the log.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Epoch(u64);

impl Epoch {
    /// An epoch of 60 of the given bits.
    pub(crate) const fn new(bits: u64) -> Self {
        Self(bits & ((1 << (5 * EPOCH_DIGITS)) - 1))
    }

    pub(crate) const fn bits(self) -> u64 {
        self.0
    }
}

/// A place in the log: just behind the event of this sequence number. 0 is before the first.
///
/// As text, `<epoch>-<seq>` in a fixed width, so that within an epoch the order of the bytes is the order of the log.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Position {
    pub(crate) epoch: Epoch,
    pub(crate) seq: u64,
}

impl Position {
    /// A position is an event ID as it stands.
    pub(crate) fn id(self) -> EventId {
        EventId::new(self.to_string()).expect("digits and a hyphen can stand in an ID")
    }

    /// Reads an ID of this hub's form.
    pub(crate) fn parse(id: &str) -> Option<Self> {
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
