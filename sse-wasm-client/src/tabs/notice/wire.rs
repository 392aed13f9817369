//! The serialized forms of types that are not serializable themselves.

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

    pub(in super::super) fn serialize<S: Serializer>(events: &[Delivery<Message>], to: S) -> Result<S::Ok, S::Error> {
        to.collect_seq(events.iter().map(Event::from))
    }

    pub(in super::super) fn deserialize<'de, D: Deserializer<'de>>(
        from: D,
    ) -> Result<Vec<Delivery<Message>>, D::Error> {
        let events = Vec::<Event>::deserialize(from)?;
        events.into_iter().map(TryInto::try_into).collect::<Result<_, _>>().map_err(D::Error::custom)
    }
}

pub(super) mod aside {
    use std::time::Duration;

    use super::*;
    use crate::{Limit, Problem, Refusal, tabs::aside::Aside};

    /// [`Aside`], in a form that does not change with it.
    #[derive(Serialize, Deserialize)]
    enum Form {
        /// Status, problem, and `Retry-After` in milliseconds.
        Refused(Option<u16>, Option<ProblemForm>, Option<u64>),
        Line,
        Event,
        Id,
        Name,
    }

    /// Kind, title, detail. The status is the refusal's.
    #[derive(Serialize, Deserialize)]
    struct ProblemForm(String, Option<String>, Option<String>);

    pub(in super::super) fn serialize<S: Serializer>(aside: &Aside, to: S) -> Result<S::Ok, S::Error> {
        let text = |text: &sse_core::Text| text.as_str().to_owned();
        let form = match aside {
            Aside::Refused(Refusal { status, problem, retry_after }) => {
                let problem = problem.as_ref().map(|problem| {
                    ProblemForm(
                        text(&problem.kind),
                        problem.title.as_ref().map(text),
                        problem.detail.as_ref().map(text),
                    )
                });
                let retry_after = retry_after.map(|wait| u64::try_from(wait.as_millis()).unwrap_or(u64::MAX));
                Form::Refused(*status, problem, retry_after)
            }
            Aside::TooLong(Limit::Line) => Form::Line,
            Aside::TooLong(Limit::Id) => Form::Id,
            Aside::TooLong(Limit::Name) => Form::Name,
            Aside::TooLong(_) => Form::Event,
        };
        form.serialize(to)
    }

    pub(in super::super) fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<Aside, D::Error> {
        Ok(match Form::deserialize(from)? {
            Form::Refused(status, problem, retry_after) => {
                let problem = problem.map(|ProblemForm(kind, title, detail)| {
                    let mut problem = Problem::default();
                    problem.kind = kind.into();
                    problem.title = title.map(Into::into);
                    problem.detail = detail.map(Into::into);
                    problem
                });
                Aside::Refused(Refusal { status, problem, retry_after: retry_after.map(Duration::from_millis) })
            }
            Form::Line => Aside::TooLong(Limit::Line),
            Form::Event => Aside::TooLong(Limit::Event),
            Form::Id => Aside::TooLong(Limit::Id),
            Form::Name => Aside::TooLong(Limit::Name),
        })
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
        Ended,
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
                CloseReason::Ended => Form::Ended,
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
            Form::Ended => closed(CloseReason::Ended),
            Form::Status(status) => closed(CloseReason::Status(status)),
            Form::NotAnEventStream => closed(CloseReason::NotAnEventStream),
        })
    }
}
