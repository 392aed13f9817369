//! The bare write loop: one thread, all sockets, `write(2)` of each event to each subscriber, nothing else. No names, no
//! ids, no heartbeats: what any server must do at least that writes every event alone.

use std::{
    collections::HashMap,
    io::{self, Read, Write},
    mem,
    net::TcpListener,
};

use mio::{Events, Interest, Poll, Token, net::TcpStream};
use slab::Slab;

use crate::bare_http::{self, MOST_BYTES, Request};

const LISTENER: Token = Token(usize::MAX);

/// Readiness taken from the system at once.
const READY: usize = 1024;

/// Connections that there may be, and topics.
const MOST_CONNECTIONS: usize = 1 << 20;
const MOST_TOPICS: usize = 1024;

/// Bytes that wait for a subscriber who does not read. Beyond, its stream ends.
const MOST_WAITING: usize = 4 << 20;

const STREAM: &[u8] =
    b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ncache-control: no-store\r\ntransfer-encoding: chunked\r\n\r\n";
const TAKEN: &[u8] = b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n";

struct Connection {
    socket: TcpStream,
    /// What came of a request, or waits to be written to a subscriber.
    bytes: Vec<u8>,
    /// The topic of a subscriber.
    topic: Option<u32>,
}

#[derive(Default)]
struct Topics {
    numbers: HashMap<String, u32>,
    subscribers: Vec<Vec<u32>>,
}

pub(super) fn serve(listener: TcpListener) -> io::Result<()> {
    let mut listener = mio::net::TcpListener::from_std(listener);
    let mut poll = Poll::new()?;
    poll.registry().register(&mut listener, LISTENER, Interest::READABLE)?;
    let mut ready = Events::with_capacity(READY);
    let mut server = Server { connections: Slab::new(), topics: Topics::default(), buffer: vec![0; MOST_BYTES] };
    loop {
        match poll.poll(&mut ready, None) {
            Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
            polled => polled?,
        }
        for event in &ready {
            if event.token() == LISTENER {
                server.accept(&listener, &poll);
                continue;
            }
            let at = event.token().0;
            let alive = !event.is_writable() || server.flush(at);
            if !alive || (event.is_readable() && !server.read(at)) {
                server.close(at);
            }
        }
    }
}

struct Server {
    connections: Slab<Connection>,
    topics: Topics,
    buffer: Vec<u8>,
}

impl Server {
    fn accept(&mut self, listener: &mio::net::TcpListener, poll: &Poll) {
        // what else may go wrong is one connection's: the next call tells
        while let Ok((mut socket, _)) = listener.accept() {
            if self.connections.len() >= MOST_CONNECTIONS {
                continue;
            }
            let entry = self.connections.vacant_entry();
            let token = Token(entry.key());
            if poll.registry().register(&mut socket, token, Interest::READABLE | Interest::WRITABLE).is_ok() {
                entry.insert(Connection { socket, bytes: Vec::new(), topic: None });
            }
        }
    }

    /// Reads all there is, and does what it asks. `false`: the connection is over.
    fn read(&mut self, at: usize) -> bool {
        loop {
            let Some(connection) = self.connections.get_mut(at) else { return true };
            match connection.socket.read(&mut self.buffer) {
                Ok(0) => return false,
                // what a subscriber still says is nothing to us
                Ok(_) if connection.topic.is_some() => {}
                Ok(count) => {
                    connection.bytes.extend_from_slice(&self.buffer[..count]);
                    if !self.answer(at) {
                        return false;
                    }
                }
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return true,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(_) => return false,
            }
        }
    }

    fn answer(&mut self, at: usize) -> bool {
        while self.connections[at].topic.is_none() {
            let connection = &mut self.connections[at];
            let Some((request, length)) = bare_http::request(&connection.bytes) else {
                return connection.bytes.len() < 2 * MOST_BYTES;
            };
            connection.bytes.drain(..length);
            match request {
                Request::Subscribe { topic } => {
                    let Some(topic) = self.topics.number(&topic) else { return false };
                    connection.topic = Some(topic);
                    connection.bytes = Vec::new();
                    self.topics.subscribers[topic as usize].push(at as u32);
                    if connection.socket.write(STREAM).is_err() {
                        return false;
                    }
                }
                Request::Publish { topic, body } if !body.contains(&b'\n') => {
                    self.publish(&topic, &body);
                    if self.connections[at].socket.write(TAKEN).is_err() {
                        return false;
                    }
                }
                Request::Publish { .. } | Request::Other => return false,
            }
        }
        true
    }

    fn publish(&mut self, topic: &str, data: &[u8]) {
        let Some(&number) = self.topics.numbers.get(topic) else { return };
        let chunk = bare_http::chunk(data);
        let subscribers = mem::take(&mut self.topics.subscribers[number as usize]);
        let mut broken = Vec::new();
        for &at in &subscribers {
            if !self.connections[at as usize].send(&chunk) {
                broken.push(at);
            }
        }
        self.topics.subscribers[number as usize] = subscribers;
        for at in broken {
            self.close(at as usize);
        }
    }

    fn flush(&mut self, at: usize) -> bool {
        match self.connections.get_mut(at) {
            Some(connection) if connection.topic.is_some() && !connection.bytes.is_empty() => {
                let waiting = mem::take(&mut connection.bytes);
                connection.send(&waiting)
            }
            _ => true,
        }
    }

    fn close(&mut self, at: usize) {
        let Some(connection) = self.connections.try_remove(at) else { return };
        if let Some(topic) = connection.topic {
            let subscribers = &mut self.topics.subscribers[topic as usize];
            if let Some(place) = subscribers.iter().position(|other| *other as usize == at) {
                subscribers.swap_remove(place);
            }
        }
    }
}

impl Connection {
    /// Writes what the socket takes and keeps the rest. `false`: it takes nothing any more.
    fn send(&mut self, mut bytes: &[u8]) -> bool {
        while self.bytes.is_empty() && !bytes.is_empty() {
            match self.socket.write(bytes) {
                Ok(count) => bytes = &bytes[count..],
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => break,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(_) => return false,
            }
        }
        self.bytes.extend_from_slice(bytes);
        self.bytes.len() <= MOST_WAITING
    }
}

impl Topics {
    fn number(&mut self, topic: &str) -> Option<u32> {
        if let Some(number) = self.numbers.get(topic) {
            return Some(*number);
        }
        if self.subscribers.len() >= MOST_TOPICS {
            return None;
        }
        let number = self.subscribers.len() as u32;
        self.numbers.insert(topic.to_owned(), number);
        self.subscribers.push(Vec::new());
        Some(number)
    }
}
