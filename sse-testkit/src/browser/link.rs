//! A browser's connections, one after another.
//!
//! ```text
//!   ask ──▶ Asking ── head ──▶ Reading ── frames ──▶ timeline ── one at a time ──▶ page
//!    ▲        │ ▲ │              │
//!    │ redirect └─┘    error, end│       session: how long to wait, and with which last event ID to come back
//!    └────────────── None ◀──────┘
//! ```

use std::{collections::VecDeque, future::pending, time::Duration};

use bytes::Bytes;
use http::{
    HeaderMap, HeaderValue, StatusCode, Uri,
    header::{CONTENT_TYPE, LOCATION},
};
use http_body::Frame;
use http_body_util::BodyExt;
use sse_core::{
    Limits,
    session::{Closed, Head, Policy, Session},
};
use tokio::time::sleep_until;

use super::{
    event::{BrowserEvent, BrowserRequest, ReadyState},
    location::resolve,
};
use crate::{
    call::{Call, LAST_EVENT_ID},
    escape::quoted,
    seen::{End, Seen},
    time::later,
    timeline::Timeline,
    transport::{Answer, AnswerBody, Answering, BoxError, causes},
};

/// The number of redirects in a row that are followed.
const REDIRECTS: u32 = 20;

/// Firefox's lower bound for the reconnection time.
const FIREFOX_LEAST: Duration = Duration::from_millis(500);

/// At least this many of the most recent requests are kept.
const REQUESTS: usize = 1 << 12;

pub(super) struct Link {
    pub(super) call: Call,
    pub(super) timeline: Timeline,
    /// The most recent ones.
    pub(super) requests: Vec<BrowserRequest>,
    /// The number of requests so far.
    pub(super) asked: u64,
    session: Session,
    firefox: bool,
    exchange: Exchange,
    offline: bool,
    /// The next request is not sent before this time, whatever the session says.
    not_before: Duration,
    /// The URL of the next connection, which redirects change.
    source: Uri,
    /// The number of redirects from there to `call.uri`.
    redirects: u32,
    /// What the page has to see before the items of the timeline, with the time when it was fired. At most an `open`
    /// and an `error`: no request is sent and nothing is read until the page has seen them.
    pending: VecDeque<(Duration, BrowserEvent)>,
    /// The state as the page knows it: it may be behind the session.
    pub(super) seen: PageView,
}

/// What a page can see of its `EventSource`.
pub(super) struct PageView {
    pub(super) ready_state: ReadyState,
    pub(super) last_event_id: String,
    pub(super) at: Duration,
}

enum Exchange {
    None,
    Asking(Answering),
    Reading(AnswerBody),
}

impl Link {
    pub(super) fn new(call: Call, firefox: bool, reconnection_time: Duration) -> Self {
        let mut policy = Policy::default();
        policy.reconnection_time = reconnection_time;
        // by the standard the wait does not grow with failures, and has no upper bound
        policy.max_wait = Duration::ZERO;
        policy.max_asked = Duration::MAX;
        Self {
            source: call.uri.clone(),
            call,
            timeline: Timeline::start(),
            requests: Vec::new(),
            asked: 0,
            session: Session::new(policy, Limits::default()),
            firefox,
            exchange: Exchange::None,
            offline: false,
            not_before: Duration::ZERO,
            redirects: 0,
            pending: VecDeque::new(),
            seen: PageView { ready_state: ReadyState::Connecting, last_event_id: String::new(), at: Duration::ZERO },
        }
    }

    /// The next event for the page, of those that have already come.
    pub(super) fn take_fired(&mut self) -> Option<BrowserEvent> {
        if let Some((at, event)) = self.pending.pop_front() {
            self.seen.at = at;
            match &event {
                BrowserEvent::Open => self.seen.ready_state = ReadyState::Open,
                BrowserEvent::Error { ready_state, .. } => self.seen.ready_state = *ready_state,
                BrowserEvent::Event(_) => {}
            }
            return Some(event);
        }
        while let Some(seen) = self.timeline.read() {
            if let Seen::Event(event) = seen {
                self.seen.at = self.timeline.last();
                self.seen.last_event_id.clone_from(&event.id);
                return Some(BrowserEvent::Event(event));
            }
        }
        // an ID may come without an event
        if self.session.last_event_id() != self.seen.last_event_id {
            self.session.last_event_id().clone_into(&mut self.seen.last_event_id);
        }
        None
    }

