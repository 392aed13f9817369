//! `POST /publish`: one event or many, in four forms.

mod event;
mod json;
mod key;
mod ndjson;
mod one;
mod pour;
mod receipt;
mod upload;

use http::{HeaderMap, HeaderValue, Response, StatusCode, header};
use sse_core::hub::names;
use sse_engine::Topic;

use crate::{
    http::{
        access::Publisher,
        problem::Problem,
        request::{
            Request,
            query::{parameters, topic, unknown},
            tokens,
        },
        response::ResponseBody,
    },
    hub::Hub,
    metrics::RefusalKind,
    store::Key,
};
use event::{Wanted, one_event, utf8};
use one::{publish_end, publish_one};
use receipt::draining;

/// `POST /publish/{topic…}`: the body is the data, whatever its content type says, unless that is an event stream's.
pub(super) async fn publish_to(
    hub: &Hub,
    path: &str,
    request: &mut Request,
) -> Result<Response<ResponseBody>, Problem> {
    admit(hub, request)?;
    let topic = topic(path)?;
    let wanted = Wanted::read(hub, &request.query, true)?;
    let publisher = Publisher::admit(hub, request.sender(), std::slice::from_ref(&topic)).await?;
    publish_body(publisher, Some(topic), wanted, request).await
}

/// Publishes a body to the topic of the path, or to those of the query.
async fn publish_body(
    mut publisher: Publisher,
    topic: Option<Topic>,
    wanted: Wanted,
    request: &mut Request,
) -> Result<Response<ResponseBody>, Problem> {
    if media_type(&request.headers).eq_ignore_ascii_case(names::media_type::EVENT_STREAM.as_bytes()) {
        // apart, since it is larger than what most requests need
        return Box::pin(pour::publish(publisher, topic, wanted, request)).await;
    }
    let key = key::of_request(&request.headers)?;
    let limit = one_event(&publisher.hub().config().publish);
    let body = request.body.read(&request.headers, limit, |_| limit).await?;
    let draft = wanted.draft(topic, utf8(body.bytes.clone())?)?;
    publisher.check_rate([&draft])?;
    publisher.go_on(std::iter::once(&draft)).await?;
    if draft.end && draft.data.is_empty() {
        return Box::pin(publish_end(publisher.hub(), draft, key)).await;
    }
    let key = key.map(|text| Key::of_event(&draft, text));
    publish_one(publisher.hub(), draft, key).await
}

/// `POST /publish`: events that name their topics, or a body for those in the query.
pub(super) async fn publish(hub: &Hub, request: &mut Request) -> Result<Response<ResponseBody>, Problem> {
    admit(hub, request)?;
    if names_topic(&request.query) {
        let wanted = Wanted::read(hub, &request.query, false)?;
        let publisher = Publisher::admit(hub, request.sender(), &wanted.topics).await?;
        return publish_body(publisher, None, wanted, request).await;
    }
    for parameter in parameters(&request.query) {
        let (name, _) = parameter?;
        unknown(
            hub,
            &name,
            "none at this address, since the event's members say it all; with `topic` the body is an event's data",
        )?;
    }
    let publisher = Publisher::admit(hub, request.sender(), &[]).await?;
    match String::from_utf8_lossy(media_type(&request.headers)).to_ascii_lowercase().as_str() {
        names::media_type::JSON => json::publish(publisher, request).await,
        names::media_type::NDJSON => ndjson::publish(publisher, request).await,
        other => {
            let detail = format!(
                "the content type {other:?} is not taken here; send application/json or application/x-ndjson, \
                 or any text, or text/event-stream, to /publish/TOPIC or /publish?topic=TOPIC"
            );
            Err(Problem::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, RefusalKind::invalid, detail))
        }
    }
}

fn names_topic(query: &str) -> bool {
    parameters(query).any(|parameter| parameter.is_ok_and(|(name, _)| name == names::query::TOPIC))
}

/// Refuses the request before its body is read if the hub is full or shutting down, or could not read it.
fn admit(hub: &Hub, request: &Request) -> Result<(), Problem> {
    if hub.draining().is_some() {
        return Err(draining());
    }
    if request.peer.as_ref().is_some_and(|peer| peer.surplus) {
        let detail = "the hub has as many connections as it may have; come back later";
        let after = hub.config().stream.retry;
        return Err(Problem::later(StatusCode::SERVICE_UNAVAILABLE, RefusalKind::full, detail, after).closing());
    }
    match tokens(&request.headers, &header::CONTENT_ENCODING).find(|coding| coding != "identity") {
        Some(coding) => Err(Problem::encoded(&coding)),
        None => Ok(()),
    }
}

/// What `Content-Type` says, without its parameters.
fn media_type(headers: &HeaderMap) -> &[u8] {
    let value = headers.get(header::CONTENT_TYPE).map(HeaderValue::as_bytes).unwrap_or_default();
    value.split(|byte| *byte == b';').next().unwrap_or_default().trim_ascii()
}
