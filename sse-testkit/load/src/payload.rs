//! What an event carries: enough to know it again, and when it was sent.
//!
//! `RUN LANE SEQ NANOS xxxx…`: the run in eight hexadecimal digits, the others in decimal, filled up with `x`.

/// The least size that holds every number there can be.
pub(crate) const LEAST: u32 = 52;

/// An event of the load.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Payload {
    /// The topic and the publisher.
    pub(crate) lane: u32,
    /// From 0 in each lane, without gaps.
    pub(crate) seq: u32,
    /// When it was sent, in nanoseconds of the tool's clock.
    pub(crate) nanos: u64,
}

/// Writes an event's data, of `size` bytes.
pub(crate) fn write(run: u32, payload: Payload, size: usize, into: &mut Vec<u8>) {
    use std::io::Write;

    let start = into.len();
    let Payload { lane, seq, nanos } = payload;
    // writing to a vector does not fail
    let _ = write!(into, "{run:08x} {lane} {seq} {nanos} ");
    into.resize((start + size).max(into.len()), b'x');
}

/// Reads an event's data. `None` is an event that is not of this run.
#[inline]
pub(crate) fn read(run: &[u8; 8], data: &str) -> Option<Payload> {
    let rest = data.as_bytes().strip_prefix(run)?.strip_prefix(b" ")?;
    let (lane, rest) = number(rest)?;
    let (seq, rest) = number(rest)?;
    let (nanos, _) = number(rest)?;
    Some(Payload { lane: u32::try_from(lane).ok()?, seq: u32::try_from(seq).ok()?, nanos })
}

/// The run as it stands in the data.
pub(crate) fn tag(run: u32) -> [u8; 8] {
    let mut tag = [0; 8];
    for (digit, place) in tag.iter_mut().zip((0..8).rev()) {
        *digit = b"0123456789abcdef"[(run >> (4 * place)) as usize & 15];
    }
    tag
}

#[inline]
fn number(text: &[u8]) -> Option<(u64, &[u8])> {
    let mut value = 0_u64;
    for (at, byte) in text.iter().enumerate() {
        match byte {
            b'0'..=b'9' => value = value.checked_mul(10)?.checked_add(u64::from(byte - b'0'))?,
            b' ' if at > 0 => return Some((value, &text[at + 1..])),
            _ => return None,
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    fn written(run: u32, payload: Payload, size: usize) -> String {
        let mut bytes = Vec::new();
        write(run, payload, size, &mut bytes);
        String::from_utf8(bytes).unwrap()
    }

    #[test]
    fn what_is_written_is_read() {
        let payload = Payload { lane: 3, seq: 12, nanos: 4_567_890_123 };
        let data = written(0xab, payload, 100);
        assert!(data.starts_with("000000ab 3 12 4567890123 xxx"));
        assert_eq!(data.len(), 100);
        assert_eq!(read(&tag(0xab), &data), Some(payload));
        assert_eq!(read(&tag(0xac), &data), None);
    }

    #[test]
    fn the_least_size_holds_the_largest_numbers() {
        let payload = Payload { lane: u32::MAX, seq: u32::MAX, nanos: u64::MAX };
        let data = written(u32::MAX, payload, LEAST as usize);
        assert_eq!(data.len(), LEAST as usize);
        assert_eq!(read(&tag(u32::MAX), &data), Some(payload));
    }

    #[test]
    fn what_others_publish_is_no_payload() {
        let run = tag(1);
        for data in ["", "hello", "00000001", "00000001 ", "00000001 1 2", "00000001  1 2 3 ", "00000001 1 -2 3 "] {
            assert_eq!(read(&run, data), None, "{data:?}");
        }
        assert_eq!(read(&run, "00000001 4294967296 2 3 x"), None);
        assert_eq!(read(&run, "00000001 1 2 18446744073709551616 x"), None);
    }
}