    /// Makes one step of progress: a request, a head, a frame, an end, or the end of a wait. Nothing is lost if the
    /// future is dropped before it is ready. It stays pending while nothing can come.
    pub(super) async fn step(&mut self) {
        match &mut self.exchange {
            Exchange::Asking(asking) => {
                let answer = asking.await;
                self.answered(answer);
            }
            Exchange::Reading(body) => {
                let frame = body.frame().await;
                self.received(frame);
            }
            Exchange::None if self.offline => pending().await,
            Exchange::None => match self.wait() {
                Some(wait) => {
                    sleep_until(later(wait)).await;
                    self.session.handle_time(self.timeline.now());
                }
                None if self.session.is_connecting() => {
                    self.redirects = 0;
                    self.call.uri = self.source.clone();
                    self.ask();
                }
                None => pending().await,
            },
        }
    }

    /// The time until the next request, if it has to wait.
    pub(super) fn wait(&self) -> Option<Duration> {
        self.session.next_time().map(|until| until.max(self.not_before).saturating_sub(self.timeline.now()))
    }

    pub(super) fn reconnection_time(&self) -> Duration {
        let least = if self.firefox { FIREFOX_LEAST } else { Duration::ZERO };
        self.session.reconnection_time().max(least)
    }

    /// Returns true if nothing more will come.
    pub(super) const fn is_closed(&self) -> bool {
        self.session.closed().is_some()
    }

    /// Closes the stream as its page does: nothing is fired, and what it has not seen yet is lost.
    pub(super) fn close(&mut self) {
        if !self.is_closed() {
            self.timeline.note("closed by the page".into(), None);
            self.session.close();
        }
        self.exchange = Exchange::None;
        self.pending.clear();
        self.seen.ready_state = ReadyState::Closed;
    }

    /// Takes the network away, and with it what the page has not seen yet.
    pub(super) fn go_offline(&mut self) {
        if self.is_closed() || self.offline {
            return;
        }
        self.offline = true;
        self.timeline.note("offline".into(), Some("still offline"));
        if !matches!(self.exchange, Exchange::None) {
            let _ = self.session.set_last_event_id(&self.seen.last_event_id); // it came from a stream
            self.lose("the network is gone");
        }
    }

    pub(super) fn go_online(&mut self) {
        if self.offline {
            self.offline = false;
            self.timeline.note("online".into(), Some("still waiting"));
        }
    }

    fn ask(&mut self) {
        let id = self.session.last_event_id();
        match HeaderValue::from_bytes(id.as_bytes()) {
            Ok(value) if value.is_empty() => self.call.headers.remove(LAST_EVENT_ID),
            Ok(value) => self.call.headers.insert(LAST_EVENT_ID, value),
            Err(_) => {
                let why = format!("the last event ID {}, which this client can't send in a header", quoted(id));
                return self.fail(why);
            }
        };
        self.asked += 1;
        if self.requests.len() >= 2 * REQUESTS {
            self.requests.drain(..REQUESTS);
        }
        self.requests.push(BrowserRequest {
            target: self.call.uri.to_string(),
            last_event_id: id.to_owned(),
            at: self.timeline.now(),
        });
        match self.call.ask(&mut self.timeline) {
            Some(asking) => self.exchange = Exchange::Asking(asking),
            None => self.fail("a request that can't be sent again".into()),
        }
    }

    fn answered(&mut self, answer: Result<Answer, BoxError>) {
        self.exchange = Exchange::None;
        let (head, body) = match answer {
            Ok(answer) => {
                self.timeline.answered(&answer);
                answer.into_parts()
            }
            Err(error) => return self.lose(&format!("no answer: {}", causes(&*error))),
        };
        if let Some(location) = location(head.status, &head.headers) {
            return self.redirect(head.status, location.as_bytes());
        }
        let content_type = head.headers.get_all(CONTENT_TYPE).iter().next_back();
        let content_type = content_type.map(|value| String::from_utf8_lossy(value.as_bytes()));
        let read = Head { status: head.status.as_u16(), content_type: content_type.as_deref(), retry_after: None };
        self.session.handle_head(&read, self.timeline.now(), 0);
        match self.session.closed() {
            None => {
                self.exchange = Exchange::Reading(body);
                self.fire(BrowserEvent::Open);
            }
            Some(Closed::ContentType) => {
                let kind = content_type.map_or_else(|| "no content type".into(), |kind| quoted(&*kind).to_string());
                self.fail(format!("{}: {kind}", Closed::ContentType));
            }
            Some(why) => self.fail(why.to_string()),
        }
    }

