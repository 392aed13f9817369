//! Writes the event stream format. No value can forge a field or lose one.

use core::time::Duration;

use bytes::{BufMut, Bytes, BytesMut};

use crate::{Event, scan::LineEnds};

impl Event {
    /// Appends the event: comment, name, ID, reconnection time, data, and the blank line that dispatches it.
    ///
    /// ```
    /// use sse_core::Event;
    ///
    /// let mut wire = Vec::new();
    /// Event::message("a\r\nb").encode(&mut wire);
    /// assert_eq!(wire, b"data: a\ndata: b\n\n");
    /// ```
    ///
    /// # Panics
    ///
    /// If `buf` can't grow and has less room than [`encoded_len`](Self::encoded_len).
    pub fn encode(&self, buf: &mut impl BufMut) {
        let mut lines = Lines { buf, begun: false };
        if let Some(text) = &self.comment {
            each_line(text.as_bytes(), |line| lines.put(b"\n: ", line));
        }
        if let Some(name) = &self.name {
            lines.put(b"\nevent: ", name.text().as_bytes());
        }
        if let Some(id) = &self.id {
            lines.put(b"\nid: ", id.text().as_bytes());
        }
        if let Some(time) = self.retry {
            lines.put(b"\nretry: ", Decimal::new(millis(time)).as_bytes());
        }
        if let Some(text) = &self.data {
            each_line(text.as_bytes(), |line| lines.put(b"\ndata: ", line));
        }
        lines.end();
    }

    /// The exact number of bytes that [`encode`](Self::encode) appends.
    #[must_use]
    pub fn encoded_len(&self) -> usize {
        let field = |name: &str, len: usize| name.len() + len + 1;
        self.comment.as_ref().map_or(0, |text| lines_len(": ", text.as_bytes()))
            + self.name.as_ref().map_or(0, |name| field("event: ", name.text().len()))
            + self.id.as_ref().map_or(0, |id| field("id: ", id.text().len()))
            + self.retry.map_or(0, |time| field("retry: ", Decimal::new(millis(time)).as_bytes().len()))
            + self.data.as_ref().map_or(0, |text| lines_len("data: ", text.as_bytes()))
            + 1
    }

    /// The encoded event, in a buffer that is allocated once at its exact length.
    #[must_use]
    pub fn to_bytes(&self) -> Bytes {
        let mut buf = BytesMut::with_capacity(self.encoded_len());
        self.encode(&mut buf);
        buf.freeze()
    }
}

/// Writes the lines of an event. Each line end is written together with the line after it, which saves a call.
struct Lines<'a, B> {
    buf: &'a mut B,
    begun: bool,
}

impl<B: BufMut> Lines<'_, B> {
    /// Writes one field. `name` begins with the end of the line before it. `value` holds no line end: its type
    /// guarantees that, or [`each_line`] does.
    #[inline(always)]
    fn put<const LEN: usize>(&mut self, name: &[u8; LEN], value: &[u8]) {
        if self.begun {
            self.buf.put_slice(name);
        } else {
            self.buf.put_slice(&name[1..]);
            self.begun = true;
        }
        self.buf.put_slice(value);
    }

    /// Writes the blank line that dispatches the event.
    #[inline]
    fn end(self) {
        self.buf.put_slice(if self.begun { b"\n\n" } else { b"\n" });
    }
}

fn lines_len(name: &str, text: &[u8]) -> usize {
    let mut len = 0;
    each_line(text, |line| len += name.len() + line.len() + 1);
    len
}

/// Calls `line` with each line of `text`, split at CRLF, CR and LF. A text that ends with a line end has an empty last
/// line.
#[inline]
fn each_line(text: &[u8], mut line: impl FnMut(&[u8])) {
    let mut start = 0;
    for end in LineEnds::new(text) {
        let Some(whole) = text.get(start..end) else { continue }; // the LF of a CRLF
        line(whole);
        start = end + if text[end..].starts_with(b"\r\n") { 2 } else { 1 };
    }
    line(&text[start..]);
}

fn millis(time: Duration) -> u64 {
    u64::try_from(time.as_millis()).unwrap_or(u64::MAX)
}

/// A number in decimal digits, without an allocation.
struct Decimal {
    digits: [u8; 20],
    start: usize,
}

impl Decimal {
    const fn new(mut number: u64) -> Self {
        let mut digits = [0; 20];
        let mut start = digits.len();
        loop {
            start -= 1;
            digits[start] = b'0' + (number % 10) as u8;
            number /= 10;
            if number == 0 {
                return Self { digits, start };
            }
        }
    }

    fn as_bytes(&self) -> &[u8] {
        &self.digits[self.start..]
    }
}
