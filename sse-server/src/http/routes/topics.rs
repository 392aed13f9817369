//! `GET /topics`: the retained events and the subscribers of each topic.

use std::time::Duration;

use bytes::Bytes;
use futures_util::{StreamExt, stream};
use http::{HeaderValue, Response, StatusCode, header};
use serde::Serialize;
use sse_core::hub::names::{self, media_type::JSON};
use sse_engine::{Position, Surroundings, Topic, TopicInfo};

use crate::{
    http::{
        problem::{Problem, quoted},
        request::query::{DEFAULT_LIMIT, once, page_limit, parameters, topic, unknown},
        response::{ResponseBody, json},
    },
    hub::{Failure, Hub},
    metrics::RefusalKind,
};

/// The topics that are looked up at once, and written as one piece of a page: some KB, or 25 with the longest names.
const AT_ONCE: usize = 16;

#[derive(Serialize)]
struct Entry {
    topic: String,
    events: usize,
    bytes: usize,
    first: Option<String>,
    last: Option<String>,
    subscribers: usize,
    /// The ID of the event with which it ended.
    #[serde(skip_serializing_if = "Option::is_none")]
    ended_at: Option<String>,
}

/// A page of topics ordered by name: at most `?limit=` of those after `?after=`; or the one that is `?topic=`, which no path
/// can name if a segment of it is empty.
pub(super) async fn list(hub: &Hub, query: &str) -> Result<Response<ResponseBody>, Problem> {
    let (mut after, mut limit, mut named) = (None, None, None);
    for parameter in parameters(query) {
        let (name, value) = parameter?;
        match name.as_str() {
            "after" => once(&mut after, &name, value)?,
            "limit" => once(&mut limit, &name, page_limit(&value)?)?,
            names::query::TOPIC => once(&mut named, &name, topic_of(&value)?)?,
            _ => unknown(hub, &name, "after, limit and topic")?,
        }
    }
    if let Some(topic) = named {
        if after.is_some() || limit.is_some() {
            return Err(Problem::invalid(
                "`topic` asks for one topic, `after` and `limit` for a page; give one of both",
            ));
        }
        return described(hub, &topic);
    }
    let mut page = Page { hub: hub.clone(), after, left: limit.unwrap_or(DEFAULT_LIMIT), written: Written::Nothing };
    let first = page.next().await.map_err(Problem::failed)?;
    let rest = stream::unfold(page, async |mut page| Some((page.next().await.ok()??, page)));
    let mut response = Response::new(ResponseBody::pieces(stream::iter(first).chain(rest)));
    response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static(JSON));
    Ok(response)
}

/// A page in JSON, made in pieces: `{"topics":[…],"next":…}`. `next` is the value of `after` for the next page, or
/// `null`. A page that the hub can't finish, because it has failed, has no end.
struct Page {
    hub: Hub,
    after: Option<String>,
    /// The most topics still to come.
    left: usize,
    written: Written,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Written {
    Nothing,
    /// The beginning, and no topic.
    Beginning,
    Topics,
    All,
}

impl Page {
    async fn next(&mut self) -> Result<Option<Bytes>, Failure> {
        if self.written == Written::All {
            return Ok(None);
        }
        let count = self.left.min(AT_ONCE);
        let infos = self.hub.topics_after(self.after.as_deref(), count + 1).await?;
        let mut piece = Vec::new();
        if self.written == Written::Nothing {
            piece.extend_from_slice(b"{\"topics\":[");
            self.written = Written::Beginning;
        }
        for info in infos.iter().take(count) {
            if self.written == Written::Topics {
                piece.push(b',');
            }
            write_json(&mut piece, &entry(&self.hub, info));
            self.written = Written::Topics;
        }
        self.left -= count;
        let more = infos.len() > count;
        if let Some(last) = infos.iter().take(count).next_back() {
            self.after = Some(last.topic.to_string());
        }
        if self.left == 0 || !more {
            piece.extend_from_slice(b"],\"next\":");
            write_json(&mut piece, &self.after.take().filter(|_| more));
            piece.push(b'}');
            self.written = Written::All;
        }
        Ok(Some(piece.into()))
    }
}

/// Writing to memory does not fail, and what is written here has a form in JSON.
fn write_json(piece: &mut Vec<u8>, value: &impl Serialize) {
    let _ = serde_json::to_writer(piece, value);
}

pub(super) fn one(hub: &Hub, path: &str) -> Result<Response<ResponseBody>, Problem> {
    described(hub, &topic(path)?)
}

/// `DELETE /topics/{topic…}`, or `/topics?topic=`: drops what is retained, or with `?before=` what is before that event. A
/// topic that has ended goes on.
pub(super) async fn delete(hub: &Hub, path: Option<&str>, query: &str) -> Result<Response<ResponseBody>, Problem> {
    let mut named = path.map(topic).transpose()?;
    let mut before = None;
    for parameter in parameters(query) {
        let (name, value) = parameter?;
        match name.as_str() {
            names::query::TOPIC if path.is_none() => once(&mut named, &name, topic_of(&value)?)?,
            names::query::BEFORE => {
                let seq = Position::parse(&value).and_then(|position| hub.seq(position));
                let wrong =
                    || Problem::invalid(format!("the parameter `before` is {value:?}; it takes an ID of this hub's"));
                once(&mut before, &name, seq.ok_or_else(wrong)?)?;
            }
            _ => unknown(hub, &name, "before, and topic where the path has none")?,
        }
    }
    let Some(topic) = named else {
        return Err(Problem::invalid("no `topic`: name the one to delete, such as DELETE /topics/news"));
    };
    let through = before.map_or(u64::MAX, |seq| seq.saturating_sub(1));
    hub.delete_topic(&topic, through).await.map_err(|error| {
        let detail = format!("nothing is deleted: {error}; try again in a moment");
        Problem::later(StatusCode::SERVICE_UNAVAILABLE, RefusalKind::store, detail, Duration::from_secs(1))
    })?;
    #[derive(Serialize)]
    struct Deleted {
        topic: String,
    }
    Ok(json(&Deleted { topic: topic.to_string() }))
}

fn topic_of(value: &str) -> Result<Topic, Problem> {
    Topic::new(value).map_err(|why| Problem::invalid(format!("the parameter `topic` is {}: {why}", quoted(value))))
}

fn described(hub: &Hub, topic: &Topic) -> Result<Response<ResponseBody>, Problem> {
    match hub.topic(topic).map_err(Problem::failed)? {
        Some(info) => Ok(json(&entry(hub, &info))),
        None => {
            let detail = format!("nothing was published to {:?}, and nobody listens to it", topic.as_str());
            Err(Problem::new(StatusCode::NOT_FOUND, RefusalKind::other, detail))
        }
    }
}

fn entry(hub: &Hub, info: &TopicInfo) -> Entry {
    let id = |seq: Option<u64>| seq.map(|seq| hub.position(seq).to_string());
    Entry {
        topic: info.topic.to_string(),
        events: info.events,
        bytes: info.bytes,
        first: id(info.first),
        last: id(info.last),
        subscribers: info.subscribers,
        ended_at: id(info.ended),
    }
}
