//! `POST /publish`: one event or many, in three forms.

mod json;
mod key;
mod ndjson;

use std::{str, time::Duration};

use bytes::Bytes;
use http::{HeaderMap, Response, StatusCode, header};
use serde::Serialize;
use sse_core::{Text, hub::names};
use sse_engine::{Draft, Name};

use crate::{
    config::Publish,
    http::{
        problem::Problem,
        request::{
            Request,
            body::Limit,
            query::{once, parameters, topic, unknown},
        },
        response::{ResponseBody, json as json_response},
    },
    hub::{AppendError, Hub, Publication, Published},
    metrics::RefusalKind,
    store::{Key, Scope, StoreError},
};

/// What a publisher is told of one event.
#[derive(Serialize)]
struct Receipt {
    id: String,
    topic: String,
    duplicate: bool,
}

/// `POST /publish/{topic…}`: the body is the data, whatever its content type says.
pub(super) async fn publish_text(hub: &Hub, path: &str, request: Request) -> Result<Response<ResponseBody>, Problem> {
    admit(hub, &request)?;
    let topic = topic(path)?;
    let mut name = None;
    for parameter in parameters(&request.query) {
        match parameter? {
            (parameter, value) if parameter == "event" => {
                once(&mut name, "event", event_name(&value)?)?;
            }
            (parameter, _) => return Err(unknown(&parameter, "event")),
        }
    }
    let key = key::of_request(&request.headers)?.map(|text| Key { scope: Scope::Topic(topic.clone()), text });
    let limit = one_event(&hub.config().publish);
    let body = request.body.read(&request.headers, limit, |_| limit).await?;
    let data = utf8(body.bytes.clone())?;
    let draft = Draft { topic, name, retry: None, data, json: false };
    publish_one(hub, draft, key).await
}

/// `POST /publish`: events that name their topics.
pub(super) async fn publish(hub: &Hub, request: Request) -> Result<Response<ResponseBody>, Problem> {
    admit(hub, &request)?;
    if let Some(parameter) = parameters(&request.query).next() {
        let (name, _) = parameter?;
        return Err(unknown(&name, "none at this address; the event's members say it all"));
    }
    match media_type(&request.headers).as_str() {
        names::media_type::JSON => json::publish(hub, request).await,
        names::media_type::NDJSON => ndjson::publish(hub, request).await,
        other => {
            let detail = format!(
                "the content type {other:?} is not taken here; send application/json or application/x-ndjson, \
                 or any text to /publish/TOPIC"
            );
            Err(Problem::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, RefusalKind::invalid, detail))
        }
    }
}

/// A hub that is full or going away takes nothing, and says so before it reads.
fn admit(hub: &Hub, request: &Request) -> Result<(), Problem> {
    if hub.draining().is_some() {
        return Err(draining());
    }
    if request.peer.is_some_and(|peer| peer.surplus) {
        let detail = "the hub has as many connections as it may have; come back later";
        let after = hub.config().stream.retry;
        return Err(Problem::later(StatusCode::SERVICE_UNAVAILABLE, RefusalKind::full, detail, after).closing());
    }
    Ok(())
}

fn draining() -> Problem {
    let detail = "the hub is shutting down; publish again in a moment";
    Problem::later(StatusCode::SERVICE_UNAVAILABLE, RefusalKind::draining, detail, Duration::from_secs(1)).closing()
}

async fn publish_one(hub: &Hub, draft: Draft, key: Option<Key>) -> Result<Response<ResponseBody>, Problem> {
    let topic = draft.topic.to_string();
    let published = hub.append(Publication::one(draft, key)).await.map_err(refusal)?;
    let receipt = published.first().map(|published| receipt(*published, topic));
    Ok(json_response(&receipt))
}

fn receipt(published: Published, topic: String) -> Receipt {
    Receipt { id: published.position.to_string(), topic, duplicate: published.duplicate }
}

fn refusal(error: AppendError) -> Problem {
    match error {
        AppendError::Draining | AppendError::Store(StoreError::Closed | StoreError::Gone) => draining(),
        AppendError::Store(error) => {
            let detail = format!("the event is not published: {error}; publish it again in a moment");
            Problem::later(StatusCode::SERVICE_UNAVAILABLE, RefusalKind::store, detail, Duration::from_secs(1))
        }
        AppendError::Conflict(index) => {
            let detail = "the idempotency key was used for other content; use a new key for new content";
            let problem = Problem::new(StatusCode::UNPROCESSABLE_ENTITY, RefusalKind::key, detail);
            match index {
                Some(index) => problem.with("index", index),
                None => problem,
            }
        }
    }
}

fn event_name(value: &str) -> Result<Name, Problem> {
    Name::new(value).map_err(|why| Problem::invalid(format!("the event name {value:?} can't be used: {why}")))
}

fn utf8(body: Bytes) -> Result<Text, Problem> {
    Text::try_from(body).map_err(|error| not_utf8("the body", &error))
}

fn not_utf8(what: &str, error: &str::Utf8Error) -> Problem {
    Problem::invalid(format!("{what} is not UTF-8 from byte {} on; send UTF-8 text", error.valid_up_to()))
}

const fn one_event(config: &Publish) -> Limit {
    Limit { what: "the event", bytes: config.max_event_bytes, key: "publish.max_event_bytes" }
}

fn media_type(headers: &HeaderMap) -> String {
    let value = headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    value.split(';').next().unwrap_or_default().trim().to_ascii_lowercase()
}
