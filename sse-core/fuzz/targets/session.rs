//! Any inputs to a session, in any order: after each, the session is as its documentation says, and each body is read
//! as the oracle reads it.
//!
//! Input: the policy's four times and the status to retry; the limits; then steps, each a letter and its text.
#![no_main]

mod input;
#[path = "../../tests/it"]
mod it {
    pub(crate) mod support;
}

use std::time::Duration;

use it::support::{Outcome, oracle};
use libfuzzer_sys::fuzz_target;
use sse_core::{
    Limits,
    session::{Closed, Head, Policy, Session, State},
};

fuzz_target!(|input: &[u8]| {
    let mut parts = input::parts(input);
    let policy = policy(&input::text(parts.next().unwrap_or_default()));
    let limits = input::limits(parts.next().unwrap_or_default());
    let mut client = Client::new(policy, limits);
    for part in parts {
        if let Some((step, text)) = part.split_first() {
            client.step(*step, text);
        }
    }
});

fn policy(text: &str) -> Policy {
    let mut policy = Policy::default();
    let mut numbers = text.split(' ').filter(|number| !number.is_empty());
    for time in [&mut policy.reconnection_time, &mut policy.max_wait, &mut policy.stable_after, &mut policy.max_asked] {
        if let Some(number) = numbers.next() {
            *time = input::time(number);
        }
    }
    policy.retry_statuses = numbers.map(|number| input::number(number) as u16).collect();
    policy
}

/// A session, and what it must be like.
struct Client {
    session: Session,
    policy: Policy,
    limits: Limits,
    now: Duration,
    entropy: u64,
    /// How many waits in a row there were without a stable stream.
    failures: u32,
    /// The reconnection time that a stream gave last.
    retry: Option<Duration>,
    /// The body of the open stream, and the last event ID before it.
    body: Vec<u8>,
    id: String,
    seen: Outcome,
}

impl Client {
    fn new(policy: Policy, limits: Limits) -> Self {
        Self {
            session: Session::new(policy.clone(), limits),
            policy,
            limits,
            now: Duration::ZERO,
            entropy: 0,
            failures: 0,
            retry: None,
            body: Vec::new(),
            id: String::new(),
            seen: Outcome::default(),
        }
    }

    fn step(&mut self, step: u8, text: &[u8]) {
        let before = self.session.state();
        match step {
            b'+' => self.now = self.now.saturating_add(input::time(&input::text(text))),
            b'r' => self.entropy = input::number(&input::text(text)),
            b'h' => self.head(before, &input::text(text)),
            b'b' => self.bytes(before, text),
            b'e' => self.end(before),
            b't' => self.time(before),
            b'u' => {
                let waiting = matches!(before, State::Waiting { .. });
                assert_eq!(self.session.hurry(), waiting);
                assert_eq!(self.session.state(), if waiting { State::Connecting } else { before });
            }
            b'c' => {
                self.session.close();
                assert!(matches!(self.session.state(), State::Closed(_)));
            }
            b'i' if !matches!(before, State::Open { .. }) => self.set_id(&input::text(text)),
            _ => {}
        }
        self.check(before);
    }

    /// A status, a time for `Retry-After` or `-`, and a content type.
    fn head(&mut self, before: State, text: &str) {
        let mut words = text.splitn(3, ' ');
        let status = input::number(words.next().unwrap_or_default()) as u16;
        let retry_after = words.next().filter(|word| *word != "-").map(input::time);
        let content_type = words.next();
        let id = self.session.last_event_id().to_owned();
        self.session.handle_head(&Head { status, content_type, retry_after }, self.now, self.entropy);
        if before != State::Connecting {
            return assert_eq!(self.session.state(), before);
        }
        match self.session.state() {
            State::Open { since } => {
                assert_eq!((status, since), (200, self.now));
                assert!(content_type.unwrap().to_ascii_lowercase().contains("text/event-stream"));
                (self.body, self.seen, self.id) = (Vec::new(), Outcome::default(), id);
            }
            State::Waiting { .. } => {
                assert!(self.policy.retry_statuses.contains(&status) && status != 200);
                self.waits(retry_after);
            }
            State::Closed(Closed::ContentType) => {
                assert_eq!(status, 200);
                assert_ne!(content_type, Some("text/event-stream"));
            }
            State::Closed(why) => {
                assert!(!self.policy.retry_statuses.contains(&status) && status != 200);
                assert_eq!(why, if status == 204 { Closed::NoContent } else { Closed::Status(status) });
            }
            other => panic!("{other:?} after {status}"),
        }
    }

