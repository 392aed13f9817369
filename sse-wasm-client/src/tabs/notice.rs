//! What tabs say to each other.

mod wire;

use std::time::Duration;

use serde::{Deserialize, Serialize};
use sse_core::EventId;

use super::aside::Aside;
use crate::{Delivery, Message, State};

/// How long a leader is silent at most, and how long a follower waits before it asks whether there still is one.
pub(super) const BEAT: Duration = Duration::from_secs(3);

/// The time of one leader with one stream. Terms are told apart by number, and two of one number by the tab.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub(crate) struct Term(u64, u64);

impl Term {
    /// A later term, which this tab leads.
    pub(super) fn next(self, tab: u64) -> Self {
        Self(self.0.saturating_add(1), tab)
    }
}

/// Something that a tab says to all others.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Notice {
    /// The tab.
    pub(super) from: u64,
    /// The latest term that it knows of; the leader's own where it speaks as such.
    pub(super) term: Term,
    pub(super) says: Says,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) enum Says {
    /// I am about to lead: where is everyone?
    Call,
    /// I am here, and wait for what follows.
    Here(Here),
    /// My term begins: with number 0, after `start`.
    Begin {
        #[serde(with = "wire::id")]
        start: EventId,
        /// My number in the term before, if I had all through it and nothing beyond.
        was: Option<(Term, u64)>,
    },
    /// An event of the term's stream.
    Event {
        number: u64,
        #[serde(with = "wire::event")]
        event: Delivery<Message>,
    },
    /// I am alive, and have handed out so many.
    Beat {
        number: u64,
        #[serde(with = "wire::state")]
        state: State,
    },
    /// Something beside the events.
    Aside(#[serde(with = "wire::aside")] Aside),
    /// For one tab: what comes after a number, through the last.
    Replay {
        to: u64,
        /// Where it said that it is.
        #[serde(with = "wire::id")]
        id: EventId,
        after: u64,
        /// Whether the tab may have had what follows; none if it went by its number, and only that counts.
        ahead: Option<bool>,
        /// Whether what lies between the tab and the number is lost to it.
        lost: bool,
        /// IDs that lie before, so that the tab knows them again.
        #[serde(with = "wire::ids")]
        had: Vec<EventId>,
        #[serde(with = "wire::events")]
        events: Vec<Delivery<Message>>,
    },
}

/// Where a tab is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Here {
    /// The last that it has had.
    #[serde(with = "wire::id")]
    pub(super) id: EventId,
    /// Its number in the term, if it knows.
    pub(super) number: Option<u64>,
    /// Whether it has had nothing yet and wants nothing but what comes from now on.
    pub(super) is_fresh: bool,
}

impl Notice {
    /// The text of it. Each page has its own origin of time, so times are told from `now`.
    pub(crate) fn encode(mut self, now: Duration) -> String {
        self.move_times(|until| until.saturating_sub(now));
        serde_json::to_string(&self).unwrap_or_default() // nothing in it fails
    }

    /// What this text says, if it is of ours.
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
    /// Whether only a leader says so.
    pub(super) const fn is_leaders(&self) -> bool {
        match self {
            Self::Begin { .. } | Self::Event { .. } | Self::Beat { .. } | Self::Aside(_) | Self::Replay { .. } => true,
            Self::Call | Self::Here(_) => false,
        }
    }
}

#[cfg(test)]
mod tests {
    use sse_core::EventName;

    use super::*;
    use crate::{CloseReason, Limit, Problem, Refusal};

    #[test]
    fn all_that_is_said_arrives_as_it_was() {
        let id = EventId::from_static("é\" -1");
        let value = Message { name: EventName::from_static("tick"), data: "two\nlines \0".into() };
        let event = Delivery { value, id: id.clone(), origin: "http://hub.example".into() };
        let term = Term(u64::MAX, 7);
        let mut all = vec![
            Says::Call,
            Says::Here(Here { id: id.clone(), number: None, is_fresh: true }),
            Says::Begin { start: EventId::default(), was: Some((term, 3)) },
            Says::Event { number: u64::MAX, event: event.clone() },
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
            CloseReason::NoContent,
            CloseReason::Status(401),
            CloseReason::NotAnEventStream,
        ];
        let closed = reasons.map(|why| State::Closed { why });
        for state in [State::Connecting, State::Open, State::Paused].into_iter().chain(closed) {
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
        for says in all {
            let notice = Notice { from: u64::MAX - 1, term, says };
            assert_eq!(Notice::decode(&notice.clone().encode(Duration::ZERO), Duration::ZERO), Some(notice));
        }
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
        let bad_id = r#"{"from":1,"term":[1,1],"says":{"Here":{"id":"a\n","number":null,"is_fresh":false}}}"#;
        assert_eq!(Notice::decode(bad_id, Duration::ZERO), None);
    }
}
