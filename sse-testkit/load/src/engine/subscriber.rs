//! One subscriber: a connection after the other, with what it remembers between them.
//!
//! ```text
//!  Away ── connect ──▶ Connecting ── it stands, request sent ──▶ Asked ── 200 ──▶ Open
//!   ▲                      │                                       │               │
//!   └──────────────────────┴───────── refusal, error, end, churn ──┴───────────────┘
//! ```
//!
//! When all its topics have ended it is away for good.

use std::{
    io::{self, Read, Write},
    time::Duration,
};

use sse_core::{
    Item, Limits,
    hub::names,
    session::{Closed, Head, Policy, Session, State},
};

use super::{
    run_context::{Counts, RunContext},
    socket::Socket,
};
use crate::{error::Kind, http::Answer, ledger::Ledger, mix::Manner, tls};

/// Reads of one connection before others have their turn.
const READS: usize = 8;

/// How long a subscriber waits before it connects again, if the server does not say.
const RECONNECTION_TIME: Duration = Duration::from_secs(1);

/// How much of an answer that is not a stream goes into a message.
const SHOWN: usize = 300;

#[derive(Debug)]
pub(super) struct Subscriber {
    stream: Option<Socket>,
    link: Link,
    answer: Answer,
    session: Session,
    ledger: Ledger,
    set: u32,
    manner: Manner,
    /// An event has come on this connection.
    heard: bool,
    /// It has been open before.
    known: bool,
    /// It is coming back after it left by itself.
    resuming: bool,
    /// It is back after the server ended its stream, if an event comes now.
    back: bool,
    /// It is in the queue of those with more to read.
    pub(super) unread: bool,
    /// A time to read is set for it, as for slow ones.
    pub(super) timed: bool,
}

#[derive(Debug)]
enum Link {
    Away,
    Connecting { since: u64, request: Vec<u8>, sent: usize },
    Asked { since: u64 },
    Open,
}

/// How far a connection is after it was looked at.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Step {
    /// It waits for the server.
    Waiting,
    /// There is more to read.
    More,
    /// It is over; the session knows when to come again.
    Over,
}

impl Subscriber {
    pub(super) fn new(context: &RunContext, set: u32, manner: Manner) -> Self {
        let mut policy = Policy::patient();
        policy.reconnection_time = RECONNECTION_TIME;
        let lanes = context.mix.lanes_of(&context.mix.sets()[set as usize]);
        Self {
            stream: None,
            link: Link::Away,
            answer: Answer::default(),
            session: Session::new(policy, Limits::default()),
            ledger: Ledger::new(lanes),
            set,
            manner,
            heard: false,
            known: false,
            resuming: false,
            back: false,
            unread: false,
            timed: false,
        }
    }

    /// Begins to connect over this socket.
    pub(super) fn connect(&mut self, stream: Socket, context: &RunContext) {
        let request = context.request(self.set, self.session.last_event_id());
        self.link = Link::Connecting { since: context.now(), request, sent: 0 };
        self.stream = Some(stream);
        self.answer = Answer::default();
        self.heard = false;
    }

    /// The socket is ready, or there was more. `buffer` is lent for reading; `ended` says that the server has closed its
    /// side, so that the end is read as well.
    pub(super) fn step(
        &mut self,
        buffer: &mut [u8],
        ended: bool,
        context: &RunContext,
        counts: &mut Counts,
    ) -> Result<Step, Kind> {
        match self.ask() {
            Ok(true) => {}
            Ok(false) => return Ok(Step::Waiting),
            // it will be no other the next time
            Err(error) if tls::is_distrust(&error) => return Err(context.connector.distrust(error)),
            Err(error) => return Ok(self.over(Some(&error), counts)),
        }
        for _ in 0..READS {
            let Some(stream) = &mut self.stream else { return Ok(Step::Over) };
            match stream.read(buffer) {
                Ok(0) => return Ok(self.over(None, counts)),
                Ok(length) => {
                    let drained = stream.is_drained();
                    if self.take(&buffer[..length], context, counts)? == Step::Over {
                        return Ok(self.over(None, counts));
                    }
                    // by edges: what comes after a read that was not filled is told anew, but for an end told already
                    if (drained && !ended) || self.is_slow_now() {
                        return Ok(Step::Waiting);
                    }
                }
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Ok(Step::Waiting),
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Ok(self.over(Some(&error), counts)),
            }
        }
        Ok(Step::More)
    }