    fn bytes(&mut self, before: State, bytes: &[u8]) {
        let State::Open { since } = before else {
            return self.session.handle_bytes(bytes, self.now, |item| panic!("{item:?} while {before:?}"));
        };
        self.session.handle_bytes(bytes, self.now, |item| self.seen.take(item));
        assert_eq!(self.session.state(), before);
        self.body.extend_from_slice(bytes);
        self.seen.last_event_id = self.session.last_event_id().into();
        assert_eq!(self.seen, oracle::read(&self.body, self.limits, &self.id));
        self.retry = self.seen.retry.or(self.retry);
        self.forget_failures_if_stable(since);
    }

    fn end(&mut self, before: State) {
        self.session.handle_end(self.now, self.entropy);
        match before {
            State::Open { since } => {
                self.forget_failures_if_stable(since);
                self.waits(None);
            }
            State::Connecting => self.waits(None),
            _ => assert_eq!(self.session.state(), before),
        }
    }

    fn forget_failures_if_stable(&mut self, since: Duration) {
        if self.now - since >= self.policy.stable_after {
            self.failures = 0;
        }
    }

    /// It has begun to wait: as long as the server wishes, and no longer than the policy says.
    fn waits(&mut self, retry_after: Option<Duration>) {
        let State::Waiting { until, failures } = self.session.state() else {
            panic!("{:?} instead of waiting", self.session.state());
        };
        assert_eq!(failures, self.failures);
        let retry_after = retry_after.unwrap_or_default().min(self.policy.max_asked);
        let least = self.session.reconnection_time().max(retry_after);
        let most = if failures == 0 { least } else { least.max(self.policy.max_wait) };
        assert!(until >= self.now.saturating_add(least), "{until:?} is before {:?} and {least:?}", self.now);
        assert!(until <= self.now.saturating_add(most), "{until:?} is after {:?} and {most:?}", self.now);
        self.failures = self.failures.saturating_add(1);
    }

    fn time(&mut self, before: State) {
        let due = self.session.next_time().is_some_and(|time| self.now >= time);
        assert_eq!(self.session.handle_time(self.now), due);
        assert_eq!(self.session.state(), if due { State::Connecting } else { before });
    }

    fn set_id(&mut self, id: &str) {
        let before = self.session.last_event_id().to_owned();
        let sendable = !id.contains(['\r', '\n', '\0']);
        assert_eq!(self.session.set_last_event_id(id).is_ok(), sendable);
        assert_eq!(self.session.last_event_id(), if sendable { id } else { &before });
    }

    /// What holds after every step.
    fn check(&self, before: State) {
        let state = self.session.state();
        if matches!(before, State::Closed(_)) {
            assert_eq!(state, before, "closed stays closed");
        }
        assert_eq!(self.session.is_connecting(), state == State::Connecting);
        let until = if let State::Waiting { until, .. } = state { Some(until) } else { None };
        assert_eq!(self.session.next_time(), until);
        assert_eq!(self.session.is_open(), matches!(state, State::Open { .. }));
        assert_eq!(self.session.closed().is_some(), matches!(state, State::Closed(_)));
        let asked = self.retry.map(|asked| asked.min(self.policy.max_asked));
        assert_eq!(self.session.reconnection_time(), asked.unwrap_or(self.policy.reconnection_time));
        assert!(!self.session.last_event_id().contains(['\r', '\n', '\0']));
    }
}
