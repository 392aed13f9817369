//! How many frames of HTTP/2 a client may send that carry nothing: settings, pings, priorities, resets and windows.
//!
//! h2 bounds resets, empty data and continuations. The others cost it time but no memory, so it takes as many as come; each
//! costs less than what the client pays for it, but they keep a core from everyone else. A client needs few of them, and
//! the more the more it is sent: so there is an allowance for a second, and what is written to it adds to that.

use sse_engine::millis;
use tokio::time::Instant;

/// The length of the client's preface.
const PREFACE: usize = 24;

/// The length of a frame's head.
const HEAD: usize = 9;

/// How many control frames may come at once.
const BURST: u64 = 2000;

/// How many more may come in each second.
const A_SECOND: u64 = 1000;

/// The bytes written for which one more may come: less than the smallest event with its frame takes.
const BYTES: u64 = 32;

/// Finds frames in what a client sends, and counts those that carry nothing.
#[derive(Debug)]
pub(super) struct Frames {
    /// The bytes of the preface or a payload that are still to come before the next head.
    skip: usize,
    /// The beginning of a head that has come in pieces.
    head: [u8; HEAD],
    /// How much of `head` is there: less than all of it.
    known: usize,
    /// How many control frames may come, at most [`BURST`].
    left: u64,
    /// When `left` was last added to.
    since: Instant,
    /// The bytes written that are not accounted for yet.
    written: u64,
}

/// A client sends more control frames than it may.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error("more HTTP/2 control frames than {A_SECOND} a second")]
pub(super) struct TooMany;

impl Frames {
    pub(super) fn new(now: Instant) -> Self {
        Self { skip: PREFACE, head: [0; HEAD], known: 0, left: BURST, since: now, written: 0 }
    }

    /// Takes what the client sends next.
    pub(super) fn read(&mut self, mut bytes: &[u8], now: Instant) -> Result<(), TooMany> {
        while !bytes.is_empty() {
            let skipped = self.skip.min(bytes.len());
            self.skip -= skipped;
            bytes = &bytes[skipped..];
            let wanted = (HEAD - self.known).min(bytes.len());
            self.head[self.known..self.known + wanted].copy_from_slice(&bytes[..wanted]);
            self.known += wanted;
            bytes = &bytes[wanted..];
            if self.known == HEAD {
                self.known = 0;
                let [a, b, c, kind, ..] = self.head;
                self.skip = u32::from_be_bytes([0, a, b, c]) as usize;
                if is_control(kind) {
                    self.spend(now)?;
                }
            }
        }
        Ok(())
    }

    /// Notes that the client was sent this many bytes.
    pub(super) fn wrote(&mut self, bytes: usize) {
        self.written = self.written.saturating_add(bytes as u64);
    }

    /// Spends one of the frames that the client may send.
    fn spend(&mut self, now: Instant) -> Result<(), TooMany> {
        if self.left == 0 {
            let passed = millis(now.saturating_duration_since(self.since));
            let more = passed.saturating_mul(A_SECOND) / 1000;
            if more > 0 {
                self.since = now;
            }
            self.left = more.saturating_add(self.written / BYTES).min(BURST);
            self.written %= BYTES;
        }
        self.left = self.left.checked_sub(1).ok_or(TooMany)?;
        Ok(())
    }
}

/// Returns true for all frames but those of a request, DATA, HEADERS and CONTINUATION, which others bound.
const fn is_control(kind: u8) -> bool {
    !matches!(kind, 0 | 1 | 9)
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    fn frame(kind: u8, payload: usize) -> Vec<u8> {
        let length = u32::try_from(payload).unwrap().to_be_bytes();
        let mut frame = vec![length[1], length[2], length[3], kind, 0, 0, 0, 0, 0];
        frame.resize(HEAD + payload, kind);
        frame
    }

    /// How many of `pieces` are taken.
    fn taken(frames: &mut Frames, pieces: &[u8], size: usize, now: Instant) -> usize {
        pieces.chunks(size).take_while(|piece| frames.read(piece, now).is_ok()).count() * size
    }

    #[test]
    fn control_frames_are_counted_however_they_are_cut_and_others_are_not() {
        let now = Instant::now();
        let mut stream = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n".to_vec();
        let mut controls = 0;
        for (kind, payload) in [(4, 30), (1, 20), (0, 0), (0, 5000), (9, 8), (6, 8), (2, 5), (8, 4), (3, 4), (250, 100)]
        {
            controls += u64::from(!matches!(kind, 0 | 1 | 9));
            stream.extend(frame(kind, payload));
        }
        for size in 1..40 {
            let mut frames = Frames::new(now);
            assert!(taken(&mut frames, &stream, size, now) >= stream.len());
            assert_eq!(BURST - frames.left, controls, "in pieces of {size}");
        }
    }

    #[test]
    fn a_flood_is_over_soon_and_what_a_reader_needs_never_is() {
        let mut now = Instant::now();
        let mut frames = Frames::new(now);
        frames.read(&[0; PREFACE], now).unwrap();
        let ping = frame(6, 8);
        let flood = ping.repeat(10_000);
        assert_eq!(taken(&mut frames, &flood, ping.len(), now), BURST as usize * ping.len());
        // a thousand a second are always taken
        for _ in 0..100_000 {
            now += Duration::from_millis(1);
            frames.read(&ping, now).unwrap();
        }
        // as are two windows for each small event
        for _ in 0..100_000 {
            frames.wrote(64);
            frames.read(&frame(8, 4), now).unwrap();
            frames.read(&frame(8, 4), now).unwrap();
        }
        // the answers to pings do not pay for pings
        let answered = (0..).take_while(|_| {
            frames.wrote(ping.len());
            frames.read(&ping, now).is_ok()
        });
        assert!(answered.count() < 10_000);
    }
}
