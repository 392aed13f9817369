//! HTTP/1.1 answers, read as they arrive: the head, then the body however it is framed.

mod chunks;

use std::time::Duration;

use chunks::Chunks;

/// The longest head that is read.
const HEAD: usize = 16 << 10;

/// The most header fields in a head.
const FIELDS: usize = 64;

/// What is wrong with an answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Malformed {
    #[error("its head is not HTTP/1.1")]
    Head,
    #[error("its head is longer than 16 KiB, or has more than 64 fields")]
    LongHead,
    #[error("its chunks are not framed as they should be")]
    Chunk,
}

/// The head of an answer, as far as it matters here.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Head {
    pub(crate) status: u16,
    pub(crate) content_type: Option<String>,
    pub(crate) retry_after: Option<Duration>,
    /// Whether the connection ends with this answer.
    pub(crate) closes: bool,
}

/// An answer that is being read.
#[derive(Debug)]
pub(crate) enum Answer {
    /// What there is of the head.
    Head(Vec<u8>),
    Length(u64),
    Chunked(Chunks),
    UntilClose,
    Done,
}

impl Default for Answer {
    fn default() -> Self {
        Self::Head(Vec::new())
    }
}

impl Answer {
    /// Reads a piece of the head. Once the head is whole it is returned with the number of bytes that belonged to it;
    /// what follows them is for [`body`](Self::body).
    pub(crate) fn head(&mut self, input: &[u8]) -> Result<Option<(Head, usize)>, Malformed> {
        let Self::Head(before) = self else { return Ok(None) };
        let known = before.len();
        before.extend_from_slice(&input[..input.len().min(HEAD + 1 - known)]);
        let mut fields = [httparse::EMPTY_HEADER; FIELDS];
        let mut response = httparse::Response::new(&mut fields);
        let length = match response.parse(before) {
            Ok(httparse::Status::Complete(length)) => length,
            Ok(httparse::Status::Partial) if before.len() > HEAD => return Err(Malformed::LongHead),
            Ok(httparse::Status::Partial) => return Ok(None),
            Err(httparse::Error::TooManyHeaders) => return Err(Malformed::LongHead),
            Err(_) => return Err(Malformed::Head),
        };
        let (head, body) = read_head(&response)?;
        let interim = (100..200).contains(&head.status);
        *self = if interim { Self::default() } else { body };
        let used = length - known;
        if interim {
            // 1xx: the answer itself follows
            return Ok(self.head(&input[used..])?.map(|(head, more)| (head, used + more)));
        }
        Ok(Some((head, used)))
    }

    /// Reads a piece of the body, and hands out what is content. Returns the number of bytes that belonged to the
    /// answer: fewer than there are only when it is done.
    pub(crate) fn body(&mut self, input: &[u8], mut each: impl FnMut(&[u8])) -> Result<usize, Malformed> {
        match self {
            Self::Head(_) | Self::Done => Ok(0),
            Self::UntilClose => {
                each(input);
                Ok(input.len())
            }
            Self::Length(left) => {
                let used = input.len().min(usize::try_from(*left).unwrap_or(usize::MAX));
                each(&input[..used]);
                *left -= used as u64;
                if *left == 0 {
                    *self = Self::Done;
                }
                Ok(used)
            }
            Self::Chunked(chunks) => {
                let used = chunks.read(input, each)?;
                if chunks.is_done() {
                    *self = Self::Done;
                }
                Ok(used)
            }
        }
    }

    /// Whether the head is still to come.
    pub(crate) const fn is_before_body(&self) -> bool {
        matches!(self, Self::Head(_))
    }

    pub(crate) const fn is_done(&self) -> bool {
        matches!(self, Self::Done)
    }
}

