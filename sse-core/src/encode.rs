//! Writing the event stream format: nothing that goes in can forge a field or lose one.

use core::time::Duration;

use bytes::{BufMut, Bytes, BytesMut};
use memchr::memchr2;

use crate::{Event, EventId, EventName};

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
    /// Only where `buf` can't grow and has less room than [`encoded_len`](Self::encoded_len).
    pub fn encode(&self, buf: &mut impl BufMut) {
        if let Some(text) = &self.comment {
            comment(text.as_bytes(), buf);
        }
        if let Some(value) = &self.name {
            name(value, buf);
        }
        if let Some(value) = &self.id {
            id(value, buf);
        }
        if let Some(value) = self.retry {
            retry(value, buf);
        }
        if let Some(text) = &self.data {
            data(text.as_bytes(), buf);
        }
        end(buf);
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

    /// The encoded event in bytes of its own, allocated once.
    #[must_use]
    pub fn to_bytes(&self) -> Bytes {
        let mut buf = BytesMut::with_capacity(self.encoded_len());
        self.encode(&mut buf);
        buf.freeze()
    }
}

fn comment(text: &[u8], buf: &mut impl BufMut) {
    lines(b": ", text, buf);
}

fn name(name: &EventName, buf: &mut impl BufMut) {
    field(b"event: ", name.text().as_bytes(), buf);
}

fn id(id: &EventId, buf: &mut impl BufMut) {
    field(b"id: ", id.text().as_bytes(), buf);
}

fn retry(time: Duration, buf: &mut impl BufMut) {
    field(b"retry: ", Decimal::new(millis(time)).as_bytes(), buf);
}

fn data(text: &[u8], buf: &mut impl BufMut) {
    lines(b"data: ", text, buf);
}

fn end(buf: &mut impl BufMut) {
    buf.put_u8(b'\n');
}

/// The value stands on one line: its type says so.
fn field(name: &[u8], value: &[u8], buf: &mut impl BufMut) {
    buf.put_slice(name);
    buf.put_slice(value);
    buf.put_u8(b'\n');
}

/// One field for each line of the text, so that a line end in it can't end the field.
fn lines(name: &[u8], text: &[u8], buf: &mut impl BufMut) {
    each_line(text, |line| field(name, line, buf));
}

fn lines_len(name: &str, text: &[u8]) -> usize {
    let mut len = 0;
    each_line(text, |line| len += name.len() + line.len() + 1);
    len
}

/// Splits at CRLF, CR and LF; a text that ends with a line end has an empty last line.
fn each_line(mut text: &[u8], mut line: impl FnMut(&[u8])) {
    while let Some(end) = memchr2(b'\n', b'\r', text) {
        line(&text[..end]);
        let crlf = text[end..].starts_with(b"\r\n");
        text = &text[end + 1 + usize::from(crlf)..];
    }
    line(text);
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
