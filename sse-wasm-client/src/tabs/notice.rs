//! What tabs send each other.

mod wire;

use std::time::Duration;

use serde::{Deserialize, Serialize};
use sse_core::EventId;

use super::aside::Aside;
use crate::{Delivery, Message, State};

/// How long a leader is silent at most, and how long a follower waits before it asks whether there still is one.
pub(super) const BEAT: Duration = Duration::from_secs(3);

/// The time of one leader with one stream. Terms are ordered by number, and those of one number by the tab.
///
/// Numbers of tabs have 53 bits at most: JavaScript reads no others of JSON exactly.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub(crate) struct Term(u64, u64);

impl Term {
    /// The next term, led by `tab`.
    pub(super) fn next(self, tab: u64) -> Self {
        Self(self.0.saturating_add(1), tab)
    }
}

/// Something that a tab sends to all others.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Notice {
    /// The sender.
    pub(super) from: u64,
    /// The latest term that the sender knows; a leader's own, if it sends this as the leader.
    pub(super) term: Term,
    pub(super) says: Says,
}

/// The content of a notice. The names of variants and fields are part of what is sent, which the JavaScript client sends
/// and reads too. There a notice in memory is the object that its JSON stands for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) enum Says {
    /// I am about to lead: what are your positions?
    Call {},
    /// This is my position, and I wait for what follows.
    Here(Here),
    /// My term begins, with number 0 after `start`.
    Begin {
        #[serde(with = "wire::id")]
        start: EventId,
        /// The term before and my number in it, if my position was just there.
        was: Option<(Term, u64)>,
    },
    /// An event of the stream, with its number in the term.
    Event {
        number: u64,
        #[serde(with = "wire::event")]
        event: Delivery<Message>,
    },
    /// I run. `number` is that of the last event, and `state` that of the stream.
    Beat {
        number: u64,
        #[serde(with = "wire::state")]
        state: State,
    },
    /// Something besides events and states.
    Aside(#[serde(with = "wire::aside")] Aside),
    /// For one tab: all events after a number.
    Replay {
        to: u64,
        /// The position that the tab told.
        #[serde(with = "wire::id")]
        id: EventId,
        after: u64,
        /// Whether the tab may have had the next events; `None` if it asked by its number, which is all that counts
        /// then.
        ahead: Option<bool>,
        /// Whether events between the tab's position and the number are lost to it.
        lost: bool,
        /// IDs that lie before, so that the tab recognizes them.
        #[serde(with = "wire::ids")]
        had: Vec<EventId>,
        #[serde(with = "wire::events")]
        events: Vec<Delivery<Message>>,
    },
}

/// A tab's position.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Here {
    /// The ID of the last event that it has had.
    #[serde(with = "wire::id")]
    pub(super) id: EventId,
    /// Its number in the term, if known.
    pub(super) number: Option<u64>,
    /// It has had nothing, and wants only what comes from now on.
    pub(super) fresh: bool,
}

impl Notice {
    /// The notice as text. Each page has an origin of time of its own, so times are sent relative to `now`.
    pub(crate) fn encode(mut self, now: Duration) -> String {
        self.move_times(|until| until.saturating_sub(now));
        serde_json::to_string(&self).unwrap_or_default() // nothing in it fails
    }

    /// Reads a notice; `None` if `text` is anything else.
    pub(crate) fn decode(text: &str, now: Duration) -> Option<Self> {
        let mut notice = serde_json::from_str::<Self>(text).ok()?;
        notice.move_times(|rest| now.saturating_add(rest));
        Some(notice)
    }

    fn move_times(&mut self, to: impl Fn(Duration) -> Duration) {
        if let Says::Beat { state: State::Waiting { until, .. }, .. } = &mut self.says {
            *until = to(*until);
        }
    }
}

impl Says {
    /// Returns true if only a leader sends this.
    pub(super) const fn is_leaders(&self) -> bool {
        match self {
            Self::Begin { .. } | Self::Event { .. } | Self::Beat { .. } | Self::Aside(_) | Self::Replay { .. } => true,
            Self::Call {} | Self::Here(_) => false,
        }
    }
}

