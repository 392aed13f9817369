//! What all three forms read alike.

use std::str;

use bytes::Bytes;
use sse_core::Text;
use sse_engine::Name;

use crate::{
    config::Publish,
    http::{problem::Problem, request::body::Limit},
};

pub(super) fn event_name(value: &str) -> Result<Name, Problem> {
    Name::new(value).map_err(|why| Problem::invalid(format!("the event name {value:?} can't be used: {why}")))
}

pub(super) fn utf8(body: Bytes) -> Result<Text, Problem> {
    Text::try_from(body).map_err(|error| not_utf8("the body", &error))
}

pub(super) fn not_utf8(what: &str, error: &str::Utf8Error) -> Problem {
    Problem::invalid(format!("{what} is not UTF-8 from byte {} on; send UTF-8 text", error.valid_up_to()))
}

pub(super) const fn one_event(config: &Publish) -> Limit {
    Limit { what: "the event", bytes: config.max_event_bytes, key: "publish.max_event_bytes" }
}
