//! What a publisher and a subscriber do, over sockets that wait.
//!
//! They speak HTTP/1.0: an answer then has no chunks, and goes on until the connection ends.

use std::{
    io::{self, Read, Write},
    net::{SocketAddr, TcpStream},
    time::{Duration, Instant},
};

use serde_json::Value;
use sse_core::{Item, Parser};

/// How long nothing may come.
const PATIENCE: Duration = Duration::from_secs(60);

/// How long it took until something came, from before the connection was made.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Waited {
    pub(super) first_byte: Duration,
    /// The first event that was published; for a fresh stream the hub's own `sse-cursor`.
    pub(super) first_event: Duration,
}

/// Publishes events, one a line, and gives the last one's ID.
pub(super) fn publish(address: SocketAddr, lines: &[u8]) -> Result<String, String> {
    let length = lines.len();
    let head = format!("POST /publish HTTP/1.0\r\ncontent-type: application/x-ndjson\r\ncontent-length: {length}\r\n");
    let answer = post(address, &head, lines).map_err(|error| format!("can't publish: {error}"))?;
    last_id(&answer).ok_or_else(|| format!("publishing was answered: {}", answer.trim()))
}

/// Opens a stream and waits for its first event.
pub(super) fn open(address: SocketAddr, selector: &str, last_event_id: Option<&str>) -> Result<Waited, String> {
    let mut head = format!("GET /events?topic={selector} HTTP/1.0\r\naccept: text/event-stream\r\n");
    if let Some(id) = last_event_id {
        head.push_str(&format!("last-event-id: {id}\r\n"));
    }
    let mut beginning = Beginning::new(last_event_id.is_some());
    let mut first_byte = None;
    let mut buffer = vec![0; 64 << 10];
    let failed = |error: io::Error| format!("can't read the stream: {error}");
    let began = Instant::now();
    let mut socket = connect(address, &head).map_err(failed)?;
    loop {
        let count = socket.read(&mut buffer).map_err(failed)?;
        if count == 0 {
            return Err("the stream ended before an event".to_owned());
        }
        let first_byte = *first_byte.get_or_insert_with(|| began.elapsed());
        if beginning.feed(&buffer[..count])? {
            return Ok(Waited { first_byte, first_event: began.elapsed() });
        }
    }
}

fn connect(address: SocketAddr, head: &str) -> io::Result<TcpStream> {
    let mut socket = TcpStream::connect(address)?;
    socket.set_nodelay(true)?;
    socket.set_read_timeout(Some(PATIENCE))?;
    socket.set_write_timeout(Some(PATIENCE))?;
    socket.write_all(format!("{head}host: {address}\r\n\r\n").as_bytes())?;
    Ok(socket)
}

fn post(address: SocketAddr, head: &str, body: &[u8]) -> io::Result<String> {
    let mut socket = connect(address, head)?;
    socket.write_all(body)?;
    let mut answer = String::new();
    socket.read_to_string(&mut answer)?;
    Ok(answer)
}

/// The last ID in the answer to a request of which everything was published.
fn last_id(answer: &str) -> Option<String> {
    let (head, body) = answer.split_once("\r\n\r\n")?;
    let id = serde_json::from_str::<Value>(body).ok()?.get("last_id")?.as_str()?.to_owned();
    is_success(head).then_some(id)
}

fn is_success(head: &str) -> bool {
    head.split(' ').nth(1) == Some("200")
}

/// The answer of a stream, up to the event that is waited for.
struct Beginning {
    head: Vec<u8>,
    parser: Option<Parser>,
    /// Whether for an event that was published.
    published: bool,
}

impl Beginning {
    const fn new(published: bool) -> Self {
        Self { head: Vec::new(), parser: None, published }
    }

    /// Whether the event has come.
    ///
    /// # Errors
    /// It is no stream, or one that has lost something.
    fn feed(&mut self, bytes: &[u8]) -> Result<bool, String> {
        if let Some(parser) = &mut self.parser {
            return look(parser, bytes, self.published);
        }
        self.head.extend_from_slice(bytes);
        let Some(end) = self.head.windows(4).position(|four| four == b"\r\n\r\n") else { return Ok(false) };
        let body = self.head.split_off(end + 4);
        let head = String::from_utf8_lossy(&self.head);
        if !is_success(&head) {
            return Err(format!("the stream was answered: {} {}", head.trim(), String::from_utf8_lossy(&body)));
        }
        look(self.parser.insert(Parser::new()), &body, self.published)
    }
}

fn look(parser: &mut Parser, bytes: &[u8], published: bool) -> Result<bool, String> {
    let mut found = false;
    let mut gap = None;
    parser.feed(bytes, |item| {
        let Item::Event(event) = item else { return };
        match event.name() {
            "sse-gap" => gap = Some(event.data().to_owned()),
            name => found |= !published || !name.starts_with("sse-"),
        }
    });
    match gap {
        Some(gap) => Err(format!("the stream begins with a gap: {gap}")),
        None => Ok(found),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HEAD: &str = "HTTP/1.0 200 OK\r\ncontent-type: text/event-stream\r\n\r\n";
    const CURSOR: &str = "event: sse-cursor\nid: a-1\nretry: 2000\ndata: {}\n\n";

    #[test]
    fn a_resumed_stream_waits_for_what_was_published_however_it_comes() {
        let wire = format!("{HEAD}{CURSOR}data: x\nid: a-2\n\n");
        let mut beginning = Beginning::new(true);
        let mut found = wire.bytes().map(|byte| beginning.feed(&[byte]).unwrap());
        assert_eq!(found.position(|found| found), Some(wire.len() - 1));
        assert_eq!(Beginning::new(true).feed(wire.as_bytes()), Ok(true));
    }

    #[test]
    fn a_fresh_stream_waits_for_the_cursor() {
        let mut beginning = Beginning::new(false);
        assert_eq!(beginning.feed(HEAD.as_bytes()), Ok(false));
        assert_eq!(beginning.feed(CURSOR.as_bytes()), Ok(true));
    }

    #[test]
    fn a_gap_or_a_refusal_is_an_error() {
        let gap = format!("{HEAD}event: sse-gap\ndata: {{\"reason\":\"trimmed\"}}\n\ndata: x\n\n");
        assert!(Beginning::new(true).feed(gap.as_bytes()).unwrap_err().contains("trimmed"));
        let refused = "HTTP/1.0 400 Bad Request\r\n\r\n{\"detail\":\"no\"}";
        assert!(Beginning::new(true).feed(refused.as_bytes()).unwrap_err().contains("detail"));
    }

    #[test]
    fn the_last_id_of_what_was_published_whole() {
        let answer = |status| format!("HTTP/1.0 {status}\r\nx: y\r\n\r\n{{\"published\":2,\"last_id\":\"a-2\"}}");
        assert_eq!(last_id(&answer("200 OK")), Some("a-2".to_owned()));
        assert_eq!(last_id(&answer("400 Bad Request")), None);
        assert_eq!(last_id("HTTP/1.0 200 OK\r\n\r\n{\"last_id\":null}"), None);
    }
}
