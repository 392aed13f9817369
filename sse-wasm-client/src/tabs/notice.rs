//! What tabs say to each other.

use std::time::Duration;

use serde::{Deserialize, Serialize};
use sse_core::EventId;

use crate::{Delivery, Message, State};

/// The time of one leader with one stream. Terms are told apart by number, and two of one number by the tab.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub(crate) struct Term(u64, u64);

impl Term {
    /// A later term, which this tab leads.
    pub(super) fn next(self, tab: u64) -> Self {
        Self(self.0 + 1, tab)
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
    /// For one tab: what comes after a number, through the last.
    Replay {
        to: u64,
        /// Where it said that it is.
        #[serde(with = "wire::id")]
        id: EventId,
        after: u64,
        /// Whether the tab may have had what follows.
        ahead: bool,
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
        matches!(self, Self::Begin { .. } | Self::Event { .. } | Self::Beat { .. } | Self::Replay { .. })
    }
}

/// The forms of types that have none of their own.
mod wire {
    use serde::{Deserialize, Deserializer, Serialize, Serializer, de::Error};
    use sse_core::{EventId, EventName};

    use crate::{Delivery, Message};

    /// Name, data, ID, origin.
    #[derive(Serialize, Deserialize)]
    struct Event(String, String, String, String);

    impl From<&Delivery<Message>> for Event {
        fn from(event: &Delivery<Message>) -> Self {
            let Delivery { value: Message { name, data }, id, origin } = event;
            Self(name.as_str().into(), data.as_str().into(), id.as_str().into(), origin.as_str().into())
        }
    }

    impl TryFrom<Event> for Delivery<Message> {
        type Error = sse_core::FieldError;

        fn try_from(Event(name, data, id, origin): Event) -> Result<Self, Self::Error> {
            let value = Message { name: EventName::new(name)?, data: data.into() };
            Ok(Self { value, id: EventId::new(id)?, origin: origin.into() })
        }
    }

    pub(super) mod id {
        use super::*;

        pub(in super::super) fn serialize<S: Serializer>(id: &EventId, to: S) -> Result<S::Ok, S::Error> {
            to.serialize_str(id.as_str())
        }

        pub(in super::super) fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<EventId, D::Error> {
            EventId::new(String::deserialize(from)?).map_err(D::Error::custom)
        }
    }

    pub(super) mod ids {
        use super::*;

        pub(in super::super) fn serialize<S: Serializer>(ids: &[EventId], to: S) -> Result<S::Ok, S::Error> {
            to.collect_seq(ids.iter().map(EventId::as_str))
        }

        pub(in super::super) fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<Vec<EventId>, D::Error> {
            let ids = Vec::<String>::deserialize(from)?;
            ids.into_iter().map(EventId::new).collect::<Result<_, _>>().map_err(D::Error::custom)
        }
    }

    pub(super) mod event {
        use super::*;

        pub(in super::super) fn serialize<S: Serializer>(event: &Delivery<Message>, to: S) -> Result<S::Ok, S::Error> {
            Event::from(event).serialize(to)
        }

        pub(in super::super) fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<Delivery<Message>, D::Error> {
            Event::deserialize(from)?.try_into().map_err(D::Error::custom)
        }
    }

    pub(super) mod events {
        use super::*;

        pub(in super::super) fn serialize<S: Serializer>(
            events: &[Delivery<Message>],
            to: S,
        ) -> Result<S::Ok, S::Error> {
            to.collect_seq(events.iter().map(Event::from))
        }

        pub(in super::super) fn deserialize<'de, D: Deserializer<'de>>(
            from: D,
        ) -> Result<Vec<Delivery<Message>>, D::Error> {
            let events = Vec::<Event>::deserialize(from)?;
            events.into_iter().map(TryInto::try_into).collect::<Result<_, _>>().map_err(D::Error::custom)
        }
    }

    pub(super) mod state {
        use std::time::Duration;

        use super::*;
        use crate::{CloseReason, State};

        /// [`State`], in a form that does not change with it.
        #[derive(Serialize, Deserialize)]
        enum Form {
            Connecting,
            Open,
            /// The attempt, and in how many milliseconds it is due.
            Waiting(u32, u64),
            Paused,
            ByApplication,
            GaveUp,
            NoContent,
            Status(u16),
            NotAnEventStream,
        }

        pub(in super::super) fn serialize<S: Serializer>(state: &State, to: S) -> Result<S::Ok, S::Error> {
            match *state {
                State::Connecting => Form::Connecting,
                State::Open => Form::Open,
                State::Waiting { attempt, until } => {
                    Form::Waiting(attempt, u64::try_from(until.as_millis()).unwrap_or(u64::MAX))
                }
                State::Paused => Form::Paused,
                State::Closed { why } => match why {
                    CloseReason::ByApplication => Form::ByApplication,
                    CloseReason::GaveUp => Form::GaveUp,
                    CloseReason::NoContent => Form::NoContent,
                    CloseReason::Status(status) => Form::Status(status),
                    CloseReason::NotAnEventStream => Form::NotAnEventStream,
                },
            }
            .serialize(to)
        }

        pub(in super::super) fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<State, D::Error> {
            let closed = |why| State::Closed { why };
            Ok(match Form::deserialize(from)? {
                Form::Connecting => State::Connecting,
                Form::Open => State::Open,
                Form::Waiting(attempt, until) => State::Waiting { attempt, until: Duration::from_millis(until) },
                Form::Paused => State::Paused,
                Form::ByApplication => closed(CloseReason::ByApplication),
                Form::GaveUp => closed(CloseReason::GaveUp),
                Form::NoContent => closed(CloseReason::NoContent),
                Form::Status(status) => closed(CloseReason::Status(status)),
                Form::NotAnEventStream => closed(CloseReason::NotAnEventStream),
            })
        }
    }
}

#[cfg(test)]
mod tests {
    use sse_core::EventName;

    use super::*;
    use crate::CloseReason;

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
                ahead: false,
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
