//! `POST /publish`: one event or many, in three forms.

mod event;
mod json;
mod key;
mod ndjson;
mod receipt;

use http::{HeaderMap, Response, StatusCode, header};
use sse_core::hub::names;
use sse_engine::Draft;

use crate::{
    http::{
        problem::Problem,
        request::{
            Request,
            query::{once, parameters, topic, unknown},
            tokens,
        },
        response::ResponseBody,
    },
    hub::Hub,
    metrics::RefusalKind,
    store::{Key, Scope},
};
use event::{event_name, one_event, utf8};
use receipt::{draining, publish_one};

/// `POST /publish/{topic…}`: the body is the data, whatever its content type says.
pub(super) async fn publish_text(
    hub: &Hub,
    path: &str,
    request: &mut Request,
) -> Result<Response<ResponseBody>, Problem> {
    admit(hub, request)?;
    let topic = topic(path)?;
    let mut name = None;
    for parameter in parameters(&request.query) {
        match parameter? {
            (parameter, value) if parameter == names::query::EVENT => {
                once(&mut name, names::query::EVENT, event_name(&value)?)?;
            }
            (parameter, _) => unknown(hub, &parameter, names::query::EVENT)?,
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
pub(super) async fn publish(hub: &Hub, request: &mut Request) -> Result<Response<ResponseBody>, Problem> {
    admit(hub, request)?;
    for parameter in parameters(&request.query) {
        let (name, _) = parameter?;
        unknown(hub, &name, "none at this address, since the event's members say it all")?;
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

/// Refuses the request before its body is read if the hub is full or shutting down, or could not read it.
fn admit(hub: &Hub, request: &Request) -> Result<(), Problem> {
    if hub.draining().is_some() {
        return Err(draining());
    }
    if request.peer.is_some_and(|peer| peer.surplus) {
        let detail = "the hub has as many connections as it may have; come back later";
        let after = hub.config().stream.retry;
        return Err(Problem::later(StatusCode::SERVICE_UNAVAILABLE, RefusalKind::full, detail, after).closing());
    }
    match tokens(&request.headers, &header::CONTENT_ENCODING).find(|coding| coding != "identity") {
        Some(coding) => Err(Problem::encoded(&coding)),
        None => Ok(()),
    }
}

fn media_type(headers: &HeaderMap) -> String {
    let value = headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    value.split(';').next().unwrap_or_default().trim().to_ascii_lowercase()
}
