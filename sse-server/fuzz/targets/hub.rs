//! A hub in memory, and requests to it.
#![allow(dead_code, reason = "each target uses its part")]

use bytes::Bytes;
use futures_util::stream;
use http::{HeaderMap, Request, StatusCode};
use http_body::Frame;
use http_body_util::{BodyExt, StreamBody};
use serde_json::Value;
use sse_server::{Config, Hub, HubService, ResponseBody, RouteSet};
use tokio::runtime::Runtime;
use tower_service::Service;

pub struct Fuzzed {
    runtime: Runtime,
    hub: Hub,
}

pub struct Answer {
    pub status: StatusCode,
    pub headers: HeaderMap,
    pub body: ResponseBody,
}

impl Fuzzed {
    pub fn new() -> Self {
        Self::with(|_| {})
    }

    /// With what `set` makes of the configuration.
    pub fn with(set: impl FnOnce(&mut Config)) -> Self {
        let mut config = Config::in_memory();
        set(&mut config);
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
        let hub = runtime.block_on(async { Hub::new(config) }).expect("a hub in memory");
        Self { runtime, hub }
    }

    /// Sends a request whose body comes in these pieces.
    pub fn send(&self, request: http::request::Builder, pieces: Vec<Bytes>) -> Option<Answer> {
        let frames = pieces.into_iter().map(|piece| Ok::<_, std::convert::Infallible>(Frame::data(piece)));
        let request = request.header("host", "localhost").body(StreamBody::new(stream::iter(frames))).ok()?;
        let mut service = HubService::new(self.hub.clone(), RouteSet::All);
        let answer = self.runtime.block_on(async { service.call(request).await });
        let Ok(answer) = answer;
        let (head, body) = answer.into_parts();
        assert!(!head.status.is_server_error(), "{}", head.status);
        Some(Answer { status: head.status, headers: head.headers, body })
    }

    pub fn get(&self, target: &str) -> Option<Answer> {
        self.send(Request::get(target), Vec::new())
    }

    /// The whole body, as JSON. What refuses is a problem, with a sentence.
    pub fn json(&self, answer: Answer) -> Value {
        let body = self.runtime.block_on(answer.body.collect()).expect("a body").to_bytes();
        let value: Value = serde_json::from_slice(&body).expect("JSON");
        if !answer.status.is_success() {
            assert_eq!(answer.headers["content-type"], "application/problem+json");
            assert!(
                value["detail"].as_str().is_some_and(|detail| !detail.is_empty() && detail.len() < 2_048),
                "{value}"
            );
        }
        value
    }

    /// What a stream begins with.
    pub fn beginning(&self, mut answer: Answer) -> String {
        let frame = self.runtime.block_on(answer.body.frame()).expect("a stream begins").expect("it can be read");
        String::from_utf8(frame.into_data().expect("data").to_vec()).expect("UTF-8")
    }
}

/// Each program has one hub for all inputs.
pub fn with<T>(act: impl FnOnce(&Fuzzed) -> T) -> T {
    thread_local!(static HUB: Fuzzed = Fuzzed::new());
    HUB.with(act)
}

/// A body, and its cuts: those of the input, which are bytes that UTF-8 does not have, and one after each byte.
pub fn cuts(input: &[u8]) -> (Bytes, [Vec<Bytes>; 2]) {
    let pieces: Vec<_> = input.split(|byte| *byte == 0xFF).map(Bytes::copy_from_slice).collect();
    let whole = Bytes::from(pieces.concat());
    let bytes = whole.chunks(1).map(Bytes::copy_from_slice).collect();
    (whole, [pieces, bytes])
}

/// The answer to a publish, without the IDs and what is told of them. The hub is a fresh one: the keys of one input must not make
/// repeats of another.
pub fn publish(target: &str, content_type: &str, pieces: Vec<Bytes>) -> (u16, Value) {
    let hub = Fuzzed::new();
    let request = Request::post(target).header("content-type", content_type);
    let answer = hub.send(request, pieces).expect("a request");
    let status = answer.status.as_u16();
    let mut told = hub.json(answer);
    for member in ["first_id", "last_id"] {
        told.as_object_mut().expect("an object").remove(member);
    }
    (status, told)
}
