//! Hours of clients that come, go and come back, every other part of it under attack.

use std::{
    io::{Error, Result},
    net::{Ipv4Addr, SocketAddr},
};

use futures_util::future::try_join_all;
use sse_core::{Item, Parser};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    time::{Instant, sleep, timeout},
};

use crate::{
    LOOK, MB, PATIENCE, eventually,
    http1::{ATTACKER, Chunks, connect, exchange, request},
    stage::{Attack, Size, Stage},
};

attacks! {
    hours_of_comers: hours,
        Attack::right("nothing is lost, doubled or out of order, and nothing stays of those who left")
            .megabytes(96)
            .seen_in("sse_ends_total{reason=\"client\"}");
}

/// Turns: a publish and a resume each, over a connection of its own each. The soak has as many as ten hours of fifty a second.
const TURNS: usize = 1_800_000;
const FEW_TURNS: usize = 400;

const CLIENTS: usize = 50;

/// Every other one is under attack.
const PARTS: usize = 8;

/// The connections of an attack at a time.
const ASSAULT: usize = 200;

async fn hours(stage: &Stage) {
    let (hub, descriptors) = (stage.hub.address(), stage.hub.descriptors());
    let turns = stage.size(FEW_TURNS, TURNS) / PARTS / CLIENTS;
    let mut clients = try_join_all((0..CLIENTS).map(|number| Client::begin(hub, number))).await.expect("all come");
    let mut resident = Vec::new();
    for part in 0..PARTS {
        let begun = Instant::now();
        let assault = (part % 2 == 1).then(|| tokio::spawn(assault(hub)));
        let tasks = clients.into_iter().map(|client| tokio::spawn(client.turns(turns)));
        if assault.is_some() {
            let is_seen = async || stage.hub.metric("sse_connections").await >= ASSAULT as u64 / 2;
            eventually("the attack is under way", is_seen).await;
        }
        let ended = try_join_all(tasks).await.expect("no client panics");
        clients = ended.into_iter().collect::<Result<_>>().expect("nothing is lost, doubled or out of order");
        if let Some(assault) = assault {
            assault.abort();
            let _ = assault.await;
        }
        eventually("those who left leave no descriptor", async || stage.hub.descriptors() <= descriptors + 1).await;
        // the first attack takes what those after it take again
        let bound = resident.get(1).map_or(u64::MAX, |first| first + 32 * MB);
        eventually("memory is given back", async || stage.hub.resident() <= bound).await;
        resident.push(stage.hub.resident());
        if stage.size == Size::Large {
            let (took, megabytes) = (begun.elapsed().as_secs(), stage.hub.resident() / MB);
            let descriptors = stage.hub.descriptors();
            eprintln!(
                "  part {part}: {} turns in {took} s, {megabytes} MB, {descriptors} descriptors",
                turns * CLIENTS
            );
        }
    }
    stage.hub.forget_peak(); // the attacks' share of it has rows of its own
}

/// Publishes to a topic of its own, and comes back for each event from where it was.
struct Client {
    hub: SocketAddr,
    number: usize,
    /// The turns so far, and the events of its topic.
    turn: usize,
    last_event_id: String,
}

impl Client {
    async fn begin(hub: SocketAddr, number: usize) -> Result<Self> {
        let mut client = Self { hub, number, turn: 0, last_event_id: String::new() };
        client.visit(None).await?;
        Ok(client)
    }

    async fn turns(mut self, turns: usize) -> Result<Self> {
        for _ in 0..turns {
            let publish =
                request(&format!("POST /publish/hours/{}", self.number), &[], self.turn.to_string().as_bytes());
            let answer = exchange(self.address(), self.hub, &publish).await?;
            if answer.status != 200 {
                return Err(Error::other(format!("event {} of client {}: {answer:?}", self.turn, self.number)));
            }
            self.visit(Some(self.turn)).await?;
            self.turn += 1;
        }
        Ok(self)
    }

    /// Ever others, for the ports of an address are few.
    fn address(&self) -> Ipv4Addr {
        let [number, turn] = [self.number, self.turn / 64].map(|of| u8::try_from(of % 250).unwrap_or_default());
        Ipv4Addr::new(127, 1, number, turn + 1)
    }

    /// Comes back, and leaves with the event of this number: none may be before it.
    async fn visit(&mut self, event: Option<usize>) -> Result<()> {
        let visit = timeout(PATIENCE, self.see(event)).await;
        visit.map_err(|_| Error::other(format!("client {} waits for event {event:?}", self.number)))?
    }

    async fn see(&mut self, event: Option<usize>) -> Result<()> {
        let mut socket = connect(self.address(), self.hub).await?;
        let topic = self.number;
        let id = match self.last_event_id.as_str() {
            "" => String::new(),
            id => format!("Last-Event-ID: {id}\r\n"),
        };
        let request = format!("GET /events?topic=hours/{topic} HTTP/1.1\r\nHost: localhost\r\n{id}\r\n");
        socket.write_all(request.as_bytes()).await?;
        let (mut head, mut chunks, mut parser) = (Vec::new(), Chunks::default(), Parser::new());
        let (mut seen, mut is_there) = (Ok(()), false);
        while !is_there {
            let mut piece = Vec::new();
            if socket.read_buf(&mut piece).await? == 0 {
                return Err(Error::other(format!(
                    "the stream of client {topic} ends: {}",
                    String::from_utf8_lossy(&head)
                )));
            }
            if !head.ends_with(b"\r\n\r\n") {
                head.append(&mut piece);
                let Some(end) = head.windows(4).position(|four| four == b"\r\n\r\n") else { continue };
                piece = head.split_off(end + 4);
            }
            parser.feed(&chunks.feed(&piece), |item| {
                let Item::Event(read) = item else { return };
                let expected = match read.name() {
                    "sse-cursor" => {
                        is_there |= event.is_none();
                        true
                    }
                    "message" => event.is_some_and(|event| !is_there && read.data() == event.to_string()),
                    _ => false,
                };
                is_there |= read.name() == "message";
                if !expected && seen.is_ok() {
                    let (name, data) = (read.name(), read.data());
                    seen = Err(Error::other(format!("client {topic} waits for {event:?} and gets {name} {data}")));
                }
                self.last_event_id = read.id().to_owned();
            });
        }
        seen
    }
}

/// Beginnings of requests that never become whole, streams with many patterns that nobody reads, over and over.
async fn assault(hub: SocketAddr) {
    let patterns = (0..40).fold(String::new(), |query, number| format!("{query}topic=*/{number}/**&"));
    let line = format!("{{\"topic\":\"a\",\"data\":\"{}", "x".repeat(60_000));
    let beginnings = [
        "GET /events?topic=a HTTP/1.1\r\nHost: local".to_owned(),
        format!("GET /events?{patterns}since=earliest HTTP/1.1\r\nHost: localhost\r\n\r\n"),
        format!(
            "POST /publish HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/x-ndjson\r\nContent-Length: 900000\r\n\r\n{line}"
        ),
        "GET /topics?limit=1000 HTTP/1.1\r\nHost: localhost\r\n\r\n".repeat(20),
    ];
    loop {
        let mut held = Vec::new();
        for beginning in beginnings.iter().cycle().take(ASSAULT) {
            let Ok(mut socket) = connect(ATTACKER, hub).await else { continue };
            let _ = timeout(LOOK, socket.write_all(beginning.as_bytes())).await;
            held.push(socket);
        }
        sleep(LOOK).await;
    }
}