    /// Leaves without a word, to come back at once. `false` if it is not open or has no event id to come back with.
    pub(super) fn leave(&mut self, context: &RunContext) -> bool {
        if !self.is_open() || self.session.last_event_id().is_empty() {
            return false;
        }
        self.stream = None;
        self.link = Link::Away;
        self.resuming = true;
        self.session.handle_end(Duration::from_nanos(context.now()), 0);
        self.session.hurry();
        true
    }

    /// It could not even begin to connect.
    pub(super) fn fail(&mut self, error: &io::Error, entropy: u64, context: &RunContext, counts: &mut Counts) {
        self.over(Some(error), counts);
        self.end(entropy, context);
    }

    /// The connection is gone. Returns when to connect again.
    pub(super) fn end(&mut self, entropy: u64, context: &RunContext) -> Option<u64> {
        self.stream = None;
        self.link = Link::Away;
        self.session.handle_end(Duration::from_nanos(context.now()), entropy);
        self.next_connect()
    }

    /// When to connect again, in nanoseconds.
    pub(super) fn next_connect(&self) -> Option<u64> {
        self.session.next_time().map(|time| u64::try_from(time.as_nanos()).unwrap_or(u64::MAX))
    }

    /// Whether it is time to connect again.
    pub(super) fn is_time(&mut self, context: &RunContext) -> bool {
        self.session.handle_time(Duration::from_nanos(context.now()))
    }

    pub(super) const fn is_open(&self) -> bool {
        matches!(self.link, Link::Open)
    }

    pub(super) const fn is_on_its_way(&self) -> bool {
        matches!(self.link, Link::Connecting { .. } | Link::Asked { .. })
    }

    /// Whether all its topics have ended, so that it does not come again.
    pub(super) const fn is_finished(&self) -> bool {
        matches!(self.session.closed(), Some(Closed::Ended | Closed::NoContent))
    }

    /// Whether its last connection came to nothing.
    pub(super) const fn was_refused(&self) -> bool {
        !self.heard
    }

    pub(super) const fn is_slow(&self) -> bool {
        matches!(self.manner, Manner::Slow)
    }

    /// Whether it reads by the clock: slow subscribers do, once they are open.
    pub(super) const fn is_slow_now(&self) -> bool {
        self.is_slow() && self.is_open()
    }

    pub(super) const fn socket(&mut self) -> Option<&mut Socket> {
        self.stream.as_mut()
    }

    pub(super) const fn set(&self) -> u32 {
        self.set
    }

    pub(super) const fn ledger(&self) -> &Ledger {
        &self.ledger
    }

