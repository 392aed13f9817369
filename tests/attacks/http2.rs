//! HTTP/2 by prior knowledge, its frames built by hand: a client that does what no library would.

use std::{
    net::SocketAddr,
    sync::{Arc, Mutex},
    time::Duration,
};

use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::tcp::{OwnedReadHalf, OwnedWriteHalf},
    sync::Mutex as AsyncMutex,
    time::{Instant, sleep},
};

use crate::{
    LOOK,
    http1::{ATTACKER, connect},
};

pub(crate) const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

/// Kinds of frames.
pub(crate) const DATA: u8 = 0;
pub(crate) const HEADERS: u8 = 1;
pub(crate) const PRIORITY: u8 = 2;
pub(crate) const RST_STREAM: u8 = 3;
pub(crate) const SETTINGS: u8 = 4;
pub(crate) const PING: u8 = 6;
pub(crate) const GOAWAY: u8 = 7;
pub(crate) const WINDOW_UPDATE: u8 = 8;
pub(crate) const CONTINUATION: u8 = 9;

/// Flags.
pub(crate) const END_STREAM: u8 = 1;
pub(crate) const END_HEADERS: u8 = 4;
const ACK: u8 = 1;

/// A frame's bytes.
pub(crate) fn frame(kind: u8, flags: u8, stream: u32, payload: &[u8]) -> Vec<u8> {
    let mut bytes = (payload.len() as u32).to_be_bytes()[1..].to_vec();
    bytes.extend_from_slice(&[kind, flags]);
    bytes.extend_from_slice(&stream.to_be_bytes());
    bytes.extend_from_slice(payload);
    bytes
}

/// A SETTINGS frame with the initial window of the streams.
pub(crate) fn settings(window: u32) -> Vec<u8> {
    let mut payload = 4u16.to_be_bytes().to_vec();
    payload.extend_from_slice(&window.to_be_bytes());
    frame(SETTINGS, 0, 0, &payload)
}

/// A header block, in which nothing is compressed.
pub(crate) fn block(method: &str, path: &str, more: &[(&str, &str)]) -> Vec<u8> {
    let mut bytes = Vec::new();
    let own = [(":method", method), (":scheme", "http"), (":authority", "localhost"), (":path", path)];
    for (name, value) in own.iter().chain(more) {
        bytes.push(0);
        for text in [name, value] {
            length(text.len(), &mut bytes);
            bytes.extend_from_slice(text.as_bytes());
        }
    }
    bytes
}

/// An integer with a prefix of seven bits, as HPACK has it.
fn length(number: usize, bytes: &mut Vec<u8>) {
    let Some(mut rest) = number.checked_sub(127) else {
        return bytes.push(number as u8);
    };
    bytes.push(127);
    while rest >= 128 {
        bytes.push((rest % 128 + 128) as u8);
        rest /= 128;
    }
    bytes.push(rest as u8);
}

/// What came on a connection so far.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Seen {
    /// Heads of answers.
    pub(crate) heads: usize,
    /// Those of them with status 200.
    pub(crate) fine: usize,
    /// Streams that the hub reset.
    pub(crate) resets: usize,
    /// Streams that the hub ended.
    pub(crate) ends: usize,
    pub(crate) data: usize,
    /// What the hub lets through on the connection in all, and at first on each stream. Frames that say so for one
    /// stream are not looked at.
    connection_window: usize,
    stream_window: usize,
    pub(crate) goaway: bool,
    pub(crate) closed: bool,
}

impl Default for Seen {
    fn default() -> Self {
        const WINDOW: usize = 65_535;
        let (connection_window, stream_window) = (WINDOW, WINDOW);
        Self {
            heads: 0,
            fine: 0,
            resets: 0,
            ends: 0,
            data: 0,
            connection_window,
            stream_window,
            goaway: false,
            closed: false,
        }
    }
}

impl Seen {
    /// Requests that came to something: a head, or a reset.
    pub(crate) fn answered(&self) -> usize {
        self.heads.max(self.resets)
    }
}

/// A connection that acknowledges settings and pings for as long as it is kept.
#[derive(Debug)]
pub(crate) struct Connection {
    writer: Arc<AsyncMutex<OwnedWriteHalf>>,
    seen: Arc<Mutex<Seen>>,
    next: u32,
    /// Bytes of bodies.
    sent: usize,
    reading: tokio::task::JoinHandle<()>,
}

impl Drop for Connection {
    fn drop(&mut self) {
        self.reading.abort();
    }
}

