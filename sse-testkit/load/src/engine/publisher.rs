//! One publisher: a connection that is kept, one request at a time.

use std::io::{self, Read, Write};

use mio::{Interest, Registry, Token};

use super::{
    run_context::{RunContext, push_headers},
    socket::Socket,
};
use crate::{
    error::Kind,
    http::{Answer, Head},
    options::Options,
    payload::{self, Payload},
    template,
};

/// How long to wait after a refusal that names no time, in nanoseconds.
const AGAIN: u64 = 1_000_000_000;

/// How much of a refusal goes into a message.
const SHOWN: usize = 300;

#[derive(Debug)]
pub(super) struct Publisher {
    token: Token,
    stream: Option<Socket>,
    state: State,
    answer: Answer,
    /// The head of the answer, once it is there, and the beginning of its body.
    head: Option<Head>,
    shown: Vec<u8>,
    request: Vec<u8>,
    /// Lane and number of the events in the request.
    events: Vec<(u32, u32)>,
    since: u64,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    Idle,
    /// The request is on its way, or the answer.
    Busy {
        sent: usize,
    },
    /// Refused for now: the same request goes out again at this time.
    Refused {
        until: u64,
    },
}

/// What became of the events of a request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Outcome {
    Accepted {
        /// How long the answer took, in nanoseconds.
        took: u64,
    },
    /// Not taken; they are sent again.
    Refused,
    /// The connection broke before the answer: these, by lane and number, may have been published or not.
    Unknown(Vec<(u32, u32)>),
}

impl Publisher {
    pub(super) fn new(token: Token) -> Self {
        Self {
            token,
            stream: None,
            state: State::Idle,
            answer: Answer::default(),
            head: None,
            shown: Vec::new(),
            request: Vec::new(),
            events: Vec::new(),
            since: 0,
        }
    }

    pub(super) const fn is_idle(&self) -> bool {
        matches!(self.state, State::Idle)
    }

    pub(super) const fn is_busy(&self) -> bool {
        matches!(self.state, State::Busy { .. })
    }

    /// When a refused request is to go out again.
    pub(super) const fn again_at(&self) -> Option<u64> {
        match self.state {
            State::Refused { until } => Some(until),
            _ => None,
        }
    }

    /// Connects, unless it is connected.
    pub(super) fn connect(&mut self, registry: &Registry, context: &RunContext) -> Result<(), Kind> {
        if self.stream.is_some() {
            return Ok(());
        }
        let mut stream = context.connector.publisher()?;
        registry
            .register(stream.source(), self.token, Interest::READABLE | Interest::WRITABLE)
            .map_err(Kind::Socket)?;
        self.stream = Some(stream);
        Ok(())
    }

    /// Sends events with their topics: one as text, several as an array.
    pub(super) fn publish(
        &mut self,
        events: &[(Payload, &str)],
        options: &Options,
        registry: &Registry,
        context: &RunContext,
    ) -> Result<Option<Outcome>, Kind> {
        let (run, size) = (context.run, options.size as usize);
        let topic = events.first().map_or("", |(_, topic)| topic);
        let mut data = Vec::with_capacity(size);
        let kind = if options.batch == 1 {
            events.iter().for_each(|(event, _)| payload::write(run, *event, size, &mut data));
            "text/plain; charset=utf-8"
        } else {
            array(events, run, size, &mut data);
            "application/json"
        };
        let path = template::fill(options.publish_path(), &[topic.to_owned()]);
        let mut head = format!(
            "POST {path} HTTP/1.1\r\nhost: {}\r\ncontent-type: {kind}\r\ncontent-length: {}\r\n",
            options.target.host,
            data.len()
        );
        push_headers(&options.header, &mut head);
        head.push_str("\r\n");
        self.request.clear();
        self.request.extend_from_slice(head.as_bytes());
        self.request.extend_from_slice(&data);
        self.events.clear();
        self.events.extend(events.iter().map(|(event, _)| (event.lane, event.seq)));
        self.send(events.first().map_or(0, |(event, _)| event.nanos), options, registry, context)
    }

    /// Sends the request, perhaps again.
    pub(super) fn send(
        &mut self,
        now: u64,
        options: &Options,
        registry: &Registry,
        context: &RunContext,
    ) -> Result<Option<Outcome>, Kind> {
        // the server may have closed an idle connection: that is looked at before anything is sent on it
        if self.is_stale() {
            self.stream = None;
        }
        if self.connect(registry, context).is_err() {
            // it was there before, so it may be only restarting
            self.state = State::Refused { until: now.saturating_add(AGAIN) };
            return Ok(Some(Outcome::Refused));
        }
        self.since = now;
        self.answer = Answer::default();
        self.head = None;
        self.shown.clear();
        self.state = State::Busy { sent: 0 };
        self.step(now, options)
    }

