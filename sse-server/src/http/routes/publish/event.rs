//! The parts of an event that all forms share.

use std::str;

use bytes::Bytes;
use sse_core::{Text, hub::names::query};
use sse_engine::{Alias, Draft, Name, Topic};

use crate::{
    config::Publish,
    http::{
        problem::{Problem, quoted},
        request::{
            body::BodyLimit,
            query::{once, parameters, unknown},
        },
    },
    hub::Hub,
};

/// What the query of a publish says of its event, or of all its events.
#[derive(Debug, Default)]
pub(super) struct Wanted {
    /// The topics, if the path has none.
    pub(super) topics: Vec<Topic>,
    /// The name that is given, if any is.
    pub(super) name: Option<Option<Name>>,
    pub(super) private: bool,
    pub(super) alias: Option<Alias>,
    pub(super) end: bool,
}

impl Wanted {
    /// Reads the query. The parameter `topic` is for where the path has none.
    pub(super) fn read(hub: &Hub, query: &str, has_topic: bool) -> Result<Self, Problem> {
        let mut wanted = Self::default();
        let (mut private, mut end) = (None, None);
        for parameter in parameters(query) {
            let (parameter, value) = parameter?;
            match parameter.as_str() {
                query::TOPIC if has_topic => {
                    let detail =
                        "the topic is in the path already; give several as parameters `topic` of POST /publish";
                    return Err(Problem::invalid(detail));
                }
                query::TOPIC => {
                    let topic = Topic::new(&value);
                    wanted.topics.push(topic.map_err(|why| {
                        Problem::invalid(format!("the parameter `topic` is {}: {why}", quoted(&value)))
                    })?);
                }
                query::EVENT => once(&mut wanted.name, query::EVENT, event_name(&value)?)?,
                query::PRIVATE => once(&mut private, query::PRIVATE, flag(query::PRIVATE, &value)?)?,
                query::END => once(&mut end, query::END, flag(query::END, &value)?)?,
                query::ALIAS => once(&mut wanted.alias, query::ALIAS, alias(&value, "the parameter `alias`")?)?,
                other => unknown(hub, other, "event, private, alias, end, and topic at /publish")?,
            }
        }
        wanted.private = private.unwrap_or_default();
        wanted.end = end.unwrap_or_default();
        Ok(wanted)
    }

    /// The event with `data` for the topic of the path, or for those of the query.
    pub(super) fn draft(self, topic: Option<Topic>, data: Text) -> Result<Draft, Problem> {
        let Self { topics, name, private, alias, end } = self;
        let draft = match topic {
            Some(topic) => Draft::text(topic, data),
            None => Draft::of_topics(topics, data).map_err(Problem::invalid)?,
        };
        Ok(Draft { name: name.flatten(), private, alias, end, ..draft })
    }
}

pub(super) fn event_name(value: &str) -> Result<Option<Name>, Problem> {
    Name::of(value).map_err(|why| Problem::invalid(format!("the event name {value:?} can't be used: {why}")))
}

pub(super) fn alias(value: &str, what: &str) -> Result<Alias, Problem> {
    Alias::new(value).map_err(|why| Problem::invalid(format!("{what} is {value:?}: {why}")))
}

/// The value of a parameter that needs none.
fn flag(name: &str, value: &str) -> Result<bool, Problem> {
    match value {
        "" | "true" => Ok(true),
        "false" => Ok(false),
        _ => Err(Problem::invalid(format!("the parameter `{name}` is {value:?}; it takes nothing, true or false"))),
    }
}

pub(super) fn utf8(body: Bytes) -> Result<Text, Problem> {
    Text::try_from(body).map_err(|error| not_utf8("the body", &error))
}

pub(super) fn not_utf8(what: &str, error: &str::Utf8Error) -> Problem {
    Problem::invalid(format!("{what} is not UTF-8 from byte {} on; send UTF-8 text", error.valid_up_to()))
}

pub(super) const fn one_event(config: &Publish) -> BodyLimit {
    BodyLimit { what: "the event", bytes: config.max_event_bytes, key: Some("publish.max_event_bytes") }
}