impl Connection {
    /// Opens one whose streams have this initial window.
    pub(crate) async fn open(to: SocketAddr, window: u32) -> std::io::Result<Self> {
        let (reader, writer) = connect(ATTACKER, to).await?.into_split();
        let writer = Arc::new(AsyncMutex::new(writer));
        let seen = Arc::new(Mutex::new(Seen::default()));
        let reading = tokio::spawn(read(reader, writer.clone(), seen.clone()));
        let connection = Self { writer, seen, next: 1, sent: 0, reading };
        let _ = connection.send(&[PREFACE, &settings(window)].concat()).await;
        Ok(connection)
    }

    /// Sends bytes as they are; false once the hub takes no more.
    pub(crate) async fn send(&self, bytes: &[u8]) -> bool {
        self.writer.lock().await.write_all(bytes).await.is_ok()
    }

    /// The number of the next stream.
    pub(crate) fn stream(&mut self) -> u32 {
        self.next += 2;
        self.next - 2
    }

    /// Sends requests without bodies, all at once.
    pub(crate) async fn get(&mut self, paths: impl IntoIterator<Item = String>) -> bool {
        let mut bytes = Vec::new();
        for path in paths {
            let stream = self.stream();
            bytes.extend(frame(HEADERS, END_HEADERS | END_STREAM, stream, &block("GET", &path, &[])));
        }
        self.send(&bytes).await
    }

    /// Sends the head of a publish whose body is to come. Gives the stream.
    pub(crate) async fn post(&mut self, path: &str, content_type: &str) -> u32 {
        let stream = self.stream();
        let block = block("POST", path, &[("content-type", content_type)]);
        self.send(&frame(HEADERS, END_HEADERS, stream, &block)).await;
        stream
    }

    /// Sends the beginning of a body, as much as the hub lets through: a client that sends more is cut off. False if
    /// that is nothing for some seconds, or the hub is gone.
    pub(crate) async fn body(&mut self, stream: u32, bytes: &[u8]) -> bool {
        let begun = &bytes[..bytes.len().min(self.seen().stream_window)];
        for piece in begun.chunks(16_000) {
            let until = Instant::now() + Duration::from_secs(2);
            while self.sent + piece.len() > self.seen().connection_window {
                if Instant::now() > until || self.seen().closed {
                    return false;
                }
                sleep(LOOK / 10).await;
            }
            self.sent += piece.len();
            if !self.send(&frame(DATA, 0, stream, piece)).await {
                return false;
            }
        }
        true
    }

    pub(crate) fn seen(&self) -> Seen {
        *self.seen.lock().unwrap()
    }
}

async fn read(mut reader: OwnedReadHalf, writer: Arc<AsyncMutex<OwnedWriteHalf>>, seen: Arc<Mutex<Seen>>) {
    let mut buffer = Vec::new();
    while !matches!(reader.read_buf(&mut buffer).await, Ok(0) | Err(_)) {
        let mut at = 0;
        let mut acknowledgements = Vec::new();
        while let Some(head) = buffer.get(at..at + 9) {
            let (kind, flags) = (head[3], head[4]);
            let end = at + 9 + u32::from_be_bytes([0, head[0], head[1], head[2]]) as usize;
            let Some(payload) = buffer.get(at + 9..end) else { break };
            match kind {
                SETTINGS if flags & ACK == 0 => acknowledgements.extend(frame(SETTINGS, ACK, 0, &[])),
                PING if flags & ACK == 0 => acknowledgements.extend(frame(PING, ACK, 0, payload)),
                _ => {}
            }
            let stream = u32::from_be_bytes([head[5], head[6], head[7], head[8]]);
            seen.lock().unwrap().note(kind, flags, stream, payload);
            at = end;
        }
        buffer.drain(..at);
        if !acknowledgements.is_empty() && writer.lock().await.write_all(&acknowledgements).await.is_err() {
            break;
        }
    }
    seen.lock().unwrap().closed = true;
}

impl Seen {
    fn note(&mut self, kind: u8, flags: u8, stream: u32, payload: &[u8]) {
        match kind {
            HEADERS => {
                self.heads += 1;
                // `:status: 200` of the static table, behind what may resize the dynamic one
                self.fine += usize::from(payload.iter().find(|byte| **byte & 0xE0 != 0x20) == Some(&0x88));
            }
            DATA => self.data += payload.len(),
            RST_STREAM => self.resets += 1,
            SETTINGS => {
                for setting in payload.chunks_exact(6).filter(|setting| setting[..2] == [0, 4]) {
                    self.stream_window = u32::from_be_bytes([setting[2], setting[3], setting[4], setting[5]]) as usize;
                }
            }
            WINDOW_UPDATE if stream == 0 => {
                let more = payload.first_chunk().map_or(0, |more| u32::from_be_bytes(*more));
                self.connection_window += more as usize;
            }
            GOAWAY => self.goaway = true,
            _ => {}
        }
        self.ends += usize::from(matches!(kind, HEADERS | DATA) && flags & END_STREAM != 0);
    }
}