fn read_head(response: &httparse::Response<'_, '_>) -> Result<(Head, Answer), Malformed> {
    let (Some(status), Some(version)) = (response.code, response.version) else { return Err(Malformed::Head) };
    let field = |name: &str| {
        let field = response.headers.iter().find(|field| field.name.eq_ignore_ascii_case(name));
        field.and_then(|field| std::str::from_utf8(field.value).ok()).map(str::trim)
    };
    let says = |name: &str, token: &str| {
        field(name).is_some_and(|value| value.split(',').any(|one| one.trim().eq_ignore_ascii_case(token)))
    };
    let length = field("content-length").map(|value| value.parse().map_err(|_| Malformed::Head)).transpose()?;
    let body = match length {
        _ if status == 204 || status == 304 => Answer::Done,
        _ if says("transfer-encoding", "chunked") => Answer::Chunked(Chunks::default()),
        Some(0) => Answer::Done,
        Some(length) => Answer::Length(length),
        None => Answer::UntilClose,
    };
    let head = Head {
        status,
        content_type: field("content-type").map(str::to_owned),
        retry_after: field("retry-after").and_then(|value| value.parse().ok()).map(Duration::from_secs),
        closes: says("connection", "close")
            || matches!(body, Answer::UntilClose)
            || (version == 0 && !says("connection", "keep-alive")),
    };
    Ok((head, body))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// An answer read in pieces of `size` bytes: its head, its content, whether it is done, and what is left over.
    fn read(wire: &[u8], size: usize) -> Result<(Option<Head>, String, bool, usize), Malformed> {
        let (mut answer, mut head, mut content, mut used) = (Answer::default(), None, Vec::new(), 0);
        for piece in wire.chunks(size) {
            let mut rest = piece;
            if answer.is_before_body() {
                match answer.head(rest)? {
                    None => used += rest.len(),
                    Some((whole, length)) => {
                        head = Some(whole);
                        used += length;
                        rest = &rest[length..];
                    }
                }
            }
            if !answer.is_before_body() {
                used += answer.body(rest, |part| content.extend_from_slice(part))?;
            }
        }
        Ok((head, String::from_utf8(content).unwrap(), answer.is_done(), wire.len() - used))
    }

    fn ok(closes: bool) -> Head {
        Head { status: 200, content_type: Some("text/event-stream".into()), retry_after: None, closes }
    }

    #[test]
    fn every_framing_in_pieces_of_every_size() {
        let head = "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n";
        for (rest, content, closes, done, left) in [
            ("\r\ndata: x\n\n", "data: x\n\n", true, false, 0),
            ("Content-Length: 4\r\n\r\nabcdHTTP", "abcd", false, true, 4),
            ("content-length: 0\r\n\r\n", "", false, true, 0),
            ("Connection: Close\r\nContent-Length: 1\r\n\r\na", "a", true, true, 0),
            ("Transfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n", "abc", false, true, 0),
        ] {
            let wire = format!("{head}{rest}");
            for size in 1..=wire.len() {
                let read = read(wire.as_bytes(), size).unwrap();
                assert_eq!(read, (Some(ok(closes)), content.to_owned(), done, left), "{wire:?} by {size}");
            }
        }
    }

    #[test]
    fn an_interim_answer_is_passed_over() {
        let wire = b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 503 No\r\nRetry-After: 7\r\nContent-Length: 2\r\n\r\nno";
        for size in 1..=wire.len() {
            let (head, content, done, _) = read(wire, size).unwrap();
            let head = head.unwrap();
            assert_eq!((head.status, head.retry_after), (503, Some(Duration::from_secs(7))));
            assert_eq!((content.as_str(), done), ("no", true));
        }
    }

    #[test]
    fn what_is_no_answer() {
        assert_eq!(read(b"SSH-2.0-OpenSSH\r\n", 100), Err(Malformed::Head));
        assert_eq!(read(b"HTTP/1.1 200 OK\r\ncontent-length: -1\r\n\r\n", 100), Err(Malformed::Head));
        let long = format!("HTTP/1.1 200 OK\r\nx: {}", "y".repeat(HEAD));
        assert_eq!(read(long.as_bytes(), 1000), Err(Malformed::LongHead));
        assert_eq!(read(long.as_bytes(), usize::MAX), Err(Malformed::LongHead));
    }
}