    /// Sends the request once the connection stands. `false`: not yet.
    fn ask(&mut self) -> io::Result<bool> {
        let Link::Connecting { since, request, sent } = &mut self.link else { return Ok(true) };
        let Some(stream) = &mut self.stream else { return Ok(false) };
        if *sent == 0 && !stream.is_connected()? {
            return Ok(false);
        }
        while *sent < request.len() {
            match stream.write(&request[*sent..]) {
                Ok(0) => return Err(io::ErrorKind::WriteZero.into()),
                Ok(length) => *sent += length,
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Ok(false),
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        self.link = Link::Asked { since: *since };
        Ok(true)
    }

    /// Reads what has come.
    fn take(&mut self, mut bytes: &[u8], context: &RunContext, counts: &mut Counts) -> Result<Step, Kind> {
        let now = context.now();
        if self.answer.is_before_body() {
            match self.answer.head(bytes) {
                Ok(None) => return Ok(Step::Waiting),
                Ok(Some((head, used))) => {
                    bytes = &bytes[used..];
                    let head = Head {
                        status: head.status,
                        content_type: head.content_type.as_deref(),
                        retry_after: head.retry_after,
                    };
                    if self.open(&head, bytes, now, context, counts)? == Step::Over {
                        return Ok(Step::Over);
                    }
                }
                Err(malformed) => return Err(self.unusable(malformed.to_string(), context)),
            }
        }
        let Self { answer, session, ledger, heard, set, manner, .. } = self;
        let (set, slow, mut finished) = (*set, *manner == Manner::Slow, false);
        let read = answer.body(bytes, |piece| {
            counts.bytes += piece.len() as u64;
            session.handle_bytes(piece, Duration::from_nanos(now), |item| match item {
                Item::Event(event) => {
                    // a server that is full sends one event too: it says so
                    *heard |= event.name() != names::event::DRAIN;
                    if context.deliver(event.data(), set, slow, now, ledger, counts) {
                        return;
                    }
                    match event.name() {
                        names::event::CURSOR => counts.heartbeats += 1,
                        names::event::END => finished = true,
                        names::event::DRAIN => counts.drains += u64::from(*heard),
                        names::event::GAP => {
                            counts.gaps += 1;
                            context.excuse(set, ledger);
                        }
                        _ => counts.foreign += 1,
                    }
                }
                Item::Comment(_) => counts.heartbeats += 1,
                _ => {}
            });
        });
        if self.back && self.heard {
            self.back = false;
            counts.reconnects += 1;
        }
        if finished {
            self.session.finish();
            return Ok(Step::Over);
        }
        match read {
            Err(malformed) => Err(self.unusable(malformed.to_string(), context)),
            Ok(_) if self.answer.is_done() => Ok(Step::Over),
            Ok(_) => Ok(Step::Waiting),
        }
    }

    /// The answer has begun.
    fn open(
        &mut self,
        head: &Head<'_>,
        body: &[u8],
        now: u64,
        context: &RunContext,
        counts: &mut Counts,
    ) -> Result<Step, Kind> {
        self.session.handle_head(head, Duration::from_nanos(now), 0);
        match self.session.state() {
            State::Open { .. } => {}
            State::Closed(Closed::ContentType) => {
                let detail =
                    format!("it is {}, not text/event-stream", head.content_type.unwrap_or("of no content type"));
                return Err(self.unusable(detail, context));
            }
            // it has had everything up to the end, but was gone before it was told
            State::Closed(Closed::NoContent) if self.known => return Ok(Step::Over),
            State::Closed(_) => {
                let shown = String::from_utf8_lossy(&body[..body.len().min(SHOWN)]);
                return Err(self.unusable(format!("status {}. {}", head.status, shown.trim()), context));
            }
            _ => {
                counts.reason = format!("the server answered {}", head.status);
                return Ok(Step::Over);
            }
        }
        if let Link::Asked { since } = self.link {
            let times = if self.resuming { &mut counts.resume } else { &mut counts.connect };
            times.saturating_record(now.saturating_sub(since));
            self.back = self.known && !self.resuming;
        }
        self.link = Link::Open;
        self.known = true;
        self.resuming = false;
        Ok(Step::Waiting)
    }

    fn unusable(&self, detail: String, context: &RunContext) -> Kind {
        let request = context.request(self.set, "");
        let line = request.split(|byte| *byte == b'\r').next().unwrap_or_default();
        let line = String::from_utf8_lossy(line);
        Kind::Answer { request: line.trim_end_matches(" HTTP/1.1").to_owned(), detail }
    }

    /// Counts how the connection came to its end.
    fn over(&mut self, error: Option<&io::Error>, counts: &mut Counts) -> Step {
        if self.is_finished() {
            counts.finished += 1;
        } else if self.heard {
            counts.ends += 1;
        } else {
            counts.refused += 1;
            match (error, &self.link) {
                (Some(error), _) => counts.reason = error.to_string(),
                (None, Link::Open) => counts.reason = "the stream ended before its first event".to_owned(),
                (None, Link::Asked { .. }) if self.answer.is_before_body() => {
                    counts.reason = "the server closed the connection without an answer".to_owned();
                }
                _ => {}
            }
        }
        Step::Over
    }
}
