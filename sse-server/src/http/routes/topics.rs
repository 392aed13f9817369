//! `GET /topics`: the retained events and the subscribers of each topic.

use http::{Response, StatusCode};
use serde::Serialize;
use sse_engine::{Surroundings, TopicInfo};

use crate::{
    http::{
        problem::Problem,
        request::query::{once, parameters, topic, unknown},
        response::{ResponseBody, json},
    },
    hub::Hub,
    metrics::RefusalKind,
};

const PAGE: usize = 100;
const MAX_PAGE: usize = 1000;

#[derive(Serialize)]
struct Page {
    topics: Vec<Entry>,
    /// The value of `after` for the next page.
    next: Option<String>,
}

#[derive(Serialize)]
struct Entry {
    topic: String,
    events: usize,
    bytes: usize,
    first: Option<String>,
    last: Option<String>,
    subscribers: usize,
}

/// A page of topics ordered by name: at most `?limit=` of those after `?after=`.
pub(super) async fn list(hub: &Hub, query: &str) -> Result<Response<ResponseBody>, Problem> {
    let (mut after, mut limit) = (None, None);
    for parameter in parameters(query) {
        let (name, value) = parameter?;
        match name.as_str() {
            "after" => once(&mut after, &name, value)?,
            "limit" => {
                let number = value.parse().ok().filter(|number| (1..=MAX_PAGE).contains(number));
                let wrong =
                    || Problem::invalid(format!("the parameter `limit` is {value:?}; it takes 1 to {MAX_PAGE}"));
                once(&mut limit, &name, number.ok_or_else(wrong)?)?;
            }
            _ => unknown(hub, &name, "after and limit")?,
        }
    }
    let limit = limit.unwrap_or(PAGE);
    let mut infos = hub.topics_after(after.as_deref(), limit + 1).await.map_err(Problem::failed)?;
    let more = infos.len() > limit;
    infos.truncate(limit);
    let next = infos.last().filter(|_| more).map(|last| last.topic.to_string());
    let topics = infos.iter().map(|info| entry(hub, info)).collect();
    Ok(json(&Page { topics, next }))
}

pub(super) fn one(hub: &Hub, path: &str) -> Result<Response<ResponseBody>, Problem> {
    let topic = topic(path)?;
    match hub.topic(&topic).map_err(Problem::failed)? {
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
    }
}