    /// The socket may be ready. `None`: no answer yet.
    pub(super) fn step(&mut self, now: u64, options: &Options) -> Result<Option<Outcome>, Kind> {
        let State::Busy { sent } = &mut self.state else { return Ok(None) };
        let Some(stream) = &mut self.stream else { return Ok(None) };
        while *sent < self.request.len() {
            match stream.write(&self.request[*sent..]) {
                Ok(length) if length > 0 => *sent += length,
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => break,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                _ => return Ok(Some(self.broken())),
            }
        }
        let mut buffer = [0; 4096];
        loop {
            let Some(stream) = &mut self.stream else { return Ok(None) };
            match stream.read(&mut buffer) {
                Ok(0) if matches!(self.answer, Answer::UntilClose) => return self.answered(now, options).map(Some),
                Ok(0) => return Ok(Some(self.broken())),
                Ok(length) => {
                    self.take(&buffer[..length], options)?;
                    if self.answer.is_done() {
                        return self.answered(now, options).map(Some);
                    }
                }
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Ok(None),
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(_) => return Ok(Some(self.broken())),
            }
        }
    }

    fn take(&mut self, mut bytes: &[u8], options: &Options) -> Result<(), Kind> {
        let unusable = |malformed: crate::http::Malformed| Kind::Answer {
            request: format!("POST {}", options.publish_path()),
            detail: malformed.to_string(),
        };
        if self.answer.is_before_body() {
            let Some((head, used)) = self.answer.head(bytes).map_err(unusable)? else { return Ok(()) };
            self.head = Some(head);
            bytes = &bytes[used..];
        }
        let shown = &mut self.shown;
        let room = |shown: &Vec<u8>, piece: &[u8]| piece.len().min(SHOWN - shown.len());
        self.answer
            .body(bytes, |piece| shown.extend_from_slice(&piece[..room(shown, piece)]))
            .map_err(unusable)
            .map(|_| ())
    }

    /// The answer is whole.
    fn answered(&mut self, now: u64, options: &Options) -> Result<Outcome, Kind> {
        let Some(head) = self.head.take() else { return Ok(self.broken()) };
        if head.closes {
            self.stream = None;
        }
        match head.status {
            200..300 => {
                self.state = State::Idle;
                Ok(Outcome::Accepted { took: now.saturating_sub(self.since) })
            }
            408 | 429 | 500 | 502..=504 => {
                let wait = head.retry_after.map_or(AGAIN, |time| u64::try_from(time.as_nanos()).unwrap_or(u64::MAX));
                self.state = State::Refused { until: now.saturating_add(wait.max(1_000_000)) };
                Ok(Outcome::Refused)
            }
            status => Err(Kind::Answer {
                request: format!("POST {}", options.publish_path()),
                detail: format!("status {status}. {}", String::from_utf8_lossy(&self.shown).trim()),
            }),
        }
    }

    /// The connection broke, or is given up, before the answer.
    pub(super) fn broken(&mut self) -> Outcome {
        self.stream = None;
        self.state = State::Idle;
        Outcome::Unknown(std::mem::take(&mut self.events))
    }

    /// Whether an idle connection was closed, or holds what nobody asked for.
    fn is_stale(&mut self) -> bool {
        let Some(stream) = &mut self.stream else { return false };
        let looked = stream.read(&mut [0]);
        !matches!(looked, Err(error) if error.kind() == io::ErrorKind::WouldBlock)
    }
}

/// Events as a JSON array. What a payload has needs no escapes.
fn array(events: &[(Payload, &str)], run: u32, size: usize, into: &mut Vec<u8>) {
    into.push(b'[');
    for (at, (event, topic)) in events.iter().enumerate() {
        if at > 0 {
            into.push(b',');
        }
        let topic = serde_json::Value::from(*topic);
        // writing to a vector does not fail
        let _ = write!(into, r#"{{"topic":{topic},"data":""#);
        payload::write(run, *event, size, into);
        into.extend_from_slice(br#""}"#);
    }
    into.push(b']');
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn several_events_are_an_array() {
        let event = |seq| Payload { lane: 1, seq, nanos: 3 };
        let mut body = Vec::new();
        array(&[(event(0), "a/b"), (event(1), "quo\"te")], 7, 60, &mut body);
        let value: serde_json::Value = serde_json::from_slice(&body).unwrap();
        assert_eq!(value[0]["topic"], "a/b");
        assert_eq!(value[1]["topic"], "quo\"te");
        let data = value[1]["data"].as_str().unwrap();
        assert_eq!((data.len(), payload::read(&payload::tag(7), data)), (60, Some(event(1))));
    }
}