#[cfg(test)]
mod tests {
    use sse_core::EventName;

    use super::*;
    use crate::{CloseReason, Limit, Problem, Refusal};

    /// What the JavaScript client is tested to read and write.
    const TEXTS: &str = include_str!("../../js/tests/notices.json");

    /// The highest number that it reads exactly.
    const MOST: u64 = (1 << 53) - 1;

    #[test]
    fn all_that_is_said_arrives_as_it_was() {
        let id = EventId::from_static("é\" -1");
        let value = Message { name: EventName::from_static("tick"), data: "two\nlines \0".into() };
        let event = Delivery { value, id: id.clone(), origin: "http://hub.example".into() };
        let term = Term(MOST, 7);
        let mut all = vec![
            Says::Call {},
            Says::Here(Here { id: id.clone(), number: None, fresh: true }),
            Says::Begin { start: EventId::default(), was: Some((term, 3)) },
            Says::Event { number: MOST, event: event.clone() },
            Says::Replay {
                to: 1,
                id: id.clone(),
                after: 2,
                ahead: Some(false),
                lost: true,
                had: vec![id.clone()],
                events: vec![event.clone(), event],
            },
        ];
        let reasons = [
            CloseReason::ByApplication,
            CloseReason::GaveUp,
            CloseReason::Ended,
            CloseReason::Status(401),
            CloseReason::NotAnEventStream,
            CloseReason::Failed,
        ];
        let waiting = State::Waiting { attempt: 2, until: Duration::from_millis(1500) };
        let closed = reasons.map(|why| State::Closed { why });
        for state in [State::Connecting, State::Open, waiting, State::Paused].into_iter().chain(closed) {
            all.push(Says::Beat { number: 1, state });
        }
        let mut problem = Problem::default();
        problem.kind = "about:blank".into();
        problem.detail = Some("full".into());
        let mut refusals = [Refusal::default(), Refusal { status: Some(503), ..Refusal::default() }];
        refusals[1].problem = Some(problem);
        refusals[1].retry_after = Some(Duration::from_secs(7));
        all.extend(refusals.map(|refusal| Says::Aside(Aside::Refused(refusal))));
        for limit in [Limit::Line, Limit::Event, Limit::Id, Limit::Name] {
            all.push(Says::Aside(Aside::TooLong(limit)));
        }
        let mut texts = Vec::new();
        for says in all {
            let notice = Notice { from: MOST - 1, term, says };
            let text = notice.clone().encode(Duration::ZERO);
            assert_eq!(Notice::decode(&text, Duration::ZERO), Some(notice));
            texts.push(text);
        }
        let known: Vec<String> = serde_json::from_str(TEXTS).unwrap();
        let now = serde_json::to_string_pretty(&texts).unwrap();
        assert!(texts == known, "js/tests/notices.json is stale, it should be:\n{now}");
    }

    #[test]
    fn a_time_is_the_same_moment_on_every_page() {
        let [here, there] = [100, 7].map(Duration::from_secs);
        let waiting = |until| Notice {
            from: 1,
            term: Term(1, 1),
            says: Says::Beat { number: 1, state: State::Waiting { attempt: 2, until } },
        };
        let text = waiting(here + Duration::from_secs(3)).encode(here);
        assert_eq!(Notice::decode(&text, there), Some(waiting(there + Duration::from_secs(3))));
    }

    #[test]
    fn anything_else_is_passed_over() {
        for text in ["", "null", "{}", r#"{"from":1,"term":[1,1],"says":"Shout"}"#] {
            assert_eq!(Notice::decode(text, Duration::ZERO), None, "{text}");
        }
        let bad_id = r#"{"from":1,"term":[1,1],"says":{"here":{"id":"a\n","number":null,"fresh":false}}}"#;
        assert_eq!(Notice::decode(bad_id, Duration::ZERO), None);
    }
}
