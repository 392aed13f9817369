//! A server of events that loses, doubles and swaps them when told to.

use std::{
    io,
    net::SocketAddr,
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering},
    },
};

use serde_json::Value;
use tokio::{
    io::{AsyncBufReadExt, AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, BufStream},
    net::TcpListener,
    sync::watch,
};
use tokio_rustls::TlsAcceptor;

/// What happens to an event.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Fate {
    Pass,
    Lose,
    Double,
    /// It comes after the next one.
    Swap,
    /// It is lost, and a gap says so.
    Gap,
    /// It is the last of its topic, and the streams that take it end with it; if not `told`, without a word.
    Last {
        told: bool,
    },
    /// It is not taken the first time.
    Refuse,
    /// It is taken, but the connection breaks before the answer.
    Cut,
}

/// How the server behaves.
#[derive(Clone, Debug)]
pub(crate) struct Behaviour {
    /// The fate of certain events, by number from 0; the others pass.
    pub(crate) fates: Vec<(usize, Fate)>,
    /// An answer in chunks, or one that ends with the connection.
    pub(crate) chunked: bool,
    /// How many streams are turned away at first, at once, as by a hub that is full.
    pub(crate) busy: usize,
    /// Streams are answered with this status.
    pub(crate) status: &'static str,
}

impl Default for Behaviour {
    fn default() -> Self {
        Self { fates: Vec::new(), chunked: true, busy: 0, status: "200 OK" }
    }
}

/// A server that listens until its runtime ends.
#[derive(Clone)]
pub(crate) struct Server {
    pub(crate) address: SocketAddr,
    state: Arc<State>,
}

struct State {
    behaviour: Behaviour,
    log: Mutex<Log>,
    /// The length of the log.
    grown: watch::Sender<usize>,
    streams: AtomicUsize,
    resumed: AtomicUsize,
    written: AtomicUsize,
    /// How many deliveries had been written when each event came.
    written_at_publish: Mutex<Vec<usize>>,
}

#[derive(Default)]
struct Log {
    /// Topic and block of each, without its id.
    entries: Vec<(String, String)>,
    published: usize,
    refused: bool,
    held: Option<(String, String)>,
    /// The length at which the topic ended.
    ended_at: Option<usize>,
}

impl Server {
    pub(crate) async fn start(behaviour: Behaviour) -> Self {
        Self::listen(behaviour, None).await
    }

    /// The same over TLS.
    pub(crate) async fn start_tls(behaviour: Behaviour, acceptor: TlsAcceptor) -> Self {
        Self::listen(behaviour, Some(acceptor)).await
    }

    async fn listen(behaviour: Behaviour, acceptor: Option<TlsAcceptor>) -> Self {
        let listener = TcpListener::bind(SocketAddr::from(([127, 0, 0, 1], 0))).await.unwrap();
        let address = listener.local_addr().unwrap();
        let state = Arc::new(State {
            behaviour,
            log: Mutex::default(),
            grown: watch::Sender::new(0),
            streams: AtomicUsize::new(0),
            resumed: AtomicUsize::new(0),
            written: AtomicUsize::new(0),
            written_at_publish: Mutex::default(),
        });
        let server = Self { address, state: state.clone() };
        tokio::spawn(async move {
            while let Ok((socket, _)) = listener.accept().await {
                let (state, acceptor) = (state.clone(), acceptor.clone());
                // a client may go at any time
                tokio::spawn(async move {
                    match acceptor {
                        Some(acceptor) => state.serve(BufStream::new(acceptor.accept(socket).await?)).await,
                        None => state.serve(BufStream::new(socket)).await,
                    }
                });
            }
        });
        server
    }

    /// How many streams began behind an event id.
    pub(crate) fn resumed(&self) -> usize {
        self.state.resumed.load(Ordering::Relaxed)
    }

    pub(crate) fn written_at_publish(&self) -> Vec<usize> {
        self.state.written_at_publish.lock().unwrap().clone()
    }
}

impl State {
    async fn serve(&self, mut socket: BufStream<impl AsyncRead + AsyncWrite + Unpin>) -> io::Result<()> {
        loop {
            let mut lines = Vec::new();
            loop {
                let mut line = String::new();
                if socket.read_line(&mut line).await? == 0 {
                    return Ok(());
                }
                match line.trim_end() {
                    "" => break,
                    line => lines.push(line.to_owned()),
                }
            }
            let field = |name: &str| lines.iter().find_map(|line| line.strip_prefix(name)).map(str::trim);
            let target = lines[0].split(' ').nth(1).unwrap_or_default().replace("%2F", "/").replace("%2A", "*");
            if lines[0].starts_with("GET") {
                let after = field("last-event-id:").and_then(|id| id.parse().ok());
                return self.stream(socket, &target, after).await;
            }
            let length = field("content-length:").and_then(|length| length.parse().ok()).unwrap_or(0);
            let mut body = vec![0; length];
            socket.read_exact(&mut body).await?;
            let topic = target.strip_prefix("/publish/").unwrap_or_default();
            // an array has one fate: that of its last event
            let several = serde_json::from_slice(&body).ok().filter(|_| target == "/publish");
            let fate = match several {
                Some(Value::Array(events)) => {
                    let text = |event: &Value, name: &str| event[name].as_str().unwrap_or_default().to_owned();
                    let publish = |event| self.publish(&text(event, "topic"), &text(event, "data"));
                    events.iter().map(publish).last().unwrap_or(Fate::Pass)
                }
                _ => self.publish(topic, &String::from_utf8_lossy(&body)),
            };
            let answer: &[u8] = match fate {
                Fate::Cut => return Ok(()),
                Fate::Refuse => b"HTTP/1.1 503 Busy\r\nretry-after: 0\r\ncontent-length: 4\r\n\r\nbusy",
                _ => b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n\r\n",
            };
            socket.write_all(answer).await?;
            socket.flush().await?;
        }
    }

