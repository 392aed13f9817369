//! HTTP/1 by hand: requests as bytes, and answers however they end.

use std::{
    borrow::Cow,
    io,
    net::{Ipv4Addr, SocketAddr},
};

use serde_json::Value;
use tokio::{
    io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, split},
    net::{TcpSocket, TcpStream},
    time::timeout,
};

use crate::PATIENCE;

/// An attacker's address.
pub(crate) const ATTACKER: Ipv4Addr = Ipv4Addr::LOCALHOST;

/// The address of those who do no harm.
pub(crate) const OTHER: Ipv4Addr = Ipv4Addr::new(127, 0, 0, 2);

/// A connection from one address of this machine to the hub.
pub(crate) async fn connect(from: Ipv4Addr, to: SocketAddr) -> io::Result<TcpStream> {
    let socket = TcpSocket::new_v4()?;
    socket.bind((from, 0).into())?;
    let stream = socket.connect(to).await?;
    stream.set_nodelay(true)?;
    Ok(stream)
}

/// What came back.
#[derive(Debug, Default)]
pub(crate) struct Answer {
    /// 0 if there was none.
    pub(crate) status: u16,
    pub(crate) head: String,
    pub(crate) body: Vec<u8>,
}

impl Answer {
    fn of(bytes: &[u8]) -> Self {
        let Some(end) = bytes.windows(4).position(|four| four == b"\r\n\r\n") else {
            return Self { status: status(bytes), ..Self::default() };
        };
        let head = String::from_utf8_lossy(&bytes[..end]).into_owned();
        let mut answer = Self { status: status(bytes), head, body: Vec::new() };
        let rest = &bytes[end + 4..];
        answer.body = match answer.header("transfer-encoding") {
            Some("chunked") => Chunks::default().feed(rest),
            _ => rest.to_vec(),
        };
        answer
    }

    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        let mut fields = self.head.lines().filter_map(|line| line.split_once(':'));
        fields.find(|(own, _)| own.eq_ignore_ascii_case(name)).map(|(_, value)| value.trim())
    }

    pub(crate) fn text(&self) -> Cow<'_, str> {
        String::from_utf8_lossy(&self.body)
    }

    pub(crate) fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or_else(|error| panic!("{error}: {} {}", self.status, self.text()))
    }
}

fn status(bytes: &[u8]) -> u16 {
    let text = bytes.strip_prefix(b"HTTP/1.1 ").or_else(|| bytes.strip_prefix(b"HTTP/1.0 "));
    text.and_then(|text| std::str::from_utf8(text.get(..3)?).ok()?.parse().ok()).unwrap_or(0)
}

/// A whole request, of which the connection ends with the answer.
pub(crate) fn request(line: &str, headers: &[(&str, &str)], body: &[u8]) -> Vec<u8> {
    let mut bytes = format!("{line} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n").into_bytes();
    for (name, value) in headers {
        bytes.extend_from_slice(format!("{name}: {value}\r\n").as_bytes());
    }
    if !line.starts_with("GET") || !body.is_empty() {
        bytes.extend_from_slice(format!("Content-Length: {}\r\n", body.len()).as_bytes());
    }
    bytes.extend_from_slice(b"\r\n");
    bytes.extend_from_slice(body);
    bytes
}

/// Sends these bytes, and reads until the hub closes.
pub(crate) async fn exchange(from: Ipv4Addr, to: SocketAddr, bytes: &[u8]) -> io::Result<Answer> {
    exchange_with(connect(from, to).await?, bytes).await
}

/// The same over a connection that is open already.
pub(crate) async fn exchange_with(stream: impl AsyncRead + AsyncWrite, bytes: &[u8]) -> io::Result<Answer> {
    let (mut reader, mut writer) = split(stream);
    // the hub may answer, and close, before it has read it all
    let write = async { writer.write_all(bytes).await };
    let read = async {
        let mut seen = Vec::new();
        // what came before a reset counts
        let _ = reader.read_to_end(&mut seen).await;
        seen
    };
    let both = async { tokio::join!(write, read) };
    let (_, seen) = timeout(PATIENCE, both).await.map_err(|_| io::Error::from(io::ErrorKind::TimedOut))?;
    Ok(Answer::of(&seen))
}

/// Sends these bytes, and waits for the line with the status. 0 if the hub closes without one, `None` if it does nothing
/// of either.
pub(crate) async fn first_status(to: SocketAddr, bytes: &[u8]) -> Option<u16> {
    let (mut reader, mut writer) = connect(ATTACKER, to).await.ok()?.into_split();
    let write = async {
        let _ = writer.write_all(bytes).await;
    };
    let read = async {
        let mut seen = Vec::new();
        while seen.len() < 12 && !matches!(reader.read_buf(&mut seen).await, Ok(0) | Err(_)) {}
        status(&seen)
    };
    tokio::pin!(write);
    let both = async {
        tokio::pin!(read);
        tokio::select! {
            status = &mut read => status,
            () = &mut write => read.await,
        }
    };
    timeout(PATIENCE, both).await.ok()
}

/// The bytes of a chunked body, freed of their chunks.
#[derive(Debug, Default)]
pub(crate) struct Chunks {
    /// What is still to come of the chunk and its line end.
    left: usize,
    line: Vec<u8>,
    ended: bool,
}

impl Chunks {
    pub(crate) fn feed(&mut self, mut bytes: &[u8]) -> Vec<u8> {
        let mut freed = Vec::new();
        while let [first, rest @ ..] = bytes {
            if self.ended {
                break;
            }
            if self.left > 2 {
                let taken = bytes.len().min(self.left - 2);
                freed.extend_from_slice(&bytes[..taken]);
                self.left -= taken;
                bytes = &bytes[taken..];
                continue;
            }
            bytes = rest;
            if self.left > 0 {
                self.left -= 1;
            } else if *first == b'\n' {
                let line = std::mem::take(&mut self.line);
                let size = std::str::from_utf8(&line).ok().and_then(|line| usize::from_str_radix(line.trim(), 16).ok());
                match size {
                    Some(size) if size > 0 => self.left = size + 2,
                    _ => self.ended = true,
                }
            } else {
                self.line.push(*first);
            }
        }
        freed
    }

    /// Whether the last chunk has come.
    pub(crate) const fn ended(&self) -> bool {
        self.ended
    }
}
