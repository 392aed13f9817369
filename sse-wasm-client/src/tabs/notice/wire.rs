//! The serialized forms of types that are not serializable themselves. They are the objects that the JavaScript client
//! has in memory.

use std::borrow::Cow;

use serde::{Deserialize, Deserializer, Serialize, Serializer, de::Error};
use sse_core::{EventId, EventName};

use crate::{Delivery, Message};

#[derive(Serialize, Deserialize)]
struct Event<'a> {
    name: Cow<'a, str>,
    data: Cow<'a, str>,
    id: Cow<'a, str>,
    origin: Cow<'a, str>,
}

impl<'a> From<&'a Delivery<Message>> for Event<'a> {
    fn from(event: &'a Delivery<Message>) -> Self {
        let Delivery { value: Message { name, data }, id, origin } = event;
        Self {
            name: name.as_str().into(),
            data: data.as_str().into(),
            id: id.as_str().into(),
            origin: origin.as_str().into(),
        }
    }
}

impl TryFrom<Event<'_>> for Delivery<Message> {
    type Error = sse_core::FieldError;

    fn try_from(Event { name, data, id, origin }: Event<'_>) -> Result<Self, Self::Error> {
        let value = Message { name: EventName::new(name.into_owned())?, data: data.into_owned().into() };
        Ok(Self { value, id: EventId::new(id.into_owned())?, origin: origin.into_owned().into() })
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

    const REFUSED: &str = "refused";
    const TOO_LONG: &str = "too-long";

    const LIMITS: [(Limit, &str); 4] =
        [(Limit::Line, "line"), (Limit::Event, "event"), (Limit::Id, "id"), (Limit::Name, "name")];

    #[derive(Serialize)]
    struct TooLong {
        r#type: &'static str,
        limit: &'static str,
    }

    #[derive(Serialize)]
    #[serde(rename_all = "camelCase")]
    struct Refused {
        r#type: &'static str,
        status: Option<u16>,
        problem: Option<ProblemForm>,
        /// In milliseconds.
        retry_after: Option<u64>,
    }

    #[derive(Serialize, Deserialize)]
    struct ProblemForm {
        r#type: String,
        title: Option<String>,
        detail: Option<String>,
    }

    /// Either.
    #[derive(Deserialize)]
    #[serde(rename_all = "camelCase")]
    struct Form {
        r#type: String,
        limit: Option<String>,
        status: Option<u16>,
        problem: Option<ProblemForm>,
        retry_after: Option<u64>,
    }

    pub(in super::super) fn serialize<S: Serializer>(aside: &Aside, to: S) -> Result<S::Ok, S::Error> {
        let text = |text: &sse_core::Text| text.as_str().to_owned();
        match aside {
            Aside::Refused(Refusal { status, problem, retry_after }) => {
                let problem = problem.as_ref().map(|problem| ProblemForm {
                    r#type: text(&problem.kind),
                    title: problem.title.as_ref().map(text),
                    detail: problem.detail.as_ref().map(text),
                });
                let retry_after = retry_after.map(|wait| u64::try_from(wait.as_millis()).unwrap_or(u64::MAX));
                Refused { r#type: REFUSED, status: *status, problem, retry_after }.serialize(to)
            }
            Aside::TooLong(limit) => {
                let known = LIMITS.iter().find(|(known, _)| known == limit);
                TooLong { r#type: TOO_LONG, limit: known.map_or("event", |(_, word)| word) }.serialize(to)
            }
        }
    }

    pub(in super::super) fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<Aside, D::Error> {
        let Form { r#type, limit, status, problem, retry_after } = Form::deserialize(from)?;
        if r#type == TOO_LONG {
            let known = LIMITS.iter().find(|(_, word)| limit.as_deref() == Some(word));
            return Ok(Aside::TooLong(known.ok_or_else(|| D::Error::custom("limit"))?.0));
        }
        if r#type != REFUSED {
            return Err(D::Error::custom("type"));
        }
        let problem = problem.map(|ProblemForm { r#type, title, detail }| {
            let mut problem = Problem::default();
            problem.kind = r#type.into();
            problem.title = title.map(Into::into);
            problem.detail = detail.map(Into::into);
            problem
        });
        Ok(Aside::Refused(Refusal { status, problem, retry_after: retry_after.map(Duration::from_millis) }))
    }
}

pub(super) mod state {
    use std::time::Duration;

    use super::*;
    use crate::{CloseReason, State};

    /// Any state. One struct, since an enum of structs takes more code to read.
    #[derive(Default, Serialize, Deserialize)]
    struct Form<'a> {
        kind: Cow<'a, str>,
        #[serde(skip_serializing_if = "Option::is_none")]
        why: Option<Cow<'a, str>>,
        #[serde(skip_serializing_if = "Option::is_none")]
        status: Option<u16>,
        #[serde(skip_serializing_if = "Option::is_none")]
        attempt: Option<u32>,
        /// In how many milliseconds the attempt is due.
        #[serde(skip_serializing_if = "Option::is_none")]
        until: Option<u64>,
    }

    pub(in super::super) fn serialize<S: Serializer>(state: &State, to: S) -> Result<S::Ok, S::Error> {
        let mut form = Form::default();
        form.kind = match *state {
            State::Connecting => "connecting",
            State::Open => "open",
            State::Waiting { attempt, until } => {
                form.attempt = Some(attempt);
                form.until = Some(u64::try_from(until.as_millis()).unwrap_or(u64::MAX));
                "waiting"
            }
            State::Paused => "paused",
            State::Closed { why } => {
                let why = match why {
                    CloseReason::ByApplication => "application",
                    CloseReason::GaveUp => "gave-up",
                    CloseReason::Ended => "ended",
                    CloseReason::Status(status) => {
                        form.status = Some(status);
                        "status"
                    }
                    CloseReason::NotAnEventStream => "not-an-event-stream",
                    CloseReason::Failed => "failed",
                };
                form.why = Some(why.into());
                "closed"
            }
        }
        .into();
        form.serialize(to)
    }

    pub(in super::super) fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<State, D::Error> {
        let form = Form::deserialize(from)?;
        Ok(match (form.kind.as_ref(), form.why.as_deref(), form.status) {
            ("connecting", ..) => State::Connecting,
            ("open", ..) => State::Open,
            ("waiting", ..) => {
                let until = Duration::from_millis(form.until.unwrap_or_default());
                State::Waiting { attempt: form.attempt.unwrap_or_default(), until }
            }
            ("paused", ..) => State::Paused,
            ("closed", Some("application"), _) => State::Closed { why: CloseReason::ByApplication },
            ("closed", Some("gave-up"), _) => State::Closed { why: CloseReason::GaveUp },
            ("closed", Some("ended"), _) => State::Closed { why: CloseReason::Ended },
            ("closed", Some("status"), Some(status)) => State::Closed { why: CloseReason::Status(status) },
            ("closed", Some("not-an-event-stream"), _) => State::Closed { why: CloseReason::NotAnEventStream },
            ("closed", Some("failed"), _) => State::Closed { why: CloseReason::Failed },
            _ => return Err(D::Error::custom("state")),
        })
    }
}