    /// What becomes of an event.
    fn publish(&self, topic: &str, data: &str) -> Fate {
        let mut log = self.log.lock().unwrap();
        let log = &mut *log;
        let fate = self.behaviour.fates.iter().find(|(number, _)| *number == log.published);
        let fate = fate.map_or(Fate::Pass, |(_, fate)| *fate);
        if fate == Fate::Refuse && !log.refused {
            log.refused = true;
            return fate;
        }
        log.published += 1;
        self.written_at_publish.lock().unwrap().push(self.written.load(Ordering::Relaxed));
        let entry = (topic.to_owned(), format!("data: {data}\n"));
        let held = log.held.take();
        match fate {
            Fate::Pass | Fate::Refuse | Fate::Cut => log.entries.push(entry),
            Fate::Last { told } => {
                let end = told.then(|| (topic.to_owned(), "event: sse-end\ndata: {\"topics\":[\"load\"]}\n".into()));
                log.entries.extend([Some(entry), end].into_iter().flatten());
                log.ended_at = Some(log.entries.len());
            }
            Fate::Lose => {}
            Fate::Double => log.entries.extend([entry.clone(), entry]),
            Fate::Swap => log.held = Some(entry),
            Fate::Gap => log.entries.push((entry.0, "event: sse-gap\ndata: {\"reason\":\"trimmed\"}\n".into())),
        }
        log.entries.extend(held);
        self.grown.send_replace(log.entries.len());
        if fate == Fate::Refuse { Fate::Pass } else { fate }
    }

    async fn stream(
        &self,
        mut socket: BufStream<impl AsyncRead + AsyncWrite + Unpin>,
        target: &str,
        after: Option<usize>,
    ) -> io::Result<()> {
        let selectors: Vec<&str> = target.split(['?', '&']).filter_map(|part| part.strip_prefix("topic=")).collect();
        // patterns here end with their star
        let takes = |selector: &&str, topic: &str| match selector.strip_suffix('*') {
            Some(prefix) => topic.starts_with(prefix),
            None => *selector == topic,
        };
        let mut grown = self.grown.subscribe();
        let mut at = after.unwrap_or(*grown.borrow_and_update());
        self.resumed.fetch_add(usize::from(after.is_some()), Ordering::Relaxed);
        let chunked = if self.behaviour.chunked { "transfer-encoding: chunked\r\n" } else { "" };
        let ended_at = || self.log.lock().unwrap().ended_at;
        if after.is_some() && after >= ended_at() && ended_at().is_some() {
            socket.write_all(b"HTTP/1.1 204 No Content\r\n\r\n").await?;
            return socket.shutdown().await;
        }
        let status = self.behaviour.status;
        let head = format!("HTTP/1.1 {status}\r\ncontent-type: text/event-stream\r\n{chunked}\r\n");
        socket.write_all(head.as_bytes()).await?;
        if self.streams.fetch_add(1, Ordering::Relaxed) < self.behaviour.busy {
            self.write(&mut socket, "event: sse-drain\nretry: 10\ndata: {\"reason\":\"busy\"}\n\n").await?;
            socket.write_all(if self.behaviour.chunked { b"0\r\n\r\n" } else { b"" }).await?;
            return socket.shutdown().await;
        }
        loop {
            let end = ended_at();
            let new: Vec<_> = {
                let log = self.log.lock().unwrap();
                log.entries[at..end.unwrap_or(log.entries.len())].to_vec()
            };
            for (topic, block) in new {
                at += 1;
                if selectors.iter().any(|selector| takes(selector, &topic)) {
                    let text = format!("{block}id: {at}\n\n: that was {at}\n");
                    // in two pieces, so that events are cut
                    let (one, other) = text.split_at(7 + at % 20);
                    self.write(&mut socket, one).await?;
                    self.write(&mut socket, other).await?;
                    self.written.fetch_add(1, Ordering::Relaxed);
                }
            }
            if end.is_some() {
                socket.write_all(if self.behaviour.chunked { b"0\r\n\r\n" } else { b"" }).await?;
                return socket.shutdown().await;
            }
            socket.flush().await?;
            if grown.changed().await.is_err() {
                return Ok(());
            }
        }
    }

    async fn write(&self, socket: &mut (impl AsyncWrite + Unpin), text: &str) -> io::Result<()> {
        if self.behaviour.chunked {
            return socket.write_all(format!("{:x}\r\n{text}\r\n", text.len()).as_bytes()).await;
        }
        socket.write_all(text.as_bytes()).await
    }
}
