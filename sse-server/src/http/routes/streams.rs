//! `/streams`: the open streams of a hub that controls access, their ends, and the ends of their grants.

use std::time::{Duration, UNIX_EPOCH};

use http::{HeaderMap, Response, StatusCode};
use serde::Serialize;
use sse_engine::StreamName;

use crate::{
    base::clock::rfc3339,
    http::{
        access,
        problem::{Problem, quoted},
        request::query::{DEFAULT_LIMIT, once, page_limit, parameters, unknown},
        response::{ResponseBody, json},
    },
    hub::{Access, GrantedStream, Hub, NotRenewed},
    metrics::RefusalKind,
};

#[derive(Serialize)]
struct Entry {
    stream: String,
    subject: Option<String>,
    /// The public name of its token.
    token: Option<String>,
    topics: Vec<String>,
    address: Option<String>,
    opened: Option<String>,
}

/// A page of streams ordered by name: at most `?limit=` of those after `?after=`.
pub(super) fn list(hub: &Hub, query: &str) -> Result<Response<ResponseBody>, Problem> {
    let access = access_of(hub)?;
    let (mut after, mut limit) = (None, None);
    for parameter in parameters(query) {
        let (name, value) = parameter?;
        match name.as_str() {
            "after" => once(&mut after, &name, stream_name("the parameter `after`", &value)?)?,
            "limit" => once(&mut limit, &name, page_limit(&value)?)?,
            _ => unknown(hub, &name, "after and limit")?,
        }
    }
    let limit = limit.unwrap_or(DEFAULT_LIMIT);
    let streams = access.streams_after(after, limit + 1);
    let page = &streams[..streams.len().min(limit)];
    let last = page.last().filter(|_| streams.len() > limit);
    #[derive(Serialize)]
    struct Page {
        streams: Vec<Entry>,
        next: Option<String>,
    }
    let streams = page.iter().map(|stream| entry(stream)).collect();
    Ok(json(&Page { streams, next: last.map(|last| last.name().to_string()) }))
}

fn entry(stream: &GrantedStream) -> Entry {
    let opened = UNIX_EPOCH.checked_add(Duration::from_millis(stream.opened));
    Entry {
        stream: stream.name().to_string(),
        subject: stream.subject.clone(),
        token: stream.token(),
        topics: stream.selectors.iter().map(ToString::to_string).collect(),
        address: stream.address.map(|address| address.to_string()),
        opened: opened.and_then(rfc3339),
    }
}

#[derive(Serialize)]
struct Ended {
    ended: usize,
}

/// `DELETE /streams?subject=…` or `?token=…`: ends the streams that have it.
pub(super) fn end_all(hub: &Hub, query: &str) -> Result<Response<ResponseBody>, Problem> {
    let access = access_of(hub)?;
    let (mut subject, mut token) = (None, None);
    for parameter in parameters(query) {
        let (name, value) = parameter?;
        match name.as_str() {
            "subject" => once(&mut subject, &name, value)?,
            "token" => once(&mut token, &name, value)?,
            _ => unknown(hub, &name, "subject and token")?,
        }
    }
    if subject.is_none() && token.is_none() {
        return Err(Problem::invalid("no `subject` and no `token`: name whose streams end, such as ?subject=user-7"));
    }
    let has = |wanted: &Option<String>, own: Option<&str>| wanted.as_deref().is_none_or(|wanted| own == Some(wanted));
    let is_one =
        |stream: &GrantedStream| has(&subject, stream.subject.as_deref()) && has(&token, stream.token().as_deref());
    Ok(json(&Ended { ended: access.revoke(is_one) }))
}

/// `DELETE /streams/{name}`: ends one stream.
pub(super) fn end(hub: &Hub, name: &str) -> Result<Response<ResponseBody>, Problem> {
    let access = access_of(hub)?;
    let name = stream_name("the stream", name)?;
    if access.revoke_one(name) { Ok(json(&Ended { ended: 1 })) } else { Err(no_stream(name)) }
}

/// `POST /streams/{name}/token`: the stream goes on until the end of the token that the request carries.
pub(super) async fn renew(hub: &Hub, name: &str, headers: &HeaderMap) -> Result<Response<ResponseBody>, Problem> {
    access_of(hub)?;
    let name = stream_name("the stream", name)?;
    let decided = access::renewal(hub, headers, name).await?;
    hub.renew(name, &decided).map_err(|error| match error {
        NotRenewed::NoStream => no_stream(name),
        NotRenewed::NotCovered => {
            let detail = "the stream is another subject's, or reads more than the token allows; open a new one";
            Problem::new(StatusCode::FORBIDDEN, RefusalKind::forbidden, detail)
        }
    })?;
    #[derive(Serialize)]
    struct Renewed {
        stream: String,
        expires: Option<String>,
    }
    let expires = decided.grant.until.and_then(rfc3339);
    Ok(json(&Renewed { stream: name.to_string(), expires }))
}

/// The access control of the hub, without which streams have no names.
fn access_of(hub: &Hub) -> Result<&Access, Problem> {
    hub.access().ok_or_else(Problem::nowhere)
}

fn stream_name(what: &str, text: &str) -> Result<StreamName, Problem> {
    text.parse().map_err(|_| Problem::invalid(format!("{what} is {}; it takes 16 hexadecimal digits", quoted(text))))
}

fn no_stream(name: StreamName) -> Problem {
    let detail = format!("there is no stream {name}, or not any more");
    Problem::new(StatusCode::NOT_FOUND, RefusalKind::other, detail)
}