    fn redirect(&mut self, status: StatusCode, location: &[u8]) {
        let target = match resolve(&self.call.uri, &self.call.host(), location) {
            Err(why) => return self.lose(&why),
            Ok(_) if self.redirects == REDIRECTS => {
                return self.lose(&format!("more than {REDIRECTS} redirects"));
            }
            Ok(target) => target,
        };
        self.redirects += 1;
        let permanent = matches!(status, StatusCode::MOVED_PERMANENTLY | StatusCode::PERMANENT_REDIRECT);
        if permanent || !self.firefox {
            self.source = target.clone();
        }
        self.call.uri = target;
        self.ask();
    }

    fn received(&mut self, frame: Option<Result<Frame<Bytes>, BoxError>>) {
        match frame {
            None => {
                self.timeline.end(End::Closed);
                self.lose("the stream ended");
            }
            Some(Err(error)) => {
                let how = causes(&*error);
                self.timeline.end(End::Broken(how.clone()));
                self.lose(&format!("the stream broke off: {how}"));
            }
            Some(Ok(frame)) => {
                if let Some(bytes) = self.timeline.data(frame) {
                    let mut seen = Vec::new();
                    let now = self.timeline.now();
                    if self.firefox {
                        read_as_firefox(&mut self.session, &bytes, now, &mut seen);
                    } else {
                        self.session.handle_bytes(&bytes, now, |item| seen.push(Seen::of(item)));
                    }
                    self.timeline.frame(bytes, seen);
                }
            }
        }
    }

    /// The connection is lost: the standard's "reestablish the connection".
    fn lose(&mut self, why: &str) {
        self.exchange = Exchange::None;
        let now = self.timeline.now();
        self.session.handle_end(now, 0);
        self.not_before = now.saturating_add(self.reconnection_time());
        self.fire(BrowserEvent::Error { ready_state: ReadyState::Connecting, why: why.into() });
    }

    /// The standard's "fail the connection".
    fn fail(&mut self, why: String) {
        self.exchange = Exchange::None;
        self.session.close();
        self.fire(BrowserEvent::Error { ready_state: ReadyState::Closed, why });
    }

    fn fire(&mut self, event: BrowserEvent) {
        let (text, now) = match &event {
            BrowserEvent::Error { ready_state: ReadyState::Closed, .. } => (event.to_string(), None),
            BrowserEvent::Error { .. } => {
                let wait = self.wait().unwrap_or_default();
                let now = if self.offline { "still offline" } else { "still waiting" };
                (format!("{event}; waits {wait:?}"), Some(now))
            }
            _ => (event.to_string(), Some("still open")),
        };
        self.timeline.note(text, now);
        self.pending.push_back((self.timeline.now(), event));
    }
}

/// The target, if the answer is a redirect. One without a `Location` is treated like any other answer.
fn location(status: StatusCode, headers: &HeaderMap) -> Option<&HeaderValue> {
    matches!(status.as_u16(), 301 | 302 | 303 | 307 | 308).then(|| headers.get(LOCATION))?
}

/// Reads `bytes`, but takes back an ID whose block dispatched nothing.
///
/// The session gets one line at a time for this, so that no more than one block ends in each call.
fn read_as_firefox(session: &mut Session, bytes: &[u8], now: Duration, seen: &mut Vec<Seen>) {
    let mut committed = session.last_event_id().to_owned();
    for line in bytes.split_inclusive(|byte| matches!(byte, b'\r' | b'\n')) {
        let before = seen.len();
        session.handle_bytes(line, now, |item| seen.push(Seen::of(item)));
        if session.last_event_id() == committed {
            continue;
        }
        // one too large for the kit would have been dispatched
        if seen[before..].iter().any(|seen| matches!(seen, Seen::Event(_) | Seen::Dropped(_))) {
            session.last_event_id().clone_into(&mut committed);
        } else {
            let _ = session.set_last_event_id(&committed); // it came from a stream
        }
    }
}
